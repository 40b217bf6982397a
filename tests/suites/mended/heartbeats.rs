//! Heartbeats begin with the session, go on after every restart of the facilitator, and never pile up.

use std::time::Duration;

use facilitator_core::client::{Config, Phase, SendError};
use facilitator_core::facilitator::Memory;
use facilitator_core::message::JobStatus;
use facilitator_tests::pair::Pair;
use facilitator_tests::solo::{Solo, config, job, specs, update};

#[test]
fn used_before_start_it_says_so_and_after_start_it_beats_within_61_seconds() {
    let mut pair = Pair::new(config(), 1);
    let status = update(&job(1), JobStatus::Accepted);
    let errors = [
        pair.client.send_job_status(pair.now, status),
        pair.client
            .send_machine_specs(pair.now, "5X", &job(2), specs()),
    ];
    for error in errors.map(Result::unwrap_err) {
        assert_eq!(error, SendError::NotStarted);
        assert!(error.to_string().contains("call `start`"), "{error}");
    }
    for error in [pair.client.stop(pair.now), pair.client.abort(pair.now)] {
        let error = error.unwrap_err();
        assert!(error.to_string().contains("call `start`"), "{error}");
    }
    pair.start();
    pair.pass(Duration::from_secs(1));
    assert_eq!(pair.facilitator.stats().heartbeats, 1);
    pair.pass(Duration::from_mins(1));
    assert_eq!(pair.facilitator.stats().heartbeats, 2);
}

#[test]
fn heartbeats_resume_after_each_of_three_restarts() {
    let mut pair = Pair::new(config(), 1);
    pair.start();
    pair.pass(Duration::from_mins(1));
    for (sessions, memory) in [(2, Memory::Kept), (3, Memory::Lost), (4, Memory::Kept)] {
        pair.down = true;
        pair.facilitator.restart(pair.now, memory);
        pair.settle();
        pair.pass(Duration::from_mins(1));
        assert_eq!(pair.client.phase(), Phase::Waiting);
        pair.down = false;
        let before = pair.facilitator.stats().heartbeats;
        // The next attempt, whenever the schedule has it.
        pair.pass(config().backoff_max);
        assert_eq!(pair.client.stats().sessions, sessions);
        let resumed = pair.facilitator.stats().heartbeats;
        assert!(resumed > before, "{memory:?}");
        pair.pass(Duration::from_mins(5));
        assert_eq!(pair.facilitator.stats().heartbeats, resumed + 5);
    }
}

#[test]
fn no_heartbeat_is_queued_while_offline() {
    let mut solo = Solo::ready(Config {
        ping_interval: Duration::from_hours(24),
        ..config()
    });
    solo.cut();
    let offline = solo.now;
    while solo.now.saturating_duration_since(offline) < Duration::from_hours(1) {
        solo.wait_for_attempt();
        solo.refuse();
    }
    assert_eq!(solo.take().heartbeats(), 0);
    solo.reconnect();
    assert_eq!(solo.take().heartbeats(), 1, "one, not one for every minute");
    let moment = Duration::from_millis(1);
    solo.pass(config().heartbeat_interval.saturating_sub(moment));
    assert_eq!(solo.take().heartbeats(), 0);
    solo.pass(moment);
    assert_eq!(solo.take().heartbeats(), 1);
}
