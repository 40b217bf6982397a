//! `--socket`: many workers at once. Who gets which job, what becomes of the jobs of one that goes away, and what of one
//! that is slow.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use facilitator_tokio::core::message::{
    HordeFailureReason, JobRejectionReason, JobStatus, Json, V0JobCheated,
};
use facilitator_tokio::core::signature::{sign_job_cheated, sign_job_request};
use facilitator_tokio::server::Server;
use serde_json::{Value, json};

use crate::processes::{limited, terminal, wait_until};
use crate::program::{Program, SOON, keypair, uuid};
use crate::python;
use crate::session::{facilitator, stored};

/// A path that a socket can have: they are short.
pub(crate) fn socket(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("fcs-{}-{name}", std::process::id()))
}

/// A worker that says what a test wants.
pub(crate) struct Worker {
    pub(crate) stream: UnixStream,
    lines: BufReader<UnixStream>,
    /// Lines that were read while others were waited for.
    kept: VecDeque<Value>,
}

impl Worker {
    /// Connects, as soon as there is somebody to connect to.
    pub(crate) fn connect(path: &Path) -> Self {
        let deadline = Instant::now() + SOON;
        let stream = loop {
            match UnixStream::connect(path) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
        };
        stream.set_read_timeout(Some(SOON)).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        Self {
            stream,
            lines,
            kept: VecDeque::new(),
        }
    }

    /// Connects under this name, for this many jobs.
    pub(crate) fn join(path: &Path, name: &str, jobs: usize) -> (Self, Value) {
        let deadline = Instant::now() + SOON;
        loop {
            let mut worker = Self::connect(path);
            assert_eq!(worker.expect("hello")["protocol"], 1);
            worker.say(&json!({"command": "hello", "id": name, "protocol": 1, "worker": name, "jobs": jobs}));
            let answer = worker.next().unwrap();
            if answer["event"] == "welcome" {
                assert_eq!(
                    (&answer["id"], &answer["worker"]),
                    (&json!(name), &json!(name))
                );
                return (worker, answer);
            }
            // The one before it has not left yet.
            assert_eq!(answer["field"], "worker", "{answer}");
            assert!(Instant::now() < deadline, "{answer}");
        }
    }

    pub(crate) fn say(&mut self, line: &Value) {
        crate::schema::check_command(line).unwrap();
        self.write(&line.to_string());
    }

    pub(crate) fn write(&mut self, line: &str) {
        self.stream.write_all(line.as_bytes()).unwrap();
        self.stream.write_all(b"\n").unwrap();
    }

    /// A status, under the id `STATUS`.
    pub(crate) fn report(&mut self, job: &str, status: &str) {
        let metadata =
            json!({"miner_response": {"docker_process_stdout": "", "docker_process_stderr": ""}});
        self.say(&json!({
            "command": "job_status", "id": status, "uuid": job, "status": status, "metadata": metadata,
        }));
    }

    /// A line that is answered with an error, about this field, which says this.
    fn say_wrongly(&mut self, line: &str, field: Option<&str>, told: &str) {
        self.write(line);
        let error = self.expect("command_error");
        let found = error.get("field").and_then(Value::as_str);
        assert_eq!(found, field, "{line}: {error}");
        let text = error["error"].as_str().unwrap();
        assert!(text.contains(told), "{line}: {error}");
    }

    /// The next line; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => {
                let event = serde_json::from_str(&line).unwrap();
                crate::schema::check_event(&event)
                    .unwrap_or_else(|error| panic!("{line} is not as documented: {error}"));
                Some(event)
            }
        }
    }

    /// The first line of this name that was not taken yet.
    pub(crate) fn expect(&mut self, name: &str) -> Value {
        let kept = self.kept.iter().position(|event| event["event"] == name);
        if let Some(event) = kept.and_then(|place| self.kept.remove(place)) {
            return event;
        }
        loop {
            let event = self.next().unwrap_or_else(|| panic!("no {name} came"));
            if event["event"] == name {
                return event;
            }
            self.kept.push_back(event);
        }
    }

    /// What comes until the end of the connection, and what was read before and not taken.
    pub(crate) fn all_that_is_left(&mut self) -> Vec<Value> {
        let mut all: Vec<Value> = self.kept.drain(..).collect();
        all.extend(std::iter::from_fn(|| self.next()));
        all
    }

    pub(crate) fn expect_receipt(&mut self, status: &str) {
        let receipt = self.expect("receipt");
        assert_eq!(
            (&receipt["id"], &receipt["status"]),
            (&json!(status), &json!(status))
        );
    }

    /// This job comes again, as it was requested, with the statuses that were said of it. Returns the request.
    pub(crate) fn expect_resumed(&mut self, job: &str, statuses: &[&str]) -> Value {
        let event = self.expect("job_request");
        assert_eq!(
            (&event["uuid"], &event["resumed"], &event["statuses"]),
            (&json!(job), &json!(true), &json!(statuses))
        );
        assert_eq!(event["request"]["uuid"], job);
        event["request"].clone()
    }

    /// The uuid of the next job.
    pub(crate) fn job(&mut self) -> String {
        self.expect("job_request")["uuid"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// The program, listening for workers.
pub(crate) async fn start(name: &str, arguments: &[&str]) -> (Server, Program, PathBuf) {
    let server = facilitator().await;
    let path = socket(name);
    let program = Program::start(
        &server.uri(),
        &[&["--socket", path.to_str().unwrap()], arguments].concat(),
    );
    (server, program, path)
}

pub(crate) fn terminate(program: Program) -> crate::program::Ended {
    program.signal("TERM");
    program.wait()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_shared_and_each_worker_has_its_own() {
    let (server, program, path) = start("shared", &[]).await;
    let (mut one, _) = Worker::join(&path, "one", 2);
    let (mut two, _) = Worker::join(&path, "two", 1);
    let (mut none, _) = Worker::join(&path, "none", 0);
    for number in 1..=4 {
        server.push_job(limited(number, 100)).unwrap();
    }
    let (first, second, third) = (one.job(), one.job(), two.job());
    // The fourth waits for a place. Of other workers' jobs nobody may speak.
    for (worker, job) in [(&mut two, &first), (&mut none, &first), (&mut one, &third)] {
        worker.report(job, "accepted");
        let error = worker.expect("command_error");
        assert_eq!(
            (&error["id"], &error["field"]),
            (&json!("accepted"), &json!("uuid"))
        );
    }
    for status in ["accepted", "executor_ready", "completed"] {
        two.report(&third, status);
        two.expect_receipt(status);
    }
    let fourth = two.job();
    for job in [&first, &second] {
        one.report(job, "completed");
        one.expect_receipt("completed");
    }
    two.report(&fourth, "completed");
    two.expect_receipt("completed");
    let mut jobs = [first, second, third.clone(), fourth];
    jobs.sort();
    assert_eq!(jobs, [uuid(1), uuid(2), uuid(3), uuid(4)]);
    for job in &jobs {
        assert_eq!(terminal(&server, job).0, JobStatus::Completed);
    }
    // A worker that takes no more.
    one.say(&json!({"command": "capacity", "id": 1, "jobs": 0}));
    assert_eq!(one.expect("capacity")["id"], 1);
    for number in 5..=6 {
        server.push_job(limited(number, 100)).unwrap();
        let job = two.job();
        assert_eq!(job, uuid(number));
        two.report(&job, "completed");
        two.expect_receipt("completed");
    }
    let began = Instant::now();
    let ended = terminate(program);
    assert!(began.elapsed() < Duration::from_secs(6));
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(ended.of("worker_joined").len(), 3);
    assert_eq!(ended.of("job_assigned").len(), 6);
    for worker in [&mut one, &mut two, &mut none] {
        worker.expect("stopping");
        assert_eq!(worker.next(), None, "the connection ends");
    }
    assert!(!path.exists(), "the socket is removed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_returns_takes_up_its_jobs() {
    let (server, program, path) = start("returns", &[]).await;
    let (mut worker, welcome) = Worker::join(&path, "w", 2);
    assert_eq!(welcome["resumed"], json!([]));
    server.push_job(limited(1, 100)).unwrap();
    let job = worker.job();
    worker.report(&job, "accepted");
    worker.expect_receipt("accepted");
    drop(worker);
    let (mut worker, welcome) = Worker::join(&path, "w", 2);
    assert_eq!(welcome["resumed"], json!([job]));
    worker.expect_resumed(&job, &["accepted"]);
    // What may have been lost is said again, and does no harm.
    worker.report(&job, "accepted");
    assert_eq!(worker.expect("receipt")["outcome"], "already_known");
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
    assert_eq!(ended.of("worker_left")[0]["jobs"], 1);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_jobs_of_one_that_does_not_return_are_horde_failed() {
    let (server, program, path) = start("gone", &["--worker-absence", "200ms"]).await;
    let (mut worker, _) = Worker::join(&path, "w", 2);
    server.push_job(limited(1, 100)).unwrap();
    server.push_job(limited(2, 100)).unwrap();
    let jobs = [worker.job(), worker.job()];
    worker.report(&jobs[0], "completed");
    worker.expect_receipt("completed");
    drop(worker);
    wait_until(&server, &jobs[1], JobStatus::HordeFailed).await;
    let (_, metadata) = terminal(&server, &jobs[1]);
    let details = metadata.horde_failure_details.unwrap();
    assert_eq!(details.reason, HordeFailureReason::ExecutorDisconnected);
    assert_eq!(terminal(&server, &jobs[0]).0, JobStatus::Completed);
    // When it comes late after all, its job is nobody's any more.
    let (mut worker, welcome) = Worker::join(&path, "w", 2);
    assert_eq!(welcome["resumed"], json!([]));
    worker.report(&jobs[1], "completed");
    let error = worker.expect("command_error");
    assert!(
        error["error"]
            .as_str()
            .unwrap()
            .contains("has ended as `horde_failed`")
    );
    assert_eq!(terminate(program).status, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_worker_a_job_waits_and_is_rejected_in_the_end() {
    let (server, program, path) = start("alone", &["--queue-time", "200ms"]).await;
    server.push_job(limited(1, 100)).unwrap();
    wait_until(&server, &uuid(1), JobStatus::Rejected).await;
    let (_, metadata) = terminal(&server, &uuid(1));
    let reason = metadata.job_rejection_details.unwrap().reason;
    assert_eq!(reason, JobRejectionReason::NoMinerForJob);
    let (mut worker, _) = Worker::join(&path, "w", 1);
    server.push_job(limited(2, 100)).unwrap();
    let job = worker.job();
    server.push_job(limited(3, 100)).unwrap();
    wait_until(&server, &uuid(3), JobStatus::Rejected).await;
    let (_, metadata) = terminal(&server, &uuid(3));
    assert_eq!(
        metadata.job_rejection_details.unwrap().reason,
        JobRejectionReason::Busy
    );
    worker.report(&job, "completed");
    worker.expect_receipt("completed");
    assert_eq!(terminate(program).status, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_worker_says_wrongly_is_answered_and_costs_nothing() {
    let (server, program, path) =
        start("wrong", &["--line-bytes", "4KiB", "--max-jobs", "9"]).await;
    let mut worker = Worker::connect(&path);
    let hello = |more: &str| format!(r#"{{"command":"hello","protocol":1{more}}}"#);
    for (line, field, told) in [
        (
            r#"{"command":"capacity","jobs":1}"#,
            Some("command"),
            "say hello first",
        ),
        (
            r#"{"command":"hello","protocol":2}"#,
            Some("protocol"),
            "accepted is 1",
        ),
        (
            &hello(r#","jobs":1"#),
            Some("worker"),
            "`worker` is missing",
        ),
        (
            &hello(r#","jobs":10,"worker":"w""#),
            Some("jobs"),
            "from 0 to 9",
        ),
        (
            &hello(r#","jobs":-1,"worker":"w""#),
            Some("jobs"),
            "whole number",
        ),
        (&hello(r#","worker":"""#), Some("worker"), "1 to 128 bytes"),
        (&hello(r#","worker":"\u0000""#), Some("worker"), "control"),
        ("hello", None, "no JSON object"),
        (&"x".repeat(5000), None, "longer than 4096"),
    ] {
        worker.say_wrongly(line, field, told);
    }
    worker.write(&hello(r#","jobs":1,"worker":"w""#));
    worker.expect("welcome");
    worker.say_wrongly(&hello(""), Some("command"), "already");
    worker.say_wrongly(r#"{"command":"stop"}"#, Some("command"), "not for workers");
    worker.say_wrongly(r#"{"status":"accepted"}"#, Some("command"), "is missing");
    let mut other = Worker::connect(&path);
    other.say_wrongly(
        &hello(r#","jobs":1,"worker":"w""#),
        Some("worker"),
        "is connected",
    );
    // Specs need no name, and no job either.
    other.write(&hello(""));
    other.expect("welcome");
    other.say_wrongly(
        r#"{"command":"capacity","jobs":1}"#,
        Some("command"),
        "with a name",
    );
    other.say(&json!({
        "command": "machine_specs", "id": "s", "miner_hotkey": "m", "batch_id": uuid(1),
        "specs": {"cpu": {"count": 1}, "ram": {}, "hard_disk": {}},
    }));
    // One who says no more can still hear.
    other.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(other.expect("receipt")["id"], "s");
    assert_eq!(other.next(), None);
    server.push_job(limited(1, 100)).unwrap();
    let job = worker.job();
    worker.report(&job, "completed");
    worker.expect_receipt("completed");
    assert_eq!(terminate(program).status, 0);
}

/// Its job and everybody else's go on, and it finds its own again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_reads_nothing_is_cut_off() {
    let (server, mut program, path) = start("slow", &["--worker-stall", "300ms"]).await;
    let (mut slow, _) = Worker::join(&path, "slow", 1);
    let (mut quick, _) = Worker::join(&path, "quick", 0);
    // More than the buffers between the two hold.
    let mut request = limited(1, 100);
    request.args = vec!["x".repeat(8 << 20)];
    sign_job_request(&mut request, &keypair(), 1_795_432_324_000_000_000);
    server.push_job(request).unwrap();
    let left = program.expect_event("worker_left");
    assert_eq!(
        (&left["worker"], &left["jobs"]),
        (&json!("slow"), &json!(1))
    );
    assert!(
        left["reason"].as_str().unwrap().contains("too slowly"),
        "{left}"
    );
    quick.say(&json!({"command": "capacity", "jobs": 1}));
    server.push_job(limited(2, 100)).unwrap();
    let job = quick.job();
    quick.report(&job, "completed");
    quick.expect_receipt("completed");
    let (mut again, welcome) = Worker::join(&path, "slow", 1);
    assert_eq!(welcome["resumed"], json!([uuid(1)]));
    let job = again.job();
    again.report(&job, "completed");
    again.expect_receipt("completed");
    assert!(
        slow.stream.write_all(b"x\n").is_err(),
        "its connection is gone"
    );
    assert_eq!(terminate(program).status, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_answers_stops_its_own_worker_only() {
    let (server, program, path) = start("flood", &["--worker-stall", "1s"]).await;
    let (flood, _) = Worker::join(&path, "flood", 0);
    let (mut quick, _) = Worker::join(&path, "quick", 1);
    let mut stream = flood.stream.try_clone().unwrap();
    // It is not read from: this ends when it is cut off.
    let writing = std::thread::spawn(move || {
        let line = format!("{}\n", "y".repeat(1000));
        while stream.write_all(line.as_bytes()).is_ok() {}
    });
    for number in 1..=5 {
        server.push_job(limited(number, 100)).unwrap();
        let job = quick.job();
        quick.report(&job, "completed");
        quick.expect_receipt("completed");
    }
    writing.join().unwrap();
    assert_eq!(terminate(program).status, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_waits_for_jobs_and_then_ends_them() {
    let (server, mut program, path) = start("stop", &["--worker-stop-time", "300ms"]).await;
    let (mut worker, _) = Worker::join(&path, "w", 2);
    server.push_job(limited(1, 100)).unwrap();
    server.push_job(limited(2, 100)).unwrap();
    let jobs = [worker.job(), worker.job()];
    program.expect_event("job_assigned");
    program.signal("TERM");
    worker.expect("stopping");
    worker.report(&jobs[0], "completed");
    let ended = program.wait();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    worker.expect_receipt("completed");
    // Its worker need not go on with it.
    let told = worker.expect("job_ended");
    assert_eq!(
        (&told["uuid"], &told["status"]),
        (&json!(jobs[1]), &json!("horde_failed"))
    );
    assert_eq!(terminal(&server, &jobs[0]).0, JobStatus::Completed);
    let (_, metadata) = terminal(&server, &jobs[1]);
    let details = metadata.horde_failure_details.unwrap();
    assert!(details.message.contains("stopped before"), "{details:?}");
}

/// A stop that waits for jobs lets their workers come back to them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_may_return_to_its_jobs_during_a_stop() {
    let (server, program, path) = start("back", &["--worker-stop-time", "1h"]).await;
    let (mut worker, _) = Worker::join(&path, "w", 1);
    server.push_job(limited(1, 100)).unwrap();
    let job = worker.job();
    program.signal("TERM");
    worker.expect("stopping");
    drop(worker);
    let (mut worker, welcome) = Worker::join(&path, "w", 1);
    assert_eq!(welcome["resumed"], json!([job]));
    worker.expect("stopping");
    // Who has no jobs here is not taken in any more.
    let mut other = Worker::connect(&path);
    other.write(r#"{"command":"hello","protocol":1,"worker":"other","jobs":1}"#);
    let error = other.expect("command_error");
    assert!(
        error["error"].as_str().unwrap().contains("stopping"),
        "{error}"
    );
    worker.report(&job, "completed");
    worker.expect_receipt("completed");
    let ended = program.wait();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(terminal(&server, &job).0, JobStatus::Completed);
}

/// Nobody is left to be waited for once the last worker has stayed away for too long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_a_worker_that_stays_away() {
    let arguments = ["--worker-absence", "500ms", "--worker-stop-time", "1h"];
    let (server, mut program, path) = start("away", &arguments).await;
    let (mut worker, _) = Worker::join(&path, "w", 1);
    server.push_job(limited(1, 100)).unwrap();
    let job = worker.job();
    drop(worker);
    program.expect_event("worker_left");
    let ended = terminate(program);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let (status, metadata) = terminal(&server, &job);
    assert_eq!(status, JobStatus::HordeFailed);
    let details = metadata.horde_failure_details.unwrap();
    assert_eq!(details.reason, HordeFailureReason::ExecutorDisconnected);
}

/// With a state file, a job goes on while the program is started anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_outlives_the_program_that_has_a_state_file() {
    let state = crate::folder::path("socket-state");
    let _ = std::fs::remove_file(&state);
    let arguments = [
        "--worker-stop-time",
        "0s",
        "--state-file",
        state.to_str().unwrap(),
    ];
    let (server, program, path) = start("outlives", &arguments).await;
    let (mut worker, _) = Worker::join(&path, "w", 1);
    server.push_job(limited(1, 100)).unwrap();
    let job = worker.job();
    worker.report(&job, "accepted");
    worker.expect_receipt("accepted");
    assert_eq!(terminate(program).status, 0);
    let arguments = [&["--socket", path.to_str().unwrap()], arguments.as_slice()].concat();
    let program = Program::start(&server.uri(), &arguments);
    let (mut worker, _) = Worker::join(&path, "w", 1);
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
    assert_eq!(terminate(program).status, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cheat_reports_and_overdue_jobs_are_told() {
    let (server, program, path) = start("told", &["--job-margin", "1s"]).await;
    let (mut worker, _) = Worker::join(&path, "w", 2);
    server.push_job(limited(1, 100)).unwrap();
    let job = worker.job();
    worker.report(&job, "completed");
    worker.expect_receipt("completed");
    let mut report = V0JobCheated {
        job_uuid: job.clone(),
        trusted_job_uuid: uuid(9),
        details: Json::null(),
        signature: None,
    };
    sign_job_cheated(&mut report, &keypair(), 1_795_432_324_000_000_000);
    server.report_cheated_job(report).unwrap();
    assert_eq!(worker.expect("cheat_report")["uuid"], job.as_str());
    server.push_job(limited(2, 0)).unwrap();
    let job = worker.job();
    assert_eq!(worker.expect("job_overdue")["uuid"], job.as_str());
    assert_eq!(terminate(program).status, 0);
    assert_eq!(terminal(&server, &job).0, JobStatus::HordeFailed);
}

/// Permissions can be widened by hand; who is another user is turned away all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_user_is_turned_away() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::os::unix::process::CommandExt as _;
    let (_server, program, path) = start("user", &[]).await;
    drop(Worker::connect(&path));
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if python::command().is_none() || !is_root {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: to be another user needs root, and python3"
        );
        return;
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let connect = "import socket, sys\nc = socket.socket(socket.AF_UNIX)\nc.connect(sys.argv[1])\nsys.stdout.buffer.write(c.makefile('rb').read())";
    let mut stranger = Command::new("python3");
    stranger.args(["-c", connect]).arg(&path).uid(65534);
    let output = stranger.output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let error: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(error["event"], "error", "{error}");
    assert!(
        error["error"].as_str().unwrap().contains("user 65534"),
        "{error}"
    );
    let ended = terminate(program);
    assert!(ended.stderr.contains("65534"), "{}", ended.stderr);
}

#[test]
fn what_is_wrong_with_the_sockets_place_is_one_line() {
    let taken = socket("taken");
    std::fs::write(&taken, "x").unwrap();
    let path = taken.to_str().unwrap();
    let program = Program::start("ws://127.0.0.1:1/", &["--socket", path]);
    let ended = program.wait();
    assert_eq!(
        (ended.status, ended.events.len()),
        (2, 0),
        "{}",
        ended.stderr
    );
    assert!(
        ended.complaint().contains("is no socket"),
        "{}",
        ended.stderr
    );
    std::fs::remove_file(&taken).unwrap();
}

/// A process that is killed with the test.
pub(crate) struct PythonWorker(Child);

impl PythonWorker {
    pub(crate) fn start(path: &Path, name: &str, jobs: usize) -> Self {
        let mut command = Command::new("python3");
        command.arg(python::worker()).arg("--socket").arg(path);
        command.args(["--name", name, "--jobs", &jobs.to_string()]);
        Self(
            command
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }
}

impl PythonWorker {
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for PythonWorker {
    fn drop(&mut self) {
        self.kill();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_worker_takes_jobs_from_the_socket() {
    if python::command().is_none() {
        return;
    }
    let (server, program, path) = start("python", &[]).await;
    let worker = PythonWorker::start(&path, "snake", 2);
    for number in 1..=5 {
        server.push_job(limited(number, 100)).unwrap();
    }
    for number in 1..=5 {
        wait_until(&server, &uuid(number), JobStatus::Completed).await;
    }
    let ended = terminate(program);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    drop(worker);
    for number in 1..=5 {
        let statuses = stored(&server, &uuid(number));
        assert_eq!(statuses.len(), 6, "{statuses:?}");
    }
}
