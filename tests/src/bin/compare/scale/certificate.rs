//! A certificate for the servers of a measurement, new in every run, and its authority.

use std::sync::Arc;

use facilitator_core::driver::rustls::ServerConfig;
use facilitator_core::driver::rustls::crypto::ring::default_provider;
use facilitator_core::driver::rustls::pki_types::PrivateKeyDer;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::wire::Result;

/// The name that it is for.
pub(crate) const NAME: &str = "localhost";

/// A server's side, and the authority that has signed its certificate, in DER.
pub(crate) fn server() -> Result<(Arc<ServerConfig>, Vec<u8>)> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec![NAME.to_owned()])?.signed_by(&key, &authority)?;
    let config = ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )?;
    Ok((Arc::new(config), authority.der().to_vec()))
}
