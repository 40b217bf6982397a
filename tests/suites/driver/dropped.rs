//! Every future of the handle, dropped after every number of polls until it would have been done: nothing is lost,
//! nothing happens twice, and nobody else is held up.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use facilitator_core::client::{Config, Event, Outcome, Receipt, SendError, Subject, UpdateId};
use facilitator_core::driver::PendingReceipt;
use facilitator_core::message::{
    HordeFailureDetails, HordeFailureReason, JobFailureDetails, JobFailureReason, JobFailureStage,
    JobParticipant, JobRejectionReason, JobStatus, V0JobStatusUpdate,
};
use facilitator_tests::solo::{SUCCESS, job, job_request, specs};
use futures_util::{FutureExt, Stream, StreamExt};

use crate::memory::{Client, Peer, World, config, within};

/// A way to send.
type Way = fn(&Client) -> Sending<'_>;
type Sending<'a> = Pin<Box<dyn Future<Output = Result<PendingReceipt, SendError>> + 'a>>;

/// Every way to send, each with the job or the batch that its message is about.
const WAYS: [(&str, Way); 7] = [
    ("send_job_status", |client| {
        let update = V0JobStatusUpdate::new(subject(), JobStatus::Failed);
        Box::pin(client.send_job_status(update))
    }),
    ("send_status", |client| {
        Box::pin(async { client.send_status(&subject(), JobStatus::Failed).await })
    }),
    ("send_status of a job to come", |client| {
        Box::pin(async { client.send_status(&subject(), JobStatus::Accepted).await })
    }),
    ("reject_job", |client| {
        Box::pin(async {
            let reason = JobRejectionReason::NoMinerForJob;
            client.reject_job(&subject(), reason, "none").await
        })
    }),
    ("fail_job", |client| {
        let (reason, stage) = (JobFailureReason::Timeout, JobFailureStage::Execution);
        let details = JobFailureDetails::new(reason, stage, "late");
        Box::pin(async { client.fail_job(&subject(), details).await })
    }),
    ("fail_horde", |client| {
        let reason = HordeFailureReason::GenericError;
        let details = HordeFailureDetails::new(JobParticipant::Validator, reason, "broken");
        Box::pin(async { client.fail_horde(&subject(), details).await })
    }),
    ("send_machine_specs", |client| {
        Box::pin(async { client.send_machine_specs("5X", &subject(), specs()).await })
    }),
];

fn subject() -> String {
    job(77)
}

/// Room for two statuses of one job besides its terminal status, and for one set of specs.
fn small() -> Config {
    Config {
        outbox_entries: 4,
        specs_entries: 1,
        window: 1,
        ..config()
    }
}

/// Polls a future so many times, and drops it. Between two polls, the peer takes a step.
async fn poll_and_drop<T>(
    future: impl Future<Output = T>,
    polls: usize,
    peer: &mut Peer,
    seen: &mut Vec<String>,
) -> Option<T> {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(done) = future.as_mut().poll(&mut cx) {
            return Some(done);
        }
        seen.extend(peer.step().await);
    }
    None
}

/// Takes the events that are there.
fn events(client: &Client) -> Vec<Event> {
    std::iter::from_fn(|| client.next_event().now_or_never()?.ok()).collect()
}

fn receipts(events: &[Event]) -> Vec<&Receipt> {
    let mut receipts = Vec::new();
    for event in events {
        if let Event::Receipt(receipt) = event {
            receipts.push(receipt);
        }
    }
    receipts
}

fn is_about(receipt: &Receipt, name: &str) -> bool {
    match &receipt.subject {
        Subject::JobStatus { uuid, .. } => uuid.to_string() == name,
        Subject::MachineSpecs { batch_id } => batch_id.to_string() == name,
    }
}

/// One message is sent in this way into an outbox that is full or not, and its future is dropped after so many polls.
/// Returns whether it was done by then.
async fn send_and_drop(way: Way, full: bool, polls: usize) -> bool {
    let mut world = World::new(small());
    let mut peer = world.ready().await;
    let client = world.client.clone();
    if full {
        for status in [
            JobStatus::Received,
            JobStatus::Accepted,
            JobStatus::VolumesReady,
        ] {
            drop(client.send_status(&job(1), status).await.unwrap());
        }
        drop(client.send_machine_specs("5X", &job(2), specs()).await);
    }
    let mut seen = Vec::new();
    let sending = way(&client);
    // These come after it, or before when it was never polled, and have nothing to do with it.
    let others = [3, 4].map(|n| {
        let client = client.clone();
        async move {
            tokio::time::sleep(Duration::from_micros(1)).await;
            if n == 3 {
                client.send_status(&job(n), JobStatus::Failed).await
            } else {
                client.send_machine_specs("5X", &job(n), specs()).await
            }
        }
    });
    let others = others.map(tokio::spawn);
    let done = poll_and_drop(sending, polls, &mut peer, &mut seen).await;
    let accepted: Option<UpdateId> = done.map(|result| result.unwrap().id());

    // All else goes on without it.
    for other in others {
        while !other.is_finished() {
            seen.extend(within(60, peer.step()).await);
        }
        drop(other.await.unwrap().unwrap());
    }
    while client.stats().outbox_bytes > 0 {
        seen.extend(within(60, peer.step()).await);
    }
    // No place is held for nobody.
    let late = V0JobStatusUpdate::new(job(5), JobStatus::Failed);
    drop(client.try_send_job_status(late).unwrap());
    let batch = job(6);
    let late = client.send_machine_specs("5X", &batch, specs());
    drop(late.now_or_never().expect("there is room").unwrap());
    while client.stats().outbox_bytes > 0 {
        seen.extend(within(60, peer.step()).await);
    }

    let name = subject();
    let delivered = seen.iter().filter(|text| text.contains(&name)).count();
    assert_eq!(delivered, usize::from(accepted.is_some()), "{seen:#?}");
    let events = events(&client);
    let told: Vec<_> = receipts(&events)
        .into_iter()
        .filter(|receipt| is_about(receipt, &name))
        .collect();
    let ids: Vec<_> = told.iter().map(|receipt| receipt.id).collect();
    assert_eq!(ids, Vec::from_iter(accepted));
    assert!(
        told.iter()
            .all(|receipt| receipt.outcome == Outcome::Acknowledged)
    );
    for n in [3, 4, 5, 6] {
        let told = receipts(&events);
        let told = told.iter().filter(|receipt| is_about(receipt, &job(n)));
        assert_eq!(told.count(), 1, "{n}");
    }
    accepted.is_some()
}

#[tokio::test(start_paused = true)]
async fn whatever_is_sent_is_accepted_once_or_not_at_all() {
    for (name, way) in WAYS {
        for full in [false, true] {
            let mut polls = 0;
            while !send_and_drop(way, full, polls).await {
                polls += 1;
                assert!(polls < 20, "{name} is never done");
            }
            println!("{name}, full: {full}: done after {polls} polls");
            assert_eq!(polls > 1, full, "{name}: {polls} polls");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_goes_on_without_the_future_that_asked_for_it() {
    let mut polls = 0;
    loop {
        let mut world = World::new(small());
        let mut peer = world.ready().await;
        let client = world.client.clone();
        for status in [JobStatus::Received, JobStatus::Accepted] {
            drop(client.send_status(&job(1), status).await.unwrap());
        }
        let mut seen = Vec::new();
        let report = poll_and_drop(client.stop(), polls, &mut peer, &mut seen).await;
        if polls == 0 {
            assert!(client.is_running(), "nobody has asked for it");
        } else {
            let rest = tokio::spawn(peer.serve());
            let events: Vec<Event> = within(60, client.events().collect()).await;
            let ends = events
                .iter()
                .filter(|event| matches!(event, Event::Stopped { .. }));
            assert_eq!(ends.count(), 1);
            assert_eq!(events.last(), Some(&Event::Stopped { owed: Vec::new() }));
            seen.extend(within(60, rest).await.unwrap());
            let delivered = seen.iter().filter(|text| text.contains(&job(1)));
            assert_eq!(delivered.count(), 2, "{seen:#?}");
            assert!(!client.is_running());
        }
        if let Some(report) = report {
            assert!(report.unwrap().owed.is_empty());
            break;
        }
        polls += 1;
        assert!(polls < 20, "it never ends");
    }
    assert!(polls > 2, "{polls}");
}

#[tokio::test(start_paused = true)]
async fn a_scope_that_is_left_anywhere_ends_its_session_and_no_other() {
    let mut polls = 0;
    loop {
        let mut world = World::new(small());
        let client = world.client.clone();
        let mut scope = Box::pin(client.run(async |client| {
            while let Ok(event) = client.next_event().await {
                if matches!(event, Event::JobRequested(_)) {
                    break;
                }
            }
            let sent = client.send_status(&job(1), JobStatus::Failed).await;
            sent.map(|receipt| receipt.id())
        }));
        let mut cx = Context::from_waker(Waker::noop());
        let (mut peer, mut result) = (None, None);
        for poll in 0..polls {
            if let Poll::Ready(done) = scope.as_mut().poll(&mut cx) {
                result = Some(done.unwrap());
                break;
            }
            match (poll, &mut peer) {
                (0, peer) => *peer = Some(world.accept().await),
                (1, Some(peer)) => peer.authenticate().await,
                (2, Some(peer)) => peer.send(&job_request(&job(1))).await,
                (_, Some(peer)) => {
                    peer.step().await;
                }
                _ => {}
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let receipt = result.is_some();
        drop(scope);
        assert!(!client.is_running(), "after {polls} polls");
        if polls > 0 {
            let events = events(&client);
            let ends = events
                .iter()
                .filter(|event| matches!(event, Event::Stopped { .. }));
            assert_eq!(ends.count(), 1, "after {polls} polls");
        }
        // The next one is another's.
        drop(peer);
        let _peer = world.ready().await;
        assert!(client.is_running());
        if receipt {
            break;
        }
        polls += 1;
        assert!(polls < 30, "it never ends");
    }
    assert!(polls > 5, "{polls}");
}

/// Takes the numbered jobs, each with a future that is dropped after so many polls, in which more come.
async fn take_and_drop(polls: usize, as_stream: bool) -> Vec<String> {
    const JOBS: u128 = 12;
    let mut world = World::new(config());
    let mut peer = world.ready().await;
    let (mut taken, mut sent) = (Vec::new(), 0);
    for _ in 0..1000 {
        let next: Pin<Box<dyn Future<Output = Option<Event>>>> = if as_stream {
            let mut events = Box::pin(world.client.events());
            Box::pin(std::future::poll_fn(move |cx| {
                events.as_mut().poll_next(cx)
            }))
        } else {
            Box::pin(world.client.next_event().map(Result::ok))
        };
        let mut next = next;
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..polls {
            if let Poll::Ready(event) = next.as_mut().poll(&mut cx) {
                if let Some(Event::JobRequested(request)) = event {
                    taken.push(request.uuid);
                }
                break;
            }
            if sent < JOBS {
                peer.send(&job_request(&job(sent))).await;
                sent += 1;
                while peer.step().await.is_some() {}
            }
        }
        drop(next);
        if polls == 0 {
            break;
        }
        if taken.len() == usize::try_from(JOBS).unwrap() {
            return taken;
        }
    }
    taken
}

#[tokio::test(start_paused = true)]
async fn no_event_is_swallowed_by_a_future_that_was_dropped() {
    let all: Vec<String> = (0..12).map(job).collect();
    for as_stream in [false, true] {
        for polls in 1..4 {
            assert_eq!(take_and_drop(polls, as_stream).await, all, "{polls} polls");
        }
        assert!(take_and_drop(0, as_stream).await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_receipt_that_nobody_awaits_changes_nothing() {
    for polls in 0..3 {
        let mut world = World::new(config());
        let mut peer = world.ready().await;
        let client = world.client.clone();
        let receipt = client
            .send_status(&job(1), JobStatus::Failed)
            .await
            .unwrap();
        let id = receipt.id();
        let mut seen = Vec::new();
        // After the first step of the peer it is there.
        let done = poll_and_drop(receipt, polls, &mut peer, &mut seen).await;
        assert_eq!(done.is_some(), polls > 1);
        seen.extend(peer.step().await);
        assert_eq!(seen.iter().filter(|text| text.contains(&job(1))).count(), 1);
        let events = events(&client);
        let told: Vec<_> = receipts(&events).iter().map(|receipt| receipt.id).collect();
        assert_eq!(told, [id]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_can_go_in_any_phase_with_callers_and_receipts_left() {
    // How far the connection has come.
    for progress in 0..5 {
        let mut world = World::new(small());
        match progress {
            0 => world.mute_the_door(),
            1 => world.close_the_door(),
            _ => {}
        }
        world.client.start().unwrap();
        let mut peer = match progress {
            0 | 1 => None,
            _ => Some(world.accept().await),
        };
        if let Some(peer) = peer.as_mut().filter(|_| progress > 2) {
            peer.authenticate().await;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        let receipt = world.client.send_status(&job(1), JobStatus::Received).await;
        let receipt = receipt.unwrap();
        if progress == 4 {
            let mut stopping = Box::pin(world.client.stop());
            assert!(stopping.as_mut().now_or_never().is_none());
        }
        let World { client, .. } = world;
        drop(client);
        let Outcome::HandedBack(owed) = within(1, receipt).await.outcome else {
            panic!("nobody can have it");
        };
        assert!(owed.as_json().contains(&job(1)));
        if let Some(peer) = &mut peer {
            while within(1, peer.try_text()).await.is_some() {}
            assert!(
                peer.send_or_end(SUCCESS).await.is_err(),
                "the connection stays"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_scope_ends_its_session() {
    let mut world = World::new(config());
    let client = world.client.clone();
    let scope = tokio::spawn(async move {
        let scope = client.run(async |client| {
            drop(
                client
                    .send_status(&job(1), JobStatus::Failed)
                    .await
                    .unwrap(),
            );
            tokio::time::sleep(Duration::from_secs(1)).await;
            panic!("the application has a bug")
        });
        scope.await.map(|((), _)| ())
    });
    let mut peer = world.accept().await;
    assert!(within(2, scope).await.unwrap_err().is_panic());
    assert!(!world.client.is_running());
    while within(1, peer.try_text()).await.is_some() {}
    let events = events(&world.client);
    let Some(Event::Stopped { owed }) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(owed.len(), 1);
    // The lock is not poisoned, and the session can be used again.
    let _peer = world.ready().await;
}
