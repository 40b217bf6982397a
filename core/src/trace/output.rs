//! What a session did, as a line of a trace: written by the recorder, and again by the player, to be compared.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::value::RawValue;

use super::line::{FailureKind, ping_number, raw};
use super::redact::redact;
use super::time::Span;
use super::verdict::Verdict;
use crate::client::{
    Event, LostReason, Outcome, Output, Owed, Receipt, Refusal, Subject, Unexpected,
};
use crate::message::{ResponseError, parse_uuid};
use crate::{ConnectionId, Frame};

/// One output, without the content of its messages, and without what others said in words.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OutputLine {
    Connect {
        connection: u64,
    },
    Transmit {
        connection: u64,
        frame: Outbound,
    },
    /// With a closing handshake if there is a code.
    Disconnect {
        connection: u64,
        code: Option<u16>,
    },
    Phase {
        phase: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_attempt: Option<Span>,
    },
    Health {
        health: &'static str,
    },
    ConnectionLost {
        connection: u64,
        reason: String,
        owed: usize,
    },
    JobRequested {
        request: Box<RawValue>,
    },
    JobRefused {
        request: Box<RawValue>,
        reason: Verdict,
    },
    JobDeclined {
        /// None, if it is no uuid.
        uuid: Option<String>,
        reason: &'static str,
    },
    JobOverdue {
        uuid: String,
    },
    JobCheated {
        report: Box<RawValue>,
    },
    CheatReportRefused {
        report: Box<RawValue>,
        reason: Verdict,
    },
    Receipt {
        id: u64,
        about: String,
        automatic: bool,
        outcome: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        errors: Option<Vec<Box<RawValue>>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        owed: Option<OwedLine>,
    },
    Malformed,
    UnexpectedResponse {
        errors: Vec<Box<RawValue>>,
    },
    HeartbeatRefused {
        errors: Vec<Box<RawValue>>,
    },
    UnexpectedBinary {
        bytes: usize,
    },
    Missed {
        events: u64,
    },
    Stopped {
        owed: Vec<OwedLine>,
    },
}

/// A frame to be sent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outbound {
    /// Whoever reads it could replay it for ever.
    Authentication,
    Message(Box<RawValue>),
    Binary {
        bytes: usize,
    },
    Ping {
        number: Option<u64>,
    },
    Pong {
        bytes: usize,
    },
    Close {
        code: Option<u16>,
    },
}

/// A message that was not delivered.
#[derive(Debug, Serialize)]
pub(super) struct OwedLine {
    id: u64,
    transmissions: u32,
    automatic: bool,
    message: Box<RawValue>,
}

impl OutputLine {
    pub(super) fn of(output: &Output) -> Self {
        match output {
            Output::Connect(ConnectionId(connection), _) => Self::Connect {
                connection: *connection,
            },
            Output::Transmit(ConnectionId(connection), frame) => Self::Transmit {
                connection: *connection,
                frame: Outbound::of(frame),
            },
            Output::Disconnect(ConnectionId(connection), close) => Self::Disconnect {
                connection: *connection,
                code: close.as_ref().map(|close| close.code),
            },
            Output::Event(event) => Self::of_event(event),
        }
    }

    fn of_event(event: &Event) -> Self {
        match event {
            Event::Phase(change) => Self::Phase {
                phase: change.phase.as_str(),
                reason: change.reason.as_ref().map(reason_name),
                next_attempt: change.next_attempt.map(Span::from),
            },
            Event::Health(health) => Self::Health {
                health: health.as_str(),
            },
            Event::ConnectionLost {
                connection: ConnectionId(connection),
                reason,
                owed,
            } => Self::ConnectionLost {
                connection: *connection,
                reason: reason_name(reason),
                owed: *owed,
            },
            Event::JobRequested(request) => Self::JobRequested {
                request: content(&request.encode()),
            },
            Event::JobRefused { request, reason } => Self::JobRefused {
                request: content(&request.encode()),
                reason: Verdict::refusal(*reason),
            },
            Event::JobDeclined { uuid, reason } => Self::JobDeclined {
                uuid: parse_uuid(uuid).map(|_| uuid.clone()),
                reason: reason.as_str(),
            },
            Event::JobOverdue { uuid } => Self::JobOverdue {
                uuid: uuid.to_string(),
            },
            Event::JobCheated(report) => Self::JobCheated {
                report: content(&report.encode()),
            },
            Event::CheatReportRefused { report, reason } => Self::CheatReportRefused {
                report: content(&report.encode()),
                reason: Verdict::refusal(*reason),
            },
            Event::Receipt(receipt) => Self::of_receipt(receipt),
            Event::Malformed(_) => Self::Malformed,
            Event::Unexpected(unexpected) => match unexpected {
                Unexpected::Response { errors } => Self::UnexpectedResponse {
                    errors: all(errors),
                },
                Unexpected::HeartbeatRefused { errors } => Self::HeartbeatRefused {
                    errors: all(errors),
                },
                Unexpected::Binary(bytes) => Self::UnexpectedBinary { bytes: *bytes },
            },
            Event::Missed { events } => Self::Missed { events: *events },
            Event::Stopped { owed } => Self::Stopped {
                owed: owed.iter().map(OwedLine::of).collect(),
            },
        }
    }

    fn of_receipt(receipt: &Receipt) -> Self {
        let about = match &receipt.subject {
            Subject::JobStatus { uuid, status } => format!("{uuid} {status}"),
            Subject::MachineSpecs { batch_id } => format!("specs {batch_id}"),
        };
        let (errors, owed) = match &receipt.outcome {
            Outcome::Acknowledged | Outcome::AlreadyKnown => (None, None),
            Outcome::Refused(errors) => (Some(all(errors)), None),
            Outcome::SetAside(owed) | Outcome::HandedBack(owed) => (None, Some(OwedLine::of(owed))),
        };
        Self::Receipt {
            id: receipt.id.as_u64(),
            about,
            automatic: receipt.automatic,
            outcome: receipt.outcome.as_str(),
            errors,
            owed,
        }
    }
}

impl OwedLine {
    fn of(owed: &Owed) -> Self {
        Self {
            id: owed.id.as_u64(),
            transmissions: owed.transmissions,
            automatic: owed.automatic,
            message: content(owed.as_json()),
        }
    }
}

impl Outbound {
    fn of(frame: &Frame) -> Self {
        match frame {
            Frame::Text(text) if is_authentication(text) => Self::Authentication,
            Frame::Text(text) => Self::Message(content(text)),
            Frame::Binary(bytes) => Self::Binary { bytes: bytes.len() },
            Frame::Ping(bytes) => Self::Ping {
                number: ping_number(bytes),
            },
            Frame::Pong(bytes) => Self::Pong { bytes: bytes.len() },
            Frame::Close(close) => Self::Close {
                code: close.as_ref().map(|close| close.code),
            },
        }
    }
}

/// As a session encodes it. Should it ever be encoded otherwise, it is redacted like any other message.
fn is_authentication(text: &str) -> bool {
    text.starts_with(r#"{"message_type":"V0AuthenticationRequest""#)
}

fn content(json: &str) -> Box<RawValue> {
    raw(redact(json))
}

fn all(errors: &[ResponseError]) -> Vec<Box<RawValue>> {
    errors
        .iter()
        .map(|error| content(&error.encode()))
        .collect()
}

/// Why a connection was lost, in words of ours only.
fn reason_name(reason: &LostReason) -> String {
    match reason {
        LostReason::ConnectFailed(failure) => match FailureKind::from(failure.kind) {
            FailureKind::Dns => "connect_failed dns".to_owned(),
            FailureKind::Refused => "connect_failed refused".to_owned(),
            FailureKind::Io => "connect_failed io".to_owned(),
            FailureKind::Tls => "connect_failed tls".to_owned(),
            FailureKind::Http { status } => format!("connect_failed http {status}"),
            FailureKind::Proxy { status: None } => "connect_failed proxy".to_owned(),
            FailureKind::Proxy {
                status: Some(status),
            } => format!("connect_failed proxy {status}"),
            FailureKind::Handshake => "connect_failed handshake".to_owned(),
            FailureKind::Timeout => "connect_failed timeout".to_owned(),
        },
        LostReason::AuthenticationTimeout => "authentication_timeout".to_owned(),
        LostReason::AuthenticationRefused(refusal) => match refusal {
            Refusal::ValidatorNotFound => "authentication_refused validator_not_found".to_owned(),
            Refusal::SignatureInvalid => "authentication_refused signature_invalid".to_owned(),
            Refusal::Other(_) => "authentication_refused".to_owned(),
        },
        LostReason::Closed(None) => "closed".to_owned(),
        LostReason::Closed(Some(close)) => format!("closed {}", close.code),
        LostReason::EndOfStream => "end_of_stream".to_owned(),
        LostReason::Io(_) => "io".to_owned(),
        LostReason::PongTimeout => "pong_timeout".to_owned(),
        LostReason::AcknowledgementTimeout => "acknowledgement_timeout".to_owned(),
        LostReason::Protocol(_) => "protocol".to_owned(),
        LostReason::NotAuthenticated(_) => "not_authenticated".to_owned(),
        LostReason::AmbiguousResponse(_) => "ambiguous_response".to_owned(),
    }
}
