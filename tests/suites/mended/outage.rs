//! An outage costs one schedule of attempts and no update anything; a session's age costs nothing at all.

use std::time::Duration;

use facilitator_core::client::{Outcome, Phase};
use facilitator_core::message::JobStatus;
use facilitator_core::{Frame, Timestamp};
use facilitator_tests::pair::Pair;
use facilitator_tests::solo::{SUCCESS, Solo, config, job};

/// Refuses every attempt for ten minutes. Returns when they were made; one more is under way.
fn outage(solo: &mut Solo) -> Vec<Timestamp> {
    solo.cut();
    let end = solo.now + Duration::from_mins(10);
    let mut attempts = Vec::new();
    loop {
        solo.wait_for_attempt();
        if solo.now >= end {
            return attempts;
        }
        attempts.push(solo.now);
        solo.refuse();
    }
}

/// How often each owed message was sent.
fn transmissions(solo: &Solo) -> Vec<u32> {
    let mut twin = solo.client_clone();
    twin.client.abort(twin.now).unwrap();
    let out = twin.take();
    out.stopped()
        .iter()
        .map(|owed| owed.transmissions)
        .collect()
}

#[test]
fn ten_minutes_of_outage_cost_one_schedule_and_no_update_a_retry() {
    let mut solo = Solo::ready(config());
    let ids: Vec<_> = (0..100)
        .map(|n| solo.send(&job(n), JobStatus::Accepted))
        .collect();
    let sent = transmissions(&solo);
    let attempts = outage(&mut solo);
    // Ceilings of 1, 2, 4, 8, 16, 32 and then 60 s, each halved on average.
    println!("{} attempts in ten minutes", attempts.len());
    assert!((10..60).contains(&attempts.len()), "{}", attempts.len());
    let mut idle = Solo::ready(config());
    assert_eq!(
        attempts,
        outage(&mut idle),
        "what is queued changes no attempt"
    );
    assert_eq!(transmissions(&solo), sent, "waiting is no retry");
    assert_eq!(solo.take().statuses().len(), 64);

    solo.become_ready();
    for _ in 0..100 {
        solo.receive(SUCCESS);
    }
    let out = solo.take();
    for id in ids {
        assert_eq!(out.outcome(id), &Outcome::Acknowledged);
    }
    assert_eq!(
        solo.client.stats().statuses_sent,
        64 + 100,
        "each update was sent again once at most"
    );
}

#[test]
fn after_two_hours_a_break_is_followed_by_a_reconnect() {
    let mut pair = Pair::new(config(), 1);
    pair.start();
    for sessions in 1..=5 {
        pair.pass(Duration::from_hours(2));
        assert_eq!(pair.client.stats().sessions, sessions);
        pair.cut(0);
        assert_eq!(pair.client.phase(), Phase::Waiting);
        pair.pass(config().backoff_initial + 4 * pair.latency);
        assert_eq!(
            pair.client.phase(),
            Phase::Ready,
            "an old session is as good as a new one"
        );
    }
    // Nor do many breaks end it.
    let mut solo = Solo::ready(config());
    for _ in 0..1000 {
        solo.cut();
        solo.reconnect();
    }
    solo.receive_frame(Frame::Ping([][..].into()));
    assert_eq!(solo.client.phase(), Phase::Ready);
}
