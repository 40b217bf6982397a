//! What is counted and told: each of the reference's metrics and system events has its place here.

use std::time::Duration;

use facilitator_core::Frame;
use facilitator_core::client::{Config, Event, LostReason, Outcome, SendError, Unexpected};
use facilitator_core::message::{JobStatus, V0JobStatusUpdate};
use facilitator_tests::solo::{
    Outputs, SUCCESS, Solo, config, error, error_at, job, job_request, specs,
};

const MINER: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

#[test]
fn attempts_and_authentications_are_timed() {
    let mut solo = Solo::new(config());
    solo.start();
    assert!(!solo.client.stats().is_ready);
    solo.pass(Duration::from_millis(40));
    solo.connect();
    solo.pass(Duration::from_millis(700));
    solo.receive(SUCCESS);
    let stats = solo.client.stats();
    assert_eq!(
        (stats.connecting.count(), stats.connecting.sum()),
        (1, Duration::from_millis(40))
    );
    assert_eq!(
        (stats.authenticating.count(), stats.authenticating.sum()),
        (1, Duration::from_millis(700))
    );
    assert!(stats.is_ready);
    assert_eq!(stats.uptime, Duration::from_millis(740));
    // An attempt that fails is not one that took long.
    solo.cut();
    solo.wait_for_attempt();
    solo.refuse();
    let stats = solo.client.stats();
    assert_eq!(
        (stats.connecting.count(), stats.authenticating.count()),
        (1, 1)
    );
    assert!(!stats.is_ready);
    solo.client.abort(solo.now).unwrap();
    assert_eq!(solo.client.stats().uptime, Duration::ZERO);
}

#[test]
fn deliveries_and_round_trips_are_timed() {
    let mut solo = Solo::ready(config());
    solo.send(&job(1), JobStatus::Accepted);
    solo.client
        .send_machine_specs(solo.now, MINER, &job(9), specs())
        .unwrap();
    solo.pass(Duration::from_secs(1));
    solo.cut();
    solo.reconnect();
    let sent = solo.now;
    solo.pass(Duration::from_millis(30));
    solo.receive(SUCCESS);
    let stats = solo.client.stats();
    let since_start = solo.now.as_duration();
    assert_eq!(
        (stats.round_trip.count(), stats.round_trip.sum()),
        (1, Duration::from_millis(30))
    );
    assert_eq!(
        (stats.status_delivery.count(), stats.status_delivery.sum()),
        (1, since_start)
    );
    assert_eq!(stats.specs_delivery.count(), 0, "they were sent after it");
    assert_eq!(solo.now, sent + Duration::from_millis(30));
    for ping in solo.take().pings() {
        solo.receive_frame(Frame::Pong(ping));
    }
    assert_eq!(solo.client.stats().specs_delivery.count(), 1);
    // A refusal is an answer, and no delivery.
    solo.send(&job(2), JobStatus::Accepted);
    solo.receive(&error("job.not_found"));
    let stats = solo.client.stats();
    assert_eq!(
        (stats.round_trip.count(), stats.status_delivery.count()),
        (2, 1)
    );
}

/// Losses by kind: the network's, the authentication's, others.
fn losses(solo: &Solo) -> (u64, u64, u64) {
    let stats = solo.client.stats();
    (
        stats.transport_errors,
        stats.authentication_failures,
        stats.unknown_errors,
    )
}

#[test]
fn each_loss_is_counted_once_as_what_it_was() {
    let started = || {
        let mut solo = Solo::new(config());
        solo.start();
        solo
    };
    let mut solo = started();
    solo.refuse();
    assert_eq!(losses(&solo), (1, 0, 0));
    assert_eq!(solo.client.stats().connect_failures, 1);

    let mut solo = started();
    solo.pass(config().connect_timeout);
    assert_eq!(losses(&solo), (1, 0, 0));

    let mut solo = started();
    solo.connect();
    solo.pass(config().authentication_timeout);
    assert_eq!(losses(&solo), (0, 1, 0));

    for kind in [
        "auth.signature_invalid",
        "auth.validator_not_found",
        "auth.else",
    ] {
        let mut solo = started();
        solo.connect();
        solo.receive(&error(kind));
        solo.cut();
        assert_eq!(losses(&solo), (0, 1, 0), "{kind}");
    }

    let mut solo = Solo::ready(config());
    solo.receive(&error("auth.not_authenticated"));
    solo.cut();
    assert_eq!(losses(&solo), (0, 1, 0));

    let mut solo = Solo::ready(config());
    solo.receive_frame(Frame::Close(None));
    solo.cut();
    assert_eq!(losses(&solo), (1, 0, 0));

    let mut solo = Solo::ready(config());
    solo.pass(config().ping_interval + config().pong_timeout);
    assert_eq!(losses(&solo), (1, 0, 0));

    let mut solo = Solo::ready(Config {
        acknowledgement_timeout: Duration::from_secs(1),
        ..config()
    });
    solo.send(&job(1), JobStatus::Accepted);
    solo.pass(Duration::from_secs(2));
    assert_eq!(losses(&solo), (0, 0, 1));
}

#[test]
fn what_comes_in_is_counted_by_its_type() {
    let mut solo = Solo::ready(config());
    solo.receive(&job_request(&job(1)));
    solo.receive(&job_request(&job(1)));
    solo.receive(SUCCESS);
    solo.receive("{");
    solo.receive(&error_at("extra_forbidden", r#"["V0Heartbeat","x"]"#));
    let stats = solo.client.stats();
    assert_eq!(
        (
            stats.job_requests_received,
            stats.jobs_received,
            stats.jobs_declined
        ),
        (2, 1, 1)
    );
    // The answer to the authentication is one too.
    assert_eq!(stats.responses_received, 3);
    assert_eq!(stats.malformed_received, 1);
    assert_eq!(stats.heartbeats_refused, 1);
}

#[test]
fn each_system_event_of_the_reference_has_its_own() {
    let mut solo = Solo::new(config());
    solo.start();
    let told = |solo: &mut Solo, row: &str, is_it: fn(&Event) -> bool| {
        let Outputs { events, .. } = solo.take();
        assert!(events.iter().any(is_it), "{row}: {events:?}");
    };
    solo.refuse();
    told(&mut solo, "transport connection error", |event| {
        matches!(
            event,
            Event::ConnectionLost {
                reason: LostReason::ConnectFailed(_),
                ..
            }
        )
    });
    solo.wait_for_attempt();
    solo.connect();
    solo.receive(&error("auth.validator_not_found"));
    told(&mut solo, "authentication error", |event| {
        matches!(
            event,
            Event::ConnectionLost {
                reason: LostReason::AuthenticationRefused(_),
                ..
            }
        )
    });
    solo.cut();
    solo.reconnect();
    solo.take();

    solo.receive("not json");
    told(&mut solo, "message receive error", |event| {
        matches!(event, Event::Malformed(_))
    });
    solo.receive(SUCCESS);
    told(&mut solo, "unexpected message", |event| {
        matches!(event, Event::Unexpected(Unexpected::Response { .. }))
    });
    solo.send(&job(1), JobStatus::Accepted);
    solo.receive(&error("job.not_found"));
    told(
        &mut solo,
        "job status update error",
        |event| matches!(event, Event::Receipt(receipt) if matches!(receipt.outcome, Outcome::Refused(_))),
    );
    solo.receive(&error_at("extra_forbidden", r#"["V0Heartbeat"]"#));
    told(&mut solo, "heartbeat error", |event| {
        matches!(
            event,
            Event::Unexpected(Unexpected::HeartbeatRefused { .. })
        )
    });
    solo.client
        .send_machine_specs(solo.now, MINER, &job(9), specs())
        .unwrap();
    solo.receive(&error_at("extra_forbidden", r#"["V0MachineSpecsUpdate"]"#));
    told(
        &mut solo,
        "specs send error",
        |event| matches!(event, Event::Receipt(receipt) if matches!(receipt.outcome, Outcome::Refused(_))),
    );

    let nul = V0JobStatusUpdate::new("\0", JobStatus::Accepted);
    assert!(matches!(
        solo.client.send_job_status(solo.now, nul).unwrap_err(),
        SendError::InvalidUuid { .. }
    ));
    solo.send(&job(2), JobStatus::Accepted);
    for _ in 0..3 {
        solo.cut();
        solo.reconnect();
    }
    told(
        &mut solo,
        "message send error",
        |event| matches!(event, Event::Receipt(receipt) if matches!(receipt.outcome, Outcome::SetAside(_))),
    );
}
