//! What a caller can do wrong, one enum per kind of call. What the network does wrong is an
//! [`Event`](super::Event), never an error.

use alloc::string::String;
use core::time::Duration;

use thiserror::Error;
use uuid::Uuid;

use crate::message::{JobStatus, MAX_DEPTH, MAX_VALUES};

/// A configuration that makes no sense. Nothing was built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A duration, bound or count is zero.
    #[error("{field} is zero; it must be positive")]
    Zero {
        /// The field of [`Config`](super::Config), or of its [`TrustPolicy`](super::TrustPolicy).
        field: &'static str,
    },
    /// A job could never be received and ended.
    #[error("outbox_entries is {entries}; a job needs room for two statuses at least")]
    OutboxTooSmall {
        /// The value found.
        entries: usize,
    },
    /// The session's own answers could not be sent.
    #[error("message_bytes is {found}; the session's own answers need {least}")]
    MessageBytes {
        /// The value found.
        found: usize,
        /// The least that is accepted.
        least: usize,
    },
    /// A message that is allowed by itself could never have room.
    #[error(
        "outbox_bytes ({outbox}) is less than message_bytes ({message}); the largest message would never have room"
    )]
    OutboxBytes {
        /// `outbox_bytes`.
        outbox: usize,
        /// `message_bytes`.
        message: usize,
    },
    /// The first delay is longer than the longest.
    #[error("backoff_max ({max:?}) is shorter than backoff_initial ({initial:?})")]
    BackoffOrder {
        /// `backoff_initial`.
        initial: Duration,
        /// `backoff_max`.
        max: Duration,
    },
    /// A header that cannot be sent. Its value is not shown: it may be a secret.
    #[error(
        "the header {name:?} cannot be sent; a name is a token, a value printable ASCII (RFC 9110, section 5)"
    )]
    Header {
        /// The header's name.
        name: String,
    },
    /// A header that the upgrade or the session has of its own, or one that announces a body.
    #[error(
        "the header {name:?} is set by the WebSocket upgrade or the session itself, or does not fit there; leave it out"
    )]
    ReservedHeader {
        /// The header's name.
        name: String,
    },
}

/// `start`, `stop` or `abort` at the wrong time. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LifecycleError {
    /// `start` on a session that runs.
    #[error("the session runs already; call `stop` first to start it anew")]
    AlreadyStarted,
    /// `start` or `stop` while a stop is under way.
    #[error("the session is stopping already; wait until it has stopped, or call `abort`")]
    AlreadyStopping,
    /// `stop` or `abort` without a session.
    #[error("the session does not run; call `start` first")]
    NotStarted,
}

/// A message that was not accepted. It was not queued, and nothing else changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// Before the first `start`.
    #[error("the session has not been started; call `start` before sending")]
    NotStarted,
    /// After `stop` or `abort`.
    #[error("the session was stopped; call `start` again before sending")]
    Stopped,
    /// Between `stop` and the end.
    #[error(
        "the session is stopping and takes nothing new; wait until it has stopped, then call `start`"
    )]
    Stopping,
    /// The outbox has no room. What it holds is untouched.
    #[error(
        "the outbox is full ({owed} of {capacity} entries taken or reserved); wait for acknowledgements, then send again"
    )]
    Full {
        /// Entries taken, with the slots reserved for terminal statuses.
        owed: usize,
        /// The configured bound.
        capacity: usize,
    },
    /// The outbox has no room in bytes. What it holds is untouched.
    #[error(
        "the outbox is full ({owed} of {capacity} bytes taken); wait for acknowledgements, then send again"
    )]
    FullBytes {
        /// Bytes taken.
        owed: usize,
        /// The configured bound.
        capacity: usize,
    },
    /// The message alone is larger than what is sent.
    #[error(
        "the message has {size} bytes, accepted are {limit} (`message_bytes`); shorten its outputs"
    )]
    TooLarge {
        /// Its encoded size.
        size: usize,
        /// The configured bound.
        limit: usize,
    },
    /// The job's uuid is none: the facilitator would drop the connection on it.
    #[error(
        "{found:?} is no job uuid; accepted is the uuid of a job request, as f4b1c4b2-5d3f-4a39-9c75-0a0c0de61d4b"
    )]
    InvalidUuid {
        /// What was given, cut to a readable length.
        found: String,
    },
    /// The batch id is no uuid: the facilitator would drop the connection on it.
    #[error(
        "{found:?} is no batch id; accepted is a uuid, as f4b1c4b2-5d3f-4a39-9c75-0a0c0de61d4b"
    )]
    InvalidBatchId {
        /// What was given, cut to a readable length.
        found: String,
    },
    /// Machine specs that the facilitator cannot read: it would drop the connection on them.
    #[error(
        "the machine specs lack {missing}; accepted are those with `cpu` (with an integer `count`), `ram` and `hard_disk`, \
         each an object"
    )]
    UnreadableSpecs {
        /// The first part that is missing.
        missing: &'static str,
    },
    /// A status that a validator never sends.
    #[error(
        "the status `{status}` is not for validators to send; accepted are {ACCEPTED_STATUSES}"
    )]
    ReservedStatus {
        /// `sent` or `unknown`.
        status: JobStatus,
    },
    /// The facilitator would drop the connection on this status without metadata.
    #[error("the status `{status}` needs metadata; {}", needed_metadata(*status))]
    MissingMetadata {
        /// `completed` or `streaming_ready`.
        status: JobStatus,
    },
    /// The facilitator would take this for a repetition and lose it.
    #[error("the status `streaming_ready` needs all three streaming details; {missing} is missing")]
    IncompleteStreamingDetails {
        /// The first field that is missing.
        missing: &'static str,
    },
    /// A NUL character in any text: the facilitator's database cannot hold it, and the connection would drop.
    #[error("a text holds a NUL character, which the facilitator cannot store; remove it")]
    NulCharacter,
    /// No reader takes what is nested as deep, or holds as many values: the facilitator would refuse it without saying
    /// what, and a snapshot with it could not be restored.
    #[error(
        "the message is nested more than {MAX_DEPTH} deep or holds more than {MAX_VALUES} values, which nobody reads; \
         flatten or shorten it"
    )]
    TooComplex,
    /// The job has its terminal status already.
    #[error("the job {uuid} has ended as `{ended}` already; nothing may follow a terminal status")]
    JobEnded {
        /// The job.
        uuid: Uuid,
        /// Its terminal status.
        ended: JobStatus,
    },
    /// Too many jobs are open to take up another one.
    #[error("{limit} jobs are open already (`open_jobs`); end one of them first")]
    TooManyJobs {
        /// The configured bound.
        limit: usize,
    },
}

impl SendError {
    /// Whether the same call can succeed later without any change: there was no room.
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::FullBytes { .. })
    }
}

const ACCEPTED_STATUSES: &str = "received, accepted, executor_ready, streaming_ready, volumes_ready, execution_done, \
                                 completed, rejected, failed, horde_failed";

const fn needed_metadata(status: JobStatus) -> &'static str {
    match status {
        JobStatus::StreamingReady => "give its `streaming_details`",
        _ => "give its `miner_response` with the job's output",
    }
}
