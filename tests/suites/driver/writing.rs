//! Stalled writes and big messages.

use std::time::Duration;

use facilitator_core::client::{Config, Outcome};
use facilitator_core::message::{JobStatus, JobStatusMetadata, MinerResponse, V0JobStatusUpdate};
use facilitator_tests::solo::{SUCCESS, job};
use futures_util::future::join;

use crate::memory::{World, config, within};

fn big(n: u128, bytes: usize) -> V0JobStatusUpdate {
    let response = MinerResponse {
        docker_process_stdout: "x".repeat(bytes),
        ..MinerResponse::default()
    };
    let metadata = JobStatusMetadata {
        miner_response: Some(response.into()),
        ..JobStatusMetadata::default()
    };
    V0JobStatusUpdate::new(job(n), JobStatus::Completed).with_metadata(metadata)
}

#[tokio::test(start_paused = true)]
async fn megabytes_pass_through_a_narrow_pipe_in_order() {
    let mut world = World::with_pipe(config(), 512);
    let peer = world.ready().await;
    let served = tokio::spawn(peer.serve());
    let mut receipts = Vec::new();
    for n in 0..4 {
        receipts.push(world.client.send_job_status(big(n, 1 << 20)).await.unwrap());
    }
    for receipt in receipts {
        assert!(within(60, receipt).await.outcome.is_delivered());
    }
    within(60, world.client.stop()).await.unwrap();
    let statuses = within(60, served).await.unwrap();
    assert!(
        statuses
            .iter()
            .enumerate()
            .all(|(n, text)| text.contains(&job(n as u128)))
    );
    assert_eq!(statuses.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_does_not_hold_up_a_stop() {
    let config = Config { ..config() };
    let mut world = World::with_pipe(config.clone(), 512);
    let _peer = world.ready().await;
    for n in 0..10 {
        world
            .client
            .send_job_status(big(n, 100_000))
            .await
            .unwrap()
            .id();
    }
    let begin = tokio::time::Instant::now();
    let report = within(60, world.client.stop()).await.unwrap();
    assert!(
        begin.elapsed() <= config.drain_timeout,
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(report.owed.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_is_replaced_in_time() {
    let mut world = World::with_pipe(config(), 512);
    let _peer = world.ready().await;
    let receipt = world.client.send_job_status(big(1, 100_000)).await.unwrap();
    // Two seconds more: the time that its bytes may take on a slow line.
    let bound =
        config().acknowledgement_timeout + config().backoff_initial + Duration::from_secs(2);
    let mut next = within(bound.as_secs() + 1, world.accept()).await;
    next.authenticate().await;
    tokio::spawn(next.serve());
    assert!(within(5, receipt).await.outcome.is_delivered());
}

#[tokio::test(start_paused = true)]
async fn a_close_of_the_peer_is_answered_before_the_connection_is_left() {
    let mut world = World::new(config());
    let mut peer = world.ready().await;
    let answered = within(5, peer.close(3001)).await;
    assert!(answered, "the closing handshake was not finished");
    // And the session comes back.
    within(5, world.accept()).await.authenticate().await;
}

#[tokio::test(start_paused = true)]
async fn what_came_before_a_write_failed_is_still_read() {
    let mut world = World::new(config());
    let mut peer = world.ready().await;
    let uuid = job(1);
    let first = world.client.send_status(&uuid, JobStatus::Accepted);
    let first = first.await.unwrap();
    assert!(peer.text().await.contains("accepted"));
    // The answer is in the pipe, the other end is gone, and there is something to write: all before the task looks.
    world.close_the_door();
    peer.send(SUCCESS).await;
    drop(peer);
    let second = V0JobStatusUpdate::new(uuid, JobStatus::VolumesReady);
    let second = world.client.try_send_job_status(second).unwrap();
    assert_eq!(within(1, first).await.outcome, Outcome::Acknowledged);
    let report = world.client.abort().unwrap();
    assert_eq!(report.owed.len(), 1, "the second only");
    assert_eq!(report.owed[0].id, second.id());
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_at_the_deadline_is_written_before_the_connection_is_dropped() {
    let mut world = World::new(config());
    let mut peer = world.ready().await;
    world.client.send_job_status(big(1, 1)).await.unwrap().id();
    let (report, goodbye) = within(60, join(world.client.stop(), peer.goodbye())).await;
    assert_eq!(report.unwrap().owed.len(), 1);
    assert_eq!(goodbye, Some(1000));
}
