//! What poison does, behind either server.

use super::*;

/// Every poison that comes after authentication, with whether the database takes it.
fn poisons() -> Vec<(String, bool)> {
    let status = |status, uuid: &str| {
        ValidatorMessage::JobStatus(V0JobStatusUpdate::new(uuid, status)).encode()
    };
    vec![
        (status(JobStatus::Received, "nope"), false),
        (status(JobStatus::Completed, JOB), true),
        (status(JobStatus::StreamingReady, JOB), true),
        (
            format!(
                r#"{{"message_type":"V0JobStatusUpdate","uuid":"{JOB}","status":"failed","metadata":{{"x":"a\u0000b"}}}}"#
            ),
            false,
        ),
        (
            ValidatorMessage::MachineSpecs(specs("5X", "no batch")).encode(),
            false,
        ),
        (
            format!(
                r#"{{"message_type":"V0MachineSpecsUpdate","miner_hotkey":"m","validator_hotkey":"v","specs":{{"cpu":1}},"batch_id":"{JOB}"}}"#
            ),
            false,
        ),
    ]
}

#[test]
fn uvicorn_drops_the_socket_at_once() {
    for (frame, stored) in poisons() {
        let mut bench = Bench::with_alice(FacilitatorConfig::imitating(Server::Uvicorn));
        bench.push(JOB);
        bench.drain();
        assert_eq!(bench.text(A, &frame), ["#1 drop"], "{frame}");
        assert!(
            bench
                .text(A, &ValidatorMessage::Heartbeat.encode())
                .is_empty()
        );
        assert_eq!(bench.stored(JOB).len(), 1 + usize::from(stored), "{frame}");
        assert_eq!(bench.facilitator.stats().crashes, 1);
    }
}

#[test]
fn daphne_stays_silent_for_a_second_and_closes_with_1011() {
    for (frame, _) in poisons() {
        let mut bench = Bench::with_alice(FacilitatorConfig::imitating(Server::Daphne));
        bench.push(JOB);
        bench.drain();
        assert!(bench.text(A, &frame).is_empty());
        // Neither this status nor this nonsense is answered any more, and no job is sent to a dead handler.
        assert!(bench.status(A, JOB, JobStatus::Received).is_empty());
        assert!(bench.text(A, "nonsense").is_empty());
        assert_eq!(bench.push(OTHER_JOB), Delivery::Waiting);
        assert_eq!(bench.sleep(30), ["1.000s #1 close 1011"], "{frame}");
        assert!(!bench.stored(JOB).contains(&JobStatus::Received));
    }
}

#[test]
fn poison_that_was_stored_is_a_repetition_the_second_time() {
    let frame =
        ValidatorMessage::JobStatus(V0JobStatusUpdate::new(JOB, JobStatus::Completed)).encode();
    for (stored, second) in [(true, "job.integrity_error"), (false, "drop")] {
        let mut bench = Bench::with_alice(FacilitatorConfig {
            poison_is_stored: stored,
            ..FacilitatorConfig::default()
        });
        bench.push(JOB);
        bench.text(A, &frame);
        bench.authenticate(B, "alice");
        assert_eq!(kinds(&bench.text(B, &frame)), [second]);
    }
}

#[test]
fn an_unknown_job_is_not_found_before_anything_can_crash() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    assert_eq!(
        kinds(&bench.send(
            A,
            &ValidatorMessage::JobStatus(V0JobStatusUpdate::new(JOB, JobStatus::Completed))
        )),
        ["job.not_found"]
    );
}

#[test]
fn a_close_frame_ends_a_crashed_connection_early() {
    let mut bench = Bench::with_alice(FacilitatorConfig::imitating(Server::Daphne));
    bench.status(A, "nope", JobStatus::Received);
    bench
        .facilitator
        .handle_frame(bench.now, A, Frame::Close(None));
    assert_eq!(bench.drain(), ["#1 drop"]);
    assert_eq!(bench.facilitator.poll_timeout(), None);
}
