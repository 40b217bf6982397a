//! Which plan a connection gets, and what a seed makes of one.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::Duration;

use facilitator_tests::pair::Side;
use facilitator_tests::proxy::{Action, Cut, Entry, Plan, Profile};

use crate::{Line, hear, hear_all, hear_nothing};

#[test]
fn a_seed_is_one_plan_and_another_is_another() {
    let profile = Profile::all(1000, Duration::from_millis(10));
    let plans: Vec<Plan> = (0..500).map(|seed| Plan::random(seed, &profile)).collect();
    for (seed, plan) in (0..).zip(&plans) {
        assert_eq!(Plan::random(seed, &profile), *plan);
    }
    let different: BTreeSet<String> = plans.iter().map(|plan| format!("{plan:?}")).collect();
    assert_eq!(different.len(), plans.len(), "the seed is part of each");
}

#[test]
fn a_profile_says_what_may_happen() {
    let longest = Duration::from_millis(10);
    let plans = |profile: Profile| (0..2000).map(move |seed| Plan::random(seed, &profile));
    let actions = |plan: Plan| {
        let steps = [plan.client.steps, plan.server.steps].concat();
        steps
            .into_iter()
            .inspect(|step| assert!(step.after <= 1000))
    };
    let all = || plans(Profile::all(1000, longest));
    for entry in [Entry::Carry, Entry::HangUp, Entry::Reset, Entry::Mute] {
        assert!(all().any(|plan| plan.entry == entry), "{entry:?}");
    }
    for action in [
        Action::Cut(Cut::Close),
        Action::Cut(Cut::Reset),
        Action::Swallow,
        Action::Silence,
    ] {
        assert!(
            all().flat_map(actions).any(|step| step.action == action),
            "{action:?}"
        );
    }
    for plan in plans(Profile::gentle(1000, longest)) {
        assert_eq!(plan.entry, Entry::Carry);
        for step in actions(plan) {
            assert!(matches!(step.action, Action::Stall(Some(time)) if time <= longest));
        }
    }
}

#[test]
fn planned_ones_come_first_then_those_of_the_planner() {
    let line = Line::new();
    line.proxy.plan_by(|number| Plan {
        seed: number,
        ..Plan::entry(Entry::HangUp)
    });
    line.proxy.plan_next(Plan::default());
    let planned = Plan::cut_after(Side::Client, 9, Cut::Reset);
    line.proxy.plan_next(planned.clone());
    let mut first = line.ends();
    let mut second = line.ends();
    first.check();
    second.check();
    hear_all(&mut line.client());
    let history = line.proxy.history();
    let by_planner = Plan {
        seed: 3,
        ..Plan::entry(Entry::HangUp)
    };
    assert_eq!(history, [Plan::default(), planned, by_planner]);
}

#[test]
fn a_plan_can_begin_in_the_middle_of_a_connection() {
    let line = Line::new();
    line.proxy
        .plan_on(&Plan::cut_after(Side::Client, 0, Cut::Reset));
    let (mut older, mut newest) = (line.ends(), line.ends());
    newest.check();
    line.proxy.plan_on(&Plan::silent_after(Side::Client, 7));
    newest.check();
    newest.client.write_all(b"abcdef").unwrap();
    assert_eq!(hear(&mut newest.server, 3), b"abc");
    hear_nothing(&mut newest.server);
    older.check();
}

#[test]
fn a_planner_that_panics_ends_the_proxy() {
    let line = Line::new();
    let mut ends = line.ends();
    ends.check();
    line.proxy.plan_by(|_| panic!("on purpose"));
    let _ = std::net::TcpStream::connect(line.proxy.address());
    assert_eq!(hear_all(&mut ends.client).0, b"");
    assert_eq!(hear_all(&mut ends.server).0, b"");
}
