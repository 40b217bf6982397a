//! What a facilitator says, and how it is told apart.

use alloc::boxed::Box;
use alloc::string::String;

use super::json::{Encode, Sink, Style, Value, Writer};
use super::reader::{self, Read, Reader};
use super::{
    DecodeError, DecodeMode, Decoded, Response, V0JobCheated, V2JobRequest, cheated, job_request,
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

impl FacilitatorMessage {
    /// Reads what a facilitator sent.
    ///
    /// # Errors
    /// [`DecodeError`] when the text is no such message; [`DecodeError::unknown_message_type`] tells those that a
    /// later protocol may know.
    #[inline]
    pub fn decode(text: &str, mode: DecodeMode) -> Result<Decoded<Self>, DecodeError> {
        // Nearly all that a facilitator ever says.
        if Response::is_plain_success(text) {
            return Ok(Decoded::new(Self::Response(Response::success())));
        }
        Self::decode_other(text, mode)
    }

    /// Apart, so that the test for a plain success can be inlined without all of this.
    #[inline(never)]
    fn decode_other(text: &str, mode: DecodeMode) -> Result<Decoded<Self>, DecodeError> {
        reader::decode(text, mode, Self::read)
    }

    /// The message as the facilitator pushes it: Python's `json.dumps`, with spaces and ASCII escapes.
    ///
    /// Only job requests and cheat reports are pushed so; a `Response` goes out as [`encode`](Self::encode) writes it.
    pub fn encode_python(&self) -> String {
        self.to_json(Style::Python)
    }
}

impl FacilitatorMessage {
    const TYPES: &str = "'V2JobRequest', 'V0JobCheated'";

    /// By `message_type`. A `Response` has none, but a `status`; a `V0JobCheated` may lack it.
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let message_type = value.get("message_type");
        let is = |tag| message_type.is_some_and(|found| found.is(tag));
        let has = |name| message_type.is_none() && value.get(name).is_some();
        if is(job_request::TAG) {
            V2JobRequest::read(r, value).map(|request| Self::JobRequest(Box::new(request)))
        } else if is("Response") || has("status") {
            // The reference forbids a `Response` its tag, but what such a tag says leaves no doubt.
            Response::read(r, value).map(Self::Response)
        } else if is(cheated::TAG) || (has("job_uuid") && has("trusted_job_uuid")) {
            V0JobCheated::read(r, value).map(|report| Self::JobCheated(Box::new(report)))
        } else {
            let tag = r.tag(value, "message_type", Self::TYPES)?;
            Err(r.unknown_tag(value, "message_type", &tag, Self::TYPES))
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
