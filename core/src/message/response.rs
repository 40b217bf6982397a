//! `Response`: the facilitator's answer to a frame.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::error::{IssueKind, shorten};
use super::json::{Encode, Sink, Value, Writer};
use super::names::wire_names;
use super::reader::{self, Read, Reader};
use super::{DecodeError, DecodeMode, Decoded, Json, JsonMap, PathSegment};

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
/// `loc`, `input`, `ctx`, `url`. `input` echoes what was sent, secrets included; `Debug` does not show it, and shows of the
/// words the beginning, [scrubbed](super::scrub).
#[derive(Clone, PartialEq, Eq)]
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

impl fmt::Debug for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseError")
            .field("msg", &shorten(&self.msg))
            .field("kind", &shorten(&self.kind))
            .field("help", &shorten(&self.help))
            .field("extra", &self.extra)
            .finish()
    }
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

/// The plain success as the facilitator writes it: most of what a validator ever reads.
const SUCCESS: &[u8; 32] = br#"{"status":"success","errors":[]}"#;

impl Response {
    /// Whether `text` is the plain success, byte by byte. Of a known length, so that no loop is needed to tell.
    #[inline]
    pub(crate) fn is_plain_success(text: &str) -> bool {
        <&[u8; 32]>::try_from(text.as_bytes()).is_ok_and(|bytes| bytes == SUCCESS)
    }

    /// Reads a response.
    ///
    /// # Errors
    /// [`DecodeError`] when the text is none.
    #[inline]
    pub fn decode(text: &str, mode: DecodeMode) -> Result<Decoded<Self>, DecodeError> {
        if Self::is_plain_success(text) {
            return Ok(Decoded::new(Self::success()));
        }
        Self::decode_other(text, mode)
    }

    /// Apart, so that the test for a plain success can be inlined without all of this.
    #[inline(never)]
    fn decode_other(text: &str, mode: DecodeMode) -> Result<Decoded<Self>, DecodeError> {
        reader::decode(text, mode, Self::read)
    }
}

impl Response {
    pub(super) fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        const STATUS: IssueKind = IssueKind::Literal {
            expected: "'error' or 'success'",
        };
        let ([status, errors], rest) = r.model(value, &["status", "errors"])?;
        let status = r.required(status, |r, value| {
            r.strict_name(value, ResponseStatus::from_name, STATUS)
        });
        let errors = r.or(errors, Vec::new(), |r, list| {
            r.list(list, ResponseError::read)
        });
        r.forbid(&rest);
        Ok(Self {
            status: status?,
            errors: errors?,
        })
    }
}

impl ResponseError {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([msg, kind, help], rest) = r.model(value, &["msg", "type", "help"])?;
        let msg = r.required(msg, Reader::string);
        let kind = r.required(kind, Reader::string);
        let help = r.or(help, String::new(), Reader::string);
        let extra = r.keep(&rest);
        Ok(Self {
            msg: msg?,
            kind: kind?,
            help: help?,
            extra,
        })
    }

    /// Where in the frame the error is, for an error of the validation library: its `loc`.
    ///
    /// Nothing when there is no `loc`, or it is no path.
    pub fn loc(&self) -> Option<Vec<PathSegment>> {
        let segment = |step: Json| match (step.to_text(), step.as_str().parse()) {
            (Some(key), _) => Some(PathSegment::Key(shorten(&key))),
            (None, index) => index.ok().map(PathSegment::Index),
        };
        self.extra
            .get("loc")?
            .to_elements()?
            .into_iter()
            .map(segment)
            .collect()
    }
}

impl Encode for Response {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| {
            w.field("status", self.status.as_str());
            w.field("errors", &self.errors);
        });
    }
}

impl Encode for ResponseError {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| {
            w.field("msg", &self.msg);
            w.field("type", &self.kind);
            w.field("help", &self.help);
            w.fields(&self.extra);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortcut_reads_what_the_reader_reads() {
        let text = Response::success().encode();
        assert!(Response::is_plain_success(&text));
        let read = reader::decode(&text, DecodeMode::Strict, Response::read);
        assert_eq!(Response::decode(&text, DecodeMode::Strict), read);
        for other in [
            r#"{"status":"success","errors":[] }"#,
            r#"{"status":"success","error":[]} "#,
            r#"{"status":"succesS","errors":[]}"#,
            "",
        ] {
            assert!(!Response::is_plain_success(other), "{other}");
        }
    }

    #[test]
    fn a_path_is_read_back() {
        let error = |loc| {
            let text = alloc::format!(
                r#"{{"status":"error","errors":[{{"msg":"m","type":"t","loc":{loc}}}]}}"#
            );
            Response::decode(&text, DecodeMode::Strict)
                .map(|response| response.message.errors[0].loc())
        };
        let path = [
            PathSegment::Key("V0Heartbeat".into()),
            PathSegment::Index(3),
        ];
        assert_eq!(error(r#"["V0Heartbeat", 3]"#), Ok(Some(path.into())));
        assert_eq!(error("[]"), Ok(Some([].into())));
        for none in ["null", "[null]", "[-1]", "[1.5]", "{}", "\"V0Heartbeat\""] {
            assert_eq!(error(none), Ok(None), "{none}");
        }
    }
}
