//! Authorities of the tests' own, new in every run, and what they sign.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use facilitator_core::driver::rustls::crypto::ring::default_provider;
use facilitator_core::driver::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use facilitator_core::driver::rustls::server::WebPkiClientVerifier;
use facilitator_core::driver::rustls::server::danger::ClientCertVerifier;
use facilitator_core::driver::rustls::{ClientConfig, RootCertStore, ServerConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

type Authority = CertifiedIssuer<'static, KeyPair>;

static AUTHORITY: LazyLock<Authority> = LazyLock::new(authority);
/// Whom servers ask about clients.
static CLIENTS: LazyLock<Authority> = LazyLock::new(authority);

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// The servers' authority as a file.
pub(crate) fn authority_pem() -> String {
    pem("CERTIFICATE", AUTHORITY.der())
}

/// In lines of 64 characters, as files have it.
fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        text += &STANDARD.encode(line);
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

/// A client's certificate and its key, as files.
pub(crate) fn identity() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["validator".to_owned()])
        .and_then(|params| params.signed_by(&key, &CLIENTS))
        .unwrap();
    (
        pem("CERTIFICATE", certificate.der()),
        pem("PRIVATE KEY", &key.serialize_der()),
    )
}

/// A client's side that trusts the authority, and nobody else.
pub(crate) fn trusted() -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(AUTHORITY.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// A server's side whose certificate is for this host, by name or address.
pub(crate) fn signed_for(host: &str) -> Arc<ServerConfig> {
    server(host, WebPkiClientVerifier::no_client_auth())
}

/// The same, and it asks clients for a certificate; it may go without one, or not.
pub(crate) fn signed_for_and_asking(host: &str, required: bool) -> Arc<ServerConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CLIENTS.der().clone()).unwrap();
    let provider = Arc::new(default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
    let builder = if required {
        builder
    } else {
        builder.allow_unauthenticated()
    };
    server(host, builder.build().unwrap())
}

fn server(host: &str, clients: Arc<dyn ClientCertVerifier>) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([host.to_owned()])
        .and_then(|params| params.signed_by(&key, &AUTHORITY))
        .unwrap();
    let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
    let config = ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    Arc::new(config)
}
