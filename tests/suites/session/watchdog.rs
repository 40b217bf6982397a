//! Every job that was taken up has a time. When it is over, the session ends the job itself, once.

use std::time::Duration;

use facilitator_core::client::{
    Config, DeclineReason, Event, Outcome, Phase, SendError, Subject, Timer,
};
use facilitator_core::message::{JobStatus, V0JobStatusUpdate};
use facilitator_tests::solo::{Outputs, SUCCESS, Solo, config, error, job, job_request};
use serde_json::json;

/// The time of [`job_request`]'s jobs: four limits of a second, and the margin.
fn time_of_a_job() -> Duration {
    Duration::from_secs(4) + config().job_margin
}

/// A session that never falls silent, so that only jobs and heartbeats wake it.
fn quiet() -> Config {
    Config {
        ping_interval: Duration::from_hours(1000),
        acknowledgement_timeout: Duration::from_hours(1000),
        ..config()
    }
}

fn overdue(out: &Outputs) -> usize {
    out.events
        .iter()
        .filter(|event| matches!(event, Event::JobOverdue { .. }))
        .count()
}

/// A session that has taken a job on, and whose `received` was answered.
fn with_a_job(config: Config) -> Solo {
    let mut solo = Solo::ready(config);
    solo.receive(&job_request(&job(1)));
    solo.receive(SUCCESS);
    solo.take();
    solo
}

#[test]
fn a_job_that_nobody_ends_is_ended_as_horde_failed_at_its_time() {
    let mut solo = with_a_job(quiet());
    solo.pass(time_of_a_job().saturating_sub(Duration::from_nanos(1)));
    let out = solo.take();
    assert_eq!((out.statuses().len(), overdue(&out)), (0, 0));
    solo.pass(Duration::from_nanos(1));
    let out = solo.take();
    assert_eq!(overdue(&out), 1);
    assert_eq!(out.statuses(), [(job(1), "horde_failed".into())]);
    let text = out.texts().pop().unwrap();
    let message: serde_json::Value = serde_json::from_str(&text).unwrap();
    let details = &message["metadata"]["horde_failure_details"];
    assert_eq!(details["reported_by"], json!("validator"));
    assert_eq!(details["reason"], json!("unhandled_timeout"));

    solo.receive(SUCCESS);
    let out = solo.take();
    let [receipt] = out.receipts()[..] else {
        panic!("{:?}", out.events)
    };
    assert!(receipt.automatic && receipt.outcome == Outcome::Acknowledged);
    assert_eq!(solo.client.stats().open_jobs, 0);
    assert_eq!(solo.client.stats().jobs_overdue, 1);
    solo.pass(Duration::from_hours(48));
    assert_eq!(solo.take().statuses(), []);
}

#[test]
fn a_job_that_has_ended_is_left_alone() {
    let mut solo = with_a_job(quiet());
    solo.send(&job(1), JobStatus::Failed);
    solo.pass(time_of_a_job());
    let out = solo.take();
    assert_eq!((out.statuses().len(), overdue(&out)), (1, 0));
}

#[test]
fn a_worker_that_reports_too_late_is_told_so() {
    let mut solo = with_a_job(quiet());
    solo.pass(time_of_a_job());
    let late = V0JobStatusUpdate::new(job(1), JobStatus::Failed);
    let error = solo.client.send_job_status(solo.now, late).unwrap_err();
    let ended = JobStatus::HordeFailed;
    assert!(
        matches!(error, SendError::JobEnded { ended: found, .. } if found == ended),
        "{error}"
    );
}

#[test]
fn a_full_outbox_has_a_slot_for_it_and_an_outage_does_not_stop_it() {
    let mut solo = with_a_job(Config {
        outbox_entries: 4,
        outbox_bytes: 1024,
        message_bytes: 1024,
        ..quiet()
    });
    solo.cut();
    for status in [
        JobStatus::Accepted,
        JobStatus::ExecutorReady,
        JobStatus::VolumesReady,
    ] {
        solo.send(&job(1), status);
    }
    let more = V0JobStatusUpdate::new(job(1), JobStatus::ExecutionDone);
    assert!(solo.client.send_job_status(solo.now, more).is_err());
    for _ in 0..100 {
        solo.wait_for_attempt();
        solo.refuse();
    }
    assert_eq!(overdue(&solo.take()), 1);
    solo.wait_for_attempt();
    solo.become_ready();
    for _ in 0..4 {
        solo.receive(SUCCESS);
    }
    let statuses: Vec<String> = solo.take().statuses().into_iter().map(|(_, s)| s).collect();
    assert_eq!(
        statuses,
        [
            "accepted",
            "executor_ready",
            "volumes_ready",
            "horde_failed"
        ]
    );
}

#[test]
fn a_last_word_that_the_facilitator_refuses_is_not_said_again() {
    let mut solo = with_a_job(quiet());
    solo.pass(time_of_a_job());
    solo.receive(&error("job.whatever"));
    let out = solo.take();
    assert!(matches!(
        out.receipts()[0].outcome,
        Outcome::Refused(ref errors) if errors[0].kind == "job.whatever"
    ));
    assert_eq!(solo.client.stats().open_jobs, 0, "its slot is free again");
    solo.pass(Duration::from_hours(48));
    assert_eq!(solo.take().statuses(), []);
    solo.receive(&job_request(&job(1)));
    assert!(matches!(
        solo.take().events[..],
        [Event::JobDeclined {
            reason: DeclineReason::Duplicate,
            ..
        }]
    ));
}

#[test]
fn a_terminal_status_that_is_refused_leaves_the_job_to_the_watchdog() {
    let mut solo = with_a_job(quiet());
    solo.send(&job(1), JobStatus::Failed);
    solo.receive(&error("job.whatever"));
    assert_eq!(solo.client.stats().open_jobs, 1);
    solo.take();
    solo.pass(time_of_a_job());
    assert_eq!(solo.take().statuses(), [(job(1), "horde_failed".into())]);
}

#[test]
fn a_last_word_that_was_handed_back_is_said_again_after_the_next_start() {
    let mut solo = with_a_job(quiet());
    solo.pass(time_of_a_job());
    solo.client.abort(solo.now).unwrap();
    assert_eq!(solo.take().stopped().len(), 1);
    solo.start();
    solo.become_ready();
    solo.pass(Duration::ZERO);
    solo.receive(SUCCESS);
    assert_eq!(solo.take().statuses(), [(job(1), "horde_failed".into())]);
    assert_eq!(solo.client.stats().open_jobs, 0);
}

#[test]
fn while_the_session_is_stopped_nothing_is_due() {
    let mut solo = with_a_job(quiet());
    solo.client.abort(solo.now).unwrap();
    solo.take();
    assert_eq!(solo.next_timer(), None);
    solo.suspend(Duration::from_hours(100));
    assert_eq!(solo.client.phase(), Phase::Idle);
    assert!(solo.take().events.is_empty());
}

#[test]
fn a_stop_and_a_job_that_are_overdue_in_the_same_tick() {
    let mut solo = with_a_job(config());
    solo.client.stop(solo.now).unwrap();
    solo.take();
    solo.suspend(time_of_a_job() * 2);
    let out = solo.take();
    assert_eq!((out.stopped().len(), overdue(&out)), (0, 0));
    assert_eq!((solo.client.owed(), solo.next_timer()), (0, None));
    // The job is still open, and is ended as soon as somebody could hear of it.
    solo.start();
    solo.suspend(Duration::ZERO);
    assert_eq!(overdue(&solo.take()), 1);
}

#[test]
fn limits_without_end_make_a_job_without_end() {
    let mut solo = Solo::ready(quiet());
    let request = job_request(&job(1)).replace(
        r#""execution_time_limit": 1"#,
        r#""execution_time_limit": 1000000000000000000000000000000"#,
    );
    solo.receive(&request);
    solo.receive(SUCCESS);
    solo.take();
    solo.suspend(Duration::from_hours(1_000_000));
    assert_eq!(overdue(&solo.take()), 0);
}

#[test]
fn negative_limits_count_as_none() {
    let mut solo = Solo::ready(quiet());
    let request = job_request(&job(1)).replace(
        r#""execution_time_limit": 1"#,
        r#""execution_time_limit": -100000"#,
    );
    solo.receive(&request);
    solo.receive(SUCCESS);
    solo.take();
    let time = Duration::from_secs(3) + config().job_margin;
    solo.pass(time.saturating_sub(Duration::from_nanos(1)));
    assert_eq!(overdue(&solo.take()), 0);
    solo.pass(Duration::from_nanos(1));
    assert_eq!(overdue(&solo.take()), 1);
}

#[test]
fn an_adopted_job_is_open_until_its_own_time() {
    let mut solo = Solo::ready(quiet());
    let adopt = |solo: &mut Solo, n, secs| {
        let result = solo
            .client
            .adopt_job(solo.now, &job(n), Duration::from_secs(secs));
        solo.drain();
        result
    };
    adopt(&mut solo, 1, 1000).unwrap();
    adopt(&mut solo, 2, 2000).unwrap();
    assert_eq!(solo.client.stats().open_jobs, 2);
    assert_eq!(solo.take().statuses(), [], "nothing is said of it");
    solo.receive(&job_request(&job(1)));
    assert!(matches!(
        solo.take().events[..],
        [Event::JobDeclined {
            reason: DeclineReason::Duplicate,
            ..
        }]
    ));
    // Once more: it has more time now.
    solo.pass(Duration::from_secs(999));
    adopt(&mut solo, 1, 500).unwrap();
    solo.pass(Duration::from_secs(499));
    assert_eq!(overdue(&solo.take()), 0);
    solo.pass(Duration::from_secs(1));
    let out = solo.take();
    assert_eq!(out.statuses(), [(job(1), "horde_failed".into())]);
    assert!(matches!(
        adopt(&mut solo, 1, 1).unwrap_err(),
        SendError::JobEnded { .. }
    ));
    // The other one keeps its own.
    solo.pass(Duration::from_secs(501));
    let out = solo.take();
    assert_eq!(out.statuses(), [(job(2), "horde_failed".into())]);
}

#[test]
fn a_job_that_is_taken_up_by_its_status_has_a_time_too() {
    let mut solo = Solo::ready(quiet());
    solo.send(&job(1), JobStatus::Accepted);
    solo.receive(SUCCESS);
    solo.take();
    solo.pass(config().adopted_job_limit);
    let out = solo.take();
    assert_eq!(out.statuses(), [(job(1), "horde_failed".into())]);
}

#[test]
fn what_cannot_be_adopted_is_a_typed_error_that_changes_nothing() {
    let time = Duration::from_secs(9);
    let mut solo = Solo::new(config());
    let refused = |solo: &mut Solo, uuid: &str| {
        let before = solo.client.stats();
        let error = solo.client.adopt_job(solo.now, uuid, time).unwrap_err();
        assert_eq!(solo.client.stats(), before);
        error
    };
    assert_eq!(refused(&mut solo, &job(1)), SendError::NotStarted);
    let mut solo = Solo::ready(Config {
        open_jobs: 1,
        ..config()
    });
    assert!(matches!(
        refused(&mut solo, "x"),
        SendError::InvalidUuid { found } if found == "x"
    ));
    solo.client.adopt_job(solo.now, &job(1), time).unwrap();
    assert_eq!(
        refused(&mut solo, &job(2)),
        SendError::TooManyJobs { limit: 1 }
    );
    let mut solo = Solo::ready(Config {
        outbox_entries: 2,
        ..config()
    });
    solo.client.adopt_job(solo.now, &job(1), time).unwrap();
    solo.client.adopt_job(solo.now, &job(2), time).unwrap();
    assert!(refused(&mut solo, &job(3)).is_full());
}

#[test]
fn the_next_deadline_of_a_job_has_a_name() {
    let mut solo = with_a_job(Config {
        heartbeat_interval: Duration::from_hours(1000),
        ..quiet()
    });
    let (at, timer) = solo.next_timer().unwrap();
    assert_eq!(
        (at.saturating_duration_since(solo.now), timer),
        (time_of_a_job(), Timer::Watchdog)
    );
    let subject = Subject::JobStatus {
        uuid: job(1).parse().unwrap(),
        status: JobStatus::HordeFailed,
    };
    solo.pass(time_of_a_job());
    solo.receive(SUCCESS);
    assert_eq!(solo.take().receipts()[0].subject, subject);
    assert_eq!(
        solo.next_timer().map(|(_, timer)| timer),
        Some(Timer::Heartbeat)
    );
}
