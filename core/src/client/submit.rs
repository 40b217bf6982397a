//! What the application wants: messages on their way into the outbox, or refused with a reason. What may be sent at
//! all is decided in `door`, what a job may still be given in `jobs`.

use alloc::boxed::Box;
use alloc::string::ToString;
use core::time::Duration;

use uuid::Uuid;

use super::event::{Event, Outcome, Subject, UpdateId};
use super::jobs::Given;
use super::outbox::{Specs, Update};
use super::prepared::{Message, Prepared};
use super::slab::Slot;
use super::text::StatusText;
use super::{FacilitatorClient, Link, SendError, door};
use crate::Timestamp;
use crate::message::{
    HordeFailureDetails, HordeFailureReason, JobFailureDetails, JobParticipant,
    JobRejectionDetails, JobRejectionReason, JobStatus, JobStatusMetadata, JsonMap,
    V0JobStatusUpdate, V0MachineSpecsUpdate,
};

/// What the application wants.
impl FacilitatorClient {
    /// Queues a status of a job. The returned id comes back in exactly one [`Receipt`](super::Receipt).
    ///
    /// The facilitator sees the statuses of a job in the order of these calls. The same status of a job given twice
    /// is delivered once, and has two receipts. A job that this session does not know is taken up: workers can
    /// outlive the process that received their job.
    ///
    /// # Errors
    ///
    /// [`SendError`] says why it was not queued: the session does not run, there is no room
    /// ([`SendError::is_full`]), the job has ended, or the facilitator could not digest the update.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "who reports a status has no more use for the update"
    )]
    pub fn send_job_status(
        &mut self,
        now: Timestamp,
        update: V0JobStatusUpdate,
    ) -> Result<UpdateId, SendError> {
        self.advance(now);
        self.check_accepting()?;
        let open_for = self.config.adopted_job_limit;
        let id = self.submit_status(&update, false, open_for)?;
        self.after_input();
        Ok(id)
    }

    /// Checks and encodes a status of a job, to be given with [`send`](Self::send) as often as it takes to find room.
    ///
    /// # Errors
    ///
    /// [`SendError`]: the session does not run, or the facilitator could not digest the update.
    pub fn prepare_job_status(&self, update: &V0JobStatusUpdate) -> Result<Prepared, SendError> {
        self.check_accepting()?;
        Prepared::job_status(update, self.config.message_bytes)
    }

    /// Checks and encodes the specs of a miner's machine, likewise.
    ///
    /// # Errors
    ///
    /// As [`prepare_job_status`](Self::prepare_job_status).
    pub fn prepare_machine_specs(
        &self,
        miner_hotkey: &str,
        batch_id: &str,
        specs: JsonMap,
    ) -> Result<Prepared, SendError> {
        self.check_accepting()?;
        let (hotkey, limit) = (&self.hotkey, self.config.message_bytes);
        Prepared::machine_specs(hotkey, miner_hotkey, batch_id, specs, limit)
    }

    /// Queues a prepared message, as [`send_job_status`](Self::send_job_status) and
    /// [`send_machine_specs`](Self::send_machine_specs) do. The message stays as it is: when there was no room, it can
    /// be given again. It belongs to the session that has prepared it, or to one with the same key and configuration.
    ///
    /// # Errors
    ///
    /// [`SendError`] says why it was not queued.
    pub fn send(&mut self, now: Timestamp, message: &Prepared) -> Result<UpdateId, SendError> {
        self.advance(now);
        self.check_accepting()?;
        let (size, limit) = (message.len(), self.config.message_bytes);
        if size > limit {
            return Err(SendError::TooLarge { size, limit });
        }
        let id = match &message.0 {
            Message::Status { uuid, status, text } => {
                let open_for = self.config.adopted_job_limit;
                self.give_status(*uuid, *status, text.clone(), false, open_for)?
            }
            Message::Specs(specs) => self.give_specs(specs.clone())?,
        };
        self.after_input();
        Ok(id)
    }

    /// Whether room in the outbox decides on this message. It does not when the message is refused anyway, was delivered
    /// before, or has a slot of its own.
    #[cfg(feature = "driver")]
    pub(crate) fn needs_room(&self, message: &Prepared) -> bool {
        if self.check_accepting().is_err() {
            return false;
        }
        let Subject::JobStatus { uuid, status } = message.subject() else {
            return true;
        };
        let Some(job) = self.jobs.find(&uuid) else {
            return true;
        };
        match self.jobs.look_up(job, status) {
            Given::Ended(_) | Given::Delivered => false,
            Given::Underway => true,
            Given::New => !self.has_reserved_slot(job, status),
        }
    }

    /// The slot of an open job's terminal status is kept for it.
    fn has_reserved_slot(&self, job: Slot, status: JobStatus) -> bool {
        status.is_terminal() && self.jobs.terminal(job).is_none()
    }

    /// Ends a job as `rejected`, by the validator.
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub fn reject_job(
        &mut self,
        now: Timestamp,
        uuid: &str,
        reason: JobRejectionReason,
        message: &str,
    ) -> Result<UpdateId, SendError> {
        self.send_job_status(now, rejection(uuid, reason, message))
    }

    /// Ends a job as `failed`: the job itself did not succeed.
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub fn fail_job(
        &mut self,
        now: Timestamp,
        uuid: &str,
        details: JobFailureDetails,
    ) -> Result<UpdateId, SendError> {
        self.send_job_status(now, failure(uuid, details))
    }

    /// Ends a job as `horde_failed`: what should have run the job did not.
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub fn fail_horde(
        &mut self,
        now: Timestamp,
        uuid: &str,
        details: HordeFailureDetails,
    ) -> Result<UpdateId, SendError> {
        self.send_job_status(now, horde_failure(uuid, details))
    }

    /// Takes up a job that another process received, and has left to this one: a slot is kept for its terminal status,
    /// a repeated request of it is answered with nothing, and it is ended as `horde_failed` when `time_left` is over
    /// before it has ended. Of a job that is open already, this changes the time that it has left.
    ///
    /// A status of an unknown job adopts it too, with `adopted_job_limit` as its time.
    ///
    /// # Errors
    ///
    /// [`SendError`]: the session does not run, the uuid is none, the job has ended, or there is no room for another one.
    pub fn adopt_job(
        &mut self,
        now: Timestamp,
        uuid: &str,
        time_left: Duration,
    ) -> Result<(), SendError> {
        self.advance(now);
        self.check_accepting()?;
        let uuid = door::job_uuid(uuid)?;
        let deadline = self.now + time_left;
        if let Some(job) = self.jobs.find(&uuid) {
            if let Some(ended) = self.jobs.terminal(job) {
                return Err(SendError::JobEnded { uuid, ended });
            }
            self.jobs.set_deadline(job, deadline);
            self.watchdog.watch(job, deadline);
        } else {
            self.check_open_jobs()?;
            self.check_room(1)?;
            self.take_up(uuid, deadline)?;
        }
        self.after_input();
        Ok(())
    }

    /// Queues the specs of a miner's machine, with this validator's own hotkey.
    ///
    /// The protocol never acknowledges specs; the receipt says that the peer has read past them.
    ///
    /// # Errors
    ///
    /// [`SendError`], as [`send_job_status`](Self::send_job_status).
    pub fn send_machine_specs(
        &mut self,
        now: Timestamp,
        miner_hotkey: &str,
        batch_id: &str,
        specs: JsonMap,
    ) -> Result<UpdateId, SendError> {
        self.advance(now);
        self.check_accepting()?;
        let update = V0MachineSpecsUpdate {
            miner_hotkey: miner_hotkey.into(),
            validator_hotkey: self.hotkey.to_string(),
            specs,
            batch_id: batch_id.into(),
        };
        let (id, _) = self.queue_specs(&update)?;
        self.after_input();
        Ok(id)
    }

    pub(super) fn queue_specs(
        &mut self,
        specs: &V0MachineSpecsUpdate,
    ) -> Result<(UpdateId, Subject), SendError> {
        let (batch_id, text) = self.door.check_specs(specs, self.config.message_bytes)?;
        let about = Specs { batch_id, text };
        let subject = about.subject();
        let id = self.give_specs(about)?;
        Ok((id, subject))
    }

    fn give_specs(&mut self, about: Specs) -> Result<UpdateId, SendError> {
        if self.outbox.specs_len() >= self.config.specs_entries {
            return Err(SendError::Full {
                owed: self.outbox.specs_len(),
                capacity: self.config.specs_entries,
            });
        }
        self.check_bytes(about.text.len())?;
        let id = self.outbox.next_id();
        self.outbox.push_specs(id, about, self.now);
        self.stats.specs_accepted += 1;
        Ok(id)
    }

    pub(crate) fn check_accepting(&self) -> Result<(), SendError> {
        match (&self.link, self.draining) {
            (Link::Down, _) if self.started_before => Err(SendError::Stopped),
            (Link::Down, _) => Err(SendError::NotStarted),
            (_, Some(_)) => Err(SendError::Stopping),
            (_, None) => Ok(()),
        }
    }

    /// Queues a status, or lets it share what is queued or delivered already. A job that is not known is taken up, and
    /// has to end within `open_for`.
    pub(super) fn submit_status(
        &mut self,
        update: &V0JobStatusUpdate,
        automatic: bool,
        open_for: Duration,
    ) -> Result<UpdateId, SendError> {
        let (uuid, text) = self.door.check_status(update, self.config.message_bytes)?;
        self.give_status(uuid, update.status, text, automatic, open_for)
    }

    fn give_status(
        &mut self,
        uuid: Uuid,
        status: JobStatus,
        text: StatusText,
        automatic: bool,
        open_for: Duration,
    ) -> Result<UpdateId, SendError> {
        let job = self.jobs.find(&uuid);
        match job.map_or(Given::New, |job| self.jobs.look_up(job, status)) {
            Given::Ended(ended) => Err(SendError::JobEnded { uuid, ended }),
            Given::Delivered => {
                let id = self.outbox.next_id();
                self.emit_receipt(
                    id,
                    Subject::JobStatus { uuid, status },
                    automatic,
                    Outcome::AlreadyKnown,
                );
                Ok(id)
            }
            Given::Underway => {
                self.check_room(1)?;
                let id = self.outbox.next_id();
                if let Some(job) = job {
                    self.jobs.share(job, status, id);
                }
                Ok(id)
            }
            Given::New => self.queue_status(job, uuid, status, text, automatic, open_for),
        }
    }

    fn queue_status(
        &mut self,
        job: Option<Slot>,
        uuid: Uuid,
        status: JobStatus,
        text: StatusText,
        automatic: bool,
        open_for: Duration,
    ) -> Result<UpdateId, SendError> {
        if !job.is_some_and(|job| self.has_reserved_slot(job, status)) {
            // A job that is taken up here, and not ended at once, needs a slot for its terminal status too.
            let takes_up = job.is_none() && !status.is_terminal();
            self.check_room(1 + usize::from(takes_up))?;
            self.check_bytes(text.len(status))?;
        }
        if job.is_none() && !status.is_terminal() {
            self.check_open_jobs()?;
        }
        let job = match job {
            Some(job) => job,
            None => self.take_up(uuid, self.now + open_for)?,
        };
        if status.is_terminal() {
            self.watchdog.forget(job);
        }
        let id = self.outbox.next_id();
        self.jobs.queued(job, status);
        let about = Update { job, status, text };
        self.outbox.push_status(id, about, automatic, self.now);
        self.stats.statuses_accepted += 1;
        Ok(id)
    }

    fn take_up(&mut self, uuid: Uuid, deadline: Timestamp) -> Result<Slot, SendError> {
        let limit = self.jobs.open();
        let job = self.jobs.take_up(uuid, self.now, deadline);
        let job = job.ok_or(SendError::TooManyJobs { limit })?;
        self.watchdog.watch(job, deadline);
        Ok(job)
    }

    /// Nobody has ended this job in its time. The slot that is kept for its terminal status is taken for this one.
    pub(super) fn end_overdue(&mut self, job: Slot) {
        let Some(uuid) = self.jobs.uuid(job) else {
            return;
        };
        self.stats.jobs_overdue += 1;
        self.emit(Event::JobOverdue { uuid });
        let details = HordeFailureDetails::new(
            JobParticipant::Validator,
            HordeFailureReason::UnhandledTimeout,
            "no terminal status came within the job's time limits and a margin",
        );
        let update = horde_failure(&uuid.to_string(), details);
        // There is room, and nothing in it that could be refused: an error cannot be, and would change nothing.
        let _ = self.submit_status(&update, true, Duration::ZERO);
    }

    fn check_open_jobs(&self) -> Result<(), SendError> {
        let limit = self.config.open_jobs;
        if self.jobs.open() < limit {
            Ok(())
        } else {
            Err(SendError::TooManyJobs { limit })
        }
    }

    /// Whether `more` entries fit beside those taken and those reserved for terminal statuses.
    pub(super) fn check_room(&self, more: usize) -> Result<(), SendError> {
        if self.entries_taken() + more > self.config.outbox_entries {
            Err(self.full())
        } else {
            Ok(())
        }
    }

    /// Entries that are owed, or reserved for terminal statuses.
    fn entries_taken(&self) -> usize {
        self.outbox.statuses_len() + self.jobs.open() + self.jobs.shared()
    }

    /// Why a status is not accepted that others stand before, or that finds no room.
    pub(crate) fn full(&self) -> SendError {
        SendError::Full {
            owed: self.entries_taken(),
            capacity: self.config.outbox_entries,
        }
    }

    fn check_bytes(&self, more: usize) -> Result<(), SendError> {
        let (owed, capacity) = (self.outbox.bytes(), self.config.outbox_bytes);
        if owed.saturating_add(more) > capacity {
            Err(SendError::FullBytes { owed, capacity })
        } else {
            Ok(())
        }
    }
}

pub(crate) fn failure(uuid: &str, details: JobFailureDetails) -> V0JobStatusUpdate {
    let metadata = JobStatusMetadata {
        job_failure_details: Some(Box::new(details)),
        ..JobStatusMetadata::default()
    };
    V0JobStatusUpdate::new(uuid, JobStatus::Failed).with_metadata(metadata)
}

pub(crate) fn horde_failure(uuid: &str, details: HordeFailureDetails) -> V0JobStatusUpdate {
    let metadata = JobStatusMetadata {
        horde_failure_details: Some(Box::new(details)),
        ..JobStatusMetadata::default()
    };
    V0JobStatusUpdate::new(uuid, JobStatus::HordeFailed).with_metadata(metadata)
}

pub(crate) fn rejection(
    uuid: &str,
    reason: JobRejectionReason,
    message: &str,
) -> V0JobStatusUpdate {
    let details = JobRejectionDetails {
        rejected_by: JobParticipant::Validator,
        reason,
        message: message.into(),
        context: None,
    };
    let metadata = JobStatusMetadata {
        job_rejection_details: Some(Box::new(details)),
        ..JobStatusMetadata::default()
    };
    V0JobStatusUpdate::new(uuid, JobStatus::Rejected).with_metadata(metadata)
}
