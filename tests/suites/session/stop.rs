//! `stop` drains until one deadline, hands back what is left, closes properly, and always ends; `abort` ends at once.

use std::time::Duration;

use facilitator_core::CloseFrame;
use facilitator_core::client::{Config, Outcome, Phase};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{SUCCESS, Solo, config, error, job, specs};

/// A session in each phase that has one, with something owed.
fn in_every_phase(config: &Config) -> Vec<(&'static str, Solo)> {
    let new = || {
        let mut solo = Solo::new(config.clone());
        solo.start();
        solo
    };
    let with_owed = |mut solo: Solo| {
        solo.send(&job(1), JobStatus::Accepted);
        solo
    };
    let connecting = with_owed(new());
    let mut authenticating = with_owed(new());
    authenticating.connect();
    let mut ready = new();
    ready.become_ready();
    let ready = with_owed(ready);
    let mut waiting = ready.client_clone();
    waiting.cut();
    let mut refused = with_owed(new());
    refused.connect();
    refused.receive(&error("auth.validator_not_found"));
    let mut refused_waiting = refused.client_clone();
    refused_waiting.cut();
    vec![
        ("connecting", connecting),
        ("authenticating", authenticating),
        ("ready", ready),
        ("waiting", waiting),
        ("closing", refused),
        ("refused", refused_waiting),
    ]
}

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
fn in_every_phase_it_ends_within_the_deadline_and_hands_back_what_is_left() {
    let config = config();
    for (phase, mut solo) in in_every_phase(&config) {
        let begin = solo.now;
        solo.client.stop(solo.now).unwrap();
        solo.drain();
        while solo.client.is_running() {
            // Whatever is tried hangs.
            solo.pass(Duration::from_millis(100));
            assert!(
                solo.now.saturating_duration_since(begin) <= config.drain_timeout,
                "{phase}: still {} after the deadline",
                solo.client.phase()
            );
        }
        let out = solo.take();
        let [owed] = out.stopped() else {
            panic!("{phase}: {:?}", out.stopped())
        };
        assert!(owed.as_json().contains(&job(1)), "{phase}");
        assert!(
            matches!(out.outcome(owed.id), Outcome::HandedBack(_)),
            "{phase}"
        );
        assert_eq!(solo.next_timer(), None, "{phase}");
        assert_eq!(solo.client.owed(), 0, "{phase}");
        // It can start again, and the status that was handed back can be given again.
        solo.start();
        solo.send(&job(1), JobStatus::Accepted);
        solo.become_ready();
        solo.receive(SUCCESS);
        assert_eq!(solo.client.stats().statuses_acknowledged, 1, "{phase}");
    }
}

#[test]
fn in_every_phase_abort_ends_at_once() {
    for (phase, mut solo) in in_every_phase(&config()) {
        solo.client.abort(solo.now).unwrap();
        assert_eq!(solo.client.phase(), Phase::Idle, "{phase}");
        let out = solo.take();
        assert_eq!(out.stopped().len(), 1, "{phase}");
        assert_eq!(solo.next_timer(), None, "{phase}");
    }
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
fn a_thousand_queued_updates_are_one_deadline_not_a_thousand() {
    let mut config = config();
    config.outbox_entries = 3000;
    let mut solo = Solo::ready(config.clone());
    for n in 0..1000 {
        solo.send(&job(n), JobStatus::Accepted);
    }
    solo.cut();
    solo.wait_for_attempt();
    let begin = solo.now;
    solo.client.stop(solo.now).unwrap();
    while solo.client.is_running() {
        solo.pass(Duration::from_millis(100));
    }
    assert!(solo.now.saturating_duration_since(begin) <= config.drain_timeout);
    assert_eq!(solo.take().stopped().len(), 1000);
}
