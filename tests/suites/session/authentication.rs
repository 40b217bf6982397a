//! Authentication belongs to one connection, has a deadline, and its refusals wait.

use std::time::Duration;

use facilitator_core::client::{Event, LostReason, Phase, Refusal};
use facilitator_core::message::JobStatus;
use facilitator_core::{CloseFrame, Frame};
use facilitator_tests::solo::{SUCCESS, Solo, config, error, job, job_request};

fn authenticating() -> Solo {
    let mut solo = Solo::new(config());
    solo.start();
    solo.connect();
    solo.take();
    solo
}

fn lost(solo: &mut Solo) -> LostReason {
    let out = solo.take();
    let reasons: Vec<_> = out
        .events
        .iter()
        .filter_map(|event| match event {
            Event::ConnectionLost { reason, .. } => Some(reason.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(reasons.len(), 1, "{:?}", out.events);
    reasons[0].clone()
}

#[test]
fn refusals_end_the_connection_and_wait_minutes() {
    for (kind, refusal, code) in [
        ("auth.validator_not_found", Refusal::ValidatorNotFound, 3001),
        ("auth.signature_invalid", Refusal::SignatureInvalid, 3000),
    ] {
        // Said by a Response, with the close that follows it.
        let mut solo = authenticating();
        solo.receive(&error(kind));
        assert_eq!(solo.client.phase(), Phase::Closing);
        solo.receive_frame(Frame::Close(Some(CloseFrame::new(code))));
        solo.cut();
        let before = solo.now;
        solo.wait_for_attempt();
        let waited = solo.now.saturating_duration_since(before);
        assert!(
            waited >= Duration::from_mins(5) && waited <= Duration::from_mins(6),
            "{kind}: {waited:?}"
        );
        assert_eq!(
            lost(&mut solo),
            LostReason::AuthenticationRefused(refusal.clone())
        );

        // Said by the close code alone.
        let mut solo = authenticating();
        solo.receive_frame(Frame::Close(Some(CloseFrame::new(code))));
        solo.cut();
        let before = solo.now;
        solo.wait_for_attempt();
        assert!(solo.now.saturating_duration_since(before) >= Duration::from_mins(5));
        assert_eq!(lost(&mut solo), LostReason::AuthenticationRefused(refusal));
    }
}

#[test]
fn a_server_that_does_not_finish_the_close_is_left_at_the_deadline() {
    let mut solo = authenticating();
    let conn = solo.conn;
    solo.receive(&error("auth.validator_not_found"));
    solo.pass(config().close_timeout);
    assert_eq!(solo.client.phase(), Phase::Waiting);
    let out = solo.take();
    assert_eq!(out.disconnects.last(), Some(&(conn, None)));
}

#[test]
fn a_job_that_comes_before_the_answer_is_taken_on() {
    let mut solo = authenticating();
    solo.receive(&job_request(&job(1)));
    let out = solo.take();
    assert!(
        matches!(out.events.as_slice(), [Event::JobRequested(_)]),
        "{:?}",
        out.events
    );
    assert!(
        out.frames.is_empty(),
        "nothing is sent before authentication has succeeded"
    );
    solo.receive(SUCCESS);
    assert_eq!(solo.take().statuses(), [(job(1), "received".into())]);
}

#[test]
fn a_facilitator_that_forgets_the_authentication_is_left_and_all_is_sent_again() {
    let mut solo = Solo::ready(config());
    let id = solo.send(&job(1), JobStatus::Accepted);
    solo.receive(&error("auth.not_authenticated"));
    assert_eq!(solo.client.phase(), Phase::Closing);
    solo.cut();
    solo.take();
    solo.reconnect();
    assert_eq!(solo.take().statuses(), [(job(1), "accepted".into())]);
    solo.receive(SUCCESS);
    assert!(solo.take().outcome(id).is_delivered());
}
