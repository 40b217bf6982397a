//! A terminal status that does not arrive: refused by the facilitator, or set aside because connections broke over it.
//! Its job ends all the same, and its worker is told, on the socket as with a process.

use std::sync::mpsc::{Receiver, channel};

use facilitator_tokio::core::message::FacilitatorMessage;
use serde_json::{Value, json};

use crate::peers::{SUCCESS, scripted};
use crate::processes::limited;
use crate::program::{Program, SOON, uuid};
use crate::socket::{Worker, socket};

/// What becomes of the job's `completed`.
#[derive(Clone, Copy)]
enum Fate {
    Refused,
    SetAside,
}

impl Fate {
    const ALL: [Self; 2] = [Self::Refused, Self::SetAside];

    fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::SetAside => "set_aside",
        }
    }
}

/// A facilitator that has one job, and takes every status of it but `executor_ready` and `completed`. The statuses that it took.
fn peer(fate: Fate) -> (String, Receiver<String>) {
    let (taken, statuses) = channel();
    let request = FacilitatorMessage::JobRequest(Box::new(limited(1, 100))).encode_python();
    let first = std::cell::Cell::new(true);
    let uri = scripted(move |script| {
        script.authenticate();
        if first.replace(false) {
            script.say(&request);
        }
        while let Some(text) = script.read() {
            let message: Value = serde_json::from_str(&text).unwrap();
            let Some(status) = message["status"].as_str() else {
                continue;
            };
            match (status, fate) {
                // The connection ends.
                ("completed", Fate::SetAside) => return,
                ("completed" | "executor_ready", _) => {
                    script
                        .say(r#"{"status":"error","errors":[{"type":"job.refused","msg":"no"}]}"#);
                }
                _ => {
                    script.say(SUCCESS);
                    let _ = taken.send(status.to_owned());
                }
            }
        }
    });
    (uri, statuses)
}

/// Waits until the facilitator has this.
fn wait_for(statuses: &Receiver<String>, expected: &str) {
    loop {
        let status = statuses.recv_timeout(SOON);
        if status.unwrap_or_else(|_| panic!("no {expected} came")) == expected {
            return;
        }
    }
}

fn start(name: &str, fate: Fate) -> (Receiver<String>, Program, std::path::PathBuf) {
    let (uri, statuses) = peer(fate);
    let path = socket(&format!("{name}-{}", fate.name()));
    let program = Program::start(&uri, &["--socket", path.to_str().unwrap()]);
    (statuses, program, path)
}

#[test]
fn a_worker_is_told_and_its_job_ends() {
    for fate in Fate::ALL {
        let (statuses, program, path) = start("told", fate);
        let (mut worker, _) = Worker::join(&path, "w", 1);
        let job = worker.job();
        worker.report(&job, "completed");
        let receipt = worker.expect("receipt");
        assert_eq!(
            (&receipt["id"], &receipt["outcome"]),
            (&json!("completed"), &json!(fate.name()))
        );
        let ended = worker.expect("job_ended");
        assert_eq!(
            (&ended["uuid"], &ended["status"]),
            (&json!(job), &json!("horde_failed"))
        );
        wait_for(&statuses, "horde_failed");
        // What it says of it now is too late.
        worker.report(&job, "failed");
        let error = worker.expect("command_error");
        let text = error["error"].as_str().unwrap();
        assert!(text.contains("has ended as `horde_failed`"), "{error}");
        let ended = crate::socket::terminate(program);
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        assert!(
            ended.stderr.contains("the last status was not delivered"),
            "{}",
            ended.stderr
        );
    }
}

/// Only the last one matters.
#[test]
fn a_status_on_the_way_that_is_refused_ends_nothing() {
    let (statuses, program, path) = start("way", Fate::Refused);
    let (mut worker, _) = Worker::join(&path, "w", 1);
    let job = worker.job();
    worker.report(&job, "executor_ready");
    assert_eq!(worker.expect("receipt")["outcome"], "refused");
    worker.report(&job, "failed");
    worker.expect_receipt("failed");
    wait_for(&statuses, "failed");
    let ended = crate::socket::terminate(program);
    assert_eq!(ended.of("job_ended"), Vec::<&Value>::new());
}

/// Nobody has to be there to be told.
#[test]
fn the_job_of_a_worker_that_has_left_ends_too() {
    for fate in Fate::ALL {
        let (statuses, mut program, path) = start("left", fate);
        let (mut worker, _) = Worker::join(&path, "w", 1);
        let job = worker.job();
        worker.report(&job, "completed");
        drop(worker);
        let receipt = program.expect("its fate", |event| {
            event["event"] == "receipt" && event["status"] == "completed"
        });
        assert_eq!(receipt["outcome"], fate.name());
        wait_for(&statuses, "horde_failed");
        assert_eq!(crate::socket::terminate(program).status, 0);
    }
}

/// With a process it is the same.
#[test]
fn the_job_of_a_process_ends_too() {
    let worker = r#"printf '{"status":"completed","metadata":{"miner_response":{"docker_process_stdout":"","docker_process_stderr":""}}}\n'"#;
    for fate in Fate::ALL {
        let (uri, statuses) = peer(fate);
        let mut program = Program::start(&uri, &["--worker", worker]);
        wait_for(&statuses, "horde_failed");
        let ended = program.expect_event("job_ended");
        assert_eq!(ended["uuid"], uuid(1).as_str());
        assert_eq!(crate::socket::terminate(program).status, 0);
    }
}
