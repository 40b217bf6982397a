//! A planned restart: what one handle owed, the next one delivers, with receipts.

use std::time::Duration;

use facilitator_core::client::{Health, Outcome, SendError, Snapshot, Subject};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{SUCCESS, job};

use crate::memory::{World, config, within};

#[tokio::test(start_paused = true)]
async fn a_new_handle_delivers_what_the_old_one_owed() {
    let mut old = World::new(config());
    let _peer = old.ready().await;
    for status in [JobStatus::Accepted, JobStatus::Failed] {
        drop(old.client.send_status(&job(1), status).await.unwrap());
    }
    let left = old.client.abort().unwrap().owed;
    let kept = serde_json::to_vec(&old.client.snapshot()).unwrap();

    let mut new = World::new(config());
    let snapshot: Snapshot = serde_json::from_slice(&kept).unwrap();
    let restored = new.client.restore(&snapshot).unwrap();
    let subjects: Vec<&Subject> = restored
        .iter()
        .map(|(message, _)| &message.subject)
        .collect();
    let owed: Vec<&Subject> = left.iter().map(|owed| &owed.subject).collect();
    assert_eq!((subjects.len(), &subjects), (2, &owed));
    let mut peer = new.ready().await;
    for (message, receipt) in restored {
        assert!(peer.text().await.contains(&job(1)));
        peer.send(SUCCESS).await;
        let receipt = within(1, receipt).await;
        assert_eq!(receipt.id, message.id);
        assert!(receipt.outcome.is_delivered());
    }
    assert_eq!(new.client.health(), Health::Connected);
}

#[tokio::test(start_paused = true)]
async fn an_adopted_job_ends_by_itself() {
    let time = Duration::from_secs(30);
    let mut world = World::new(config());
    assert_eq!(
        world.client.adopt_job(&job(1), time),
        Err(SendError::NotStarted)
    );
    let mut peer = world.ready().await;
    world.client.adopt_job(&job(1), time).unwrap();
    let told = within(31, peer.text()).await;
    assert!(
        told.contains("horde_failed") && told.contains(&job(1)),
        "{told}"
    );
}

/// What a session leaves that owes one status.
async fn snapshot_with_a_status() -> Snapshot {
    let mut old = World::new(config());
    let _peer = old.ready().await;
    drop(
        old.client
            .send_status(&job(1), JobStatus::Failed)
            .await
            .unwrap(),
    );
    old.client.abort().unwrap();
    old.client.snapshot()
}

#[tokio::test(start_paused = true)]
async fn what_was_restored_and_never_started_is_handed_back_with_the_last_handle() {
    let snapshot = snapshot_with_a_status().await;
    let new = World::new(config()).client;
    let mut restored = new.restore(&snapshot).unwrap();
    let (message, receipt) = restored.pop().unwrap();
    let clone = new.clone();
    drop(new);
    assert_eq!(clone.snapshot().owed(), 1, "another handle is left");
    drop(clone);
    let receipt = within(1, receipt).await;
    assert_eq!(receipt.id, message.id);
    assert!(matches!(receipt.outcome, Outcome::HandedBack(_)));
}

#[tokio::test(start_paused = true)]
async fn every_promise_of_what_was_restored_comes_true_however_the_session_ends() {
    let snapshot = snapshot_with_a_status().await;
    for way in 0..3 {
        let new = World::new(config());
        new.mute_the_door();
        let mut restored = new.client.restore(&snapshot).unwrap();
        let (_, receipt) = restored.pop().unwrap();
        new.client.start().unwrap();
        match way {
            0 => drop(new.client.abort().unwrap()),
            1 => drop(within(20, new.client.stop()).await.unwrap()),
            _ => drop(new),
        }
        let outcome = within(1, receipt).await.outcome;
        assert!(matches!(outcome, Outcome::HandedBack(_)), "{way}");
    }
}
