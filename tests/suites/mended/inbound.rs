//! A bad frame delays no good one, and no job runs twice.

use facilitator_core::Frame;
use facilitator_core::client::{DeclineReason, Event, Outcome, Phase, Unexpected};
use facilitator_core::message::JobStatus;
use facilitator_tests::pair::Pair;
use facilitator_tests::solo::{SUCCESS, Solo, config, job, job_request};
use std::time::Duration;

#[test]
fn a_bad_frame_between_two_good_ones_costs_nothing() {
    let mut solo = Solo::ready(config());
    let first = solo.send(&job(1), JobStatus::Accepted);
    let second = solo.send(&job(2), JobStatus::Accepted);
    let before = (solo.now, solo.next_timer());
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
    assert_eq!(solo.now, before.0);
    let out = solo.take();
    assert_eq!(out.outcome(first), &Outcome::Acknowledged);
    assert_eq!(out.outcome(second), &Outcome::Acknowledged);
    let malformed = |event: &&Event| matches!(event, Event::Malformed(_));
    assert_eq!(out.events.iter().filter(malformed).count(), 7);
    assert!(
        out.events
            .contains(&Event::Unexpected(Unexpected::Binary(3)))
    );
    assert!(out.disconnects.is_empty());
    assert_eq!(solo.client.stats().malformed_received, 7);
    assert_eq!(solo.client.phase(), Phase::Ready);

    // Nor does it delay what comes with it from the facilitator.
    solo.receive("{");
    solo.receive(&job_request(&job(3)));
    assert_eq!(solo.take().statuses(), [(job(3), "received".into())]);
}

fn declined(events: &[Event]) -> Vec<DeclineReason> {
    let reason = |event: &Event| match event {
        Event::JobDeclined { reason, .. } => Some(*reason),
        _ => None,
    };
    events.iter().filter_map(reason).collect()
}

#[test]
fn a_job_that_arrives_twice_runs_once() {
    let mut pair = Pair::new(config(), 1);
    pair.start();
    let uuid = pair.push_job(1);
    let again = |pair: &mut Pair| {
        pair.facilitator.push_again(pair.now, &uuid).unwrap();
        pair.settle();
        pair.pass(Duration::from_secs(1));
    };
    pair.pass(Duration::from_secs(1));
    // While it is open; on another connection; after its end; and on another connection after its end.
    again(&mut pair);
    pair.cut(0);
    pair.pass(Duration::from_secs(2));
    again(&mut pair);
    let failed = facilitator_tests::solo::update(&uuid, JobStatus::Failed);
    pair.client.send_job_status(pair.now, failed).unwrap();
    pair.settle();
    pair.pass(Duration::from_secs(1));
    again(&mut pair);
    pair.cut(0);
    pair.pass(Duration::from_secs(2));
    let sent = pair.client.stats().statuses_sent;
    again(&mut pair);

    let requested = |event: &&Event| matches!(event, Event::JobRequested(_));
    assert_eq!(pair.events.iter().filter(requested).count(), 1);
    assert_eq!(declined(&pair.events), [DeclineReason::Duplicate; 4]);
    let record = pair.facilitator.job(&uuid).unwrap();
    assert_eq!((record.deliveries(), record.updates()), (5, 2));
    assert_eq!(
        pair.client.stats().statuses_sent,
        sent,
        "it answers with nothing new"
    );
}
