//! All runs within these bounds keep every promise, and all of them end. Each size has a floor of states and of depth, close
//! below what there is: none of them can become trivial in silence.

use std::time::Instant;

use facilitator_tests::check::{Bounds, Poison, search};

/// More than any of these sizes has.
const MOST: usize = 1_000_000;

/// Explores it all; at least so many states have to be met, at least so far away from the first.
fn explore(name: &str, bounds: &Bounds, states: usize, depth: usize) {
    let began = Instant::now();
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

#[test]
fn nothing_goes_wrong() {
    explore("fair weather", &Bounds::default(), 150, 20);
}

#[test]
fn two_cuts_at_any_point() {
    let bounds = Bounds {
        cuts: 2,
        ..Bounds::default()
    };
    explore("two cuts", &bounds, 18_000, 34);
}

#[test]
fn one_poison_and_a_cut() {
    for (poison, states, depth) in [
        (Poison::Oversized, 3000, 45),
        (Poison::Crash, 3000, 45),
        (Poison::StoredCrash, 3000, 30),
    ] {
        let bounds = Bounds {
            cuts: 1,
            poison: Some(poison),
            ..Bounds::default()
        };
        explore(poison.as_str(), &bounds, states, depth);
    }
}

#[test]
fn a_cut_and_a_stop() {
    let bounds = Bounds {
        cuts: 1,
        stop: true,
        ..Bounds::default()
    };
    explore("a cut and a stop", &bounds, 8000, 30);
}

#[test]
fn late_and_repeated_answers_and_a_cut() {
    let bounds = Bounds {
        cuts: 1,
        late: 1,
        twice: 1,
        ..Bounds::default()
    };
    explore("late and repeated answers", &bounds, 10_000, 30);
}

#[test]
fn deadlines_that_pass_and_attempts_that_fail() {
    let bounds = Bounds {
        delays: 2,
        refusals: 1,
        stop: true,
        ..Bounds::default()
    };
    explore("deadlines that pass", &bounds, 3000, 30);
}

#[test]
fn a_connection_that_only_one_end_has_lost() {
    let bounds = Bounds {
        halves: 1,
        cuts: 1,
        ..Bounds::default()
    };
    explore("half a cut", &bounds, 5000, 30);
}

#[test]
fn all_at_once_in_one_job() {
    let bounds = Bounds {
        jobs: 1,
        cuts: 1,
        late: 1,
        twice: 1,
        poison: Some(Poison::Oversized),
        stop: true,
        ..Bounds::default()
    };
    explore("all at once", &bounds, 5000, 30);
}
