//! A run as a list of steps, in words: what is printed when a promise is broken. How one is found is the search's.

use std::fmt;

use super::action::Action;
use super::bounds::Bounds;
use super::promise::{Broken, Promise};
use super::state::State;

/// A run that breaks a promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Within which bounds.
    pub bounds: Bounds,
    /// What happens, in order.
    pub actions: Vec<Action>,
    /// What it breaks.
    pub broken: Broken,
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "a session is started, its first attempt is under way")?;
        let mut state = State::first(&self.bounds).ok();
        for (n, action) in self.actions.iter().enumerate() {
            let Some(before) = state else {
                break;
            };
            writeln!(f, "{:3}. {}", n + 1, before.describe(*action))?;
            state = before.step(*action).and_then(Result::ok);
        }
        writeln!(f, "broken: {}", self.broken)?;
        let names: Vec<String> = self.actions.iter().map(ToString::to_string).collect();
        write!(
            f,
            "again: check {} --script {}",
            self.bounds.to_arguments(),
            names.join(",")
        )
    }
}

/// The state that a script leads to; none when a step of it is not possible, or breaks a promise.
pub fn reach(bounds: &Bounds, actions: &[Action]) -> Option<State> {
    let first = State::first(bounds).ok()?;
    let mut actions = actions.iter();
    actions.try_fold(first, |state, action| state.step(*action)?.ok())
}

/// Runs a script. Returns the promise that it breaks, and `None` when it breaks none; a step that is not possible breaks off.
pub fn replay(bounds: &Bounds, actions: &[Action]) -> Option<Script> {
    let script = |done: &[Action], broken| {
        Some(Script {
            bounds: bounds.clone(),
            actions: done.to_vec(),
            broken,
        })
    };
    let mut state = match State::first(bounds) {
        Ok(state) => state,
        Err(broken) => return script(&[], broken),
    };
    for (n, action) in actions.iter().enumerate() {
        let done = actions.get(..=n).unwrap_or(actions);
        match state.step(*action) {
            None => return None,
            Some(Err(broken)) => return script(done, broken),
            Some(Ok(next)) => state = next,
        }
    }
    // Nothing more can happen: an end, or something was forgotten.
    let stuck = !state.is_end() && !state.steps().iter().any(|(action, _)| action.is_progress());
    if stuck {
        return script(
            actions,
            Promise::DeliveredInTheEnd.broken("nothing can happen any more"),
        );
    }
    None
}
