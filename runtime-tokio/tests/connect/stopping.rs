//! How it ends: by signals in every phase, by its input, by a reader of stdout that goes away. Always in time, and with
//! an account of what was not delivered.

use std::time::{Duration, Instant};

use facilitator_tokio::core::facilitator::{Event, StatusOutcome};
use serde_json::json;

use crate::peers::{BlackHole, Refusing, Script, scripted};
use crate::program::{Ended, Program, SOON, command, uuid};
use crate::session::{facilitator, push, stored};

/// The drain timeout of these tests, and what a busy machine may add to it.
const DRAIN: &str = "1s";
const IN_TIME: Duration = Duration::from_secs(6);

/// Starts, gives it something to deliver, sends the signal in that phase, and waits for the end.
fn interrupted(uri: &str, phase: &str, signal: &str, more: &[&str]) -> (Ended, Duration) {
    let mut arguments = vec!["--drain-timeout", DRAIN];
    arguments.extend(more);
    let mut program = Program::start(uri, &arguments);
    program.send(r#"{"command":"job_status","id":["k"],"uuid":"00000000-0000-4000-8000-000000000001","status":"accepted"}"#);
    program.send(r#"{"command":"oops"}"#);
    // The answer to the second line proves that the first was taken.
    program.expect("answer and the phase", {
        let (answered, there) = (std::cell::Cell::new(false), std::cell::Cell::new(false));
        let phase = phase.to_owned();
        move |event| {
            answered.set(answered.get() || event["event"] == "command_error");
            there.set(there.get() || event["phase"] == phase.as_str());
            answered.get() && there.get()
        }
    });
    let began = Instant::now();
    program.signal(signal);
    let ended = program.wait();
    (ended, began.elapsed())
}

fn assert_handed_back(ended: &Ended, transmissions: u32) {
    let message = json!({
        "message_type": "V0JobStatusUpdate", "uuid": uuid(1), "status": "accepted", "metadata": null,
    });
    let owed = json!([{"id": ["k"], "transmissions": transmissions, "message": message}]);
    assert_eq!(
        (ended.status, &ended.stopped()["owed"]),
        (1, &owed),
        "{}",
        ended.stderr
    );
    let receipt = ended.of("receipt");
    assert_eq!(receipt.len(), 1);
    assert_eq!(
        (&receipt[0]["id"], &receipt[0]["outcome"]),
        (&json!(["k"]), &json!("handed_back"))
    );
    assert!(
        ended.complaint().contains("messages not delivered: 1"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_signal_while_connecting() {
    for signal in ["INT", "TERM"] {
        let peer = BlackHole::new();
        let (ended, took) = interrupted(&peer.uri(), "connecting", signal, &[]);
        assert_handed_back(&ended, 0);
        assert!(took < IN_TIME, "{took:?}");
        assert!(
            ended.stderr.contains(&format!("SIG{signal}")),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn a_signal_while_waiting() {
    for signal in ["INT", "TERM"] {
        let peer = Refusing::new();
        let pauses = ["--backoff-initial", "10m", "--backoff-max", "10m"];
        let (ended, took) = interrupted(&peer.uri(), "waiting", signal, &pauses);
        assert_handed_back(&ended, 0);
        assert!(took < IN_TIME, "{took:?}");
    }
}

#[test]
fn a_signal_while_authenticating() {
    for signal in ["INT", "TERM"] {
        let uri = scripted(Script::fall_silent);
        let (ended, took) = interrupted(&uri, "authenticating", signal, &[]);
        assert_handed_back(&ended, 0);
        assert!(took < IN_TIME, "{took:?}");
    }
}

#[test]
fn a_signal_while_statuses_are_unanswered() {
    for signal in ["INT", "TERM"] {
        let uri = scripted(|script| {
            script.authenticate();
            script.fall_silent();
        });
        let (ended, took) = interrupted(&uri, "ready", signal, &[]);
        assert_handed_back(&ended, 1);
        assert!(took < IN_TIME, "{took:?}");
    }
}

#[test]
fn with_nothing_owed_the_end_comes_at_once() {
    let (hole, refusing) = (BlackHole::new(), Refusing::new());
    let silent = scripted(Script::fall_silent);
    for (uri, phase) in [
        (hole.uri(), "connecting"),
        (refusing.uri(), "waiting"),
        (silent, "authenticating"),
    ] {
        // A drain timeout that would be noticed.
        let mut program = Program::start(&uri, &["--drain-timeout", "10m"]);
        program.expect_phase(phase);
        program.signal("INT");
        let ended = program.wait();
        assert_eq!(
            (ended.status, &ended.stopped()["owed"]),
            (0, &json!([])),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn a_second_signal_aborts() {
    let uri = scripted(|script| {
        script.authenticate();
        script.fall_silent();
    });
    for (first, second) in [("INT", "INT"), ("TERM", "INT"), ("INT", "TERM")] {
        let mut program = Program::start(&uri, &["--drain-timeout", "10m"]);
        program.expect_phase("ready");
        program.send_status(&uuid(1), "accepted");
        program.send("answered, so that the line before was taken");
        program.expect_event("command_error");
        program.signal(first);
        program.expect_phase("draining");
        program.insist(second);
        let ended = program.wait();
        assert_eq!(
            (
                ended.status,
                ended.stopped()["owed"].as_array().unwrap().len()
            ),
            (1, 1),
            "{}",
            ended.stderr
        );
        assert!(
            ended.complaint().contains("aborted by a second signal"),
            "{}",
            ended.stderr
        );
    }
}

/// `timeout` signals its child and then its group, which the child is in: that is one wish, not two.
#[test]
fn two_signals_of_one_kill_are_one() {
    let uri = scripted(|script| {
        script.authenticate();
        script.fall_silent();
    });
    // On a machine so busy that the two were far apart, they are said again to another one.
    for _ in 0..20 {
        let mut program = Program::start(&uri, &["--drain-timeout", "2s"]);
        program.expect_phase("ready");
        program.send_status(&uuid(1), "accepted");
        program.send("answered, so that the line before was taken");
        program.expect_event("command_error");
        let began = Instant::now();
        program.signal("TERM");
        program.expect_phase("draining");
        program.signal("TERM");
        let apart = began.elapsed();
        let ended = program.wait();
        if apart > Duration::from_millis(150) {
            continue;
        }
        assert!(began.elapsed() >= Duration::from_secs(2), "it has drained");
        let complaint = ended.complaint();
        assert!(
            complaint.contains("not delivered: 1") && !complaint.contains("aborted"),
            "{}",
            ended.stderr
        );
        return;
    }
    panic!("no two signals were near each other");
}

#[test]
fn the_end_of_the_input_and_two_signals() {
    let uri = scripted(|script| {
        script.authenticate();
        script.fall_silent();
    });
    let mut program = Program::start(&uri, &["--drain-timeout", "10m"]);
    program.send_status(&uuid(1), "accepted");
    program.expect_phase("ready");
    drop(program.take_stdin());
    program.expect_phase("draining");
    program.signal("INT");
    program.signal("TERM");
    let ended = program.wait();
    assert_eq!(
        (
            ended.status,
            ended.stopped()["owed"].as_array().unwrap().len()
        ),
        (1, 1),
        "{}",
        ended.stderr
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_before_the_end_is_delivered() {
    let server = facilitator().await;
    push(&server, 1);
    // The answers to the first statuses are lost with their connection: the drain has to reconnect.
    let mut cuts = 2;
    server.cut_when(move |event| {
        let stored = matches!(
            event,
            Event::JobStatus {
                outcome: StatusOutcome::Stored,
                ..
            }
        );
        cuts -= i32::from(stored && cuts > 0);
        stored && cuts > 0
    });
    for by_command in [false, true] {
        let mut program = Program::start(&server.uri(), &[]);
        if !by_command {
            program.expect_event("job_request");
        }
        program.send_status(&uuid(1), "accepted");
        program.send_status(&uuid(1), "executor_ready");
        if by_command {
            program.send(r#"{"command":"stop","id":9}"#);
            program.send("this is not read any more");
        }
        let ended = if by_command {
            program.wait()
        } else {
            program.close()
        };
        assert_eq!(
            (ended.status, &ended.stopped()["owed"]),
            (0, &json!([])),
            "{}",
            ended.stderr
        );
        assert_eq!(
            ended.stopped()["id"],
            if by_command { json!(9) } else { json!(null) }
        );
        assert_eq!(ended.of("receipt").len(), 2);
        assert_eq!(ended.of("command_error").len(), 0);
    }
    assert_eq!(stored(&server, &uuid(1)).len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_stdout_that_goes_away_stops_it() {
    let server = facilitator().await;
    push(&server, 1);
    let mut program = Program::start_unread(command(&server.uri(), &[]));
    program.close_stdout();
    program.send_status(&uuid(1), "accepted");
    let ended = program.wait();
    assert_eq!((ended.status, ended.events.len()), (1, 0));
    assert!(
        ended
            .complaint()
            .contains("stdout was closed by its reader"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[test]
fn a_directory_as_input() {
    let refusing = Refusing::new();
    let mut command = command(&refusing.uri(), &[]);
    command.stdin(std::fs::File::open("/").unwrap());
    let mut program = Program::start_unread(command);
    program.read_stdout();
    let ended = program.wait();
    assert_eq!((ended.status, &ended.stopped()["owed"]), (1, &json!([])));
    assert!(
        ended.complaint().contains("stdin cannot be read"),
        "{}",
        ended.stderr
    );
}

/// A closed stderr is no reason to fail, and none to panic.
#[test]
fn nobody_reads_the_log() {
    let refusing = Refusing::new();
    let mut command = command(&refusing.uri(), &["-vv"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stderr(writer);
    let mut child = command.spawn().unwrap();
    drop(child.stdin.take());
    let began = Instant::now();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(began.elapsed() < SOON);
}
