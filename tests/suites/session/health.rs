//! One word for how a session is, and what a refused signature does to it.

use std::time::Duration;

use facilitator_core::CloseFrame;
use facilitator_core::client::{
    Config, ConnectFailure, ConnectFailureKind, Event, Health, LostReason, OnSignatureInvalid,
    Outcome, Phase, Refusal,
};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{Outputs, SUCCESS, Solo, config, error, job};

fn healths(out: &Outputs) -> Vec<Health> {
    out.events
        .iter()
        .filter_map(|event| match event {
            Event::Health(health) => Some(*health),
            _ => None,
        })
        .collect()
}

fn fail(solo: &mut Solo, kind: ConnectFailureKind, retry_after: Option<u64>) -> Duration {
    let failure = ConnectFailure {
        retry_after: retry_after.map(Duration::from_secs),
        ..ConnectFailure::new(kind, "")
    };
    solo.client
        .handle_connect_failed(solo.now, solo.conn, failure);
    solo.drain();
    let (at, _) = solo.next_timer().unwrap();
    at.saturating_duration_since(solo.now)
}

#[test]
fn from_start_to_stop() {
    let mut solo = Solo::new(config());
    assert_eq!(solo.client.health(), Health::Stopped);
    solo.start();
    solo.connect();
    solo.receive(SUCCESS);
    solo.cut();
    solo.wait_for_attempt();
    solo.refuse();
    solo.reconnect();
    solo.client.stop(solo.now).unwrap();
    solo.cut();
    let out = solo.take();
    assert_eq!(
        healths(&out),
        [
            Health::Starting,
            Health::Connected,
            Health::Degraded,
            Health::Connected,
            Health::Stopping,
            Health::Stopped
        ]
    );
    assert_eq!(out.stopped(), []);
    solo.start();
    assert_eq!(
        solo.client.health(),
        Health::Starting,
        "what was is forgotten"
    );
}

#[test]
fn an_unknown_validator_is_a_trouble_that_passes_a_bad_signature_is_a_refusal_that_stays() {
    for (kind, health) in [
        ("auth.validator_not_found", Health::Degraded),
        ("auth.signature_invalid", Health::Refused),
    ] {
        let mut solo = Solo::new(config());
        solo.start();
        solo.connect();
        solo.receive(&error(kind));
        solo.cut();
        assert_eq!(solo.client.health(), health, "{kind}");
        let (at, _) = solo.next_timer().unwrap();
        let wait = at.saturating_duration_since(solo.now);
        assert!((Duration::from_mins(5)..=Duration::from_mins(6)).contains(&wait));
        // A failing network says nothing of whether we would be accepted.
        solo.wait_for_attempt();
        solo.refuse();
        assert_eq!(solo.client.health(), health, "{kind}");
        solo.reconnect();
        assert_eq!(solo.client.health(), Health::Connected);
    }
}

#[test]
fn an_upgrade_that_is_refused_is_a_refusal_and_one_that_is_put_off_is_not() {
    for (status, health) in [
        (401, Health::Refused),
        (403, Health::Refused),
        (429, Health::Degraded),
        (503, Health::Degraded),
        (302, Health::Degraded),
    ] {
        let mut solo = Solo::new(config());
        solo.start();
        fail(&mut solo, ConnectFailureKind::Http { status }, None);
        assert_eq!(solo.client.health(), health, "{status}");
    }
}

#[test]
fn whoever_is_refused_waits_minutes_even_if_the_server_names_seconds() {
    for status in [401, 403] {
        let kind = ConnectFailureKind::Http { status };
        for (asked, least, most) in [(None, 300, 360), (Some(1), 300, 360), (Some(400), 400, 461)] {
            let mut solo = Solo::new(config());
            solo.start();
            let wait = fail(&mut solo, kind, asked).as_secs();
            assert!(
                (least..=most).contains(&wait),
                "{status}, {asked:?}: {wait} s"
            );
        }
    }
    for status in [429, 503] {
        let kind = ConnectFailureKind::Http { status };
        for (asked, least, most) in [(None, 0, 1), (Some(7), 7, 8), (Some(u64::MAX), 600, 601)] {
            let mut solo = Solo::new(config());
            solo.start();
            let wait = fail(&mut solo, kind, asked).as_secs();
            assert!(
                (least..=most).contains(&wait),
                "{status}, {asked:?}: {wait} s"
            );
        }
    }
}

#[test]
fn by_configuration_a_refused_signature_ends_the_session() {
    let stop = Config {
        on_signature_invalid: OnSignatureInvalid::Stop,
        ..config()
    };
    let by_response = |solo: &mut Solo| {
        solo.receive(&error("auth.signature_invalid"));
        assert_eq!(solo.client.phase(), Phase::Closing);
        solo.cut();
    };
    let by_close = |solo: &mut Solo| {
        let close = CloseFrame::new(CloseFrame::SIGNATURE_INVALID);
        solo.receive_frame(facilitator_core::Frame::Close(Some(close)));
        solo.cut();
    };
    for refuse in [by_response as fn(&mut Solo), by_close] {
        let mut solo = Solo::new(stop.clone());
        solo.start();
        let id = solo.send(&job(1), JobStatus::Accepted);
        solo.connect();
        refuse(&mut solo);
        let out = solo.take();
        let refused = LostReason::AuthenticationRefused(Refusal::SignatureInvalid);
        assert!(out.events.iter().any(
            |event| matches!(event, Event::ConnectionLost { reason, .. } if *reason == refused)
        ));
        assert!(matches!(out.outcome(id), Outcome::HandedBack(_)));
        assert_eq!(out.stopped().len(), 1);
        assert_eq!(solo.next_timer(), None);
        solo.start();
        solo.become_ready();
    }
    // Whom the facilitator does not know yet is another matter.
    let mut solo = Solo::new(stop);
    solo.start();
    solo.connect();
    solo.receive(&error("auth.validator_not_found"));
    solo.cut();
    assert_eq!(solo.client.phase(), Phase::Waiting);
}
