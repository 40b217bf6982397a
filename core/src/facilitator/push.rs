//! What the facilitator sends of its own accord: jobs and cheat reports, to whom, and what waits for somebody to come.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

use uuid::Uuid;

use super::Facilitator;
use super::output::{Delivery, Event, PushError, UnknownJob};
use super::record::JobRecord;
use crate::message::parse_uuid;
use crate::message::{FacilitatorMessage, V0JobCheated, V2JobRequest};
use crate::signature::AccountId;
use crate::{ConnectionId, Frame, Timestamp};

/// Commands that are about jobs.
impl Facilitator {
    /// Takes a job on record, as `sent`, and sends it to the validator whose turn it is: of those heard from within
    /// the routing timeout the one that has waited longest for a job. It goes to *every* connection of that validator,
    /// dead ones that nobody noticed included, so the same job can arrive twice.
    ///
    /// With nobody to send it to, it waits for the next validator that authenticates or sends a heartbeat.
    /// The request is sent as it is: sign it first.
    ///
    /// # Errors
    ///
    /// [`PushError`] when its uuid is no UUID or was used before, or when the record is full. Nothing changes then.
    pub fn push_job(
        &mut self,
        now: Timestamp,
        request: V2JobRequest,
    ) -> Result<Delivery, PushError> {
        self.advance(now);
        self.take_on(request, None)
    }

    /// As [`push_job`](Self::push_job), to one validator, by its account.
    ///
    /// # Errors
    ///
    /// As [`push_job`](Self::push_job), and [`PushError::UnknownValidator`].
    pub fn push_job_to(
        &mut self,
        now: Timestamp,
        validator: AccountId,
        request: V2JobRequest,
    ) -> Result<Delivery, PushError> {
        self.advance(now);
        if !self.config.validators.contains(validator) {
            return Err(PushError::UnknownValidator { validator });
        }
        self.take_on(request, Some(validator))
    }

    /// Sends a job once more, to all connections of its validator. Where that one was not heard from within the routing
    /// timeout, the job waits for it.
    ///
    /// # Errors
    ///
    /// [`UnknownJob`] when it is not on record.
    pub fn push_again(&mut self, now: Timestamp, uuid: &str) -> Result<Delivery, UnknownJob> {
        self.advance(now);
        match parse_uuid(uuid) {
            Some(key) if self.jobs.contains(&key) => Ok(self.route(&key)),
            _ => Err(UnknownJob {
                uuid: uuid.to_string(),
            }),
        }
    }

    /// Takes a cheat report on record, instead of an earlier one about the same job, and sends it to every connection of
    /// the validator that had the job. Without a connection it waits for that validator to authenticate.
    ///
    /// The protocol lets only completed jobs be reported; that is for the validator to check, not for this machine.
    ///
    /// # Errors
    ///
    /// [`UnknownJob`] when the job is not on record.
    pub fn report_cheated_job(
        &mut self,
        now: Timestamp,
        report: V0JobCheated,
    ) -> Result<Delivery, UnknownJob> {
        self.advance(now);
        let job = parse_uuid(&report.job_uuid).and_then(|key| self.jobs.get_mut(&key));
        let Some(job) = job else {
            return Err(UnknownJob {
                uuid: report.job_uuid,
            });
        };
        job.cheat_report = Some(Arc::new(report));
        job.cheat_report_waits = true;
        let validator = job.validator;
        Ok(validator.map_or(Delivery::Waiting, |validator| {
            self.send_cheat_reports(validator)
        }))
    }

    /// Takes a job off the record: updates for it get `job.not_found` from now on. Returns what was on record, if anything.
    pub fn forget_job(&mut self, uuid: &str) -> Option<JobRecord> {
        self.jobs.remove(&parse_uuid(uuid)?)
    }
}

impl Facilitator {
    fn take_on(
        &mut self,
        request: V2JobRequest,
        target: Option<AccountId>,
    ) -> Result<Delivery, PushError> {
        let Some(key) = parse_uuid(&request.uuid) else {
            return Err(PushError::UuidInvalid { uuid: request.uuid });
        };
        if self.jobs.contains(&key) {
            return Err(PushError::AlreadyPushed { uuid: request.uuid });
        }
        let limit = self.config.limits.jobs;
        if self.jobs.len() >= limit {
            return Err(PushError::Full { limit });
        }
        self.jobs
            .insert(JobRecord::new(self.now, key, request, target));
        Ok(self.route(&key))
    }

    /// Sends a job to its validator, or to the one whose turn it is; or makes it wait.
    fn route(&mut self, key: &Uuid) -> Delivery {
        let fixed = self
            .jobs
            .get(key)
            .and_then(|job| job.validator.or(job.target));
        let choice = match fixed {
            Some(account) => self
                .listeners()
                .any(|listener| listener == account)
                .then_some(account),
            None => self.next_in_turn(),
        };
        let Some(job) = self.jobs.get_mut(key) else {
            return Delivery::Waiting;
        };
        let Some(validator) = choice else {
            job.waits = true;
            return Delivery::Waiting;
        };
        job.waits = false;
        job.validator = Some(validator);
        self.jobs_given += 1;
        if let Some(record) = self.validators.get_mut(&validator) {
            record.last_job = self.jobs_given;
        }
        let conns = self.conns_where(|account| account == validator);
        self.send_job(key, &conns);
        Delivery::Sent {
            validator,
            connections: conns.len(),
        }
    }

    fn send_job(&mut self, key: &Uuid, conns: &[ConnectionId]) {
        let Some(job) = self.jobs.get_mut(key) else {
            return;
        };
        job.deliveries += conns.len() as u64;
        let message = FacilitatorMessage::JobRequest(Box::new(V2JobRequest::clone(&job.request)));
        let uuid = job.uuid.clone();
        let frame = Frame::text(message.encode_python());
        for &conn in conns {
            self.stats.jobs_sent += 1;
            self.transmit(conn, frame.clone());
            self.event(Event::JobSent {
                conn,
                uuid: uuid.clone(),
            });
        }
    }

    /// Sends what waits for a validator that was just heard from.
    pub(super) fn send_waiting(&mut self, validator: AccountId) {
        let suits = |fixed: Option<AccountId>| fixed.is_none_or(|fixed| fixed == validator);
        let keys: Vec<Uuid> = self
            .jobs
            .iter()
            .filter(|job| job.waits && suits(job.validator.or(job.target)))
            .map(|job| job.key)
            .collect();
        for key in keys {
            self.route(&key);
        }
        self.send_cheat_reports(validator);
    }

    /// Sends every job of a validator that has no status from it yet to one connection.
    pub(super) fn resend_unanswered(&mut self, conn: ConnectionId, validator: AccountId) {
        let keys: Vec<Uuid> = self
            .jobs
            .iter()
            .filter(|job| !job.waits && job.validator == Some(validator) && job.is_unanswered())
            .map(|job| job.key)
            .collect();
        for key in keys {
            self.send_job(&key, &[conn]);
        }
    }

    fn send_cheat_reports(&mut self, validator: AccountId) -> Delivery {
        let conns = self.conns_where(|account| account == validator);
        if conns.is_empty() {
            return Delivery::Waiting;
        }
        let reports: Vec<(Arc<str>, Arc<V0JobCheated>)> = self
            .jobs
            .iter_mut()
            .filter(|job| job.cheat_report_waits && job.validator == Some(validator))
            .filter_map(|job| {
                job.cheat_report_waits = false;
                Some((job.uuid.clone(), job.cheat_report.clone()?))
            })
            .collect();
        for (uuid, report) in reports {
            let message = FacilitatorMessage::JobCheated(Box::new(V0JobCheated::clone(&report)));
            let frame = Frame::text(message.encode_python());
            for &conn in &conns {
                self.stats.cheat_reports_sent += 1;
                self.transmit(conn, frame.clone());
                self.event(Event::CheatReportSent {
                    conn,
                    uuid: uuid.clone(),
                });
            }
        }
        Delivery::Sent {
            validator,
            connections: conns.len(),
        }
    }

    /// The validator whose turn it is.
    fn next_in_turn(&self) -> Option<AccountId> {
        self.listeners().min_by_key(|account| {
            (
                self.validators
                    .get(account)
                    .map_or(0, |record| record.last_job),
                *account,
            )
        })
    }

    /// The validators heard from recently enough, one for each connection.
    fn listeners(&self) -> impl Iterator<Item = AccountId> {
        self.connections
            .values()
            .filter_map(|connection| connection.heard_within(self.now, self.config.routing_timeout))
    }
}
