//! All runs of a small size, one by one, without any identity of states: what the search must come to as well.

use std::collections::BTreeSet;

use super::action::Action;
use super::bounds::Bounds;
use super::identity::Key;
use super::script::Script;
use super::state::State;

/// What all runs together have come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Runs.
    pub runs: u64,
    /// The length of the longest one.
    pub longest: usize,
    /// The states that were met, by the identity that is to be checked.
    pub states: BTreeSet<Key>,
    /// The first run that breaks a promise.
    pub violation: Option<Script>,
}

/// Walks through all runs within these bounds, until nothing can happen any more in any of them.
///
/// # Errors
///
/// The promise that is broken before anything has happened.
pub fn unpruned(bounds: &Bounds) -> Result<Ends, super::Broken> {
    let mut ends = Ends::default();
    let mut path = Vec::new();
    walk(&State::first(bounds)?, &mut path, &mut ends);
    Ok(ends)
}

fn walk(state: &State, path: &mut Vec<Action>, ends: &mut Ends) {
    ends.states.insert(state.key());
    let steps = state.steps();
    if steps.is_empty() {
        ends.runs += 1;
        ends.longest = ends.longest.max(path.len());
    }
    for (action, result) in steps {
        path.push(action);
        match result {
            Ok(next) => walk(&next, path, ends),
            Err(broken) => {
                ends.violation.get_or_insert_with(|| Script {
                    bounds: (*state.bounds).clone(),
                    actions: path.clone(),
                    broken,
                });
            }
        }
        path.pop();
    }
}
