//! A row of the table, before it is measured.

use thiserror::Error;

use super::{Bar, Measured, Plan};

/// One question, and how it is answered.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What it is called on the command line and in the plot: lower case, words joined by hyphens.
    pub id: &'static str,
    /// What is divided by what, as `core cycle / VecDeque toy`.
    pub title: &'static str,
    /// What both sides do, and what the figure leaves out. One or two sentences.
    pub explanation: &'static str,
    /// What the ratio has to reach.
    pub bar: Bar,
    /// Measures it. Whatever it starts it also ends; it is bounded in time.
    pub measure: fn(&Plan) -> Result<Measured, Unmeasured>,
}

/// Why a row has no figures.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unmeasured {
    /// This machine lacks something. Nothing is wrong with us.
    #[error("skipped: {0}")]
    Skipped(String),
    /// Something that should have worked did not.
    #[error("failed: {0}")]
    Failed(String),
}

impl Unmeasured {
    /// This machine lacks something: what, and what would help.
    pub fn skipped(why: impl Into<String>) -> Self {
        Self::Skipped(why.into())
    }

    /// Something that should have worked did not.
    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }
}

impl From<std::io::Error> for Unmeasured {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
