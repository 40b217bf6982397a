//! What a watcher sees of a session at one moment: values, and how they are taken. Taking them changes nothing.

use alloc::vec::Vec;
use core::time::Duration;

use uuid::Uuid;

use super::event::LostReason;
use super::health::Health;
use super::jobs::Unended;
use super::phase::Phase;
use super::stats::Stats;
use super::{FacilitatorClient, Link, Then};
use crate::Timestamp;
use crate::message::JobStatus;

/// A session at one moment, for those who look at it: status pages, metrics, health checks.
///
/// It holds no secret: neither keys nor the contents of messages. A reason repeats what the network, the system or the
/// facilitator said; escape it before it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overview {
    /// The moment. The other times here count from the same origin.
    pub now: Timestamp,
    /// What it is doing.
    pub phase: Phase,
    /// How it is, in one word.
    pub health: Health,
    /// Why the last connection was lost. Set until the next attempt begins.
    pub reason: Option<LostReason>,
    /// When the next attempt is made. Set while it is waited for.
    pub next_attempt: Option<Timestamp>,
    /// Until when a stop delivers what is owed. Set while it does.
    pub drain_deadline: Option<Timestamp>,
    /// Counters and gauges.
    pub stats: Stats,
    /// Every job that has not ended, in no order that means anything. A job whose terminal status is on its way is among
    /// them, and no longer in [`Stats::open_jobs`].
    pub jobs: Vec<JobOverview>,
}

impl Overview {
    /// The time until the next attempt, while it is waited for.
    pub fn retry_in(&self) -> Option<Duration> {
        self.next_attempt
            .map(|at| at.saturating_duration_since(self.now))
    }
}

/// A job that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobOverview {
    /// The job.
    pub uuid: Uuid,
    /// When this session took it up.
    pub taken_up: Timestamp,
    /// When the session ends it as `horde_failed`, if nobody has ended it before.
    pub deadline: Timestamp,
    /// Statuses that the facilitator has, in the order in which jobs pass through them.
    pub delivered: Vec<JobStatus>,
    /// Statuses that were given and not delivered yet, in that order.
    pub underway: Vec<JobStatus>,
}

impl FacilitatorClient {
    /// The session at this moment. The cost grows with the number of open jobs.
    ///
    /// ```
    /// use facilitator_core::Timestamp;
    /// use facilitator_core::client::{Config, Endpoint, FacilitatorClient, Phase};
    /// use facilitator_core::signature::{Keypair, Scheme};
    ///
    /// let keypair = Keypair::from_seed(Scheme::Ed25519, [7; 32])?;
    /// let client = FacilitatorClient::new(Config::new(Endpoint::public()), &keypair, 42)?;
    /// let overview = client.overview(Timestamp::ZERO);
    /// assert_eq!(overview.phase, Phase::Idle);
    /// assert!(overview.jobs.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn overview(&self, now: Timestamp) -> Overview {
        let now = self.now.max(now);
        let (reason, next_attempt) = match &self.link {
            Link::Waiting {
                reason,
                next_attempt,
            } => (Some(reason), Some(*next_attempt)),
            Link::Closing {
                then: Then::Retry(_, reason),
                ..
            } => (Some(reason), None),
            _ => (None, None),
        };
        let mut stats = self.stats();
        if self.is_running() {
            stats.uptime = now.saturating_duration_since(self.started_at);
        }
        Overview {
            now,
            phase: self.phase(),
            health: self.health(),
            reason: reason.cloned(),
            next_attempt,
            drain_deadline: self.draining.filter(|_| self.is_running()),
            stats,
            jobs: self.jobs.unended().map(JobOverview::new).collect(),
        }
    }
}

impl JobOverview {
    fn new(job: Unended) -> Self {
        Self {
            uuid: job.uuid,
            taken_up: job.taken_up,
            deadline: job.deadline,
            delivered: job.delivered.iter().collect(),
            underway: job.underway.iter().collect(),
        }
    }
}
