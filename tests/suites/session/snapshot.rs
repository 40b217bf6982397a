//! What is owed survives the process: taken out of one session, put into another, nothing lost and nothing run twice.

use std::time::Duration;

use facilitator_core::client::{
    Config, DeclineReason, Event, Outcome, RestoreError, SendError, Snapshot, Subject,
};
use facilitator_core::message::{JobStatus, JobStatusMetadata, MinerResponse, V0JobStatusUpdate};
use facilitator_core::{Frame, Timestamp};
use facilitator_tests::solo::{SUCCESS, Solo, config, error, job, job_request, specs};

use JobStatus::{Accepted, Completed, ExecutorReady, Failed};

/// Through text and back, as a file would have it.
fn through_text(snapshot: &Snapshot) -> Snapshot {
    let text = serde_json::to_string(snapshot).unwrap();
    let read = serde_json::from_str(&text).unwrap();
    assert_eq!(*snapshot, read);
    read
}

/// A session with a bit of everything: jobs that are open, ended, ending and lost, statuses in flight and waiting, specs.
fn busy(config: Config) -> Solo {
    let mut solo = Solo::ready(Config {
        window: 2,
        ..config
    });
    for n in 1..=3 {
        solo.receive(&job_request(&job(n)));
        solo.receive(SUCCESS);
    }
    solo.send(&job(3), Failed);
    solo.receive(SUCCESS);
    solo.send(&job(4), Failed);
    solo.receive(&error("job.not_found"));
    solo.send(&job(1), Accepted);
    solo.send(&job(2), Accepted);
    solo.send(&job(1), ExecutorReady);
    solo.send(&job(2), Failed);
    let hotkey = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    solo.client
        .send_machine_specs(solo.now, hotkey, &job(99), specs())
        .unwrap();
    solo.take();
    solo
}

const OWED: [(u128, &str); 4] = [
    (1, "accepted"),
    (2, "accepted"),
    (1, "executor_ready"),
    (2, "failed"),
];

fn owed() -> Vec<(String, String)> {
    OWED.map(|(n, status)| (job(n), status.into())).to_vec()
}

/// What a session with this snapshot says, answered until nothing is owed.
fn deliver(solo: &mut Solo) -> (Vec<(String, String)>, usize) {
    solo.start();
    solo.become_ready();
    let (mut statuses, mut specs) = (Vec::new(), 0);
    while solo.client.owed() > 0 {
        let out = solo.take();
        statuses.extend(out.statuses());
        specs += out.specs();
        match out.pings().pop() {
            Some(ping) => solo.receive_frame(Frame::Pong(ping)),
            None => solo.receive(SUCCESS),
        }
    }
    (statuses, specs)
}

#[test]
fn a_new_process_goes_on_where_the_old_one_was() {
    let mut old = busy(config());
    old.client.abort(old.now).unwrap();
    let snapshot = through_text(&old.client.snapshot(old.now));
    assert_eq!((snapshot.owed(), snapshot.open_jobs()), (5, 2));

    let mut new = Solo::new(config());
    let restored = new.client.restore(new.now, &snapshot).unwrap();
    let statuses: Vec<_> = restored
        .iter()
        .filter_map(|message| match &message.subject {
            Subject::JobStatus { uuid, status } => Some((uuid.to_string(), status.to_string())),
            Subject::MachineSpecs { .. } => None,
        })
        .collect();
    assert_eq!(statuses, owed());
    assert_eq!(new.client.stats().open_jobs, 1);
    assert_eq!(deliver(&mut new), (owed(), 1));
    let out = new.take();
    assert_eq!(out.receipts().len(), 1, "the rest was taken before");

    // No job runs twice, whatever became of it.
    for n in 1..=4 {
        new.receive(&job_request(&job(n)));
        assert!(
            matches!(
                new.take().events[..],
                [Event::JobDeclined {
                    reason: DeclineReason::Duplicate,
                    ..
                }]
            ),
            "job {n}"
        );
    }
    // Nothing follows a terminal status, and what was delivered stays delivered.
    let late = V0JobStatusUpdate::new(job(3), Completed);
    let ended = new.client.send_job_status(new.now, late).unwrap_err();
    assert!(matches!(
        ended,
        SendError::JobEnded { ended: Failed, .. } | SendError::MissingMetadata { .. }
    ));
    let late = V0JobStatusUpdate::new(job(3), Accepted);
    let ended = new.client.send_job_status(new.now, late).unwrap_err();
    assert!(matches!(ended, SendError::JobEnded { ended: Failed, .. }));
    let id = new.send(&job(1), JobStatus::Received);
    let out = new.take();
    assert_eq!(out.outcome(id), &Outcome::AlreadyKnown);
    assert_eq!(out.statuses(), []);
}

#[test]
fn a_session_that_runs_can_be_copied_too() {
    let running = busy(config());
    let snapshot = through_text(&running.client.snapshot(running.now));
    let mut new = Solo::new(config());
    new.client.restore(new.now, &snapshot).unwrap();
    let again = new.client.snapshot(new.now);
    assert_eq!(again, snapshot, "what was put in comes out");
    assert_eq!(deliver(&mut new), (owed(), 1));
}

#[test]
fn the_same_session_takes_back_what_it_handed_back() {
    let mut solo = busy(config());
    solo.client.abort(solo.now).unwrap();
    solo.take();
    let snapshot = solo.client.snapshot(solo.now);
    solo.client.restore(solo.now, &snapshot).unwrap();
    assert_eq!(
        solo.client.restore(solo.now, &snapshot),
        Err(RestoreError::Occupied { owed: 5 }),
        "once is enough"
    );
    assert_eq!(deliver(&mut solo), (owed(), 1));
    assert_eq!(solo.client.stats().open_jobs, 1);
    solo.client.abort(solo.now).unwrap();
    assert_eq!(solo.client.snapshot(solo.now).owed(), 0);
}

#[test]
fn what_was_restored_and_not_started_is_handed_back_by_abort() {
    let mut solo = busy(config());
    solo.client.abort(solo.now).unwrap();
    let snapshot = solo.client.snapshot(solo.now);
    let mut new = Solo::new(config());
    new.client.restore(new.now, &snapshot).unwrap();
    new.client.abort(new.now).unwrap();
    let out = new.take();
    assert_eq!((out.stopped().len(), out.receipts().len()), (5, 5));
    assert!(new.client.abort(new.now).is_err(), "nothing is left to end");
}

#[test]
fn a_start_leaves_behind_what_was_handed_back() {
    let mut solo = busy(config());
    solo.client.abort(solo.now).unwrap();
    solo.start();
    let snapshot = solo.client.snapshot(solo.now);
    assert_eq!((snapshot.owed(), snapshot.open_jobs()), (0, 2));
}

#[test]
fn the_time_of_a_job_goes_on_between_the_processes() {
    let unix = Duration::from_secs(1_795_432_324);
    let time = Duration::from_secs(4) + config().job_margin;
    for known in [true, false] {
        let mut old = Solo::ready(config());
        if known {
            old.client.set_wall_clock(old.now, unix);
        }
        old.receive(&job_request(&job(1)));
        old.suspend(Duration::from_secs(5));
        let snapshot = through_text(&old.client.snapshot(old.now));

        // Another origin of time; the process was away for 100 s.
        let mut new = Solo::new(config());
        new.now = Timestamp::from_duration(Duration::from_secs(1_000_000));
        if known {
            let later = unix + Duration::from_secs(5 + 100);
            new.client.set_wall_clock(new.now, later);
        }
        new.client.restore(new.now, &snapshot).unwrap();
        new.start();
        let away = Duration::from_secs(if known { 5 + 100 } else { 5 });
        let overdue = |solo: &mut Solo| {
            solo.drain();
            solo.client.stats().jobs_overdue
        };
        new.suspend(time.saturating_sub(away + Duration::from_millis(1)));
        assert_eq!(overdue(&mut new), 0);
        new.suspend(Duration::from_millis(1));
        assert_eq!(overdue(&mut new), 1);
    }
}

#[test]
fn transmissions_are_counted_on() {
    let mut old = Solo::ready(config());
    old.send(&job(1), Accepted);
    old.cut();
    let snapshot = through_text(&old.client.snapshot(old.now));
    let mut new = Solo::new(config());
    new.client.restore(new.now, &snapshot).unwrap();
    new.start();
    new.become_ready();
    new.client.abort(new.now).unwrap();
    assert_eq!(new.take().stopped()[0].transmissions, 2);
}

#[test]
fn what_cannot_be_restored_changes_nothing() {
    let snapshot = busy(config()).client.snapshot(Timestamp::ZERO);
    let text = serde_json::to_string(&snapshot).unwrap();
    let damaged = |from: &str, to: &str| -> Snapshot {
        assert!(text.contains(from), "{from}");
        serde_json::from_str(&text.replacen(from, to, 1)).unwrap()
    };
    let refused = |config: Config, snapshot: &Snapshot| {
        let mut solo = Solo::new(config);
        let before = format!("{:?}", solo.client);
        let error = solo.client.restore(solo.now, snapshot).unwrap_err();
        assert_eq!(format!("{:?}", solo.client), before);
        error
    };
    let small = Config {
        outbox_entries: 4,
        ..config()
    };
    assert_eq!(
        refused(
            config(),
            &damaged(r#""version":1"#, r#""version":2,"more":[]"#)
        ),
        RestoreError::Version { found: 2 }
    );
    assert_eq!(
        refused(config(), &damaged(r#""hotkey":"5"#, r#""hotkey":"6"#)),
        RestoreError::Validator {
            found: snapshot_hotkey(&text).replacen('5', "6", 1)
        }
    );
    let uuid = format!(r#""uuid":"{}"#, job(4));
    assert_eq!(
        refused(config(), &damaged(&uuid, r#""uuid":"x"#)),
        RestoreError::Job { index: 1 }
    );
    assert_eq!(
        refused(
            config(),
            &damaged(r#""ended":"failed""#, r#""ended":"accepted""#)
        ),
        RestoreError::Job { index: 0 }
    );
    assert!(matches!(
        refused(config(), &damaged(r"V0JobStatusUpdate", "V9")),
        RestoreError::Unreadable { index: 0, .. }
    ));
    assert!(matches!(
        refused(
            config(),
            &damaged(r#"\"status\":\"accepted\""#, r#"\"status\":\"sent\""#)
        ),
        RestoreError::Message {
            index: 0,
            error: SendError::ReservedStatus { .. }
        }
    ));
    assert!(matches!(
        refused(small, &snapshot),
        RestoreError::NoRoom(SendError::Full { .. })
    ));
    let mut running = Solo::ready(config());
    assert_eq!(
        running.client.restore(running.now, &snapshot),
        Err(RestoreError::Running)
    );
    let garbage = serde_json::from_str::<Snapshot>(&text.replacen("\"owed\"", "\"owned\"", 1));
    assert!(garbage.is_err());
}

#[test]
fn terminal_statuses_beyond_the_bytes_keep_nothing_out() {
    let output = |n: usize| MinerResponse::new("", "x".repeat(n));
    let update = |uuid, status, n| {
        let metadata = JobStatusMetadata {
            miner_response: Some(output(n).into()),
            ..JobStatusMetadata::default()
        };
        V0JobStatusUpdate::new(uuid, status).with_metadata(metadata)
    };
    let tight = Config {
        message_bytes: 1024,
        outbox_bytes: 2048,
        ..config()
    };
    let mut solo = Solo::ready(tight.clone());
    let hotkey = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    let now = solo.now;
    solo.client
        .send_machine_specs(now, hotkey, &job(9), specs())
        .unwrap();
    for (n, status, bytes) in [
        (1, Accepted, 500),
        (2, Accepted, 300),
        (1, Completed, 500),
        (2, Completed, 500),
    ] {
        let update = update(job(n), status, bytes);
        solo.client.send_job_status(now, update).unwrap();
    }
    let bytes = solo.client.stats().outbox_bytes;
    assert!(bytes > tight.outbox_bytes);
    let snapshot = through_text(&solo.client.snapshot(now));
    let mut new = Solo::new(tight.clone());
    assert_eq!(new.client.restore(now, &snapshot).unwrap().len(), 5);
    assert_eq!(new.client.stats().outbox_bytes, bytes);
    // The bound holds for everything else, from now on, and for a session with less room.
    new.start();
    let one_more = V0JobStatusUpdate::new(job(3), Accepted);
    let full = new.client.send_job_status(now, one_more).unwrap_err();
    assert!(matches!(full, SendError::FullBytes { .. }), "{full}");
    let mut tighter = Solo::new(Config {
        outbox_bytes: 1024,
        ..tight
    });
    assert!(matches!(
        tighter.client.restore(now, &snapshot),
        Err(RestoreError::NoRoom(SendError::FullBytes {
            capacity: 1024,
            ..
        }))
    ));
    assert_eq!(tighter.client.owed(), 0);
}

#[test]
fn open_jobs_beyond_the_bound_are_kept_and_no_new_ones_come_in() {
    let few = Config {
        open_jobs: 1,
        ..config()
    };
    // A terminal status needs no open job; handed back, it leaves one.
    let mut solo = Solo::ready(few.clone());
    solo.send(&job(1), Accepted);
    solo.send(&job(2), Failed);
    solo.client.abort(solo.now).unwrap();
    assert_eq!(solo.client.stats().open_jobs, 2);
    for snapshot in [solo.client.snapshot(solo.now), two_open(&few)] {
        let mut new = Solo::new(few.clone());
        new.client.restore(new.now, &snapshot).unwrap();
        new.start();
        new.become_ready();
        new.receive(&job_request(&job(3)));
        let out = new.take();
        let busy = |event: &Event| {
            matches!(
                event,
                Event::JobDeclined {
                    reason: DeclineReason::Busy,
                    ..
                }
            )
        };
        assert!(out.events.iter().any(busy), "{:?}", out.events);
    }
}

/// Two open jobs, of a session with more room.
fn two_open(few: &Config) -> Snapshot {
    let mut solo = Solo::ready(Config {
        open_jobs: 2,
        ..few.clone()
    });
    for n in 1..=2 {
        solo.receive(&job_request(&job(n)));
        solo.receive(SUCCESS);
    }
    solo.client.snapshot(solo.now)
}

fn snapshot_hotkey(text: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    value["hotkey"].as_str().unwrap().to_owned()
}

#[test]
fn a_snapshot_shows_no_message() {
    let mut solo = Solo::ready(config());
    let update = V0JobStatusUpdate::new(job(1), Completed)
        .with_metadata(MinerResponse::new("", "what the customer has printed"));
    solo.client.send_job_status(solo.now, update).unwrap();
    let snapshot = solo.client.snapshot(solo.now);
    assert!(
        serde_json::to_string(&snapshot)
            .unwrap()
            .contains("customer")
    );
    assert!(!format!("{snapshot:?} {:?}", solo.client).contains("customer"));
}

#[test]
fn what_was_put_into_a_snapshot_from_outside_is_refused() {
    let mut solo = Solo::ready(config());
    assert!(solo.client.snapshot(solo.now).is_settled());
    solo.send(&job(1), Accepted);
    let snapshot = solo.client.snapshot(solo.now);
    assert!(!snapshot.is_settled());
    let mut value = serde_json::to_value(&snapshot).unwrap();
    let message = value["owed"][0]["message"].as_str().unwrap().to_owned();
    let mut restore = |message: &str| {
        value["owed"][0]["message"] = message.into();
        let snapshot: Snapshot = serde_json::from_value(value.clone()).unwrap();
        let mut fresh = Solo::new(config());
        fresh.client.restore(fresh.now, &snapshot).unwrap_err()
    };
    assert_eq!(
        restore(r#"{"message_type":"V0Heartbeat"}"#),
        RestoreError::Foreign { index: 0 }
    );
    let error = restore(&message.replace(&job(1), "no-uuid"));
    assert_eq!(
        error,
        RestoreError::Message {
            index: 0,
            error: SendError::InvalidUuid {
                found: "no-uuid".into()
            }
        }
    );
}

#[test]
fn a_job_that_could_never_end_is_refused() {
    let mut solo = Solo::ready(config());
    solo.receive(&job_request(&job(1)));
    solo.receive(SUCCESS);
    solo.send(&job(1), Failed);
    solo.receive(SUCCESS);
    let sound = serde_json::to_value(solo.client.snapshot(solo.now)).unwrap();
    assert_eq!(
        sound["jobs"][0]["delivered"],
        serde_json::json!(["received", "failed"])
    );
    for ended in [serde_json::Value::Null, "completed".into()] {
        let mut value = sound.clone();
        value["jobs"][0]["ended"] = ended;
        let snapshot: Snapshot = serde_json::from_value(value).unwrap();
        let mut new = Solo::new(config());
        assert_eq!(
            new.client.restore(new.now, &snapshot),
            Err(RestoreError::Job { index: 0 })
        );
    }
}

#[test]
fn a_job_that_stands_there_twice_is_one() {
    let mut value = serde_json::to_value(busy(config()).client.snapshot(Timestamp::ZERO)).unwrap();
    let jobs = value["jobs"].as_array().unwrap().clone();
    for _ in 0..1000 {
        value["jobs"].as_array_mut().unwrap().extend(jobs.clone());
    }
    let snapshot: Snapshot = serde_json::from_value(value).unwrap();
    let mut new = Solo::new(config());
    new.client.restore(new.now, &snapshot).unwrap();
    assert_eq!(new.client.stats().open_jobs, 1);
    assert_eq!(deliver(&mut new), (owed(), 1));
}

#[test]
fn numbers_without_end_are_lived_with() {
    let mut value = serde_json::to_value(busy(config()).client.snapshot(Timestamp::ZERO)).unwrap();
    value["taken_unix_ms"] = 0.into();
    for job in value["jobs"].as_array_mut().unwrap() {
        job["time_left_ms"] = u64::MAX.into();
    }
    for owed in value["owed"].as_array_mut().unwrap() {
        owed["transmissions"] = u32::MAX.into();
    }
    let snapshot: Snapshot = serde_json::from_value(value).unwrap();
    let mut new = Solo::new(config());
    new.client
        .set_wall_clock(new.now, Duration::from_secs(u64::MAX));
    new.client.restore(new.now, &snapshot).unwrap();
    new.start();
    new.become_ready();
    new.client.abort(new.now).unwrap();
    assert_eq!(new.take().stopped()[0].transmissions, u32::MAX);
    let again = through_text(&new.client.snapshot(new.now));
    assert_eq!(again.owed(), snapshot.owed());
}
