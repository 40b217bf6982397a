//! What would make the facilitator crash is refused at the door; what crashes it all the same is set aside.

use facilitator_core::client::{Outcome, SendError};
use facilitator_core::message::{
    JobFailureDetails, JobFailureReason, JobFailureStage, JobStatus, JobStatusMetadata,
    V0JobStatusUpdate,
};
use facilitator_core::{CloseFrame, Frame};
use facilitator_tests::solo::{SUCCESS, Solo, config, job, specs};

fn refused(update: V0JobStatusUpdate) -> SendError {
    let mut solo = Solo::ready(config());
    let error = solo.client.send_job_status(solo.now, update).unwrap_err();
    assert_eq!(solo.client.owed(), 0);
    assert!(solo.take().frames.is_empty());
    error
}

#[test]
fn a_uuid_that_is_none() {
    for uuid in ["nope", "", "f4b1c4b2-5d3f-4a39-9c75", &"x".repeat(10_000)] {
        let error = refused(V0JobStatusUpdate::new(uuid, JobStatus::Accepted));
        assert!(matches!(error, SendError::InvalidUuid { .. }), "{error}");
        assert!(error.to_string().len() < 300, "errors are bounded");
    }
}

#[test]
fn any_spelling_of_a_uuid_is_one_job() {
    let mut solo = Solo::ready(config());
    let plain = job(1);
    solo.send(&plain.to_uppercase(), JobStatus::Accepted);
    solo.send(&plain.replace('-', ""), JobStatus::VolumesReady);
    assert_eq!(
        solo.take().statuses(),
        [
            (plain.clone(), "accepted".into()),
            (plain, "volumes_ready".into())
        ]
    );
    assert_eq!(solo.client.stats().open_jobs, 1);
}

#[test]
fn statuses_that_are_not_ours() {
    for status in [JobStatus::Sent, JobStatus::Unknown] {
        let error = refused(V0JobStatusUpdate::new(job(1), status));
        assert_eq!(error, SendError::ReservedStatus { status });
        assert!(
            error.to_string().contains("horde_failed"),
            "it says what is accepted: {error}"
        );
    }
}

#[test]
fn completed_and_streaming_ready_without_metadata() {
    for status in [JobStatus::Completed, JobStatus::StreamingReady] {
        assert_eq!(
            refused(V0JobStatusUpdate::new(job(1), status)),
            SendError::MissingMetadata { status }
        );
    }
}

#[test]
fn streaming_ready_without_all_its_details() {
    let full = facilitator_core::message::StreamingServerDetails {
        streaming_server_cert: Some("cert".into()),
        streaming_server_address: Some("10.0.0.1".into()),
        streaming_server_port: Some(4433.into()),
    };
    for missing in [
        "streaming_server_cert",
        "streaming_server_address",
        "streaming_server_port",
    ] {
        let mut details = full.clone();
        match missing {
            "streaming_server_cert" => details.streaming_server_cert = None,
            "streaming_server_address" => details.streaming_server_address = None,
            _ => details.streaming_server_port = None,
        }
        let metadata = JobStatusMetadata {
            streaming_details: Some(details.into()),
            ..Default::default()
        };
        let error = refused(
            V0JobStatusUpdate::new(job(1), JobStatus::StreamingReady).with_metadata(metadata),
        );
        assert_eq!(error, SendError::IncompleteStreamingDetails { missing });
    }
    let none = V0JobStatusUpdate::new(job(1), JobStatus::StreamingReady);
    assert_eq!(
        refused(none.with_metadata(JobStatusMetadata::default())),
        SendError::IncompleteStreamingDetails {
            missing: "streaming_details"
        }
    );
    let metadata = JobStatusMetadata {
        streaming_details: Some(full.into()),
        ..Default::default()
    };
    let mut solo = Solo::ready(config());
    let update = V0JobStatusUpdate::new(job(1), JobStatus::StreamingReady).with_metadata(metadata);
    solo.client.send_job_status(solo.now, update).unwrap();
}

#[test]
fn a_nul_character_anywhere() {
    let details = JobFailureDetails::new(
        JobFailureReason::Timeout,
        JobFailureStage::Execution,
        "a\0b",
    );
    let metadata = JobStatusMetadata {
        job_failure_details: Some(details.into()),
        ..Default::default()
    };
    let error = refused(V0JobStatusUpdate::new(job(1), JobStatus::Failed).with_metadata(metadata));
    assert_eq!(error, SendError::NulCharacter);
}

#[test]
fn a_batch_id_that_is_none() {
    let mut solo = Solo::ready(config());
    let error = solo
        .client
        .send_machine_specs(solo.now, "5X", "b1", specs())
        .unwrap_err();
    assert_eq!(error, SendError::InvalidBatchId { found: "b1".into() });
}

#[test]
fn poisonous_specs_are_set_aside_and_no_status_with_them() {
    let mut solo = Solo::ready(config());
    let status = solo.send(&job(1), JobStatus::Accepted);
    let poison = solo
        .client
        .send_machine_specs(solo.now, "5X", &job(7), specs())
        .unwrap();
    let mut fates = Vec::new();
    for _ in 0..20 {
        let out = solo.take();
        fates.extend(
            out.receipts()
                .into_iter()
                .map(|receipt| (receipt.id, receipt.outcome.as_str())),
        );
        if fates.len() == 2 {
            break;
        }
        if out.specs() > 0 {
            // They crash the facilitator whenever they come.
            solo.cut();
            solo.reconnect();
        } else if !out.statuses().is_empty() {
            solo.receive(SUCCESS);
        }
    }
    assert_eq!(fates, [(status, "acknowledged"), (poison, "set_aside")]);
}

#[test]
fn an_outage_never_counts_as_a_break() {
    let mut solo = Solo::ready(config());
    let id = solo.send(&job(1), JobStatus::Accepted);
    solo.cut();
    for _ in 0..50 {
        solo.wait_for_attempt();
        solo.refuse();
    }
    solo.reconnect();
    solo.receive(SUCCESS);
    assert_eq!(solo.take().outcome(id), &Outcome::Acknowledged);
}

#[test]
fn machine_specs_that_cannot_be_read() {
    let mut solo = Solo::ready(config());
    let mut unreadable = specs();
    unreadable.remove("ram");
    let error = solo
        .client
        .send_machine_specs(solo.now, "5X", &job(1), unreadable)
        .unwrap_err();
    assert_eq!(
        error,
        SendError::UnreadableSpecs {
            missing: "the object `ram`"
        }
    );
    assert_eq!(solo.client.owed(), 0);
}

#[test]
fn a_close_that_names_its_own_reason_suspects_no_update() {
    for code in [1001, 1012, 1013, 3001] {
        let mut solo = Solo::ready(config());
        let id = solo.send(&job(1), JobStatus::Accepted);
        for _ in 0..5 {
            solo.receive_frame(Frame::Close(Some(CloseFrame::new(code))));
            solo.cut();
            solo.reconnect();
        }
        solo.receive(SUCCESS);
        assert_eq!(solo.take().outcome(id), &Outcome::Acknowledged, "{code}");
    }
}

#[test]
fn too_big_is_a_break_like_any_other() {
    let mut solo = Solo::ready(config());
    let id = solo.send(&job(1), JobStatus::Accepted);
    for _ in 0..3 {
        solo.receive_frame(Frame::Close(Some(CloseFrame::new(CloseFrame::TOO_BIG))));
        solo.cut();
        solo.reconnect();
    }
    assert!(matches!(solo.take().outcome(id), Outcome::SetAside(_)));
}

#[test]
fn a_terminal_status_that_is_refused_or_set_aside_can_be_replaced() {
    let mut solo = Solo::ready(config());
    solo.send(&job(1), JobStatus::Failed);
    solo.receive(&facilitator_tests::solo::error_at(
        "string_type",
        r#"["V0JobStatusUpdate","metadata"]"#,
    ));
    assert_eq!(solo.client.stats().open_jobs, 1);
    solo.send(&job(1), JobStatus::HordeFailed);
    for _ in 0..3 {
        solo.cut();
        solo.reconnect();
    }
    assert_eq!(solo.client.stats().statuses_set_aside, 1);
    solo.send(&job(1), JobStatus::Rejected);
    solo.receive(SUCCESS);
    assert_eq!(solo.client.stats().open_jobs, 0);
    // A job that the facilitator does not know is over with the first try.
    solo.send(&job(2), JobStatus::Failed);
    solo.receive(&facilitator_tests::solo::error("job.not_found"));
    assert_eq!(solo.client.stats().open_jobs, 0);
}

#[test]
fn a_suspect_status_travels_without_specs() {
    let mut solo = Solo::ready(config());
    solo.send(&job(1), JobStatus::Accepted);
    solo.send(&job(2), JobStatus::Accepted);
    solo.client
        .send_machine_specs(solo.now, "5X", &job(7), specs())
        .unwrap();
    solo.cut();
    solo.take();
    solo.reconnect();
    let out = solo.take();
    assert_eq!(out.statuses(), [(job(1), "accepted".into())]);
    assert_eq!(out.specs(), 0);
    solo.receive(SUCCESS);
    // The specs were the oldest of their lane when it broke.
    let out = solo.take();
    assert_eq!((out.statuses().len(), out.specs()), (0, 1));
    solo.receive_frame(Frame::Pong(out.pings()[0].clone()));
    assert_eq!(solo.take().statuses(), [(job(2), "accepted".into())]);
}

#[test]
fn suspect_specs_hold_back_statuses_and_other_specs() {
    let mut solo = Solo::ready(config());
    for n in [7, 8] {
        solo.client
            .send_machine_specs(solo.now, "5X", &job(n), specs())
            .unwrap();
    }
    solo.cut();
    solo.take();
    solo.send(&job(1), JobStatus::Accepted);
    solo.reconnect();
    let out = solo.take();
    assert_eq!((out.statuses().len(), out.specs()), (0, 1));
    solo.receive_frame(Frame::Pong(out.pings()[0].clone()));
    let out = solo.take();
    assert_eq!((out.statuses().len(), out.specs()), (1, 1));
}
