//! A planned restart: what one handle owed, the next one delivers, with receipts.

use std::time::Duration;

use facilitator_core::client::{Health, SendError, Snapshot, Subject};
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
