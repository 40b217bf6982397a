//! What can happen next. Names only; what each does is the state's.

use std::fmt;
use std::str::FromStr;

/// One step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The connection attempt succeeds.
    Connect,
    /// The facilitator reads the next frame.
    Up,
    /// The session reads the next frame, or the end of the connection.
    Down,
    /// The application gives the next status of the job with this number.
    Give(u8),
    /// Nothing is under way: time passes until the session's next deadline.
    Time,
    /// The application stops the session.
    Stop,
    /// The connection breaks, and what was under way is lost.
    Cut,
    /// The connection breaks at the session's end; what the session sent can still arrive.
    Halve,
    /// The facilitator reads the next frame of a connection that the session has lost.
    Linger,
    /// The connection attempt is refused.
    Refuse,
    /// Time passes until the session's next deadline, although something is under way.
    Delay,
    /// The session reads a frame of a connection that it has lost.
    Late,
    /// The session reads the next frame, which will come once more.
    Twice,
    /// The facilitator loses the newest row of the job with this number.
    Forget(u8),
}

impl Action {
    /// Whether it comes by itself, sooner or later. The others may happen, and may not.
    pub const fn is_progress(self) -> bool {
        matches!(
            self,
            Self::Connect | Self::Up | Self::Down | Self::Give(_) | Self::Time
        )
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Up => "up",
            Self::Down => "down",
            Self::Give(job) => return write!(f, "give{job}"),
            Self::Time => "time",
            Self::Stop => "stop",
            Self::Cut => "cut",
            Self::Halve => "halve",
            Self::Linger => "linger",
            Self::Refuse => "refuse",
            Self::Delay => "delay",
            Self::Late => "late",
            Self::Twice => "twice",
            Self::Forget(job) => return write!(f, "forget{job}"),
        })
    }
}

/// No action is called so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownAction(String);

impl fmt::Display for UnknownAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no action", self.0)
    }
}

impl std::error::Error for UnknownAction {}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(name: &str) -> Result<Self, UnknownAction> {
        let numbered = |prefix: &str| name.strip_prefix(prefix)?.parse().ok();
        Ok(match name {
            "connect" => Self::Connect,
            "up" => Self::Up,
            "down" => Self::Down,
            "time" => Self::Time,
            "stop" => Self::Stop,
            "cut" => Self::Cut,
            "halve" => Self::Halve,
            "linger" => Self::Linger,
            "refuse" => Self::Refuse,
            "delay" => Self::Delay,
            "late" => Self::Late,
            "twice" => Self::Twice,
            _ => (numbered("give").map(Self::Give))
                .or_else(|| numbered("forget").map(Self::Forget))
                .ok_or_else(|| UnknownAction(name.into()))?,
        })
    }
}
