//! All runs within these bounds keep every promise, and all of them end. Each size has a floor of states and of depth, close
//! below what there is: none of them can become trivial in silence. Larger ones are run with the program `check`.

use std::time::Instant;

use facilitator_tests::check::{Bounds, Poison, search};

/// More than any of these sizes has.
const MOST: usize = 100_000;

/// Explores it all; at least so many states have to be met, at least so far away from the first.
fn explore(bounds: &Bounds, states: usize, depth: usize) {
    let (name, began) = (bounds.to_arguments(), Instant::now());
    let report = search(bounds, 2, MOST, |_| {});
    println!("{name}: {report}, {:.1?}", began.elapsed());
    if let Some(script) = &report.violation {
        panic!("{script}");
    }
    assert!(!report.cut_short, "{name}: more states than expected");
    assert!(report.ends > 0, "{name}: no run ends");
    assert!(
        report.states >= states,
        "{name}: only {} states",
        report.states
    );
    assert!(report.depth >= depth, "{name}: only {} deep", report.depth);
}

fn one_job() -> Bounds {
    Bounds {
        jobs: 1,
        ..Bounds::default()
    }
}

#[test]
fn nothing_goes_wrong() {
    explore(&Bounds::default(), 190, 22);
    explore(
        &Bounds {
            outbox: 1000,
            window: 64,
            ..Bounds::default()
        },
        200,
        22,
    );
}

#[test]
fn two_cuts_at_any_point() {
    explore(
        &Bounds {
            cuts: 2,
            ..Bounds::default()
        },
        19_000,
        35,
    );
}

#[test]
fn a_poison_and_a_cut() {
    let poisoned = |poison| Bounds {
        poison: Some(poison),
        ..Bounds::default()
    };
    explore(
        &Bounds {
            cuts: 1,
            ..poisoned(Poison::Oversized)
        },
        5500,
        48,
    );
    explore(&poisoned(Poison::Crash), 580, 39);
    explore(&poisoned(Poison::StoredCrash), 350, 28);
}

#[test]
fn a_stop_at_any_point() {
    explore(
        &Bounds {
            stop: true,
            ..Bounds::default()
        },
        440,
        24,
    );
    explore(
        &Bounds {
            cuts: 1,
            stop: true,
            ..one_job()
        },
        700,
        21,
    );
}

#[test]
fn late_and_repeated_answers() {
    explore(
        &Bounds {
            twice: 1,
            ..Bounds::default()
        },
        620,
        22,
    );
    explore(
        &Bounds {
            cuts: 1,
            late: 1,
            twice: 1,
            stop: true,
            ..one_job()
        },
        4500,
        24,
    );
}

#[test]
fn deadlines_that_pass_and_attempts_that_fail() {
    explore(
        &Bounds {
            delays: 1,
            refusals: 1,
            stop: true,
            ..one_job()
        },
        2300,
        23,
    );
    explore(
        &Bounds {
            delays: 2,
            ..one_job()
        },
        1300,
        25,
    );
}

#[test]
fn a_connection_that_only_one_end_has_lost() {
    explore(
        &Bounds {
            halves: 1,
            ..Bounds::default()
        },
        5500,
        29,
    );
}
