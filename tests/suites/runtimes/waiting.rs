//! Callers on many threads that come, wait for room, and go away, beside a task on the runtime's own.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;

use facilitator_core::client::{Config, Event, Outcome, Phase, UpdateId};
use facilitator_core::driver::{EventError, FacilitatorClient, Runtime};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::job;
use futures_util::future::join_all;
use tokio::sync::oneshot;

use crate::subject::Line;
use crate::talk::{next_job, signed_job};
use crate::{Subject, UnderTest, reach};

const JOBS: u64 = 8;

const STATUSES: [JobStatus; 5] = [
    JobStatus::Accepted,
    JobStatus::ExecutorReady,
    JobStatus::VolumesReady,
    JobStatus::ExecutionDone,
    JobStatus::Failed,
];

/// Polls a future so many times at the most, woken or not, and drops it.
async fn some_polls<T>(future: impl Future<Output = T>, mut polls: usize) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let Some(left) = polls.checked_sub(1) else {
            return Poll::Ready(None);
        };
        polls = left;
        let polled = future.as_mut().poll(cx);
        cx.waker().wake_by_ref();
        polled.map(Some)
    })
    .await
}

/// Reports on a job, with many a future dropped on the way. Returns what was accepted.
async fn report<R: Runtime>(client: FacilitatorClient<R>, n: u64) -> Vec<UpdateId> {
    let mut random = fastrand::Rng::with_seed(n);
    let (uuid, mut ids) = (job(n.into()), Vec::new());
    for status in STATUSES {
        let mut receipt = None;
        for _ in 0..random.usize(0..20) {
            let polls = random.usize(0..4);
            receipt = some_polls(client.send_status(&uuid, status), polls).await;
            if receipt.is_some() {
                break;
            }
        }
        let receipt = match receipt {
            Some(receipt) => receipt,
            None => client.send_status(&uuid, status).await,
        };
        let receipt = receipt.unwrap();
        ids.push(receipt.id());
        // Sometimes it is awaited, for a while, or not at all.
        drop(some_polls(receipt, random.usize(0..50)).await);
    }
    ids
}

/// Takes events until the end, with many a future dropped on the way.
async fn take<R: Runtime>(client: FacilitatorClient<R>, receipts: Arc<Mutex<Vec<UpdateId>>>) {
    let mut random = fastrand::Rng::with_seed(1);
    loop {
        let event = match some_polls(client.next_event(), random.usize(0..3)).await {
            Some(event) => event,
            None => client.next_event().await,
        };
        match event {
            Ok(Event::Receipt(receipt)) if !receipt.automatic => {
                assert_eq!(receipt.outcome, Outcome::Acknowledged);
                receipts.lock().unwrap().push(receipt.id);
            }
            Ok(Event::Missed { .. }) => panic!("so few events are kept"),
            Ok(_) => {}
            Err(error) => return assert_eq!(error, EventError::Stopped),
        }
    }
}

/// On a thread of its own, which no runtime knows.
fn elsewhere<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> {
    let (sender, done) = oneshot::channel();
    thread::spawn(|| drop(sender.send(::smol::block_on(future))));
    async { done.await.unwrap() }
}

pub(crate) fn callers_that_come_and_go_lose_and_double_nothing<R: UnderTest>(subject: &Subject<R>) {
    let Line { client, server } = subject.line_with(|config| Config {
        // One slot for each job's last status, and two for all the others.
        outbox_entries: usize::try_from(JOBS).unwrap() + 2,
        window: 2,
        ..config
    });
    subject.block_on(async {
        client.start().unwrap();
        reach(&client, Phase::Ready).await;
        for n in 0..JOBS {
            server.push_job(signed_job(n.into())).unwrap();
            assert_eq!(next_job(&client).await.uuid, job(n.into()));
            // Only when its `received` is answered, there is room for the next one.
            while client.stats().outbox_length > 0 {
                client.next_event().await.unwrap();
            }
        }
        let receipts = Arc::new(Mutex::new(Vec::new()));
        let takers = [(); 3].map(|()| elsewhere(take(client.clone(), Arc::clone(&receipts))));
        let reports = (0..JOBS).map(|n| elsewhere(report(client.clone(), n)));
        let accepted = join_all(reports.collect::<Vec<_>>()).await.concat();
        assert_eq!(client.stop().await.unwrap().owed, []);
        join_all(takers).await;

        let expected: BTreeSet<UpdateId> = accepted.iter().copied().collect();
        let mut receipts = receipts.lock().unwrap().clone();
        receipts.sort();
        assert_eq!(receipts, expected.into_iter().collect::<Vec<_>>());
        let record = server.shutdown().await;
        for n in 0..JOBS {
            let job = record.job(&job(n.into())).unwrap();
            let stored: Vec<JobStatus> =
                job.statuses().iter().map(|stored| stored.status).collect();
            assert!(stored.ends_with(&STATUSES), "{stored:?}");
            // `received` is the session's own.
            assert_eq!(
                (job.updates(), job.repetitions()),
                (STATUSES.len() as u64 + 1, 0)
            );
        }
    });
}
