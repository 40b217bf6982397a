//! Nothing outlives its connection, and no connection is waited for without end.

use std::time::Duration;

use facilitator_core::Frame;
use facilitator_core::client::{Disconnected, Event, LostReason, Phase};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{Outputs, SUCCESS, Solo, config, job};

fn lost(out: &Outputs) -> Vec<&LostReason> {
    out.events
        .iter()
        .filter_map(|event| match event {
            Event::ConnectionLost { reason, .. } => Some(reason),
            _ => None,
        })
        .collect()
}

#[test]
fn authentication_belongs_to_one_connection() {
    // Broken with the answer on its way, and right after it.
    for answered in [false, true] {
        let mut solo = Solo::new(config());
        solo.start();
        solo.send(&job(1), JobStatus::Accepted);
        solo.connect();
        if answered {
            solo.receive(SUCCESS);
            assert_eq!(solo.client.phase(), Phase::Ready);
        }
        let old = solo.conn;
        solo.cut();
        solo.wait_for_attempt();
        solo.take();
        solo.connect();
        let out = solo.take();
        let [first] = &out.texts()[..] else {
            panic!("before the answer nothing but one frame is sent: {out:?}")
        };
        assert!(first.contains("V0AuthenticationRequest"), "{first}");
        assert_eq!(out.frames[0].0, solo.conn);

        solo.client
            .handle_frame(solo.now, old, Frame::text(SUCCESS));
        solo.client.handle_connected(solo.now, old);
        solo.client
            .handle_disconnected(solo.now, old, Disconnected::EndOfStream);
        let out = solo.take();
        assert_eq!(solo.client.phase(), Phase::Authenticating);
        assert!(out.events.is_empty() && out.frames.is_empty(), "{out:?}");
        assert_eq!(solo.client.stats().stale_inputs, 3);
        solo.receive(SUCCESS);
        assert_eq!(solo.take().statuses(), [(job(1), "accepted".into())]);
    }
}

#[test]
fn an_authentication_without_an_answer_is_given_up_and_tried_again() {
    let mut solo = Solo::new(config());
    solo.start();
    solo.connect();
    for failures in 1..=20 {
        let conn = solo.conn;
        solo.take();
        let timeout = config().authentication_timeout;
        solo.pass(timeout.saturating_sub(Duration::from_millis(1)));
        assert_eq!(solo.client.phase(), Phase::Authenticating);
        // That the socket is open, and talks of other things, changes nothing.
        solo.receive_frame(Frame::Ping([][..].into()));
        solo.pass(Duration::from_millis(1));
        let out = solo.take();
        assert_eq!(out.disconnects, [(conn, None)], "the socket is closed");
        assert_eq!(lost(&out), [&LostReason::AuthenticationTimeout]);
        assert_eq!(solo.client.stats().authentication_failures, failures);
        let before = solo.now;
        solo.wait_for_attempt();
        assert!(solo.now.saturating_duration_since(before) <= config().backoff_max);
        solo.connect();
    }
    solo.receive(SUCCESS);
    assert_eq!(solo.client.phase(), Phase::Ready);
}

#[test]
fn a_link_that_drops_everything_is_noticed_in_time() {
    let bound = config().ping_interval + config().pong_timeout;
    // It falls silent at any moment between two pings.
    for silent_after in [0, 1, 19_999, 20_000, 33_000] {
        let mut solo = Solo::ready(config());
        solo.pass(Duration::from_millis(silent_after));
        for ping in solo.take().pings() {
            solo.receive_frame(Frame::Pong(ping));
        }
        let (conn, silent) = (solo.conn, solo.now);
        let id = solo.send(&job(1), JobStatus::Accepted);
        while solo.client.phase() == Phase::Ready {
            solo.pass(Duration::from_millis(1));
        }
        let noticed = solo.now.saturating_duration_since(silent);
        let acknowledgement = config().acknowledgement_timeout;
        assert!(noticed <= bound, "{silent_after}: {noticed:?}");
        let out = solo.take();
        // A dead peer gets no closing handshake.
        assert_eq!(out.disconnects, [(conn, None)]);
        let expected = if noticed < acknowledgement {
            LostReason::PongTimeout
        } else {
            LostReason::AcknowledgementTimeout
        };
        assert_eq!(lost(&out), [&expected], "{silent_after}: {noticed:?}");
        solo.reconnect();
        solo.receive(SUCCESS);
        assert!(solo.take().outcome(id).is_delivered());
    }
    // With nothing on its way, at the bound exactly.
    let mut solo = Solo::ready(config());
    solo.pass(bound.saturating_sub(Duration::from_millis(1)));
    assert_eq!(solo.client.phase(), Phase::Ready);
    solo.pass(Duration::from_millis(1));
    assert_eq!(lost(&solo.take()), [&LostReason::PongTimeout]);
}
