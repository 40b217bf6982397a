//! A reference model of the session, and scripts that drive the real one against it.
//!
//! A [`Script`] is a list of steps: calls of the application, frames, connects, cuts, ticks, and a facilitator that
//! misbehaves. [`run`] takes them one by one in a [`World`]: the real session, a network, a facilitator
//! and a clock, all of which do nothing by themselves. After every step the [invariants](checks::INVARIANTS) are asked,
//! each by its name, against a [`Ledger`](ledger::Ledger) that knows the design's promises and a
//! [`Record`](peer::Record) of what the facilitator has. At the script's end the faults stop, and what was promised for
//! that is asked too: see [`ending`].
//!
//! | file | what |
//! |---|---|
//! | [`script`] | the steps, and how they print |
//! | [`dice`] | from random numbers to scripts |
//! | [`world`], [`application`], [`network`], [`peer`] | what carries the steps out |
//! | [`said`] | what the session writes, as a facilitator reads it |
//! | [`ledger`] | the model |
//! | [`checks`] | the invariants |
//! | [`ending`] | the promises about the end |
//! | [`coverage`] | what was met on the way |
//!
//! ```
//! use facilitator_tests::model::script::{Break, Script, Setup, Step::*};
//! use facilitator_core::message::JobStatus::{Accepted, Failed};
//!
//! // Two statuses are written; the facilitator reads one of them, and nobody hears its answer.
//! let steps = vec![Push(1), Flow, Give(1, Accepted), Give(1, Failed), Cut(1, 0, Break::Ends), Live(2000)];
//! let met = facilitator_tests::model::run(&Script { setup: Setup::default(), steps }).unwrap();
//! assert_eq!((met.of("statuses known already"), met.of("sessions")), (1, 2));
//! ```

pub mod application;
pub mod checks;
pub mod coverage;
pub mod dice;
pub mod ending;
pub mod ledger;
mod meet;
pub mod network;
pub mod peer;
pub mod said;
pub mod script;
pub mod world;

use std::fmt;

use facilitator_core::client::Phase;

use self::checks::Violation;
use self::coverage::Coverage;
use self::script::Script;
use self::world::World;

/// A script that breaks an invariant.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What is broken.
    pub violation: Violation,
    /// After how many steps; nothing when the end broke it.
    pub after: Option<usize>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after {
            Some(steps) => write!(f, "after {steps} steps: {}", self.violation),
            None => write!(f, "at the end: {}", self.violation),
        }
    }
}

impl std::error::Error for Failure {}

/// Runs a script, and has everything checked.
///
/// # Errors
///
/// The first invariant that is broken.
pub fn run(script: &Script) -> Result<Coverage, Failure> {
    let broken = |after| move |violation| Failure { violation, after };
    let mut world = World::new(&script.setup).map_err(broken(Some(0)))?;
    for (index, step) in script.steps.iter().enumerate() {
        world.take(*step).map_err(broken(Some(index + 1)))?;
        world.coverage.note("steps");
        world.coverage.note(match world.client.phase() {
            Phase::Idle => "steps that leave it idle",
            Phase::Connecting => "steps that leave it connecting",
            Phase::Authenticating => "steps that leave it authenticating",
            Phase::Ready => "steps that leave it ready",
            Phase::Waiting => "steps that leave it waiting",
            Phase::Draining => "steps that leave it draining",
            _ => "steps that leave it closing",
        });
    }
    Ok(ending::end(world).map_err(broken(None))?.coverage)
}
