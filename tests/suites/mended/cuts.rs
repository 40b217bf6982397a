//! The link is cut at every byte, and again and again at random frames; nothing is lost, nothing reordered, nothing
//! applied twice.

use std::collections::BTreeMap;
use std::time::Duration;

use facilitator_core::Frame;
use facilitator_core::client::{AuthenticationMethod, Config, Event, Outcome, Phase};
use facilitator_core::message::JobStatus;
use facilitator_tests::pair::{Pair, Side};
use facilitator_tests::solo::{Outputs, SUCCESS, Solo, config, job, update};

use JobStatus::{Accepted, Completed, ExecutionDone, ExecutorReady, Received, VolumesReady};

const LIFE: [JobStatus; 5] = [
    Accepted,
    ExecutorReady,
    VolumesReady,
    ExecutionDone,
    Completed,
];

/// Seeds for every byte.
const SEEDS: u64 = 3;

/// When the link is cut.
#[derive(Clone, Copy, Debug)]
enum Cuts {
    /// So often, at random frames.
    Random(usize),
    /// Once, within the frame that holds this byte of what one side sends.
    AtByte(Side, u64),
}

/// Jobs with their lives reported at random moments, and cuts in between.
fn run(seed: u64, jobs: usize, cuts: Cuts, config: &Config) -> Pair {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut pair = Pair::new(config.clone(), seed);
    pair.latency = Duration::from_millis(random.u64(1..50));
    let mut cuts_left = match cuts {
        Cuts::Random(cuts) => cuts,
        Cuts::AtByte(side, byte) => {
            pair.cut_at_byte(side, byte);
            0
        }
    };
    pair.start();
    let uuids: Vec<String> = (0..jobs).map(|n| pair.push_job(n as u128)).collect();
    let mut reported: BTreeMap<String, usize> = BTreeMap::new();
    let mut delivered = 0;
    let mut rounds = 0;
    while reported.values().sum::<usize>() < jobs * LIFE.len() {
        rounds += 1;
        assert!(
            rounds < 100_000,
            "seed {seed}, {cuts:?}: the jobs do not come to their end"
        );
        // A worker reports on a job that has reached it.
        let requested = pair.events.iter().filter_map(|event| match event {
            Event::JobRequested(request) => Some(request.uuid.clone()),
            _ => None,
        });
        let open: Vec<String> = requested
            .filter(|uuid| reported.get(uuid).copied().unwrap_or(0) < LIFE.len())
            .collect();
        if let Some(uuid) = open.get(random.usize(0..open.len().max(1))) {
            let next = reported.entry(uuid.clone()).or_default();
            pair.client
                .send_job_status(pair.now, update(uuid, LIFE[*next]))
                .unwrap();
            *next += 1;
            pair.settle();
        }
        for _ in 0..random.usize(0..4) {
            pair.step();
        }
        // Three cuts without an acknowledgement in between would make a suspect of an innocent update.
        let stats = pair.client.stats();
        let progress = stats.statuses_acknowledged + stats.statuses_already_known > delivered;
        if cuts_left > 0 && progress && pair.is_linked() && random.u8(0..8) == 0 {
            cuts_left -= 1;
            delivered = stats.statuses_acknowledged + stats.statuses_already_known;
            pair.cut(random.usize(0..=pair.under_way()));
        }
    }
    let all_delivered = pair.settle_debts(Duration::from_mins(10));
    assert!(
        all_delivered,
        "seed {seed}, {cuts:?}: {} owed after ten calm minutes",
        pair.client.owed()
    );
    let submitted: Vec<(&str, Vec<JobStatus>)> = uuids
        .iter()
        .map(|uuid| (uuid.as_str(), [Received].into_iter().chain(LIFE).collect()))
        .collect();
    let verdict = pair.facilitator.verdict(
        submitted
            .iter()
            .map(|(uuid, life)| (*uuid, life.as_slice())),
    );
    let set_aside = pair.client.stats().statuses_set_aside;
    assert!(
        verdict.is_clean() && set_aside == 0,
        "seed {seed}, {cuts:?}: {verdict:?}, {set_aside} set aside"
    );
    pair
}

/// How many jobs the session has handed on.
fn requested(pair: &Pair) -> usize {
    let request = |event: &&Event| matches!(event, Event::JobRequested(_));
    pair.events.iter().filter(request).count()
}

#[test]
fn a_cut_at_any_byte_of_a_job_loses_and_reorders_nothing() {
    for side in Side::BOTH {
        let (mut runs, mut resent, mut byte) = (0, 0, 0);
        // The seeds' lives differ in length: the last byte is behind the end of all of them.
        loop {
            let mut cuts = 0;
            for round in 0..SEEDS {
                let pair = run(byte * SEEDS + round, 1, Cuts::AtByte(side, byte), &config());
                let stats = pair.client.stats();
                assert_eq!(requested(&pair), 1, "byte {byte}, round {round}");
                cuts += stats.connections_lost;
                resent += stats.statuses_resent;
                runs += 1;
            }
            if cuts == 0 {
                break;
            }
            byte += 1;
        }
        println!("{byte} bytes of {side:?}, {runs} runs, {resent} updates sent again");
        assert!(byte > 500, "a job takes more bytes than {byte}");
    }
}

#[test]
fn two_hundred_seeds_of_random_cuts() {
    let (mut resent, mut known) = (0, 0);
    for seed in 0..200 {
        let pair = run(seed, 5, Cuts::Random(6), &config());
        resent += pair.client.stats().statuses_resent;
        known += pair.client.stats().statuses_already_known;
    }
    println!("{resent} updates sent again, {known} of them known already");
    assert!(
        resent > 100 && known > 50,
        "the cuts must hit something: {resent} resent, {known} known"
    );
}

#[test]
fn stop_and_wait_survives_the_same() {
    let config = Config {
        window: 1,
        ..config()
    };
    for seed in 0..50 {
        run(seed, 3, Cuts::Random(5), &config);
    }
}

#[test]
fn every_accepted_message_has_exactly_one_receipt() {
    let pair = run(3, 5, Cuts::Random(6), &config());
    let mut receipts: BTreeMap<u64, usize> = BTreeMap::new();
    for event in &pair.events {
        if let Event::Receipt(receipt) = event {
            assert!(receipt.outcome.is_delivered(), "{receipt:?}");
            *receipts.entry(receipt.id.as_u64()).or_default() += 1;
        }
    }
    assert_eq!(receipts.len(), 5 * (LIFE.len() + 1));
    assert!(receipts.values().all(|count| *count == 1));
}

#[test]
fn a_stop_in_the_middle_hands_back_what_was_not_delivered() {
    let mut pair = Pair::new(config(), 1);
    pair.start();
    let uuid = pair.push_job(1);
    pair.pass(Duration::from_secs(1));
    pair.down = true;
    pair.cut(0);
    for status in LIFE {
        pair.client
            .send_job_status(pair.now, update(&uuid, status))
            .unwrap();
    }
    pair.client.stop(pair.now).unwrap();
    pair.settle();
    pair.pass(Duration::from_secs(11));
    assert_eq!(pair.client.phase(), Phase::Idle);
    let Some(Event::Stopped { owed }) = pair.events.last() else {
        panic!("{:?}", pair.events.last())
    };
    assert_eq!(owed.len(), LIFE.len());
    // A new session takes them up where they were.
    let owed = owed.clone();
    pair.down = false;
    pair.start();
    for message in owed {
        let facilitator_core::message::ValidatorMessage::JobStatus(update) =
            message.decode().unwrap()
        else {
            panic!("{message:?}")
        };
        pair.client.send_job_status(pair.now, update).unwrap();
    }
    pair.settle();
    assert!(pair.settle_debts(Duration::from_mins(1)));
    let life: Vec<JobStatus> = [Received].into_iter().chain(LIFE).collect();
    assert!(
        pair.facilitator
            .verdict([(uuid.as_str(), life.as_slice())])
            .is_clean()
    );
    let handed_back = |event: &&Event| matches!(event, Event::Receipt(r) if matches!(r.outcome, Outcome::HandedBack(_)));
    assert_eq!(pair.events.iter().filter(handed_back).count(), LIFE.len());
}

#[test]
fn authenticated_in_headers_it_survives_the_same() {
    let config = Config {
        authentication: AuthenticationMethod::Headers,
        ..config()
    };
    for seed in 0..50 {
        run(seed, 3, Cuts::Random(5), &config);
    }
}

#[test]
fn swallowed_writes_are_all_sent_again() {
    let mut solo = Solo::ready(config());
    let statuses = [&[Received], &LIFE[..]].concat();
    let ids: Vec<_> = statuses
        .iter()
        .map(|status| solo.send(&job(1), *status))
        .collect();
    let written = solo.take();
    assert_eq!(written.statuses().len(), 6, "all are written");
    // Pongs say that the peer lives and has read; that it has stored, they do not.
    solo.pass(config().ping_interval);
    for ping in solo.take().pings() {
        solo.receive_frame(Frame::Pong(ping));
    }
    assert!(solo.take().receipts().is_empty());
    solo.cut();
    assert_eq!(solo.client.owed(), 6);
    assert!(solo.take().receipts().is_empty());

    solo.reconnect();
    let mut again = Outputs::default();
    for _ in 0..6 {
        again.append(solo.take());
        solo.receive(SUCCESS);
    }
    again.append(solo.take());
    assert_eq!(
        again.statuses(),
        written.statuses(),
        "all are sent again, in order"
    );
    for id in ids {
        assert_eq!(again.outcome(id), &Outcome::Acknowledged);
    }
    assert_eq!(solo.client.owed(), 0);
}
