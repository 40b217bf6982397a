//! What all messages have in common: how they are decoded, encoded and serialized.

use alloc::string::String;
use alloc::vec::Vec;

use super::json;
use super::{
    DecodeError, Encode, FacilitatorMessage, Integer, JobStatusMetadata, Json, OrderedMap,
    OutputUpload, PathSegment, Response, ResponseError, SignatureInfo, Style,
    V0AuthenticationRequest, V0Heartbeat, V0JobCheated, V0JobStatusUpdate, V0MachineSpecsUpdate,
    V2JobRequest, ValidatorMessage, Volume, reader,
};

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
    pub unknown_fields: Vec<UnknownField>,
    /// How many unknown fields there were.
    pub unknown_field_count: usize,
}

impl<T> Decoded<T> {
    /// A message without anything unknown.
    pub(super) const fn new(message: T) -> Self {
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
