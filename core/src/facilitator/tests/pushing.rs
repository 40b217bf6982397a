//! Who gets a job or a cheat report, when, and how often.

use super::*;

fn is_job(line: &str, conn: ConnectionId, uuid: &str) -> bool {
    let Some(text) = line.strip_prefix(&format!("{conn} ")) else {
        return false;
    };
    matches!(
        FacilitatorMessage::decode(text, DecodeMode::Strict).map(|decoded| decoded.message),
        Ok(FacilitatorMessage::JobRequest(request)) if request.uuid == uuid
    )
}

#[test]
fn a_job_goes_to_every_connection_of_its_validator() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.authenticate(B, "alice");
    bench.connect(ConnectionId(3));
    let validator = account("alice");
    assert_eq!(
        bench.push(JOB),
        Delivery::Sent {
            validator,
            connections: 2
        }
    );
    let seen = bench.drain();
    assert!(
        seen.len() == 2 && is_job(&seen[0], A, JOB) && is_job(&seen[1], B, JOB),
        "{seen:?}"
    );
    assert_eq!(
        bench.facilitator.job(JOB).unwrap().validator(),
        Some(validator)
    );
}

#[test]
fn validators_take_turns_and_a_target_is_kept() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.authenticate(B, "bob");
    let uuid = |n: u64| format!("00000000-0000-4000-8000-{n:012}");
    for n in 0..4 {
        bench.push(&uuid(n));
    }
    bench
        .facilitator
        .push_job_to(bench.now, account("bob"), request(&uuid(4)))
        .unwrap();
    let given: Vec<_> = bench
        .facilitator
        .jobs()
        .map(|job| job.validator().unwrap())
        .collect();
    let count = given
        .iter()
        .filter(|validator| **validator == account("bob"))
        .count();
    assert_eq!((given.len(), count), (5, 3));
    assert_ne!(given[0], given[1]);
    assert_eq!(given[4], account("bob"));
}

#[test]
fn a_job_that_finds_nobody_waits_and_follows_the_authentication() {
    let mut bench = Bench::imitating(Server::Uvicorn);
    assert_eq!(bench.push(JOB), Delivery::Waiting);
    bench
        .facilitator
        .push_job_to(bench.now, account("bob"), request(OTHER_JOB))
        .unwrap();
    let seen = bench.authenticate(A, "alice");
    assert!(
        seen.len() == 2 && seen[0].ends_with(SUCCESS) && is_job(&seen[1], A, JOB),
        "{seen:?}"
    );
    let seen = bench.authenticate(B, "bob");
    assert!(
        seen.len() == 2 && is_job(&seen[1], B, OTHER_JOB),
        "{seen:?}"
    );
    assert_eq!(bench.authenticate(ConnectionId(3), "alice").len(), 1);
}

#[test]
fn who_was_silent_for_three_minutes_gets_no_job_until_it_speaks() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.wait(180);
    assert!(matches!(bench.push(JOB), Delivery::Sent { .. }));
    bench.wait(1);
    // A status is no heartbeat.
    bench.status(A, JOB, JobStatus::Received);
    assert_eq!(bench.push(OTHER_JOB), Delivery::Waiting);
    let seen = bench.send(A, &ValidatorMessage::Heartbeat);
    assert!(
        seen.len() == 1 && is_job(&seen[0], A, OTHER_JOB),
        "{seen:?}"
    );
}

#[test]
fn a_stale_connection_gets_the_job_along_with_the_one_that_was_heard() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.wait(200);
    bench.authenticate(B, "alice");
    let validator = account("alice");
    assert_eq!(
        bench.push(JOB),
        Delivery::Sent {
            validator,
            connections: 2
        }
    );
}

#[test]
fn what_cannot_be_taken_on_is_refused_by_name() {
    let mut config = FacilitatorConfig {
        validators: Known::only([account("alice")]),
        ..FacilitatorConfig::default()
    };
    config.limits.jobs = 1;
    let mut bench = Bench::new(config);
    let now = bench.now;
    assert_eq!(
        bench.facilitator.push_job(now, request("nope")),
        Err(PushError::UuidInvalid {
            uuid: "nope".to_string()
        })
    );
    bench.push(JOB);
    assert_eq!(
        bench.facilitator.push_job(now, request(JOB)),
        Err(PushError::AlreadyPushed {
            uuid: JOB.to_string()
        })
    );
    assert_eq!(
        bench.facilitator.push_job(now, request(OTHER_JOB)),
        Err(PushError::Full { limit: 1 })
    );
    let validator = account("bob");
    assert_eq!(
        bench
            .facilitator
            .push_job_to(now, validator, request(OTHER_JOB)),
        Err(PushError::UnknownValidator { validator })
    );
    assert_eq!(
        bench.facilitator.push_again(now, "x"),
        Err(UnknownJob {
            uuid: "x".to_string()
        })
    );
    assert!(bench.facilitator.forget_job(JOB).is_some());
    assert!(bench.facilitator.forget_job(JOB).is_none());
    bench.push(OTHER_JOB);
    assert_eq!(bench.facilitator.jobs().count(), 1);
}

#[test]
fn a_job_can_be_sent_again() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.push(JOB);
    bench.drain();
    let validator = account("alice");
    let again = bench.facilitator.push_again(bench.now, JOB);
    assert_eq!(
        again,
        Ok(Delivery::Sent {
            validator,
            connections: 1
        })
    );
    let seen = bench.drain();
    assert!(is_job(&seen[0], A, JOB));
    assert_eq!(bench.facilitator.job(JOB).unwrap().deliveries(), 2);
    // Without a connection it waits for its own validator.
    bench.facilitator.handle_disconnected(bench.now, A);
    assert_eq!(
        bench.facilitator.push_again(bench.now, JOB),
        Ok(Delivery::Waiting)
    );
    assert_eq!(bench.authenticate(B, "bob").len(), 1);
    assert_eq!(bench.authenticate(ConnectionId(3), "alice").len(), 2);
}

#[test]
fn unanswered_jobs_are_sent_again_only_when_it_is_wanted() {
    for wanted in [false, true] {
        let mut bench = Bench::with_alice(FacilitatorConfig {
            resend_unanswered: wanted,
            ..FacilitatorConfig::default()
        });
        bench.push(JOB);
        bench.push(OTHER_JOB);
        bench.status(A, OTHER_JOB, JobStatus::Received);
        bench.facilitator.handle_disconnected(bench.now, A);
        let seen = bench.authenticate(B, "alice");
        assert_eq!(seen.len(), 1 + usize::from(wanted), "{seen:?}");
        assert_eq!(seen.iter().any(|line| is_job(line, B, JOB)), wanted);
    }
}

#[test]
fn a_cheat_report_goes_where_the_job_went() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.push(JOB);
    bench.authenticate(B, "bob");
    bench.drain();
    let validator = account("alice");
    let sent = bench.facilitator.report_cheated_job(bench.now, report(JOB));
    assert_eq!(
        sent,
        Ok(Delivery::Sent {
            validator,
            connections: 1
        })
    );
    let seen = bench.drain();
    assert!(
        seen.len() == 1 && seen[0].starts_with("#1 {") && seen[0].contains("V0JobCheated"),
        "{seen:?}"
    );
    bench.facilitator.handle_disconnected(bench.now, A);
    assert_eq!(
        bench.facilitator.report_cheated_job(bench.now, report(JOB)),
        Ok(Delivery::Waiting)
    );
    let seen = bench.authenticate(ConnectionId(3), "alice");
    assert!(
        seen.len() == 2 && seen[1].contains("V0JobCheated"),
        "{seen:?}"
    );
    assert_eq!(bench.facilitator.stats().cheat_reports_sent, 2);
    assert_eq!(
        bench.facilitator.job(JOB).unwrap().cheat_report(),
        Some(&report(JOB))
    );
    assert!(
        bench
            .facilitator
            .report_cheated_job(bench.now, report("x"))
            .is_err()
    );
}
