//! What a world is made of. Values only.

use std::time::Duration;

use facilitator_core::client::{Config, Endpoint, TrustPolicy};
use facilitator_core::facilitator::FacilitatorConfig;

use super::wire::Quality;

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Everything that is left to chance comes from here.
    pub seed: u64,
    /// How many validators there are. They share the facilitators evenly.
    pub clients: usize,
    /// How many facilitators there are; 0 counts as 1. Each has a record of its own.
    pub facilitators: usize,
    /// How every session behaves.
    pub config: Config,
    /// How every facilitator behaves.
    pub facilitator: FacilitatorConfig,
    /// How good the lines are.
    pub quality: Quality,
    /// What there is to do.
    pub workload: Workload,
    /// Whether the trace is kept as text, too. It grows without bound.
    pub trace: bool,
}

impl Settings {
    /// One validator, one facilitator, an ocean between them, a job a minute. Jobs are not signed: a signature costs
    /// more than all the rest.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            clients: 1,
            facilitators: 1,
            config: Config {
                trust: TrustPolicy::unverified(),
                ..Config::new(Endpoint::public())
            },
            facilitator: FacilitatorConfig::default(),
            quality: Quality::default(),
            workload: Workload::default(),
            trace: false,
        }
    }
}

/// What there is to do for each validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The mean time between two jobs; `None` for no jobs but those that are pushed by hand.
    pub jobs_every: Option<Duration>,
    /// The time between two machine specs; `None` for none.
    pub specs_every: Option<Duration>,
    /// The longest time between two statuses of a job.
    pub step: Duration,
    /// How long after its last word a worker that crashed is reported for.
    pub crash_noticed_after: Duration,
    /// The largest output of a job, in bytes.
    pub output: usize,
}

impl Default for Workload {
    /// A job a minute that takes as long, specs every five minutes, outputs up to 400 bytes.
    fn default() -> Self {
        Self {
            jobs_every: Some(Duration::from_mins(1)),
            specs_every: Some(Duration::from_mins(5)),
            step: Duration::from_secs(20),
            crash_noticed_after: Duration::from_secs(5),
            output: 400,
        }
    }
}
