//! What the session should do next: answer a call, answer a request, wait. Nothing here changes the model.

use std::time::Duration;

use facilitator_core::client::{ConnectFailureKind, LostReason, Refusal};
use facilitator_core::message::JobStatus;

use super::{Entry, Key, Ledger, Link};

/// What an application's call should lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predicted {
    /// It is queued.
    Queued,
    /// It shares what is on its way.
    Shared,
    /// It has been delivered before.
    Known,
    /// It is refused, with the error of this name.
    Refused(&'static str),
}

impl Ledger {
    fn refuses_all(&self) -> Option<&'static str> {
        match (self.link, self.draining) {
            (Link::Down, _) if self.started_before => Some("Stopped"),
            (Link::Down, _) => Some("NotStarted"),
            (_, Some(_)) => Some("Stopping"),
            (_, None) => None,
        }
    }

    fn has_room(&self, more: usize) -> bool {
        self.taken() + more <= self.config.outbox_entries
    }

    fn has_bytes(&self, more: usize) -> bool {
        self.bytes().0 + more <= self.config.outbox_bytes
    }

    /// What giving a status should lead to. `bad` is what the door should say of it.
    pub fn predict_status(
        &self,
        job: u32,
        status: JobStatus,
        bytes: usize,
        bad: Option<&'static str>,
    ) -> Predicted {
        if let Some(error) = self.refuses_all().or(bad) {
            return Predicted::Refused(error);
        }
        if bytes > self.config.message_bytes {
            return Predicted::Refused("TooLarge");
        }
        let known = self.jobs.get(&job);
        if known
            .and_then(|job| job.terminal)
            .is_some_and(|ended| ended != status)
        {
            return Predicted::Refused("JobEnded");
        }
        if known.is_some_and(|job| job.delivered.contains(&status)) {
            return Predicted::Known;
        }
        let underway = |entry: &Entry| entry.key == Key::Status(job, status);
        if self.statuses.entries.iter().any(underway) {
            return if self.has_room(1) {
                Predicted::Shared
            } else {
                Predicted::Refused("Full")
            };
        }
        let open = known.is_some_and(|job| job.terminal.is_none());
        if !(open && status.is_terminal()) {
            let reserves = known.is_none() && !status.is_terminal();
            if !self.has_room(1 + usize::from(reserves)) {
                return Predicted::Refused("Full");
            }
            if !self.has_bytes(bytes) {
                return Predicted::Refused("FullBytes");
            }
        }
        let full = self.open_jobs() >= self.config.open_jobs;
        if known.is_none() && !status.is_terminal() && full {
            return Predicted::Refused("TooManyJobs");
        }
        Predicted::Queued
    }

    /// What giving specs should lead to.
    pub fn predict_specs(&self, bytes: usize, bad: Option<&'static str>) -> Predicted {
        let refused = if let Some(error) = self.refuses_all().or(bad) {
            error
        } else if bytes > self.config.message_bytes {
            "TooLarge"
        } else if self.specs.entries.len() >= self.config.specs_entries {
            "Full"
        } else if !self.has_bytes(bytes) {
            "FullBytes"
        } else {
            return Predicted::Queued;
        };
        Predicted::Refused(refused)
    }

    /// What taking up a job should lead to.
    pub fn predict_adoption(&self, job: u32) -> Predicted {
        let known = self.jobs.get(&job);
        let refused = if let Some(error) = self.refuses_all() {
            error
        } else if known.is_some_and(|job| job.terminal.is_some()) {
            "JobEnded"
        } else if known.is_some() {
            return Predicted::Known;
        } else if self.open_jobs() >= self.config.open_jobs {
            "TooManyJobs"
        } else if !self.has_room(1) {
            "Full"
        } else {
            return Predicted::Queued;
        };
        Predicted::Refused(refused)
    }

    /// What should be told of a job request that is heard now: event names. Nothing when more than one answer is right.
    pub fn predict_request(&self, job: u32) -> Option<&'static [&'static str]> {
        // How long the session's own words are is not known.
        let words = 1000;
        let unsure = self.bytes().1 || !self.has_bytes(words);
        if self.is_forgettable(job) || unsure {
            return None;
        }
        Some(if self.jobs.contains_key(&job) {
            &["Duplicate"]
        } else if matches!(self.link, Link::Closing(..)) {
            &["Closing"]
        } else if !self.trusting {
            if self.has_room(1) {
                &["Refused"]
            } else {
                &["OutboxFull", "Refused"]
            }
        } else if self.draining.is_some() {
            if self.has_room(1) {
                &["Stopping"]
            } else {
                &["OutboxFull"]
            }
        } else if self.open_jobs() < self.config.open_jobs && self.has_room(2) {
            &["Requested"]
        } else if self.has_room(1) {
            &["Busy"]
        } else {
            &["OutboxFull"]
        })
    }

    /// The least and the greatest delay that the policy allows after this loss, as the next failure in a row.
    pub fn allowed_delay(&self, reason: &LostReason) -> (Duration, Duration) {
        let config = &self.config;
        let doubled = config
            .backoff_initial
            .saturating_mul(2_u32.saturating_pow(self.failures));
        let ceiling = doubled.min(config.backoff_max);
        let minutes = (
            config.refused_delay,
            config.refused_delay + config.refused_delay / 5,
        );
        match reason {
            LostReason::ConnectFailed(failure) => match (failure.kind, failure.retry_after) {
                // Not less than for any other refusal.
                (ConnectFailureKind::Http { status: 401 | 403 }, asked)
                    if asked.is_none_or(|asked| asked < config.refused_delay) =>
                {
                    minutes
                }
                (_, Some(asked)) => {
                    let asked = asked.min(config.retry_after_max);
                    (asked, asked.saturating_add(ceiling))
                }
                (_, None) => (Duration::ZERO, ceiling),
            },
            LostReason::AuthenticationRefused(
                Refusal::ValidatorNotFound | Refusal::SignatureInvalid,
            ) => minutes,
            _ => (Duration::ZERO, ceiling),
        }
    }
}
