//! A job is taken on once, answered `received` at once, and declined with a reason when it cannot be.

use facilitator_core::Frame;
use facilitator_core::client::{Config, DeclineReason, Event, WhenJobsWait};
use facilitator_core::message::{
    HordeFailureDetails, HordeFailureReason, JobFailureDetails, JobFailureReason, JobFailureStage,
    JobParticipant, JobRejectionReason, JobStatus, V0JobStatusUpdate,
};
use facilitator_tests::solo::{SUCCESS, Solo, config, job, job_request};

fn declined(solo: &mut Solo) -> Vec<DeclineReason> {
    let reason = |event: &Event| match event {
        Event::JobDeclined { reason, .. } => Some(*reason),
        _ => None,
    };
    solo.take().events.iter().filter_map(reason).collect()
}

#[test]
fn received_is_answered_without_the_application() {
    let mut solo = Solo::ready(config());
    solo.receive(&job_request(&job(1)));
    let out = solo.take();
    assert_eq!(out.statuses(), [(job(1), "received".into())]);
    let [Event::JobRequested(request)] = &out.events[..] else {
        panic!("{:?}", out.events)
    };
    assert_eq!(request.uuid, job(1));
    solo.receive(SUCCESS);
    let out = solo.take();
    assert!(out.receipts()[0].automatic);
}

#[test]
fn a_job_whose_uuid_is_none_is_shown_and_not_answered() {
    let mut solo = Solo::ready(config());
    solo.receive(&job_request("not-a-uuid"));
    let out = solo.take();
    assert!(matches!(
        out.events[..],
        [Event::JobDeclined {
            reason: DeclineReason::InvalidUuid,
            ..
        }]
    ));
    assert!(out.frames.is_empty());
}

#[test]
fn beyond_the_limit_of_open_jobs_they_are_rejected_as_busy() {
    let mut config = config();
    config.open_jobs = 2;
    let mut solo = Solo::ready(config);
    for n in 1..=3 {
        solo.receive(&job_request(&job(n)));
    }
    let out = solo.take();
    assert_eq!(
        out.statuses(),
        [
            (job(1), "received".into()),
            (job(2), "received".into()),
            (job(3), "rejected".into())
        ]
    );
    assert!(
        out.texts()[2].contains(r#""rejected_by":"validator","reason":"busy""#),
        "{}",
        out.texts()[2]
    );
    assert_eq!(solo.client.stats().open_jobs, 2);
}

#[test]
fn without_room_for_any_answer_a_job_is_shown_as_declined() {
    let mut config = config();
    config.outbox_entries = 4;
    let mut solo = Solo::ready(config);
    solo.receive(&job_request(&job(1)));
    solo.receive(&job_request(&job(2)));
    solo.take();
    solo.receive(&job_request(&job(3)));
    assert_eq!(declined(&mut solo), [DeclineReason::OutboxFull]);
    assert_eq!(solo.client.stats().outbox_length, 2);
}

#[test]
fn while_stopping_jobs_are_rejected() {
    let mut solo = Solo::ready(config());
    solo.send(&job(1), JobStatus::Accepted);
    solo.client.stop(solo.now).unwrap();
    solo.take();
    solo.receive(&job_request(&job(2)));
    let out = solo.take();
    assert_eq!(out.statuses(), [(job(2), "rejected".into())]);
    assert!(matches!(
        out.events[..],
        [Event::JobDeclined {
            reason: DeclineReason::Stopping,
            ..
        }]
    ));
}

#[test]
fn a_reply_of_each_kind_ends_its_job_with_its_details() {
    let mut solo = Solo::ready(config());
    let now = solo.now;
    let client = &mut solo.client;
    let failure = JobFailureDetails::new(
        JobFailureReason::Timeout,
        JobFailureStage::Execution,
        "too slow",
    );
    let horde = HordeFailureDetails::new(
        JobParticipant::Validator,
        HordeFailureReason::MinerConnectionFailed,
        "no miner",
    );
    let ids = [
        client
            .reject_job(now, &job(1), JobRejectionReason::NoMinerForJob, "none free")
            .unwrap(),
        client.fail_job(now, &job(2), failure).unwrap(),
        client.fail_horde(now, &job(3), horde).unwrap(),
    ];
    let texts = solo.take().texts();
    let expected = [
        [
            r#""status":"rejected""#,
            r#""job_rejection_details":{"rejected_by":"validator","reason":"no_miner_for_job","message":"none free""#,
        ],
        [
            r#""status":"failed""#,
            r#""job_failure_details":{"reason":"timeout","stage":"execution","message":"too slow""#,
        ],
        [
            r#""status":"horde_failed""#,
            r#""horde_failure_details":{"reported_by":"validator","reason":"miner_connection_failed","message":"no miner""#,
        ],
    ];
    assert_eq!(texts.len(), expected.len());
    for (text, parts) in texts.iter().zip(expected) {
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
    for id in ids {
        solo.receive(SUCCESS);
        assert!(solo.take().outcome(id).is_delivered());
    }
    assert_eq!(solo.client.stats().open_jobs, 0);
}

#[test]
fn without_room_in_bytes_a_job_is_shown_as_declined() {
    let config = Config {
        outbox_bytes: 1024,
        message_bytes: 1024,
        ..config()
    };
    let mut solo = Solo::ready(config);
    for n in 10..20 {
        let update = V0JobStatusUpdate::new(job(n), JobStatus::Accepted);
        if solo.client.send_job_status(solo.now, update).is_err() {
            break;
        }
    }
    solo.take();
    solo.receive(&job_request(&job(1)));
    assert_eq!(declined(&mut solo), [DeclineReason::OutboxFull]);
    assert!(solo.client.stats().outbox_bytes <= 1024);
}

/// Requests of some kilobytes wait: in the session's own output, or in the hands of whoever drives it.
#[test]
fn requests_that_wait_are_bounded_in_bytes_and_what_was_polled_counts_as_taken() {
    let large = |n| job_request(&job(n)).replace("python:3.11", &"x".repeat(4000));
    let bounded = Config {
        waiting_job_bytes: 12_000,
        ..config()
    };
    let mut solo = Solo::ready(bounded.clone());
    for n in 0..2 {
        // Not drained.
        let frame = Frame::text(large(n));
        solo.client.handle_frame(solo.now, solo.conn, frame);
    }
    solo.receive(&large(2));
    let out = solo.take();
    let requested = |event: &&Event| matches!(event, Event::JobRequested(_));
    assert_eq!(out.events.iter().filter(requested).count(), 2);
    let last = (job(2), "rejected".into());
    assert_eq!(out.statuses().last(), Some(&last));
    let busy = |event: &Event| matches!(event, Event::JobDeclined { reason, .. } if *reason == DeclineReason::Backlog);
    assert!(out.events.iter().any(busy));
    // Whoever drains the session has taken them.
    solo.receive(&large(3));
    assert!(solo.take().events.iter().any(|event| requested(&event)));
    // Whoever keeps them says so.
    solo.client.set_waiting_jobs(9_000);
    solo.receive(&large(4));
    assert_eq!(declined(&mut solo), [DeclineReason::Backlog]);
    solo.client.set_waiting_jobs(0);
    solo.receive(&large(5));
    assert!(solo.take().events.iter().any(|event| requested(&event)));

    let mut solo = Solo::ready(Config {
        when_jobs_wait: WhenJobsWait::Ignore,
        ..bounded
    });
    solo.client.set_waiting_jobs(9_000);
    solo.receive(&large(1));
    let out = solo.take();
    assert!(out.frames.is_empty(), "{out:?}");
    solo.client.set_waiting_jobs(0);
    solo.receive(&large(1));
    assert!(solo.take().events.iter().any(|event| requested(&event)));
}
