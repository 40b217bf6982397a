//! Waiting for room: first come first served, and a caller that goes away takes its message with it.

use facilitator_core::client::{Config, SendError};
use facilitator_core::message::{JobStatus, JobStatusMetadata, MinerResponse, V0JobStatusUpdate};
use facilitator_tests::solo::{SUCCESS, job};
use futures_util::FutureExt as _;

use crate::memory::{Peer, World, config, within};

/// Room for two statuses of one job, besides its terminal status.
pub(crate) fn small() -> Config {
    Config {
        outbox_entries: 3,
        window: 1,
        ..config()
    }
}

/// A status of the n-th job with so many bytes of output.
pub(crate) fn big(n: u128, bytes: usize) -> V0JobStatusUpdate {
    let metadata = JobStatusMetadata {
        miner_response: Some(Box::new(MinerResponse::new("", "x".repeat(bytes)))),
        ..JobStatusMetadata::default()
    };
    V0JobStatusUpdate::new(job(n), JobStatus::VolumesReady).with_metadata(metadata)
}

/// Two statuses fill the outbox.
pub(crate) async fn full(world: &mut World) -> Peer {
    let mut peer = world.ready().await;
    for status in [JobStatus::Received, JobStatus::Accepted] {
        world
            .client
            .send_status(&job(1), status)
            .await
            .unwrap()
            .id();
    }
    let full = world
        .client
        .try_send_job_status(V0JobStatusUpdate::new(job(1), JobStatus::VolumesReady));
    assert!(full.is_err_and(|error| error.is_full()));
    assert!(peer.text().await.contains("received"));
    peer
}

#[tokio::test(start_paused = true)]
async fn callers_wait_and_are_served_in_order() {
    let mut world = World::new(small());
    let mut peer = full(&mut world).await;
    let mut waiting = Vec::new();
    for status in [
        JobStatus::ExecutorReady,
        JobStatus::VolumesReady,
        JobStatus::ExecutionDone,
    ] {
        let client = world.client.clone();
        waiting.push(tokio::spawn(async move {
            client
                .send_status(&job(1), status)
                .await
                .map(|receipt| receipt.id())
        }));
        tokio::task::yield_now().await;
    }
    let mut order = vec!["received".to_owned()];
    for _ in 0..4 {
        peer.send(SUCCESS).await;
        let text = within(5, peer.text()).await;
        let status = text
            .split(r#""status":""#)
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .unwrap();
        order.push(status.to_owned());
    }
    assert_eq!(
        order,
        [
            "received",
            "accepted",
            "executor_ready",
            "volumes_ready",
            "execution_done"
        ]
    );
    let mut ids = Vec::new();
    for task in waiting {
        ids.push(within(1, task).await.unwrap().unwrap());
    }
    assert!(ids.is_sorted(), "{ids:?}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_leaves_no_message_and_no_gap() {
    let mut world = World::new(small());
    let mut peer = full(&mut world).await;
    let spawn = |status| {
        let client = world.client.clone();
        tokio::spawn(async move {
            client
                .send_status(&job(1), status)
                .await
                .map(|receipt| receipt.id())
        })
    };
    let cancelled = spawn(JobStatus::ExecutorReady);
    tokio::task::yield_now().await;
    let patient = spawn(JobStatus::VolumesReady);
    tokio::task::yield_now().await;
    cancelled.abort();
    assert!(cancelled.await.unwrap_err().is_cancelled());
    for expected in ["accepted", "volumes_ready"] {
        peer.send(SUCCESS).await;
        let text = within(5, peer.text()).await;
        assert!(text.contains(expected), "{text}");
    }
    within(1, patient).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_terminal_status_has_its_slot_and_waits_for_nobody() {
    let mut world = World::new(small());
    let _peer = full(&mut world).await;
    let client = world.client.clone();
    let waiting =
        tokio::spawn(async move { client.send_status(&job(1), JobStatus::VolumesReady).await });
    tokio::task::yield_now().await;
    within(1, world.client.send_status(&job(1), JobStatus::Failed))
        .await
        .unwrap()
        .id();
    // What waited comes too late now, and is told so.
    let error = within(60, waiting).await.unwrap();
    assert!(
        matches!(error, Err(SendError::JobEnded { .. })),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_when_the_session_ends_is_told() {
    let mut world = World::new(small());
    let _peer = full(&mut world).await;
    let client = world.client.clone();
    let waiting =
        tokio::spawn(async move { client.send_status(&job(1), JobStatus::VolumesReady).await });
    tokio::task::yield_now().await;
    world.client.abort().unwrap();
    let error = within(1, waiting).await.unwrap();
    assert!(matches!(error, Err(SendError::Stopped)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_wait_does_not_overtake_those_who_do() {
    let mut world = World::new(Config {
        outbox_bytes: 10_000,
        message_bytes: 10_000,
        ..config()
    });
    let mut peer = world.ready().await;
    world
        .client
        .send_job_status(big(1, 5_000))
        .await
        .unwrap()
        .id();
    let client = world.client.clone();
    let patient = tokio::spawn(async move {
        client
            .send_job_status(big(2, 8_000))
            .await
            .map(|receipt| receipt.id())
    });
    tokio::task::yield_now().await;
    // It would fit, but somebody was there before.
    let error = world.client.try_send_job_status(big(3, 100)).unwrap_err();
    assert!(error.is_full(), "{error}");
    peer.text().await;
    peer.send(SUCCESS).await;
    within(5, patient).await.unwrap().unwrap();
    assert!(within(5, peer.text()).await.contains(&job(2)));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_turn_goes_to_the_next() {
    let mut world = World::new(small());
    let mut peer = full(&mut world).await;
    let client = world.client.clone();
    let mut first =
        Box::pin(async move { client.send_status(&job(1), JobStatus::ExecutorReady).await });
    assert!(first.as_mut().now_or_never().is_none());
    let client = world.client.clone();
    let second = tokio::spawn(async move {
        client
            .send_status(&job(1), JobStatus::VolumesReady)
            .await
            .map(|r| r.id())
    });
    tokio::task::yield_now().await;
    // Room comes, the first is woken, and goes away before it looks.
    peer.send(SUCCESS).await;
    assert!(within(5, peer.text()).await.contains("accepted"));
    drop(first);
    within(5, second).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_later_waits_behind_those_who_do() {
    let mut world = World::new(Config {
        outbox_bytes: 10_000,
        message_bytes: 10_000,
        ..config()
    });
    let mut peer = world.ready().await;
    let send = |n, bytes| {
        let client = world.client.clone();
        tokio::spawn(async move {
            let sent = client.send_job_status(big(n, bytes)).await;
            sent.map(|receipt| receipt.id())
        })
    };
    let mut ids = Vec::new();
    ids.push(within(1, send(1, 5_000)).await.unwrap().unwrap());
    let patient = send(2, 8_000);
    tokio::task::yield_now().await;
    // It would fit.
    let late = send(3, 100);
    tokio::task::yield_now().await;
    assert!(!late.is_finished(), "it has overtaken");
    peer.text().await;
    peer.send(SUCCESS).await;
    for task in [patient, late] {
        ids.push(within(5, task).await.unwrap().unwrap());
    }
    assert!(ids.is_sorted(), "{ids:?}");
}

#[tokio::test(start_paused = true)]
async fn the_end_is_told_to_all_who_wait_even_behind_one_who_does_not_look() {
    let mut world = World::new(small());
    let _peer = full(&mut world).await;
    let client = world.client.clone();
    let mut first = Box::pin(client.send_job_status(big(1, 1)));
    assert!(first.as_mut().now_or_never().is_none());
    // From here on nobody polls the first one, nor drops it.
    let client = world.client.clone();
    let second =
        tokio::spawn(async move { client.send_status(&job(1), JobStatus::VolumesReady).await });
    tokio::task::yield_now().await;
    world.client.abort().unwrap();
    let error = within(1, second).await.unwrap();
    assert!(matches!(error, Err(SendError::Stopped)), "{error:?}");
    assert!(matches!(first.await, Err(SendError::Stopped)));
}
