//! Nothing accepted is lost, order holds, and everything has a bound.

use facilitator_core::client::{Outcome, SendError};
use facilitator_core::message::{
    JobFailureDetails, JobFailureReason, JobFailureStage, JobStatus, JobStatusMetadata,
    MinerResponse, V0JobStatusUpdate,
};
use facilitator_tests::solo::{SUCCESS, Solo, config, error, job, job_request};

use JobStatus::{Accepted, Completed, ExecutorReady, Failed, Received, VolumesReady};

#[test]
fn answers_acknowledge_in_order() {
    let mut solo = Solo::ready(config());
    let a = solo.send(&job(1), Accepted);
    let b = solo.send(&job(2), Accepted);
    let c = solo.send(&job(3), Accepted);
    solo.receive(SUCCESS);
    assert_eq!(solo.take().outcome(a), &Outcome::Acknowledged);
    solo.receive(&error("job.integrity_error"));
    assert_eq!(solo.take().outcome(b), &Outcome::AlreadyKnown);
    solo.receive(&error("job.not_found"));
    let out = solo.take();
    let Outcome::Refused(errors) = out.outcome(c) else {
        panic!("{:?}", out.outcome(c))
    };
    assert_eq!(errors[0].kind, "job.not_found");
}

#[test]
fn no_more_than_the_window_is_unanswered() {
    let mut config = config();
    config.window = 3;
    let mut solo = Solo::ready(config);
    for n in 0..10 {
        solo.send(&job(n), Accepted);
    }
    assert_eq!(solo.take().statuses().len(), 3);
    solo.receive(SUCCESS);
    assert_eq!(solo.take().statuses(), [(job(3), "accepted".into())]);
}

#[test]
fn a_window_of_one_is_stop_and_wait() {
    let mut config = config();
    config.window = 1;
    let mut solo = Solo::ready(config);
    for n in 0..5 {
        solo.send(&job(n), Accepted);
    }
    for n in 0..5 {
        assert_eq!(solo.take().statuses(), [(job(n), "accepted".into())]);
        solo.receive(SUCCESS);
    }
    assert_eq!(solo.client.owed(), 0);
}

#[test]
fn receipts_that_share_an_update_count_against_the_bound() {
    let mut config = config();
    config.outbox_entries = 10;
    let mut solo = Solo::ready(config);
    // The update, the slot for the terminal status, and eight who wait for the same answer.
    let ids: Vec<_> = (0..9).map(|_| solo.send(&job(1), Accepted)).collect();
    let again = V0JobStatusUpdate::new(job(1), Accepted);
    let full = solo.client.send_job_status(solo.now, again).unwrap_err();
    assert!(full.is_full(), "{full}");
    assert_eq!(solo.client.owed(), 1);
    solo.receive(SUCCESS);
    let out = solo.take();
    assert!(ids.into_iter().all(|id| out.outcome(id).is_delivered()));
    // Their room is given back with it.
    for n in 2..6 {
        solo.send(&job(n), Accepted);
    }
}

#[test]
fn bytes_are_bounded_but_a_terminal_status_is_always_taken() {
    let mut config = config();
    (config.outbox_bytes, config.message_bytes) = (1024, 1024);
    let mut solo = Solo::ready(config);
    let details = JobFailureDetails::new(
        JobFailureReason::Unknown,
        JobFailureStage::Unknown,
        "x".repeat(300),
    );
    let metadata: JobStatusMetadata = JobStatusMetadata {
        job_failure_details: Some(details.into()),
        ..Default::default()
    };
    solo.send(&job(1), Accepted);
    let mut large = |status| {
        let update = V0JobStatusUpdate::new(job(1), status).with_metadata(metadata.clone());
        let result = solo.client.send_job_status(solo.now, update);
        solo.drain();
        result
    };
    assert!(large(ExecutorReady).is_ok());
    let before = large(VolumesReady).unwrap_err();
    assert!(
        matches!(
            before,
            SendError::FullBytes {
                owed: 700..,
                capacity: 1024
            }
        ),
        "{before}"
    );
    assert!(large(Failed).is_ok());
    for _ in 0..3 {
        solo.receive(SUCCESS);
    }
    assert_eq!(solo.client.stats().outbox_bytes, 0);
}

#[test]
fn a_message_above_the_limit_is_refused_at_the_door() {
    let mut config = config();
    config.message_bytes = 1024;
    let mut solo = Solo::ready(config);
    let metadata = JobStatusMetadata {
        miner_response: Some(
            MinerResponse {
                docker_process_stdout: "x".repeat(2000),
                ..MinerResponse::default()
            }
            .into(),
        ),
        ..Default::default()
    };
    let update = V0JobStatusUpdate::new(job(1), Completed).with_metadata(metadata);
    let error = solo.client.send_job_status(solo.now, update).unwrap_err();
    assert!(
        matches!(
            error,
            SendError::TooLarge {
                size: 2000..,
                limit: 1024
            }
        ),
        "{error}"
    );
    assert_eq!(solo.client.owed(), 0);
}

#[test]
fn a_late_update_of_an_ended_job_is_a_typed_error() {
    let mut solo = Solo::ready(config());
    solo.send(&job(1), Failed);
    let error = solo
        .client
        .send_job_status(solo.now, V0JobStatusUpdate::new(job(1), Accepted))
        .unwrap_err();
    assert!(
        matches!(error, SendError::JobEnded { ended: Failed, .. }),
        "{error}"
    );
    solo.receive(SUCCESS);
    let error = solo
        .client
        .send_job_status(solo.now, V0JobStatusUpdate::new(job(1), Completed))
        .unwrap_err();
    assert!(!error.is_full(), "{error}");
}

#[test]
fn the_same_status_given_twice_is_delivered_once_and_receipted_twice() {
    let mut solo = Solo::ready(config());
    solo.receive(&job_request(&job(1)));
    assert_eq!(solo.take().statuses(), [(job(1), "received".into())]);
    // The worker reports what the session has reported already.
    let underway = solo.send(&job(1), Received);
    assert!(solo.take().statuses().is_empty());
    solo.receive(SUCCESS);
    let out = solo.take();
    assert_eq!(out.outcome(underway), &Outcome::Acknowledged);
    assert_eq!(out.receipts().len(), 2);
    let delivered = solo.send(&job(1), Received);
    let out = solo.take();
    assert_eq!(out.outcome(delivered), &Outcome::AlreadyKnown);
    assert!(out.frames.is_empty());
}
