//! Random scripts. What fails is shrunk, printed as a unit test, and kept in `regressions.txt`, whose entries are tried
//! first.
//!
//! `MODEL_STEPS` says how many steps are taken in all, `MODEL_SEED` which: a number, or `random` for others each time.
//! Without it they are always the same, so that a change fails for what it has changed.

use std::cell::RefCell;

use facilitator_tests::model::coverage::Coverage;
use facilitator_tests::model::dice::{self, Weather};
use facilitator_tests::model::run;
use facilitator_tests::model::script::Script;
use proptest::prelude::*;
use proptest::test_runner::{
    Config, FileFailurePersistence, RngAlgorithm, TestError, TestRng, TestRunner,
};

/// Steps that are taken when nobody says how many: a million.
const STEPS: u32 = 1_000_000;

/// The longest script.
const LENGTH: u64 = 160;

fn steps_to_take() -> u32 {
    std::env::var("MODEL_STEPS").ok().map_or(STEPS, |steps| {
        steps.parse().expect("MODEL_STEPS is a number")
    })
}

fn runner(config: Config) -> TestRunner {
    let seed = match std::env::var("MODEL_SEED").ok().as_deref() {
        Some("random") => return TestRunner::new(config),
        Some(seed) => seed.parse().expect("MODEL_SEED is a number, or `random`"),
        None => 1_u64,
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

fn scripts(weather: Weather) -> impl Strategy<Value = Script> {
    let step = (0..dice::sides(weather), any::<u8>(), any::<u8>())
        .prop_map(move |(die, a, b)| dice::step(weather, die, a, b));
    let setup = (any::<u16>(), any::<[u8; 9]>(), any::<u8>())
        .prop_map(|(seed, bounds, switches)| dice::setup(seed.into(), bounds, switches));
    (
        setup,
        prop::collection::vec(step, 1..usize::try_from(LENGTH).unwrap()),
    )
        .prop_map(|(setup, steps)| Script { setup, steps })
}

/// Takes half of all steps.
fn explore(weather: Weather) -> Coverage {
    let steps = u64::from(steps_to_take() / 2);
    // Lengths are random, half of the longest on the average; a twentieth more makes sure of the sum.
    let cases = u32::try_from(steps * 21 / 20 / (LENGTH / 2)).unwrap() + 10;
    let stored = concat!(env!("CARGO_MANIFEST_DIR"), "/suites/model/regressions.txt");
    let config = Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(stored))),
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let met = RefCell::new(Coverage::default());
    let result = runner(config).run(&scripts(weather), |script| match run(&script) {
        Ok(coverage) => {
            met.borrow_mut().merge(&coverage);
            Ok(())
        }
        Err(failure) => Err(TestCaseError::fail(failure.to_string())),
    });
    match result {
        Ok(()) => {
            let met = met.into_inner();
            assert!(met.of("steps") >= steps, "{} steps", met.of("steps"));
            met
        }
        Err(TestError::Fail(why, script)) => panic!("{why}\n\n{script}\n"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// What must have been met in a million steps of fair and of foul weather. A quarter of what was counted when the steps
/// got their weights: chance stays above it, a generator that has gone shallow does not.
const FLOORS: [(&str, u64, u64); 53] = [
    ("answers that could not be read", 300, 700),
    ("connections lost while stopping", 50, 100),
    ("connections lost with a full window", 800, 900),
    ("connections lost with something in flight", 3_000, 4_000),
    ("ended with nothing left", 4_000, 4_000),
    ("ended with something left", 900, 1_000),
    ("frames that could not be read", 600, 600),
    ("inputs before the outputs were taken", 500, 700),
    ("jobs adopted", 1_000, 1_000),
    ("jobs declined as busy", 800, 200),
    ("jobs declined as known", 2_000, 500),
    ("jobs declined for their uuid", 100, 100),
    ("jobs declined while closing", 90, 80),
    ("jobs declined without an answer", 400, 100),
    ("jobs ended for their time", 3_000, 3_000),
    ("jobs refused for their signature", 200, 50),
    ("jobs requested", 2_000, 1_000),
    ("jobs that cheated", 400, 100),
    ("jobs with a whole life", 600, 100),
    ("lost: acknowledgement timeout", 400, 300),
    ("lost: ambiguous response", 500, 1_000),
    ("lost: authentication refused", 800, 2_000),
    ("lost: authentication timeout", 300, 1_000),
    ("lost: closed", 1_000, 2_000),
    ("lost: connect failed", 4_000, 10_000),
    ("lost: end of stream", 4_000, 3_000),
    ("lost: not authenticated", 100, 100),
    ("lost: otherwise", 1_000, 1_000),
    ("lost: pong timeout", 800, 1_000),
    ("messages handed back", 2_000, 5_000),
    ("messages put into a new session", 1_000, 2_000),
    ("refused: no bytes left", 100, 100),
    ("refused: no entry left", 4_000, 3_000),
    ("refused: the job has ended", 5_000, 2_000),
    ("refused: too large", 900, 700),
    ("refused: too many jobs", 1_000, 600),
    ("restarts", 1_000, 1_000),
    ("sessions", 10_000, 10_000),
    ("specs proven by a pong", 5_000, 3_000),
    ("specs proven by an answer", 900, 500),
    ("specs refused", 40, 50),
    ("specs set aside", 40, 90),
    ("stale inputs", 1_000, 2_000),
    ("statuses acknowledged", 30_000, 10_000),
    ("statuses given after their delivery", 700, 200),
    ("statuses known already", 1_000, 1_000),
    ("statuses refused", 7_000, 4_000),
    ("statuses set aside", 200, 300),
    ("statuses that share one update", 200, 100),
    ("stopped with something owed", 300, 800),
    ("suspended while running", 400, 700),
    ("terminal statuses taken by a full outbox", 500, 300),
    ("waits after three failures in a row", 3_000, 9_000),
];

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
