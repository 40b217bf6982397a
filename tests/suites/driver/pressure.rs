//! An application that takes nothing while the facilitator pushes whatever it can: memory stays within what is
//! configured, and all that is not the application's goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use allocation_counter::measure;
use facilitator_core::client::{
    Config, DeclineReason, Event, LifecycleError, Outcome, WhenJobsWait,
};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{SUCCESS, job, job_request};
use futures_util::FutureExt;
use tokio::runtime::Builder;

use crate::memory::{Client, Peer, World, config, within};

const MIB: usize = 1 << 20;

/// Of ten seconds each.
const ROUNDS: u128 = 60;

/// What a facilitator pushes here, and what else it has to do.
struct Flood {
    peer: Peer,
    /// Statuses of jobs that were told.
    told: BTreeMap<String, usize>,
    heartbeats: usize,
}

impl Flood {
    async fn push(&mut self, text: &str) {
        self.peer.send(text).await;
    }

    /// Takes what is there; every status is answered.
    async fn answer(&mut self) {
        loop {
            let text = tokio::time::timeout(Duration::from_millis(5), self.peer.text()).await;
            let Ok(text) = text else { return };
            self.heartbeats += usize::from(text.contains("V0Heartbeat"));
            if text.contains("V0JobStatusUpdate") {
                let status = text.split(r#""status":""#).nth(1).unwrap();
                let status = status.split('"').next().unwrap().to_owned();
                *self.told.entry(status).or_default() += 1;
                self.peer.send(SUCCESS).await;
            }
        }
    }
}

fn large_job(n: u128, bytes: usize) -> String {
    // Half of the memory in one text, half in many small ones.
    let args = vec![r#""""#; bytes / 64].join(",");
    job_request(&job(n))
        .replace("python:3.11", &"x".repeat(bytes / 2))
        .replace(r#""args": []"#, &format!(r#""args": [{args}]"#))
}

fn cheat_report(n: u128, bytes: usize) -> String {
    format!(
        r#"{{"message_type":"V0JobCheated","job_uuid":"{}","trusted_job_uuid":"{}","details":"{}"}}"#,
        job(n),
        job(n + 1),
        "x".repeat(bytes)
    )
}

/// A malformed message with as many and as long issues as are kept: in names of one's own, in a place of its own each.
fn junk() -> String {
    let name = "\u{1f980}".repeat(64);
    let variables: Vec<String> = (0..64).map(|n| format!(r#""{n}{name}":{{}}"#)).collect();
    let env = variables.join(",");
    job_request(&job(1)).replace(r#""env": {}"#, &format!(r#""env": {{{env}}}"#))
}

async fn flood(client: &Client, peer: Peer, rounds: u128) -> Flood {
    let mut flood = Flood {
        peer,
        told: BTreeMap::new(),
        heartbeats: 0,
    };
    for n in 0..rounds {
        flood.push(&large_job(n, MIB)).await;
        flood.answer().await;
        flood.push(&cheat_report(n, MIB / 2)).await;
        for _ in 0..10 {
            flood.push(&junk()).await;
        }
        let error = format!(
            r#"{{"status":"error","errors":[{{"msg":"m","type":"missing","loc":["V0Heartbeat"],"input":"{}"}}]}}"#,
            "x".repeat(MIB / 4)
        );
        flood.push(&error).await;
        flood.answer().await;
        // Another task's work goes on.
        let receipt = client
            .send_status(&job(10_000 + n), JobStatus::Failed)
            .await;
        flood.answer().await;
        let receipt = within(1, receipt.unwrap()).await;
        assert_eq!(receipt.outcome, Outcome::Acknowledged);
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    flood
}

fn tight() -> Config {
    Config {
        waiting_job_bytes: 8 * MIB,
        waiting_event_bytes: 4 * MIB,
        inbound_message_bytes: 2 * MIB,
        job_margin: Duration::from_hours(24),
        ..config()
    }
}

#[test]
fn memory_stays_within_what_is_configured_and_all_else_goes_on() {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let mut world = World::new(tight());
    let peer = runtime.block_on(world.ready());
    let client = world.client.clone();
    while client.next_event().now_or_never().is_some() {}
    // What was read and answered is measured; what the test itself keeps is little.
    let mut result = None;
    let memory = measure(|| {
        result = Some(runtime.block_on(flood(&client, peer, ROUNDS)));
    });
    let flood = result.unwrap();
    // Requests, reports and news; a message that is being read stands in several buffers, here and at the peer.
    let configured = 8 * MIB + 2 * 4 * MIB;
    println!(
        "{} KiB stay, {} KiB at the peak, of {} MiB that were taken; {:?}",
        memory.bytes_current / 1024,
        memory.bytes_max / 1024,
        memory.bytes_total / MIB as u64,
        flood.told,
    );
    assert!(
        usize::try_from(memory.bytes_current).unwrap() < configured,
        "{memory:?}"
    );
    assert!(
        memory.bytes_max < (configured + 10 * MIB) as u64,
        "{memory:?}"
    );
    // Ten minutes of heartbeats, and of pings: the connection is the first.
    assert!((9..=11).contains(&flood.heartbeats), "{}", flood.heartbeats);
    let stats = client.stats();
    assert_eq!((stats.sessions, stats.connections_lost), (1, 0));
    let (received, busy) = (flood.told["received"], flood.told["rejected"]);
    assert_eq!((received + busy) as u128, ROUNDS);
    assert!((5..=12).contains(&received), "{received}");

    // The application wakes up: all that was promised is there.
    let (mut jobs, mut missed, mut reports, mut news) = (Vec::new(), 0, 0, 0);
    while let Some(Ok(event)) = client.next_event().now_or_never() {
        match event {
            Event::JobRequested(request) => jobs.push(request.uuid),
            Event::Missed { events } => missed += events,
            Event::JobCheated(_) => reports += 1,
            _ => news += 1,
        }
    }
    assert_eq!(jobs, (0..received as u128).map(job).collect::<Vec<_>>());
    assert!(
        (5..=8).contains(&reports),
        "the latest of the reports: {reports}"
    );
    // Of everything else, what was missed was counted: per round a report, junk, an error and a receipt; beside it the
    // receipt of `received` or `rejected`, and what says that a job was declined.
    let all = ROUNDS as usize * (1 + 10 + 1 + 1) + received + 2 * busy;
    assert_eq!(
        missed + reports + news,
        all as u64,
        "{missed} missed, {news} news"
    );

    // And there is room again.
    let mut peer = flood.peer;
    runtime.block_on(async {
        peer.send(&large_job(5000, MIB)).await;
        while !peer.text().await.contains("received") {}
    });
}

/// The requests of which the session was told, and what was said of those that were not handed on.
fn told(client: &Client) -> (usize, Vec<DeclineReason>) {
    let (mut requests, mut declined) = (0, Vec::new());
    while let Some(Ok(event)) = client.next_event().now_or_never() {
        match event {
            Event::JobRequested(_) => requests += 1,
            Event::JobDeclined { reason, .. } => declined.push(reason),
            _ => {}
        }
    }
    (requests, declined)
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_the_bound_are_left_unanswered_where_that_is_the_policy() {
    let mut world = World::new(Config {
        waiting_job_bytes: 100_000,
        when_jobs_wait: WhenJobsWait::Ignore,
        ..config()
    });
    let mut peer = world.ready().await;
    // One alone may be larger than the bound; the second has to wait for nobody's sake.
    for n in 0..3 {
        peer.send(&large_job(n, 120_000)).await;
    }
    assert!(peer.step().await.unwrap().contains(&job(0)));
    assert_eq!(peer.step().await, None, "nothing is answered");
    let expected = vec![DeclineReason::Ignored; 2];
    assert_eq!(told(&world.client), (1, expected));
    // The same request is looked at anew.
    peer.send(&large_job(1, 120_000)).await;
    assert!(peer.step().await.unwrap().contains(&job(1)));
    assert_eq!(told(&world.client), (1, Vec::new()));
}

/// However many come in one go: the session knows of each before it sees the next.
#[tokio::test(start_paused = true)]
async fn requests_that_come_in_one_go_are_counted_one_by_one() {
    let mut world = World::with_pipe(
        Config {
            waiting_job_bytes: 100_000,
            ..config()
        },
        MIB,
    );
    let mut peer = world.ready().await;
    for n in 0..50 {
        peer.send(&large_job(n, 20_000)).await;
    }
    for _ in 0..50 {
        peer.step().await.unwrap();
    }
    let (requests, declined) = told(&world.client);
    assert!((1..5).contains(&requests), "{requests}");
    assert_eq!(declined, vec![DeclineReason::Backlog; 50 - requests]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_latest_session_is_never_dropped() {
    let mut world = World::new(Config {
        waiting_events: 3,
        ..config()
    });
    for n in 0..20 {
        let mut peer = world_ready(&mut world).await;
        // More reports than are kept.
        for _ in 0..10 {
            peer.send(&cheat_report(1, 10)).await;
        }
        drop(world.client.send_status(&job(n), JobStatus::Failed).await);
        peer.step().await;
        drop(
            world
                .client
                .send_status(&job(100 + n), JobStatus::Failed)
                .await,
        );
        assert_eq!(world.client.abort().unwrap().owed.len(), 1);
        assert_eq!(world.client.abort(), Err(LifecycleError::NotStarted));
    }
    let mut ends = Vec::new();
    let mut events = 0;
    while let Some(Ok(event)) = world.client.next_event().now_or_never() {
        events += 1;
        if let Event::Stopped { owed } = event {
            ends.push(owed[0].as_json().contains(&job(119)));
        }
    }
    // Reports of the next session do not displace it either.
    let mut peer = world_ready(&mut world).await;
    world.client.abort().unwrap();
    drop(peer);
    peer = world_ready(&mut world).await;
    for _ in 0..10 {
        peer.send(&cheat_report(1, 10)).await;
    }
    peer.step().await;
    let kept = std::iter::from_fn(|| world.client.next_event().now_or_never()?.ok());
    let kept = kept.filter(|event| matches!(event, Event::Stopped { .. }));
    assert_eq!(kept.count(), 1);
    // Earlier ends are reports like any other: of those the latest are kept.
    assert_eq!(ends.last(), Some(&true), "{ends:?}");
    assert!(ends.len() <= 4 && events < 10, "{ends:?}, {events} events");
}

/// Without taking an event.
async fn world_ready(world: &mut World) -> Peer {
    world.client.start().unwrap();
    let mut peer = world.accept().await;
    peer.authenticate().await;
    peer
}

/// What lies ready in the socket's buffers is not read into memory all at once.
#[test]
fn a_heap_of_messages_is_read_piece_by_piece() {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let mut world = World::with_pipe(config(), 40 * MIB);
    let mut peer = runtime.block_on(world.ready());
    let large = "x".repeat(MIB);
    for _ in 0..32 {
        // The session's task does not run meanwhile.
        let _context = runtime.enter();
        peer.send(&large).now_or_never().expect("the pipe is wide");
    }
    let memory = measure(|| {
        let stats = || world.client.stats().malformed_received;
        runtime.block_on(async {
            while stats() < 32 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    });
    println!("{} KiB at the peak", memory.bytes_max / 1024);
    assert!(memory.bytes_max < 6 * MIB as u64, "{memory:?}");
}

#[test]
fn malformed_messages_that_nobody_takes_cost_what_is_configured() {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let mut world = World::new(Config {
        waiting_event_bytes: MIB,
        ..config()
    });
    let mut peer = runtime.block_on(world.ready());
    let junk = junk();
    let memory = measure(|| {
        runtime.block_on(async {
            for _ in 0..1000 {
                peer.send(&junk).await;
            }
            while world.client.stats().malformed_received < 1000 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    });
    println!("{} KiB stay", memory.bytes_current / 1024);
    assert!(memory.bytes_current < 2 * 1024 * 1024, "{memory:?}");
}
