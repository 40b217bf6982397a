//! What a run of `compare` gave, and its JSON.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Bar, Machine, Measured, Plan, Row, Unmeasured, Verdict};

/// The version of the JSON: `Report::schema`. It changes when a reader would have to.
pub const SCHEMA: u32 = 1;

/// What a run gave. As JSON: an object with these fields; [`Samples`](super::Samples) are arrays of numbers, an
/// [`Outcome`] has the field `kind`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Whether it was only a sign of life: then nothing is judged.
    pub quick: bool,
    /// Where it was measured.
    pub machine: Machine,
    /// Row by row.
    pub entries: Vec<Entry>,
}

/// A row, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// See [`Row::id`].
    pub id: &'static str,
    /// See [`Row::title`].
    pub title: &'static str,
    /// See [`Row::explanation`].
    pub explanation: &'static str,
    /// See [`Row::bar`].
    pub bar: Bar,
    /// How long it took.
    pub seconds: f64,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// It has figures.
    Measured {
        /// The median of the ratios.
        ratio: f64,
        /// `None` when it was only a sign of life.
        verdict: Option<Verdict>,
        /// All of it.
        #[serde(flatten)]
        measured: Measured,
    },
    /// This machine lacks something.
    Skipped {
        /// What.
        why: String,
    },
    /// Something that should have worked did not.
    Failed {
        /// What.
        why: String,
    },
}

impl Report {
    /// Measures the rows, one after another; a row that fails does not keep the others from it.
    pub fn measure(machine: Machine, plan: &Plan, rows: &[Row]) -> Self {
        let entries = rows.iter().map(|row| Entry::measure(plan, row)).collect();
        Self {
            schema: SCHEMA,
            quick: plan.is_quick(),
            machine,
            entries,
        }
    }

    /// How many bars were missed.
    pub fn missed(&self) -> usize {
        self.count(|outcome| {
            matches!(
                outcome,
                Outcome::Measured {
                    verdict: Some(Verdict::Missed),
                    ..
                }
            )
        })
    }

    /// How many rows failed.
    pub fn failed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Failed { .. }))
    }

    /// How many rows were skipped.
    pub fn skipped(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Skipped { .. }))
    }

    fn count(&self, is_meant: impl Fn(&Outcome) -> bool) -> usize {
        let outcomes = self.entries.iter().map(|entry| &entry.outcome);
        outcomes.filter(|outcome| is_meant(outcome)).count()
    }

    /// All of it as JSON, with a line's end.
    ///
    /// # Errors
    /// Never for what was measured: only maps with odd keys cannot be written.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

impl Entry {
    fn measure(plan: &Plan, row: &Row) -> Self {
        plan.begin(row.id);
        let began = Instant::now();
        let outcome = match (row.measure)(plan) {
            Ok(measured) => {
                let ratio = measured.ratios.median();
                Outcome::Measured {
                    ratio,
                    verdict: (!plan.is_quick()).then(|| row.bar.judge(ratio)),
                    measured,
                }
            }
            Err(Unmeasured::Skipped(why)) => Outcome::Skipped { why },
            Err(Unmeasured::Failed(why)) => Outcome::Failed { why },
        };
        Self {
            id: row.id,
            title: row.title,
            explanation: row.explanation,
            bar: row.bar,
            seconds: rounded(began.elapsed()),
            outcome,
        }
    }

    /// One word for what came of it.
    pub fn word(&self) -> &'static str {
        match &self.outcome {
            Outcome::Measured {
                verdict: Some(verdict),
                ..
            } => verdict.as_str(),
            Outcome::Measured { verdict: None, .. } => "runs",
            Outcome::Skipped { .. } => "skipped",
            Outcome::Failed { .. } => "FAILED",
        }
    }
}

/// To milliseconds.
fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e3).round() / 1e3
}
