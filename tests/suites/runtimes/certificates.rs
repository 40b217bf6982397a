//! An authority of the tests' own, new in every run, and what it signs.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use facilitator_core::driver::rustls::crypto::ring::default_provider;
use facilitator_core::driver::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use facilitator_core::driver::rustls::server::{ClientCertVerifierBuilder, WebPkiClientVerifier};
use facilitator_core::driver::rustls::{ClientConfig, RootCertStore, ServerConfig};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
    date_time_ymd,
};

static AUTHORITY: LazyLock<CertifiedIssuer<'static, KeyPair>> = LazyLock::new(|| {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
});

/// A client's side that trusts the authority, and nobody else.
pub(crate) fn trusted() -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots())
        .with_no_client_auth();
    Arc::new(config)
}

/// A server's side whose certificate is for this host.
pub(crate) fn signed_for(host: &str) -> Arc<ServerConfig> {
    serving(&key(), |key| signed(&params(host), key))
}

/// As [`signed_for`], but nobody has vouched for it.
pub(crate) fn self_signed(host: &str) -> Arc<ServerConfig> {
    serving(&key(), |key| params(host).self_signed(key).unwrap())
}

/// As [`signed_for`], but it was valid long ago.
pub(crate) fn expired(host: &str) -> Arc<ServerConfig> {
    let mut params = params(host);
    params.not_before = date_time_ymd(1999, 1, 1);
    params.not_after = date_time_ymd(2000, 1, 1);
    serving(&key(), |key| signed(&params, key))
}

/// As [`signed_for`], but it will be valid in a distant future.
pub(crate) fn not_yet_valid(host: &str) -> Arc<ServerConfig> {
    let mut params = params(host);
    params.not_before = date_time_ymd(4000, 1, 1);
    params.not_after = date_time_ymd(4001, 1, 1);
    serving(&key(), |key| signed(&params, key))
}

/// As [`signed_for`], but the client, too, has to show a certificate of the authority.
pub(crate) fn for_members_only(host: &str) -> Arc<ServerConfig> {
    asking(host, |members| members)
}

/// As [`signed_for`], but it would like to see a certificate of the client's.
pub(crate) fn for_anybody_it_asks(host: &str) -> Arc<ServerConfig> {
    asking(host, ClientCertVerifierBuilder::allow_unauthenticated)
}

fn asking(
    host: &str,
    how: impl FnOnce(ClientCertVerifierBuilder) -> ClientCertVerifierBuilder,
) -> Arc<ServerConfig> {
    let key = key();
    let provider = Arc::new(default_provider());
    let members =
        WebPkiClientVerifier::builder_with_provider(roots().into(), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(how(members).build().unwrap())
        .with_single_cert(vec![signed(&params(host), &key).into()], private(&key))
        .unwrap();
    Arc::new(config)
}

/// The authority as a file.
pub(crate) fn authority_pem() -> String {
    pem("CERTIFICATE", AUTHORITY.der())
}

/// A client's certificate of the authority and its key, as files.
pub(crate) fn identity() -> (String, String) {
    let key = key();
    let certificate = signed(&params("validator"), &key);
    (
        pem("CERTIFICATE", certificate.der()),
        pem("PRIVATE KEY", &key.serialize_der()),
    )
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

fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(AUTHORITY.der().clone()).unwrap();
    roots
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialize_der()).into()
}

fn params(host: &str) -> CertificateParams {
    let mut params = CertificateParams::new([host.to_owned()]).unwrap();
    // Not the authority's own name, which is the default: that would be its certificate with a wrong signature.
    params.distinguished_name.push(DnType::CommonName, host);
    params
}

fn signed(params: &CertificateParams, key: &KeyPair) -> Certificate {
    params.signed_by(key, &AUTHORITY).unwrap()
}

fn serving(key: &KeyPair, certify: impl FnOnce(&KeyPair) -> Certificate) -> Arc<ServerConfig> {
    let config = ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certify(key).into()], private(key))
        .unwrap();
    Arc::new(config)
}
