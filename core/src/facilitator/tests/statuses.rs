//! What becomes of a status update that crashes nobody.

use super::*;

#[test]
fn each_is_answered_once_and_stored_once() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.push(JOB);
    bench.drain();
    assert_eq!(
        kinds(&bench.status(A, JOB, JobStatus::Received)),
        ["success"]
    );
    assert_eq!(
        kinds(&bench.status(A, JOB, JobStatus::Received)),
        ["job.integrity_error"]
    );
    assert_eq!(
        kinds(&bench.status(A, OTHER_JOB, JobStatus::Received)),
        ["job.not_found"]
    );
    assert_eq!(bench.stored(JOB), [JobStatus::Sent, JobStatus::Received]);
    let job = bench.facilitator.job(JOB).unwrap();
    assert_eq!(
        (job.updates(), job.repetitions(), job.deliveries()),
        (2, 1, 1)
    );
    let stats = bench.facilitator.stats();
    assert_eq!(
        (
            stats.statuses_stored,
            stats.statuses_repeated,
            stats.statuses_unknown_job
        ),
        (1, 1, 1)
    );
    assert_eq!(stats.responses, 4);
}

#[test]
fn the_newest_is_the_current_one_even_when_it_reopens_the_job() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.push(JOB);
    bench.status(A, JOB, JobStatus::Completed);
    assert_eq!(
        bench.facilitator.job(JOB).unwrap().current_status(),
        JobStatus::Completed
    );
    bench.wait(5);
    bench.status(A, JOB, JobStatus::Accepted);
    let job = bench.facilitator.job(JOB).unwrap();
    assert_eq!(job.current_status(), JobStatus::Accepted);
    let newest = job.statuses().last().unwrap();
    assert_eq!((newest.at, newest.conn), (bench.now, Some(A)));
}

#[test]
fn an_unknown_one_is_stored_as_unknown_once_and_sent_is_taken() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.push(JOB);
    bench.drain();
    let frame = |status: &str| {
        format!(r#"{{"message_type":"V0JobStatusUpdate","uuid":"{JOB}","status":"{status}"}}"#)
    };
    assert_eq!(kinds(&bench.text(A, &frame("paused"))), ["success"]);
    assert_eq!(
        kinds(&bench.text(A, &frame("other"))),
        ["job.integrity_error"]
    );
    assert_eq!(
        kinds(&bench.text(A, &frame("sent"))),
        ["job.integrity_error"]
    );
    assert_eq!(bench.stored(JOB), [JobStatus::Sent, JobStatus::Unknown]);
}

#[test]
fn any_spelling_of_the_uuid_and_any_validator_will_do() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.push(JOB);
    bench.authenticate(B, "bob");
    let spelling = JOB.replace('-', "");
    assert_eq!(
        kinds(&bench.status(B, &spelling, JobStatus::Received)),
        ["success"]
    );
    assert!(bench.facilitator.job(&format!("{{{JOB}}}")).is_some());
}

#[test]
fn incomplete_streaming_details_get_an_integrity_error_and_are_stored() {
    for stored in [true, false] {
        let mut bench = Bench::with_alice(FacilitatorConfig {
            poison_is_stored: stored,
            ..FacilitatorConfig::default()
        });
        bench.push(JOB);
        bench.drain();
        let details = StreamingServerDetails {
            streaming_server_address: Some("h".to_string()),
            ..StreamingServerDetails::default()
        };
        let update = V0JobStatusUpdate::new(JOB, JobStatus::StreamingReady).with_metadata(details);
        let seen = bench.send(A, &ValidatorMessage::JobStatus(update));
        assert_eq!(kinds(&seen), ["job.integrity_error"]);
        assert_eq!(
            bench.stored(JOB).contains(&JobStatus::StreamingReady),
            stored
        );
    }
}

#[test]
fn the_verdict_compares_both_books() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.push(JOB);
    bench.status(A, JOB, JobStatus::Accepted);
    bench.status(A, JOB, JobStatus::Received);
    let submitted = [
        JobStatus::Received,
        JobStatus::Accepted,
        JobStatus::Completed,
    ];
    let verdict = bench
        .facilitator
        .verdict([(JOB, &submitted[..]), (OTHER_JOB, &submitted[..1])]);
    assert_eq!(
        (verdict.lost, verdict.reordered, verdict.duplicates_applied),
        (2, 1, 0)
    );
}
