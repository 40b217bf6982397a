//! Half-open connections are noticed within ping interval and timeout; slow ones are not mistaken for them.

use std::time::Duration;

use facilitator_core::Frame;
use facilitator_core::client::{Event, LostReason, Phase};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{Solo, config, job};

#[test]
fn a_peer_that_falls_silent_is_replaced_in_time() {
    let mut solo = Solo::ready(config());
    let conn = solo.conn;
    let bound = config().ping_interval + config().pong_timeout;
    solo.pass(bound.saturating_sub(Duration::from_millis(1)));
    assert_eq!(solo.client.phase(), Phase::Ready);
    solo.pass(Duration::from_millis(1));
    let out = solo.take();
    assert_eq!(
        out.disconnects,
        [(conn, None)],
        "a dead peer gets no closing handshake"
    );
    let lost = |event: &Event| {
        matches!(
            event,
            Event::ConnectionLost {
                reason: LostReason::PongTimeout,
                ..
            }
        )
    };
    assert!(out.events.iter().any(lost), "{:?}", out.events);
}

#[test]
fn a_peer_that_answers_stays() {
    let mut solo = Solo::ready(config());
    for _ in 0..1000 {
        solo.pass(Duration::from_secs(7));
        for ping in solo.take().pings() {
            solo.receive_frame(Frame::Pong(ping));
        }
    }
    assert_eq!(solo.client.phase(), Phase::Ready);
    assert_eq!(solo.client.stats().sessions, 1);
}

#[test]
fn a_busy_peer_that_answers_its_pings_late_is_alive() {
    let mut solo = Solo::ready(config());
    for _ in 0..20 {
        solo.pass(Duration::from_secs(10));
        solo.receive_frame(Frame::Ping([0][..].into()));
    }
    assert_eq!(solo.client.phase(), Phase::Ready);
    assert_eq!(
        solo.take().pings().len(),
        1,
        "one ping is unanswered, so there is no second"
    );
    // Now it falls silent for good.
    solo.pass(config().ping_interval + config().pong_timeout);
    assert_ne!(solo.client.phase(), Phase::Ready);
}

#[test]
fn an_unsolicited_pong_proves_nothing() {
    let mut solo = Solo::ready(config());
    solo.pass(config().ping_interval);
    assert_eq!(solo.take().pings().len(), 1);
    solo.receive_frame(Frame::Pong([9; 8][..].into()));
    solo.pass(config().pong_timeout);
    assert_eq!(solo.client.phase(), Phase::Waiting);
}

#[test]
fn a_facilitator_that_reads_but_never_answers_is_replaced() {
    let mut solo = Solo::ready(config());
    solo.send(&job(1), JobStatus::Accepted);
    let begin = solo.now;
    while solo.client.phase() == Phase::Ready {
        solo.pass(Duration::from_secs(1));
        for ping in solo.take().pings() {
            solo.receive_frame(Frame::Pong(ping));
        }
    }
    assert_eq!(
        solo.now.saturating_duration_since(begin),
        config().acknowledgement_timeout
    );
}
