//! The worker in Python, behind `--worker` and behind the socket, against the program `serve`, while workers are killed
//! and connections are cut: every job has exactly one terminal status, its statuses are in the order in which they were
//! given, and nothing is applied twice. What `serve` has told is the judge.
//!
//! `CHAOS_JOBS` is the number of jobs (default: 60; 1000 at the most, which is as many as the program has open at once),
//! `CHAOS_SEED` chooses what is killed and cut.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use crate::processes::limited;
use crate::program::{Program, file, uuid};
use crate::python;
use crate::relay::{Cut, Relay};
use crate::serving::{Record, Serve, patience};
use crate::socket::{PythonWorker, socket};

/// Statuses between two kills, and between two cuts, on average.
const KILL_EVERY: u64 = 40;
const CUT_EVERY: u64 = 60;

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn jobs() -> usize {
    usize::try_from(number("CHAOS_JOBS", 60)).unwrap()
}

fn random() -> fastrand::Rng {
    fastrand::Rng::with_seed(number("CHAOS_SEED", 1))
}

/// A file of so many jobs, each of which takes up to 0.8 s.
fn jobs_file(name: &str, jobs: usize) -> PathBuf {
    let mut random = random();
    let lines = (1..=jobs).map(|number| {
        let mut request = limited(number, 100);
        request
            .env
            .insert("SECONDS", format!("0.{}", random.u8(0..9)));
        // `serve` signs.
        request.signature = None;
        request.encode() + "\n"
    });
    file(name, lines.collect::<String>())
}

/// Places and time for all jobs, which are pushed at once: they are all looked at in the same second, and what is said of
/// the first ones takes no place from the `received` of the last.
fn arguments(jobs: usize) -> Vec<String> {
    let time = format!("{}s", patience(jobs).as_secs());
    let statuses = (GIVEN.len() * jobs).to_string();
    let jobs = jobs.to_string();
    [
        ["--max-jobs", &jobs],
        ["--queue-time", &time],
        ["--verifications-per-second", &jobs],
        ["--outbox-entries", &statuses],
    ]
    .concat()
    .into_iter()
    .map(str::to_owned)
    .collect()
}

/// Lets `kill` kill somebody now and then, and cuts connections, until every job has ended. Returns how many kills and
/// cuts there were.
fn play(
    server: &mut Serve,
    relay: &Relay,
    jobs: usize,
    mut kill: impl FnMut(&mut fastrand::Rng),
) -> Result<(u64, u64), String> {
    let mut random = random();
    let (mut kills, mut cuts) = (0, 0);
    let mut ended = BTreeSet::new();
    let deadline = Instant::now() + patience(jobs);
    while ended.len() < jobs {
        let Some((uuid, status)) = server.next_stored(deadline) else {
            return Err(format!("{} of {jobs} jobs have ended", ended.len()));
        };
        if TERMINAL.contains(&status.as_str()) {
            ended.insert(uuid);
        }
        if random.u64(..KILL_EVERY) == 0 {
            kill(&mut random);
            kills += 1;
        }
        if random.u64(..CUT_EVERY) == 0 {
            relay.cut(if random.bool() { Cut::End } else { Cut::Reset });
            cuts += 1;
        }
    }
    Ok((kills, cuts))
}

const TERMINAL: [&str; 4] = ["completed", "failed", "horde_failed", "rejected"];

/// What the statuses of one job must be: those of the worker, in their order, up to the last.
const GIVEN: [&str; 6] = [
    "received",
    "accepted",
    "executor_ready",
    "volumes_ready",
    "execution_done",
    "completed",
];

/// How many jobs ended in which way.
fn check(record: &Record, jobs: usize) -> BTreeMap<String, usize> {
    let mut ends = BTreeMap::new();
    assert_eq!(record.wrong, Vec::<serde_json::Value>::new());
    assert_eq!(record.stored.len(), jobs);
    for number in 1..=jobs {
        let statuses = &record.stored[&uuid(number)];
        let (last, before) = statuses.split_last().unwrap();
        // It is the only one: none stands in `GIVEN` before the end.
        assert!(TERMINAL.contains(&last.as_str()), "{number}: {statuses:?}");
        assert_eq!(before, &GIVEN[..before.len()], "{number}: {statuses:?}");
        assert!(
            last == "horde_failed" || *statuses == GIVEN,
            "{number}: {statuses:?}"
        );
        *ends.entry(last.clone()).or_default() += 1;
    }
    ends
}

/// Ends both, judges, and says what came of it.
fn finish(
    what: &str,
    (program, server): (Program, Serve),
    played: Result<(u64, u64), String>,
    began: Instant,
) -> BTreeMap<String, usize> {
    let took = began.elapsed();
    program.signal("TERM");
    let ended = program.wait();
    let (kills, cuts) = match played {
        Ok(played) => played,
        Err(error) => panic!("{error}; {:#?}; {}", ended.raw, ended.stderr),
    };
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let record = server.end();
    let ends = check(&record, jobs());
    let Record {
        pushed,
        repeated,
        authenticated,
        ..
    } = record;
    println!(
        "{what}: {} jobs, {pushed} requests, {kills} kills, {cuts} cuts, {authenticated} sessions, \
         {repeated} repeated, {ends:?}, {took:?}",
        jobs()
    );
    ends
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
    let mut server = Serve::start(&jobs_file("chaos-processes.jsonl", jobs()));
    let relay = Relay::start(server.address()).await;
    let places = arguments(jobs());
    let mut arguments: Vec<&str> = places.iter().map(String::as_str).collect();
    arguments.extend(["--worker", &worker, "--parallel", "4"]);
    let program = Program::start(&relay.uri(), &arguments);
    let own = program.id().to_string();
    let began = Instant::now();
    let played = play(&mut server, &relay, jobs(), |random| {
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
    });
    finish("--worker", (program, server), played, began);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_on_the_socket_are_killed_and_connections_are_cut() {
    if python::command().is_none() {
        return;
    }
    let mut server = Serve::start(&jobs_file("chaos-socket.jsonl", jobs()));
    let relay = Relay::start(server.address()).await;
    let path = socket("chaos");
    let places = arguments(jobs());
    let mut arguments: Vec<&str> = places.iter().map(String::as_str).collect();
    arguments.extend(["--socket", path.to_str().unwrap()]);
    let program = Program::start(&relay.uri(), &arguments);
    let start = |number: usize| PythonWorker::start(&path, &format!("snake {number}"), 3);
    let mut workers: Vec<PythonWorker> = (0..3).map(start).collect();
    let began = Instant::now();
    let played = play(&mut server, &relay, jobs(), |random| {
        // Each returns under its name, and takes up its jobs.
        let number = random.usize(..workers.len());
        workers[number].kill();
        workers[number] = start(number);
    });
    let ends = finish("--socket", (program, server), played, began);
    // Nobody was away for longer than its jobs wait.
    assert_eq!(ends.get("completed"), Some(&jobs()), "{ends:?}");
}
