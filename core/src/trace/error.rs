//! What can be wrong with a trace, and how a replay can differ from it.

use alloc::boxed::Box;
use alloc::string::String;

use thiserror::Error;

use super::MAX_LINE_BYTES;
use super::header::FORMAT;
use crate::client::ConfigError;

/// A trace that was not replayed to its end. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// There is no line.
    #[error("the trace is empty")]
    Empty,
    /// The line cannot be read.
    #[error("line {line} of the trace is damaged: {reason}")]
    Damaged {
        /// Its number.
        line: u64,
        /// Why, cut to a readable length.
        reason: String,
    },
    /// The line is longer than any that is written.
    #[error(
        "line {line} of the trace has more than {MAX_LINE_BYTES} bytes, which no recording writes"
    )]
    LineTooLong {
        /// Its number.
        line: u64,
    },
    /// The first line does not say whose session it is.
    #[error(
        "the trace does not begin with its session; the first line is missing, or this is no trace"
    )]
    NoSession,
    /// Another version of this software has written it.
    #[error(
        "the trace has format {found}, readable is {FORMAT}; use the version that has recorded it"
    )]
    Format {
        /// Its format.
        found: u32,
    },
    /// The configuration in the first line makes no sense.
    #[error("the trace has a configuration that makes no sense: {0}")]
    Config(#[from] ConfigError),
    /// The session in the replay refuses what it took when it was recorded.
    #[error("line {line}: the session refuses what it took when it was recorded: {reason}")]
    Refused {
        /// Its number.
        line: u64,
        /// The session's error.
        reason: String,
    },
    /// The session in the replay does something else.
    #[error("{0}")]
    Difference(Box<Difference>),
    /// The trace ends in the middle of an input's outputs: the recorder was interrupted.
    #[error(
        "the trace ends behind line {line}, {missing} outputs early: its recording was interrupted; all before agrees"
    )]
    Truncated {
        /// The last line.
        line: u64,
        /// How many outputs are missing.
        missing: usize,
    },
}

/// The first output that is another than was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "line {line}: the replay differs from the recording\n  recorded: {}\n  replayed: {}",
    recorded.as_deref().unwrap_or("nothing"),
    replayed.as_deref().unwrap_or("nothing")
)]
pub struct Difference {
    /// The line of the output, or the one at which the output is missing.
    pub line: u64,
    /// What was recorded, as JSON, cut to a readable length.
    pub recorded: Option<String>,
    /// What the replay does, likewise.
    pub replayed: Option<String>,
}

/// Characters of a line that an error repeats.
const SHOWN: usize = 400;

/// Cuts what came from a file to what an error may carry.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => [text.get(..end).unwrap_or_default(), ".."].concat(),
        None => text.into(),
    }
}
