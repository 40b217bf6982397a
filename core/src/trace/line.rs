//! The lines of a trace, as serde sees them, and how an input becomes one.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::header::{Header, Trust};
use super::redact::redact;
use super::time::Span;
use super::verdict::Verdict;
use crate::client::{
    ConnectFailure, ConnectFailureKind, Disconnected, Snapshot, is_response_shaped,
};
use crate::message::{DecodeError, DecodeMode, FacilitatorMessage, Issue};
use crate::{ConnectionId, Frame};

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// The first one, and no other.
    Session(Box<Header>),
    /// What the session was told. The lines of its outputs follow.
    Input(Step),
    /// What the session did, as [`OutputLine`](super::output::OutputLine) writes it.
    Output(Box<RawValue>),
}

/// One input of a session.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// The time that the session was told, or had been told before if that is later.
    pub(super) at: Span,
    /// How many outputs it led to.
    pub(super) outputs: usize,
    pub(super) what: Input,
}

/// An input that was accepted. Messages are redacted.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Input {
    Start,
    Stop,
    Abort,
    Tick,
    WallClock {
        unix: Span,
    },
    Trust(Trust),
    /// What the driver keeps of job requests.
    WaitingJobs {
        bytes: usize,
    },
    Restore(Box<Snapshot>),
    Adopt {
        uuid: String,
        time_left: Span,
    },
    Status(Box<RawValue>),
    Specs(Box<RawValue>),
    Connected {
        connection: u64,
    },
    ConnectFailed {
        connection: u64,
        kind: FailureKind,
        retry_after: Option<Span>,
    },
    Frame {
        connection: u64,
        frame: Inbound,
        /// On its signature, if that was looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verdict: Option<Verdict>,
    },
    Disconnected {
        connection: u64,
        how: How,
    },
}

/// The step at which a connection attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum FailureKind {
    Dns,
    Refused,
    Io,
    Tls,
    Http { status: u16 },
    Proxy { status: Option<u16> },
    Handshake,
    Timeout,
}

impl From<ConnectFailureKind> for FailureKind {
    fn from(kind: ConnectFailureKind) -> Self {
        match kind {
            ConnectFailureKind::Dns => Self::Dns,
            ConnectFailureKind::Refused => Self::Refused,
            ConnectFailureKind::Io => Self::Io,
            ConnectFailureKind::Tls => Self::Tls,
            ConnectFailureKind::Http { status } => Self::Http { status },
            ConnectFailureKind::Proxy { status } => Self::Proxy { status },
            ConnectFailureKind::Handshake => Self::Handshake,
            ConnectFailureKind::Timeout => Self::Timeout,
        }
    }
}

impl From<FailureKind> for ConnectFailureKind {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Dns => Self::Dns,
            FailureKind::Refused => Self::Refused,
            FailureKind::Io => Self::Io,
            FailureKind::Tls => Self::Tls,
            FailureKind::Http { status } => Self::Http { status },
            FailureKind::Proxy { status } => Self::Proxy { status },
            FailureKind::Handshake => Self::Handshake,
            FailureKind::Timeout => Self::Timeout,
        }
    }
}

/// How a connection ended, without what the system or the peer said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum How {
    Closed { code: Option<u16> },
    EndOfStream,
    Io,
    Protocol,
}

impl From<&Disconnected> for How {
    fn from(how: &Disconnected) -> Self {
        match how {
            Disconnected::Closed(close) => Self::Closed {
                code: close.as_ref().map(|close| close.code),
            },
            Disconnected::EndOfStream => Self::EndOfStream,
            Disconnected::Io(_) => Self::Io,
            Disconnected::Protocol(_) => Self::Protocol,
        }
    }
}

/// A frame that was read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Inbound {
    /// A message, in the reference's compact spelling.
    Message(Box<RawValue>),
    /// A text that is no message. What it holds is unknown, so nothing of it is kept.
    Malformed {
        bytes: usize,
        /// Whether it was meant as a `Response`.
        response: bool,
        /// What is wrong with it, by the reference's names.
        issues: Vec<String>,
    },
    Binary {
        bytes: usize,
    },
    Ping {
        bytes: usize,
    },
    /// With the number that it answers, when it has one of ours.
    Pong {
        bytes: usize,
        number: Option<u64>,
    },
    Close {
        code: Option<u16>,
    },
}

/// Ours count from 1. A larger number in a pong is something else, of which nothing is kept.
const LARGEST_PING: u64 = u32::MAX as u64;

impl Inbound {
    pub(super) fn of(frame: &Frame, mode: DecodeMode) -> Self {
        match frame {
            Frame::Text(text) => match FacilitatorMessage::decode(text, mode) {
                Ok(decoded) => Self::Message(raw(redact(&decoded.message.encode()))),
                Err(error) => Self::malformed(text, &error),
            },
            Frame::Binary(bytes) => Self::Binary { bytes: bytes.len() },
            Frame::Ping(bytes) => Self::Ping { bytes: bytes.len() },
            Frame::Pong(bytes) => Self::Pong {
                bytes: bytes.len(),
                number: ping_number(bytes),
            },
            Frame::Close(close) => Self::Close {
                code: close.as_ref().map(|close| close.code),
            },
        }
    }

    fn malformed(text: &str, error: &DecodeError) -> Self {
        let name = |issue: &Issue| issue.kind.name().to_owned();
        Self::Malformed {
            bytes: text.len(),
            response: is_response_shaped(text),
            issues: error.issues().iter().map(name).collect(),
        }
    }
}

/// The number of one of our pings.
pub(super) fn ping_number(payload: &[u8]) -> Option<u64> {
    let number = u64::from_be_bytes(payload.try_into().ok()?);
    (number <= LARGEST_PING).then_some(number)
}

impl Input {
    pub(super) fn connect_failed(connection: ConnectionId, failure: &ConnectFailure) -> Self {
        Self::ConnectFailed {
            connection: connection.0,
            kind: failure.kind.into(),
            retry_after: failure.retry_after.map(Span::from),
        }
    }

    pub(super) fn restore(snapshot: &Snapshot) -> Self {
        Self::Restore(Box::new(
            snapshot.map_messages(|message| redact(message).into()),
        ))
    }
}

/// JSON that was redacted, to stand in a line as it is.
pub(super) fn raw(json: String) -> Box<RawValue> {
    // What a session encodes is JSON, and redacting leaves it that.
    RawValue::from_string(json).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
