//! The states that a user sees. The connection's own state lives in `client/mod.rs`.

use core::fmt;

/// What a session is doing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Not started, or stopped.
    Idle,
    /// A connection attempt is under way.
    Connecting,
    /// Connected; the authentication is sent, its answer awaited.
    Authenticating,
    /// Authenticated: messages flow.
    Ready,
    /// Without a connection, until the next attempt.
    Waiting,
    /// Stopping: delivering what is owed, until one deadline.
    Draining,
    /// The closing handshake of a connection.
    Closing,
}

impl Phase {
    /// All phases.
    pub const ALL: [Self; 7] = [
        Self::Idle,
        Self::Connecting,
        Self::Authenticating,
        Self::Ready,
        Self::Waiting,
        Self::Draining,
        Self::Closing,
    ];

    /// The name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Authenticating => "authenticating",
            Self::Ready => "ready",
            Self::Waiting => "waiting",
            Self::Draining => "draining",
            Self::Closing => "closing",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
