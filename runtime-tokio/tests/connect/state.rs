//! What is owed across a planned restart; jobs that are taken up by command; a session that ends by itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use facilitator_tokio::core::facilitator::FacilitatorConfig;
use facilitator_tokio::core::message::JobStatus;
use facilitator_tokio::server::Server;
use serde_json::{Value, json};

use crate::peers::{Refusing, scripted};
use crate::program::{Program, bare_command, command, uuid};
use crate::session::{facilitator, push, stored};

/// A path in a folder of this name, where no file is.
fn state_path(name: &str) -> PathBuf {
    let folder = crate::folder::path(format!("state-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder.join("state.json")
}

fn with_state(uri: &str, path: &Path) -> Command {
    // Nothing can be delivered in most of these tests: nobody shall wait for it.
    let arguments = [
        "--drain-timeout",
        "300ms",
        "--state-file",
        path.to_str().unwrap(),
    ];
    command(uri, &arguments)
}

fn start(uri: &str, path: &Path) -> Program {
    let mut program = Program::start_unread(with_state(uri, path));
    program.read_stdout();
    program
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", path.display()))
}

/// Two statuses that could not be delivered are kept in this file.
fn leave_two(path: &Path) {
    let peer = Refusing::new();
    let mut program = start(&peer.uri(), path);
    program.send_status(&uuid(1), "accepted");
    program.send_status(&uuid(1), "executor_ready");
    program.expect_phase("waiting");
    let ended = program.close();
    assert_eq!(
        ended.status, 0,
        "what is kept is no failure: {}",
        ended.stderr
    );
    let stopped = ended.stopped();
    assert_eq!(
        (stopped["owed"].as_array().unwrap().len(), &stopped["kept"]),
        (2, &json!(true))
    );
}

/// The ids of its receipts, with their outcomes.
fn receipts(program: &mut Program, count: usize) -> Vec<(Value, Value)> {
    let receipts = program.expect_receipts(count);
    receipts
        .into_iter()
        .map(|receipt| (receipt["id"].clone(), receipt["outcome"].clone()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stop_leaves_the_next_start_delivers() {
    let path = state_path("delivers");
    leave_two(&path);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(!beside(&path, ".new").exists());

    let server = facilitator().await;
    push(&server, 1);
    let mut program = start(&server.uri(), &path);
    // Under the ids of the commands that another process has read.
    let expected = |status: &str| {
        (
            json!(format!("{}/{status}", uuid(1))),
            json!("acknowledged"),
        )
    };
    assert_eq!(
        receipts(&mut program, 2),
        [expected("accepted"), expected("executor_ready")]
    );
    assert!(
        !path.exists() && beside(&path, ".taken").exists(),
        "used twice, it would do harm"
    );
    program.send(format!(
        r#"{{"command":"reject_job","uuid":"{}","reason":"busy","message":""}}"#,
        uuid(1)
    ));
    receipts(&mut program, 1);
    let ended = program.close();
    assert_eq!(
        (ended.status, &ended.stopped()["owed"]),
        (0, &json!([])),
        "{}",
        ended.stderr
    );
    let statuses = stored(&server, &uuid(1));
    assert_eq!(
        statuses,
        [
            JobStatus::Accepted,
            JobStatus::ExecutorReady,
            JobStatus::Rejected
        ]
    );
    assert!(path.exists() && !beside(&path, ".taken").exists());

    // A facilitator that has forgotten everything pushes the same job: it has ended, and does not run again.
    let server = facilitator().await;
    let mut program = start(&server.uri(), &path);
    program.expect_phase("ready");
    push(&server, 2);
    let request = program.expect_event("job_request");
    assert_eq!(request["uuid"], uuid(2).as_str());
    let ended = program.close();
    assert_eq!(
        (
            ended.of("job_request").len(),
            ended.of("job_declined").len()
        ),
        (1, 1),
        "{:#?}",
        ended.raw
    );
}

/// A process that was hurried could not write what only it knew; the session knows the rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_session_had_sent_by_itself_has_an_automatic_receipt_and_no_other() {
    let path = state_path("automatic");
    leave_two(&path);
    let mut state: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    state["messages"] = json!([]);
    state["snapshot"]["owed"][0]["automatic"] = json!(true);
    fs::write(&path, state.to_string()).unwrap();
    let server = facilitator().await;
    push(&server, 1);
    let mut program = start(&server.uri(), &path);
    program.expect_event("receipt");
    let ended = program.close();
    let statuses = |event: &str| -> Vec<Value> {
        let events = ended.of(event).into_iter();
        events.map(|receipt| receipt["status"].clone()).collect()
    };
    assert_eq!(statuses("receipt"), ["executor_ready"]);
    assert_eq!(statuses("automatic_receipt"), ["accepted"]);
}

#[test]
fn what_was_taken_up_is_in_the_recording() {
    let path = state_path("recorded");
    leave_two(&path);
    let folder = path.parent().unwrap();
    let trace = folder.join("{time}.trace");
    let mut command = with_state(&Refusing::new().uri(), &path);
    command.arg("--record").arg(&trace);
    let mut program = Program::start_unread(command);
    program.read_stdout();
    program.expect_phase("waiting");
    let ended = program.close();
    assert_eq!(
        (
            ended.status,
            ended.stopped()["owed"].as_array().unwrap().len()
        ),
        (0, 2),
        "{}",
        ended.stderr
    );
    let is_trace = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == "trace")
    };
    let traces: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(is_trace)
        .collect();
    let [trace] = traces.as_slice() else {
        panic!("{traces:?}")
    };
    let name = trace.file_stem().unwrap().to_str().unwrap();
    assert!(name.parse::<u64>().unwrap() > 1_700_000_000, "{name}");
    let mut replay = bare_command(&["replay"]);
    let output = replay.arg(trace).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_file_has_one_user_at_a_time() {
    let path = state_path("one-user");
    let peer = Refusing::new();
    let mut first = start(&peer.uri(), &path);
    first.expect_phase("waiting");
    let second = with_state(&peer.uri(), &path).output().unwrap();
    let stderr = String::from_utf8(second.stderr).unwrap();
    assert_eq!(
        (second.status.code(), stderr.lines().count()),
        (Some(2), 1),
        "{stderr}"
    );
    assert!(
        stderr.contains("--state-file: ") && stderr.contains("in use by another process"),
        "{stderr}"
    );
    assert_eq!(first.close().status, 0);
}

#[test]
fn a_file_that_cannot_be_used_is_told_and_left_as_it_is() {
    let path = state_path("unusable");
    leave_two(&path);
    let good = fs::read_to_string(&path).unwrap();
    let peer = Refusing::new();
    let other_hotkey = good.replace("\"hotkey\":\"5", "\"hotkey\":\"4");
    for (content, told) in [
        ("", "is damaged"),
        ("{}", "is damaged: missing field `version`"),
        (&good[..good.len() / 2], "is damaged"),
        (
            &good.replacen("\"version\":1", "\"version\":9", 1),
            "has format 9, readable is 1: a newer version of this program has written it",
        ),
        (
            &good.replace("\"snapshot\":{\"version\":1", "\"snapshot\":{\"version\":7"),
            "has a snapshot of format 7, readable is 1: a newer version",
        ),
        (&other_hotkey, "belongs to the validator \"4"),
        (
            &good.replace("V0JobStatusUpdate", "V0Heartbeat"),
            "message 0 of the snapshot",
        ),
        (
            &good.replacen("{\"version\":1", "{\"more\":2,\"version\":1", 1),
            "holds what this version does not know (unknown field `more`",
        ),
        (
            &good.replacen("\"automatic\":", "\"more\":[],\"automatic\":", 1),
            "a newer version of this program has written it, this is 0.",
        ),
        (
            &good.replacen("\"transmissions\":", "\"more\":[],\"transmissions\":", 1),
            "start that version to deliver what it holds",
        ),
        // What a newer format has need not be readable at all.
        (
            &good
                .replace("\"snapshot\":{\"version\":1", "\"snapshot\":{\"version\":2")
                .replace("\"owed\"", "\"due\""),
            "has a snapshot of format 2, readable is 1: a newer version",
        ),
        (
            &good.replacen("\"version\":1", "\"version\":0", 1),
            "an older version of this program has written it",
        ),
        (
            &good.replacen(
                "{\"version\":1",
                "{\"jobs\":[{\"worker\":\"w\",\"statuses\":[]}],\"version\":1",
                1,
            ),
            "a job in it is damaged: it has no uuid",
        ),
        (
            &good.replacen(
                "{\"version\":1",
                "{\"jobs\":[{\"worker\":\"w\",\"statuses\":[],\"request\":{}}],\"version\":1",
                1,
            ),
            "a job in it cannot be read",
        ),
    ] {
        fs::write(&path, content).unwrap();
        let output = with_state(&peer.uri(), &path).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let lines: Vec<&str> = stderr
            .lines()
            .filter(|line| line.starts_with("facilitator-client: "))
            .collect();
        assert_eq!(
            (output.status.code(), lines.len()),
            (Some(2), 1),
            "{told}: {stderr}"
        );
        for told in [told, "state.json", "left as it is", "move it away"] {
            assert!(lines[0].contains(told), "no {told:?} in {stderr}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), content, "{told}");
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let output = with_state(&peer.uri(), &path).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(2) && stderr.contains("no regular file"),
        "{stderr}"
    );

    let nowhere = path.join("none/state.json");
    let output = with_state(&peer.uri(), &nowhere).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(2) && stderr.contains("in a folder that can be written"),
        "{stderr}"
    );
}

/// What fails before the session begins must not cost what the last one has left.
#[test]
fn a_start_that_fails_leaves_the_file() {
    let path = state_path("no-start");
    leave_two(&path);
    let before = fs::read(&path).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = with_state(&Refusing::new().uri(), &path);
    let output = command.args(["--metrics", &address]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_ne!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains(&address), "{stderr}");
    assert_eq!(fs::read(&path).unwrap(), before, "{stderr}");
    assert!(!beside(&path, ".taken").exists());
}

#[test]
fn after_a_crash_nothing_old_is_used_and_it_is_said() {
    let path = state_path("crash");
    leave_two(&path);
    let peer = Refusing::new();
    let mut program = start(&peer.uri(), &path);
    program.expect_phase("waiting");
    program.signal("KILL");
    program.wait();
    let taken = fs::read(beside(&path, ".taken")).unwrap();
    let mut program = start(&peer.uri(), &path);
    program.expect_phase("waiting");
    assert_eq!(fs::read(beside(&path, ".taken")).unwrap(), taken);
    let ended = program.close();
    assert_eq!(ended.stopped()["owed"], json!([]));
    assert!(
        ended.stderr.contains("did not end properly") && ended.stderr.contains(".taken"),
        "{}",
        ended.stderr
    );
    assert!(!beside(&path, ".taken").exists());
}

#[test]
fn a_file_that_cannot_be_written_is_a_failure_and_nothing_is_lost() {
    let path = state_path("unwritable");
    let peer = Refusing::new();
    let mut program = start(&peer.uri(), &path);
    program.send_status(&uuid(1), "accepted");
    program.expect_phase("waiting");
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    let ended = program.close();
    assert_eq!(ended.status, 1);
    assert_eq!(
        (
            ended.stopped()["owed"].as_array().unwrap().len(),
            &ended.stopped()["kept"]
        ),
        (1, &Value::Null)
    );
    let complaint = ended.complaint();
    assert!(
        complaint.contains("state.json cannot be written")
            && complaint.contains("`stopped` holds them"),
        "{complaint}"
    );
}

/// Whoever aborts has not read the end either: it is kept all the same.
#[test]
fn an_abort_keeps_what_is_owed() {
    let path = state_path("abort");
    let uri = scripted(|script| {
        script.authenticate();
        script.fall_silent();
    });
    let mut program = start(&uri, &path);
    program.expect_phase("ready");
    program.send_status(&uuid(1), "accepted");
    program.send(r#"{"command":"machine_specs"}"#);
    // It is answered after the status was accepted.
    program.expect_event("command_error");
    program.signal("TERM");
    program.expect_phase("draining");
    program.signal("INT");
    let ended = program.wait();
    assert_eq!(ended.status, 1);
    assert!(
        ended.complaint().contains("aborted") && !ended.complaint().contains("not delivered"),
        "{}",
        ended.stderr
    );
    let kept: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(
        kept["snapshot"]["owed"].as_array().unwrap().len(),
        1,
        "{kept}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_taken_up_by_command_and_ended_in_its_time() {
    let server = facilitator().await;
    push(&server, 1);
    let mut program = Program::start(&server.uri(), &[]);
    program.expect_event("job_request");
    let job = uuid(7);
    program.send(format!(
        r#"{{"command":"adopt_job","id":[7],"uuid":"{job}","time_left_s":0.2}}"#
    ));
    let adopted = program.expect_event("job_adopted");
    assert_eq!(
        (&adopted["id"], &adopted["uuid"]),
        (&json!([7]), &json!(job))
    );
    let overdue = program.expect_event("job_overdue");
    assert_eq!(overdue["uuid"], job.as_str());
    // The facilitator of this test does not know the job; what counts is that its end was sent.
    let fate = program.expect("its end", |event| {
        event["event"] == "automatic_receipt" && event["uuid"] == job.as_str()
    });
    assert_eq!(fate["status"], "horde_failed");
    for (rest, told) in [
        (
            format!(r#""uuid":"{job}","time_left_s":60"#),
            "has ended as `horde_failed`",
        ),
        (r#""uuid":"x","time_left_s":60"#.to_owned(), "no job uuid"),
        (
            format!(r#""uuid":"{}""#, uuid(8)),
            "`time_left_s` is missing",
        ),
        (
            format!(r#""uuid":"{}","time_left_s":0"#, uuid(8)),
            "above 0",
        ),
        (
            format!(r#""uuid":"{}","time_left_s":-1"#, uuid(8)),
            "above 0",
        ),
        (
            format!(r#""uuid":"{}","time_left_s":"1m""#, uuid(8)),
            "above 0",
        ),
        (
            format!(
                r#""uuid":"{}","time_left_s":1,"status":"accepted""#,
                uuid(8)
            ),
            "`status` is no key of adopt_job",
        ),
    ] {
        program.send(format!(r#"{{"command":"adopt_job","id":"e",{rest}}}"#));
        let error = program.expect_event("command_error");
        assert!(
            error["error"].as_str().unwrap().contains(told),
            "no {told:?} in {error}"
        );
        assert_eq!(error["id"], "e");
    }
    program.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_signature_ends_the_program_when_it_is_told_so() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let uri = scripted(move |script| {
        script.read();
        // When the test says so; later, at once.
        let _ = receiver.recv();
        script.say(r#"{"status":"error","errors":[{"msg":"","type":"auth.signature_invalid"}]}"#);
        script.fall_silent();
    });
    let path = state_path("refused");
    let mut command = with_state(&uri, &path);
    command.args(["--on-signature-invalid", "stop"]);
    let mut program = Program::start_unread(command);
    program.read_stdout();
    program.send_status(&uuid(1), "accepted");
    program.send(r#"{"command":"machine_specs"}"#);
    program.expect_event("command_error");
    drop(sender);
    // Its stdin stays open.
    let stdin = program.take_stdin();
    let ended = program.wait();
    drop(stdin);
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    assert!(
        ended.complaint().contains("refuses the signature"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.stopped()["owed"].as_array().unwrap().len(), 1);
    assert!(path.exists());
    // Otherwise it stays, and says so.
    let mut program = Program::start(&uri, &[]);
    program.expect("refused", |event| {
        event["event"] == "health" && event["health"] == "refused"
    });
    let ended = program.close();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
}

/// A facilitator that is known to refuse nobody: what is written by one program is read by the next, however often.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_restarts_lose_nothing_and_keep_the_order() {
    let path = state_path("restarts");
    let server = Server::bind("127.0.0.1:0", FacilitatorConfig::default())
        .await
        .unwrap();
    push(&server, 1);
    let peer = Refusing::new();
    let statuses = [
        "received",
        "accepted",
        "executor_ready",
        "volumes_ready",
        "execution_done",
    ];
    for status in statuses {
        let mut program = start(&peer.uri(), &path);
        program.send_status(&uuid(1), status);
        program.expect_phase("waiting");
        assert_eq!(program.close().status, 0);
    }
    let mut program = start(&server.uri(), &path);
    let receipts = receipts(&mut program, statuses.len());
    let ids: Vec<String> = receipts
        .iter()
        .map(|(id, _)| id.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, statuses.map(|status| format!("{}/{status}", uuid(1))));
    assert_eq!(program.close().status, 0);
    let names: Vec<&str> = stored(&server, &uuid(1))
        .iter()
        .map(|status| status.as_str())
        .collect();
    assert_eq!(names, statuses);
}
