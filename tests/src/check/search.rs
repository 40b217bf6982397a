//! The search: breadth first, level by level, over all states that can be reached. What a state is, what can happen in it and
//! what is checked there is not known here.

use std::collections::HashMap;
use std::fmt;
use std::thread;

use super::action::Action;
use super::bounds::Bounds;
use super::identity::Key;
use super::liveness::Graph;
use super::promise::{Broken, Promise};
use super::script::Script;
use super::state::State;

/// What a search has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Distinct states.
    pub states: usize,
    /// Steps that were taken, those to known states included.
    pub steps: usize,
    /// The length of the longest shortest run: no state is further away from the first one.
    pub depth: usize,
    /// States in which all is delivered or handed back.
    pub ends: usize,
    /// Pairs of states that counted as the same and were taken one step further; only [`verify`] does that.
    pub compared: usize,
    /// The shortest run that breaks a promise; none, when every promise is kept in every state.
    pub violation: Option<Script>,
    /// Whether it was broken off at the number of states that was allowed.
    pub cut_short: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} states, {} steps, depth {}, {} ends",
            self.states, self.steps, self.depth, self.ends
        )?;
        if self.compared > 0 {
            write!(f, ", {} pairs compared", self.compared)?;
        }
        if self.cut_short {
            write!(f, ", broken off")?;
        }
        Ok(())
    }
}

/// How far a search is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The level that was just finished.
    pub depth: usize,
    /// States in it.
    pub width: usize,
    /// States so far.
    pub states: usize,
}

/// Explores all runs within these bounds, on as many threads, up to as many states. The result does not depend on the
/// number of threads.
pub fn search(
    bounds: &Bounds,
    threads: usize,
    most: usize,
    progress: impl FnMut(Progress),
) -> Report {
    Search::new(bounds, threads, most, false).run(progress)
}

/// As [`search()`], and holds the identity of states against what they do: see the [module](super).
pub fn verify(bounds: &Bounds, threads: usize, most: usize) -> Report {
    Search::new(bounds, threads, most, true).run(|_| {})
}

/// How a state was reached first.
#[derive(Clone, Copy, Debug)]
struct Origin {
    parent: u32,
    action: Action,
}

/// A state that is still to be expanded.
#[derive(Debug)]
struct Open {
    number: u32,
    state: State,
}

/// One step from a state, as a worker has found it.
#[derive(Debug)]
enum Found {
    /// A state that was not known when this level began.
    New(Key, Box<State>),
    /// A state that was known, by its number, or will be by then.
    Known(Key),
    Broken(Broken),
}

/// All steps from one state.
#[derive(Debug)]
struct Expanded {
    number: u32,
    is_end: bool,
    steps: Vec<(Action, Found)>,
    compared: usize,
}

struct Search {
    bounds: Bounds,
    threads: usize,
    most: usize,
    verifies: bool,
    numbers: HashMap<Key, u32>,
    origins: Vec<Option<Origin>>,
    /// What each state leads to, for comparison; only when it verifies.
    leads_to: HashMap<Key, Vec<Lead>>,
    graph: Graph,
    report: Report,
}

impl Search {
    fn new(bounds: &Bounds, threads: usize, most: usize, verifies: bool) -> Self {
        Self {
            bounds: bounds.clone(),
            threads: threads.max(1),
            most: most.min(u32::MAX as usize),
            verifies,
            numbers: HashMap::new(),
            origins: Vec::new(),
            leads_to: HashMap::new(),
            graph: Graph::default(),
            report: Report::default(),
        }
    }

    fn run(mut self, mut progress: impl FnMut(Progress)) -> Report {
        let first = match State::first(&self.bounds) {
            Ok(first) => first,
            Err(broken) => {
                self.report.violation = Some(self.script(None, None, broken));
                return self.report;
            }
        };
        self.numbers.insert(first.key(), 0);
        self.origins.push(None);
        let mut level = vec![Open {
            number: 0,
            state: first,
        }];
        while !level.is_empty() && self.report.violation.is_none() && !self.report.cut_short {
            let width = level.len();
            level = self.expand(level);
            progress(Progress {
                depth: self.report.depth,
                width,
                states: self.origins.len(),
            });
            self.report.depth += usize::from(!level.is_empty());
        }
        self.report.states = self.origins.len();
        if self.report.violation.is_none() && !self.report.cut_short {
            self.check_ends();
        }
        self.report
    }

    /// Takes a level one step further, in parts, and returns the next one.
    fn expand(&mut self, level: Vec<Open>) -> Vec<Open> {
        let mut next = Vec::new();
        let mut level = level.into_iter();
        // In parts, so that what the workers have found does not pile up.
        loop {
            let part: Vec<Open> = level.by_ref().take(4096).collect();
            if part.is_empty() {
                return next;
            }
            let share = part.len().div_ceil(self.threads);
            let this = &*self;
            let found: Vec<Expanded> = thread::scope(|scope| {
                let workers: Vec<_> = part
                    .chunks(share)
                    .map(|open| {
                        scope.spawn(move || {
                            open.iter().map(|open| this.look(open)).collect::<Vec<_>>()
                        })
                    })
                    .collect();
                let results = workers.into_iter().map(|worker| {
                    worker
                        .join()
                        .unwrap_or_else(|_| panic!("a worker of the search has panicked"))
                });
                results.flatten().collect()
            });
            for expanded in found {
                self.take(expanded, &mut next);
                if self.report.violation.is_some() || self.report.cut_short {
                    return Vec::new();
                }
            }
        }
    }

    /// What a worker does: all steps from one state.
    fn look(&self, open: &Open) -> Expanded {
        let mut compared = 0;
        let steps = open.state.steps().into_iter().map(|(action, result)| {
            let found = match result {
                Err(broken) => Found::Broken(broken),
                Ok(state) => {
                    let key = state.key();
                    if self.numbers.contains_key(&key) {
                        match self.compare(key, &state) {
                            Err(broken) => Found::Broken(broken),
                            Ok(times) => {
                                compared += times;
                                Found::Known(key)
                            }
                        }
                    } else {
                        Found::New(key, Box::new(state))
                    }
                }
            };
            (action, found)
        });
        let steps = steps.collect();
        Expanded {
            number: open.number,
            is_end: open.state.is_end(),
            steps,
            compared,
        }
    }

    /// Two states that count as the same must do the same. Returns how many pairs were compared.
    fn compare(&self, key: Key, state: &State) -> Result<usize, Broken> {
        let known = self.leads_to.get(&key).filter(|_| self.verifies);
        let Some(known) = known else { return Ok(0) };
        let own = leads_to(state);
        Promise::Identity.check(own == *known, || {
            let mut pairs = own.iter().zip(known);
            let first = pairs.find(|(own, known)| own != known).map(|(own, _)| own.0);
            format!(
                "two states count as the same and do not lead to the same; {} and {} steps, the first that differs: {first:?}",
                own.len(),
                known.len()
            )
        })?;
        Ok(1)
    }

    /// Takes note of what a worker has found, in the order of the states' numbers.
    fn take(&mut self, expanded: Expanded, next: &mut Vec<Open>) {
        let Expanded {
            number,
            is_end,
            steps,
            compared,
        } = expanded;
        self.report.ends += usize::from(is_end);
        self.report.compared += compared;
        let mut targets = Vec::new();
        for (action, found) in steps {
            self.report.steps += 1;
            let key = match found {
                Found::Broken(broken) => {
                    self.report.violation = Some(self.script(Some(number), Some(action), broken));
                    return;
                }
                Found::New(key, state) => {
                    if let Some(compared) = self.note_new(key, *state, number, action, next) {
                        self.report.compared += compared;
                    }
                    key
                }
                Found::Known(key) => key,
            };
            if action.is_progress()
                && let Some(target) = self.numbers.get(&key)
            {
                targets.push(*target);
            }
        }
        if self.origins.len() > self.most {
            self.report.cut_short = true;
        }
        if targets.is_empty() && !is_end {
            let broken = Promise::DeliveredInTheEnd
                .broken("nothing can happen any more, and this is no end");
            self.report.violation = Some(self.script(Some(number), None, broken));
        }
        self.graph.push(targets, is_end);
    }

    fn note_new(
        &mut self,
        key: Key,
        state: State,
        parent: u32,
        action: Action,
        next: &mut Vec<Open>,
    ) -> Option<usize> {
        if self.numbers.contains_key(&key) {
            // Another worker was faster.
            return match self.compare(key, &state) {
                Ok(times) => Some(times),
                Err(broken) => {
                    self.report.violation = Some(self.script(Some(parent), Some(action), broken));
                    None
                }
            };
        }
        let number = u32::try_from(self.origins.len()).unwrap_or(u32::MAX);
        if self.verifies {
            self.leads_to.insert(key, leads_to(&state));
        }
        self.numbers.insert(key, number);
        self.origins.push(Some(Origin { parent, action }));
        next.push(Open { number, state });
        None
    }

    /// Every run that has had its faults must come to an end.
    fn check_ends(&mut self) {
        // The lowest number is among the nearest to the first state.
        let Some(endless) = self.graph.endless().first().copied() else {
            return;
        };
        let broken = Promise::DeliveredInTheEnd
            .broken("from here on, a run can go in circles without a fault");
        self.report.violation = Some(self.script(Some(endless), None, broken));
    }

    fn script(&self, state: Option<u32>, last: Option<Action>, broken: Broken) -> Script {
        let mut actions: Vec<Action> = last.into_iter().collect();
        let origin = |state: u32| self.origins.get(state as usize).copied().flatten();
        let mut at = state.and_then(origin);
        while let Some(Origin { parent, action }) = at {
            actions.push(action);
            at = origin(parent);
        }
        actions.reverse();
        Script {
            bounds: self.bounds.clone(),
            actions,
            broken,
        }
    }
}

/// An action, and the state that it leads to.
type Lead = (Action, Option<Key>);

/// What a state leads to by every action; nothing where a promise is broken.
fn leads_to(state: &State) -> Vec<Lead> {
    let steps = state.steps().into_iter();
    steps
        .map(|(action, result)| (action, result.ok().map(|next| next.key())))
        .collect()
}
