//! What a simulated facilitator hands out: frames to send, connections to end, and what happened. Types only.

use alloc::string::String;
use alloc::sync::Arc;

use crate::message::{DecodeError, V0JobStatusUpdate, V0MachineSpecsUpdate};
use crate::signature::AccountId;
use crate::{CloseFrame, ConnectionId, Frame};

/// What the owner of a [`Facilitator`](super::Facilitator) has to do or may want to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Send this frame.
    Transmit {
        /// On this connection.
        conn: ConnectionId,
        /// The frame.
        frame: Frame,
    },
    /// End this connection. It is forgotten already: whatever still arrives on it is ignored.
    Disconnect {
        /// The connection.
        conn: ConnectionId,
        /// Do a closing handshake with this frame; with `None`, drop the transport at once and say nothing.
        close: Option<CloseFrame>,
    },
    /// Something happened.
    Event(Event),
}

/// What happened, for logs, live views and the development server. Nothing has to be done about it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A validator authenticated.
    Authenticated {
        /// On this connection.
        conn: ConnectionId,
        /// Its account.
        validator: AccountId,
    },
    /// An authentication request was refused, or not even understood.
    AuthenticationRefused {
        /// On this connection.
        conn: ConnectionId,
        /// The account that its key gives, if it is a key.
        account: Option<AccountId>,
        /// Why.
        reason: AuthenticationRefusal,
    },
    /// A heartbeat came from an authenticated connection.
    Heartbeat {
        /// The connection.
        conn: ConnectionId,
    },
    /// A status update came from an authenticated connection.
    JobStatus {
        /// The connection.
        conn: ConnectionId,
        /// The update.
        update: V0JobStatusUpdate,
        /// What became of it.
        outcome: StatusOutcome,
    },
    /// Machine specs came from an authenticated connection.
    MachineSpecs {
        /// The connection.
        conn: ConnectionId,
        /// The specs.
        update: V0MachineSpecsUpdate,
        /// What became of them.
        outcome: SpecsOutcome,
    },
    /// A message other than an authentication request came before authentication. It was answered with an error.
    NotAuthenticated {
        /// The connection.
        conn: ConnectionId,
    },
    /// A frame was no message of a validator. It was answered with an error.
    Malformed {
        /// The connection.
        conn: ConnectionId,
        /// What is wrong with it; `None` for a binary frame.
        error: Option<DecodeError>,
    },
    /// A job request was handed to a connection.
    JobSent {
        /// The connection.
        conn: ConnectionId,
        /// The job's uuid, as the request spells it.
        uuid: Arc<str>,
    },
    /// A cheat report was handed to a connection.
    CheatReportSent {
        /// The connection.
        conn: ConnectionId,
        /// The job's uuid, as the job request spelled it.
        uuid: Arc<str>,
    },
    /// A connection is over.
    Ended {
        /// The connection.
        conn: ConnectionId,
        /// Why.
        cause: EndCause,
    },
}

/// Why an authentication request did not succeed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum AuthenticationRefusal {
    /// `auth.validator_not_found`, then a close with 3001.
    NotFound,
    /// `auth.signature_invalid`, then a close with 3000.
    SignatureInvalid,
    /// `auth.already_authenticated`; the connection stays as it was.
    AlreadyAuthenticated,
    /// The handler crashed on it.
    Crashed(Poison),
}

/// What became of a status update.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum StatusOutcome {
    /// Stored; answered with success.
    Stored,
    /// Stored before; answered with `job.integrity_error`.
    Repeated,
    /// `streaming_ready` without certificate, address or port; answered with `job.integrity_error`, and stored
    /// where [`poison_is_stored`](super::FacilitatorConfig::poison_is_stored) says so.
    StreamingDetailsIncomplete,
    /// Not a job on record; answered with `job.not_found`.
    UnknownJob,
    /// The handler crashed on it.
    Crashed(Poison),
}

/// What became of machine specs. None of it is answered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum SpecsOutcome {
    /// Kept on record.
    Stored,
    /// Dropped: of a miner that is not known.
    UnknownMiner,
    /// Dropped: by a validator that is not known.
    UnknownValidator,
    /// The handler crashed on them.
    Crashed(Poison),
}

/// Why a connection is over.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EndCause {
    /// The transport reported it.
    Disconnected,
    /// The peer sent a close frame.
    ClosedByPeer(Option<CloseFrame>),
    /// The handler crashed.
    Crashed,
    /// Authentication was refused.
    AuthenticationRefused,
    /// A message was larger than the limit.
    MessageTooBig,
    /// More frames, or more bytes, waited to be handled than the limits allow.
    InboxFull,
    /// There are as many connections as the limit allows.
    TooManyConnections,
    /// No sign of life after a ping.
    Silent,
    /// No heartbeat for too long.
    NotHeardFrom,
    /// The validator is no longer known, or was told to go.
    ForcedDisconnect,
    /// The facilitator restarted.
    Restart,
}

/// What makes the reference's handler crash: it answers nothing and the socket breaks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Poison {
    /// An authentication whose public key is no key.
    PublicKey,
    /// An authentication whose signature lacks `0x` or has another length.
    Signature,
    /// A job uuid that is no UUID.
    JobUuid,
    /// `completed` with null metadata.
    CompletedWithoutMetadata,
    /// `streaming_ready` with null metadata.
    StreamingReadyWithoutMetadata,
    /// A NUL character in any text, which the database refuses.
    NulCharacter,
    /// A batch id of machine specs that is no UUID.
    BatchId,
    /// Machine specs that it cannot parse.
    Specs,
}

impl core::fmt::Display for Poison {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::PublicKey => "the public key of the authentication is no key",
            Self::Signature => {
                "the signature of the authentication is not 0x and 128 hexadecimal digits"
            }
            Self::JobUuid => "the job uuid is no UUID",
            Self::CompletedWithoutMetadata => "completed comes with null metadata",
            Self::StreamingReadyWithoutMetadata => "streaming_ready comes with null metadata",
            Self::NulCharacter => "a text holds a NUL character",
            Self::BatchId => "the batch id is no UUID",
            Self::Specs => "the machine specs cannot be parsed",
        })
    }
}

/// Why a job was not taken on.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The uuid of the request is no UUID.
    #[error(
        "job {uuid:?} cannot be pushed: its uuid is no UUID; give it one such as 8c2f6f0e-6a1b-4c7e-9d57-2f1f6f0a3b11"
    )]
    UuidInvalid {
        /// What it is instead.
        uuid: String,
    },
    /// A job with this uuid is on record.
    #[error(
        "job {uuid} cannot be pushed: it was pushed before; use `push_again` to send the same job once more"
    )]
    AlreadyPushed {
        /// The uuid.
        uuid: String,
    },
    /// No such validator can ever authenticate.
    #[error(
        "the job cannot be pushed to validator {validator}: it is not among the known ones; use `set_validators` first"
    )]
    UnknownValidator {
        /// The validator.
        validator: AccountId,
    },
    /// The record is full.
    #[error(
        "the job cannot be pushed: {limit} jobs are on record, the most allowed; use `forget_job`, or raise `Limits::jobs`"
    )]
    Full {
        /// The limit.
        limit: usize,
    },
}

/// A job that is not on record.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("job {uuid:?} is not on record: push it first")]
pub struct UnknownJob {
    /// The uuid as it was given.
    pub uuid: String,
}

/// Where something pushed went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// To this many connections of one validator.
    Sent {
        /// The validator.
        validator: AccountId,
        /// How many connections it has, dead ones that nobody noticed included.
        connections: usize,
    },
    /// Nowhere yet: no suitable validator is connected. It goes out when one authenticates or sends a heartbeat.
    Waiting,
}
