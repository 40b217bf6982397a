//! What a cycle costs with a long queue and with a short one.

use facilitator_tests::compare::{Measured, Plan, timed};

use super::ROUNDS;
use super::reports::Load;
use super::session::Session;
use super::toy::Toy;

pub(super) fn queue(plan: &Plan) -> Measured {
    let queued = plan.pick(1_000_000, 1000);
    let deep = Load {
        queued,
        ..Load::FEW
    };
    let many_jobs = Load {
        jobs: plan.pick(100_000, 1000),
        ..deep
    };
    // As many uuids for each, so that the list of them costs each the same.
    let uuids = many_jobs.uuids();
    let shallow = Load {
        queued: 100,
        ..Load::FEW
    };
    let rounds = ROUNDS / 2;

    plan.tell("filling a short queue and a long one");
    let mut few = Session::with_uuids(shallow, uuids);
    let mut many = Session::with_uuids(deep, uuids);
    let ours = ("1,000,000 queued", || many.cycle());
    let measured = timed(plan, rounds, ours, ("100 queued", || few.cycle()));
    drop(many);

    plan.tell("filling a long queue of many jobs");
    let mut many = Session::with_uuids(many_jobs, uuids);
    let ours = ("", || many.cycle());
    let with_jobs = timed(plan, rounds, ours, ("", || few.cycle()));
    drop((many, few));

    plan.tell("filling toys");
    let mut few = Toy::with_uuids(shallow, uuids);
    let mut many = Toy::with_uuids(deep, uuids);
    let ours = ("", || many.cycle());
    let toy = timed(plan, rounds, ours, ("", || few.cycle()));

    measured
        .with(with_jobs.into_detail("with 100,000 jobs open as well, to 100 queued and 100 open"))
        .with(toy.into_detail("the VecDeque toy with 1,000,000 queued, to itself with 100"))
}
