//! What a run has met: named situations and how often each came. A generator that no longer reaches them is broken,
//! however green its tests are.

use std::collections::BTreeMap;
use std::fmt;

/// Situations, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    counts: BTreeMap<&'static str, u64>,
}

impl Coverage {
    /// It happened once.
    pub fn note(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    /// It happened so often.
    pub fn add(&mut self, what: &'static str, times: u64) {
        *self.counts.entry(what).or_default() += times;
    }

    /// How often it happened.
    pub fn of(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or_default()
    }

    /// Takes up what another run has met.
    pub fn merge(&mut self, other: &Self) {
        for (what, times) in &other.counts {
            self.add(what, *times);
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, times) in &self.counts {
            writeln!(f, "{times:>10}  {what}")?;
        }
        Ok(())
    }
}
