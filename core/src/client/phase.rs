//! The states that a user sees. The connection's own state lives in `client/mod.rs`.

use core::fmt;

/// What a session is doing.
///
/// # Transitions
///
/// Where each input leads from each phase; a test holds this table against the session, cell by cell.
///
/// - A phase: the session is in it afterwards. The same phase may mean a lot, or nothing.
/// - `error`: a [`LifecycleError`](super::LifecycleError); nothing has changed.
/// - `-`: the input is about a connection that is not there; it is counted, and nothing else has changed.
/// - An empty cell: it cannot come there, or stands in another row there. A [timer](super::Timer) is not armed then.
///
/// Draining goes on beneath as if there was no stop: connecting, authenticating, ready or waiting. Its cells are for the
/// one that the input is about.
///
/// | input | idle | connecting | authenticating | ready | waiting | draining | closing |
/// |---|---|---|---|---|---|---|---|
/// | `start` | connecting | error | error | error | error | error | error |
/// | `stop`, nothing owed | error | idle | closing | closing | idle | | closing |
/// | `stop`, something owed | error | draining | draining | draining | draining | error | closing |
/// | `stop`, something owed, next attempt behind the deadline | | | | | idle | | |
/// | `abort` | error | idle | idle | idle | idle | idle | idle |
/// | connected | - | authenticating | - | - | - | draining | - |
/// | connected, authenticated in headers | - | ready | | - | - | draining | - |
/// | connect failed | - | waiting | - | - | - | draining | - |
/// | connect failed, next attempt behind the deadline | | | | | | idle | |
/// | authentication accepted | - | - | ready | | - | draining | |
/// | authentication refused | - | - | closing | | - | closing | |
/// | the answer to one of several updates | - | - | | ready | - | draining | closing |
/// | the answer to the last thing owed | - | - | | ready | - | closing | closing |
/// | an answer that nothing waits for | - | - | | ready | - | draining | closing |
/// | an answer that could mean two messages | - | - | | closing | - | closing | closing |
/// | `auth.not_authenticated` | - | - | closing | closing | - | closing | closing |
/// | a job request | - | - | authenticating | ready | - | draining | closing |
/// | a malformed frame | - | - | authenticating | ready | - | draining | closing |
/// | a close frame | - | - | closing | closing | - | closing | closing |
/// | disconnected | - | - | waiting | waiting | - | draining | waiting |
/// | disconnected, stopping, nothing owed | | | | | | | idle |
/// | disconnected, stopping, something owed | | | | | | draining | draining |
/// | disconnected with 3000, [for good](super::OnSignatureInvalid::Stop) | - | - | idle | waiting | - | idle | waiting |
/// | timer `connect` | | waiting | | | | draining | |
/// | timer `authentication` | | | waiting | | | draining | |
/// | timer `acknowledgement` | | | | waiting | | draining | |
/// | timer `pong` | | | | waiting | | draining | |
/// | timer `reconnect` | | | | | connecting | draining | |
/// | timer `heartbeat` | | | | ready | | draining | |
/// | timer `ping` | | | | ready | | draining | |
/// | timer `watchdog` | | connecting | authenticating | ready | waiting | draining | closing |
/// | timer `close` | | | | | | | waiting |
/// | timer `close`, stopping, nothing owed | | | | | | | idle |
/// | timer `close`, stopping, something owed | | | | | | | draining |
/// | timer `drain` | | | | | | idle | idle |
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
    pub const ALL: &[Self] = &[
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
