//! Responses are matched by order and by what they say of themselves, never guessed.

use facilitator_core::client::{Event, LostReason, Outcome, Phase, Unexpected};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{SUCCESS, Solo, config, error, error_at, job, specs};

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

#[test]
fn an_answer_that_cannot_be_read_shifts_no_other() {
    let mut solo = Solo::ready(config());
    let first = solo.send(&job(1), JobStatus::Accepted);
    let second = solo.send(&job(2), JobStatus::Accepted);
    // The answer to the first: an error whose `msg` is missing.
    solo.receive(r#"{"status":"error","errors":[{"type":"job.not_found"}]}"#);
    solo.receive(SUCCESS);
    let out = solo.take();
    assert!(out.receipts().is_empty(), "{:?}", out.events);
    solo.cut();
    solo.reconnect();
    assert_eq!(
        solo.take().statuses(),
        [(job(1), "accepted".into())],
        "the suspect goes alone"
    );
    solo.receive(&error("job.not_found"));
    solo.receive(SUCCESS);
    let out = solo.take();
    assert!(matches!(out.outcome(first), Outcome::Refused(_)));
    assert_eq!(out.outcome(second), &Outcome::Acknowledged);
}

#[test]
fn an_answer_that_can_never_be_read_sets_its_update_aside() {
    let mut solo = Solo::ready(config());
    let id = solo.send(&job(1), JobStatus::Accepted);
    for _ in 0..3 {
        solo.receive(r#"{"status":"error","errors":[{}]}"#);
        solo.cut();
        solo.reconnect();
    }
    assert!(matches!(solo.take().outcome(id), Outcome::SetAside(_)));
}

#[test]
fn a_refusal_without_a_place_may_mean_the_heartbeat_before() {
    let mut solo = Solo::new(config());
    solo.start();
    solo.become_ready();
    let first = solo.send(&job(1), JobStatus::Accepted);
    let second = solo.send(&job(2), JobStatus::Accepted);
    // The heartbeat's, although it does not say so; then the answer to the first.
    solo.receive(&error_at("json_invalid", "[]"));
    solo.receive(SUCCESS);
    assert!(solo.take().receipts().is_empty());
    solo.cut();
    solo.reconnect();
    solo.receive(SUCCESS);
    solo.receive(SUCCESS);
    let out = solo.take();
    assert_eq!(
        (out.outcome(first), out.outcome(second)),
        (&Outcome::Acknowledged, &Outcome::Acknowledged)
    );
    // Once a status that came after the heartbeat is answered, there is no doubt any more.
    let third = solo.send(&job(3), JobStatus::Accepted);
    solo.receive(&error_at("json_invalid", "[]"));
    assert!(matches!(solo.take().outcome(third), Outcome::Refused(_)));
}

#[test]
fn poisonous_specs_come_to_an_end_however_many_statuses_there_are() {
    let mut solo = Solo::ready(config());
    let bad = solo
        .client
        .send_machine_specs(solo.now, "5X", &job(70), specs())
        .unwrap();
    let good = solo
        .client
        .send_machine_specs(solo.now, "5X", &job(71), specs())
        .unwrap();
    let mut n = 0;
    for _ in 0..10 {
        let out = solo.take();
        let told: Vec<_> = out
            .receipts()
            .into_iter()
            .filter(|receipt| [bad, good].contains(&receipt.id))
            .collect();
        if let [receipt, ..] = told[..] {
            assert_eq!(receipt.id, bad);
            assert!(
                matches!(receipt.outcome, Outcome::Refused(_)),
                "{receipt:?}"
            );
            return;
        }
        if out.specs() > 0 {
            solo.receive(&error_at("missing", r#"["V0MachineSpecsUpdate","specs"]"#));
        }
        if solo.client.phase() == Phase::Closing {
            solo.cut();
            for _ in 0..3 {
                n += 1;
                solo.send(&job(n), JobStatus::Accepted);
            }
            solo.reconnect();
        }
        for _ in 0..solo.client.stats().in_flight {
            solo.receive(SUCCESS);
        }
    }
    panic!("the refused specs are still on their way");
}

#[test]
fn what_another_connection_has_handled_clears_up_nothing_on_this_one() {
    let mut solo = Solo::ready(config());
    for n in 0..20 {
        solo.send(&job(n), JobStatus::Accepted);
        solo.receive(SUCCESS);
    }
    solo.cut();
    solo.reconnect();
    solo.send(&job(30), JobStatus::Accepted);
    solo.take();
    // It may mean this connection's first heartbeat, of which nothing is known yet.
    solo.receive(&error_at("json_invalid", "[]"));
    assert!(solo.take().receipts().is_empty());
    assert_eq!(solo.client.phase(), Phase::Closing);
}

#[test]
fn a_refusal_while_nothing_is_on_its_way_is_nobodys_answer() {
    let mut solo = Solo::ready(config());
    for refusal in [
        error_at("json_invalid", "[]"),
        // Its place is an index, which names no message.
        error_at("missing", r#"[0,"uuid"]"#),
        error_at("missing", r#"["V0AuthenticationRequest","signature"]"#),
    ] {
        solo.receive(&refusal);
        let out = solo.take();
        assert!(
            matches!(
                out.events[..],
                [Event::Unexpected(Unexpected::Response { .. })]
            ),
            "{refusal}: {:?}",
            out.events
        );
    }
    assert_eq!(solo.client.phase(), Phase::Ready);
}

#[test]
fn a_refusal_without_a_reason_is_resolved_like_any_that_is_unclear() {
    let mut solo = Solo::ready(config());
    solo.send(&job(1), JobStatus::Accepted);
    solo.receive(r#"{"status":"error","errors":[]}"#);
    let out = solo.take();
    let Some(Event::ConnectionLost { reason, .. }) = out.events.first() else {
        panic!("{:?}", out.events)
    };
    assert_eq!(
        *reason,
        LostReason::AmbiguousResponse("no error given".into())
    );
}
