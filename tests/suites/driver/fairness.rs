//! Callers that wait for room: who is served before whom, what a waiting message costs, and what wakers may do.

use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use allocation_counter::measure;
use facilitator_core::client::{Config, SendError};
use facilitator_core::message::{JobStatus, V0JobStatusUpdate};
use facilitator_tests::solo::{SUCCESS, job, specs};
use futures_util::FutureExt as _;
use futures_util::future::{join, join_all};
use tokio::runtime::Builder;

use crate::cancellation::{big, full, small};
use crate::memory::{Client, Peer, World, config, within};

/// Waits until this many bytes are owed at the most; statuses are answered meanwhile.
async fn drain_to(world: &World, peer: &mut Peer, bytes: usize) {
    while world.client.stats().outbox_bytes > bytes {
        peer.step().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_status_is_not_starved_by_a_stream_of_small_specs() {
    let mut world = World::new(Config {
        outbox_bytes: 10_000,
        message_bytes: 10_000,
        ..config()
    });
    let mut peer = world.ready().await;
    let client = &world.client;
    drop(client.send_job_status(big(1, 5_000)).await.unwrap());
    let mut large = Box::pin(client.send_job_status(big(2, 9_000)));
    assert!(large.as_mut().now_or_never().is_none());
    // There is room for every one of these, and there would never be room for the large one.
    let batches: Vec<String> = (100..140).map(job).collect();
    let mut small: Vec<_> = batches
        .iter()
        .map(|batch| Box::pin(client.send_machine_specs("5X", batch, specs())))
        .collect();
    for specs in &mut small {
        assert!(specs.as_mut().now_or_never().is_none(), "it has overtaken");
    }
    drain_to(&world, &mut peer, 0).await;
    drop(within(1, large).await.unwrap());
    // And they get what it leaves.
    let small = join_all(small);
    let (small, ()) = join(small, async {
        for _ in 0..100 {
            peer.step().await;
        }
    })
    .await;
    assert!(small.into_iter().all(|result| result.is_ok()));
}

#[tokio::test(start_paused = true)]
async fn the_terminal_status_of_a_job_that_is_not_open_overtakes_nobody() {
    let mut world = World::new(Config {
        outbox_bytes: 10_000,
        message_bytes: 10_000,
        ..config()
    });
    let mut peer = world.ready().await;
    let client = world.client.clone();
    drop(client.send_job_status(big(1, 5_000)).await.unwrap());
    let mut large = Box::pin(client.send_job_status(big(2, 9_000)));
    assert!(large.as_mut().now_or_never().is_none());
    let (uuid, open) = (job(3), job(1));
    let mut small = Box::pin(client.send_status(&uuid, JobStatus::Failed));
    assert!(small.as_mut().now_or_never().is_none(), "it has overtaken");
    // That of an open job has a slot of its own.
    let ending = client.send_status(&open, JobStatus::Failed);
    drop(ending.now_or_never().expect("it waits for nobody").unwrap());
    drain_to(&world, &mut peer, 0).await;
    let first = within(1, large).await.unwrap().id();
    drain_to(&world, &mut peer, 0).await;
    assert!(first < within(1, small).await.unwrap().id());
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_told_to_all_who_wait_at_once() {
    let mut world = World::new(small());
    let _peer = full(&mut world).await;
    let waiting: Vec<_> = [JobStatus::ExecutorReady, JobStatus::VolumesReady]
        .map(|status| {
            let client = world.client.clone();
            tokio::spawn(async move { client.send_status(&job(1), status).await })
        })
        .into();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let mut stop = Box::pin(world.client.stop());
    assert!(stop.as_mut().now_or_never().is_none());
    for waiting in waiting {
        // Nothing is answered, and it is not over.
        let error = within(1, waiting).await.unwrap();
        assert!(matches!(error, Err(SendError::Stopping)), "{error:?}");
    }
    assert!(world.client.is_running());
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_asks_anew_at_every_turn_gets_on_and_holds_up_nobody() {
    let mut world = World::new(small());
    let mut peer = full(&mut world).await;
    let (impatient, patient) = (world.client.clone(), world.client.clone());
    // Each turn drops the futures of the turn before, as a `select!` in a loop does.
    let impatient = tokio::spawn(async move {
        let (uuid, mut turns, mut events) = (job(1), 0, 0);
        let receipt = loop {
            tokio::select! {
                biased;
                sent = impatient.send_status(&uuid, JobStatus::ExecutorReady) => break sent.unwrap(),
                event = impatient.next_event() => events += usize::from(event.is_ok()),
                () = tokio::time::sleep(Duration::from_millis(10)) => turns += 1,
            }
        };
        (turns, events, receipt.id())
    });
    let patient = tokio::spawn(async move {
        let mut ids = Vec::new();
        for status in [JobStatus::VolumesReady, JobStatus::ExecutionDone] {
            ids.push(patient.send_status(&job(1), status).await.unwrap().id());
        }
        ids
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!impatient.is_finished() && !patient.is_finished());
    for _ in 0..5 {
        peer.send(SUCCESS).await;
        peer.step().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (turns, events, id) = within(60, impatient).await.unwrap();
    let ids = within(60, patient).await.unwrap();
    println!("{turns} turns, {events} events, {id} among {ids:?}");
    // A turn of ten milliseconds is ten milliseconds: dropping a future does not wake whoever dropped it.
    assert!((50..200).contains(&turns), "{turns}");
    assert!(events > 0 && ids.is_sorted());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_waits_is_encoded_once() {
    let mut world = World::new(Config {
        outbox_bytes: 12 << 20,
        message_bytes: 12 << 20,
        ..config()
    });
    let mut peer = world.ready().await;
    let client = world.client.clone();
    let filling: Vec<_> = (0..64).map(|n| big(n, 10_000)).collect();
    for update in filling {
        drop(client.send_job_status(update).await.unwrap());
    }
    let large = big(100, 12_000_000);
    let mut large = Some(large);
    let mut waiting = None;
    let first = measure(|| {
        let large = client.send_job_status(large.take().unwrap());
        let large = waiting.insert(Box::pin(large));
        assert!(large.as_mut().now_or_never().is_none());
    });
    let mut large = waiting.unwrap();
    assert!(first.bytes_total > 12_000_000, "once it is encoded");
    // Whenever something is answered, it tries again.
    let again = measure(|| {
        for _ in 0..100 {
            assert!(large.as_mut().now_or_never().is_none());
        }
    });
    println!(
        "{} bytes at first, {} bytes for 100 retries",
        first.bytes_total, again.bytes_total
    );
    assert!(again.bytes_total < 100_000, "{again:?}");
    drain_to(&world, &mut peer, 0).await;
    drop(within(1, large).await.unwrap());
}

/// Wakes by doing what an executor may do on the spot: it drops the future that waits, and looks at the session.
struct Meddler {
    client: Client,
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        let future = self.future.lock().unwrap().take();
        drop(future);
        self.client.phase();
    }
}

/// On a thread of its own: where wakers are called under a lock, this never ends.
#[test]
fn a_waker_may_do_anything() {
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut world = World::new(small());
            let mut peer = full(&mut world).await;
            while world.client.next_event().now_or_never().is_some() {}
            let update = V0JobStatusUpdate::new(job(1), JobStatus::Failed);
            let receipt = world.client.try_send_job_status(update).unwrap();
            while world.client.next_event().now_or_never().is_some() {}
            let futures: [Pin<Box<dyn Future<Output = ()> + Send>>; 4] = [
                Box::pin({
                    let client = world.client.clone();
                    async move { drop(client.send_status(&job(9), JobStatus::Failed).await) }
                }),
                Box::pin({
                    let client = world.client.clone();
                    async move { drop(client.send_status(&job(8), JobStatus::Failed).await) }
                }),
                Box::pin({
                    let client = world.client.clone();
                    async move { drop(client.next_event().await) }
                }),
                Box::pin(async move { drop(receipt.await) }),
            ];
            let meddlers = futures.map(|mut future| {
                let meddler = Arc::new(Meddler {
                    client: world.client.clone(),
                    future: Mutex::default(),
                });
                let waker = Waker::from(Arc::clone(&meddler));
                let mut cx = Context::from_waker(&waker);
                assert!(future.as_mut().poll(&mut cx).is_pending());
                *meddler.future.lock().unwrap() = Some(future);
                meddler
            });
            peer.send(SUCCESS).await;
            for _ in 0..4 {
                peer.step().await;
            }
            for (n, meddler) in meddlers.iter().enumerate() {
                assert!(
                    meddler.future.lock().unwrap().is_none(),
                    "{n} was not woken"
                );
            }
            // Nobody holds a place any more.
            let late = V0JobStatusUpdate::new(job(7), JobStatus::Failed);
            drop(world.client.try_send_job_status(late).unwrap());
        });
        done.send(()).unwrap();
    });
    let bound = Duration::from_secs(30);
    assert_eq!(is_done.recv_timeout(bound), Ok(()));
}
