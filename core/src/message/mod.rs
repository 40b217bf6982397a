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
//! | the same, where the reference passes over it (volumes, uploads, details) | kept aside and counted | kept aside and counted |
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
mod codec;
mod error;
mod facilitator;
mod integer;
mod job_request;
mod json;
mod map;
mod metadata;
mod names;
mod number;
mod poison;
mod reader;
mod redact;
mod response;
mod signature_info;
mod specs;
mod status;
#[cfg(test)]
mod tests;
mod upload;
mod validator;
mod volume;
mod weight;

pub use authentication::{V0AuthenticationRequest, V0Heartbeat};
pub use cheated::V0JobCheated;
pub use codec::{DecodeMode, Decoded, UnknownField};
pub use error::{DecodeError, ExpectedType, Issue, IssueKind, JsonType, PathSegment};
pub use facilitator::FacilitatorMessage;
pub use integer::{Integer, ParseIntegerError};
pub use job_request::{ExecutorClass, StreamingDetails, V2JobRequest};
pub(crate) use json::{Encode, Sink, Style, Writer};
pub use json::{Json, MAX_BYTES, MAX_DEPTH, MAX_VALUES};
pub use map::{JsonMap, OrderedMap, StringMap};
pub use metadata::{
    HordeFailureDetails, HordeFailureReason, JobFailureDetails, JobFailureReason, JobFailureStage,
    JobParticipant, JobRejectionDetails, JobRejectionReason, JobStatusMetadata, MinerResponse,
    StreamingServerDetails,
};
pub use names::UnknownName;
pub use poison::parse_uuid;
pub(crate) use poison::{
    contains_nul, is_within_limits, missing_specs_part, missing_streaming_detail, parse_usual_uuid,
};
pub(crate) use redact::RedactedUrl;
pub use redact::scrub;
pub use response::{Response, ResponseError, ResponseStatus};
pub use signature_info::{SignatureInfo, SignatureScope};
pub use specs::V0MachineSpecsUpdate;
pub use status::{JobStatus, V0JobStatusUpdate};
pub use upload::{
    MultiUpload, OutputUpload, SingleFilePostUpload, SingleFilePutUpload, SingleFileUpload,
    ZipAndHttpPostUpload, ZipAndHttpPutUpload, ZipUpload,
};
pub use validator::ValidatorMessage;
pub use volume::{
    AllowPatterns, HuggingfaceVolume, InlineVolume, MultiVolume, SingleFileVolume, SingleVolume,
    Volume, ZipUrlVolume,
};
