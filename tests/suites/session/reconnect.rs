//! When the next attempt is made: one schedule, whatever failed.

use std::time::Duration;

use facilitator_core::client::{Config, ConnectFailure, ConnectFailureKind, LostReason, Phase};
use facilitator_tests::solo::{Solo, config};

#[test]
fn the_schedule_starts_anew_only_after_the_session_stayed_ready() {
    // A session that breaks right after it became ready goes on with the schedule.
    let mut solo = Solo::ready(config());
    let mut longest = Duration::ZERO;
    for _ in 0..40 {
        let before = solo.now;
        solo.cut();
        solo.reconnect();
        longest = longest.max(solo.now.saturating_duration_since(before));
    }
    assert!(
        longest > Duration::from_secs(30),
        "the schedule was started anew too early: {longest:?}"
    );

    // A moment too short does not count; thirty seconds do.
    let ready_for = |solo: &mut Solo, time: Duration| {
        solo.pass(time);
        for ping in solo.take().pings() {
            solo.receive_frame(facilitator_core::Frame::Pong(ping));
        }
        let before = solo.now;
        solo.cut();
        solo.reconnect();
        solo.now.saturating_duration_since(before)
    };
    let short = Duration::from_millis(29_999);
    let longest = (0..20).map(|_| ready_for(&mut solo, short)).max();
    assert!(longest > Some(Duration::from_secs(20)), "{longest:?}");
    for _ in 0..20 {
        assert!(ready_for(&mut solo, Duration::from_secs(30)) <= config().backoff_initial);
    }
}

#[test]
fn a_hanging_attempt_is_dropped_at_its_deadline() {
    let mut solo = Solo::new(config());
    solo.start();
    let first = solo.conn;
    solo.pass(config().connect_timeout);
    let out = solo.take();
    assert_eq!(out.disconnects, [(first, None)]);
    assert_eq!(solo.client.phase(), Phase::Waiting);
    // What it yields later is not taken.
    solo.client.handle_connected(solo.now, first);
    assert_eq!(solo.client.phase(), Phase::Waiting);
}

#[test]
fn a_server_that_names_a_time_is_not_asked_earlier() {
    let mut solo = Solo::new(config());
    solo.start();
    let failure = ConnectFailure {
        retry_after: Some(Duration::from_secs(45)),
        ..ConnectFailure::new(ConnectFailureKind::Http { status: 503 }, "")
    };
    solo.client
        .handle_connect_failed(solo.now, solo.conn, failure.clone());
    let before = solo.now;
    solo.wait_for_attempt();
    assert!(solo.now.saturating_duration_since(before) >= Duration::from_secs(45));
    let out = solo.take();
    let reason = out.events.iter().find_map(|event| match event {
        facilitator_core::client::Event::ConnectionLost { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(reason, Some(LostReason::ConnectFailed(failure)));
}

#[test]
fn a_suspended_machine_makes_one_attempt_not_many() {
    let mut solo = Solo::ready(config());
    solo.cut();
    solo.take();
    solo.suspend(Duration::from_hours(8));
    assert_eq!(solo.take().connects.len(), 1);
}

#[test]
fn a_start_begins_the_schedule_anew() {
    let mut solo = Solo::new(config());
    for _ in 0..20 {
        solo.start();
        solo.refuse();
        let before = solo.now;
        solo.wait_for_attempt();
        let waited = solo.now.saturating_duration_since(before);
        assert!(waited <= config().backoff_initial, "{waited:?}");
        // Far enough on for the next start to tell the difference.
        for _ in 0..8 {
            solo.refuse();
            solo.wait_for_attempt();
        }
        solo.client.abort(solo.now).unwrap();
        solo.drain();
    }
}

#[test]
fn a_refusal_waits_minutes_however_short_the_time_that_a_server_may_name() {
    let mut solo = Solo::new(Config {
        retry_after_max: Duration::from_secs(30),
        ..config()
    });
    solo.start();
    let failure = ConnectFailure {
        retry_after: Some(Duration::from_hours(1)),
        ..ConnectFailure::new(ConnectFailureKind::Http { status: 403 }, "")
    };
    solo.client
        .handle_connect_failed(solo.now, solo.conn, failure);
    let before = solo.now;
    solo.wait_for_attempt();
    assert!(solo.now.saturating_duration_since(before) >= config().refused_delay);
}
