//! `--worker`: a process for each job. Whatever the process does, its job has one terminal status, and nothing of it
//! runs on.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use facilitator_tokio::core::message::{
    HordeFailureReason, Integer, JobFailureReason, JobFailureStage, JobRejectionReason, JobStatus,
    JobStatusMetadata, Json, V0JobCheated, V2JobRequest,
};
use facilitator_tokio::core::signature::{sign_job_cheated, sign_job_request};
use facilitator_tokio::server::Server;
use serde_json::{Value, json};

use crate::program::{Ended, Program, SOON, command, keypair, uuid};
use crate::python;
use crate::session::{facilitator, job, stored};

const NOW: u64 = 1_795_432_324_000_000_000;
const COMPLETED: &str = r#"printf '{"status":"completed","metadata":{"miner_response":{"docker_process_stdout":"o","docker_process_stderr":""}}}\n'"#;

/// A job with this limit for every stage.
pub(crate) fn limited(number: usize, seconds: u64) -> V2JobRequest {
    let mut request = job(number);
    request.download_time_limit = Integer::from(seconds);
    request.execution_time_limit = Integer::from(seconds);
    request.upload_time_limit = Integer::from(seconds);
    sign_job_request(&mut request, &keypair(), NOW);
    request
}

/// The terminal status on record, and what came with it; there is one, and it is the last.
pub(crate) fn terminal(server: &Server, uuid: &str) -> (JobStatus, JobStatusMetadata) {
    let record = server.job(uuid).unwrap();
    let statuses = record.statuses();
    let last = statuses.last().unwrap();
    let terminal = statuses.iter().filter(|stored| stored.status.is_terminal());
    assert_eq!(terminal.count(), 1, "{uuid}: {:?}", stored(server, uuid));
    assert!(
        last.status.is_terminal(),
        "{uuid}: {:?}",
        stored(server, uuid)
    );
    (last.status, last.metadata.clone().unwrap_or_default())
}

/// Waits until this is the job's newest status.
pub(crate) async fn wait_until(server: &Server, uuid: &str, status: JobStatus) {
    let mut events = server.events();
    let waiting = async {
        while server.job(uuid).unwrap().current_status() != status {
            events.next().await.unwrap();
        }
    };
    tokio::time::timeout(SOON, waiting)
        .await
        .unwrap_or_else(|_| panic!("{uuid} is no {status}: {:?}", stored(server, uuid)));
}

/// The program with this command for each job; one was pushed.
async fn start(worker: &str, arguments: &[&str]) -> (Server, Program) {
    let server = facilitator().await;
    server.push_job(limited(1, 100)).unwrap();
    let program = Program::start(&server.uri(), &[&["--worker", worker], arguments].concat());
    (server, program)
}

fn expect_receipt(program: &mut Program, number: usize, status: &str) {
    let job = uuid(number);
    let is_it = |event: &Value| {
        event["event"] == "receipt" && event["uuid"] == job.as_str() && event["status"] == status
    };
    let receipt = program.expect(&format!("receipt of {status}"), is_it);
    assert_eq!(receipt["outcome"], "acknowledged");
}

/// The number of the group of the process that was started last.
fn started(program: &mut Program) -> i64 {
    let event = program.expect_event("worker_started");
    event["pid"].as_i64().unwrap()
}

/// Whether a process group has members that are more than remains.
fn runs(group: i64) -> bool {
    let output = Command::new("ps")
        .args(["-eo", "pgid=,stat="])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().any(|line| {
        let mut words = line.split_whitespace();
        let is_it = words.next() == Some(group.to_string().as_str());
        is_it && !words.next().unwrap_or("Z").starts_with('Z')
    })
}

/// It was ended with its first process; the system may take a moment.
fn assert_gone(group: i64) {
    let deadline = Instant::now() + SOON;
    while runs(group) {
        assert!(
            Instant::now() < deadline,
            "the process group {group} goes on"
        );
    }
}

fn terminate(program: Program) -> Ended {
    program.signal("TERM");
    program.wait()
}

/// The path of a file that is not there yet.
fn scratch(name: &str) -> PathBuf {
    let path = crate::folder::path(name);
    let _ = fs::remove_file(&path);
    path
}

/// Completes its job once this file is there.
fn waiting_for(file: &std::path::Path) -> String {
    format!(
        "while ! test -e '{}'; do sleep 0.05; done; {COMPLETED}",
        file.display()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_worker_does_its_job() {
    let Some(worker) = python::command() else {
        return;
    };
    let server = facilitator().await;
    let mut request = limited(1, 100);
    request.args = vec!["za\u{17c}\u{f3}\u{142}\u{107}".into(), "\u{1f680}".into()];
    sign_job_request(&mut request, &keypair(), NOW);
    server.push_job(request).unwrap();
    let mut program = Program::start(&server.uri(), &["--worker", &worker]);
    expect_receipt(&mut program, 1, "completed");
    // Nobody reads its stdin: the end of that means nothing.
    drop(program.take_stdin());
    server.push_job(limited(2, 100)).unwrap();
    expect_receipt(&mut program, 2, "completed");
    let ended = terminate(program);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    for end in ended.of("worker_ended") {
        let (exit, status) = (&end["exit"], &end["status"]);
        assert_eq!(
            (exit, status),
            (&json!("exit status: 0"), &json!("completed"))
        );
    }
    let all = stored(&server, &uuid(1));
    let all: Vec<&str> = all.into_iter().map(JobStatus::as_str).collect();
    let expected = [
        "received",
        "accepted",
        "executor_ready",
        "volumes_ready",
        "execution_done",
        "completed",
    ];
    assert_eq!(all, expected);
    let (_, metadata) = terminal(&server, &uuid(1));
    let output = metadata.miner_response.unwrap().docker_process_stdout;
    assert_eq!(output, "za\u{17c}\u{f3}\u{142}\u{107} \u{1f680}");
}

/// A command, and what the job's `horde_failed` says: its reason, its message, the end of the process, its stderr.
const BAD_ENDS: [(&str, HordeFailureReason, &str, &str, &str); 7] = [
    (
        "echo oh no >&2; exit 3",
        HordeFailureReason::UnhandledException,
        "without a terminal status (exit status: 3)",
        "exit status: 3",
        "oh no\n",
    ),
    (
        "cat >/dev/null",
        HordeFailureReason::GenericError,
        "without a terminal status (exit status: 0)",
        "exit status: 0",
        "",
    ),
    (
        "kill -SEGV $$",
        HordeFailureReason::UnhandledException,
        "without a terminal status (signal: 11",
        "signal: 11",
        "",
    ),
    (
        "no-such-command-here",
        HordeFailureReason::UnhandledException,
        "exit status: 127",
        "exit status: 127",
        "not found",
    ),
    (
        r#"echo hello; printf '{"status":"done"}\n{"status":"accepted"}\n'; printf 'a\0b' >&2"#,
        HordeFailureReason::GenericError,
        "are no status: 2, the first: line 1: the line is no JSON object",
        "exit status: 0",
        "a\u{fffd}b",
    ),
    // Refused by the session: it needs metadata.
    (
        r#"echo '{"status":"completed"}'"#,
        HordeFailureReason::GenericError,
        "the first: line 1: the status `completed` needs metadata",
        "exit status: 0",
        "",
    ),
    (
        r#"echo '{"status":"completed","uuid":"00000000-0000-4000-8000-000000000002"}'"#,
        HordeFailureReason::GenericError,
        "the first: line 1: `uuid` is not that of this job",
        "exit status: 0",
        "",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_gives_no_last_status_is_horde_failed_with_its_details() {
    for (worker, reason, message, exit, stderr) in BAD_ENDS {
        let (server, mut program) = start(worker, &[]).await;
        expect_receipt(&mut program, 1, "horde_failed");
        let (status, metadata) = terminal(&server, &uuid(1));
        assert_eq!(status, JobStatus::HordeFailed, "{worker}");
        let details = metadata.horde_failure_details.unwrap();
        assert_eq!(details.reason, reason, "{worker}: {details:?}");
        assert!(
            details.message.contains(message),
            "{worker}: {}",
            details.message
        );
        let context = details.context.unwrap();
        let text = |key: &str| context.get(key).unwrap().to_text().unwrap();
        assert!(text("exit").starts_with(exit), "{worker}: {}", text("exit"));
        assert!(text("stderr").contains(stderr), "{worker}");
        assert_eq!(stderr.is_empty(), text("stderr").is_empty(), "{worker}");
        assert_eq!(terminate(program).status, 0, "{worker}");
        assert_eq!(server.with(|facilitator, _| facilitator.stats().crashes), 0);
    }
}

/// It does not end when it is asked to, and it has a child that does not either.
const STUBBORN: &str = "trap '' TERM; (sleep 1000; sleep 1000) & sleep 1000; sleep 1000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_takes_too_long_is_ended_with_all_that_it_started() {
    let ready = r#"echo '{"status":"executor_ready"}';"#;
    let volumes = r#"echo '{"status":"executor_ready"}'; echo '{"status":"volumes_ready"}';"#;
    let done = r#"echo '{"status":"execution_done"}';"#;
    for (says, stage) in [
        ("", None),
        (ready, Some(JobFailureStage::VolumeDownload)),
        (volumes, Some(JobFailureStage::Execution)),
        (done, Some(JobFailureStage::ResultUpload)),
    ] {
        let server = facilitator().await;
        server.push_job(limited(1, 0)).unwrap();
        let worker = format!("{says} {STUBBORN}");
        let margin = if stage.is_none() { "200ms" } else { "5m" };
        let arguments = [
            "--worker",
            &worker,
            "--worker-margin",
            margin,
            "--worker-leeway",
            "200ms",
            "--worker-grace",
            "100ms",
        ];
        let mut program = Program::start(&server.uri(), &arguments);
        let group = started(&mut program);
        let ended = program.expect_event("worker_ended");
        assert_eq!(ended["exit"], "signal: 9 (SIGKILL)", "{says}");
        assert_gone(group);
        let last = if stage.is_some() {
            "failed"
        } else {
            "horde_failed"
        };
        expect_receipt(&mut program, 1, last);
        let (_, metadata) = terminal(&server, &uuid(1));
        if let Some(stage) = stage {
            let details = metadata.job_failure_details.unwrap();
            assert_eq!(
                (details.reason, details.stage),
                (JobFailureReason::Timeout, stage)
            );
        } else {
            let details = metadata.horde_failure_details.unwrap();
            assert_eq!(details.reason, HordeFailureReason::UnhandledTimeout);
        }
        assert_eq!(terminate(program).status, 0, "{says}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_process_says_when_it_is_asked_to_end_counts() {
    let worker = format!(
        r#"last() {{ {COMPLETED}; exit 0; }}; trap last TERM; echo '{{"status":"executor_ready"}}'; sleep 1000 & wait"#
    );
    let server = facilitator().await;
    server.push_job(limited(1, 0)).unwrap();
    let arguments = ["--worker", &worker, "--worker-leeway", "200ms"];
    let mut program = Program::start(&server.uri(), &arguments);
    let group = started(&mut program);
    expect_receipt(&mut program, 1, "completed");
    assert_gone(group);
    assert_eq!(terminate(program).status, 0);
    assert_eq!(terminal(&server, &uuid(1)).0, JobStatus::Completed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_follows_the_last_status_and_its_process_may_clear_up() {
    let file = scratch("cleared");
    let worker = format!(
        r#"{COMPLETED}; echo '{{"status":"failed"}}'; exec >&-; sleep 0.3; echo done >'{}'"#,
        file.display()
    );
    let (server, mut program) = start(&worker, &[]).await;
    let ended = program.expect_event("worker_ended");
    assert_eq!(ended["status"], "completed");
    assert_eq!(fs::read_to_string(&file).unwrap(), "done\n");
    assert_eq!(terminate(program).status, 0);
    assert_eq!(terminal(&server, &uuid(1)).0, JobStatus::Completed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_max_jobs_a_job_is_busy_and_beyond_parallel_it_waits() {
    let go = scratch("go-on");
    let arguments = ["--max-jobs", "3", "--parallel", "2"];
    let (server, mut program) = start(&waiting_for(&go), &arguments).await;
    server.push_job(limited(2, 100)).unwrap();
    server.push_job(limited(3, 100)).unwrap();
    let groups = [started(&mut program), started(&mut program)];
    server.push_job(limited(4, 100)).unwrap();
    expect_receipt(&mut program, 4, "rejected");
    let (_, metadata) = terminal(&server, &uuid(4));
    let details = metadata.job_rejection_details.unwrap();
    assert_eq!(details.reason, JobRejectionReason::Busy);
    assert!(groups.iter().all(|group| runs(*group)));
    fs::write(&go, "").unwrap();
    for _ in 0..3 {
        program.expect("completed", |event| {
            event["event"] == "receipt" && event["status"] == "completed"
        });
    }
    let ended = terminate(program);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    // Two at a time.
    let mut running = 0;
    for event in &ended.events {
        match event["event"].as_str().unwrap() {
            "worker_started" => running += 1,
            "worker_ended" => running -= 1,
            _ => {}
        }
        assert!(running <= 2, "{:#?}", ended.raw);
    }
    assert_eq!(ended.of("worker_started").len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_waits_too_long_for_a_place_is_rejected() {
    let arguments = [
        "--parallel",
        "1",
        "--queue-time",
        "100ms",
        "--worker-stop-time",
        "0s",
    ];
    let (server, mut program) = start("exec sleep 1000", &arguments).await;
    let group = started(&mut program);
    server.push_job(limited(2, 100)).unwrap();
    expect_receipt(&mut program, 2, "rejected");
    let (_, metadata) = terminal(&server, &uuid(2));
    let details = metadata.job_rejection_details.unwrap();
    assert_eq!(details.reason, JobRejectionReason::Busy);
    assert_eq!(terminate(program).status, 0);
    assert_gone(group);
}

/// Sends a signal and waits until the program has begun to stop: of the jobs that come now, one is rejected. Its number.
fn begin_to_stop(server: &Server, program: &mut Program) -> usize {
    program.signal("TERM");
    let mut number = 1;
    loop {
        number += 1;
        server.push_job(limited(number, 100)).unwrap();
        let answer = program.expect("an answer", |event| {
            event["uuid"] == uuid(number).as_str()
                && (event["event"] == "worker_started" || event["status"] == "rejected")
        });
        if answer["status"] == "rejected" {
            return number;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_lets_running_jobs_end_and_takes_no_more() {
    let go = scratch("go-and-end");
    let (server, mut program) = start(&waiting_for(&go), &["--max-jobs", "1000"]).await;
    started(&mut program);
    let number = begin_to_stop(&server, &mut program);
    fs::write(&go, "").unwrap();
    let ended = program.wait();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(terminal(&server, &uuid(1)).0, JobStatus::Completed);
    let (_, metadata) = terminal(&server, &uuid(number));
    let details = metadata.job_rejection_details.unwrap();
    assert_eq!(details.reason, JobRejectionReason::Busy);
    assert!(details.message.contains("stopping"), "{details:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_what_does_not_end_and_tells_of_it() {
    let arguments = ["--worker-stop-time", "100ms", "--worker-grace", "100ms"];
    let (server, mut program) = start(STUBBORN, &arguments).await;
    let group = started(&mut program);
    let began = Instant::now();
    let ended = terminate(program);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(6), "{took:?}");
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_gone(group);
    let (status, metadata) = terminal(&server, &uuid(1));
    assert_eq!(status, JobStatus::HordeFailed);
    let details = metadata.horde_failure_details.unwrap();
    assert!(details.message.contains("stopped before"), "{details:?}");
    assert_eq!(ended.stopped()["owed"], json!([]));
}

/// Nothing but a second signal ends a stop soon.
const PATIENT: [&str; 6] = [
    "--worker-stop-time",
    "1h",
    "--worker-grace",
    "1h",
    "--max-jobs",
    "1000",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_processes_at_once() {
    let (server, mut program) = start(STUBBORN, &PATIENT).await;
    let group = started(&mut program);
    begin_to_stop(&server, &mut program);
    program.signal("INT");
    let ended = program.wait();
    assert_gone(group);
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    assert!(
        ended.complaint().contains("second signal"),
        "{}",
        ended.stderr
    );
    // Its last status was delivered in this moment, or it is handed back.
    let owed = ended.stopped()["owed"].as_array().unwrap();
    let is_owed = |owed: &Value| {
        owed["message"]["uuid"] == uuid(1).as_str() && owed["message"]["status"] == "horde_failed"
    };
    let delivered = stored(&server, &uuid(1)).contains(&JobStatus::HordeFailed);
    assert!(delivered || owed.iter().any(is_owed), "{owed:?}");
}

/// What the session takes is in its recording, and what it is told in vain in the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_each_job_once() {
    let trace = scratch("once.trace");
    let _ = fs::remove_file(&trace);
    // The first gives its last status and does not leave; the others leave when they are told to, or not at all.
    let worker = r#"case $FACILITATOR_JOB in
      *1) trap '' TERM; echo '{"status":"failed"}';;
      *2) trap '' TERM; echo '{"status":"accepted"}';;
      *) echo '{"status":"accepted"}';;
    esac; while :; do sleep 0.02; done"#;
    let recorded = ["--record", trace.to_str().unwrap(), "-v"];
    let arguments = [&PATIENT[..], &recorded].concat();
    let (server, mut program) = start(worker, &arguments).await;
    for number in 2..=8 {
        server.push_job(limited(number, 100)).unwrap();
    }
    expect_receipts_of(&mut program, 8);
    program.insist("INT");
    let ended = program.wait();
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    let in_vain = "ended by somebody else before";
    assert!(!ended.stderr.contains(in_vain), "{}", ended.stderr);
    let mut replay = crate::program::bare_command(&["replay"]);
    let shown = replay.arg(&trace).output().unwrap().stdout;
    let shown = String::from_utf8(shown).unwrap();
    for number in 1..=8 {
        let given = format!("=> application send V0JobStatusUpdate {}", uuid(number));
        let ends: Vec<&str> = shown
            .lines()
            .filter(|line| line.contains(&given) && line.contains("failed"))
            .collect();
        assert_eq!(ends.len(), 1, "{number}: {ends:?}");
        assert_eq!(ends[0].contains("horde_failed"), number > 1, "{ends:?}");
    }
}

/// Waits until the workers of so many jobs have said something that has arrived.
fn expect_receipts_of(program: &mut Program, jobs: usize) {
    let mut heard = std::collections::BTreeSet::new();
    while heard.len() < jobs {
        let receipt = program.expect_event("receipt");
        heard.insert(receipt["uuid"].as_str().unwrap().to_owned());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overdue_job_ends_its_process() {
    let server = facilitator().await;
    server.push_job(limited(1, 0)).unwrap();
    let arguments = [
        "--worker",
        STUBBORN,
        "--job-margin",
        "300ms",
        "--worker-grace",
        "100ms",
    ];
    let mut program = Program::start(&server.uri(), &arguments);
    let group = started(&mut program);
    let overdue = program.expect_event("job_overdue");
    assert_eq!(overdue["uuid"], uuid(1).as_str());
    program.expect_event("worker_ended");
    assert_gone(group);
    let ended = terminate(program);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    // The session itself has ended it, and nobody has tried again.
    assert_eq!(terminal(&server, &uuid(1)).0, JobStatus::HordeFailed);
    assert!(ended.of("receipt").is_empty(), "{:#?}", ended.raw);
}

/// Nothing is left to end the processes but what notices that the program is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_do_not_outlive_a_program_that_was_killed() {
    let (server, mut program) = start(STUBBORN, &["--worker-grace", "200ms"]).await;
    let first = started(&mut program);
    server.push_job(limited(2, 100)).unwrap();
    let second = started(&mut program);
    program.signal("KILL");
    program.wait();
    for group in [first, second] {
        assert_gone(group);
    }
}

/// What has escaped from its group and still writes is not waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_escapes_and_goes_on_writing_holds_nothing_up() {
    let worker = "setsid sh -c 'for n in $(seq 300); do echo x; sleep 0.1; done' & exit 3";
    let (server, mut program) = start(worker, &[]).await;
    expect_receipt(&mut program, 1, "horde_failed");
    let ended = terminate(program);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(terminal(&server, &uuid(1)).0, JobStatus::HordeFailed);
}

/// What configures the program is not for its workers, least of all the secrets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_does_not_see_the_programs_own_variables() {
    let seen = scratch("variables");
    let worker = format!("env >'{}'; {COMPLETED}", seen.display());
    let server = facilitator().await;
    server.push_job(limited(1, 100)).unwrap();
    let mut command = command(&server.uri(), &["--worker", &worker]);
    command
        .env("FACILITATOR_HEADER", "X-Token: hunter2")
        .env("FACILITATOR_DRAIN_TIMEOUT", "9s")
        .env("ANOTHER", "kept");
    let mut program = Program::start_unread(command);
    program.read_stdout();
    expect_receipt(&mut program, 1, "completed");
    assert_eq!(terminate(program).status, 0);
    let seen = fs::read_to_string(&seen).unwrap();
    let ours: Vec<&str> = seen
        .lines()
        .filter(|line| line.starts_with("FACILITATOR_"))
        .collect();
    assert_eq!(ours, [format!("FACILITATOR_JOB={}", uuid(1))]);
    assert!(seen.contains("ANOTHER=kept"), "{seen}");
}

/// A worker may ask how the program is.
#[test]
fn the_variable_of_a_worker_is_no_mistake() {
    let mut command = crate::program::bare_command(&["connect", "--print-config"]);
    command.env("FACILITATOR_JOB", uuid(1));
    assert_eq!(command.output().unwrap().status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_go_on_when_stdout_is_gone_and_the_log_says_so() {
    let server = facilitator().await;
    let mut program = Program::start_unread(command(&server.uri(), &["--worker", COMPLETED]));
    program.close_stdout();
    server.push_job(limited(1, 100)).unwrap();
    wait_until(&server, &uuid(1), JobStatus::Completed).await;
    program.expect_log("stdout was closed by its reader");
    let ended = terminate(program);
    assert_eq!(ended.status, 1, "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_go_on_when_nobody_reads_stdout() {
    let server = facilitator().await;
    let worker = format!("head -c 1000000 /dev/zero >&2; {COMPLETED}");
    let jobs = 20;
    let mut request = job(1);
    // More than fits into a pipe.
    request.args = vec!["x".repeat(100_000)];
    sign_job_request(&mut request, &keypair(), NOW);
    server.push_job(request).unwrap();
    for number in 2..=jobs {
        server.push_job(limited(number, 100)).unwrap();
    }
    let arguments = ["--worker", &worker, "--max-jobs", "100", "--parallel", "2"];
    let mut program = Program::start_unread(command(&server.uri(), &arguments));
    for number in 1..=jobs {
        wait_until(&server, &uuid(number), JobStatus::Completed).await;
    }
    program.read_stdout();
    assert_eq!(terminate(program).status, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cheat_report_is_told_to_its_command() {
    let file = scratch("cheated");
    let hook = format!("cat >'{0}.part'; mv '{0}.part' '{0}'", file.display());
    let (server, mut program) = start(COMPLETED, &["--on-cheated", &hook]).await;
    expect_receipt(&mut program, 1, "completed");
    let mut report = V0JobCheated {
        job_uuid: uuid(1),
        trusted_job_uuid: uuid(9),
        details: Json::from("it cheated"),
        signature: None,
    };
    sign_job_cheated(&mut report, &keypair(), NOW);
    server.report_cheated_job(report).unwrap();
    program.expect_event("cheat_report");
    let deadline = Instant::now() + SOON;
    while !file.exists() {
        assert!(Instant::now() < deadline, "the command was not told");
        tokio::task::yield_now().await;
    }
    let told = fs::read_to_string(&file).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    crate::schema::check_event(&told).unwrap();
    assert_eq!(told["report"]["details"], "it cheated");
    assert_eq!(terminate(program).status, 0);
}

/// A stop does not cut off who is being told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_lets_the_command_for_cheat_reports_end() {
    let (begun, told) = (scratch("hook-begun"), scratch("hook-told"));
    let hook = format!(
        "touch '{}'; sleep 0.5; touch '{}'",
        begun.display(),
        told.display()
    );
    let (server, mut program) = start(COMPLETED, &["--on-cheated", &hook]).await;
    expect_receipt(&mut program, 1, "completed");
    let mut report = V0JobCheated {
        job_uuid: uuid(1),
        trusted_job_uuid: uuid(9),
        details: Json::null(),
        signature: None,
    };
    sign_job_cheated(&mut report, &keypair(), NOW);
    server.report_cheated_job(report).unwrap();
    let deadline = Instant::now() + SOON;
    while !begun.exists() {
        assert!(Instant::now() < deadline, "the command was not started");
        tokio::task::yield_now().await;
    }
    assert_eq!(terminate(program).status, 0);
    assert!(told.exists(), "it was cut off");
}
