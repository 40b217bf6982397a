//! Every example of the workspace, run as its user runs it: as a program of its own, against a facilitator on a socket.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod by_hand;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, OnceLock};
use std::thread;

use facilitator_core::facilitator::{FacilitatorConfig, Known};
use facilitator_core::message::JobStatus::{
    self, Accepted, Completed, ExecutionDone, ExecutorReady, Received, Rejected, VolumesReady,
};
use facilitator_core::message::{ExecutorClass, V2JobRequest};
use facilitator_core::signature::{Keypair, Scheme, hotkey, sign_job_request};
use facilitator_tests::built;
use facilitator_tests::child::Child;
use facilitator_tests::pair::Side;
use facilitator_tests::proxy::{Cut, Plan, Proxy};
use facilitator_tests::solo::job;
use facilitator_tokio::server::Server;
use tokio::runtime::Runtime;

/// For the facilitators. The examples are processes of their own.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

#[test]
fn every_example_is_here() {
    let examples: Vec<&str> = built::examples().collect();
    let tested = ["by-hand", "embed", "embed-async-std", "embed-smol", "seeds"];
    assert_eq!(examples, tested, "each needs a test in this file");
}

/// One job is all it takes.
#[test]
fn by_hand_ends_its_job() {
    let server = facilitator(2);
    let by_hand = start("by-hand", server.local_addr());
    assert_eq!(end(by_hand).last().unwrap(), NOTHING_OWED);
    judge(server, &[BY_HAND, REFUSED]);
}

#[test]
fn by_hand_ends_its_job_whatever_is_cut() {
    let server = facilitator(1);
    let proxy = Proxy::in_front_of(server.local_addr()).unwrap();
    end(start("by-hand", proxy.address()));
    let bytes = Side::BOTH.map(|side| (side, proxy.bytes_sent(side)));
    // All at once: each waits for its backoff, most of the time.
    thread::scope(|scope| {
        for (side, bytes) in bytes {
            for percent in [5, 25, 50, 65, 80, 90] {
                scope.spawn(move || by_hand_is_cut(side, bytes * percent / 100));
            }
        }
    });
}

fn by_hand_is_cut(side: Side, byte: u64) {
    let server = facilitator(1);
    let proxy = Proxy::in_front_of(server.local_addr()).unwrap();
    proxy.plan_next(Plan::cut_at(side, byte, Cut::Close));
    let lines = end(start("by-hand", proxy.address()));
    let lost = lines.iter().filter(|line| line.starts_with("lost: "));
    assert_eq!(lost.count(), 1, "{side:?} at {byte}: {lines:?}");
    assert_eq!(lines.last().unwrap(), NOTHING_OWED);
    judge(server, &[BY_HAND]);
}

#[test]
fn embed_stops_with_ctrl_c() {
    let server = facilitator(2);
    let mut embed = start("embed", server.local_addr());
    let rejected = [1, 2].map(|n| format!("{}: acknowledged", job(n)));
    assert_eq!([(); 2].map(|()| embed.line().unwrap().to_owned()), rejected);
    embed.signal("INT");
    assert_eq!(end(embed).last().unwrap(), NOTHING_OWED);
    judge(server, &[REFUSED, REFUSED]);
}

#[test]
fn embed_smol_rejects_its_jobs() {
    rejects_its_jobs("embed-smol");
}

#[test]
fn embed_async_std_rejects_its_jobs() {
    rejects_its_jobs("embed-async-std");
}

/// It would go on for ever.
fn rejects_its_jobs(example: &str) {
    let server = facilitator(2);
    let mut embed = start(example, server.local_addr());
    for n in 1..=2 {
        assert_eq!(embed.line().unwrap(), format!("{}: acknowledged", job(n)));
    }
    judge(server, &[REFUSED, REFUSED]);
}

#[test]
fn each_says_how_it_is_used() {
    for example in built::examples().filter(|name| *name != "seeds") {
        let ended = Child::start(&mut Command::new(built::example(example))).end();
        let usage = format!("Error: \"usage: {example} URI HOTKEY_FILE\"\n");
        assert_eq!(ended.stderr, usage);
        assert!(!ended.status.success());
    }
}

/// What it writes is what is committed.
#[test]
fn seeds_are_those_of_the_corpus() {
    let written = temporary("seeds");
    let _ = fs::remove_dir_all(&written);
    let ended = Child::start(Command::new(built::example("seeds")).arg(&written)).end();
    assert!(ended.status.success(), "{ended:?}");
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut seeds = 0;
    for target in fs::read_dir(&written).unwrap() {
        for seed in fs::read_dir(target.unwrap().path()).unwrap() {
            let seed = seed.unwrap().path();
            let name = seed.strip_prefix(&written).unwrap();
            let committed = fs::read(corpus.join(name));
            assert!(committed.is_ok(), "{} is not committed", name.display());
            assert!(
                fs::read(&seed).unwrap() == committed.unwrap(),
                "{} has changed",
                name.display()
            );
            seeds += 1;
        }
    }
    assert!(seeds > 45, "{seeds}");
}

const BY_HAND: &[JobStatus] = &[
    Received,
    Accepted,
    ExecutorReady,
    VolumesReady,
    ExecutionDone,
    Completed,
];
const REFUSED: &[JobStatus] = &[Received, Rejected];
const NOTHING_OWED: &str = "stopped, 0 updates undelivered";

/// The validator of all examples, who signs its own jobs.
fn keypair() -> Keypair {
    Keypair::from_seed(Scheme::Sr25519, [7; 32]).unwrap()
}

/// With so many jobs for whoever comes.
fn facilitator(jobs: u128) -> Server {
    let config = FacilitatorConfig {
        validators: Known::only([keypair().account()]),
        // A request that a cut swallowed comes again.
        resend_unanswered: true,
        ..FacilitatorConfig::default()
    };
    let server = RUNTIME
        .block_on(Server::bind("127.0.0.1:0", config))
        .unwrap();
    for n in 1..=jobs {
        let mut request = V2JobRequest::new(job(n), ExecutorClass::AlwaysOnTest, "python:3.11");
        sign_job_request(&mut request, &keypair(), 1);
        server.push_job(request).unwrap();
    }
    server
}

/// The record holds these statuses of the jobs, each once, in this order.
fn judge(server: Server, statuses: &[&[JobStatus]]) {
    let record = RUNTIME.block_on(server.shutdown());
    let uuids: Vec<String> = (1..).map(job).take(statuses.len()).collect();
    let submitted = uuids.iter().zip(statuses);
    let verdict = record.verdict(submitted.map(|(uuid, statuses)| (uuid.as_str(), *statuses)));
    assert!(verdict.is_clean(), "{verdict:?}");
}

fn start(example: &str, address: SocketAddr) -> Child {
    by_uri(example, &format!("ws://{address}/ws/v0/"))
}

fn by_uri(example: &str, uri: &str) -> Child {
    static HOTKEY_FILE: OnceLock<PathBuf> = OnceLock::new();
    let file = HOTKEY_FILE.get_or_init(|| {
        let file = temporary("hotkey.json");
        fs::write(&file, hotkey::to_json(&keypair()).as_bytes()).unwrap();
        file
    });
    Child::start(Command::new(built::example(example)).arg(uri).arg(file))
}

/// Waits for its end, which is a good one.
fn end(child: Child) -> Vec<String> {
    let ended = child.end();
    assert!(ended.status.success(), "{ended:?}");
    ended.lines
}

fn temporary(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("examples-{name}"))
}
