//! From `start` to ready, phase by phase, and each step's misuse.

use std::time::Duration;

use facilitator_core::client::{Event, Health, LifecycleError, LostReason, Output, Phase, Timer};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{SUCCESS, Solo, config, error, job, job_request, specs};

#[test]
fn a_session_connects_authenticates_and_is_ready() {
    let mut solo = Solo::new(config());
    assert_eq!(solo.client.phase(), Phase::Idle);
    assert_eq!(solo.next_timer(), None);
    solo.start();
    assert_eq!(solo.client.phase(), Phase::Connecting);
    solo.connect();
    assert_eq!(solo.client.phase(), Phase::Authenticating);
    solo.receive(SUCCESS);
    assert_eq!(solo.client.phase(), Phase::Ready);

    let out = solo.take();
    assert_eq!(
        out.phases(),
        [Phase::Connecting, Phase::Authenticating, Phase::Ready]
    );
    let texts = out.texts();
    assert!(
        texts[0].contains("V0AuthenticationRequest"),
        "the first frame is {}",
        texts[0]
    );
    assert_eq!(
        texts[1], r#"{"message_type":"V0Heartbeat"}"#,
        "the first heartbeat comes right after authentication"
    );
    assert_eq!(texts.len(), 2);
}

#[test]
fn the_upgrade_request_carries_versions_and_extra_headers() {
    let mut config = config();
    config.validator_version = "1.2.3".into();
    config
        .extra_headers
        .push(("X-Extra".into(), "secret".into()));
    let mut client = facilitator_core::client::FacilitatorClient::new(
        config,
        &facilitator_tests::solo::keypair(),
        1,
    )
    .unwrap();
    client.start(facilitator_core::Timestamp::ZERO).unwrap();
    let Some(Output::Connect(_, request)) = client.poll_output() else {
        panic!("no connection attempt")
    };
    let header = |name: &str| {
        request
            .headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(header("X-Validator-Version"), Some("1.2.3"));
    assert_eq!(header("X-Validator-Runner-Version"), Some("unknown"));
    assert_eq!(header("X-Extra"), Some("secret"));
    assert!(
        !format!("{request:?}").contains("secret"),
        "header values are not for logs"
    );
}

#[test]
fn starting_twice_and_stopping_what_does_not_run_are_errors_that_change_nothing() {
    let mut solo = Solo::new(config());
    assert_eq!(solo.client.stop(solo.now), Err(LifecycleError::NotStarted));
    assert_eq!(solo.client.abort(solo.now), Err(LifecycleError::NotStarted));
    solo.start();
    assert_eq!(
        solo.client.start(solo.now),
        Err(LifecycleError::AlreadyStarted)
    );
    solo.become_ready();
    assert_eq!(
        solo.client.start(solo.now),
        Err(LifecycleError::AlreadyStarted)
    );
    assert_eq!(solo.client.phase(), Phase::Ready);
    assert_eq!(solo.take().connects.len(), 1);
}

#[test]
fn while_output_is_queued_the_next_deadline_is_now() {
    let mut solo = Solo::new(config());
    solo.client.start(solo.now).unwrap();
    assert_eq!(solo.next_timer(), Some((solo.now, Timer::Output)));
    solo.drain();
    assert_eq!(
        solo.next_timer(),
        Some((solo.now + config().connect_timeout, Timer::Connect))
    );
}

#[test]
fn ticks_early_repeated_and_out_of_order_change_nothing() {
    let mut solo = Solo::ready(config());
    let before = solo.next_timer();
    for _ in 0..3 {
        solo.client.handle_timeout(solo.now);
        solo.client
            .handle_timeout(facilitator_core::Timestamp::ZERO);
    }
    assert_eq!(solo.next_timer(), before);
    assert!(solo.take().frames.is_empty());
}

#[test]
fn the_same_seed_and_inputs_give_the_same_outputs() {
    let run = || {
        let mut solo = Solo::new(config());
        solo.start();
        for round in 0..20 {
            let uuid = job(u128::from(round));
            solo.send(&uuid, JobStatus::Accepted);
            if round % 3 == 0 {
                solo.refuse();
            } else {
                solo.become_ready();
                solo.send(&uuid, JobStatus::Failed);
                solo.client
                    .send_machine_specs(solo.now, "5X", &uuid, specs())
                    .unwrap();
                solo.receive(&job_request(&job(100 + u128::from(round))));
                solo.receive(SUCCESS);
                solo.pass(Duration::from_secs(7 * round));
                solo.receive(&error("job.not_found"));
                solo.cut();
            }
            solo.wait_for_attempt();
        }
        solo.client.stop(solo.now).unwrap();
        solo.pass(Duration::from_mins(1));
        solo.take()
    };
    let outputs = run();
    assert_eq!(outputs, run());
    assert!(outputs.statuses().len() > 40 && outputs.specs() > 10);
    assert!(!outputs.stopped().is_empty());
}

#[test]
fn restarting_after_a_stop_works() {
    let mut solo = Solo::ready(config());
    for _ in 0..3 {
        solo.client.stop(solo.now).unwrap();
        solo.cut();
        assert_eq!(solo.client.phase(), Phase::Idle);
        assert!(solo.take().stopped().is_empty());
        solo.start();
        solo.become_ready();
        solo.take();
    }
}

#[test]
fn each_cause_of_a_lost_connection_is_its_own() {
    use facilitator_core::CloseFrame;
    use facilitator_core::client::Disconnected;
    let close = CloseFrame {
        code: 1011,
        reason: "x".into(),
    };
    for (how, reason) in [
        (Disconnected::EndOfStream, LostReason::EndOfStream),
        (
            Disconnected::Io("reset".into()),
            LostReason::Io("reset".into()),
        ),
        (
            Disconnected::Protocol("bad".into()),
            LostReason::Protocol("bad".into()),
        ),
        (
            Disconnected::Closed(Some(close.clone())),
            LostReason::Closed(Some(close)),
        ),
        (Disconnected::Closed(None), LostReason::Closed(None)),
    ] {
        let mut solo = Solo::ready(config());
        solo.client.handle_disconnected(solo.now, solo.conn, how);
        let out = solo.take();
        let Some(Event::ConnectionLost {
            reason: found,
            owed: 0,
            ..
        }) = out.events.first()
        else {
            panic!("{:?}", out.events)
        };
        assert_eq!(*found, reason);
        let [.., Event::Phase(change), Event::Health(Health::Degraded)] = &out.events[..] else {
            panic!("{:?}", out.events)
        };
        assert_eq!(
            (change.phase, change.reason.as_ref()),
            (Phase::Waiting, Some(&reason))
        );
        assert!(change.retry_in.is_some());
    }
}
