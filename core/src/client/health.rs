//! One word for how a session is, for whoever watches many of them. What it is doing is its phase.

use core::fmt;

use super::event::{ConnectFailure, ConnectFailureKind, LostReason, Refusal};

/// How a session is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[non_exhaustive]
pub enum Health {
    /// It does not run.
    Stopped,
    /// It was started, and nothing has gone wrong yet.
    Starting,
    /// It is authenticated, and messages flow.
    Connected,
    /// It has no authenticated connection, and tries to get one: what is wrong can pass by itself. A facilitator that
    /// does not know the validator yet (`auth.validator_not_found`) is of this kind.
    Degraded,
    /// The facilitator does not accept who we are (`auth.signature_invalid`, HTTP 401 or 403), and has not since. It
    /// is tried again, but somebody should look at the key and the endpoint.
    Refused,
    /// It is stopping.
    Stopping,
}

impl Health {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Stopped,
        Self::Starting,
        Self::Connected,
        Self::Degraded,
        Self::Refused,
        Self::Stopping,
    ];

    /// The name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Connected => "connected",
            Self::Degraded => "degraded",
            Self::Refused => "refused",
            Self::Stopping => "stopping",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the attempts since the last good connection have shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing bad.
    #[default]
    Good,
    Troubled,
    Refused,
}

impl Standing {
    /// After one more loss. Only a good connection ends a refusal: that the network fails in between says nothing.
    pub(super) fn after(self, reason: &LostReason) -> Self {
        match reason {
            LostReason::AuthenticationRefused(Refusal::SignatureInvalid)
            | LostReason::ConnectFailed(ConnectFailure {
                kind: ConnectFailureKind::Http { status: 401 | 403 },
                ..
            }) => Self::Refused,
            _ if self == Self::Refused => Self::Refused,
            _ => Self::Troubled,
        }
    }
}
