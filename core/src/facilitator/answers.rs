//! The texts of the reference's answers. When each is given is decided elsewhere.

use alloc::format;
use alloc::string::{String, ToString};

use crate::message::{
    DecodeError, Integer, Issue, IssueKind, Json, JsonMap, PathSegment, Response, ResponseError,
    ResponseStatus,
};
use crate::signature::AccountId;

/// The release of the validation library whose documentation its errors point to.
const ERRORS_URL: &str = "https://errors.pydantic.dev/2.10/v/";

fn error(kind: &str, msg: &str, help: impl Into<String>) -> Response {
    Response::error(ResponseError {
        help: help.into(),
        ..ResponseError::new(kind, msg)
    })
}

pub(super) fn validator_not_found(account: Option<AccountId>) -> Response {
    let address = account.map(AccountId::to_ss58).unwrap_or_default();
    error(
        "auth.validator_not_found",
        "Validator not found",
        format!(
            "Validator with hotkey {address} was not found. If you are sure that the key belongs to an active \
             validator, please wait at least 0:05:00 for the list of active validators to be updated and then retry."
        ),
    )
}

pub(super) fn signature_invalid() -> Response {
    error(
        "auth.signature_invalid",
        "Invalid signature",
        "The signature provided does not match the public key",
    )
}

pub(super) fn already_authenticated() -> Response {
    error(
        "auth.already_authenticated",
        "Already authenticated",
        "You are already authenticated, please do not send authentication request again.",
    )
}

pub(super) fn not_authenticated() -> Response {
    error(
        "auth.not_authenticated",
        "Not authenticated",
        "Please send authentication request first",
    )
}

pub(super) fn job_not_found() -> Response {
    error(
        "job.not_found",
        "Job not found",
        "Job with this UUID was not found",
    )
}

pub(super) fn integrity_error() -> Response {
    error(
        "job.integrity_error",
        "Integrity error",
        "Probably you are trying to set the same status twice?",
    )
}

/// A binary frame: the handler gives the validation library no text at all.
pub(super) fn no_text() -> Response {
    let extra = validation_extra("json_type", &[], Json::null(), None);
    Response::error(ResponseError {
        extra,
        ..ResponseError::new(
            "json_type",
            "JSON input should be string, bytes or bytearray",
        )
    })
}

/// A frame that is no message of a validator: one reason for each issue, with the validation library's own keys.
pub(super) fn malformed(text: &str, error: &DecodeError) -> Response {
    let errors = error.issues().iter().map(|issue| ResponseError {
        extra: validation_extra(
            issue.kind.name(),
            &issue.loc,
            input(text, issue),
            context(&issue.kind),
        ),
        ..ResponseError::new(issue.kind.name(), issue.kind.to_string())
    });
    Response {
        status: ResponseStatus::Error,
        errors: errors.collect(),
    }
}

/// What the validation library echoes of a text.
fn input(text: &str, issue: &Issue) -> Json {
    match issue.kind {
        // There is no value to echo, so the text is one.
        IssueKind::JsonInvalid { .. } | IssueKind::TooLarge { .. } => Json::from(text),
        _ => text
            .get(issue.span.clone())
            .and_then(|value| Json::parse(value).ok())
            .unwrap_or_default(),
    }
}

/// What the validation library tells beyond the message: its `ctx`.
fn context(kind: &IssueKind) -> Option<Json> {
    let quoted = |name: &str| format!("'{name}'");
    match kind {
        IssueKind::JsonInvalid { reason } => object([("error", reason.as_str())]),
        IssueKind::Literal { expected } | IssueKind::Enum { expected } => {
            object([("expected", *expected)])
        }
        IssueKind::UnionTagNotFound { discriminator } => {
            object([("discriminator", &*quoted(discriminator))])
        }
        IssueKind::UnionTagInvalid {
            discriminator,
            tag,
            expected,
        } => object([
            ("discriminator", &*quoted(discriminator)),
            ("tag", tag),
            ("expected_tags", expected),
        ]),
        _ => None,
    }
}

fn object<const N: usize>(entries: [(&str, &str); N]) -> Option<Json> {
    let entries: JsonMap = entries.map(|(key, value)| (key, Json::from(value))).into();
    Json::try_from(&entries).ok()
}

fn validation_extra(
    kind: &str,
    loc: &[PathSegment],
    input: Json,
    context: Option<Json>,
) -> JsonMap {
    let loc = loc.iter().map(|segment| match segment {
        PathSegment::Key(key) => Json::from(key.as_str()),
        PathSegment::Index(index) => Json::from(Integer::from(*index)),
    });
    let mut extra = JsonMap::new();
    extra.insert("loc", Json::array(loc).unwrap_or_default());
    extra.insert("input", input);
    if let Some(context) = context {
        extra.insert("ctx", context);
    }
    extra.insert("url", Json::from(format!("{ERRORS_URL}{kind}").as_str()));
    extra
}
