//! Every job from its request to its terminal status, and the ended ones that must not run again. It knows no
//! messages and no connection, only which statuses a job was given and what became of them.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use uuid::Uuid;

use super::event::UpdateId;
use crate::Timestamp;
use crate::message::JobStatus;

/// What becomes of a status that the application gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// It is new and has to be queued.
    New,
    /// The same status of the job is on its way: one update serves both.
    Underway,
    /// The facilitator has this status of the job already.
    Delivered,
}

/// One job.
#[derive(Clone, Debug, Default)]
struct Job {
    /// Statuses on their way, with the receipts that wait for them besides the first one's.
    underway: Vec<(JobStatus, Vec<UpdateId>)>,
    /// Statuses that the facilitator has.
    delivered: Vec<JobStatus>,
    terminal: Option<JobStatus>,
    /// When it must have ended.
    deadline: Timestamp,
    /// Whether it stands in the list of ended jobs.
    listed: bool,
}

/// All jobs of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Jobs {
    /// Open ones, and ended ones that are remembered.
    known: BTreeMap<Uuid, Job>,
    /// Ended jobs, oldest first.
    ended: VecDeque<Uuid>,
    open: usize,
    /// Receipts that wait for an update which was queued for another one.
    shared: usize,
}

impl Jobs {
    /// Whether the job is open, or among the remembered ended ones.
    pub(super) fn is_known(&self, uuid: &Uuid) -> bool {
        self.known.contains_key(uuid)
    }

    /// The terminal status that the job was given.
    pub(super) fn terminal(&self, uuid: &Uuid) -> Option<JobStatus> {
        self.known.get(uuid).and_then(|job| job.terminal)
    }

    /// Jobs without a terminal status: each has a slot reserved in the outbox.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Receipts that wait for another one's update: they count against the outbox too.
    pub(super) fn shared(&self) -> usize {
        self.shared
    }

    /// Takes up a job that is not known, and must have ended at its deadline.
    pub(super) fn take_up(&mut self, uuid: Uuid, deadline: Timestamp) {
        let job = Job {
            deadline,
            ..Job::default()
        };
        if self.known.insert(uuid, job).is_none() {
            self.open += 1;
        }
    }

    /// When an open job must have ended.
    pub(super) fn deadline(&self, uuid: &Uuid) -> Option<Timestamp> {
        let job = self.known.get(uuid)?;
        job.terminal.is_none().then_some(job.deadline)
    }

    /// Changes when a job must have ended.
    pub(super) fn set_deadline(&mut self, uuid: &Uuid, deadline: Timestamp) {
        if let Some(job) = self.known.get_mut(uuid) {
            job.deadline = deadline;
        }
    }

    /// What giving this status would mean. Changes nothing.
    pub(super) fn look_up(&self, uuid: &Uuid, status: JobStatus) -> Given {
        let Some(job) = self.known.get(uuid) else {
            return Given::New;
        };
        if job.underway.iter().any(|(underway, _)| *underway == status) {
            Given::Underway
        } else if job.delivered.contains(&status) {
            Given::Delivered
        } else {
            Given::New
        }
    }

    /// A status of a known job was queued.
    pub(super) fn queued(&mut self, uuid: &Uuid, status: JobStatus) {
        let Some(job) = self.known.get_mut(uuid) else {
            return;
        };
        job.underway.push((status, Vec::new()));
        if status.is_terminal() && job.terminal.is_none() {
            job.terminal = Some(status);
            self.open -= 1;
        }
    }

    /// A receipt shall wait for the same status that is on its way.
    pub(super) fn share(&mut self, uuid: &Uuid, status: JobStatus, id: UpdateId) {
        let Some(job) = self.known.get_mut(uuid) else {
            return;
        };
        if let Some((_, ids)) = job
            .underway
            .iter_mut()
            .find(|(underway, _)| *underway == status)
        {
            ids.push(id);
            self.shared += 1;
        }
    }

    /// A status has left the outbox for good.
    pub(super) fn settled(
        &mut self,
        uuid: &Uuid,
        status: JobStatus,
        fate: Fate,
        remember: usize,
    ) -> Settled {
        let Some(job) = self.known.get_mut(uuid) else {
            return Settled::default();
        };
        let mut reopened = None;
        let ids = take_underway(job, status);
        self.shared -= ids.len();
        if fate == Fate::Delivered {
            job.delivered.push(status);
        }
        if job.terminal == Some(status) {
            if fate == Fate::Undone {
                job.terminal = None;
                self.open += 1;
                reopened = Some(job.deadline);
            } else if !job.listed {
                job.listed = true;
                self.ended.push_back(*uuid);
                self.forget_oldest(remember);
            }
        }
        Settled { ids, reopened }
    }

    /// Keeps no more ended jobs than `remember`. One that was opened again, or still has something on its way, stays.
    fn forget_oldest(&mut self, remember: usize) {
        for _ in remember..self.ended.len() {
            let Some(oldest) = self.ended.pop_front() else {
                return;
            };
            match self.known.get_mut(&oldest) {
                Some(job) if job.terminal.is_none() => job.listed = false,
                Some(job) if !job.underway.is_empty() => self.ended.push_back(oldest),
                _ => {
                    self.known.remove(&oldest);
                }
            }
        }
    }
}

/// What follows when a status has left the outbox.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// The other receipts that waited for it.
    pub(super) ids: Vec<UpdateId>,
    /// The job is open again, and has to end until then.
    pub(super) reopened: Option<Timestamp>,
}

/// What became of a status that has left the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The facilitator has it.
    Delivered,
    /// The facilitator will never have it, and nothing in its place: it does not know the job.
    Lost,
    /// It is as if it had not been given; it, or another one, may be given again.
    Undone,
}

fn take_underway(job: &mut Job, status: JobStatus) -> Vec<UpdateId> {
    match job
        .underway
        .iter()
        .position(|(underway, _)| *underway == status)
    {
        Some(index) => job.underway.remove(index).1,
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);

    #[test]
    fn a_status_is_new_then_underway_then_delivered() {
        let mut jobs = Jobs::default();
        jobs.take_up(A, Timestamp::ZERO);
        assert_eq!(jobs.look_up(&A, JobStatus::Accepted), Given::New);
        jobs.queued(&A, JobStatus::Accepted);
        assert_eq!(jobs.look_up(&A, JobStatus::Accepted), Given::Underway);
        jobs.share(&A, JobStatus::Accepted, UpdateId(9));
        assert_eq!(jobs.shared(), 1);
        assert_eq!(
            jobs.settled(&A, JobStatus::Accepted, Fate::Delivered, 10)
                .ids,
            [UpdateId(9)]
        );
        assert_eq!(
            (jobs.look_up(&A, JobStatus::Accepted), jobs.shared()),
            (Given::Delivered, 0)
        );
    }

    #[test]
    fn a_refused_status_may_be_given_again() {
        let mut jobs = Jobs::default();
        jobs.take_up(A, Timestamp::ZERO);
        jobs.queued(&A, JobStatus::Received);
        jobs.settled(&A, JobStatus::Received, Fate::Undone, 10);
        assert_eq!(jobs.look_up(&A, JobStatus::Received), Given::New);
    }

    #[test]
    fn a_terminal_status_handed_back_opens_the_job_again() {
        let mut jobs = Jobs::default();
        let deadline = Timestamp::from_duration(core::time::Duration::from_secs(9));
        jobs.take_up(A, deadline);
        jobs.queued(&A, JobStatus::Failed);
        assert_eq!(
            (jobs.open(), jobs.terminal(&A)),
            (0, Some(JobStatus::Failed))
        );
        assert_eq!(jobs.deadline(&A), None, "it has a terminal status");
        let settled = jobs.settled(&A, JobStatus::Failed, Fate::Undone, 10);
        assert_eq!(settled.reopened, Some(deadline));
        assert_eq!((jobs.open(), jobs.terminal(&A)), (1, None));
        assert_eq!(jobs.deadline(&A), Some(deadline));
    }

    #[test]
    fn only_so_many_ended_jobs_are_remembered() {
        let mut jobs = Jobs::default();
        for n in 1..=5 {
            let uuid = Uuid::from_u128(n);
            jobs.take_up(uuid, Timestamp::ZERO);
            jobs.queued(&uuid, JobStatus::Completed);
            jobs.settled(&uuid, JobStatus::Completed, Fate::Delivered, 3);
        }
        assert_eq!(jobs.open(), 0);
        let known = |n| jobs.is_known(&Uuid::from_u128(n));
        assert_eq!(
            [known(1), known(2), known(3), known(4), known(5)],
            [false, false, true, true, true]
        );
    }

    #[test]
    fn a_terminal_status_given_again_is_remembered_once() {
        let mut jobs = Jobs::default();
        jobs.take_up(A, Timestamp::ZERO);
        for fate in [Fate::Lost, Fate::Lost, Fate::Delivered] {
            jobs.queued(&A, JobStatus::Failed);
            jobs.share(&A, JobStatus::Failed, UpdateId(1));
            assert_eq!(
                jobs.settled(&A, JobStatus::Failed, fate, 2).ids,
                [UpdateId(1)]
            );
        }
        assert_eq!((jobs.ended.len(), jobs.open(), jobs.shared()), (1, 0, 0));
    }

    #[test]
    fn a_job_with_something_on_its_way_is_not_forgotten() {
        let mut jobs = Jobs::default();
        jobs.take_up(A, Timestamp::ZERO);
        jobs.queued(&A, JobStatus::Failed);
        jobs.settled(&A, JobStatus::Failed, Fate::Lost, 1);
        jobs.queued(&A, JobStatus::Failed);
        jobs.share(&A, JobStatus::Failed, UpdateId(7));
        for n in 2..9 {
            let uuid = Uuid::from_u128(n);
            jobs.take_up(uuid, Timestamp::ZERO);
            jobs.queued(&uuid, JobStatus::Failed);
            jobs.settled(&uuid, JobStatus::Failed, Fate::Delivered, 1);
        }
        assert_eq!(
            jobs.settled(&A, JobStatus::Failed, Fate::Delivered, 1).ids,
            [UpdateId(7)]
        );
        assert_eq!((jobs.open(), jobs.shared()), (0, 0));
    }

    #[test]
    fn a_job_that_was_opened_again_is_not_forgotten_and_its_slot_comes_back() {
        let mut jobs = Jobs::default();
        jobs.take_up(A, Timestamp::ZERO);
        jobs.queued(&A, JobStatus::Failed);
        jobs.settled(&A, JobStatus::Failed, Fate::Lost, 1);
        jobs.queued(&A, JobStatus::Failed);
        jobs.settled(&A, JobStatus::Failed, Fate::Undone, 1);
        assert_eq!(jobs.open(), 1);
        for n in 2..5 {
            let uuid = Uuid::from_u128(n);
            jobs.take_up(uuid, Timestamp::ZERO);
            jobs.queued(&uuid, JobStatus::Failed);
            jobs.settled(&uuid, JobStatus::Failed, Fate::Delivered, 1);
        }
        assert!(jobs.is_known(&A));
        jobs.queued(&A, JobStatus::Completed);
        jobs.settled(&A, JobStatus::Completed, Fate::Delivered, 1);
        assert_eq!(jobs.open(), 0);
    }
}
