//! What the model is made of: owed messages, jobs, the connection, blame. Plain values.

use facilitator_core::client::{ConnectFailureKind, LostReason, Refusal, Subject};
use facilitator_core::message::JobStatus;
use facilitator_core::{ConnectionId, Timestamp};

use super::super::said::number;

/// What an owed message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A status of a job.
    Status(u32, JobStatus),
    /// The specs of a batch.
    Specs(u32),
}

impl Key {
    /// What a receipt is about.
    pub fn of(subject: &Subject) -> Option<Self> {
        match subject {
            Subject::JobStatus { uuid, status } => {
                Some(Self::Status(number(&uuid.to_string())?, *status))
            }
            Subject::MachineSpecs { batch_id } => Some(Self::Specs(number(&batch_id.to_string())?)),
        }
    }
}

/// An owed message.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is.
    pub key: Key,
    /// Its number; the session's own messages have one that only their receipt tells.
    pub id: Option<u64>,
    /// Numbers of the same status, given again while this one is on its way.
    pub shared: Vec<u64>,
    /// Its text, as far as it is known.
    pub text: Option<String>,
    /// Its place among the frames of the current connection, once it was sent there.
    pub sent: Option<u64>,
    /// How often it was the oldest unanswered one when a connection broke for which it may be blamed.
    pub breaks: u32,
    /// The same, with the ends where blaming it is allowed and not required.
    pub doubts: u32,
}

/// One kind of owed messages, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    /// Them.
    pub entries: Vec<Entry>,
    /// Whether one was set aside since the last break.
    pub set_aside: bool,
}

impl Lane {
    /// Those that are unanswered on the current connection.
    pub fn in_flight(&self) -> usize {
        self.entries
            .iter()
            .filter(|entry| entry.sent.is_some())
            .count()
    }

    /// The bytes owed, and whether some are unknown.
    pub(super) fn bytes(&self) -> (usize, bool) {
        let known = |entry: &Entry| entry.text.as_ref().map(String::len);
        let sum = self.entries.iter().filter_map(known).sum();
        (sum, self.entries.iter().any(|entry| entry.text.is_none()))
    }

    pub(super) fn broken(&mut self, blame: Blame) {
        let oldest = self
            .entries
            .first_mut()
            .filter(|entry| entry.sent.is_some() && !self.set_aside);
        if let Some(oldest) = oldest {
            oldest.breaks += u32::from(blame == Blame::Oldest);
            oldest.doubts += u32::from(blame != Blame::Nobody);
        }
        self.set_aside = false;
        for entry in &mut self.entries {
            entry.sent = None;
        }
    }
}

/// A job.
#[derive(Clone, Debug, Default)]
pub struct Job {
    /// The statuses that were accepted, in the order in which they were given.
    pub given: Vec<JobStatus>,
    /// Those that the facilitator has, by its own word.
    pub delivered: Vec<JobStatus>,
    /// The terminal status that it was given.
    pub terminal: Option<JobStatus>,
    /// How often the application was asked to run it.
    pub requests: u32,
    /// Terminal statuses that were taken back: refused, set aside, handed back; and lives that were forgotten.
    pub undone: u32,
    /// Whether its terminal status was refused since the facilitator did not know the job, at that time.
    pub lost: bool,
    /// How many jobs had ended when it first ended.
    pub ended: Option<usize>,
    /// When it must have ended.
    pub deadline: Timestamp,
}

/// Whose fault the end of a connection can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The oldest unanswered message of each lane.
    Oldest,
    /// The same, or nobody.
    Doubtful,
    /// Nobody.
    Nobody,
}

impl Blame {
    /// Whom the design blames. A close whose code names another cause (going away, restart, try again later, a
    /// disconnect that the facilitator wants) blames nobody, and neither does what the session understands.
    pub fn of(reason: &LostReason) -> Self {
        match reason {
            LostReason::Closed(Some(close))
                if [1001, 1012, 1013, 3000, 3001].contains(&close.code) =>
            {
                Self::Nobody
            }
            LostReason::Closed(_)
            | LostReason::EndOfStream
            | LostReason::Io(_)
            | LostReason::Protocol(_)
            | LostReason::PongTimeout
            | LostReason::AcknowledgementTimeout => Self::Oldest,
            LostReason::AmbiguousResponse(_) => Self::Doubtful,
            _ => Self::Nobody,
        }
    }
}

/// What attempts have shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing bad.
    Good,
    /// They fail.
    Troubled,
    /// The facilitator does not accept who we are.
    Refused,
}

impl Standing {
    /// After a loss: a refusal is not forgotten over a broken network.
    pub(super) fn after(self, reason: &LostReason) -> Self {
        let refused = match reason {
            LostReason::AuthenticationRefused(refusal) => *refusal == Refusal::SignatureInvalid,
            LostReason::ConnectFailed(failure) => {
                matches!(failure.kind, ConnectFailureKind::Http { status: 401 | 403 })
            }
            _ => false,
        };
        if refused || self == Self::Refused {
            Self::Refused
        } else {
            Self::Troubled
        }
    }
}

/// Where the connection stands, as far as the session's outputs tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The session does not run.
    Down,
    /// Until the next attempt; the time is told with the phase, which a session that is stopping does not change.
    Waiting(Option<Timestamp>),
    /// An attempt.
    Connecting(ConnectionId, Timestamp),
    /// The authentication was written.
    Authenticating(ConnectionId, Timestamp),
    /// The first heartbeat was written.
    Ready(ConnectionId, Timestamp),
    /// The session has closed.
    Closing(ConnectionId, Timestamp),
}
