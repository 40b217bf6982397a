//! What adapters with TLS share (feature `tls`): whom to trust, whose name to check, how to name a failure. The
//! handshake itself is the adapter's.

use alloc::borrow::ToOwned;
use alloc::string::ToString;
use alloc::sync::Arc;
use core::fmt;
use std::io;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, crypto};

use crate::client::{ConnectFailure, ConnectFailureKind, Endpoint};

/// The configuration of adapters that were given none: TLS 1.2 and 1.3 by ring, and the roots of Mozilla's programme
/// as the crate `webpki-roots` ships them. Host names are verified.
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "it fails only for a provider without suites for these versions; the provider is fixed"
)]
pub fn default_tls() -> Arc<ClientConfig> {
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let provider = Arc::new(crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("ring supports the default protocol versions");
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The name that the server's certificate has to carry.
///
/// # Errors
///
/// [`ConnectFailureKind::Tls`], when the host is no name that a certificate could carry.
pub fn server_name(endpoint: &Endpoint) -> Result<ServerName<'static>, ConnectFailure> {
    ServerName::try_from(endpoint.host().to_owned()).map_err(|error| tls_failure(&error))
}

/// A TLS handshake that failed, the certificate's verification included.
pub fn tls_failure(error: &impl fmt::Display) -> ConnectFailure {
    ConnectFailure::new(ConnectFailureKind::Tls, error.to_string())
}

/// Whether it is TLS that failed beneath a stream.
pub(super) fn is_tls_error(error: &io::Error) -> bool {
    let inner = error.get_ref();
    inner.is_some_and(|inner| inner.downcast_ref::<rustls::Error>().is_some())
}
