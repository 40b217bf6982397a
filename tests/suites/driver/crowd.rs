//! A crowd of callers that come, wait, are woken and go away in any order, by seed. Nobody is polled who was not woken,
//! as by a real executor: a waker that is lost holds somebody up for ever.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use facilitator_core::client::{Config, Event, Outcome, SendError, UpdateId};
use facilitator_core::driver::PendingReceipt;
use facilitator_core::message::{JobStatus, JobStatusMetadata, MinerResponse, V0JobStatusUpdate};
use facilitator_tests::solo::{job, job_request, specs};
use futures_util::FutureExt;

use crate::memory::{Client, World, config, within};

/// Whether a future was woken.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

enum Done {
    Sent(Result<PendingReceipt, SendError>),
    Taken(Event),
    Settled,
}

struct Caller {
    /// Whether it sends specs, and which; none for those who take events.
    name: Option<(bool, u128)>,
    future: Pin<Box<dyn Future<Output = Done>>>,
    flag: Arc<Flag>,
    polled: bool,
}

impl Caller {
    fn new(name: Option<(bool, u128)>, future: impl Future<Output = Done> + 'static) -> Self {
        Self {
            name,
            future: Box::pin(future),
            flag: Arc::new(Flag(AtomicBool::new(true))),
            polled: false,
        }
    }
}

/// What has become of it all.
#[derive(Default)]
struct Tally {
    accepted: BTreeMap<UpdateId, u128>,
    /// By lane, the messages in the order in which their callers came.
    came: [Vec<u128>; 2],
    taken: Vec<String>,
    receipts: Vec<UpdateId>,
}

impl Tally {
    fn take(&mut self, event: Event) {
        match event {
            Event::JobRequested(request) => self.taken.push(request.uuid),
            Event::Receipt(receipt) if !receipt.automatic => {
                assert_eq!(receipt.outcome, Outcome::Acknowledged);
                self.receipts.push(receipt.id);
            }
            Event::Missed { .. } => panic!("so few events are kept"),
            _ => {}
        }
    }
}

fn status(n: u128, bytes: usize) -> V0JobStatusUpdate {
    let metadata = JobStatusMetadata {
        miner_response: Some(Box::new(MinerResponse::new("", "x".repeat(bytes)))),
        ..JobStatusMetadata::default()
    };
    V0JobStatusUpdate::new(job(n), JobStatus::Completed).with_metadata(metadata)
}

fn sends_status(client: Client, n: u128, bytes: usize) -> Caller {
    let update = status(n, bytes);
    Caller::new(Some((false, n)), async move {
        Done::Sent(client.send_job_status(update).await)
    })
}

fn sends_specs(client: Client, n: u128) -> Caller {
    Caller::new(Some((true, n)), async move {
        Done::Sent(client.send_machine_specs("5X", &job(n), specs()).await)
    })
}

fn takes(client: Client) -> Caller {
    Caller::new(None, async move {
        client.next_event().await.map_or(Done::Settled, Done::Taken)
    })
}

async fn run(seed: u64) -> (usize, usize) {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut world = World::new(Config {
        outbox_entries: dice.usize(2..8),
        specs_entries: dice.usize(1..4),
        outbox_bytes: 10_000,
        message_bytes: 10_000,
        window: dice.usize(1..4),
        ..config()
    });
    let mut peer = world.ready().await;
    let client = world.client.clone();
    let (mut callers, mut tally) = (Vec::<Caller>::new(), Tally::default());
    let (mut next, mut jobs, mut gone) = (1000, 0, 0);
    let mut heard = Vec::new();
    for turn in 0..400 {
        // Towards the end nobody comes any more, and nobody goes.
        let end = turn > 200;
        match dice.u32(0..if end { 0 } else { 10 } + 10) {
            10..=12 => {
                next += 1;
                let bytes = if dice.bool() {
                    100
                } else {
                    dice.usize(0..9000)
                };
                callers.push(sends_status(client.clone(), next, bytes));
            }
            13..=14 => {
                next += 1;
                callers.push(sends_specs(client.clone(), next));
            }
            15 => callers.push(takes(client.clone())),
            16..=17 if !callers.is_empty() => {
                drop(callers.swap_remove(dice.usize(..callers.len())));
                gone += 1;
            }
            18 if jobs < 5 => {
                peer.send(&job_request(&job(jobs))).await;
                jobs += 1;
            }
            0..=3 => heard.extend(peer.step().await),
            _ => {}
        }
        // Some of those who were woken get their turn, in any order; and rarely one who was not.
        for _ in 0..dice.usize(0..4) {
            let ready: Vec<usize> = (0..callers.len())
                .filter(|n| callers[*n].flag.0.load(Ordering::SeqCst) || dice.u8(..) < 3)
                .collect();
            let Some(chosen) = dice.choice(ready) else {
                break;
            };
            poll(&mut callers, chosen, &mut tally);
        }
    }
    // All who are left are done in the end: nobody's waker was lost.
    let mut rounds = 0;
    while callers.iter().any(|caller| caller.name.is_some()) || client.stats().outbox_bytes > 0 {
        while let Some(woken) = callers
            .iter()
            .position(|caller| caller.flag.0.load(Ordering::SeqCst))
        {
            poll(&mut callers, woken, &mut tally);
        }
        heard.extend(peer.step().await);
        rounds += 1;
        let waiting: Vec<_> = callers.iter().filter_map(|caller| caller.name).collect();
        assert!(rounds < 2000, "seed {seed}: {waiting:?} wait for ever");
    }
    drop(callers);
    while let Some(Ok(event)) = client.next_event().now_or_never() {
        tally.take(event);
    }

    // Each accepted message once, none of the others, and one receipt for each.
    let count = |n: u128| heard.iter().filter(|text| text.contains(&job(n))).count();
    for n in 1001..=next {
        let accepted = tally.accepted.values().filter(|name| **name == n).count();
        assert_eq!(count(n), accepted, "seed {seed}: {n}");
    }
    let ids: Vec<UpdateId> = tally.accepted.keys().copied().collect();
    tally.receipts.sort();
    assert_eq!(tally.receipts, ids, "seed {seed}");
    // Those who came first were accepted first.
    let order = |came: &Vec<u128>| -> Vec<UpdateId> {
        let id = |n: &u128| tally.accepted.iter().find(|(_, name)| *name == n);
        came.iter().filter_map(id).map(|(id, _)| *id).collect()
    };
    assert!(
        tally.came.iter().all(|came| order(came).is_sorted()),
        "seed {seed}"
    );
    // The session's own refusal of a job, when there was no room, is no request.
    assert!(tally.taken.is_sorted(), "seed {seed}: {:?}", tally.taken);
    let received = client.stats().jobs_received;
    assert_eq!(tally.taken.len() as u64, received, "seed {seed}");
    client.abort().unwrap();
    (ids.len(), gone)
}

fn poll(callers: &mut Vec<Caller>, n: usize, tally: &mut Tally) {
    let caller = &mut callers[n];
    if !std::mem::replace(&mut caller.polled, true)
        && let Some((specs, name)) = caller.name
    {
        tally.came[usize::from(specs)].push(name);
    }
    caller.flag.0.store(false, Ordering::SeqCst);
    let waker = Waker::from(Arc::clone(&caller.flag));
    let Poll::Ready(done) = caller
        .future
        .as_mut()
        .poll(&mut Context::from_waker(&waker))
    else {
        return;
    };
    let name = callers.swap_remove(n).name;
    match (done, name) {
        (Done::Sent(result), Some((_, name))) => {
            let before = tally.accepted.insert(result.unwrap().id(), name);
            assert_eq!(before, None, "an id twice");
        }
        (Done::Taken(event), _) => tally.take(event),
        _ => {}
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_doubled_in_a_crowd_and_the_first_is_served_first() {
    let (mut accepted, mut gone) = (0, 0);
    for seed in 0..150 {
        let run = within(36_000, run(seed)).await;
        accepted += run.0;
        gone += run.1;
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    println!("{accepted} messages were accepted, {gone} callers went away");
    assert!(accepted > 1000 && gone > 1000);
}
