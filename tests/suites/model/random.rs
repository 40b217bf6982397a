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
    std::env::var("MODEL_STEPS")
        .ok()
        .map_or(STEPS, |steps| steps.parse().expect("MODEL_STEPS is a number"))
}

fn scripts(weather: Weather) -> impl Strategy<Value = Script> {
    let step = (0..dice::sides(weather), any::<u8>(), any::<u8>())
        .prop_map(move |(die, a, b)| dice::step(weather, die, a, b));
    let setup = (any::<u16>(), any::<[u8; 7]>(), any::<u8>())
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
    let result = TestRunner::new(config).run(&scripts(weather), |script| {
        match run(&script) {
            Ok(coverage) => {
                met.borrow_mut().merge(&coverage);
                Ok(())
            }
            Err(failure) => Err(TestCaseError::fail(failure.to_string())),
        }
    });
    match result {
        Ok(()) => met.into_inner(),
        Err(TestError::Fail(why, script)) => panic!("{why}\n\n{script}\n"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

#[test]
fn in_fair_weather() {
    let met = explore(Weather::Fair);
    println!("{met}");
}

#[test]
fn in_foul_weather() {
    let met = explore(Weather::Foul);
    println!("{met}");
}
