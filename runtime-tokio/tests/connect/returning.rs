//! Jobs of workers on the socket across a restart of the program: each finds its own again, and nobody else's.

use std::path::{Path, PathBuf};

use facilitator_tokio::core::message::{HordeFailureReason, JobStatus};
use facilitator_tokio::server::Server;
use serde_json::json;

use crate::processes::{limited, terminal, wait_until};
use crate::program::Program;
use crate::session::{facilitator, stored};
use crate::socket::{Worker, socket, start, terminate};

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

/// It came without a request, and is the worker's like any other: nobody else may speak of it, it takes a place, it is
/// found again after a restart, and it ends when its worker does not come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adopted_job_is_its_workers_until_its_end() {
    let state = state("adopted");
    let (server, path) = (facilitator().await, socket("adopted"));
    let (own, lost) = (crate::program::uuid(7), crate::program::uuid(8));
    let adopt =
        |job: &str| json!({"command": "adopt_job", "id": "a", "uuid": job, "time_left_s": 3600});
    // Another process receives them, and leaves them to whoever comes.
    let mut received = Program::start(&server.uri(), &[]);
    for number in [7, 8] {
        server.push_job(limited(number, 100)).unwrap();
        received.expect_event("job_request");
        received.expect_event("automatic_receipt");
    }
    received.close();

    let mut program = start_again(&server, &state, &path, &["--worker-stop-time", "0s"]);
    let (mut worker, _) = Worker::join(&path, "w", 2);
    for job in [&own, &lost] {
        worker.say(&adopt(job));
        assert_eq!(worker.expect("job_adopted")["id"], "a");
    }
    let _ = program.expect("its worker", |event| {
        event["event"] == "job_assigned" && event["uuid"] == own.as_str() && event["worker"] == "w"
    });
    worker.report(&own, "accepted");
    worker.expect_receipt("accepted");
    let (mut other, _) = Worker::join(&path, "other", 0);
    for line in [
        adopt(&own),
        json!({"command": "job_status", "uuid": own, "status": "executor_ready"}),
    ] {
        other.say(&line);
        assert_eq!(other.expect("command_error")["field"], "uuid", "{line}");
    }
    let ended = terminate(program);
    assert_eq!(ended.status, 0, "{}", ended.stderr);

    // Whoever does not know its jobs any more is told of them.
    let mut program = start_again(&server, &state, &path, &["--worker-absence", "1s"]);
    let (mut worker, welcome) = Worker::join(&path, "w", 2);
    assert_eq!(welcome["resumed"], json!([own, lost]));
    let resumed = worker.expect("job_adopted");
    assert_eq!(
        (&resumed["uuid"], &resumed["resumed"], &resumed["statuses"]),
        (&json!(own), &json!(true), &json!(["accepted"]))
    );
    assert_eq!(worker.expect("job_adopted")["uuid"], json!(lost));
    worker.report(&own, "completed");
    worker.expect_receipt("completed");
    drop(worker);
    let left = program.expect("its leaving", |event| {
        event["event"] == "worker_left" && event["worker"] == "w"
    });
    assert_eq!(left["jobs"], 1);
    wait_until(&server, &lost, JobStatus::HordeFailed).await;
    let (_, metadata) = terminal(&server, &lost);
    let details = metadata.horde_failure_details.unwrap();
    assert_eq!(details.reason, HordeFailureReason::ExecutorDisconnected);
    assert_eq!(terminate(program).status, 0);
}
