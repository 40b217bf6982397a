//! Events: none that asks for an action is lost, and an application that takes none stops nothing.

use std::iter::from_fn;
use std::sync::mpsc;
use std::time::Duration;

use facilitator_core::client::{Config, Event, Outcome, TrustPolicy};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{SUCCESS, job, job_request};
use futures_util::{FutureExt, StreamExt};

use crate::memory::{World, config, within};

#[tokio::test(start_paused = true)]
async fn an_application_that_takes_no_events_stops_nothing() {
    let mut world = World::new(config());
    let mut peer = world.ready().await;
    let mut beats = 0;
    // Six thousand events that nobody takes, over ten minutes; heartbeats and acknowledgements go on.
    for n in 0..600 {
        for _ in 0..10 {
            peer.send("{").await;
        }
        let receipt = world
            .client
            .send_status(&job(n), JobStatus::Failed)
            .await
            .unwrap();
        loop {
            let text = within(10, peer.text()).await;
            if text.contains("V0JobStatusUpdate") {
                break;
            }
            beats += 1;
        }
        peer.send(SUCCESS).await;
        assert_eq!(within(10, receipt).await.outcome, Outcome::Acknowledged);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!(
        (9..=10).contains(&beats),
        "{beats} heartbeats in ten minutes"
    );

    let Event::Missed { events: missed } = world.client.next_event().await.unwrap() else {
        panic!("the first thing to learn is that something was missed")
    };
    assert!(missed > 2000, "{missed}");
}

#[tokio::test(start_paused = true)]
async fn job_requests_survive_a_flood_of_other_events() {
    let mut world = World::new(config());
    let mut peer = world.ready().await;
    peer.send(&job_request(&job(1))).await;
    peer.text().await;
    for _ in 0..10_000 {
        peer.send("{").await;
    }
    peer.send(&job_request(&job(2))).await;
    peer.text().await;
    let mut jobs = Vec::new();
    while jobs.len() < 2 {
        if let Event::JobRequested(request) = within(1, world.client.next_event()).await.unwrap() {
            jobs.push(request.uuid);
        }
    }
    assert_eq!(jobs, [job(1), job(2)]);
}

#[tokio::test(start_paused = true)]
async fn the_stream_of_events_ends_with_the_session() {
    let mut world = World::new(config());
    let peer = world.ready().await;
    tokio::spawn(peer.serve());
    within(20, world.client.stop()).await.unwrap();
    let events: Vec<Event> = within(20, world.client.events().collect()).await;
    assert!(
        matches!(events.last(), Some(Event::Stopped { .. })),
        "{events:?}"
    );
}

/// Other threads can look between any two steps of the task: whoever finds the session ended finds its last event too.
#[tokio::test(start_paused = true)]
async fn a_session_never_ends_before_its_last_event() {
    let mut world = World::new(config());
    let peer = world.ready().await;
    tokio::spawn(peer.serve());
    let (client, (sender, found)) = (world.client.clone(), mpsc::channel());
    world.between_steps(Some(Box::new(move || {
        if !client.is_running() {
            let last = from_fn(|| client.next_event().now_or_never()?.ok()).last();
            sender.send(last).unwrap();
        }
    })));
    within(20, world.client.stop()).await.unwrap();
    world.between_steps(None);
    let found: Vec<_> = found.iter().collect();
    assert_eq!(found, [Some(Event::Stopped { owed: Vec::new() })]);
}

#[tokio::test(start_paused = true)]
async fn a_cheat_report_survives_a_flood_of_other_events() {
    let mut world = World::new(config());
    let mut peer = world.ready().await;
    let report = format!(
        r#"{{"message_type":"V0JobCheated","job_uuid":"{}","trusted_job_uuid":"{}","details":null}}"#,
        job(1),
        job(2)
    );
    peer.send(&report).await;
    for _ in 0..10_000 {
        peer.send("{").await;
    }
    peer.send(&job_request(&job(1))).await;
    peer.text().await;
    let mut reported = false;
    while !reported {
        reported = matches!(
            within(1, world.client.next_event()).await.unwrap(),
            Event::JobCheated(_)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn refused_requests_that_nobody_takes_do_not_pile_up() {
    let mut world = World::new(Config {
        trust: TrustPolicy::default(),
        ..config()
    });
    let mut peer = world.ready().await;
    // 100 MiB of jobs that nobody has signed.
    let padding = "x".repeat(1 << 20);
    for n in 0..100 {
        let request = job_request(&job(n)).replace("python:3.11", &padding);
        peer.send(&request).await;
        assert!(peer.text().await.contains("invalid_signature"));
        peer.send(SUCCESS).await;
    }
    let (mut missed, mut kept) = (0, 0);
    while let Ok(Ok(event)) =
        tokio::time::timeout(Duration::from_secs(1), world.client.next_event()).await
    {
        match event {
            Event::Missed { events } => missed += events,
            Event::JobRefused { .. } => kept += 1,
            _ => {}
        }
    }
    assert!(kept < 64 && missed > 36, "{kept} kept, {missed} missed");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_ends_before_anybody_takes_it_is_not_handed_out() {
    let config = Config {
        job_margin: Duration::from_secs(1),
        open_jobs: 1,
        ..config()
    };
    let mut world = World::new(config);
    let mut peer = world.ready().await;
    // The application takes nothing; only the watchdog ends what it does not do.
    for n in 0..100 {
        let uuid = job(n).to_uppercase();
        peer.send(&job_request(&uuid)).await;
        for status in ["received", "horde_failed"] {
            loop {
                let text = within(60, peer.text()).await;
                if text.contains("V0JobStatusUpdate") {
                    assert!(text.contains(status), "{text}");
                    break;
                }
            }
            peer.send(SUCCESS).await;
        }
    }
    peer.send(&job_request(&job(100))).await;
    let (mut missed, mut overdue, mut requested) = (0, 0, Vec::new());
    while requested.is_empty() {
        match within(1, world.client.next_event()).await.unwrap() {
            Event::Missed { events } => missed += events,
            Event::JobOverdue { .. } => overdue += 1,
            Event::JobRequested(request) => requested.push(request.uuid),
            _ => {}
        }
    }
    assert_eq!((missed, overdue), (100, 100));
    assert_eq!(requested, [job(100)]);
}

#[tokio::test(start_paused = true)]
async fn long_errors_that_nobody_takes_do_not_pile_up() {
    let mut world = World::new(config());
    let mut peer = world.ready().await;
    // 200 MiB: of answers to nothing, and of what the facilitator's validation says of updates.
    let padding = "x".repeat(1 << 20);
    let answer = format!(
        r#"{{"status":"error","errors":[{{"msg":"m","type":"missing","loc":["V0JobStatusUpdate"],"input":"{padding}"}}]}}"#
    );
    for n in 0..100 {
        peer.send(&answer).await;
        let refused = world.client.send_status(&job(n), JobStatus::Failed).await;
        while !peer.text().await.contains("V0JobStatusUpdate") {}
        peer.send(&answer).await;
        within(1, refused.unwrap()).await;
    }
    let (mut missed, mut kept) = (0, 0);
    while let Ok(Ok(event)) =
        tokio::time::timeout(Duration::from_secs(1), world.client.next_event()).await
    {
        match event {
            Event::Missed { events } => missed += events,
            Event::Unexpected(_) | Event::Receipt(_) => kept += 1,
            _ => {}
        }
    }
    assert!(kept <= 70 && missed >= 130, "{kept} kept, {missed} missed");
}
