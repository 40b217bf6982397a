//! What the two modes take and refuse, beyond what the golden vectors show. Spelling is tested beside the writers.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::*;

const JOB: &str = r#"{"signature":{"signature":"AA=="},"message_type":"V2JobRequest","uuid":"u",
    "executor_class":"always_on.test","docker_image":"i","args":[],"env":{},
    "volume":{"volume_type":"multi_volume","volumes":[{"volume_type":"inline","contents":"c"},
        {"volume_type":"zip_url","contents":"c"},{"volume_type":"single_file","url":"u","relative_path":"p"},
        {"volume_type":"huggingface_volume","repo_id":"r"}]},
    "output_upload":{"output_upload_type":"multi_upload","uploads":[
        {"output_upload_type":"single_file_post","url":"u","relative_path":"p"},
        {"output_upload_type":"single_file_put","url":"u","relative_path":"p"}],
        "system_output":{"output_upload_type":"zip_and_http_put","url":"u"}},
    "download_time_limit":1,"execution_time_limit":2,"upload_time_limit":3,"streaming_start_time_limit":4,
    "streaming_details":{"public_key":"k"}}"#;

const CHEATED: &str =
    r#"{"message_type":"V0JobCheated","job_uuid":"j","trusted_job_uuid":"t","details":{"d":1}}"#;

const STATUS: &str = r#"{"message_type":"V0JobStatusUpdate","uuid":"u","status":"failed","metadata":{
    "miner_response":{"docker_process_stderr":"","docker_process_stdout":""},
    "job_rejection_details":{"rejected_by":"miner","reason":"busy","message":"m","context":{}},
    "job_failure_details":{"reason":"timeout","stage":"execution","message":"m"},
    "horde_failure_details":{"reported_by":"miner","reason":"unknown","message":"m"},
    "streaming_details":{"streaming_server_port":1}}}"#;

/// `text` with a field `zzz` put into the object that `marker` opens.
fn with_extra(text: &str, marker: &str) -> String {
    let (before, behind) = text.split_once(marker).unwrap();
    format!(
        r#"{before}{}"zzz":[1],{}"#,
        &marker[..=marker.find('{').unwrap()],
        &marker[marker.find('{').unwrap() + 1..]
    ) + behind
}

fn path(steps: &[PathSegment]) -> String {
    steps
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(".")
}

/// An object that the reference allows no other fields in.
fn forbids<T>(
    text: &str,
    marker: &str,
    expected: &str,
    decode: fn(&str, DecodeMode) -> Result<Decoded<T>, DecodeError>,
) {
    let text = with_extra(text, marker);
    let error = decode(&text, DecodeMode::Strict).err().unwrap();
    let issues: Vec<_> = error
        .issues()
        .iter()
        .map(|issue| (issue.kind.name(), path(&issue.loc)))
        .collect();
    assert_eq!(
        issues,
        [("extra_forbidden", expected.to_string())],
        "{text}"
    );
    assert_eq!(&text[error.issues()[0].span.clone()], "[1]");
    counts(&text, DecodeMode::Lenient, expected, decode);
}

/// An object in which the reference passes over other fields.
fn passes_over<T>(
    text: &str,
    marker: &str,
    expected: &str,
    decode: fn(&str, DecodeMode) -> Result<Decoded<T>, DecodeError>,
) {
    let text = with_extra(text, marker);
    for mode in [DecodeMode::Strict, DecodeMode::Lenient] {
        counts(&text, mode, expected, decode);
    }
}

fn counts<T>(
    text: &str,
    mode: DecodeMode,
    expected: &str,
    decode: fn(&str, DecodeMode) -> Result<Decoded<T>, DecodeError>,
) {
    let decoded = decode(text, mode).ok().unwrap();
    assert_eq!(decoded.unknown_field_count, 1, "{text}");
    let unknown = &decoded.unknown_fields[0];
    assert_eq!(
        (path(&unknown.loc).as_str(), unknown.value.as_str()),
        (expected, "[1]"),
        "{text}"
    );
}

#[test]
fn unknown_fields_of_job_requests() {
    let decode = FacilitatorMessage::decode;
    forbids(JOB, r#"{"signature":{"#, "V2JobRequest.zzz", decode);
    forbids(
        JOB,
        r#"{"signature":"AA=="#,
        "V2JobRequest.signature.zzz",
        decode,
    );
    let volumes = "V2JobRequest.volume.multi_volume";
    passes_over(
        JOB,
        r#"{"volume_type":"multi_volume""#,
        &format!("{volumes}.zzz"),
        decode,
    );
    passes_over(
        JOB,
        r#"{"volume_type":"inline""#,
        &format!("{volumes}.volumes.0.inline.zzz"),
        decode,
    );
    passes_over(
        JOB,
        r#"{"volume_type":"zip_url""#,
        &format!("{volumes}.volumes.1.zip_url.zzz"),
        decode,
    );
    passes_over(
        JOB,
        r#"{"volume_type":"single_file""#,
        &format!("{volumes}.volumes.2.single_file.zzz"),
        decode,
    );
    let hub = format!("{volumes}.volumes.3.huggingface_volume.zzz");
    passes_over(JOB, r#"{"volume_type":"huggingface_volume""#, &hub, decode);
    let uploads = "V2JobRequest.output_upload.multi_upload";
    passes_over(
        JOB,
        r#"{"output_upload_type":"multi_upload""#,
        &format!("{uploads}.zzz"),
        decode,
    );
    let post = format!("{uploads}.uploads.0.single_file_post.zzz");
    passes_over(
        JOB,
        r#"{"output_upload_type":"single_file_post""#,
        &post,
        decode,
    );
    let put = format!("{uploads}.uploads.1.single_file_put.zzz");
    passes_over(
        JOB,
        r#"{"output_upload_type":"single_file_put""#,
        &put,
        decode,
    );
    let system = r#"{"output_upload_type":"zip_and_http_put""#;
    passes_over(JOB, system, &format!("{uploads}.system_output.zzz"), decode);
    passes_over(
        JOB,
        r#"{"public_key""#,
        "V2JobRequest.streaming_details.zzz",
        decode,
    );
}

#[test]
fn unknown_fields_of_the_others() {
    forbids(
        CHEATED,
        r#"{"message_type""#,
        "zzz",
        FacilitatorMessage::decode,
    );
    forbids(
        r#"{"status":"error"}"#,
        r#"{"status""#,
        "zzz",
        FacilitatorMessage::decode,
    );
    forbids(
        STATUS,
        r#"{"message_type""#,
        "V0JobStatusUpdate.zzz",
        ValidatorMessage::decode,
    );
    let metadata = "V0JobStatusUpdate.metadata";
    for (marker, field) in [
        (r#"{"rejected_by""#, "job_rejection_details"),
        (r#"{"reason""#, "job_failure_details"),
        (r#"{"reported_by""#, "horde_failure_details"),
    ] {
        passes_over(
            STATUS,
            marker,
            &format!("{metadata}.{field}.zzz"),
            ValidatorMessage::decode,
        );
    }
    let streaming = format!("{metadata}.streaming_details.zzz");
    forbids(
        STATUS,
        r#"{"streaming_server_port""#,
        &streaming,
        ValidatorMessage::decode,
    );
}

#[test]
fn fields_that_belong_to_a_message_without_a_name() {
    let text = with_extra(
        &with_extra(STATUS, "\"metadata\":{"),
        r#"{"docker_process_stderr""#,
    );
    let decoded = V0JobStatusUpdate::decode(&text, DecodeMode::Strict).unwrap();
    assert_eq!(decoded.unknown_field_count, 0);
    let metadata = decoded.message.metadata.unwrap();
    assert!(metadata.extra.contains_key("zzz"));
    assert!(
        metadata
            .miner_response
            .is_some_and(|response| response.extra.contains_key("zzz"))
    );
}

#[test]
fn details_that_are_left_out() {
    let text = CHEATED.replace(r#","details":{"d":1}"#, "");
    let lenient = V0JobCheated::decode(&text, DecodeMode::Lenient).unwrap();
    assert!(lenient.message.details.is_null());
    let strict = V0JobCheated::decode(&text, DecodeMode::Strict).unwrap_err();
    assert_eq!(strict.to_string(), "details: Field required");
}

#[test]
fn which_message_it_is() {
    let kind = |text: &str| match FacilitatorMessage::decode(text, DecodeMode::Lenient) {
        Ok(Decoded {
            message: FacilitatorMessage::Response(_),
            ..
        }) => "response".into(),
        Ok(Decoded {
            message: FacilitatorMessage::JobRequest(_),
            ..
        }) => "request".into(),
        Ok(Decoded {
            message: FacilitatorMessage::JobCheated(_),
            ..
        }) => "report".into(),
        Err(error) => match error.unknown_message_type() {
            Some(tag) => format!("unknown {tag}"),
            None => String::from(error.issues()[0].kind.name()),
        },
    };
    assert_eq!(kind(JOB), "request");
    assert_eq!(kind(CHEATED), "report");
    assert_eq!(
        kind(&CHEATED.replace(r#""message_type":"V0JobCheated","#, "")),
        "report"
    );
    assert_eq!(kind(r#"{"status":"success"}"#), "response");
    assert_eq!(
        kind(r#"{"status":"success","message_type":"Response"}"#),
        "response"
    );
    // A status alone makes no response of what says that it is something else.
    assert_eq!(
        kind(r#"{"status":"success","message_type":"V1Response"}"#),
        "unknown V1Response"
    );
    assert_eq!(
        kind(r#"{"status":"success","message_type":null}"#),
        "unknown None"
    );
    assert_eq!(
        kind(r#"{"message_type":"V0Heartbeat"}"#),
        "unknown V0Heartbeat"
    );
    assert_eq!(kind("{}"), "union_tag_not_found");
    assert_eq!(kind("[]"), "dict_type");
    assert_eq!(kind(""), "json_invalid");
    // The last of a repeated key counts.
    assert_eq!(
        kind(r#"{"message_type":"V9","message_type":"Response","status":"error"}"#),
        "response"
    );
    let long = kind(&format!(
        r#"{{"message_type":"{}"}}"#,
        "\u{17c}".repeat(10_000)
    ));
    assert_eq!(long, format!("unknown {}..", "\u{17c}".repeat(64)));
}

#[test]
fn a_system_output_without_a_type() {
    let read = |output: &str| {
        let text = JOB.replace(
            r#"{"output_upload_type":"zip_and_http_put","url":"u"}"#,
            output,
        );
        V2JobRequest::decode(&text, DecodeMode::Strict).map(|decoded| {
            match decoded.message.output_upload {
                Some(OutputUpload::Multi(multi)) => {
                    (multi.system_output, decoded.unknown_field_count)
                }
                _ => (None, 0),
            }
        })
    };
    let url = || "u".into();
    let post = |form_fields| {
        Some(ZipUpload::Post(ZipAndHttpPostUpload {
            url: url(),
            form_fields,
        }))
    };
    let put = || Some(ZipUpload::Put(ZipAndHttpPutUpload { url: url() }));
    assert_eq!(read("null"), Ok((None, 0)));
    assert_eq!(read(r#"{"url":"u"}"#), Ok((post(None), 0)));
    assert_eq!(
        read(r#"{"url":"u","form_fields":{}}"#),
        Ok((post(Some(StringMap::new())), 0))
    );
    // What cannot be a form is a body, with a field that a body does not have.
    assert_eq!(read(r#"{"url":"u","form_fields":{"a":1}}"#), Ok((put(), 1)));
    assert_eq!(
        read(r#"{"url":"u","output_upload_type":"zip_and_http_put"}"#),
        Ok((put(), 0))
    );
    let neither = read(r#"{"url":"u","output_upload_type":"single_file_put"}"#).unwrap_err();
    let kinds: Vec<_> = neither
        .issues()
        .iter()
        .map(|issue| (issue.kind.name(), path(&issue.loc[3..])))
        .collect();
    let tag = |name| {
        (
            "literal_error",
            format!("system_output.{name}.output_upload_type"),
        )
    };
    assert_eq!(
        kinds,
        [tag("ZipAndHttpPostUpload"), tag("ZipAndHttpPutUpload")]
    );
}

#[test]
fn issues_are_bounded_and_counted() {
    let text = JOB.replace(r#""args":[]"#, &format!(r#""args":[{}0]"#, "0,".repeat(99)));
    let error = V2JobRequest::decode(&text, DecodeMode::Lenient).unwrap_err();
    assert_eq!(
        (error.issues().len(), error.omitted()),
        (DecodeError::MAX_ISSUES, 100 - DecodeError::MAX_ISSUES)
    );
    assert_eq!(
        error.to_string(),
        "V2JobRequest.args.0: Input should be a valid string, found an integer; \
         V2JobRequest.args.1: Input should be a valid string, found an integer; \
         V2JobRequest.args.2: Input should be a valid string, found an integer; and 97 more"
    );
}

#[test]
fn unknown_fields_are_bounded_and_counted() {
    let extras = (0..100).fold(String::new(), |extras, n| {
        extras + &format!(r#""x{n}":{n},"#)
    });
    let text = CHEATED.replace("{\"message_type\"", &format!("{{{extras}\"message_type\""));
    let decoded = V0JobCheated::decode(&text, DecodeMode::Lenient).unwrap();
    assert_eq!(decoded.unknown_field_count, 100);
    assert_eq!(
        decoded.unknown_fields.len(),
        Decoded::<()>::MAX_UNKNOWN_FIELDS
    );
    let long = CHEATED.replace(
        "{\"message_type\"",
        &format!("{{\"{}\":0,\"message_type\"", "k".repeat(10_000)),
    );
    let decoded = V0JobCheated::decode(&long, DecodeMode::Lenient).unwrap();
    assert_eq!(path(&decoded.unknown_fields[0].loc).len(), 66);
}

#[test]
fn errors_say_where_and_what_and_break_no_line() {
    for (text, expected) in [
        (
            r#"{"message_type":"a\nb"}"#,
            "no such message_type: \"a\\nb\"; accepted: 'V2JobRequest', 'V0JobCheated'",
        ),
        (
            r#"{"status":"maybe"}"#,
            "status: Input should be 'error' or 'success', found a string",
        ),
        (
            r#"{"status":"error","errors":[{"msg":"m","type":7}]}"#,
            "errors.0.type: Input should be a valid string, found an integer",
        ),
        (
            r#"{"status":"error","a\nb":1}"#,
            "a\\nb: Extra inputs are not permitted",
        ),
        (
            "{",
            "Invalid JSON: EOF while parsing an object at line 1 column 1",
        ),
    ] {
        let error = FacilitatorMessage::decode(text, DecodeMode::Strict).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let huge = " ".repeat(MAX_BYTES + 1);
    let error = Response::decode(&huge, DecodeMode::Lenient).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Input should have at most 67108864 bytes"
    );
}

#[test]
fn names_are_told_from_others() {
    assert_eq!("received".parse(), Ok(JobStatus::Received));
    let error = "Received".parse::<SignatureScope>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`Received` is no signature scope: use one of SignedFields, FullRequest"
    );
    assert!(
        JobStatus::ALL
            .iter()
            .all(|status| status.to_string().parse() == Ok(*status))
    );
    assert_eq!(
        JobStatus::ALL
            .iter()
            .filter(|status| status.is_terminal())
            .count(),
        4
    );
    assert!(!JobStatus::Sent.is_sendable() && !JobStatus::Unknown.is_sendable());
}
