//! What an attempt at a connection tells of its steps, to whoever looks for the one that fails. It only tells: nothing is
//! decided here, and nothing depends on who listens.

use core::fmt;
use core::net::SocketAddr;
use std::io;

use rustls::pki_types::CertificateDer;
use rustls::{CipherSuite, ProtocolVersion};

/// A step of [`open`](super::open). Through a proxy, the first ones are taken towards the proxy, and the facilitator's
/// name is never resolved here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// The addresses of a host name.
    Resolve,
    /// A TCP connection to one of them.
    Connect,
    /// TLS with an `https://` proxy.
    SecureProxy,
    /// A proxy's answer to `CONNECT`.
    Tunnel,
    /// TLS with the facilitator: certificates and the name in them.
    Secure,
    /// The WebSocket upgrade.
    Upgrade,
}

/// News of an attempt, in the order of the steps. The first failure ends an attempt: it is that of the step that was begun
/// last, and [`open`](super::open) returns it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A step begins.
    Begun {
        /// Which.
        step: Step,
        /// The host that it is taken towards, the proxy's or the facilitator's.
        host: &'a str,
        /// The port there.
        port: u16,
    },
    /// A host name has these addresses. Not told when the host is an address.
    Resolved {
        /// In the order in which the resolver has them.
        addresses: &'a [SocketAddr],
    },
    /// One of the addresses is none to connect to; others may be.
    AddressFailed {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: &'a io::Error,
    },
    /// A TCP connection stands.
    Connected {
        /// The address that won.
        address: SocketAddr,
    },
    /// TLS stands, with the proxy or with the facilitator.
    Secured(TlsSession<'a>),
    /// There will be no TLS, with the proxy or with the facilitator.
    NotSecured {
        /// What rustls said, which is inside of it, or the system.
        error: &'a io::Error,
    },
    /// The proxy has opened the way.
    Tunnelled,
    /// The server has said yes to WebSocket.
    Upgraded,
}

/// What two sides have agreed on, and who the other one is.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct TlsSession<'a> {
    /// The version of TLS.
    pub version: Option<ProtocolVersion>,
    /// The cipher suite.
    pub suite: Option<CipherSuite>,
    /// The peer's certificates, its own first; verified.
    pub certificates: &'a [CertificateDer<'static>],
}

impl fmt::Debug for TlsSession<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession")
            .field("version", &self.version)
            .field("suite", &self.suite)
            .field("certificates", &self.certificates.len())
            .finish()
    }
}

/// Hears of every attempt that is made with a [`Network`](super::Network).
///
/// ```
/// use std::sync::Arc;
/// use facilitator_core::driver::{Network, Observe, Progress};
///
/// struct Print;
///
/// impl Observe for Print {
///     fn observe(&self, progress: Progress<'_>) {
///         if let Progress::Connected { address } = progress {
///             println!("connected to {address}");
///         }
///     }
/// }
///
/// let network = Network::default().with_observer(Arc::new(Print));
/// ```
pub trait Observe: Send + Sync + 'static {
    /// Takes note. It is called between two steps, which wait for it: it must not block.
    fn observe(&self, progress: Progress<'_>);
}
