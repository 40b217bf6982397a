//! What a `Response` is about. There is no id: the facilitator answers frames strictly in order, one `Response` a
//! status, none for heartbeats and specs unless they do not parse; an error tells by its `type` and `loc`.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::String;

use serde_json::value::RawValue;

use crate::message::{PathSegment, Response, ResponseError, ResponseStatus};

/// The message that a `Response` belongs to, as far as the `Response` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// The oldest unanswered status update: it was stored.
    StatusStored,
    /// The oldest unanswered status update: it had been stored before.
    StatusKnown,
    /// The oldest unanswered status update: it was refused.
    StatusRefused,
    /// Machine specs that did not parse.
    SpecsRefused,
    /// A heartbeat that did not parse.
    HeartbeatRefused,
    /// The connection is not authenticated (any more).
    NotAuthenticated,
    /// An authentication that was never sent: the `Response` acknowledges nothing.
    Nothing,
    /// Some message that did not parse; it does not say which.
    Unclear,
}

pub(super) fn about(response: &Response) -> About {
    if response.status == ResponseStatus::Success {
        return About::StatusStored;
    }
    let Some(error) = response.errors.first() else {
        return About::Unclear;
    };
    match error.kind.as_str() {
        "job.integrity_error" => return About::StatusKnown,
        "auth.not_authenticated" => return About::NotAuthenticated,
        kind if kind.starts_with("auth.") => return About::Nothing,
        kind if kind.starts_with("job.") => return About::StatusRefused,
        _ => {}
    }
    match loc_head(error).as_deref() {
        Some("V0JobStatusUpdate") => About::StatusRefused,
        Some("V0MachineSpecsUpdate") => About::SpecsRefused,
        Some("V0Heartbeat") => About::HeartbeatRefused,
        Some("V0AuthenticationRequest") => About::Nothing,
        _ => About::Unclear,
    }
}

/// The first element of the validator library's `loc`: the type of the message that did not parse.
fn loc_head(error: &ResponseError) -> Option<String> {
    match error.loc()?.into_iter().next()? {
        PathSegment::Key(message_type) => Some(message_type),
        PathSegment::Index(_) => None,
    }
}

/// Whether a text that is no readable message was meant as a `Response`: an answer to something, then.
pub(crate) fn is_response_shaped(text: &str) -> bool {
    let fields: Result<BTreeMap<Cow<'_, str>, &RawValue>, _> = serde_json::from_str(text);
    fields.is_ok_and(|fields| fields.contains_key("status") && !fields.contains_key("message_type"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{DecodeMode, FacilitatorMessage};

    fn of(json: &str) -> About {
        match FacilitatorMessage::decode(json, DecodeMode::Strict)
            .unwrap()
            .message
        {
            FacilitatorMessage::Response(response) => about(&response),
            other => panic!("{other:?} is no response"),
        }
    }

    #[test]
    fn type_and_loc_tell_what_a_response_is_about() {
        assert_eq!(
            of(r#"{"status":"success","errors":[]}"#),
            About::StatusStored
        );
        let error = |kind: &str, loc: &str| {
            of(&alloc::format!(
                r#"{{"status":"error","errors":[{{"msg":"m","type":"{kind}"{loc}}}]}}"#
            ))
        };
        assert_eq!(error("job.integrity_error", ""), About::StatusKnown);
        assert_eq!(error("job.not_found", ""), About::StatusRefused);
        assert_eq!(error("auth.not_authenticated", ""), About::NotAuthenticated);
        assert_eq!(error("auth.already_authenticated", ""), About::Nothing);
        assert_eq!(
            error("missing", r#","loc":["V0JobStatusUpdate","uuid"]"#),
            About::StatusRefused
        );
        assert_eq!(
            error("missing", r#","loc":["V0MachineSpecsUpdate","specs"]"#),
            About::SpecsRefused
        );
        assert_eq!(
            error("extra_forbidden", r#","loc":["V0Heartbeat","x"]"#),
            About::HeartbeatRefused
        );
        assert_eq!(error("json_invalid", r#","loc":[]"#), About::Unclear);
        assert_eq!(error("json_invalid", r#","loc":17"#), About::Unclear);
        assert_eq!(of(r#"{"status":"error","errors":[]}"#), About::Unclear);
    }
}
