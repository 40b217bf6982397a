//! A cycle of the session against a queue that does the least that could be called the same.

use facilitator_tests::compare::{Measured, Plan, timed};

use super::ROUNDS;
use super::reports::Load;
use super::session::Session;
use super::toy::Toy;

pub(super) fn statuses(plan: &Plan) -> Measured {
    cycle(plan, Load::FEW)
}

pub(super) fn with_output(plan: &Plan) -> Measured {
    let load = Load {
        with_output: true,
        ..Load::FEW
    };
    cycle(plan, load)
}

fn cycle(plan: &Plan, load: Load) -> Measured {
    plan.tell("filling a session and a queue");
    let mut session = Session::new(load);
    let mut toy = Toy::new(load);
    let ours = ("session", || session.cycle());
    timed(plan, ROUNDS, ours, ("queue", || toy.cycle()))
}
