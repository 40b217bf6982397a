//! Whole sessions against the simulated facilitator: what it was told is on its record, in order, and every command has
//! its receipt.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use facilitator_tokio::core::facilitator::{Event, FacilitatorConfig, StatusOutcome};
use facilitator_tokio::core::message::{
    DecodeMode, ExecutorClass, JobStatus, JobStatusMetadata, Json, V0JobCheated, V2JobRequest,
};
use facilitator_tokio::core::signature::{Keypair, Scheme, sign_job_cheated, sign_job_request};
use facilitator_tokio::server::{Server, ServerEvent};
use serde_json::{Value, json};

use crate::peers::{SUCCESS, scripted};
use crate::program::{Ended, Program, command, file, keypair, status_line, uuid};

/// A job that the program's own hotkey has signed.
pub(crate) fn job(number: usize) -> V2JobRequest {
    let mut request = V2JobRequest::new(uuid(number), ExecutorClass::AlwaysOnTest, "alpine");
    sign_job_request(&mut request, &keypair(), 1_795_432_324_000_000_000);
    request
}

/// Pushes this many jobs, numbered from 1.
pub(crate) fn push(server: &Server, jobs: usize) {
    for number in 1..=jobs {
        server.push_job(job(number)).unwrap();
    }
}

/// What is on record of a job, without the facilitator's own `sent`.
pub(crate) fn stored(server: &Server, uuid: &str) -> Vec<JobStatus> {
    let job = server.job(uuid).unwrap();
    job.statuses()
        .iter()
        .skip(1)
        .map(|stored| stored.status)
        .collect()
}

pub(crate) async fn facilitator() -> Server {
    Server::bind("127.0.0.1:0", FacilitatorConfig::default())
        .await
        .unwrap()
}

const STATUSES: [&str; 4] = [
    "accepted",
    "executor_ready",
    "volumes_ready",
    "execution_done",
];

/// The outcomes of the commands by their ids, each of which has one.
fn outcomes(ended: &Ended) -> BTreeMap<String, String> {
    let receipts = ended.of("receipt");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let outcomes: BTreeMap<_, _> = receipts
        .iter()
        .map(|receipt| (text(&receipt["id"]), text(&receipt["outcome"])))
        .collect();
    assert_eq!(outcomes.len(), receipts.len(), "a command has two receipts");
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_from_its_request_to_its_end() {
    let server = facilitator().await;
    push(&server, 1);
    let job = uuid(1);
    let mut program = Program::start(&server.uri(), &[]);
    for phase in ["connecting", "authenticating", "ready"] {
        program.expect_phase(phase);
    }
    let request = program.expect_event("job_request");
    assert_eq!(request["uuid"], job.as_str());
    for status in STATUSES {
        program.send_status(&job, status);
        let receipt = program.expect_event("receipt");
        let id = format!("{job}/{status}");
        assert_eq!(
            receipt,
            json!({"event": "receipt", "id": id, "uuid": job, "status": status, "outcome": "acknowledged", "errors": []})
        );
    }
    // The same again is known by now, and `received` was answered by the session itself.
    program.send_status(&job, "accepted");
    program.send_status(&job, "received");
    for receipt in program.expect_receipts(2) {
        assert_eq!(receipt["outcome"], "already_known", "{receipt}");
    }
    let metadata = r#"{"miner_response":{"docker_process_stderr":"","docker_process_stdout":"za\u017c\u00f3\u0142\u0107 \ud83d\ude80\n","artifacts":{"z":"AA==","a":""},"upload_results":null,"score":1.50,"big":123456789012345678901234567890},"note":["x",null]}"#;
    program.send(format!(
        r#"{{"command":"job_status","uuid":"{job}","status":"completed","metadata":{metadata}}}"#
    ));
    assert_eq!(program.expect_event("receipt")["outcome"], "acknowledged");
    program.send_status(&job, "failed");
    let error = program.expect_event("command_error");
    assert!(
        error["error"]
            .as_str()
            .unwrap()
            .contains("has ended as `completed`"),
        "{error}"
    );

    let ended = program.close();
    assert_eq!(
        (ended.status, ended.stopped()),
        (0, &json!({"event": "stopped", "owed": []}))
    );
    assert_eq!(ended.of("automatic_receipt").len(), 1);
    let phases: Vec<&Value> = ended
        .of("phase")
        .iter()
        .map(|event| &event["phase"])
        .collect();
    assert_eq!(
        phases,
        ["connecting", "authenticating", "ready", "closing", "idle"]
    );
    let record = server.job(&job).unwrap();
    let newest = record.statuses().last().unwrap();
    let expected = JobStatusMetadata::decode(metadata, DecodeMode::Strict)
        .unwrap()
        .message;
    assert_eq!(
        (newest.status, newest.metadata.as_ref()),
        (JobStatus::Completed, Some(&expected))
    );
    assert_eq!((record.updates(), record.repetitions()), (6, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_facilitator_knows_and_what_it_does_not() {
    let server = facilitator().await;
    push(&server, 2);
    let (first, second, unknown) = (uuid(1), uuid(2), uuid(9));
    let mut program = Program::start(&server.uri(), &[]);
    program.send_status(&first, "accepted");
    program.expect_receipts(1);
    assert_eq!(program.close().status, 0);

    // Another process does not know what the first one has delivered; the facilitator does.
    let mut program = Program::start(&server.uri(), &[]);
    program.send_status(&first, "accepted");
    program.send_status(&unknown, "accepted");
    program.send(format!(
        r#"{{"command":"reject_job","id":1,"uuid":"{second}","reason":"no_miner_for_job","message":"none \u2603"}}"#
    ));
    let batch = uuid(7);
    let specs = r#"{"z":{"count":8,"x":1.0},"cpu":{"count":1,"a":[1e2]},"ram":{},"hard_disk":{}}"#;
    program.send(format!(
        r#"{{"command":"machine_specs","id":"m","miner_hotkey":"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY","batch_id":"{batch}","specs":{specs}}}"#
    ));
    program.expect_receipts(4);
    let ended = program.close();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let receipt = |id: Value| {
        ended
            .of("receipt")
            .into_iter()
            .find(|receipt| receipt["id"] == id)
            .unwrap()
            .clone()
    };
    assert_eq!(
        receipt(format!("{first}/accepted").into())["outcome"],
        "already_known"
    );
    let refused = receipt(format!("{unknown}/accepted").into());
    assert_eq!(refused["outcome"], "refused");
    let error = &refused["errors"][0];
    assert_eq!(error["type"], "job.not_found", "{refused}");
    assert!(
        error["msg"].is_string() && error["help"].is_string(),
        "{refused}"
    );
    assert_eq!(receipt(1.into())["status"], "rejected");
    assert_eq!(
        receipt("m".into()),
        json!({"event": "receipt", "id": "m", "batch_id": batch, "outcome": "acknowledged", "errors": []})
    );
    assert_eq!(server.job(&first).unwrap().repetitions(), 1);
    let rejected = server
        .job(&second)
        .unwrap()
        .statuses()
        .last()
        .unwrap()
        .clone();
    let details = rejected.metadata.unwrap().job_rejection_details.unwrap();
    assert_eq!(
        (details.rejected_by.as_str(), details.reason.as_str()),
        ("validator", "no_miner_for_job")
    );
    assert_eq!(details.message, "none \u{2603}");
    server.with(|facilitator, _| {
        let stored: Vec<_> = facilitator.machine_specs().collect();
        assert_eq!(stored.len(), 1);
        let update = &stored.first().unwrap().update;
        assert_eq!(update.validator_hotkey, keypair().public().to_ss58());
        assert_eq!(
            Json::try_from(&update.specs).unwrap(),
            Json::parse(specs).unwrap()
        );
    });
}

/// Every job request that the reference signed, as it came from the reference.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_shown_complete() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/signed.jsonl");
    let mut requests = BTreeMap::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        if vector["model"] != "V2JobRequest" || vector["verdict"] != "accept" {
            continue;
        }
        let text = vector["json"].as_str().unwrap();
        let decoded = V2JobRequest::decode(text, DecodeMode::Lenient).unwrap();
        let mut request = decoded.message;
        let mut expected: Value = serde_json::from_str(text).unwrap();
        // They share one uuid, which no signature covers.
        request.uuid = uuid(requests.len() + 1);
        expected["uuid"] = request.uuid.as_str().into();
        // What the protocol does not name is not shown.
        let expected = (decoded.unknown_field_count == 0).then_some(expected);
        requests.insert(request.uuid.clone(), (request, expected));
    }
    let whole = requests.values().filter(|(_, expected)| expected.is_some());
    assert_eq!((requests.len(), whole.count()), (28, 27));
    let server = facilitator().await;
    for (request, _) in requests.values() {
        server.push_job(request.clone()).unwrap();
    }
    // Two keys have signed them.
    let trust = "--trust=5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    let more = "--trust=5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
    let mut program = Program::start(&server.uri(), &["--strict", trust, more]);
    for _ in 0..requests.len() {
        let event = program.expect_event("job_request");
        let (request, expected) = &requests[event["uuid"].as_str().unwrap()];
        let shown = program.last_line();
        let start = shown.find(r#""request":"#).unwrap() + r#""request":"#.len();
        let shown = shown[start..].strip_suffix('}').unwrap();
        // As a message it is the very same, the order of its maps included.
        let decoded = V2JobRequest::decode(shown, DecodeMode::Strict)
            .unwrap()
            .message;
        assert_eq!(&decoded, request);
        for (key, value) in expected.iter().flat_map(|value| value.as_object().unwrap()) {
            assert_eq!(&event["request"][key], value, "{key} of {shown}");
        }
    }
    assert_eq!(program.close().status, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cuts_cost_nothing() {
    let server = facilitator().await;
    let jobs = 12;
    push(&server, jobs);
    // Every seventh stored status is the last thing that a connection sees: it is not answered.
    let mut count = 0;
    server.cut_when(move |event| {
        let is_stored = matches!(
            event,
            Event::JobStatus {
                outcome: StatusOutcome::Stored,
                ..
            }
        );
        count += usize::from(is_stored);
        is_stored && count % 7 == 0
    });
    let mut program = Program::start(&server.uri(), &[]);
    for _ in 0..jobs {
        program.expect_event("job_request");
    }
    for status in STATUSES {
        for job in 1..=jobs {
            program.send_status(&uuid(job), status);
        }
    }
    let receipts = program.expect_receipts(jobs * STATUSES.len());
    for job in 1..=jobs {
        let job = uuid(job);
        let order: Vec<&Value> = receipts
            .iter()
            .filter(|receipt| receipt["uuid"] == job)
            .map(|r| &r["status"])
            .collect();
        assert_eq!(order, STATUSES, "receipts of {job}");
        assert_eq!(
            stored(&server, &job),
            [
                JobStatus::Received,
                JobStatus::Accepted,
                JobStatus::ExecutorReady,
                JobStatus::VolumesReady,
                JobStatus::ExecutionDone
            ]
        );
    }
    let ended = program.close();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let waits = ended
        .of("phase")
        .iter()
        .filter(|event| event["phase"] == "waiting")
        .count();
    assert!(waits >= 5, "{waits} cuts were noticed");
    assert!(
        outcomes(&ended)
            .values()
            .all(|outcome| outcome == "acknowledged" || outcome == "already_known")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_comes_back() {
    let server = facilitator().await;
    let jobs = 3;
    push(&server, jobs);
    let (address, uri) = (server.local_addr(), server.uri());
    let mut program = Program::start(&uri, &[]);
    for _ in 0..jobs {
        program.expect_event("job_request");
    }
    for job in 1..=jobs {
        program.send_status(&uuid(job), STATUSES[0]);
    }
    program.expect_receipts(jobs);
    let record = server.with(|facilitator, _| facilitator.clone());
    drop(server);
    let waiting = program.expect("refusal", |event| {
        event["phase"] == "waiting" && event["cause"] == "refused"
    });
    assert!(waiting["retry_in_s"].is_number());
    for status in &STATUSES[1..] {
        for job in 1..=jobs {
            program.send_status(&uuid(job), status);
        }
    }
    let server = Server::bind_with(address, record).await.unwrap();
    program.expect_phase("ready");
    program.expect_receipts(jobs * 3);
    for job in 1..=jobs {
        assert_eq!(
            stored(&server, &uuid(job)),
            [
                JobStatus::Received,
                JobStatus::Accepted,
                JobStatus::ExecutorReady,
                JobStatus::VolumesReady,
                JobStatus::ExecutionDone
            ]
        );
    }
    let ended = program.close();
    assert_eq!(
        (ended.status, &ended.stopped()["owed"]),
        (0, &json!([])),
        "{}",
        ended.stderr
    );
    assert_eq!(outcomes(&ended).len(), jobs * STATUSES.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_come_from_the_environment() {
    let server = facilitator().await;
    let mut events = server.events();
    for (version, expected) in [(Some("v 1.2"), "v 1.2"), (None, "unknown"), (Some(""), "")] {
        let mut command = command(&server.uri(), &[]);
        if let Some(version) = version {
            command
                .env("VALIDATOR_VERSION", version)
                .env("VALIDATOR_RUNNER_VERSION", version);
        }
        let mut program = Program::start_unread(command);
        program.read_stdout();
        program.expect_phase("ready");
        let handshake = loop {
            if let ServerEvent::Connected { handshake, .. } = events.next().await.unwrap() {
                break handshake;
            }
        };
        assert_eq!(handshake.header("X-Validator-Version"), Some(expected));
        assert_eq!(
            handshake.header("X-Validator-Runner-Version"),
            Some(expected)
        );
        program.close();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cheat_reports_and_repeated_jobs() {
    let server = facilitator().await;
    push(&server, 2);
    let mut program = Program::start(&server.uri(), &[]);
    program.expect_event("job_request");
    program.expect_event("job_request");
    let details = r#"{"z":[1,2.50],"a":12345678901234567890123}"#;
    let mut report = V0JobCheated {
        signature: None,
        job_uuid: uuid(1),
        trusted_job_uuid: uuid(2),
        details: Json::parse(details).unwrap(),
    };
    server.report_cheated_job(report.clone()).unwrap();
    let event = program.expect_event("cheat_report_refused");
    assert_eq!(
        (&event["cause"], &event["report"]["job_uuid"]),
        (&json!("signature_missing"), &json!(uuid(1)))
    );
    sign_job_cheated(&mut report, &keypair(), 1);
    server.report_cheated_job(report).unwrap();
    let event = program.expect_event("cheat_report");
    assert_eq!(
        (&event["uuid"], &event["report"]["trusted_job_uuid"]),
        (&json!(uuid(1)), &json!(uuid(2)))
    );
    assert!(
        program
            .last_line()
            .contains(r#""details":{"z":[1,2.5],"a":12345678901234567890123}"#)
    );
    server.with(|facilitator, now| facilitator.push_again(now, &uuid(1)).unwrap());
    let event = program.expect_event("job_declined");
    assert_eq!(
        (&event["uuid"], &event["cause"]),
        (&json!(uuid(1)), &json!("duplicate"))
    );
    assert_eq!(program.close().of("job_request").len(), 2);
}

#[test]
fn messages_that_are_none_or_come_at_the_wrong_time() {
    let uri = scripted(|script| {
        script.authenticate();
        // The heartbeat.
        script.read();
        script.say("{\"message_type\":\"V9Surprise\"}");
        script.say("no JSON\n\u{1b}[31m");
        script.say_binary(b"123");
        script.say(r#"{"status":"error","errors":[{"msg":"m","type":"missing","loc":["V0Heartbeat","x"],"input":{"secret":1}}]}"#);
        script.say(
            r#"{"status":"error","errors":[{"msg":"m","type":"job.not_found","input":"secret"}]}"#,
        );
        script.say(SUCCESS);
        script.say(r#"{"message_type":"V2JobRequest","uuid":"none","executor_class":"always_on.test","docker_image":"a","args":[],"env":{},"download_time_limit":1,"execution_time_limit":1,"upload_time_limit":1,"streaming_start_time_limit":1}"#);
        script.fall_silent();
    });
    let mut program = Program::start(&uri, &[]);
    let error = program.expect_event("malformed");
    assert!(
        error["error"].as_str().unwrap().contains("V9Surprise"),
        "{error}"
    );
    program.expect_event("malformed");
    assert_eq!(program.expect_event("unexpected_binary")["bytes"], 3);
    let refused = program.expect_event("heartbeat_refused");
    assert_eq!(
        refused["errors"][0],
        json!({"msg": "m", "type": "missing", "help": "", "loc": ["V0Heartbeat", "x"]})
    );
    assert_eq!(
        program.expect_event("unexpected_response")["errors"][0]["type"],
        "job.not_found"
    );
    assert_eq!(
        program.expect_event("unexpected_response")["errors"],
        json!([])
    );
    let declined = program.expect_event("job_declined");
    assert_eq!(
        (&declined["uuid"], &declined["cause"]),
        (&json!("none"), &json!("invalid_uuid"))
    );
    let ended = program.close();
    assert!(!ended.stderr.contains('\u{1b}'), "{}", ended.stderr);
    let said = ended.raw.join("\n") + &ended.stderr;
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn what_breaks_the_connection_again_and_again_is_set_aside_whole() {
    // A facilitator that crashes on one status, and answers all others.
    let uri = scripted(|script| {
        script.authenticate();
        while let Some(text) = script.read() {
            if text.contains("executor_ready") {
                return;
            }
            if text.contains("V0JobStatusUpdate") {
                script.say(SUCCESS);
            }
        }
    });
    let mut program = Program::start(&uri, &[]);
    for status in ["accepted", "executor_ready", "volumes_ready"] {
        program.send_status(&uuid(1), status);
    }
    let receipts = program.expect_receipts(3);
    let fates: Vec<_> = receipts
        .iter()
        .map(|receipt| (&receipt["status"], &receipt["outcome"]))
        .collect();
    let expected = [
        ("accepted", "acknowledged"),
        ("executor_ready", "set_aside"),
        ("volumes_ready", "acknowledged"),
    ];
    assert_eq!(
        fates,
        expected
            .map(|(status, outcome)| (json!(status), json!(outcome)))
            .each_ref()
            .map(|(a, b)| (a, b))
    );
    assert_eq!(
        receipts[1]["message"],
        json!({"message_type": "V0JobStatusUpdate", "uuid": uuid(1), "status": "executor_ready", "metadata": null})
    );
    assert_eq!(program.close().status, 0);
}

/// One line of input is one command, however many arrive at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_keeps_its_order() {
    let server = facilitator().await;
    let jobs = 200;
    push(&server, jobs);
    let mut program = Program::start(&server.uri(), &[]);
    for _ in 0..jobs {
        program.expect_event("job_request");
    }
    let mut burst = String::new();
    for job in 1..=jobs {
        for status in STATUSES {
            burst.push_str(&status_line(&uuid(job), status));
            burst.push('\n');
        }
    }
    program.send(burst);
    program.expect_receipts(jobs * STATUSES.len());
    for job in 1..=jobs {
        let stored = stored(&server, &uuid(job));
        assert_eq!(
            stored,
            [
                JobStatus::Received,
                JobStatus::Accepted,
                JobStatus::ExecutorReady,
                JobStatus::VolumesReady,
                JobStatus::ExecutionDone
            ]
        );
    }
    assert_eq!(program.close().status, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_jobs_are_taken() {
    let server = facilitator().await;
    let stranger = Keypair::from_uri(Scheme::Ed25519, "//Alice").unwrap();
    let mut number = 0;
    let address = stranger.public().to_ss58();
    let listed = file("whose-jobs.txt", format!("# customers\n{address}\n"));
    let listed = listed.to_str().unwrap();
    for (arguments, expected) in [
        (vec![], [true, false, false]),
        (vec!["--trust", &address], [true, true, false]),
        (vec!["--trust-file", listed], [true, true, false]),
        (vec!["--trust-anyone"], [true, true, false]),
        (vec!["--unverified"], [true, true, true]),
    ] {
        let mut program = Program::start(&server.uri(), &arguments);
        program.expect_phase("ready");
        for (signer, is_taken) in [Some(&keypair()), Some(&stranger), None]
            .into_iter()
            .zip(expected)
        {
            number += 1;
            let mut request = job(number);
            request.signature = None;
            if let Some(signer) = signer {
                sign_job_request(&mut request, signer, 1);
            }
            server.push_job(request).unwrap();
            let event = program.expect("job", |event| event["uuid"] == uuid(number).as_str());
            let name = if is_taken {
                "job_request"
            } else {
                "job_refused"
            };
            assert_eq!(event["event"], name, "{arguments:?}: {event}");
            assert_eq!(event["request"]["uuid"], uuid(number).as_str());
            let cause = match (is_taken, signer) {
                (true, _) => json!(null),
                (false, Some(_)) => json!("signatory"),
                (false, None) => json!("signature_missing"),
            };
            assert_eq!(event["cause"], cause, "{arguments:?}: {event}");
            let answer = program.expect_event("automatic_receipt");
            assert_eq!(
                answer["status"],
                if is_taken { "received" } else { "rejected" }
            );
        }
        assert_eq!(program.close().status, 0);
    }
}
