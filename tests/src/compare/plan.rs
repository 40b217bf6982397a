//! How much is measured, and who hears of it meanwhile.

use std::cell::Cell;
use std::fmt;

/// Hears a row's name, and what it does.
type Progress = dyn Fn(&str, &str);

/// How much is to be measured. A row asks it, and tells it how far it has come.
pub struct Plan {
    rounds: Option<usize>,
    quick: bool,
    row: Cell<&'static str>,
    progress: Box<Progress>,
}

impl Plan {
    /// Figures to trust.
    pub fn full() -> Self {
        Self {
            rounds: None,
            quick: false,
            row: Cell::new(""),
            progress: Box::new(|_, _| {}),
        }
    }

    /// One tiny round of everything: a sign that all of it still runs, and no figures.
    pub fn quick() -> Self {
        Self {
            quick: true,
            ..Self::full()
        }
    }

    /// So many rounds, whatever a row has as its usual number.
    #[must_use]
    pub fn with_rounds(mut self, rounds: usize) -> Self {
        self.rounds = Some(rounds.max(1));
        self
    }

    /// Hears what is going on: a row's name, and a few words, which are empty as it begins.
    #[must_use]
    pub fn with_progress(mut self, progress: impl Fn(&str, &str) + 'static) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// Whether nothing but a sign of life is wanted: the smallest sizes, the shortest times.
    pub const fn is_quick(&self) -> bool {
        self.quick
    }

    /// How many rounds, when so many are usual.
    pub fn rounds(&self, usual: usize) -> usize {
        if self.quick {
            1
        } else {
            self.rounds.unwrap_or(usual)
        }
    }

    /// What holds for figures, or for a sign of life.
    pub fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Tells how far the row has come, in a few words.
    pub fn tell(&self, what: &str) {
        (self.progress)(self.row.get(), what);
    }

    /// From now on it is about this row.
    pub(super) fn begin(&self, row: &'static str) {
        self.row.set(row);
        self.tell("");
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("rounds", &self.rounds)
            .field("quick", &self.quick)
            .finish_non_exhaustive()
    }
}
