//! The wire: every message of the protocol, its fields, its exact encoding, and what is refused.
//!
//! No session, no keys, no clock. A message is plain data with public fields. [`FacilitatorMessage::decode`] and
//! [`ValidatorMessage::decode`] read what one end hears; every message type has a `decode` of its own as well, and
//! `encode` writes the bytes that the reference writes.
//!
//! ```
//! use facilitator_core::message::{DecodeMode, FacilitatorMessage, JobStatus, V0JobStatusUpdate};
//!
//! let update = V0JobStatusUpdate::new("f4b1c4b2-5d3f-4a39-9c75-0a0c0de61d4b", JobStatus::Received);
//! assert_eq!(
//!     update.encode(),
//!     r#"{"message_type":"V0JobStatusUpdate","uuid":"f4b1c4b2-5d3f-4a39-9c75-0a0c0de61d4b","status":"received","metadata":null}"#,
//! );
//!
//! let heard = FacilitatorMessage::decode(r#"{"status":"success","errors":[]}"#, DecodeMode::Lenient)?;
//! assert!(matches!(heard.message, FacilitatorMessage::Response(response) if response.is_success()));
//! # Ok::<(), facilitator_core::message::DecodeError>(())
//! ```
//!
//! # Two modes, one code path
//!
//! | what | [`Lenient`](DecodeMode::Lenient) | [`Strict`](DecodeMode::Strict) |
//! |---|---|---|
//! | a field that the protocol does not name, where the reference forbids it | kept aside and counted | refused |
//! | the same, where the reference passes over it (volumes, uploads, details) | kept aside and counted | passed over |
//! | the same, where the reference keeps it (metadata, miner response, errors) | part of the message | part of the message |
//! | `V0JobCheated` without `details` | null | refused |
//! | anything else | as the reference | as the reference |
//!
//! An unknown `message_type` is an error in both: see [`DecodeError::unknown_message_type`].
//!
//! # What is read as something else
//!
//! The reference coerces some types. So does this reader, since a signature is checked over what was coerced to.
//!
//! | class | example | here |
//! |---|---|---|
//! | an integer in a string, or one with a fraction of zeros | `"5"`, `" 1_000 "`, `5.0` | read |
//! | a truth value as an integer, an integer or a word as a truth value | `true`, `1`, `"yes"` | read |
//! | base64 with what is no base64 in between or behind it | `"!!A*A=="` | read, as Python does |
//! | `NaN`, `Infinity`, `-Infinity` in opaque values | `{"x":NaN}` | read, sent on as null as the reference does, signed by name |
//!
//! What the reference accepts and this reader refuses, each for its own reason:
//!
//! | class | why |
//! |---|---|
//! | a message of more than 64 MiB | memory is bounded; the reference's own frames end at 50 MiB |
//! | a message of more than 1,048,576 values and keys | the same |
//! | frames that are no UTF-8 | a WebSocket text frame that is none is broken as such |
//!
//! # Hostile input
//!
//! One pass without recursion checks the grammar and the limits: 64 MiB, 1,048,576 values, 200 levels, 4300 digits.
//! All that follows is bounded by what passed. Errors keep [`DecodeError::MAX_ISSUES`] issues,
//! [`Decoded`] keeps [`Decoded::MAX_UNKNOWN_FIELDS`] unknown fields; both count the rest.

mod authentication;
mod base64;
mod cheated;
mod error;
mod integer;
mod job_request;
mod json;
mod map;
mod metadata;
mod names;
mod number;
mod reader;
mod redact;
mod response;
mod signature_info;
mod specs;
mod status;
mod upload;
mod volume;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use reader::{Read, Reader};

pub use authentication::{V0AuthenticationRequest, V0Heartbeat};
pub use cheated::V0JobCheated;
pub use error::{DecodeError, ExpectedType, Issue, IssueKind, JsonType, PathSegment};
pub use integer::{Integer, ParseIntegerError};
pub use job_request::{ExecutorClass, StreamingDetails, V2JobRequest};
pub(crate) use json::{Encode, Sink, Style, Value, Writer, escape_python};
pub use json::{Json, MAX_BYTES, MAX_DEPTH, MAX_VALUES};
pub use map::{JsonMap, OrderedMap, StringMap};
pub use metadata::{
    HordeFailureDetails, HordeFailureReason, JobFailureDetails, JobFailureReason, JobFailureStage,
    JobParticipant, JobRejectionDetails, JobRejectionReason, JobStatusMetadata, MinerResponse,
    StreamingServerDetails,
};
pub use names::UnknownName;
pub use response::{Response, ResponseError, ResponseStatus};
pub use signature_info::{SignatureInfo, SignatureScope};
pub use specs::V0MachineSpecsUpdate;
pub use status::{JobStatus, V0JobStatusUpdate};
pub use upload::{
    MultiUpload, OutputUpload, SingleFilePostUpload, SingleFilePutUpload, SingleFileUpload,
    ZipAndHttpPostUpload, ZipAndHttpPutUpload, ZipUpload,
};
pub use volume::{
    AllowPatterns, HuggingfaceVolume, InlineVolume, MultiVolume, SingleFileVolume, SingleVolume,
    Volume, ZipUrlVolume,
};

/// What a facilitator sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FacilitatorMessage {
    /// The answer to a frame.
    Response(Response),
    /// A job to run.
    JobRequest(Box<V2JobRequest>),
    /// A miner cheated.
    JobCheated(Box<V0JobCheated>),
}

/// What a validator sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValidatorMessage {
    /// The first frame of a connection.
    Authentication(V0AuthenticationRequest),
    /// The sign of life.
    Heartbeat,
    /// A job's new status.
    JobStatus(V0JobStatusUpdate),
    /// A machine's specification.
    MachineSpecs(V0MachineSpecsUpdate),
}

/// How to treat what the protocol does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DecodeMode {
    /// Unknown fields are kept and counted: the protocol grows.
    #[default]
    Lenient,
    /// What the reference rejects is rejected.
    Strict,
}

/// A decoded message, and what it held beyond the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded<T> {
    /// The message.
    pub message: T,
    /// Fields that the protocol does not name: the first [`MAX_UNKNOWN_FIELDS`](Self::MAX_UNKNOWN_FIELDS) of them.
    /// Always empty in strict mode.
    pub unknown_fields: Vec<UnknownField>,
    /// How many unknown fields there were.
    pub unknown_field_count: usize,
}

impl<T> Decoded<T> {
    /// A message without anything unknown.
    const fn new(message: T) -> Self {
        Self {
            message,
            unknown_fields: Vec::new(),
            unknown_field_count: 0,
        }
    }

    /// How many unknown fields are kept; the others are only counted.
    pub const MAX_UNKNOWN_FIELDS: usize = 64;
}

/// A field that the protocol does not name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownField {
    /// The path to it.
    pub loc: Vec<PathSegment>,
    /// What it holds.
    pub value: Json,
}

impl FacilitatorMessage {
    const TYPES: &str = "'V2JobRequest', 'V0JobCheated'";

    /// By `message_type`. A `Response` has none, but a `status`; a `V0JobCheated` may lack it.
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let [message_type, status, job_uuid, trusted_job_uuid] = r.peek(
            value,
            ["message_type", "status", "job_uuid", "trusted_job_uuid"],
        )?;
        if !message_type.is_there() {
            if status.is_there() {
                return Response::read(r, value).map(Self::Response);
            }
            if job_uuid.is_there() && trusted_job_uuid.is_there() {
                return V0JobCheated::read(r, value)
                    .map(|report| Self::JobCheated(Box::new(report)));
            }
        }
        let tag = r.tag(value, "message_type", Self::TYPES)?;
        match &*tag {
            job_request::TAG => {
                V2JobRequest::read(r, value).map(|request| Self::JobRequest(Box::new(request)))
            }
            cheated::TAG => {
                V0JobCheated::read(r, value).map(|report| Self::JobCheated(Box::new(report)))
            }
            // The reference forbids the tag, but what it says leaves no doubt.
            "Response" => Response::read(r, value).map(Self::Response),
            _ => Err(r.unknown_tag(value, "message_type", &tag, Self::TYPES)),
        }
    }
}

impl ValidatorMessage {
    const TYPES: &str =
        "'V0AuthenticationRequest', 'V0JobStatusUpdate', 'V0MachineSpecsUpdate', 'V0Heartbeat'";

    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let tag = r.tag(value, "message_type", Self::TYPES)?;
        match &*tag {
            authentication::TAG => r
                .within(authentication::TAG, |r| {
                    V0AuthenticationRequest::read(r, value)
                })
                .map(Self::Authentication),
            authentication::HEARTBEAT_TAG => r
                .within(authentication::HEARTBEAT_TAG, |r| {
                    V0Heartbeat::read(r, value)
                })
                .map(|_| Self::Heartbeat),
            status::TAG => r
                .within(status::TAG, |r| V0JobStatusUpdate::read(r, value))
                .map(Self::JobStatus),
            specs::TAG => r
                .within(specs::TAG, |r| V0MachineSpecsUpdate::read(r, value))
                .map(Self::MachineSpecs),
            _ => Err(r.unknown_tag(value, "message_type", &tag, Self::TYPES)),
        }
    }

    /// The `message_type`.
    pub const fn message_type(&self) -> &'static str {
        match self {
            Self::Authentication(_) => authentication::TAG,
            Self::Heartbeat => authentication::HEARTBEAT_TAG,
            Self::JobStatus(_) => status::TAG,
            Self::MachineSpecs(_) => specs::TAG,
        }
    }
}

impl V2JobRequest {
    /// The reference knows one type of job request, and still tells it by its tag.
    fn read_tagged<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        const TYPES: &str = "'V2JobRequest'";
        let tag = r.tag(value, "message_type", TYPES)?;
        if tag == job_request::TAG {
            Self::read(r, value)
        } else {
            Err(r.unknown_tag(value, "message_type", &tag, TYPES))
        }
    }
}

impl Encode for FacilitatorMessage {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        match self {
            Self::Response(response) => response.write(w),
            Self::JobRequest(request) => request.write(w),
            Self::JobCheated(report) => report.write(w),
        }
    }
}

impl Encode for ValidatorMessage {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        match self {
            Self::Authentication(request) => request.write(w),
            Self::Heartbeat => V0Heartbeat.write(w),
            Self::JobStatus(update) => update.write(w),
            Self::MachineSpecs(update) => update.write(w),
        }
    }
}

impl FacilitatorMessage {
    /// Reads what a facilitator sent.
    ///
    /// # Errors
    /// [`DecodeError`] when the text is no such message; [`DecodeError::unknown_message_type`] tells those that a
    /// later protocol may know.
    pub fn decode(text: &str, mode: DecodeMode) -> Result<Decoded<Self>, DecodeError> {
        // Nearly all that a facilitator ever says.
        if text == response::SUCCESS {
            return Ok(Decoded::new(Self::Response(Response::success())));
        }
        reader::decode(text, mode, Self::read)
    }

    /// The message as the facilitator pushes it: Python's `json.dumps`, with spaces and ASCII escapes.
    ///
    /// Only job requests and cheat reports are pushed so; a `Response` goes out as [`encode`](Self::encode) writes it.
    pub fn encode_python(&self) -> String {
        self.to_json(Style::Python)
    }
}

impl Response {
    /// Reads a response.
    ///
    /// # Errors
    /// [`DecodeError`] when the text is none.
    pub fn decode(text: &str, mode: DecodeMode) -> Result<Decoded<Self>, DecodeError> {
        if text == response::SUCCESS {
            return Ok(Decoded::new(Self::success()));
        }
        reader::decode(text, mode, Self::read)
    }
}

macro_rules! decode {
    ($($what:literal $message:ident $read:ident),* $(,)?) => {$(
        impl $message {
            #[doc = concat!("Reads ", $what, ".")]
            ///
            /// # Errors
            /// [`DecodeError`] when the text is none.
            pub fn decode(text: &str, mode: DecodeMode) -> Result<Decoded<Self>, DecodeError> {
                reader::decode(text, mode, Self::$read)
            }
        }
    )*};
}
decode!(
    "what a validator sent" ValidatorMessage read,
    "a job request; its `message_type` is required" V2JobRequest read_tagged,
    "a cheat report" V0JobCheated read,
    "an authentication" V0AuthenticationRequest read,
    "a heartbeat" V0Heartbeat read,
    "a job's new status" V0JobStatusUpdate read,
    "a machine's specification" V0MachineSpecsUpdate read,
    "the metadata of a job's status" JobStatusMetadata read,
);

macro_rules! encode {
    ($($message:ident),* $(,)?) => {$(
        impl $message {
            /// The JSON that the reference's own serializer writes: compact, fields as declared, nulls written.
            pub fn encode(&self) -> String {
                self.to_json(Style::Compact)
            }
        }

        impl serde::Serialize for $message {
            /// As a `serde_json` `RawValue` of what `encode` writes: for `serde_json` only.
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                json::serialize_raw(self.encode(), serializer)
            }
        }
    )*};
}
encode!(
    FacilitatorMessage,
    ValidatorMessage,
    Response,
    ResponseError,
    V2JobRequest,
    SignatureInfo,
    Volume,
    OutputUpload,
    V0JobCheated,
    V0AuthenticationRequest,
    V0Heartbeat,
    V0JobStatusUpdate,
    JobStatusMetadata,
    V0MachineSpecsUpdate,
);

impl<T: Encode> serde::Serialize for OrderedMap<T> {
    /// As a `serde_json` `RawValue`: for `serde_json` only.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::serialize_raw(self.to_json(Style::Compact), serializer)
    }
}

impl serde::Serialize for Integer {
    /// As a `serde_json` `RawValue`: for `serde_json` only.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::serialize_raw(self.to_json(Style::Compact), serializer)
    }
}
