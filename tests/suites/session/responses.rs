//! Responses are matched by order and by what they say of themselves, never guessed.

use facilitator_core::client::{Event, LostReason, Outcome, Phase, Unexpected};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{SUCCESS, Solo, config, error_at, job, specs};

#[test]
fn an_unsolicited_response_acknowledges_nothing() {
    let mut solo = Solo::ready(config());
    solo.receive(SUCCESS);
    let out = solo.take();
    assert!(
        matches!(
            out.events.as_slice(),
            [Event::Unexpected(Unexpected::Response { .. })]
        ),
        "{:?}",
        out.events
    );
    let id = solo.send(&job(1), JobStatus::Accepted);
    solo.receive(SUCCESS);
    assert_eq!(solo.take().outcome(id), &Outcome::Acknowledged);
}

#[test]
fn a_refused_heartbeat_is_no_answer_to_a_status() {
    let mut solo = Solo::ready(config());
    let id = solo.send(&job(1), JobStatus::Accepted);
    solo.receive(&error_at("extra_forbidden", r#"["V0Heartbeat","x"]"#));
    let out = solo.take();
    assert!(out.receipts().is_empty());
    assert!(matches!(
        out.events.as_slice(),
        [Event::Unexpected(Unexpected::HeartbeatRefused { .. })]
    ));
    solo.receive(SUCCESS);
    assert_eq!(solo.take().outcome(id), &Outcome::Acknowledged);
}

#[test]
fn a_refusal_that_names_the_status_is_its_answer() {
    let mut solo = Solo::ready(config());
    let first = solo.send(&job(1), JobStatus::Accepted);
    let second = solo.send(&job(2), JobStatus::Accepted);
    solo.receive(&error_at("missing", r#"["V0JobStatusUpdate","uuid"]"#));
    solo.receive(SUCCESS);
    let out = solo.take();
    assert!(matches!(out.outcome(first), Outcome::Refused(_)));
    assert_eq!(out.outcome(second), &Outcome::Acknowledged);
}

#[test]
fn a_refusal_of_specs_is_no_answer_to_a_status() {
    let mut solo = Solo::ready(config());
    let status = solo.send(&job(1), JobStatus::Accepted);
    let specs = solo
        .client
        .send_machine_specs(solo.now, "5X", &job(7), specs())
        .unwrap();
    solo.receive(&error_at("missing", r#"["V0MachineSpecsUpdate","specs"]"#));
    let out = solo.take();
    assert!(matches!(out.outcome(specs), Outcome::Refused(_)));
    solo.receive(SUCCESS);
    assert_eq!(solo.take().outcome(status), &Outcome::Acknowledged);
}

#[test]
fn what_could_mean_two_messages_is_resolved_by_sending_them_one_by_one() {
    let mut solo = Solo::ready(config());
    let status = solo.send(&job(1), JobStatus::Accepted);
    let specs = solo
        .client
        .send_machine_specs(solo.now, "5X", &job(7), specs())
        .unwrap();
    solo.receive(&error_at("json_invalid", "[]"));
    let out = solo.take();
    let ambiguous = |event: &Event| {
        matches!(
            event,
            Event::ConnectionLost {
                reason: LostReason::AmbiguousResponse(_),
                owed: 2,
                ..
            }
        )
    };
    assert!(out.events.iter().any(ambiguous), "{:?}", out.events);
    assert!(out.receipts().is_empty());
    assert_eq!(solo.client.phase(), Phase::Closing);
    solo.cut();
    solo.reconnect();

    let out = solo.take();
    assert_eq!(
        (out.statuses().len(), out.specs()),
        (1, 0),
        "one message at a time"
    );
    solo.receive(SUCCESS);
    let out = solo.take();
    assert_eq!(out.outcome(status), &Outcome::Acknowledged);
    assert_eq!(out.specs(), 1);
    solo.receive(&error_at("json_invalid", "[]"));
    let out = solo.take();
    assert!(
        matches!(out.outcome(specs), Outcome::Refused(_)),
        "now there is no doubt"
    );
}

#[test]
fn an_answer_to_a_closing_connection_is_asked_for_again() {
    let mut solo = Solo::ready(config());
    let id = solo.send(&job(1), JobStatus::Accepted);
    solo.receive_frame(facilitator_core::Frame::Close(None));
    solo.receive(SUCCESS);
    assert!(solo.take().receipts().is_empty());
    solo.cut();
    solo.reconnect();
    solo.receive(SUCCESS);
    assert_eq!(solo.take().outcome(id), &Outcome::Acknowledged);
}
