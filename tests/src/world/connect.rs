//! The ways in which a connection attempt fails before there is a connection.

use std::fmt;
use std::time::Duration;

use facilitator_core::client::{ConnectFailure, ConnectFailureKind};

/// What an attempt meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectFault {
    /// The host name does not resolve.
    Dns,
    /// Nobody listens.
    Refused,
    /// The network has no way there.
    Unreachable,
    /// Nothing answers. An attempt that is not given up meanwhile goes on when this is over.
    Hangs,
    /// The TLS handshake fails.
    Tls,
    /// What answers does not speak WebSocket.
    Handshake,
    /// What answers is a server with another status than 101, and perhaps a time to come back.
    Http {
        /// The status.
        status: u16,
        /// `Retry-After`.
        retry_after: Option<Duration>,
    },
}

impl ConnectFault {
    /// What a runtime would report; `None` when there is nothing to report.
    pub(super) fn failure(self) -> Option<ConnectFailure> {
        let (kind, retry_after) = match self {
            Self::Dns => (ConnectFailureKind::Dns, None),
            Self::Refused => (ConnectFailureKind::Refused, None),
            Self::Unreachable => (ConnectFailureKind::Io, None),
            Self::Hangs => return None,
            Self::Tls => (ConnectFailureKind::Tls, None),
            Self::Handshake => (ConnectFailureKind::Handshake, None),
            Self::Http {
                status,
                retry_after,
            } => (ConnectFailureKind::Http { status }, retry_after),
        };
        Some(ConnectFailure {
            retry_after,
            ..ConnectFailure::new(kind, "")
        })
    }
}

impl fmt::Display for ConnectFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns => f.write_str("dns"),
            Self::Refused => f.write_str("refused"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Hangs => f.write_str("hangs"),
            Self::Tls => f.write_str("tls"),
            Self::Handshake => f.write_str("handshake"),
            Self::Http {
                status,
                retry_after: None,
            } => write!(f, "http {status}"),
            Self::Http {
                status,
                retry_after: Some(after),
            } => write!(f, "http {status}, retry after {} s", after.as_secs()),
        }
    }
}
