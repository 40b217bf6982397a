//! What is broken is found, with a script that shows it; and what was found in the session once stays mended.

use facilitator_tests::check::{Action, Bounds, Promise, replay, search};

#[test]
fn a_facilitator_that_forgets_is_found_with_a_script() {
    let bounds = Bounds {
        jobs: 1,
        amnesia: 1,
        ..Bounds::default()
    };
    let script = search(&bounds, 2, 100_000, |_| {})
        .violation
        .expect("nothing was found");
    println!("{script}");
    // Connected, authenticated, the request read, `received` stored and acknowledged: forgotten then, not one step later.
    let expected: Vec<Action> = "connect,up,down,up,down,up,down,forget0"
        .split(',')
        .map(|name| name.parse().unwrap())
        .collect();
    assert_eq!(script.actions.len(), expected.len());
    assert_eq!(script.broken.promise, Promise::DeliveredIsStored);
    let text = script.to_string();
    assert!(text.contains("the facilitator forgets job 0"), "{text}");
    assert!(text.contains("again: check --jobs 1"), "{text}");
    let again = replay(&bounds, &script.actions).expect("the script breaks nothing");
    assert_eq!(again, script);
    // One step less, and nothing is wrong yet.
    let (_, before) = script.actions.split_last().unwrap();
    assert_eq!(replay(&bounds, before), None);
}

#[test]
fn a_session_that_cannot_end_in_time_is_found() {
    // More refusals than a run has patience for.
    let bounds = Bounds {
        jobs: 1,
        refusals: 200,
        ..Bounds::default()
    };
    let script = search(&bounds, 1, 100_000, |_| {})
        .violation
        .expect("nothing was found");
    assert_eq!(script.broken.promise, Promise::DeliveredInTheEnd);
    assert!(
        script
            .actions
            .iter()
            .filter(|action| **action == Action::Refuse)
            .count()
            > 5
    );
}

#[test]
fn actions_are_read_as_they_are_written() {
    for name in [
        "connect", "up", "down", "give0", "give3", "time", "stop", "cut", "halve", "linger",
        "refuse", "delay", "late", "twice", "forget1",
    ] {
        assert_eq!(name.parse::<Action>().unwrap().to_string(), name);
    }
    for name in ["", "give", "give-1", "forget300", "Cut"] {
        assert!(name.parse::<Action>().is_err(), "{name}");
    }
}
