//! A share of the seeds that fits into everybody's patience; the figures are printed.

use std::time::Duration;

use facilitator_tests::world::{Counts, FAULT_KINDS, Profile, Promise, Scenario, Verdicts};

/// Runs the seeds of a profile, and fails with the command that shows the first failure again.
fn run(
    profile: Profile,
    seeds: u64,
    time: Duration,
    clients: usize,
    facilitators: usize,
) -> (Counts, Verdicts) {
    let (mut counts, mut verdicts) = (Counts::default(), Verdicts::default());
    for seed in 0..seeds {
        let scenario = Scenario::new(seed, profile, clients, facilitators, time);
        let report = scenario.run().unwrap();
        assert!(
            report.is_clean(),
            "{}\nsimulate --seeds {seed} --hours {} --clients {clients} --facilitators {facilitators} --faults {profile}",
            report.first().unwrap(),
            time.as_secs_f64() / 3600.0,
        );
        counts.add(&report.counts);
        verdicts.add(&report.verdicts);
    }
    println!("{profile}: {counts:?}");
    (counts, verdicts)
}

#[test]
fn nothing_goes_wrong_where_nothing_does() {
    let (counts, verdicts) = run(Profile::None, 10, Duration::from_hours(2), 2, 1);
    assert_eq!((counts.resent, counts.losses, counts.repeated), (0, 0, 0));
    assert_eq!(counts.jobs, counts.jobs_pushed);
    assert!(verdicts.checked(Promise::Order) > 1000);
}

#[test]
fn cuts_at_any_byte_lose_nothing() {
    let (counts, _) = run(Profile::Drops, 300, Duration::from_mins(6), 1, 1);
    assert!(
        counts.losses > 1000 && counts.resent > 300 && counts.already_known > 100,
        "the cuts must hit something: {counts:?}"
    );
}

#[test]
fn an_ordinary_week_is_survived() {
    run(Profile::Gentle, 10, Duration::from_hours(6), 3, 2);
}

#[test]
fn everything_at_once_is_survived_and_every_promise_put_to_the_test() {
    let mut all = run(Profile::Harsh, 100, Duration::from_mins(30), 2, 2);
    let hell = run(Profile::Hell, 60, Duration::from_mins(10), 3, 1);
    all.0.add(&hell.0);
    all.1.add(&hell.1);
    let (counts, verdicts) = all;
    for (name, count) in FAULT_KINDS.iter().zip(counts.faults) {
        assert!(count > 0, "{name} never happened");
    }
    for promise in Promise::ALL {
        assert!(
            verdicts.checked(promise) > 0,
            "{promise} was never put to the test"
        );
    }
    assert!(counts.set_aside > 0 && counts.refused > 0 && counts.handed_back > 0);
}
