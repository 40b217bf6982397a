//! Signing and verifying job requests and cheat reports: a message on each line of stdin, its fate on one of stdout.

use std::fmt;
use std::time::SystemTime;

use facilitator_tokio::Keypair;
use facilitator_tokio::core::message::{
    DecodeError, DecodeMode, FacilitatorMessage, V0JobCheated, V2JobRequest,
};
use facilitator_tokio::core::signature::{
    AccountId, SignatureError, SignedMessage, sign_job_cheated, sign_job_request,
    verify_job_cheated, verify_job_request,
};
use serde::Serialize;

use super::streams::{self, Line, Lines};
use crate::failure::Failure;

/// What can be signed.
enum Request {
    Job(Box<V2JobRequest>),
    Cheated(Box<V0JobCheated>),
}

/// Why a line holds nothing that can be signed.
enum Unreadable {
    TooLong,
    NotUtf8,
    Message(DecodeError),
    Response,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "longer than {} bytes", streams::LINE_BYTES),
            Self::NotUtf8 => f.write_str("the text is not UTF-8"),
            Self::Message(error) => write!(f, "{error}"),
            Self::Response => f.write_str(
                "a `Response` is never signed; accepted are `V2JobRequest` and `V0JobCheated`",
            ),
        }
    }
}

impl Request {
    /// Strictly, as the reference reads it; so nothing is there that signing would drop.
    fn read(line: Line<'_>) -> Result<Self, Unreadable> {
        let Line::Whole(bytes) = line else {
            return Err(Unreadable::TooLong);
        };
        let text = str::from_utf8(bytes).map_err(|_| Unreadable::NotUtf8)?;
        let decoded = FacilitatorMessage::decode(text, DecodeMode::Strict);
        match decoded.map_err(Unreadable::Message)?.message {
            FacilitatorMessage::JobRequest(request) => Ok(Self::Job(request)),
            FacilitatorMessage::JobCheated(report) => Ok(Self::Cheated(report)),
            FacilitatorMessage::Response(_) => Err(Unreadable::Response),
        }
    }

    fn as_signed(&self) -> SignedMessage<'_> {
        match self {
            Self::Job(request) => (&**request).into(),
            Self::Cheated(report) => (&**report).into(),
        }
    }

    fn uuid(&self) -> &str {
        match self {
            Self::Job(request) => &request.uuid,
            Self::Cheated(report) => &report.job_uuid,
        }
    }

    /// Who says to have signed, valid or not.
    fn signatory(&self) -> Option<AccountId> {
        let signature = self.as_signed().signature()?;
        AccountId::from_ss58(&signature.signatory).ok()
    }

    fn verify(&self) -> Result<(), SignatureError> {
        match self {
            Self::Job(request) => verify_job_request(request),
            Self::Cheated(report) => verify_job_cheated(report),
        }
        .map(drop)
    }

    fn sign(&mut self, keypair: &Keypair, timestamp_ns: u64) {
        match self {
            Self::Job(request) => sign_job_request(request, keypair, timestamp_ns),
            Self::Cheated(report) => sign_job_cheated(report, keypair, timestamp_ns),
        }
    }

    fn into_message(self) -> FacilitatorMessage {
        match self {
            Self::Job(request) => FacilitatorMessage::JobRequest(request),
            Self::Cheated(report) => FacilitatorMessage::JobCheated(report),
        }
    }
}

/// Signs what has no signature, and prints everything.
pub(super) fn sign(keypair: &Keypair, timestamp_ns: Option<u64>) -> Result<(), Failure> {
    let mut lines = Lines::of_stdin();
    while let Some((number, line)) = lines.next()? {
        let mut request = Request::read(line)
            .map_err(|error| Failure::failed(format!("line {number} of stdin: {error}")))?;
        if request.as_signed().signature().is_none() {
            request.sign(keypair, timestamp_ns.unwrap_or_else(now));
        }
        streams::print(&request.into_message().encode_python())?;
    }
    Ok(())
}

/// What is printed of a line.
#[derive(Serialize)]
struct Judged<'a> {
    line: u64,
    uuid: Option<&'a str>,
    verdict: &'static str,
    signatory: Option<String>,
    reason: Option<String>,
}

/// Prints a verdict on each line.
pub(super) fn verify() -> Result<(), Failure> {
    let mut lines = Lines::of_stdin();
    let (mut total, mut valid) = (0_u64, 0_u64);
    while let Some((line, content)) = lines.next()? {
        let request = Request::read(content);
        let (verdict, reason) = match request.as_ref().map(Request::verify) {
            Ok(Ok(())) => ("valid", None),
            Ok(Err(SignatureError::Missing)) => ("unsigned", None),
            Ok(Err(SignatureError::Bad(error))) => ("invalid", Some(error.to_string())),
            Ok(Err(error)) => ("invalid", Some(error.to_string())),
            Err(error) => ("invalid", Some(error.to_string())),
        };
        total += 1;
        valid += u64::from(verdict == "valid");
        let request = request.as_ref().ok();
        streams::print_json(&Judged {
            line,
            uuid: request.map(Request::uuid),
            verdict,
            signatory: request.and_then(Request::signatory).map(AccountId::to_ss58),
            reason,
        })?;
    }
    if valid == total {
        Ok(())
    } else {
        Err(Failure::failed(format!(
            "{} of {total} messages are not valid",
            total - valid
        )))
    }
}

/// Nanoseconds since the Unix epoch.
fn now() -> u64 {
    let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}
