//! `stop` drains until one deadline, hands back what is left, closes properly, and always ends; `abort` ends at once.

use std::time::Duration;

use facilitator_core::CloseFrame;
use facilitator_core::client::{Config, Outcome, Phase};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{SUCCESS, Solo, config, error, job, specs};

#[test]
fn with_nothing_owed_it_closes_properly_at_once() {
    let mut solo = Solo::ready(config());
    solo.client.stop(solo.now).unwrap();
    assert_eq!(solo.client.phase(), Phase::Closing);
    solo.cut();
    let out = solo.take();
    assert_eq!(out.disconnects, [(solo.conn, Some(CloseFrame::new(1000)))]);
    assert!(out.stopped().is_empty());
    assert_eq!(solo.next_timer(), None, "no timer outlives a session");
}

#[test]
fn what_is_owed_is_delivered_first() {
    let mut solo = Solo::ready(config());
    let ids: Vec<_> = (0..200)
        .map(|n| solo.send(&job(n), JobStatus::Accepted))
        .collect();
    solo.client.stop(solo.now).unwrap();
    assert_eq!(solo.client.phase(), Phase::Draining);
    for _ in 0..200 {
        solo.receive(SUCCESS);
    }
    solo.cut();
    let out = solo.take();
    assert!(out.stopped().is_empty());
    assert!(ids.into_iter().all(|id| out.outcome(id).is_delivered()));
}

#[test]
fn machine_specs_are_proven_before_the_end() {
    let mut solo = Solo::ready(config());
    let id = solo
        .client
        .send_machine_specs(solo.now, "5X", &job(1), specs())
        .unwrap();
    solo.client.stop(solo.now).unwrap();
    let pings = solo.take().pings();
    assert_eq!(solo.client.phase(), Phase::Draining);
    solo.receive_frame(facilitator_core::Frame::Pong(pings[0].clone()));
    solo.cut();
    let out = solo.take();
    assert_eq!(out.outcome(id), &Outcome::Acknowledged);
    assert!(out.stopped().is_empty());
}

#[test]
fn a_second_stop_is_answered_clearly_and_abort_ends_the_drain() {
    let mut solo = Solo::ready(config());
    solo.send(&job(1), JobStatus::Accepted);
    solo.client.stop(solo.now).unwrap();
    let error = solo.client.stop(solo.now).unwrap_err();
    assert!(error.to_string().contains("stopping already"), "{error}");
    assert!(solo.client.start(solo.now).is_err());
    solo.client.abort(solo.now).unwrap();
    assert_eq!(solo.take().stopped().len(), 1);
}

#[test]
fn a_connection_that_breaks_while_draining_is_replaced_when_there_is_time() {
    let mut solo = Solo::ready(config());
    let id = solo.send(&job(1), JobStatus::Accepted);
    solo.client.stop(solo.now).unwrap();
    solo.cut();
    for _ in 0..100 {
        if !solo.take().connects.is_empty() {
            break;
        }
        solo.pass(Duration::from_millis(100));
    }
    solo.connect();
    solo.receive(SUCCESS);
    assert_eq!(solo.take().statuses().len(), 1);
    solo.receive(SUCCESS);
    solo.cut();
    let out = solo.take();
    assert_eq!(out.outcome(id), &Outcome::Acknowledged);
    assert!(out.stopped().is_empty());
}

#[test]
fn at_the_deadline_it_says_goodbye_once_and_leaves() {
    let mut solo = Solo::ready(config());
    solo.send(&job(1), JobStatus::Accepted);
    solo.client.stop(solo.now).unwrap();
    solo.pass(config().drain_timeout);
    let out = solo.take();
    let goodbye = Some(CloseFrame::new(CloseFrame::NORMAL));
    assert_eq!(out.disconnects, [(solo.conn, goodbye), (solo.conn, None)]);
    assert_eq!(out.stopped().len(), 1);
}

#[test]
fn a_closing_handshake_does_not_outlast_the_deadline() {
    let config = Config {
        close_timeout: Duration::from_mins(1),
        ..config()
    };
    // It is under way when the stop comes, it is begun by it, or it is begun while draining.
    let mut before = Solo::new(config.clone());
    before.start();
    before.connect();
    before.receive(&error("auth.other"));
    let by_it = Solo::ready(config.clone());
    let mut after = Solo::ready(config.clone());
    after.send(&job(1), JobStatus::Accepted);
    for (n, mut solo) in (0..).zip([before, by_it, after]) {
        solo.pass(Duration::from_secs(1));
        let stopped = solo.now;
        solo.client.stop(stopped).unwrap();
        solo.pass(Duration::from_secs(1));
        solo.receive(SUCCESS);
        assert_eq!(solo.client.phase(), Phase::Closing, "{n}");
        while solo.client.is_running() {
            solo.pass(Duration::from_millis(100));
        }
        let took = solo.now.saturating_duration_since(stopped);
        assert_eq!(took, config.drain_timeout, "{n}");
        assert_eq!(solo.take().disconnects.last(), Some(&(solo.conn, None)));
    }
}

#[test]
fn all_who_share_an_update_get_it_handed_back_and_nothing_is_held() {
    let mut solo = Solo::ready(config());
    let ids = [0, 1, 2].map(|_| solo.send(&job(1), JobStatus::Accepted));
    let specs = solo
        .client
        .send_machine_specs(solo.now, "5X", &job(2), specs())
        .unwrap();
    assert!(solo.client.stats().outbox_bytes > 0);
    solo.client.abort(solo.now).unwrap();
    let out = solo.take();
    for id in ids.into_iter().chain([specs]) {
        assert!(matches!(out.outcome(id), Outcome::HandedBack(_)));
    }
    assert_eq!(out.stopped().len(), 2, "each message once");
    let stats = solo.client.stats();
    assert_eq!((stats.outbox_bytes, stats.outbox_length), (0, 0));
    assert_eq!((stats.specs_length, stats.handed_back), (0, 2));
}
