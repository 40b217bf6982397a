//! A thousand clients in one process, with their facilitator: each authenticates, gets a job of its own, reports it and
//! stops. In a process of its own, so that its threads, memory and descriptors can be counted.

use std::fs;
use std::thread::yield_now;
use std::time::{Duration, Instant};

use facilitator_core::client::{Config, Phase};
use facilitator_core::driver::FacilitatorClient;
use facilitator_core::facilitator::{FacilitatorConfig, Limits};
use facilitator_core::message::JobStatus::{Accepted, Received};
use facilitator_core::signature::{Keypair, Scheme};
use facilitator_tests::solo::job;
use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::child::{self, Process};
use crate::talk::{next_job, signed_job};
use crate::{Subject, UnderTest, config, peers, reach};

const CLIENTS: u16 = 1000;
/// Two for each client, which is here at both ends, and some for the process.
const DESCRIPTORS: u64 = 2 * CLIENTS as u64 + 256;
/// What a client and its connection at the facilitator may cost in memory, unoptimised.
const KIB_EACH: u64 = 80;
/// What a thread may use of its stack, unoptimised.
const KIB_A_THREAD: u64 = 320;
/// Threads that a runtime may add, however many clients there are. The tests' own executor has one for each task.
const THREADS: u64 = 16;
/// How long threads may take to end behind their tasks.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn a_thousand_clients_in_one_process<R: UnderTest>(subject: &Subject<R>) {
    if child::told().is_some() {
        make_room();
        subject.block_on(be_a_crowd(subject));
    } else {
        Process::start(subject.test, "go").finish();
    }
}

/// What the process takes up.
#[derive(Clone, Copy, Debug)]
struct Footprint {
    threads: u64,
    kib: u64,
    descriptors: u64,
}

impl Footprint {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let value = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            number.unwrap().parse().unwrap()
        };
        Self {
            threads: value("Threads:"),
            kib: value("VmRSS:"),
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count() as u64,
        }
    }
}

/// Descriptors for all, or none of this would mean anything.
fn make_room() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < DESCRIPTORS) {
        let more = Rlimit {
            current: Some(DESCRIPTORS),
            ..limit
        };
        setrlimit(Resource::Nofile, more).unwrap_or_else(|error| {
            panic!("{DESCRIPTORS} descriptors are needed, the limit is {limit:?}: {error}")
        });
    }
}

async fn be_a_crowd<R: UnderTest>(subject: &Subject<R>) {
    let server = peers::facilitator_with(FacilitatorConfig {
        limits: Limits {
            connections: CLIENTS.into(),
            validators: CLIENTS.into(),
            ..FacilitatorConfig::default().limits
        },
        ..FacilitatorConfig::default()
    });
    let config = Config {
        // They all come at once.
        connect_timeout: Duration::from_mins(1),
        authentication_timeout: Duration::from_mins(1),
        drain_timeout: Duration::from_mins(1),
        ..config(&server.uri())
    };
    let keys: Vec<Keypair> = (0..CLIENTS)
        .map(|n| {
            let mut seed = [9; 32];
            seed[..2].copy_from_slice(&n.to_be_bytes());
            Keypair::from_seed(Scheme::Sr25519, seed).unwrap()
        })
        .collect();
    let before = Footprint::now();
    let clients: Vec<_> = keys
        .iter()
        .map(|key| FacilitatorClient::with_runtime(config.clone(), key, subject.runtime()).unwrap())
        .collect();
    for client in &clients {
        client.start().unwrap();
    }
    join_all(clients.iter().map(|client| reach(client, Phase::Ready))).await;
    for (n, key) in (0..).zip(&keys) {
        let pushed = server.with(|facilitator, now| {
            facilitator.push_job_to(now, key.public().account(), signed_job(n))
        });
        pushed.unwrap();
    }
    join_all((0..).zip(&clients).map(async |(n, client)| {
        assert_eq!(next_job(client).await.uuid, job(n));
        let receipt = client.send_status(&job(n), Accepted).await.unwrap();
        assert!(receipt.await.outcome.is_delivered());
    }))
    .await;
    let during = Footprint::now();
    for report in join_all(clients.iter().map(FacilitatorClient::stop)).await {
        assert_eq!(report.unwrap().owed, []);
    }
    drop(clients);

    let record = server.shutdown().await;
    assert_eq!(record.stats().connections, u64::from(CLIENTS));
    assert_eq!(record.stats().authentications, u64::from(CLIENTS));
    let uuids: Vec<String> = (0..CLIENTS.into()).map(job).collect();
    let submitted = [Received, Accepted];
    let verdict = record.verdict(uuids.iter().map(|uuid| (uuid.as_str(), &submitted[..])));
    assert!(verdict.is_clean(), "{verdict:?}");

    let clients = u64::from(CLIENTS);
    let threads = during.threads - before.threads;
    let thread_for_each = subject.test.starts_with("own_executor");
    assert!(
        threads <= THREADS + u64::from(thread_for_each) * clients,
        "{during:?}"
    );
    let kib = KIB_EACH * clients + KIB_A_THREAD * threads;
    assert!(during.kib < before.kib + kib, "{before:?}, {during:?}");
    assert!(
        during.descriptors >= before.descriptors + 2 * clients,
        "{during:?}"
    );
    let begin = Instant::now();
    loop {
        let after = Footprint::now();
        let few = |now: u64, before: u64| now <= before + THREADS;
        if few(after.threads, before.threads) && few(after.descriptors, before.descriptors) {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "{before:?}, {after:?}");
        yield_now();
    }
}
