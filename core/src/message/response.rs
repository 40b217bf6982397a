//! `Response`: the facilitator's answer to a frame.

use alloc::string::String;
use alloc::vec::Vec;

use super::JsonMap;
use super::names::wire_names;

wire_names! {
    /// Whether the facilitator did what a frame asked for.
    "response status" ResponseStatus {
        /// It did not.
        Error = "error",
        /// It did.
        Success = "success",
    }
}

/// The facilitator's answer to a frame: the reference's `Response`. It names no frame: answers come in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The verdict.
    pub status: ResponseStatus,
    /// What went wrong; the reference allows them with a success, too.
    pub errors: Vec<ResponseError>,
}

impl Response {
    /// The plain success, which is exactly `{"status":"success","errors":[]}` on the wire.
    pub const fn success() -> Self {
        Self {
            status: ResponseStatus::Success,
            errors: Vec::new(),
        }
    }

    /// An error with one reason.
    pub fn error(error: ResponseError) -> Self {
        Self {
            status: ResponseStatus::Error,
            errors: [error].into(),
        }
    }

    /// Whether the verdict is a success.
    pub fn is_success(&self) -> bool {
        self.status == ResponseStatus::Success
    }
}

/// One reason of an error [`Response`]: the reference's `Error`.
///
/// A frame that does not validate is answered with the validation library's own keys in [`extra`](Self::extra):
/// `loc`, `input`, `ctx`, `url`. `input` echoes what was sent, secrets included; `Debug` does not show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseError {
    /// What happened, in words.
    pub msg: String,
    /// What happened, by name (`type` on the wire): `job.not_found`, `auth.signature_invalid`, `missing`.
    pub kind: String,
    /// What to do about it; empty when there is no advice.
    pub help: String,
    /// Every other key, in wire order.
    pub extra: JsonMap,
}

impl ResponseError {
    /// A reason without advice and without extra keys.
    pub fn new(kind: impl Into<String>, msg: impl Into<String>) -> Self {
        Self {
            msg: msg.into(),
            kind: kind.into(),
            help: String::new(),
            extra: JsonMap::new(),
        }
    }
}
