//! The books that the checks keep of one client: what its application handed over and got back, and what the
//! facilitator stored. Kept from both ends of the world, never from inside the session.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use facilitator_core::client::{Config, Outcome, Owed, Receipt, Restored, Subject};
use facilitator_core::message::JobStatus;

use super::job::{JobId, LIMIT};
use super::queue::{Nanos, nanos};
use super::verdict::{Promise, Verdicts};
use super::watch::Moment;

/// Ended jobs whose number is remembered, to notice one that runs again; fewer than a session remembers.
const REMEMBERED: usize = 5000;

/// A snapshot counts in milliseconds: how much a job's time can lose by that, with some process to spare.
const ROUNDING: Nanos = 100_000_000;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The session has it.
    Owed,
    /// Accounted for.
    Delivered,
    Refused,
    SetAside,
    /// The application has it again.
    Back,
}

/// A status that was handed to the session.
#[derive(Clone, Copy, Debug)]
struct Given {
    status: JobStatus,
    fate: Fate,
    /// Whether it was handed back once: it comes again when the application wants, not when the session does.
    was_back: bool,
    /// Connections that carried it.
    carried: u32,
    /// The newest of them.
    carried_by: u64,
}

/// One job.
#[derive(Clone, Debug, Default)]
struct Job {
    /// In the order of handing over.
    given: Vec<Given>,
    /// In the order of storing, as places in `given`.
    stored: Vec<usize>,
    /// Statuses that the facilitator refused for want of the job.
    disowned: bool,
    /// Statuses that it refused for another reason.
    requested: bool,
    /// By the client's clock.
    requested_at: Nanos,
}

impl Job {
    fn place(&self, status: JobStatus) -> Option<usize> {
        self.given.iter().position(|given| given.status == status)
    }

    fn give(&mut self, status: JobStatus) -> usize {
        if let Some(place) = self.place(status) {
            return place;
        }
        self.given.push(Given {
            status,
            fate: Fate::Owed,
            was_back: false,
            carried: 0,
            carried_by: 0,
        });
        self.given.len() - 1
    }

    fn is_settled(&self) -> bool {
        self.given.iter().all(|given| given.fate != Fate::Owed)
    }

    /// Whether it has a terminal status that nothing more will come of.
    fn has_ended(&self) -> bool {
        let accounted = |fate| matches!(fate, Fate::Delivered | Fate::Refused | Fate::SetAside);
        self.given
            .iter()
            .any(|given| given.status.is_terminal() && accounted(given.fate))
    }
}

/// What an accepted message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Status(JobId, JobStatus),
    Specs(JobId),
}

/// The books of one client.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    jobs: BTreeMap<JobId, Job>,
    /// Accepted and without a receipt, by the number that the session gave.
    owed: BTreeMap<u64, Message>,
    /// Of the session's own statuses, which have no number before their receipt.
    owed_automatic: BTreeSet<(JobId, JobStatus)>,
    /// Machine specs that have reached the facilitator and that the session has not settled.
    specs_reached: BTreeSet<JobId>,
    ended: BTreeSet<JobId>,
    ended_order: VecDeque<JobId>,
    /// Since the newest connection was opened.
    repeated: usize,
    /// Whether what is handed back is being counted.
    pub(super) accepted: u64,
}

impl Ledger {
    /// Whether everything has its receipt.
    pub(super) fn is_settled(&self) -> bool {
        self.owed.is_empty() && self.owed_automatic.is_empty()
    }

    /// How much is without a receipt.
    pub(super) fn owed(&self) -> usize {
        self.owed.len() + self.owed_automatic.len()
    }

    /// Whether nothing will come of this job any more, as far as the session is concerned.
    pub(super) fn is_over(&self, job: JobId) -> bool {
        self.jobs
            .get(&job)
            .is_none_or(|job| job.is_settled() && (job.has_ended() || job.disowned))
    }

    /// Whether this job was given a terminal status. One that is set aside or handed back is the application's to
    /// replace, and it does.
    pub(super) fn was_ended(&self, job: JobId) -> bool {
        self.jobs
            .get(&job)
            .is_none_or(|job| job.given.iter().any(|given| given.status.is_terminal()))
    }

    /// A terminal status that this job was not given yet.
    pub(super) fn another_end(&self, job: JobId) -> Option<JobStatus> {
        let job = self.jobs.get(&job)?;
        [
            JobStatus::HordeFailed,
            JobStatus::Failed,
            JobStatus::Rejected,
            JobStatus::Completed,
        ]
        .into_iter()
        .find(|status| job.place(*status).is_none())
    }

    /// A job that was received and has no end.
    pub(super) fn open_jobs(&self) -> impl Iterator<Item = JobId> {
        self.jobs
            .iter()
            .filter(|(_, job)| job.requested && !job.has_ended() && !job.disowned)
            .map(|(id, _)| *id)
    }

    /// The facilitator has forgotten this job; nothing more will come of it.
    pub(super) fn forget(&mut self, job: JobId) {
        if self.jobs.remove(&job).is_some() && self.ended.insert(job) {
            self.ended_order.push_back(job);
            if self.ended_order.len() > REMEMBERED
                && let Some(oldest) = self.ended_order.pop_front()
            {
                self.ended.remove(&oldest);
            }
        }
    }

    /// The session handed a job on, with `received` on its way.
    pub(super) fn job_requested(&mut self, id: JobId, now: Moment, verdicts: &mut Verdicts) {
        let known = self.ended.contains(&id);
        let job = self.jobs.entry(id).or_default();
        let twice = job.requested || known;
        job.requested = true;
        job.requested_at = now.seen;
        verdicts.check(Promise::JobsEndOnce, !twice, || {
            format!("the job {id} was handed on twice")
        });
        self.automatic(id, JobStatus::Received);
    }

    /// The session ends a job since its time is over.
    pub(super) fn overdue(
        &mut self,
        id: JobId,
        now: Moment,
        margin: Duration,
        verdicts: &mut Verdicts,
    ) {
        let job = self.jobs.entry(id).or_default();
        let ended = job.given.iter().any(|given| {
            given.status.is_terminal() && matches!(given.fate, Fate::Owed | Fate::Delivered)
        });
        verdicts.check(Promise::JobsEndOnce, !ended, || {
            format!(
                "the job {id} is overdue although it has ended: {:?}",
                job.given
            )
        });
        // Of a job that nobody handed on, only its statuses are known, and the session has its own limit for it.
        let due = job.requested_at + nanos(margin) + LIMIT * 1_000_000_000;
        let early = job.requested && now.seen + ROUNDING < due;
        verdicts.check(Promise::JobsEndOnce, !early, || {
            format!("the job {id} is overdue at {now:?}, due at {due} ns")
        });
        self.automatic(id, JobStatus::HordeFailed);
    }

    /// Another process has taken over what was handed back.
    pub(super) fn restored(&mut self, message: &Restored, verdicts: &mut Verdicts) {
        match &message.subject {
            Subject::JobStatus { uuid, status } => {
                let id = JobId::from_number(uuid.as_u128());
                let job = self.jobs.entry(id).or_default();
                let place = job.give(*status);
                if let Some(given) = job.given.get_mut(place) {
                    given.fate = Fate::Owed;
                }
                let owed = Message::Status(id, *status);
                self.note_owed(message.id.as_u64(), owed, verdicts);
            }
            Subject::MachineSpecs { batch_id } => {
                let batch = JobId::from_number(batch_id.as_u128());
                self.note_owed(message.id.as_u64(), Message::Specs(batch), verdicts);
            }
        }
    }

    /// How many statuses the application has back and did not hand over again.
    pub(super) fn back(&self) -> usize {
        let given = self.jobs.values().flat_map(|job| &job.given);
        given.filter(|given| given.fate == Fate::Back).count()
    }

    /// The session answers a job by itself.
    pub(super) fn automatic(&mut self, id: JobId, status: JobStatus) {
        let job = self.jobs.entry(id).or_default();
        let place = job.give(status);
        if let Some(given) = job.given.get_mut(place) {
            given.fate = Fate::Owed;
        }
        self.owed_automatic.insert((id, status));
    }

    /// The session accepted a status.
    pub(super) fn status_accepted(
        &mut self,
        number: u64,
        id: JobId,
        status: JobStatus,
        verdicts: &mut Verdicts,
    ) {
        self.accepted += 1;
        let job = self.jobs.entry(id).or_default();
        let ended = job
            .given
            .iter()
            .find(|given| {
                given.status.is_terminal() && matches!(given.fate, Fate::Owed | Fate::Delivered)
            })
            .map(|given| given.status)
            .filter(|ended| *ended != status);
        verdicts.check(Promise::JobsEndOnce, ended.is_none(), || {
            format!("{status} of the job {id} was accepted after {ended:?}")
        });
        let place = job.give(status);
        if let Some(given) = job.given.get_mut(place)
            && given.fate != Fate::Delivered
        {
            given.fate = Fate::Owed;
        }
        self.note_owed(number, Message::Status(id, status), verdicts);
    }

    /// The session accepted machine specs.
    pub(super) fn specs_accepted(&mut self, number: u64, batch: JobId, verdicts: &mut Verdicts) {
        self.accepted += 1;
        self.note_owed(number, Message::Specs(batch), verdicts);
    }

    fn note_owed(&mut self, number: u64, message: Message, verdicts: &mut Verdicts) {
        let twice = self.owed.insert(number, message).is_some();
        verdicts.check(Promise::NothingLost, !twice, || {
            format!("the number {number} was given to two messages")
        });
    }

    /// The session says what became of a message.
    pub(super) fn receipt(&mut self, receipt: &Receipt, verdicts: &mut Verdicts) {
        let number = receipt.id.as_u64();
        let message = match &receipt.subject {
            Subject::JobStatus { uuid, status } => {
                Message::Status(JobId::from_number(uuid.as_u128()), *status)
            }
            Subject::MachineSpecs { batch_id } => {
                Message::Specs(JobId::from_number(batch_id.as_u128()))
            }
        };
        let expected = match (self.owed.remove(&number), message) {
            (Some(owed), _) => owed == message,
            // Its own ones have no number before their receipt.
            (None, Message::Status(id, status)) if receipt.automatic => {
                self.owed_automatic.remove(&(id, status))
            }
            (None, _) => false,
        };
        verdicts.check(Promise::NothingLost, expected, || {
            format!("a receipt for {message:?}, number {number}, which was not owed")
        });
        match message {
            Message::Status(id, status) => {
                self.status_receipt(id, status, &receipt.outcome, verdicts);
            }
            Message::Specs(batch) => self.specs_receipt(batch, &receipt.outcome, verdicts),
        }
    }

    fn status_receipt(
        &mut self,
        id: JobId,
        status: JobStatus,
        outcome: &Outcome,
        verdicts: &mut Verdicts,
    ) {
        let job = self.jobs.entry(id).or_default();
        let place = job.give(status);
        let stored = job.stored.contains(&place);
        let carried = job.given.get(place).map_or(0, |given| given.carried);
        let fate = match outcome {
            Outcome::Acknowledged | Outcome::AlreadyKnown => {
                verdicts.check(Promise::NothingLost, stored, || {
                    format!("{status} of the job {id} is {outcome:?}, but was never stored")
                });
                Fate::Delivered
            }
            Outcome::Refused(errors) => {
                let disowned = job.disowned;
                verdicts.check(Promise::Matched, disowned, || {
                    format!("{status} of the job {id} is refused with {errors:?}, but the facilitator never refused it")
                });
                Fate::Refused
            }
            Outcome::SetAside(_) => {
                verdicts.check(Promise::SetAside, carried >= 3, || {
                    format!("{status} of the job {id} is set aside after {carried} connections carried it")
                });
                Fate::SetAside
            }
            _ => Fate::Back,
        };
        if let Some(given) = job.given.get_mut(place) {
            given.fate = fate;
            given.was_back |= fate == Fate::Back;
        }
    }

    fn specs_receipt(&mut self, batch: JobId, outcome: &Outcome, verdicts: &mut Verdicts) {
        let reached = self.specs_reached.remove(&batch);
        if outcome.is_delivered() {
            verdicts.check(Promise::NothingLost, reached, || {
                format!("the specs {batch} are {outcome:?}, but never arrived")
            });
        }
    }

    /// The session has ended, and hands this back.
    pub(super) fn stopped(&mut self, owed: &[Owed], verdicts: &mut Verdicts) {
        verdicts.check(Promise::NothingLost, self.is_settled(), || {
            format!(
                "the session ended without a receipt for {:?} {:?}",
                self.owed, self.owed_automatic
            )
        });
        for owed in owed {
            let Subject::JobStatus { uuid, status } = &owed.subject else {
                continue;
            };
            let id = JobId::from_number(uuid.as_u128());
            let back = self.jobs.get(&id).is_some_and(|job| {
                job.given
                    .iter()
                    .any(|given| given.status == *status && given.fate == Fate::Back)
            });
            verdicts.check(Promise::NothingLost, back, || {
                format!("{status} of the job {id} is handed back, but was not owed")
            });
        }
    }

    /// The session has sent a status. Returns whether another connection had carried it before.
    pub(super) fn status_sent(
        &mut self,
        id: JobId,
        status: JobStatus,
        connection: u64,
        verdicts: &mut Verdicts,
    ) -> bool {
        let job = self.jobs.entry(id).or_default();
        let given = job.place(status);
        // The session answers some jobs by itself, before it says so.
        let place = given.unwrap_or_else(|| job.give(status));
        let after = job
            .given
            .iter()
            .skip(place + 1)
            .find(|later| later.carried_by == connection && later.status != status)
            .map(|later| later.status);
        verdicts.check(Promise::Order, after.is_none(), || {
            format!("{status} of the job {id} was sent after {after:?} on one connection")
        });
        let Some(given) = job.given.get_mut(place) else {
            return false;
        };
        if given.carried_by != connection {
            given.carried_by = connection;
            given.carried += 1;
        }
        given.carried > 1
    }

    /// The facilitator has stored a status.
    pub(super) fn stored(&mut self, id: JobId, status: JobStatus, verdicts: &mut Verdicts) {
        let job = self.jobs.entry(id).or_default();
        let Some(place) = job.place(status) else {
            return verdicts.check(Promise::Matched, false, || {
                format!("{status} of the job {id} was stored, but never given")
            });
        };
        verdicts.check(Promise::AppliedOnce, !job.stored.contains(&place), || {
            format!("{status} of the job {id} was stored twice")
        });
        let earlier = job.stored.iter().max().copied();
        verdicts.check(
            Promise::Order,
            earlier.is_none_or(|earlier| earlier < place),
            || {
                format!(
                    "{status} of the job {id} was stored after a later one: {:?}",
                    job.given
                )
            },
        );
        let ended = job.stored.iter().any(|place| {
            job.given
                .get(*place)
                .is_some_and(|given| given.status.is_terminal() && given.fate != Fate::SetAside)
        });
        verdicts.check(Promise::JobsEndOnce, !ended, || {
            format!("{status} of the job {id} was stored after its end")
        });
        job.stored.push(place);
    }

    /// The facilitator had this status before.
    pub(super) fn repeated(
        &mut self,
        id: JobId,
        status: JobStatus,
        config: &Config,
        verdicts: &mut Verdicts,
    ) {
        let given = self.jobs.get(&id).and_then(|job| {
            let place = job.place(status)?;
            job.given.get(place)
        });
        if given.is_some_and(|given| given.was_back) {
            return;
        }
        self.repeated += 1;
        verdicts.check(Promise::AppliedOnce, self.repeated <= config.window, || {
            format!(
                "{} updates were sent again in vain on one connection, the window is {}",
                self.repeated, config.window
            )
        });
    }

    /// The facilitator does not know this job.
    pub(super) fn disowned(&mut self, id: JobId) {
        self.jobs.entry(id).or_default().disowned = true;
    }

    /// Machine specs have reached the facilitator. Whether its handler comes to them is not for a session to know: the
    /// protocol answers nothing, and a server answers pings while its handler is busy.
    pub(super) fn specs_reached(&mut self, batch: JobId) {
        self.specs_reached.insert(batch);
    }

    /// A connection was opened.
    pub(super) fn connected(&mut self) {
        self.repeated = 0;
    }

    /// The faults have ended and so has the time to make up for them.
    pub(super) fn settled_in_the_end(&self, verdicts: &mut Verdicts) {
        verdicts.check(Promise::Settles, self.is_settled(), || {
            format!(
                "{} messages have no receipt: {:?} {:?}",
                self.owed(),
                self.owed,
                self.owed_automatic
            )
        });
        for id in self.open_jobs() {
            verdicts.check(Promise::JobsEndOnce, false, || {
                format!(
                    "the job {id} was received and has no end: {:?}",
                    self.jobs.get(&id)
                )
            });
        }
    }

    /// What this ledger and the facilitator's record say of a job, compared.
    pub(super) fn compare(&self, id: JobId, record: &[JobStatus], verdicts: &mut Verdicts) {
        let Some(job) = self.jobs.get(&id) else {
            return;
        };
        let stored: Vec<JobStatus> = job
            .stored
            .iter()
            .filter_map(|place| job.given.get(*place).map(|given| given.status))
            .collect();
        verdicts.check(Promise::NothingLost, stored == record, || {
            format!("of the job {id}, {stored:?} were stored, {record:?} are on record")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use JobStatus::{Accepted, Completed, Failed, Received};

    type Deed = fn(&mut Ledger, JobId, &mut Verdicts);

    const NOW: Moment = Moment { seen: 0, shown: 0 };

    /// What breaks when a job was handed on and `what` happens then.
    fn broken(what: impl FnOnce(&mut Ledger, JobId, &mut Verdicts)) -> Vec<Promise> {
        let (mut ledger, mut verdicts, job) =
            (Ledger::default(), Verdicts::default(), JobId::nth(1));
        ledger.job_requested(job, NOW, &mut verdicts);
        ledger.stored(job, Received, &mut verdicts);
        ledger.status_accepted(1, job, Accepted, &mut verdicts);
        ledger.status_accepted(2, job, Completed, &mut verdicts);
        what(&mut ledger, job, &mut verdicts);
        let violations = verdicts.violations().iter();
        violations.map(|violation| violation.promise).collect()
    }

    #[test]
    fn a_life_as_it_should_be_breaks_nothing() {
        let found = broken(|ledger, job, verdicts| {
            for status in [Received, Accepted, Completed] {
                ledger.status_sent(job, status, 1, verdicts);
            }
            ledger.stored(job, Accepted, verdicts);
            ledger.stored(job, Completed, verdicts);
            ledger.compare(job, &[Received, Accepted, Completed], verdicts);
        });
        assert_eq!(found, []);
    }

    #[test]
    fn each_fault_breaks_its_promise() {
        let cases: [(Promise, Deed); 10] = [
            (Promise::Order, |ledger, job, verdicts| {
                ledger.stored(job, Completed, verdicts);
                ledger.stored(job, Accepted, verdicts);
            }),
            (Promise::Order, |ledger, job, verdicts| {
                ledger.status_sent(job, Completed, 1, verdicts);
                ledger.status_sent(job, Accepted, 1, verdicts);
            }),
            (Promise::AppliedOnce, |ledger, job, verdicts| {
                ledger.stored(job, Received, verdicts);
            }),
            (Promise::AppliedOnce, |ledger, job, verdicts| {
                let config = Config {
                    window: 1,
                    ..crate::solo::config()
                };
                ledger.repeated(job, Accepted, &config, verdicts);
                ledger.repeated(job, Completed, &config, verdicts);
            }),
            (Promise::Matched, |ledger, job, verdicts| {
                ledger.stored(job, Failed, verdicts);
            }),
            (Promise::JobsEndOnce, |ledger, job, verdicts| {
                ledger.job_requested(job, NOW, verdicts);
            }),
            (Promise::JobsEndOnce, |ledger, job, verdicts| {
                ledger.status_accepted(3, job, Failed, verdicts);
            }),
            (Promise::NothingLost, |ledger, job, verdicts| {
                ledger.compare(job, &[], verdicts);
            }),
            (Promise::NothingLost, |ledger, _, verdicts| {
                ledger.stopped(&[], verdicts);
            }),
            (Promise::Settles, |ledger, _, verdicts| {
                ledger.settled_in_the_end(verdicts);
            }),
        ];
        for (number, (promise, what)) in cases.into_iter().enumerate() {
            let found = broken(what);
            assert!(found.contains(&promise), "case {number}: {found:?}");
        }
    }
}
