//! A stop has one deadline, whatever hangs and however much is queued, and hands back what is left.

use std::time::Duration;

use facilitator_core::client::{Config, Event, LifecycleError, Outcome, Phase};
use facilitator_core::facilitator::{Facilitator, FacilitatorConfig};
use facilitator_core::message::JobStatus::{
    self, Accepted, ExecutionDone, ExecutorReady, Failed, VolumesReady,
};
use facilitator_tests::pair::Pair;
use facilitator_tests::solo::{SUCCESS, Solo, config, error, job, update};

/// Room for one status of one job, besides its terminal status.
fn small() -> Config {
    Config {
        outbox_entries: 2,
        ..config()
    }
}

/// A session in each phase that has one, with a full outbox.
fn in_every_phase() -> Vec<(&'static str, Solo)> {
    let new = || {
        let mut solo = Solo::new(small());
        solo.start();
        solo
    };
    let full = |mut solo: Solo| {
        solo.send(&job(1), Accepted);
        let more = update(&job(1), VolumesReady);
        let refused = solo.client.send_job_status(solo.now, more);
        assert!(refused.is_err_and(|error| error.is_full()));
        solo
    };
    let connecting = full(new());
    let mut authenticating = full(new());
    authenticating.connect();
    let mut ready = new();
    ready.become_ready();
    let ready = full(ready);
    let mut waiting = ready.client_clone();
    waiting.cut();
    let mut draining = ready.client_clone();
    draining.client.stop(draining.now).unwrap();
    let mut refused = full(new());
    refused.connect();
    refused.receive(&error("auth.validator_not_found"));
    let mut refused_waiting = refused.client_clone();
    refused_waiting.cut();
    vec![
        ("connecting", connecting),
        ("authenticating", authenticating),
        ("ready", ready),
        ("waiting", waiting),
        ("draining", draining),
        ("closing", refused),
        ("waiting, for minutes", refused_waiting),
    ]
}

#[test]
fn stop_ends_within_its_deadline_in_every_phase() {
    for (phase, mut solo) in in_every_phase() {
        let begin = solo.now;
        let again = solo.client.phase() == Phase::Draining;
        let expected = if again {
            Err(LifecycleError::AlreadyStopping)
        } else {
            Ok(())
        };
        assert_eq!(solo.client.stop(solo.now), expected, "{phase}");
        solo.drain();
        while solo.client.is_running() {
            // Whatever is tried hangs: nothing is read, nothing answered.
            solo.pass(Duration::from_millis(100));
            assert!(
                solo.now.saturating_duration_since(begin) <= small().drain_timeout,
                "{phase}: still {} after the deadline",
                solo.client.phase()
            );
        }
        let out = solo.take();
        let [owed] = out.stopped() else {
            panic!("{phase}: {:?}", out.stopped())
        };
        assert!(owed.as_json().contains(&job(1)), "{phase}");
        assert!(
            matches!(out.outcome(owed.id), Outcome::HandedBack(_)),
            "{phase}"
        );
        assert_eq!(solo.next_timer(), None, "{phase}");
        assert_eq!(solo.client.owed(), 0, "{phase}");
        // It can start again, and the status that was handed back can be given again.
        solo.start();
        solo.send(&job(1), Accepted);
        solo.become_ready();
        solo.receive(SUCCESS);
        assert_eq!(solo.client.stats().statuses_acknowledged, 1, "{phase}");
    }
}

#[test]
fn abort_ends_at_once_in_every_phase() {
    for (phase, mut solo) in in_every_phase() {
        solo.client.abort(solo.now).unwrap();
        assert_eq!(solo.client.phase(), Phase::Idle, "{phase}");
        let out = solo.take();
        assert_eq!(out.stopped().len(), 1, "{phase}");
        assert_eq!(solo.next_timer(), None, "{phase}");
    }
}

/// How long the session takes to its end.
fn time_to_the_end(pair: &mut Pair) -> Duration {
    let begin = pair.now;
    while pair.client.is_running() {
        assert!(pair.step(), "nothing more happens, and it has not ended");
    }
    pair.now.saturating_duration_since(begin)
}

/// A session whose facilitator takes a tenth of a second for a frame, two hundred jobs that were received, and a
/// thousand updates on them.
fn a_thousand_queued() -> Pair {
    const STATUSES: [JobStatus; 5] = [Accepted, ExecutorReady, VolumesReady, ExecutionDone, Failed];
    let config = Config {
        outbox_entries: 2000,
        ..config()
    };
    let mut pair = Pair::new(config, 1);
    pair.facilitator = Facilitator::new(FacilitatorConfig {
        handling_time: Duration::from_millis(100),
        ..pair.facilitator.config().clone()
    });
    pair.start();
    let jobs: Vec<String> = (0..200).map(|n| pair.push_job(n)).collect();
    pair.pass(Duration::from_mins(1));
    assert_eq!(
        (pair.client.owed(), pair.client.stats().open_jobs),
        (0, 200)
    );
    for status in STATUSES {
        for uuid in &jobs {
            let update = update(uuid, status);
            pair.client.send_job_status(pair.now, update).unwrap();
        }
    }
    pair.settle();
    pair.events.clear();
    pair
}

#[test]
fn a_thousand_queued_updates_have_one_deadline_and_the_rest_is_handed_back() {
    for gone in [false, true] {
        let mut pair = a_thousand_queued();
        if gone {
            pair.down = true;
            pair.cut(0);
        }
        pair.client.stop(pair.now).unwrap();
        pair.settle();
        let took = time_to_the_end(&mut pair);
        assert!(took <= config().drain_timeout, "{took:?}");

        let Some(Event::Stopped { owed }) = pair.events.last() else {
            panic!("the last event is {:?}", pair.events.last())
        };
        let outcomes: Vec<&Outcome> = pair
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Receipt(receipt) => Some(&receipt.outcome),
                _ => None,
            })
            .collect();
        let delivered = outcomes.iter().filter(|o| o.is_delivered()).count();
        println!(
            "{delivered} delivered, {} handed back in {took:?}",
            owed.len()
        );
        assert_eq!((outcomes.len(), delivered + owed.len()), (1000, 1000));
        assert!(owed.iter().is_sorted_by_key(|owed| owed.id));
        // As many as a tenth of a second allows, or none.
        let possible = if gone { 0..=0 } else { 90..=100 };
        assert!(possible.contains(&delivered), "{delivered} delivered");
    }
}
