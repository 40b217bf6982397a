//! Jobs of workers on the socket across a restart of the program: each finds its own again, and nobody else's.

use std::path::{Path, PathBuf};

use facilitator_tokio::core::message::{HordeFailureReason, JobStatus};
use facilitator_tokio::server::Server;
use serde_json::json;

use crate::processes::{limited, terminal, wait_until};
use crate::program::Program;
use crate::session::stored;
use crate::socket::{Worker, start, terminate};

/// The path of a state file that is not there yet.
fn state(name: &str) -> PathBuf {
    let path = crate::folder::path(format!("returning-{name}"));
    let _ = std::fs::remove_file(&path);
    path
}

/// The program once, until its worker has said `accepted` of its job; then stopped. The job's uuid comes along.
async fn stopped_with_a_job(name: &str) -> (Server, PathBuf, PathBuf, String) {
    let state = state(name);
    let (server, program, path) = start(
        name,
        &[
            "--worker-stop-time",
            "0s",
            "--state-file",
            state.to_str().unwrap(),
        ],
    )
    .await;
    let (mut worker, _) = Worker::join(&path, "w", 1);
    server.push_job(limited(1, 100)).unwrap();
    let job = worker.job();
    worker.report(&job, "accepted");
    worker.expect_receipt("accepted");
    let ended = terminate(program);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    // It goes on: nobody has told it to end.
    worker.expect("stopping");
    assert!(
        worker
            .all_that_is_left()
            .iter()
            .all(|event| event["event"] != "job_ended")
    );
    (server, state, path, job)
}

fn start_again(server: &Server, state: &Path, path: &Path, more: &[&str]) -> Program {
    let named = [
        "--socket",
        path.to_str().unwrap(),
        "--state-file",
        state.to_str().unwrap(),
    ];
    Program::start(&server.uri(), &[&named, more].concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_was_started_anew_too_gets_its_job_again() {
    let (server, state, path, job) = stopped_with_a_job("anew").await;
    let program = start_again(&server, &state, &path, &["--max-jobs", "1"]);
    // Of another one's job nobody may speak, and it takes the only place.
    let (mut other, welcome) = Worker::join(&path, "other", 1);
    assert_eq!(welcome["resumed"], json!([]));
    other.report(&job, "completed");
    assert_eq!(other.expect("command_error")["field"], "uuid");
    server.push_job(limited(2, 100)).unwrap();
    wait_until(&server, &crate::program::uuid(2), JobStatus::Rejected).await;

    let (mut worker, welcome) = Worker::join(&path, "w", 1);
    assert_eq!(welcome["resumed"], json!([job]));
    let request = worker.expect_resumed(&job, &["accepted"]);
    assert_eq!(request["docker_image"], "alpine");
    worker.report(&job, "completed");
    worker.expect_receipt("completed");
    assert_eq!(
        stored(&server, &job),
        [
            JobStatus::Received,
            JobStatus::Accepted,
            JobStatus::Completed
        ]
    );
    let ended = terminate(program);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    // It has ended: the next start knows of none.
    let program = start_again(&server, &state, &path, &[]);
    let (_worker, welcome) = Worker::join(&path, "w", 1);
    assert_eq!(welcome["resumed"], json!([]));
    assert_eq!(terminate(program).status, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_job_of_one_that_does_not_return_is_horde_failed() {
    let (server, state, path, job) = stopped_with_a_job("lost").await;
    let program = start_again(&server, &state, &path, &["--worker-absence", "200ms"]);
    wait_until(&server, &job, JobStatus::HordeFailed).await;
    let (_, metadata) = terminal(&server, &job);
    let details = metadata.horde_failure_details.unwrap();
    assert_eq!(details.reason, HordeFailureReason::ExecutorDisconnected);
    assert_eq!(terminate(program).status, 0);
}

/// A second stop before the worker is back keeps the job once more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_survives_restart_after_restart() {
    let (server, state, path, job) = stopped_with_a_job("again").await;
    for _ in 0..2 {
        let mut program = start_again(&server, &state, &path, &["--worker-stop-time", "0s"]);
        program.expect_phase("ready");
        let ended = terminate(program);
        assert_eq!(ended.status, 0, "{}", ended.stderr);
    }
    let program = start_again(&server, &state, &path, &[]);
    let (mut worker, welcome) = Worker::join(&path, "w", 1);
    assert_eq!(welcome["resumed"], json!([job]));
    worker.report(&job, "completed");
    worker.expect_receipt("completed");
    assert_eq!(terminate(program).status, 0);
}
