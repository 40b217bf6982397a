//! Bytes as a script of the reference model, with its invariants as the oracle.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::model::coverage::Coverage;
use crate::model::dice::{self, Weather};
use crate::model::run;
use crate::model::script::Script;

/// Longer scripts are cut: what they find, shorter ones find sooner.
const LONGEST: usize = 400;

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let weather = if u.arbitrary()? {
            Weather::Foul
        } else {
            Weather::Fair
        };
        let seed: u16 = u.arbitrary()?;
        let setup = dice::setup(seed.into(), u.arbitrary()?, u.arbitrary()?);
        let mut steps = Vec::new();
        while !u.is_empty() && steps.len() < LONGEST {
            let die = u.int_in_range(0..=dice::sides(weather) - 1)?;
            steps.push(dice::step(weather, die, u.arbitrary()?, u.arbitrary()?));
        }
        Ok(Self { setup, steps })
    }
}

/// Runs the script that `data` stands for.
///
/// # Panics
/// When it breaks an invariant. The script goes with it, as a unit test.
pub fn script(data: &[u8]) -> Coverage {
    let Ok(script) = Script::arbitrary(&mut Unstructured::new(data)) else {
        return Coverage::default();
    };
    match run(&script) {
        Ok(coverage) => coverage,
        Err(failure) => panic!("{failure}\n\n{script}\n"),
    }
}
