//! Random scripts. `MODEL_STEPS` says how many steps are taken in all; what fails is shrunk, printed as a unit test, and
//! kept in `regressions.txt`, whose entries are tried first.

use std::cell::RefCell;

use facilitator_tests::model::coverage::Coverage;
use facilitator_tests::model::dice::{self, Weather};
use facilitator_tests::model::run;
use facilitator_tests::model::script::Script;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestError, TestRunner};

/// Steps that are taken when nobody says how many: a million.
const STEPS: u32 = 1_000_000;

/// The longest script.
const LENGTH: usize = 160;

fn steps_to_take() -> u32 {
    std::env::var("MODEL_STEPS").ok().map_or(STEPS, |steps| {
        steps.parse().expect("MODEL_STEPS is a number")
    })
}

fn scripts(weather: Weather) -> impl Strategy<Value = Script> {
    let step = (0..dice::sides(weather), any::<u8>(), any::<u8>())
        .prop_map(move |(die, a, b)| dice::step(weather, die, a, b));
    let setup = (any::<u16>(), any::<[u8; 9]>(), any::<u8>())
        .prop_map(|(seed, bounds, switches)| dice::setup(seed.into(), bounds, switches));
    (setup, prop::collection::vec(step, 1..LENGTH))
        .prop_map(|(setup, steps)| Script { setup, steps })
}

/// Takes half of all steps.
fn explore(weather: Weather) -> Coverage {
    let cases = steps_to_take() / 2 / u32::try_from(LENGTH / 2).unwrap() + 1;
    let stored = concat!(env!("CARGO_MANIFEST_DIR"), "/suites/model/regressions.txt");
    let config = Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(stored))),
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let met = RefCell::new(Coverage::default());
    let result = TestRunner::new(config).run(&scripts(weather), |script| match run(&script) {
        Ok(coverage) => {
            met.borrow_mut().merge(&coverage);
            Ok(())
        }
        Err(failure) => Err(TestCaseError::fail(failure.to_string())),
    });
    match result {
        Ok(()) => met.into_inner(),
        Err(TestError::Fail(why, script)) => panic!("{why}\n\n{script}\n"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// What must have been met in a million steps of each weather. A quarter of what was counted when the weights of the
/// steps were chosen: chance stays above it, a generator that has gone shallow does not.
const FLOORS: [(&str, u64, u64); 2] = [("sessions", 10_000, 10_000), ("jobs requested", 2500, 900)];

fn check_floors(met: &Coverage, floor: impl Fn(&(&'static str, u64, u64)) -> u64) {
    println!("{met}");
    let steps = met.of("steps");
    if steps < 100_000 {
        return;
    }
    let missed: Vec<_> = FLOORS
        .iter()
        .map(|row| (row.0, met.of(row.0), floor(row) * steps / 1_000_000))
        .filter(|(_, times, floor)| times < floor)
        .collect();
    assert!(missed.is_empty(), "met too seldom: {missed:?}");
}

#[test]
fn in_fair_weather() {
    check_floors(&explore(Weather::Fair), |(_, fair, _)| *fair);
}

#[test]
fn in_foul_weather() {
    check_floors(&explore(Weather::Foul), |(_, _, foul)| *foul);
}
