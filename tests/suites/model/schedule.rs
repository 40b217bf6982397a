//! The schedule of attempts, over many seeds at once. That no wait is longer than its ceiling, every script checks; that
//! the ceilings are those of one schedule, which nothing but a good session begins anew, shows only in how long the
//! longest of many waits is.

use std::time::Duration;

use facilitator_tests::model::dice;
use facilitator_tests::model::script::{Break, Failure, Setup, Step};
use facilitator_tests::model::world::World;
use proptest::prelude::*;
use proptest::sample::select;

/// Seeds that every story is told with. That the longest of so many waits is below three fifths of its ceiling has a
/// probability of one in a thousand million.
const SEEDS: u64 = 40;

/// How one attempt goes.
#[derive(Clone, Copy, Debug)]
enum Attempt {
    Fails,
    IsNotAnswered,
    BreaksAfter(u32),
    IsClosedAfter(u32),
}

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let attempt = select(vec![
        Attempt::Fails,
        Attempt::IsNotAnswered,
        Attempt::IsClosedAfter(0),
        Attempt::IsClosedAfter(31_000),
        Attempt::BreaksAfter(0),
        Attempt::BreaksAfter(1000),
        Attempt::BreaksAfter(29_000),
        Attempt::BreaksAfter(31_000),
    ]);
    prop::collection::vec(attempt, 1..9)
}

/// The steps of one attempt.
fn steps(attempt: Attempt) -> Vec<Step> {
    match attempt {
        Attempt::Fails => vec![Step::Fail(Failure::Refused)],
        Attempt::IsNotAnswered => vec![Step::Connect, Step::Pass(15_000)],
        Attempt::BreaksAfter(millis) => {
            vec![Step::Flow, Step::Live(millis), Step::Cut(0, 0, Break::Ends)]
        }
        Attempt::IsClosedAfter(millis) => {
            let close = Step::PeerCloses(1011);
            vec![Step::Flow, Step::Live(millis), close, Step::Flow]
        }
    }
}

/// The waits of one story, with one seed.
fn waits(story: &[Attempt], seed: u64) -> Vec<(Duration, Duration)> {
    let setup = Setup {
        ready: false,
        ..dice::setup(seed, [0; 9], 0)
    };
    let mut world = World::new(&setup).unwrap_or_else(|broken| panic!("{broken}"));
    let take = |world: &mut World, step| {
        world.take(step).unwrap_or_else(|broken| panic!("{broken}"));
    };
    take(&mut world, Step::Start);
    for attempt in story {
        for step in steps(*attempt) {
            take(&mut world, step);
        }
        let (until, _) = world.client.poll_timeout().expect("it waits");
        let wait = until.saturating_duration_since(world.now);
        let millis = u32::try_from(wait.as_millis()).unwrap() + 1;
        take(&mut world, Step::Pass(millis));
    }
    world.waits
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn many_waits_are_spread_below_their_ceiling(story in attempts()) {
        let told: Vec<_> = (0..SEEDS).map(|seed| waits(&story, seed)).collect();
        for (index, (_, ceiling)) in told[0].iter().enumerate() {
            let longest = told.iter().map(|waits| waits[index].0).max().unwrap();
            let shortest = told.iter().map(|waits| waits[index].0).min().unwrap();
            prop_assert!(
                longest > *ceiling * 3 / 5,
                "wait {index} is {longest:?} at the most, its ceiling is {ceiling:?}"
            );
            prop_assert!(
                shortest < *ceiling * 2 / 5,
                "wait {index} is {shortest:?} at the least, its ceiling is {ceiling:?}"
            );
        }
    }
}
