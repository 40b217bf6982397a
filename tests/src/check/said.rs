//! What a frame says, as far as the checks have to know. Read from its text with a few look-ups, and with no decoder of the
//! code under test.

use std::fmt;

use facilitator_core::Frame;

use crate::solo::job;

/// What a text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Authentication,
    Heartbeat,
    /// A status of a job, by its number and its name on the wire.
    Status(u8, String),
    Request(u8),
    Success,
    /// An error `Response` with this type.
    Error(String),
    Other,
}

impl Said {
    pub(super) fn of(text: &str) -> Self {
        if text.contains(r#""V0JobStatusUpdate""#) {
            let status = after(text, r#""status":""#);
            number(text).map_or(Self::Other, |job| Self::Status(job, status.into()))
        } else if text.contains(r#""V0AuthenticationRequest""#) {
            Self::Authentication
        } else if text.contains(r#""V0Heartbeat""#) {
            Self::Heartbeat
        } else if text.contains(r#""V2JobRequest""#) {
            number(text).map_or(Self::Other, Self::Request)
        } else if text.starts_with(r#"{"status":"success""#) {
            Self::Success
        } else if text.starts_with(r#"{"status":"error""#) {
            Self::Error(after(text, r#""type":""#).into())
        } else {
            Self::Other
        }
    }

    /// Whether it answers something.
    pub(super) const fn is_response(&self) -> bool {
        matches!(self, Self::Success | Self::Error(_))
    }
}

/// The job that a text is about, by its number.
fn number(text: &str) -> Option<u8> {
    (0..u8::MAX)
        .take(8)
        .find(|n| text.contains(&job((*n).into())))
}

/// What stands between this and the next quotation mark.
fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    let rest = text.split_once(mark).map_or("", |(_, rest)| rest);
    rest.split('"').next().unwrap_or_default()
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authentication => f.write_str("the authentication"),
            Self::Heartbeat => f.write_str("a heartbeat"),
            Self::Status(job, status) => write!(f, "job {job} {status}"),
            Self::Request(job) => write!(f, "the request of job {job}"),
            Self::Success => f.write_str("success"),
            Self::Error(kind) => write!(f, "the error {kind}"),
            Self::Other => f.write_str("something else"),
        }
    }
}

/// A frame, in words.
pub(super) fn in_words(frame: &Frame) -> String {
    match frame {
        Frame::Text(text) => Said::of(text).to_string(),
        Frame::Binary(_) => "bytes".into(),
        Frame::Ping(_) => "a ping".into(),
        Frame::Pong(_) => "a pong".into(),
        Frame::Close(None) => "a close".into(),
        Frame::Close(Some(close)) => format!("a close with {}", close.code),
    }
}
