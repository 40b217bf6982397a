//! What a session tells: outputs for its driver, events and receipts for its application. Values only.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use thiserror::Error;
use uuid::Uuid;

use super::config::Config;
use super::endpoint::Endpoint;
use super::health::Health;
use super::phase::Phase;
use super::trust::TrustError;
use crate::message::{
    DecodeError, JobStatus, ResponseError, V0JobCheated, V2JobRequest, ValidatorMessage,
};
use crate::{CloseFrame, ConnectionId, Frame, Timestamp};

/// What the driver has to do next.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Output {
    /// Open a connection, then call `handle_connected` or `handle_connect_failed` with this number.
    Connect(ConnectionId, ConnectRequest),
    /// Send a frame on a connection.
    Transmit(ConnectionId, Frame),
    /// End a connection, or its attempt.
    ///
    /// With a close frame: start the closing handshake, and call `handle_disconnected` when the peer has ended it.
    /// Without one: drop the transport at once, written or not; nothing needs to be reported.
    Disconnect(ConnectionId, Option<CloseFrame>),
    /// Hand this to the application.
    Event(Event),
}

/// Where to connect, and how.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectRequest {
    /// Where.
    pub endpoint: Endpoint,
    /// Headers of the upgrade request, besides those of the WebSocket handshake itself. They can hold credentials.
    pub headers: Vec<(String, String)>,
    /// The largest message to take from the peer, in bytes.
    pub max_message_bytes: usize,
}

impl ConnectRequest {
    /// `credentials` go with this attempt only.
    pub(super) fn new(config: &Config, credentials: Vec<(String, String)>) -> Self {
        Self {
            endpoint: config.endpoint.clone(),
            headers: config
                .headers()
                .map(|(name, value)| (name.into(), value.into()))
                .chain(credentials)
                .collect(),
            max_message_bytes: config.inbound_message_bytes,
        }
    }
}

impl fmt::Debug for ConnectRequest {
    /// Header values are left out: they can hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ConnectRequest")
            .field("endpoint", &self.endpoint)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

/// What the application should know.
///
/// The reference's system events are among them:
///
/// | reference | here |
/// |---|---|
/// | transport connection error | [`ConnectionLost`](Self::ConnectionLost), with any reason but the next row's |
/// | authentication error | [`ConnectionLost`](Self::ConnectionLost) with [`LostReason::AuthenticationRefused`], [`AuthenticationTimeout`](LostReason::AuthenticationTimeout) or [`NotAuthenticated`](LostReason::NotAuthenticated) |
/// | message send error | [`Receipt`](Self::Receipt) with [`Outcome::SetAside`] or [`Outcome::HandedBack`]; before it is accepted, [`SendError`](super::SendError) |
/// | message receive error | [`Malformed`](Self::Malformed) |
/// | unexpected message | [`Unexpected`](Self::Unexpected), [`JobDeclined`](Self::JobDeclined) |
/// | job status update error | [`Receipt`](Self::Receipt) of a status with [`Outcome::Refused`] |
/// | heartbeat error | [`Unexpected`](Self::Unexpected) with [`Unexpected::HeartbeatRefused`] |
/// | specs send error | [`Receipt`](Self::Receipt) of specs with [`Outcome::Refused`] or [`Outcome::SetAside`] |
/// | generic error | none is left: everything has a name |
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The session is in another phase.
    Phase(PhaseChange),
    /// The session's health is another.
    Health(Health),
    /// A connection, or the attempt at one, is gone.
    ConnectionLost {
        /// Its number.
        connection: ConnectionId,
        /// Why.
        reason: LostReason,
        /// Status updates and specs that are still owed; none of them is lost.
        owed: usize,
    },
    /// A job to run. `received` is on its way already; every job needs exactly one terminal status.
    JobRequested(Box<V2JobRequest>),
    /// A job request that nobody who is trusted has signed. It was answered `rejected` with `invalid_signature`, unless
    /// a [`JobDeclined`](Self::JobDeclined) before this says that there was no room for the answer.
    JobRefused {
        /// The request.
        request: Box<V2JobRequest>,
        /// Why it is not trusted.
        reason: TrustError,
    },
    /// A cheat report that nobody who is trusted has signed. Nothing is to be done.
    CheatReportRefused {
        /// The report.
        report: Box<V0JobCheated>,
        /// Why it is not trusted.
        reason: TrustError,
    },
    /// A job request that is not for the application, and why. Nothing is to be done.
    JobDeclined {
        /// The uuid as it came, cut to a readable length.
        uuid: String,
        /// Why.
        reason: DeclineReason,
    },
    /// The time of a job is over: its request's time limits and `job_margin`, or what it was adopted with. Nobody has
    /// ended it, so the session does, as `horde_failed` with reason `unhandled_timeout`; an automatic
    /// [`Receipt`](Self::Receipt) tells of it. Whatever still works for this job may stop.
    JobOverdue {
        /// The job.
        uuid: Uuid,
    },
    /// A finished job turned out to be a fraud. Acting on it is idempotent.
    JobCheated(Box<V0JobCheated>),
    /// The fate of a message that was accepted.
    Receipt(Receipt),
    /// A frame that could not be read. It cost nothing besides this event.
    Malformed(DecodeError),
    /// A message that the protocol knows, at a moment where it means nothing.
    Unexpected(Unexpected),
    /// The application takes its events too slowly, so as many were dropped. A job's request is among them only when
    /// the job was [overdue](Self::JobOverdue) before anybody took it. Only the shared driver says so; the session
    /// itself queues without loss.
    Missed {
        /// How many.
        events: u64,
    },
    /// The session has ended. What is left was handed back; the same session can be started again.
    Stopped {
        /// What was not delivered: statuses, then machine specs, each oldest first.
        owed: Vec<Owed>,
    },
}

/// A new phase, and what led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseChange {
    /// The phase.
    pub phase: Phase,
    /// Why the connection before was lost; set with [`Phase::Waiting`].
    pub reason: Option<LostReason>,
    /// When the next attempt is made; set with [`Phase::Waiting`].
    pub next_attempt: Option<Timestamp>,
    /// The time until then; set with [`Phase::Waiting`].
    pub retry_in: Option<Duration>,
}

/// Why a connection attempt failed, as the runtime saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectFailure {
    /// The kind.
    pub kind: ConnectFailureKind,
    /// What the system or the library said.
    pub detail: String,
    /// What a server asked for with `Retry-After`.
    pub retry_after: Option<Duration>,
}

impl ConnectFailure {
    /// A failure of this kind.
    pub fn new(kind: ConnectFailureKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            retry_after: None,
        }
    }
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.detail.is_empty() {
            write!(f, "{}", self.kind)
        } else {
            write!(f, "{}: {}", self.kind, self.detail)
        }
    }
}

/// The step at which an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ConnectFailureKind {
    /// The host name did not resolve.
    #[error("the host name does not resolve")]
    Dns,
    /// Nobody listens.
    #[error("the connection was refused")]
    Refused,
    /// Any other failure of the network or the system.
    #[error("the network failed")]
    Io,
    /// The TLS handshake failed: certificate, host name, or no TLS at the other end.
    #[error("the TLS handshake failed")]
    Tls,
    /// The server answered the upgrade request with another status than 101.
    #[error("the server answered the upgrade with HTTP {status}")]
    Http {
        /// The status.
        status: u16,
    },
    /// The proxy did not open the way: it could not be reached, refused, did not answer as a proxy does, or its setting
    /// makes no sense. Tried again like any other failure; a `Retry-After` of the proxy's is honoured. It says nothing
    /// about the facilitator, which has seen nothing of it.
    #[error("{}", proxy_text(*.status))]
    Proxy {
        /// The proxy's answer to `CONNECT`, if there was one that says no.
        status: Option<u16>,
    },
    /// The server did not speak WebSocket as it should.
    #[error("the WebSocket handshake failed")]
    Handshake,
    /// It took longer than `connect_timeout`.
    #[error("the attempt took too long")]
    Timeout,
}

fn proxy_text(status: Option<u16>) -> String {
    match status {
        Some(status) => alloc::format!("the proxy answered HTTP {status}"),
        None => "the way through the proxy is closed".into(),
    }
}

/// How an established connection ended, as the runtime saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disconnected {
    /// After a closing handshake.
    Closed(Option<CloseFrame>),
    /// The peer ended the stream without a close frame (1006).
    EndOfStream,
    /// The transport failed.
    Io(String),
    /// The peer broke the WebSocket protocol, or sent a message above the limit.
    Protocol(String),
}

/// Why a connection was lost. Each cause is its own.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LostReason {
    /// There never was one.
    #[error("{0}")]
    ConnectFailed(ConnectFailure),
    /// The facilitator did not answer the authentication.
    #[error("the facilitator did not answer the authentication in time")]
    AuthenticationTimeout,
    /// The facilitator refused the authentication.
    #[error("{0}")]
    AuthenticationRefused(Refusal),
    /// The facilitator closed.
    #[error("the facilitator closed the connection ({})", close_text(.0.as_ref()))]
    Closed(Option<CloseFrame>),
    /// The stream ended without a close frame.
    #[error("the connection ended without a close frame")]
    EndOfStream,
    /// The transport failed.
    #[error("the connection failed: {0}")]
    Io(String),
    /// Nothing came after a ping.
    #[error("the peer fell silent: no answer to a ping")]
    PongTimeout,
    /// A status update was not answered.
    #[error("the facilitator did not answer a status update in time")]
    AcknowledgementTimeout,
    /// The peer broke the WebSocket protocol.
    #[error("the peer broke the WebSocket protocol: {0}")]
    Protocol(String),
    /// The facilitator says, in the middle of a session, that nobody is authenticated.
    #[error("the facilitator forgot the authentication ({0})")]
    NotAuthenticated(String),
    /// A `Response` that could belong to more than one message. All is sent again.
    #[error("the facilitator refused a message without saying which ({0})")]
    AmbiguousResponse(String),
}

fn close_text(close: Option<&CloseFrame>) -> String {
    match close {
        None => "no code".into(),
        Some(CloseFrame { code, reason }) if reason.is_empty() => alloc::format!("code {code}"),
        // What the peer says in words breaks no line.
        Some(CloseFrame { code, reason }) => {
            alloc::format!("code {code}, {}", reason.escape_debug())
        }
    }
}

/// Why an authentication was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// `auth.validator_not_found`, close code 3001: the list of validators may lag by minutes.
    #[error("the facilitator does not know this validator (yet); is the hotkey registered?")]
    ValidatorNotFound,
    /// `auth.signature_invalid`, close code 3000: trying again is nearly hopeless.
    #[error("the facilitator refused the signature; its verification knows sr25519 keys only")]
    SignatureInvalid,
    /// Anything else, by the error's `type`.
    #[error("the facilitator refused the authentication ({0})")]
    Other(String),
}

/// Why a job request was not handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum DeclineReason {
    /// The job is open, or ended a while ago: it must not run twice. Nothing was answered.
    #[error("the job is known already")]
    Duplicate,
    /// Its uuid is none; an answer would break the connection, so none was sent.
    #[error("the job's uuid is none, it cannot be answered")]
    InvalidUuid,
    /// Answered `rejected`: `open_jobs` are open, the outbox has no room for another one, or more signatures came than
    /// `verifications_per_second` allows.
    #[error("there is no capacity for the job at present, it was rejected as busy")]
    Busy,
    /// Answered `rejected`: the application has not taken the requests before it, and they fill `waiting_job_bytes`.
    #[error("too many job requests wait for the application, it was rejected as busy")]
    Backlog,
    /// As [`Backlog`](Self::Backlog), where [`WhenJobsWait::Ignore`](super::WhenJobsWait::Ignore) is configured:
    /// nothing was answered, and the same request is looked at anew when it comes again.
    #[error("too many job requests wait for the application, it was left unanswered")]
    Ignored,
    /// Answered `rejected`: the session is stopping.
    #[error("the session is stopping, the job was rejected as busy")]
    Stopping,
    /// It came while the connection was closing, so no answer could be sent.
    #[error("the connection was closing, the job could not be answered")]
    Closing,
    /// The outbox has no room for any answer, so none was sent.
    #[error("the outbox is full, the job could not be answered")]
    OutboxFull,
}

impl DeclineReason {
    /// The name, in `snake_case`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::InvalidUuid => "invalid_uuid",
            Self::Busy => "busy",
            Self::Backlog => "backlog",
            Self::Ignored => "ignored",
            Self::Stopping => "stopping",
            Self::Closing => "closing",
            Self::OutboxFull => "outbox_full",
        }
    }
}

/// A message without a place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unexpected {
    /// A `Response` while nothing was unanswered. It acknowledges nothing.
    Response {
        /// The errors that it carried.
        errors: Vec<ResponseError>,
    },
    /// The facilitator refused a heartbeat.
    HeartbeatRefused {
        /// Its errors.
        errors: Vec<ResponseError>,
    },
    /// A binary frame of this many bytes.
    Binary(usize),
}

/// The number of an accepted message, unique within a session. Receipts carry it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct UpdateId(pub(crate) u64);

impl UpdateId {
    /// The bare number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for UpdateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a message is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A status of a job.
    JobStatus {
        /// The job.
        uuid: Uuid,
        /// The status.
        status: JobStatus,
    },
    /// The specs of a miner's machine.
    MachineSpecs {
        /// The batch that they belong to.
        batch_id: Uuid,
    },
}

/// The fate of an accepted message. Every one gets exactly one receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What `send_*` returned.
    pub id: UpdateId,
    /// What the message was about.
    pub subject: Subject,
    /// Whether the session itself sent it, not the application: `received`, `rejected` as busy or for its signature,
    /// `horde_failed` of an overdue job.
    pub automatic: bool,
    /// Its fate.
    pub outcome: Outcome,
}

/// How a message ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The facilitator has it.
    ///
    /// For a status: its `Response` said success. For machine specs, which are never answered: the peer has read
    /// past them.
    Acknowledged,
    /// The facilitator had it before (`job.integrity_error`), or this session did: delivered, and applied once.
    AlreadyKnown,
    /// The facilitator refused it, with these errors.
    Refused(Vec<ResponseError>),
    /// It broke the connection again and again and was taken out, whole, so that the rest flows.
    SetAside(Owed),
    /// The session ended before it was delivered.
    HandedBack(Owed),
}

impl Outcome {
    /// The name, in `snake_case`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::AlreadyKnown => "already_known",
            Self::Refused(_) => "refused",
            Self::SetAside(_) => "set_aside",
            Self::HandedBack(_) => "handed_back",
        }
    }

    /// Whether the facilitator has the message.
    pub const fn is_delivered(&self) -> bool {
        matches!(self, Self::Acknowledged | Self::AlreadyKnown)
    }
}

/// A message that was accepted and not delivered, whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Owed {
    /// What `send_*` returned.
    pub id: UpdateId,
    /// What it is about.
    pub subject: Subject,
    /// How often it was sent without having been answered. It may have been stored all the same.
    pub transmissions: u32,
    /// Whether the session itself sent it.
    pub automatic: bool,
    pub(super) text: Arc<str>,
}

impl Owed {
    /// The message as it stands on the wire: JSON.
    pub fn as_json(&self) -> &str {
        &self.text
    }

    /// The message itself.
    ///
    /// # Errors
    ///
    /// None in practice, since the session encoded it; the decoder's error otherwise.
    pub fn decode(&self) -> Result<ValidatorMessage, DecodeError> {
        ValidatorMessage::decode(&self.text, crate::message::DecodeMode::Strict)
            .map(|decoded| decoded.message)
    }
}

impl fmt::Debug for Owed {
    /// Without the text, which holds customers' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owed")
            .field("id", &self.id)
            .field("subject", &self.subject)
            .field("transmissions", &self.transmissions)
            .finish_non_exhaustive()
    }
}
