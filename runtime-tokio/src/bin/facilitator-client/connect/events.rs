//! The lines on stdout: what each looks like. When they are printed is for others.

use std::time::Duration;

use facilitator_tokio::core::client::{
    ConnectFailureKind, Event, LostReason, Outcome, Owed, PhaseChange, Receipt, Refusal, Subject,
    TrustError, Unexpected,
};
use facilitator_tokio::core::message::{Json, ResponseError, V0JobCheated, V2JobRequest, scrub};
use facilitator_tokio::core::signature::SignatureError;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::commands::Wrong;
use super::journal::Left;

/// The version of the lines, in both directions. It grows when a line that was good is so no more, or a key is gone;
/// readers bear with new keys and new events.
pub(super) const PROTOCOL: u64 = 1;

/// One line. Keys that do not apply are left out.
#[derive(serde::Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Line<'a> {
    /// The first line, and the answer to the command of this name.
    Hello {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RawValue>,
        protocol: u64,
        version: &'static str,
        hotkey: &'a str,
    },
    /// The session is in another phase; `reason`, `cause` and `retry_in_s` come with `waiting`.
    Phase {
        phase: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The kind of the reason, for programs.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_in_s: Option<f64>,
    },
    /// The session's health is another one.
    Health { health: &'static str },
    /// A job that nobody has ended in its time; the session has ended it as `horde_failed`.
    JobOverdue { uuid: String },
    /// A job to run; the request is complete.
    JobRequest {
        uuid: &'a str,
        request: &'a V2JobRequest,
    },
    /// A job request that nobody trusted has signed. It was answered `rejected`.
    JobRefused {
        uuid: &'a str,
        reason: String,
        cause: &'static str,
        request: &'a V2JobRequest,
    },
    /// A job request that is not handed on for another reason.
    JobDeclined {
        uuid: &'a str,
        reason: String,
        cause: &'static str,
    },
    /// A finished job was a fraud; the report is complete.
    CheatReport {
        uuid: &'a str,
        report: &'a V0JobCheated,
    },
    /// A cheat report that nobody trusted has signed.
    CheatReportRefused {
        uuid: &'a str,
        reason: String,
        cause: &'static str,
        report: &'a V0JobCheated,
    },
    /// The fate of an accepted command.
    Receipt(Fate<'a>),
    /// The fate of a message that the session sent by itself.
    AutomaticReceipt(Fate<'a>),
    /// A line of the input that was not accepted; nothing of it was queued.
    CommandError {
        line: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RawValue>,
        error: String,
        /// The key that is wrong, unless it is the whole line.
        #[serde(skip_serializing_if = "Option::is_none")]
        field: Option<String>,
    },
    /// A job that was taken up because a command said so.
    JobAdopted {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RawValue>,
        uuid: &'a str,
    },
    /// A message of the facilitator that could not be read.
    Malformed { error: String },
    /// A `Response` that belongs to no message.
    UnexpectedResponse { errors: Errors<'a> },
    /// The facilitator refused a heartbeat.
    HeartbeatRefused { errors: Errors<'a> },
    /// A binary frame; the protocol has none.
    UnexpectedBinary { bytes: usize },
    /// Lines that were left out because stdout was read too slowly; none of them was a job, a receipt of a command or
    /// an error of one.
    Missed { events: u64 },
    /// The last line.
    Stopped {
        /// That of the command that asked for it.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RawValue>,
        owed: Vec<OwedMessage<'a>>,
        /// That the state file holds them: the next start sends them.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        kept: bool,
    },
}

/// What became of a message.
#[derive(serde::Serialize)]
pub(super) struct Fate<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uuid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<String>,
    outcome: &'static str,
    errors: Errors<'a>,
    /// The message whole, when it was set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Wire<'a>>,
}

/// A message that was accepted and not delivered.
#[derive(serde::Serialize)]
pub(super) struct OwedMessage<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    /// How often it was sent without an answer; the facilitator may have it all the same.
    transmissions: u32,
    message: Wire<'a>,
}

/// A message as it stands on the wire.
struct Wire<'a>(&'a Owed);

/// Errors of a `Response`, without the input that they echo: it can be long, and can hold secrets.
pub(super) struct Errors<'a>(&'a [ResponseError]);

struct OneError<'a>(&'a ResponseError);

/// The key under which the facilitator echoes what it was sent.
const ECHO: &str = "input";

impl<'a> Line<'a> {
    /// The line of an event; `None` for those that are told otherwise, or at another time.
    pub(super) fn of(event: &'a Event) -> Option<Self> {
        Some(match event {
            Event::Phase(change) => Self::phase(change),
            Event::Health(health) => Self::Health {
                health: health.as_str(),
            },
            Event::JobOverdue { uuid } => Self::JobOverdue {
                uuid: uuid.to_string(),
            },
            Event::JobRequested(request) => Self::JobRequest {
                uuid: &request.uuid,
                request,
            },
            Event::JobRefused { request, reason } => Self::JobRefused {
                uuid: &request.uuid,
                reason: reason.to_string(),
                cause: refused_cause(reason),
                request,
            },
            Event::CheatReportRefused { report, reason } => Self::CheatReportRefused {
                uuid: &report.job_uuid,
                reason: reason.to_string(),
                cause: refused_cause(reason),
                report,
            },
            Event::JobDeclined { uuid, reason } => Self::JobDeclined {
                uuid,
                reason: reason.to_string(),
                cause: reason.as_str(),
            },
            Event::JobCheated(report) => Self::CheatReport {
                uuid: &report.job_uuid,
                report,
            },
            Event::Receipt(receipt) if receipt.automatic => {
                Self::AutomaticReceipt(Fate::new(receipt, None))
            }
            Event::Malformed(error) => Self::Malformed {
                error: error.to_string(),
            },
            Event::Unexpected(Unexpected::Response { errors }) => Self::UnexpectedResponse {
                errors: Errors(errors),
            },
            Event::Unexpected(Unexpected::HeartbeatRefused { errors }) => Self::HeartbeatRefused {
                errors: Errors(errors),
            },
            Event::Unexpected(Unexpected::Binary(bytes)) => {
                Self::UnexpectedBinary { bytes: *bytes }
            }
            Event::Missed { events } => Self::Missed { events: *events },
            _ => return None,
        })
    }

    fn phase(change: &PhaseChange) -> Self {
        Self::Phase {
            phase: change.phase.as_str(),
            reason: change.reason.as_ref().map(ToString::to_string),
            cause: change.reason.as_ref().map(lost_cause),
            retry_in_s: change.retry_in.map(seconds),
        }
    }

    /// The greeting.
    pub(super) fn hello(id: Option<&'a RawValue>, hotkey: &'a str) -> Self {
        Self::Hello {
            id,
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION"),
            hotkey,
        }
    }

    /// What is wrong with a line of the input.
    pub(super) fn command_error(line: u64, id: Option<&'a RawValue>, wrong: Wrong) -> Self {
        Self::CommandError {
            line,
            id,
            field: wrong.field,
            error: wrong.what,
        }
    }

    /// The receipt of a command.
    pub(super) fn receipt(receipt: &'a Receipt, id: Option<&'a RawValue>) -> Self {
        Self::Receipt(Fate::new(receipt, id))
    }

    /// The last line.
    pub(super) fn stopped(id: Option<&'a RawValue>, left: &'a Left, kept: bool) -> Self {
        let owed = left.owed.iter().map(|owed| OwedMessage {
            id: left.ids.get(&owed.id).map(|id| &**id),
            transmissions: owed.transmissions,
            message: Wire(owed),
        });
        Self::Stopped {
            id,
            owed: owed.collect(),
            kept,
        }
    }
}

impl<'a> Fate<'a> {
    fn new(receipt: &'a Receipt, id: Option<&'a RawValue>) -> Self {
        let (uuid, status, batch_id) = match &receipt.subject {
            Subject::JobStatus { uuid, status } => {
                (Some(uuid.to_string()), Some(status.as_str()), None)
            }
            Subject::MachineSpecs { batch_id } => (None, None, Some(batch_id.to_string())),
        };
        let (errors, message) = match &receipt.outcome {
            Outcome::Refused(errors) => (errors.as_slice(), None),
            Outcome::SetAside(owed) => ([].as_slice(), Some(Wire(owed))),
            _ => ([].as_slice(), None),
        };
        Self {
            id,
            uuid,
            status,
            batch_id,
            outcome: receipt.outcome.as_str(),
            errors: Errors(errors),
            message,
        }
    }
}

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(self.0.as_json())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

impl Serialize for Errors<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(OneError))
    }
}

impl Serialize for OneError<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("msg", &scrub(&self.0.msg))?;
        map.serialize_entry("type", &scrub(&self.0.kind))?;
        map.serialize_entry("help", &scrub(&self.0.help))?;
        // A place or a context can echo, too.
        let harmless = |key: &str, value: &Json| {
            key != ECHO && scrub(key) == key && scrub(value.as_str()) == value.as_str()
        };
        for (key, value) in self
            .0
            .extra
            .iter()
            .filter(|(key, value)| harmless(key, value))
        {
            map.serialize_entry::<str, Json>(key, value)?;
        }
        map.end()
    }
}

/// To the millisecond.
pub(super) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Why a connection was lost, as a name.
pub(super) fn lost_cause(reason: &LostReason) -> &'static str {
    match reason {
        LostReason::ConnectFailed(failure) => match failure.kind {
            ConnectFailureKind::Dns => "dns",
            ConnectFailureKind::Refused => "refused",
            ConnectFailureKind::Io => "network",
            ConnectFailureKind::Tls => "tls",
            ConnectFailureKind::Http { .. } => "http",
            ConnectFailureKind::Proxy { .. } => "proxy",
            ConnectFailureKind::Handshake => "handshake",
            ConnectFailureKind::Timeout => "connect_timeout",
            _ => "connect_failed",
        },
        LostReason::AuthenticationTimeout => "authentication_timeout",
        LostReason::AuthenticationRefused(refusal) => match refusal {
            Refusal::ValidatorNotFound => "validator_not_found",
            Refusal::SignatureInvalid => "signature_invalid",
            _ => "authentication_refused",
        },
        LostReason::Closed(_) => "closed",
        LostReason::EndOfStream => "end_of_stream",
        LostReason::Io(_) => "io",
        LostReason::PongTimeout => "pong_timeout",
        LostReason::AcknowledgementTimeout => "acknowledgement_timeout",
        LostReason::Protocol(_) => "protocol",
        LostReason::NotAuthenticated(_) => "not_authenticated",
        LostReason::AmbiguousResponse(_) => "ambiguous_response",
        _ => "other",
    }
}

fn refused_cause(reason: &TrustError) -> &'static str {
    match reason {
        TrustError::Signature(SignatureError::Missing) => "signature_missing",
        TrustError::Signature(SignatureError::Bad(_)) => "signature_bad",
        TrustError::Signatory { .. } => "signatory",
        TrustError::Scheme { .. } => "scheme",
        TrustError::TooOld { .. } => "too_old",
        TrustError::TooNew { .. } => "too_new",
        TrustError::Busy => "busy",
        _ => "other",
    }
}
