//! One facilitator of a world: the pure one, and around it what a process and a network do wrong. What arrives and
//! what is sent goes through the world.

use std::collections::{BTreeMap, VecDeque};

use facilitator_core::facilitator::{Facilitator, Known};
use facilitator_core::message::JobStatus;
use facilitator_core::signature::AccountId;

use super::fault::Crash;
use super::job::JobId;
use super::queue::{Nanos, timestamp};
use super::trace::field;

/// Jobs that stay on record after they are over, to be sent once more or reported as cheated.
const KEPT: usize = 32;

/// One facilitator.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) facilitator: Facilitator,
    pub(super) tick_at: Option<Nanos>,
    pub(super) down_until: Nanos,
    /// Jobs on record and whose they are, oldest first.
    pub(super) jobs: VecDeque<(JobId, u32)>,
    /// Validators that are not known at the moment, and until when.
    pub(super) unknown: BTreeMap<AccountId, Nanos>,
    /// Clients whose next update is poison.
    poison_next: Vec<(u32, Crash)>,
    poison: Vec<(JobId, JobStatus, Crash)>,
}

impl Host {
    pub(super) fn new(facilitator: Facilitator) -> Self {
        Self {
            facilitator,
            tick_at: None,
            down_until: 0,
            jobs: VecDeque::new(),
            unknown: BTreeMap::new(),
            poison_next: Vec::new(),
            poison: Vec::new(),
        }
    }

    /// When the facilitator wants to be woken.
    pub(super) fn deadline(&self, now: Nanos) -> Option<Nanos> {
        let at = self.facilitator.poll_timeout()?;
        Some(super::queue::nanos(at.as_duration()).max(now))
    }

    /// Whether jobs have to be forgotten to keep the record short.
    pub(super) fn has_many_jobs(&self) -> bool {
        self.jobs.len() > KEPT
    }

    /// The next status update of this client will be poison, and stay it.
    pub(super) fn poison_next(&mut self, client: u32, crash: Crash) {
        self.poison_next.push((client, crash));
    }

    /// No more new poison.
    pub(super) fn heal(&mut self) {
        self.poison_next.clear();
    }

    /// How the handler crashes on this text, if it does.
    pub(super) fn crashes_on(&mut self, client: u32, text: &str) -> Option<Crash> {
        if self.poison_next.is_empty() && self.poison.is_empty() {
            return None;
        }
        if !text.starts_with(r#"{"message_type":"V0JobStatusUpdate""#) {
            return None;
        }
        let job = JobId::parse(field(text, "uuid")?)?;
        let status: JobStatus = field(text, "status")?.parse().ok()?;
        // One poison a job: with every way to end it poisoned, nobody could end it.
        if let Some((_, poison, crash)) = self.poison.iter().find(|(of, _, _)| *of == job) {
            return (*poison == status).then_some(*crash);
        }
        let next = self.poison_next.iter().position(|(of, _)| *of == client)?;
        let (_, crash) = self.poison_next.swap_remove(next);
        self.poison.push((job, status, crash));
        Some(crash)
    }

    /// A job is off the record.
    pub(super) fn forget(&mut self, job: JobId) {
        self.poison.retain(|(poisoned, _, _)| *poisoned != job);
        self.facilitator.forget_job(&job.to_string());
    }

    /// Tells the facilitator who is known now.
    pub(super) fn update_known(&mut self, now: Nanos, all: impl Iterator<Item = AccountId>) {
        self.unknown.retain(|_, until| *until > now);
        let known = if self.unknown.is_empty() {
            Known::Any
        } else {
            Known::only(all.filter(|account| !self.unknown.contains_key(account)))
        };
        self.facilitator.set_validators(timestamp(now), known);
    }
}
