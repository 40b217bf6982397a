//! Bad frames between good ones cost nothing but an event.

use facilitator_core::Frame;
use facilitator_core::client::{Event, Outcome, Phase, Unexpected};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{SUCCESS, Solo, config, job};

#[test]
fn a_bad_frame_between_two_good_ones_costs_nothing() {
    let mut solo = Solo::ready(config());
    let first = solo.send(&job(1), JobStatus::Accepted);
    let second = solo.send(&job(2), JobStatus::Accepted);
    let before = solo.now;
    solo.receive(SUCCESS);
    for bad in [
        "",
        "{",
        "[]",
        "null",
        r#"{"message_type":"V9Surprise"}"#,
        r#"{"message_type":"V2JobRequest"}"#,
        "\u{feff}{}",
    ] {
        solo.receive(bad);
    }
    solo.receive_frame(Frame::Binary([1, 2, 3][..].into()));
    solo.receive(SUCCESS);
    assert_eq!(solo.now, before);
    let out = solo.take();
    assert_eq!(out.outcome(first), &Outcome::Acknowledged);
    assert_eq!(out.outcome(second), &Outcome::Acknowledged);
    let malformed = out
        .events
        .iter()
        .filter(|event| matches!(event, Event::Malformed(_)))
        .count();
    assert_eq!(malformed, 7);
    assert!(
        out.events
            .contains(&Event::Unexpected(Unexpected::Binary(3)))
    );
    assert_eq!(solo.client.stats().malformed_received, 7);
    assert_eq!(solo.client.phase(), Phase::Ready);
}

#[test]
fn a_cheat_report_is_handed_on() {
    let mut solo = Solo::ready(config());
    let report = format!(
        r#"{{"message_type": "V0JobCheated", "job_uuid": "{}", "trusted_job_uuid": "{}", "details": {{"a": 1}}}}"#,
        job(1),
        job(2)
    );
    solo.receive(&report);
    let out = solo.take();
    let [Event::JobCheated(report)] = &out.events[..] else {
        panic!("{:?}", out.events)
    };
    assert_eq!(report.job_uuid, job(1));
}

#[test]
fn unknown_fields_are_counted_and_survived() {
    let mut solo = Solo::ready(config());
    let id = solo.send(&job(1), JobStatus::Accepted);
    solo.receive(r#"{"status":"success","errors":[],"took_ms":3}"#);
    assert_eq!(solo.take().outcome(id), &Outcome::Acknowledged);
    assert_eq!(solo.client.stats().unknown_fields_received, 1);
}
