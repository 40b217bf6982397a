//! The worker in Python, behind `--worker` and behind the socket, while workers are killed and connections are cut:
//! every job has exactly one terminal status, its statuses are in the order in which they were given, and nothing is
//! told twice.
//!
//! `CHAOS_JOBS` is the number of jobs (default: 60), `CHAOS_SEED` chooses what is killed and cut.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::process::Command;
use std::time::{Duration, Instant};

use facilitator_tokio::core::facilitator::Event;
use facilitator_tokio::core::message::JobStatus;
use facilitator_tokio::core::signature::sign_job_request;
use facilitator_tokio::server::{Server, ServerEvent};

use crate::processes::limited;
use crate::program::{Program, keypair, uuid};
use crate::python;
use crate::session::{facilitator, stored};
use crate::socket::{PythonWorker, socket};

/// Statuses between two kills, and between two cuts, on average.
const KILL_EVERY: u64 = 40;
const CUT_EVERY: u64 = 60;
/// Jobs that are open at a time.
const OPEN: usize = 12;

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Pushes jobs, lets `kill` kill somebody now and then, cuts connections, until every job has ended. Returns how many
/// kills and cuts there were.
async fn play(
    server: &Server,
    jobs: usize,
    mut kill: impl FnMut(&mut fastrand::Rng),
) -> Result<(u64, u64), String> {
    let mut random = fastrand::Rng::with_seed(number("CHAOS_SEED", 1));
    let mut events = server.events().lossless();
    let (mut pushed, mut kills, mut cuts) = (0, 0, 0);
    let mut ended = BTreeSet::new();
    let deadline = Instant::now() + Duration::from_secs(60 + jobs as u64);
    while ended.len() < jobs {
        while pushed < jobs && pushed - ended.len() < OPEN {
            pushed += 1;
            let mut request = limited(pushed, 100);
            request
                .env
                .insert("SECONDS", format!("0.{}", random.u8(0..9)));
            sign_job_request(&mut request, &keypair(), 1_795_432_324_000_000_000);
            server.push_job(request).unwrap();
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let event = tokio::time::timeout(left, events.next()).await;
        let Ok(event) = event else {
            return Err(format!("{} of {jobs} jobs have ended", ended.len()));
        };
        let update = match event {
            Some(ServerEvent::Facilitator(Event::JobStatus { update, .. })) => update,
            Some(ServerEvent::Facilitator(Event::Authenticated { .. })) => {
                push_lost(server, pushed);
                continue;
            }
            _ => continue,
        };
        // What was stored while its connection broke is told of when it comes again.
        if update.status.is_terminal() {
            ended.insert(update.uuid);
        }
        if random.u64(..KILL_EVERY) == 0 {
            kill(&mut random);
            kills += 1;
        }
        if random.u64(..CUT_EVERY) == 0 {
            server.cut_all();
            cuts += 1;
        }
    }
    Ok((kills, cuts))
}

/// Sends those jobs again whose requests were lost with a connection: nobody has heard of them.
fn push_lost(server: &Server, pushed: usize) {
    for number in 1..=pushed {
        if stored(server, &uuid(number)).is_empty() {
            server.with(|facilitator, now| facilitator.push_again(now, &uuid(number)).unwrap());
        }
    }
}

/// What the statuses of one job must be: those of the worker, in their order, up to the last.
const GIVEN: [JobStatus; 6] = [
    JobStatus::Received,
    JobStatus::Accepted,
    JobStatus::ExecutorReady,
    JobStatus::VolumesReady,
    JobStatus::ExecutionDone,
    JobStatus::Completed,
];

/// How many jobs ended in which way.
fn check(server: &Server, jobs: usize) -> BTreeMap<&'static str, usize> {
    let mut ends = BTreeMap::new();
    for number in 1..=jobs {
        let statuses = stored(server, &uuid(number));
        let (last, before) = statuses.split_last().unwrap();
        assert!(last.is_terminal(), "{number}: {statuses:?}");
        assert_eq!(before, &GIVEN[..before.len()], "{number}: {statuses:?}");
        assert!(
            *last == JobStatus::HordeFailed || statuses == GIVEN,
            "{number}: {statuses:?}"
        );
        *ends.entry(last.as_str()).or_default() += 1;
    }
    assert_eq!(server.with(|facilitator, _| facilitator.stats().crashes), 0);
    ends
}

/// Fails the test, with all that the program has told.
fn give_up(program: Program, error: &str) -> ! {
    program.signal("TERM");
    let ended = program.wait();
    panic!("{error}; {:#?}; {}", ended.raw, ended.stderr);
}

fn end(program: Program) {
    program.signal("TERM");
    let ended = program.wait();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
}

fn send_signal(signal: &str, pid: &str) {
    let mut kill = Command::new("kill");
    // It can be gone by now.
    let _ = kill.args([signal, pid]).output();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_are_killed_and_connections_are_cut() {
    let Some(worker) = python::command() else {
        return;
    };
    let jobs = usize::try_from(number("CHAOS_JOBS", 60)).unwrap();
    let server = facilitator().await;
    let arguments = ["--worker", &worker, "--max-jobs", "100", "--parallel", "4"];
    let program = Program::start(&server.uri(), &arguments);
    let own = program.id().to_string();
    let began = Instant::now();
    let played = play(&server, jobs, |random| {
        // Its children are the workers.
        let output = Command::new("ps")
            .args(["-o", "pid=", "--ppid", &own])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let pids: Vec<&str> = text.split_whitespace().collect();
        if let Some(pid) = random.choice(&pids) {
            send_signal(if random.bool() { "-KILL" } else { "-TERM" }, pid);
        }
    })
    .await;
    let (kills, cuts) = match played {
        Ok(played) => played,
        Err(error) => give_up(program, &error),
    };
    let ends = check(&server, jobs);
    println!(
        "--worker: {jobs} jobs, {kills} kills, {cuts} cuts, {ends:?}, {:?}",
        began.elapsed()
    );
    end(program);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_on_the_socket_are_killed_and_connections_are_cut() {
    if python::command().is_none() {
        return;
    }
    let jobs = usize::try_from(number("CHAOS_JOBS", 60)).unwrap();
    let server = facilitator().await;
    let path = socket("chaos");
    let arguments = ["--socket", path.to_str().unwrap(), "--max-jobs", "100"];
    let program = Program::start(&server.uri(), &arguments);
    let start = |number: usize| PythonWorker::start(&path, &format!("snake {number}"), 3);
    let mut workers: Vec<PythonWorker> = (0..3).map(start).collect();
    let began = Instant::now();
    let played = play(&server, jobs, |random| {
        // Each returns under its name, and takes up its jobs.
        let number = random.usize(..workers.len());
        workers[number].kill();
        workers[number] = start(number);
    })
    .await;
    let (kills, cuts) = match played {
        Ok(played) => played,
        Err(error) => give_up(program, &error),
    };
    let ends = check(&server, jobs);
    println!(
        "--socket: {jobs} jobs, {kills} kills, {cuts} cuts, {ends:?}, {:?}",
        began.elapsed()
    );
    // Nobody was away for longer than its jobs wait.
    assert_eq!(ends.get("completed"), Some(&jobs), "{ends:?}");
    end(program);
}
