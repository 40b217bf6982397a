//! How a client gets to a server that listens on this machine and speaks plain text.

use std::net::{Ipv4Addr, SocketAddr};

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
    /// Where the server can be spoken to over this transport; whatever breaks connections can be put in front of it.
    pub(crate) fn front(self, server: SocketAddr) -> SocketAddr {
        match self {
            Self::Plain => server,
            Self::Tls => {
                let port = peers::tls_in_front_of(server, certificates::signed_for("localhost"));
                (Ipv4Addr::LOCALHOST, port).into()
            }
        }
    }

    /// The URI of such a front, or of what stands before it.
    pub(crate) fn uri(self, front: SocketAddr) -> String {
        match self {
            Self::Plain => format!("ws://{front}/ws/v0/"),
            Self::Tls => format!("wss://localhost:{}/ws/v0/", front.port()),
        }
    }
}
