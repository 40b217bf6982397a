//! What the facilitator sends besides jobs and answers.

use facilitator_core::client::{Event, Outcome};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{Solo, config, job};

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
