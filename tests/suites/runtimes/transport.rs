//! How a client gets to a server that listens on this machine and speaks plain text.

use crate::{certificates, peers};

/// What lies between a client and its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// `ws://`, by address.
    Plain,
    /// `wss://`, by a host name that may have an IPv6 address too, at which nobody listens.
    Tls,
}

impl Transport {
    /// The port of 127.0.0.1 at which the server can be spoken to over this transport; whatever breaks connections can
    /// be put in front of it.
    pub(crate) fn front(self, server: u16) -> u16 {
        match self {
            Self::Plain => server,
            Self::Tls => peers::tls_in_front_of(server, certificates::signed_for("localhost")),
        }
    }

    /// The URI of such a port.
    pub(crate) fn uri(self, front: u16) -> String {
        match self {
            Self::Plain => format!("ws://127.0.0.1:{front}/ws/v0/"),
            Self::Tls => format!("wss://localhost:{front}/ws/v0/"),
        }
    }
}
