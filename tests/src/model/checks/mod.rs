//! The session's invariants: one function for each, under the name that the design gives it. Every function is asked
//! about every output before the model has taken note of it, about every call of the application, and about the state
//! of rest after every step. What a check knows is the reference model, the facilitator's own record, and what was
//! done to the session; never the session's inside.

mod conduct;
mod connection;
mod delivery;
mod jobs;

use std::fmt;

use facilitator_core::ConnectionId;
use facilitator_core::Timestamp;
use facilitator_core::client::{Health, Output, Phase, Stats, Timer};

use super::ledger::{Ledger, Predicted};
use super::peer::{Cause, Record};

pub use conduct::{heartbeats_never_queue, is_oddity, polite, stops, total};
pub use connection::{alive_or_replaced, responses_are_matched};
pub use delivery::{at_least_once_applied_once, bounded, nothing_accepted_is_lost, order};
pub use jobs::{every_job_ends_once, poison_is_set_aside};

/// Whether an invariant holds, or in words how it does not.
pub type Held = Result<(), String>;

/// An invariant.
pub type Check = fn(&Scene<'_>) -> Held;

/// All of them, by name, in the design's order.
pub const INVARIANTS: [(&str, Check); 12] = [
    ("nothing accepted is lost", nothing_accepted_is_lost),
    ("order", order),
    ("at least once, applied once", at_least_once_applied_once),
    ("responses are matched", responses_are_matched),
    ("poison is set aside", poison_is_set_aside),
    ("bounded", bounded),
    ("every job ends once", every_job_ends_once),
    ("alive or replaced", alive_or_replaced),
    ("polite", polite),
    ("stops", stops),
    ("heartbeats never queue", heartbeats_never_queue),
    ("total", total),
];

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: &'static str,
    /// How.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is broken: {}", self.invariant, self.what)
    }
}

/// What was done to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The connection stands.
    Connected(ConnectionId),
    /// The attempt failed.
    ConnectFailed,
    /// A frame was heard on the connection of this number, for this reason.
    Heard(ConnectionId, Cause),
    /// The link ended.
    Disconnected,
    /// A tick; whether the session had asked for it.
    Tick(bool),
    /// Anything of an old connection.
    Stale,
    /// The application's doing.
    Call,
}

/// What was done since the outputs were taken the last time, and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The inputs, in order; more than one when outputs were left where they were.
    pub inputs: Vec<Input>,
    /// What was told of job requests.
    pub told: Vec<&'static str>,
    /// What should be told of the one that was heard, if that is sure.
    pub should_tell: Option<&'static [&'static str]>,
    /// Outputs.
    pub outputs: usize,
    /// Heartbeats among them.
    pub heartbeats: usize,
    /// Events about frames that could not be read, or meant nothing.
    pub oddities: usize,
    /// Whether a connection was lost.
    pub lost: bool,
    /// What the application has asked of the whole session.
    pub asked: Option<Asked>,
    /// Messages that were owed before.
    pub owed_before: usize,
    /// Whether messages flowed before.
    pub ready_before: bool,
}

/// What an application asks of a session, besides a graceful stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To start.
    Start,
    /// To end at once.
    Abort,
}

impl Batch {
    /// Whether the application has started the session.
    pub fn is_started(&self) -> bool {
        self.asked == Some(Asked::Start)
    }

    /// Whether the application has aborted it.
    pub fn is_aborted(&self) -> bool {
        self.asked == Some(Asked::Abort)
    }

    /// What was heard, in order.
    pub fn heard(&self) -> impl Iterator<Item = Cause> {
        self.inputs.iter().filter_map(|input| match input {
            Input::Heard(_, cause) => Some(*cause),
            _ => None,
        })
    }

    /// The only input, when there is one only.
    pub fn only(&self) -> Option<&Input> {
        match self.inputs.as_slice() {
            [input] => Some(input),
            _ => None,
        }
    }
}

/// A call of the application, and its result.
#[derive(Clone, Debug)]
pub struct Call {
    /// In words.
    pub what: String,
    /// What the model says.
    pub predicted: Predicted,
    /// Whether the model knows too little of the bytes owed to be sure.
    pub unsure: bool,
    /// The number, or the error's name.
    pub got: Result<u64, String>,
}

/// What a session shows when all of its outputs are taken.
#[derive(Clone, Debug)]
pub struct Rest {
    /// Its phase.
    pub phase: Phase,
    /// Whether it runs.
    pub running: bool,
    /// What it owes.
    pub owed: usize,
    /// Its figures.
    pub stats: Stats,
    /// How it says that it is.
    pub health: Health,
    /// When it wants to be woken.
    pub wake: Option<(Timestamp, Timer)>,
}

/// What a check is asked about.
#[derive(Clone, Copy, Debug)]
pub enum Moment<'a> {
    /// An output, before the model knows of it.
    Output(&'a Output),
    /// A call, before the model knows of it.
    Call(&'a Call),
    /// After a step.
    Rest(&'a Rest),
}

/// All that a check may look at.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The model.
    pub ledger: &'a Ledger,
    /// What the facilitator has.
    pub record: &'a Record,
    /// What has just been done.
    pub batch: &'a Batch,
    /// What has come of it.
    pub moment: Moment<'a>,
}

/// Asks all of them.
///
/// # Errors
///
/// The first invariant that is broken.
pub fn ask_all(scene: &Scene<'_>) -> Result<(), Violation> {
    for (invariant, check) in INVARIANTS {
        check(scene).map_err(|what| Violation { invariant, what })?;
    }
    Ok(())
}

/// Fails with the text when the condition does not hold.
macro_rules! hold {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(format!($($text)+));
        }
    };
}
pub(super) use hold;
