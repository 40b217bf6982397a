//! What can be wrong with a line of the input. Each is answered by one line that names the thing and what is accepted,
//! and what stands around it is not lost.

use facilitator_tokio::core::facilitator::FacilitatorConfig;
use facilitator_tokio::core::message::JobStatus;
use facilitator_tokio::server::Server;
use serde_json::{Value, json};

use crate::program::{Program, status_line, uuid};
use crate::schema::check_command;
use crate::session::{push, stored};

const GOOD: [&str; 5] = [
    "accepted",
    "executor_ready",
    "volumes_ready",
    "execution_done",
    "failed",
];
const JOB: &str = "00000000-0000-4000-8000-000000000001";

/// A line that is no command, and what its answer has to say.
struct Bad {
    line: Vec<u8>,
    id: Value,
    told: &'static [&'static str],
}

fn bad(line: impl Into<Vec<u8>>, id: impl Into<Value>, told: &'static [&'static str]) -> Bad {
    Bad {
        line: line.into(),
        id: id.into(),
        told,
    }
}

fn bad_json() -> Vec<Bad> {
    vec![
        bad("status", Value::Null, &["no JSON object", "accepted is"]),
        bad("[]", Value::Null, &["no JSON object", "accepted is"]),
        bad(
            "\"job_status\"",
            Value::Null,
            &["no JSON object", "accepted is"],
        ),
        bad("{", Value::Null, &["no JSON", "column 1", "accepted is"]),
        bad(
            r#"{"command":"stop"} x"#,
            Value::Null,
            &["no JSON", "trailing", "accepted is"],
        ),
        bad(
            r#"{"command":"stop"}{"command":"stop"}"#,
            Value::Null,
            &["no JSON", "trailing"],
        ),
        bad(
            r#"{"id":1,"command":"stop",}"#,
            1,
            &["no JSON", "trailing comma"],
        ),
        bad(r#"{"id":NaN,"command":"stop"}"#, Value::Null, &["no JSON"]),
        bad("{'command':'stop'}", Value::Null, &["no JSON", "column 2"]),
        bad(
            "x".repeat(5000),
            Value::Null,
            &["longer than 4096 bytes", "skipped"],
        ),
        bad(
            b"\xff\xfe{}",
            Value::Null,
            &["no UTF-8 (byte 1)", "accepted is"],
        ),
        bad(
            b"{\"id\":6,\"command\":\"st\xc5\"}",
            Value::Null,
            &["no UTF-8 (byte 22)"],
        ),
    ]
}

fn bad_commands_and_keys() -> Vec<Bad> {
    let deep = "[".repeat(1000) + &"]".repeat(1000);
    let status = |more: &str| format!(r#"{{"id":2,"command":"job_status","uuid":"{JOB}",{more}}}"#);
    vec![
        bad(
            "{}",
            Value::Null,
            &["`command` is missing", "job_status", "stop"],
        ),
        bad(
            r#"{"id":"a","command":"status"}"#,
            "a",
            &["`status` is no command", "job_status"],
        ),
        bad(
            r#"{"id":"a","command":7}"#,
            "a",
            &["`command` must be a string", "a number"],
        ),
        bad(
            r#"{"id":"a","command":"STOP"}"#,
            "a",
            &["`STOP` is no command"],
        ),
        bad(
            r#"{"id":[],"command":"stop","now":true}"#,
            json!([]),
            &["`now` is no key of stop"],
        ),
        bad(
            status(r#""stat":"accepted""#),
            2,
            &[
                "`stat` is no key of job_status",
                "`uuid`, `status`, `metadata`",
            ],
        ),
        bad(
            status(r#""status":"accepted","specs":{}"#),
            2,
            &["`specs` is no key of job_status"],
        ),
        bad(
            status(r#""status":"accepted","status":"failed""#),
            2,
            &["`status` stands there twice"],
        ),
        bad(
            r#"{"id":2,"id":3,"command":"stop"}"#,
            Value::Null,
            &["`id` stands there twice"],
        ),
        bad(
            r#"{"id":"\ud800","command":"stop"}"#,
            Value::Null,
            &["`id` could not be read back", "accepted is"],
        ),
        bad(
            r#"{"id":1e999,"command":"stop"}"#,
            Value::Null,
            &["`id` could not be read back", "out of range"],
        ),
        bad(
            format!(r#"{{"id":{deep},"command":"stop"}}"#),
            Value::Null,
            &["`id` could not be read back", "recursion limit"],
        ),
    ]
}

fn bad_statuses() -> Vec<Bad> {
    let status = |more: &str| format!(r#"{{"id":3,"command":"job_status","uuid":"{JOB}"{more}}}"#);
    let streaming =
        r#"{"streaming_details":{"streaming_server_cert":"c","streaming_server_address":"a"}}"#;
    vec![
        bad(
            r#"{"id":3,"command":"job_status","status":"accepted"}"#,
            3,
            &["`uuid` is missing"],
        ),
        bad(status(""), 3, &["`status` is missing"]),
        bad(
            status(r#","status":null"#),
            3,
            &["`status` must be a string", "null"],
        ),
        bad(
            status(r#","status":"done""#),
            3,
            &[
                "`done` is no job status",
                "accepted are received, accepted,",
                "horde_failed",
            ],
        ),
        bad(
            status(r#","status":"\ud800""#),
            3,
            &["`status`", "surrogate"],
        ),
        bad(
            status(r#","status":"unknown""#),
            3,
            &["`unknown`", "accepted are received"],
        ),
        bad(
            status(r#","status":"sent""#),
            3,
            &["`sent`", "accepted are received"],
        ),
        bad(
            status_line("nope", "accepted"),
            "nope/accepted",
            &["\"nope\" is no job uuid", "accepted is"],
        ),
        bad(
            status_line("", "accepted"),
            "/accepted",
            &["no job uuid", "accepted is"],
        ),
        bad(
            status(r#","status":"completed""#),
            3,
            &["needs metadata", "miner_response"],
        ),
        bad(
            status(r#","status":"completed","metadata":null"#),
            3,
            &["needs metadata", "miner_response"],
        ),
        bad(
            status(r#","status":"streaming_ready""#),
            3,
            &["needs metadata", "streaming_details"],
        ),
        bad(
            status(&format!(
                r#","status":"streaming_ready","metadata":{streaming}"#
            )),
            3,
            &["streaming_server_port is missing"],
        ),
    ]
}

fn bad_metadata() -> Vec<Bad> {
    let metadata = |text: &str| {
        format!(
            r#"{{"id":4,"command":"job_status","uuid":"{JOB}","status":"failed","metadata":{text}}}"#
        )
    };
    let failure = |text: &str| metadata(&format!(r#"{{"job_failure_details":{text}}}"#));
    vec![
        bad(
            metadata("[]"),
            4,
            &["`metadata`", "should be an object", "a list"],
        ),
        bad(
            failure("{}"),
            4,
            &["`metadata`", "job_failure_details.reason", "required"],
        ),
        bad(
            failure(r#"{"reason":"tired","stage":"execution","message":""}"#),
            4,
            &[
                "`metadata`",
                "job_failure_details.reason",
                "`tired`",
                "nonzero_return_code",
            ],
        ),
        bad(
            failure(r#"{"reason":"timeout","stage":"break","message":""}"#),
            4,
            &[
                "`metadata`",
                "job_failure_details.stage",
                "`break`",
                "execution",
            ],
        ),
        bad(
            failure(r#"{"reason":"timeout","stage":"execution","message":"a\u0000b"}"#),
            4,
            &["NUL character", "remove it"],
        ),
        bad(
            metadata(
                r#"{"job_rejection_details":{"rejected_by":"me","reason":"busy","message":""}}"#,
            ),
            4,
            &["job_rejection_details.rejected_by", "`me`", "validator"],
        ),
        bad(
            metadata(
                r#"{"horde_failure_details":{"reported_by":"validator","reason":"rain","message":""}}"#,
            ),
            4,
            &[
                "horde_failure_details.reason",
                "`rain`",
                "executor_disconnected",
            ],
        ),
        bad(metadata(r#"{"note":{"a\u0000":1}}"#), 4, &["NUL character"]),
    ]
}

fn bad_rejections_and_specs() -> Vec<Bad> {
    let reject =
        |more: &str| format!(r#"{{"id":5,"command":"reject_job","uuid":"{JOB}","reason":{more}}}"#);
    let specs = |more: &str| {
        format!(
            r#"{{"id":6,"command":"machine_specs","miner_hotkey":"5F","batch_id":"{JOB}"{more}}}"#
        )
    };
    let deep = r#"{"a":"#.repeat(300) + "1" + &"}".repeat(300);
    vec![
        bad(
            r#"{"id":5,"command":"reject_job","uuid":"no","reason":"busy","message":""}"#,
            5,
            &["\"no\" is no job uuid"],
        ),
        bad(
            reject(r#""lazy","message":"""#),
            5,
            &["`lazy` is no job rejection reason", "no_miner_for_job"],
        ),
        bad(reject(r#""busy""#), 5, &["`message` is missing"]),
        bad(
            reject(r#""busy","message":"\u0000""#),
            5,
            &["NUL character"],
        ),
        bad(
            r#"{"id":6,"command":"machine_specs","miner_hotkey":"5F","batch_id":"b","specs":{}}"#,
            6,
            &["\"b\" is no batch id", "accepted is a uuid"],
        ),
        bad(specs(""), 6, &["`specs` is missing"]),
        bad(
            specs(r#","specs":[1]"#),
            6,
            &["`specs` must be an object", "a list"],
        ),
        bad(
            specs(r#","specs":{"cpu":{}}"#),
            6,
            &["lack `cpu`", "accepted are"],
        ),
        bad(
            specs(r#","specs":{"cpu":{"count":1},"ram":{},"hard_disk":{},"a\u0000":1}"#),
            6,
            &["NUL character"],
        ),
        bad(
            specs(&format!(r#","specs":{deep}"#)),
            6,
            &["`specs`", "recursion limit"],
        ),
    ]
}

/// A bad line breaks the documented schema, unless what is wrong with it is beyond what a schema can say.
fn assert_documented(line: &[u8], error: &str) {
    let beyond = BEYOND.iter().any(|words| error.contains(words));
    if let Ok(value) = serde_json::from_slice(line) {
        let shown = String::from_utf8_lossy(line);
        let found = check_command(&value);
        assert_eq!(
            found.is_ok(),
            beyond,
            "{shown}: {error}; by the schema: {found:?}"
        );
    }
}

const BEYOND: [&str; 8] = [
    "stands there twice",
    "no job uuid",
    "no batch id",
    "NUL character",
    "needs metadata",
    "all three streaming details",
    "the machine specs lack",
    "`id` could not be read back",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_bad_line_is_answered_and_costs_nothing() {
    let server = Server::bind("127.0.0.1:0", FacilitatorConfig::default())
        .await
        .unwrap();
    push(&server, 2);
    let mut program = Program::start(&server.uri(), &["--line-bytes", "4KiB"]);
    program.expect_event("job_request");
    program.expect_event("job_request");
    let good = uuid(2);
    // Good ones around and between: before the first of each kind, and behind the last.
    let tables = [
        bad_json(),
        bad_commands_and_keys(),
        bad_statuses(),
        bad_metadata(),
        bad_rejections_and_specs(),
    ];
    let (mut number, mut answered) = (0, 0);
    for (table, status) in tables.into_iter().zip(GOOD) {
        program.send_status(&good, status);
        number += 1;
        for Bad { line, id, told } in table {
            // Lines without a command count, and are not answered.
            program.send("");
            program.send(" \t\r");
            program.send(&line);
            number += 3;
            answered += 1;
            let shown = String::from_utf8_lossy(&line).into_owned();
            let error = program.expect_event("command_error");
            assert_documented(&line, error["error"].as_str().unwrap());
            assert_eq!(
                (&error["line"], &error["id"]),
                (&json!(number), &id),
                "{shown}: {error}"
            );
            let text = error["error"].as_str().unwrap();
            assert!(!text.contains(['\n', '\r', '\0']), "{shown}: {text}");
            for told in told {
                assert!(
                    text.contains(told),
                    "{shown}: {text:?} does not say {told:?}"
                );
            }
        }
    }
    let ended = program.close();
    assert_eq!(
        (ended.status, ended.of("command_error").len()),
        (0, answered),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.of("receipt").len(), GOOD.len());
    let statuses: Vec<&str> = stored(&server, &good)
        .into_iter()
        .map(JobStatus::as_str)
        .collect();
    assert_eq!(
        statuses,
        [
            "received",
            "accepted",
            "executor_ready",
            "volumes_ready",
            "execution_done",
            "failed"
        ]
    );
    // Of the other job, nothing that was refused has come through.
    assert_eq!(stored(&server, &uuid(1)), [JobStatus::Received]);
    assert_eq!(server.with(|facilitator, _| facilitator.stats().crashes), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_comes_back_as_it_was_written() {
    let server = Server::bind("127.0.0.1:0", FacilitatorConfig::default())
        .await
        .unwrap();
    push(&server, 1);
    let mut program = Program::start(&server.uri(), &[]);
    program.expect_event("job_request");
    let ids = [
        r#"{"z": [1,  2.50], "a":1e5, "a":2}"#,
        "123456789012345678901234567890",
        "-0.0",
        "null",
        "true",
        r#""\u0041\ud83d\ude80\/""#,
        "[ ]",
    ];
    for id in ids {
        program.send(format!(
            r#"{{"command":"job_status","id":{id},"uuid":"{}","status":"accepted"}}"#,
            uuid(1)
        ));
    }
    // White space that would end a line for some readers becomes a space.
    program.send(format!(
        r#"{{"command":"job_status","id":[{}1],"uuid":"x","status":"accepted"}}"#,
        '\r'
    ));
    program.send(format!(
        r#"{{"command":"job_status","uuid":"{}","status":"accepted"}}"#,
        uuid(1)
    ));
    program.send(r#"{"command":"stop","id":{"last" : true}}"#);
    let ended = program.wait();
    assert_eq!(ended.status, 0, "{:?}", ended.stderr);
    let receipts: Vec<&String> = ended
        .raw
        .iter()
        .filter(|line| line.contains(r#""event":"receipt""#))
        .collect();
    assert_eq!(receipts.len(), ids.len() + 1);
    for (id, receipt) in ids.iter().zip(&receipts) {
        assert!(
            receipt.contains(&format!(r#""id":{id},"uuid""#)),
            "{id}: {receipt}"
        );
    }
    assert!(!receipts.last().unwrap().contains(r#""id""#));
    assert!(
        ended
            .raw
            .iter()
            .any(|line| line.contains(r#""id":[ 1],"error""#)),
        "{:#?}",
        ended.raw
    );
    assert!(
        ended
            .raw
            .last()
            .unwrap()
            .contains(r#""id":{"last" : true},"owed":[]"#)
    );
}
