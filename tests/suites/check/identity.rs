//! Whether states that count as the same are the same: the search is only as good as that.

use facilitator_tests::check::{Bounds, Poison, search, unpruned, verify};

const MOST: usize = 100_000;

/// Small, and everything in it.
fn small() -> Vec<Bounds> {
    let one = Bounds {
        jobs: 1,
        ..Bounds::default()
    };
    vec![
        Bounds {
            cuts: 1,
            late: 1,
            ..one.clone()
        },
        Bounds {
            cuts: 1,
            stop: true,
            ..one.clone()
        },
        Bounds {
            poison: Some(Poison::Oversized),
            ..one.clone()
        },
        Bounds {
            twice: 1,
            stop: true,
            ..one.clone()
        },
        Bounds {
            delays: 1,
            ..one.clone()
        },
        Bounds {
            halves: 1,
            ..one.clone()
        },
        Bounds {
            refusals: 1,
            cuts: 1,
            ..one
        },
    ]
}

#[test]
fn without_an_identity_the_same_states_are_met() {
    // Those whose runs can be counted in an instant: a lost connection that lingers has millions.
    for bounds in small().into_iter().filter(|bounds| bounds.halves == 0) {
        let all = unpruned(&bounds).unwrap();
        let found = search(&bounds, 1, MOST, |_| {});
        println!(
            "{}: {} runs, the longest of {} steps; {found}",
            bounds.to_arguments(),
            all.runs,
            all.longest
        );
        assert_eq!(all.violation, None);
        assert_eq!(found.violation, None);
        assert_eq!(all.states.len(), found.states);
        assert!(all.runs > 5, "nothing was explored");
    }
}

#[test]
fn states_that_count_as_the_same_lead_to_the_same() {
    let larger = Bounds {
        cuts: 1,
        poison: Some(Poison::Crash),
        ..Bounds::default()
    };
    for bounds in small().into_iter().chain([larger]) {
        let report = verify(&bounds, 2, MOST);
        println!("{}: {report}", bounds.to_arguments());
        assert_eq!(report.violation, None);
        // Every step that leads to no new state leads to one that was compared.
        assert_eq!(report.compared, report.steps + 1 - report.states);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let bounds = Bounds {
        cuts: 1,
        stop: true,
        jobs: 1,
        ..Bounds::default()
    };
    let one = search(&bounds, 1, MOST, |_| {});
    assert_eq!(search(&bounds, 3, MOST, |_| {}), one);
}

#[test]
fn the_text_of_a_session_hides_nothing_but_texts() {
    // A field that `Debug` leaves out would be left out of the identity, too.
    let script = ["connect", "up", "down", "up", "down"].map(|name| name.parse().unwrap());
    let state = facilitator_tests::check::reach(&Bounds::default(), &script).unwrap();
    let text = state.canonical();
    assert!(text.contains("breaks"), "{text}");
    // What writes `..` at its end does not show all: an update, which keeps back its text.
    let hidden = text.matches("..").count();
    assert_eq!(hidden, text.matches("Entry {").count(), "{text}");
    assert!(hidden > 0, "nothing is owed here: {text}");
}
