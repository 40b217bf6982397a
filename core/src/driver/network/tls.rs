//! Whom to trust, who we are, whose name to check. The handshake itself is in `layers`.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::sync::LazyLock;

use rustls::client::ResolvesClientCert;
#[cfg(feature = "platform-verifier")]
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use thiserror::Error;

use crate::client::{ConnectFailure, ConnectFailureKind, Endpoint};

/// How TLS connections are made: rustls with ring, TLS 1.2 and 1.3.
///
/// The default trusts the roots of Mozilla's programme, as the crate `webpki-roots` ships them. The server's name is
/// always verified; there is no switch for that.
///
/// ```
/// use facilitator_core::driver::{Network, Tls, TlsError};
///
/// # fn network(authority: &[u8], chain: &[u8], key: &[u8]) -> Result<Network, TlsError> {
/// // A facilitator of one's own: its authority and nobody else, and a certificate that says who we are.
/// let tls = Tls::builder()
///     .trust_only(authority)?
///     .identity(chain, key)?
///     .build()?;
/// Ok(Network::default().with_tls(tls))
/// # }
/// ```
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Begins with the default: the roots of Mozilla's programme, and no certificate of our own.
    pub fn builder() -> TlsBuilder {
        TlsBuilder {
            roots: Roots::Mozilla,
            added: Vec::new(),
            identity: None,
        }
    }

    /// A configuration of one's own; whom it trusts is its maker's. Protocols that it offers by ALPN should be none, or
    /// `http/1.1`, which is all that a WebSocket upgrade knows.
    pub fn from_config(config: Arc<ClientConfig>) -> Self {
        Self { config }
    }

    /// What rustls makes of it.
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// The same without a certificate of our own, for a proxy or anybody else: who we are is no business of theirs.
    pub fn without_identity(&self) -> Arc<ClientConfig> {
        let mut config = ClientConfig::clone(&self.config);
        config.client_auth_cert_resolver = Arc::new(Nobody);
        Arc::new(config)
    }
}

impl Default for Tls {
    /// All who take the default share one configuration, and the sessions that it resumes: it holds the same for each,
    /// and is large.
    fn default() -> Self {
        static SHARED: LazyLock<Arc<ClientConfig>> = LazyLock::new(default_tls);
        Self::from_config(Arc::clone(&SHARED))
    }
}

impl From<Arc<ClientConfig>> for Tls {
    fn from(config: Arc<ClientConfig>) -> Self {
        Self::from_config(config)
    }
}

impl fmt::Debug for Tls {
    /// Without roots and keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Has no certificate to show.
#[derive(Debug)]
struct Nobody;

impl ResolvesClientCert for Nobody {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Makes a [`Tls`].
pub struct TlsBuilder {
    roots: Roots,
    added: Vec<CertificateDer<'static>>,
    identity: Option<Identity>,
}

enum Roots {
    Mozilla,
    #[cfg(feature = "platform-verifier")]
    Platform,
    None,
}

struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Key,
}

/// A private key that is erased when it is not used up.
struct Key(Option<PrivateKeyDer<'static>>);

impl Drop for Key {
    fn drop(&mut self) {
        use zeroize::Zeroize as _;
        if let Some(key) = &mut self.0 {
            key.zeroize();
        }
    }
}

impl TlsBuilder {
    /// Trusts whom the operating system trusts, in place of Mozilla's roots, and verifies as the system does: its
    /// administrators' roots and revocations count. On Linux these are the files of the distribution, or those which
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` name, read when [`build`](Self::build) is called.
    #[cfg(feature = "platform-verifier")]
    #[must_use]
    pub fn platform_verifier(mut self) -> Self {
        self.roots = Roots::Platform;
        self
    }

    /// Also trusts the authorities of this file: PEM, one `CERTIFICATE` or more.
    ///
    /// # Errors
    ///
    /// [`TlsError`] of [`TlsInput::Authorities`], when they cannot be read.
    pub fn trust(mut self, pem: &[u8]) -> Result<Self, TlsError> {
        self.added.extend(certificates(pem, TlsInput::Authorities)?);
        Ok(self)
    }

    /// Trusts the authorities of this file and of every further call of [`trust`](Self::trust), and nobody else.
    ///
    /// # Errors
    ///
    /// [`TlsError`] of [`TlsInput::Authorities`], when they cannot be read.
    pub fn trust_only(mut self, pem: &[u8]) -> Result<Self, TlsError> {
        let authorities = certificates(pem, TlsInput::Authorities)?;
        self.roots = Roots::None;
        self.added = authorities;
        Ok(self)
    }

    /// Shows this certificate to servers that ask for one: PEM, our own certificate first, then those that lead to an
    /// authority which the server knows. The key, as PKCS#8, PKCS#1 or SEC1, may stand in the same file.
    ///
    /// The decoded key is erased from memory when it is no longer used, as far as that is ours; the caller's bytes and
    /// the copy that signs are not.
    ///
    /// # Errors
    ///
    /// [`TlsError`] of [`TlsInput::Chain`] or [`TlsInput::Key`], when they cannot be read. Whether they fit together
    /// shows in [`build`](Self::build).
    pub fn identity(mut self, chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        self.identity = Some(Identity {
            chain: certificates(chain, TlsInput::Chain)?,
            key: Key(Some(private_key(key)?)),
        });
        Ok(self)
    }

    /// Puts it together.
    ///
    /// # Errors
    ///
    /// [`TlsError`], when a certificate cannot be an authority's, when key and certificate do not belong together, or
    /// when the system's roots cannot be had.
    pub fn build(self) -> Result<Tls, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Library(error.to_string()))?;
        let builder = match self.roots {
            #[cfg(feature = "platform-verifier")]
            Roots::Platform => {
                let verifier = platform(self.added, Arc::clone(builder.crypto_provider()))?;
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(verifier)
            }
            Roots::Mozilla | Roots::None => {
                let mut roots = RootCertStore::empty();
                if matches!(self.roots, Roots::Mozilla) {
                    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
                }
                for authority in self.added {
                    roots.add(authority).map_err(|error| TlsError::Unusable {
                        input: TlsInput::Authorities,
                        reason: error.to_string(),
                    })?;
                }
                builder.with_root_certificates(roots)
            }
        };
        let config = match self.identity {
            None => builder.with_no_client_auth(),
            Some(Identity { chain, mut key }) => {
                let key = key.0.take().ok_or(TlsError::Missing {
                    input: TlsInput::Key,
                })?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| unfit(&error))?
            }
        };
        Ok(Tls::from_config(Arc::new(config)))
    }
}

#[cfg(feature = "platform-verifier")]
fn platform(
    added: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<rustls_platform_verifier::Verifier>, TlsError> {
    rustls_platform_verifier::Verifier::new_with_extra_roots(added, provider)
        .map(Arc::new)
        .map_err(|error| TlsError::Platform(error.to_string()))
}

/// Why a key and a chain that could be read are of no use.
fn unfit(error: &rustls::Error) -> TlsError {
    let input = match error {
        rustls::Error::InconsistentKeys(_) => return TlsError::Mismatch,
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            TlsInput::Chain
        }
        _ => TlsInput::Key,
    };
    TlsError::Unusable {
        input,
        reason: error.to_string(),
    }
}

fn certificates(bytes: &[u8], input: TlsInput) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(TlsError::Missing { input }),
        Ok(found) => Ok(found),
        Err(error) => Err(malformed(input, &error)),
    }
}

fn private_key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    match PrivateKeyDer::from_pem_slice(bytes) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => {
            let mark = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
            if bytes.windows(mark.len()).any(|window| window == mark) {
                Err(TlsError::EncryptedKey)
            } else {
                Err(TlsError::Missing {
                    input: TlsInput::Key,
                })
            }
        }
        Err(error) => Err(malformed(TlsInput::Key, &error)),
    }
}

/// Said without the library's words, which can quote what it read: a key, perhaps.
fn malformed(input: TlsInput, error: &pem::Error) -> TlsError {
    let reason = match error {
        pem::Error::MissingSectionEnd { .. } => "a block has no end",
        pem::Error::IllegalSectionStart { .. } => "a block's first line is malformed",
        pem::Error::Base64Decode(_) => "a block holds something else than base64",
        _ => "it cannot be read",
    };
    TlsError::Malformed { input, reason }
}

/// What was given to a [`TlsBuilder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsInput {
    /// The authorities to trust.
    Authorities,
    /// Our own certificate, and those that lead to an authority.
    Chain,
    /// The private key of our own certificate.
    Key,
}

impl fmt::Display for TlsInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authorities => "the file of authorities",
            Self::Chain => "the file of the client certificate",
            Self::Key => "the file of the client certificate's key",
        })
    }
}

impl TlsInput {
    /// What should stand there.
    fn wanted(self) -> &'static str {
        match self {
            Self::Authorities | Self::Chain => {
                "a block that begins with -----BEGIN CERTIFICATE-----"
            }
            Self::Key => {
                "a block that begins with -----BEGIN PRIVATE KEY-----, or one with RSA or EC in it"
            }
        }
    }
}

/// Why no [`Tls`] could be made. Nothing of a key stands in it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// There is no such thing in the input.
    #[error("{input} holds none; what is wanted is PEM, {}", .input.wanted())]
    Missing {
        /// Which input.
        input: TlsInput,
    },
    /// It is no PEM.
    #[error("{input} is not sound PEM: {reason}")]
    Malformed {
        /// Which input.
        input: TlsInput,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It is PEM, and what is in it cannot be used.
    #[error("{input} cannot be used: {reason}")]
    Unusable {
        /// Which input.
        input: TlsInput,
        /// What rustls says about it.
        reason: String,
    },
    /// The key needs a passphrase.
    #[error(
        "the client certificate's key is encrypted, which is not supported; \
         decrypt it, with `openssl pkey` for example, and protect the file by its permissions"
    )]
    EncryptedKey,
    /// The key is that of another certificate.
    #[error(
        "key and client certificate do not belong together; \
         our own certificate has to be the first of its file"
    )]
    Mismatch,
    /// The system does not say whom to trust.
    #[error("the system's certificate verification is not available: {0}")]
    Platform(String),
    /// rustls and its cryptography do not fit together.
    #[error("the TLS library cannot be used: {0}")]
    Library(String),
}

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
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("ring supports the default protocol versions");
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The name that the server's certificate has to carry: a host name, which is also sent along (SNI), or an address,
/// which is not. A dot at the end of a host name is no part of it.
///
/// # Errors
///
/// [`ConnectFailureKind::Tls`], when the host is no name that a certificate could carry.
pub fn server_name(endpoint: &Endpoint) -> Result<ServerName<'static>, ConnectFailure> {
    server_name_of(endpoint.host()).map_err(|error| tls_failure(&error))
}

pub(super) fn server_name_of(
    host: &str,
) -> Result<ServerName<'static>, rustls::pki_types::InvalidDnsNameError> {
    ServerName::try_from(host.to_owned())
}

/// A TLS handshake that failed, the certificate's verification included.
pub fn tls_failure(error: &impl fmt::Display) -> ConnectFailure {
    ConnectFailure::new(ConnectFailureKind::Tls, error.to_string())
}
