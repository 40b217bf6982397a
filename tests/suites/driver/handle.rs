//! The handle: lifecycle, misuse, receipts, scopes.

use std::hint::spin_loop;
use std::time::Duration;

use facilitator_core::client::{Event, LifecycleError, Outcome, Phase, SendError};
use facilitator_core::driver::{EventError, StartError};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{SUCCESS, error, job, specs};

use crate::memory::{World, config, within};

#[tokio::test(start_paused = true)]
async fn a_receipt_comes_with_the_answer_not_with_the_writing() {
    let mut world = World::new(config());
    let mut peer = world.ready().await;
    let receipt = world
        .client
        .send_status(&job(1), JobStatus::Accepted)
        .await
        .unwrap();
    assert!(peer.text().await.contains(&job(1)));
    let mut receipt = std::pin::pin!(receipt);
    let early = tokio::time::timeout(Duration::from_secs(5), receipt.as_mut()).await;
    assert!(early.is_err(), "written, but not answered");
    peer.send(SUCCESS).await;
    assert_eq!(within(1, receipt).await.outcome, Outcome::Acknowledged);
}

#[tokio::test(start_paused = true)]
async fn before_start_every_use_says_to_call_it() {
    let world = World::new(config());
    assert!(!world.client.is_running());
    let error = world
        .client
        .send_status(&job(1), JobStatus::Accepted)
        .await
        .unwrap_err();
    assert_eq!(error, SendError::NotStarted);
    assert!(error.to_string().contains("call `start`"), "{error}");
    let error = world
        .client
        .send_machine_specs("5X", &job(1), specs())
        .await
        .unwrap_err();
    assert_eq!(error, SendError::NotStarted);
    let error = world.client.next_event().await.unwrap_err();
    assert_eq!(error, EventError::NotStarted);
    assert!(error.to_string().contains("call `start`"), "{error}");
    assert_eq!(world.client.stop().await, Err(LifecycleError::NotStarted));
    assert_eq!(world.client.abort(), Err(LifecycleError::NotStarted));
}

#[tokio::test(start_paused = true)]
async fn after_stop_every_use_says_to_start_again() {
    let mut world = World::new(config());
    let peer = world.ready().await;
    tokio::spawn(peer.serve());
    assert!(
        within(10, world.client.stop())
            .await
            .unwrap()
            .owed
            .is_empty()
    );
    let error = world
        .client
        .send_status(&job(1), JobStatus::Accepted)
        .await
        .unwrap_err();
    assert_eq!(error, SendError::Stopped);
    assert!(error.to_string().contains("call `start` again"), "{error}");
    while let Ok(event) = world.client.next_event().await {
        if matches!(event, Event::Stopped { .. }) {
            break;
        }
    }
    let error = world.client.next_event().await.unwrap_err();
    assert_eq!(error, EventError::Stopped);
    assert!(error.to_string().contains("call `start`"), "{error}");
    assert_eq!(world.client.stop().await, Err(LifecycleError::NotStarted));
    // And it does start again.
    let mut peer = world.ready().await;
    let receipt = world
        .client
        .send_status(&job(1), JobStatus::Accepted)
        .await
        .unwrap();
    peer.text().await;
    peer.send(SUCCESS).await;
    assert!(within(1, receipt).await.outcome.is_delivered());
}

/// On real threads, and at every moment that the ended session's task can be at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_can_start_again_at_once() {
    let mut world = World::new(config());
    for n in 0..3000 {
        world.client.start().unwrap();
        within(20, world.accept()).await;
        world.client.abort().unwrap();
        for _ in 0..n {
            spin_loop();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn starting_twice_is_answered_clearly() {
    let mut world = World::new(config());
    let _peer = world.ready().await;
    let error = world.client.start().unwrap_err();
    assert_eq!(error, StartError::Lifecycle(LifecycleError::AlreadyStarted));
    assert_eq!(world.client.phase(), Phase::Ready);
}

#[test]
fn without_a_runtime_start_is_a_typed_error() {
    let world = World::new(config());
    let error = world.client.start();
    // Without a runtime there is no tokio clock either, so this must not get as far as a timer.
    assert!(matches!(error, Err(StartError::Spawn(_))), "{error:?}");
    assert!(!world.client.is_running());
}

#[tokio::test(start_paused = true)]
async fn stop_hands_back_what_a_silent_facilitator_did_not_answer() {
    let mut world = World::new(config());
    let _peer = world.ready().await;
    let receipt = world
        .client
        .send_status(&job(1), JobStatus::Accepted)
        .await
        .unwrap();
    let begin = tokio::time::Instant::now();
    let report = within(60, world.client.stop()).await.unwrap();
    assert!(
        begin.elapsed() <= config().drain_timeout,
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(report.owed.len(), 1);
    assert!(report.owed[0].as_json().contains(&job(1)));
    assert!(matches!(
        within(1, receipt).await.outcome,
        Outcome::HandedBack(_)
    ));
}

#[tokio::test(start_paused = true)]
async fn stop_ends_in_every_phase() {
    let phases = [
        Phase::Connecting,
        Phase::Authenticating,
        Phase::Waiting,
        Phase::Ready,
        Phase::Closing,
    ];
    for phase in phases {
        let mut world = World::new(config());
        match phase {
            Phase::Connecting => world.mute_the_door(),
            Phase::Waiting => world.close_the_door(),
            _ => {}
        }
        world.client.start().unwrap();
        let mut peer = match phase {
            Phase::Connecting | Phase::Waiting => None,
            _ => Some(world.accept().await),
        };
        match (phase, &mut peer) {
            (Phase::Ready, Some(peer)) => peer.authenticate().await,
            (Phase::Closing, Some(peer)) => peer.send(&error("auth.other")).await,
            _ => {}
        }
        world.wait_for(phase).await;
        world
            .client
            .send_status(&job(1), JobStatus::Accepted)
            .await
            .unwrap()
            .id();
        let begin = tokio::time::Instant::now();
        let report = within(60, world.client.stop()).await.unwrap();
        assert!(
            begin.elapsed() <= config().drain_timeout,
            "{phase}: {:?}",
            begin.elapsed()
        );
        assert_eq!(report.owed.len(), 1, "{phase}");
        drop(peer);
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_replaced_and_all_is_sent_again() {
    let mut world = World::new(config());
    let mut peer = world.ready().await;
    let first = world
        .client
        .send_status(&job(1), JobStatus::Accepted)
        .await
        .unwrap();
    let second = world
        .client
        .send_status(&job(1), JobStatus::VolumesReady)
        .await
        .unwrap();
    assert!(peer.text().await.contains("accepted"));
    drop(peer);
    let mut peer = within(60, world.accept()).await;
    peer.authenticate().await;
    let served = tokio::spawn(peer.serve());
    assert!(within(60, first).await.outcome.is_delivered());
    assert!(within(60, second).await.outcome.is_delivered());
    within(60, world.client.stop()).await.unwrap();
    let statuses = within(60, served).await.unwrap();
    assert!(
        statuses[0].contains("accepted") && statuses[1].contains("volumes_ready"),
        "{statuses:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_scope_starts_and_stops_whatever_its_outcome() {
    let mut world = World::new(config());
    let client = world.client.clone();
    let session = tokio::spawn(async move {
        client
            .run(async |client| {
                client
                    .send_status(&job(1), JobStatus::Accepted)
                    .await
                    .unwrap()
                    .await;
                Err::<(), _>("the work failed")
            })
            .await
    });
    let mut peer = world.accept().await;
    peer.authenticate().await;
    tokio::spawn(peer.serve());
    let (result, report) = within(60, session).await.unwrap().unwrap();
    assert_eq!(result, Err("the work failed"));
    assert!(report.owed.is_empty());
    assert!(!world.client.is_running());
}

#[tokio::test(start_paused = true)]
async fn a_scope_that_is_dropped_aborts() {
    let mut world = World::new(config());
    let client = world.client.clone();
    let session = tokio::spawn(async move {
        client
            .run(async |_| std::future::pending::<()>().await)
            .await
    });
    let mut peer = world.accept().await;
    peer.authenticate().await;
    session.abort();
    assert!(
        within(1, peer.try_text()).await.is_none(),
        "the connection is dropped"
    );
    assert!(!world.client.is_running());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_ends_the_session() {
    let mut world = World::new(config());
    let mut peer = world.ready().await;
    let receipt = world
        .client
        .send_status(&job(1), JobStatus::Accepted)
        .await
        .unwrap();
    peer.text().await;
    let World { client, .. } = world;
    let clone = client.clone();
    drop(client);
    assert!(clone.is_running());
    drop(clone);
    assert!(within(1, peer.try_text()).await.is_none());
    assert!(matches!(
        within(1, receipt).await.outcome,
        Outcome::HandedBack(_)
    ));
}

#[test]
fn a_runtime_that_shuts_down_ends_the_session_even_before_its_first_step() {
    let world = World::new(config());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    {
        let _context = runtime.enter();
        // Spawned on a runtime that nobody drives, and never polled.
        world.client.start().unwrap();
    }
    assert!(world.client.is_running());
    drop(runtime);
    assert!(!world.client.is_running());
    let elsewhere = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let events: Vec<Event> = elsewhere.block_on(async {
        let mut events = Vec::new();
        while let Ok(event) = world.client.next_event().await {
            events.push(event);
        }
        events
    });
    assert!(
        matches!(events.last(), Some(Event::Stopped { .. })),
        "{events:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn everybody_who_waits_for_the_end_gets_the_whole_report() {
    let mut world = World::new(config());
    let client = world.client.clone();
    let session = tokio::spawn(async move {
        client
            .run(async |client| {
                let _pending = client
                    .send_status(&job(1), JobStatus::Accepted)
                    .await
                    .unwrap();
                let inner = client.clone();
                let stopped = tokio::spawn(async move { inner.stop().await });
                tokio::task::yield_now().await;
                (stopped,)
            })
            .await
    });
    let mut peer = world.accept().await;
    peer.authenticate().await;
    let ((stopped,), outer) = within(60, session).await.unwrap().unwrap();
    let inner = within(1, stopped).await.unwrap().unwrap();
    assert_eq!((inner.owed.len(), outer.owed.len()), (1, 1));
}
