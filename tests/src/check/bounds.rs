//! How large a world is explored, and what may go wrong in it. Values only.

use std::fmt::{self, Write};
use std::str::FromStr;
use std::time::Duration;

use facilitator_core::message::JobStatus;

/// The size of what is explored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Jobs that the facilitator gives.
    pub jobs: usize,
    /// Statuses of each: the first, `received`, is the session's own, the last is `completed`.
    pub statuses: usize,
    /// Status updates that may be unanswered at once.
    pub window: usize,
    /// Status updates that may be owed at once, reserved slots included.
    pub outbox: usize,
    /// How often the connection may be cut, with all that is under way lost.
    pub cuts: u8,
    /// How often it may be cut at the session's end only: what the session sent still arrives one by one, or is lost.
    pub halves: u8,
    /// How many connection attempts may be refused.
    pub refusals: u8,
    /// How often a deadline may pass although something is under way.
    pub delays: u8,
    /// How many frames of a lost connection may arrive all the same.
    pub late: u8,
    /// How many frames may be read twice by the session.
    pub twice: u8,
    /// What becomes of the second status of the first job.
    pub poison: Option<Poison>,
    /// Whether the application may stop, at any moment.
    pub stop: bool,
    /// How many rows the facilitator may lose after it has acknowledged them. No client can make up for that: it is
    /// there to see that the search finds what is broken.
    pub amnesia: u8,
}

/// A status that no facilitator digests, and that the session cannot know for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poison {
    /// It is larger than the facilitator takes: refused with 1009, every time. Real code on both sides.
    Oversized,
    /// The handler crashes on it every time, and stores nothing. The crash is the harness's: the session's own door keeps
    /// back everything that is known to crash a facilitator.
    Crash,
    /// The handler stores it and crashes, once.
    StoredCrash,
}

impl Poison {
    const ALL: [Self; 3] = [Self::Oversized, Self::Crash, Self::StoredCrash];

    /// The name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Oversized => "oversized",
            Self::Crash => "crash",
            Self::StoredCrash => "stored-crash",
        }
    }
}

/// No poison is called so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPoison(String);

impl fmt::Display for UnknownPoison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Poison::ALL.map(Poison::as_str).join(", ");
        write!(f, "{:?} is no poison; there are {names}", self.0)
    }
}

impl std::error::Error for UnknownPoison {}

impl FromStr for Poison {
    type Err = UnknownPoison;

    fn from_str(name: &str) -> Result<Self, UnknownPoison> {
        let found = Self::ALL.into_iter().find(|poison| poison.as_str() == name);
        found.ok_or_else(|| UnknownPoison(name.into()))
    }
}

impl Default for Bounds {
    /// Two jobs of three statuses, window 2, room for four updates, and nothing goes wrong.
    fn default() -> Self {
        Self {
            jobs: 2,
            statuses: 3,
            window: 2,
            outbox: 4,
            cuts: 0,
            halves: 0,
            refusals: 0,
            delays: 0,
            late: 0,
            twice: 0,
            poison: None,
            stop: false,
            amnesia: 0,
        }
    }
}

impl Bounds {
    /// The most jobs and the most statuses that can be asked for.
    pub const MOST: usize = 6;

    /// Longer than any run in these bounds needs, and shorter than any job's time: what is not over by then never is.
    pub const PATIENCE: Duration = Duration::from_mins(9);

    /// What is acknowledged late breaks the connection before the next ping does.
    pub const ACKNOWLEDGEMENT: Duration = Duration::from_secs(10);

    /// All that goes on after a stop ends by then.
    pub const DRAIN: Duration = Duration::from_secs(10);

    /// The statuses of a job, in order.
    pub fn plan(&self) -> Vec<JobStatus> {
        let between = [
            JobStatus::Accepted,
            JobStatus::ExecutorReady,
            JobStatus::VolumesReady,
            JobStatus::ExecutionDone,
        ];
        let count = self.statuses.clamp(2, Self::MOST) - 2;
        let mut plan = vec![JobStatus::Received];
        plan.extend(between.into_iter().take(count));
        plan.push(JobStatus::Completed);
        plan
    }

    /// As arguments of the program `check`.
    pub fn to_arguments(&self) -> String {
        let mut text = format!(
            "--jobs {} --statuses {} --window {} --outbox {}",
            self.jobs, self.statuses, self.window, self.outbox
        );
        for (name, count) in [
            ("cuts", self.cuts),
            ("halves", self.halves),
            ("refusals", self.refusals),
            ("delays", self.delays),
            ("late", self.late),
            ("twice", self.twice),
            ("amnesia", self.amnesia),
        ] {
            if count > 0 {
                let _ = write!(text, " --{name} {count}");
            }
        }
        if let Some(poison) = self.poison {
            let _ = write!(text, " --poison {}", poison.as_str());
        }
        if self.stop {
            text += " --stop";
        }
        text
    }
}
