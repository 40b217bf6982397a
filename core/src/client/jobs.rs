//! Every job from its request to its terminal status, and the ended ones that must not run again. It knows no
//! messages and no connection, only which statuses a job was given and what became of them.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use uuid::Uuid;

use super::event::UpdateId;
use super::slab::{Slab, Slot};
use crate::Timestamp;
use crate::message::JobStatus;
use crate::time::Moment;

/// What becomes of a status that the application gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// It is new and has to be queued.
    New,
    /// The same status of the job is on its way: one update serves both.
    Underway,
    /// The facilitator has this status of the job already.
    Delivered,
    /// The job was given another terminal status: nothing can follow it.
    Ended(JobStatus),
}

/// A set of statuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Statuses(u16);

impl FromIterator<JobStatus> for Statuses {
    fn from_iter<I: IntoIterator<Item = JobStatus>>(statuses: I) -> Self {
        let mut set = Self::default();
        for status in statuses {
            set.insert(status);
        }
        set
    }
}

impl Statuses {
    const fn bit(status: JobStatus) -> u16 {
        1 << status as u16
    }

    const fn contains(self, status: JobStatus) -> bool {
        self.0 & Self::bit(status) != 0
    }

    const fn insert(&mut self, status: JobStatus) {
        self.0 |= Self::bit(status);
    }

    const fn remove(&mut self, status: JobStatus) {
        self.0 &= !Self::bit(status);
    }

    /// Its members, in the order of the protocol's own list.
    pub(super) fn iter(self) -> impl Iterator<Item = JobStatus> {
        let all = JobStatus::ALL.iter().copied();
        all.filter(move |status| self.contains(*status))
    }

    const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// One job.
#[derive(Clone, Debug, Default)]
struct Job {
    /// Statuses on their way.
    underway: Statuses,
    /// Those of them for which more receipts wait than the first one's.
    shared: Statuses,
    /// Statuses that the facilitator has.
    delivered: Statuses,
    terminal: Option<JobStatus>,
    /// When it was taken up: for those who look at it.
    taken_up: Moment,
    /// When it must have ended.
    deadline: Moment,
    /// Whether it stands in the list of ended jobs.
    listed: bool,
}

impl Job {
    /// Whether it was given its terminal status, and nothing of it is on its way any more.
    const fn has_ended(&self) -> bool {
        self.terminal.is_some() && self.underway.is_empty()
    }
}

/// All jobs of a session.
///
/// A job with a status on its way keeps its [`Slot`]: whoever holds the status can name the job by it.
#[derive(Clone, Debug)]
pub(super) struct Jobs {
    /// Open ones, and ended ones that are remembered.
    known: Slab<Job>,
    /// Ended jobs, oldest first.
    ended: VecDeque<Slot>,
    open: usize,
    /// Receipts that wait for an update which was queued for another one, in the order in which they were given. Few
    /// jobs are ever given a status twice.
    waiting: BTreeMap<(Slot, JobStatus), Vec<UpdateId>>,
    shared: usize,
}

impl Jobs {
    /// No jobs. The seed keeps those who name jobs from slowing down the look-up of them.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            known: Slab::new(seed),
            ended: VecDeque::new(),
            open: 0,
            waiting: BTreeMap::new(),
            shared: 0,
        }
    }

    /// The job, if it is open, or among the remembered ended ones.
    pub(super) fn find(&self, uuid: &Uuid) -> Option<Slot> {
        self.known.find(uuid)
    }

    /// Jobs without a terminal status: each has a slot reserved in the outbox.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Receipts that wait for another one's update: they count against the outbox too.
    pub(super) fn shared(&self) -> usize {
        self.shared
    }

    /// The job's uuid.
    pub(super) fn uuid(&self, slot: Slot) -> Option<Uuid> {
        self.known.uuid(slot)
    }

    /// The terminal status that the job was given.
    pub(super) fn terminal(&self, slot: Slot) -> Option<JobStatus> {
        self.known.get(slot)?.terminal
    }

    /// Changes when a job must have ended.
    pub(super) fn set_deadline(&mut self, slot: Slot, deadline: Timestamp) {
        if let Some(job) = self.known.get_mut(slot) {
            job.deadline = deadline.into();
        }
    }

    /// Takes up a job that is not known, and must have ended at its deadline. None when no more jobs can be told apart.
    pub(super) fn take_up(
        &mut self,
        uuid: Uuid,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Option<Slot> {
        let job = Job {
            taken_up: now.into(),
            deadline: deadline.into(),
            ..Job::default()
        };
        let slot = self.known.insert(uuid, job)?;
        self.open += 1;
        Some(slot)
    }

    /// Every job that is known: the ended ones first, oldest first.
    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        let ended = self.ended.iter().filter_map(|slot| {
            let (uuid, job) = self.known.entry(*slot)?;
            job.has_ended().then(|| record(uuid, job))
        });
        let others = self.known.iter().filter(|(_, job)| !job.has_ended());
        ended.chain(others.map(|(uuid, job)| record(uuid, job)))
    }

    /// Every job that has not ended, by place.
    pub(super) fn unended(&self) -> impl Iterator<Item = Unended> {
        let unended = self.known.iter().filter(|(_, job)| !job.has_ended());
        unended.map(|(uuid, job)| Unended {
            uuid: *uuid,
            taken_up: job.taken_up.into(),
            deadline: job.deadline.into(),
            underway: job.underway,
            delivered: job.delivered,
        })
    }

    /// Puts in a job as [`records`](Self::records) gave it, unless it is known. Returns its slot when it is open.
    pub(super) fn restore(
        &mut self,
        record: Record,
        now: Timestamp,
        remember: usize,
    ) -> Option<Slot> {
        if self.known.find(&record.uuid).is_some() {
            return None;
        }
        let slot = self.take_up(record.uuid, now, record.deadline)?;
        let job = self.known.get_mut(slot)?;
        job.delivered = record.delivered;
        if record.ended.is_none() {
            return Some(slot);
        }
        job.terminal = record.ended;
        job.listed = true;
        self.open -= 1;
        self.ended.push_back(slot);
        self.forget_oldest(remember);
        None
    }

    /// What giving this status would mean. Changes nothing.
    pub(super) fn look_up(&self, slot: Slot, status: JobStatus) -> Given {
        let Some(job) = self.known.get(slot) else {
            return Given::New;
        };
        match job.terminal {
            Some(ended) if ended != status => Given::Ended(ended),
            _ if job.underway.contains(status) => Given::Underway,
            _ if job.delivered.contains(status) => Given::Delivered,
            _ => Given::New,
        }
    }

    /// A status of the job was queued.
    pub(super) fn queued(&mut self, slot: Slot, status: JobStatus) {
        let Some(job) = self.known.get_mut(slot) else {
            return;
        };
        job.underway.insert(status);
        if status.is_terminal() && job.terminal.is_none() {
            job.terminal = Some(status);
            self.open -= 1;
        }
    }

    /// A receipt shall wait for the same status that is on its way.
    pub(super) fn share(&mut self, slot: Slot, status: JobStatus, id: UpdateId) {
        if let Some(job) = self.known.get_mut(slot)
            && job.underway.contains(status)
        {
            job.shared.insert(status);
            self.waiting.entry((slot, status)).or_default().push(id);
            self.shared += 1;
        }
    }

    /// A status has left the outbox for good.
    pub(super) fn settled(
        &mut self,
        slot: Slot,
        status: JobStatus,
        fate: Fate,
        remember: usize,
    ) -> Settled {
        let Some(job) = self.known.get_mut(slot) else {
            return Settled::default();
        };
        let mut reopened = None;
        job.underway.remove(status);
        let ids = if job.shared.contains(status) {
            job.shared.remove(status);
            self.waiting.remove(&(slot, status)).unwrap_or_default()
        } else {
            Vec::new()
        };
        self.shared -= ids.len();
        if fate == Fate::Delivered {
            job.delivered.insert(status);
        }
        if job.terminal == Some(status) && fate == Fate::Undone {
            job.terminal = None;
            self.open += 1;
            reopened = Some(job.deadline.into());
        } else if job.has_ended() && !job.listed {
            job.listed = true;
            self.ended.push_back(slot);
            self.forget_oldest(remember);
        }
        Settled { ids, reopened }
    }

    /// Keeps no more ended jobs than `remember`. One that was opened again stays, and so does one that was given its
    /// terminal status once more: it is listed again when that has left the outbox.
    fn forget_oldest(&mut self, remember: usize) {
        while self.ended.len() > remember
            && let Some(oldest) = self.ended.pop_front()
        {
            match self.known.get_mut(oldest) {
                Some(job) if !job.has_ended() => job.listed = false,
                _ => {
                    self.known.remove(oldest);
                }
            }
        }
    }
}

fn record(uuid: &Uuid, job: &Job) -> Record {
    Record {
        uuid: *uuid,
        deadline: job.deadline.into(),
        delivered: job.delivered,
        ended: job.terminal.filter(|_| job.has_ended()),
    }
}

/// What is known of a job, besides what of it is on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) uuid: Uuid,
    pub(super) deadline: Timestamp,
    pub(super) delivered: Statuses,
    /// Its terminal status, when it has ended.
    pub(super) ended: Option<JobStatus>,
}

/// A job that has not ended: its terminal status was not given, or is on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unended {
    pub(super) uuid: Uuid,
    pub(super) taken_up: Timestamp,
    pub(super) deadline: Timestamp,
    pub(super) underway: Statuses,
    pub(super) delivered: Statuses,
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

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const NOW: Timestamp = Timestamp::ZERO;
    const DEADLINE: Timestamp = Timestamp::from_duration(Duration::from_secs(9));

    fn jobs_with_a() -> (Jobs, Slot) {
        let mut jobs = Jobs::new(0);
        let a = jobs.take_up(A, NOW, DEADLINE).unwrap();
        (jobs, a)
    }

    /// Another job, from its request to its end.
    fn end_another(jobs: &mut Jobs, n: u128, remember: usize) {
        let slot = jobs.take_up(Uuid::from_u128(n), NOW, DEADLINE).unwrap();
        jobs.queued(slot, JobStatus::Completed);
        jobs.settled(slot, JobStatus::Completed, Fate::Delivered, remember);
    }

    #[test]
    fn a_status_is_new_then_underway_then_delivered() {
        let (mut jobs, a) = jobs_with_a();
        assert_eq!(jobs.look_up(a, JobStatus::Accepted), Given::New);
        jobs.queued(a, JobStatus::Accepted);
        assert_eq!(jobs.look_up(a, JobStatus::Accepted), Given::Underway);
        jobs.share(a, JobStatus::Accepted, UpdateId(9));
        assert_eq!(jobs.shared(), 1);
        assert_eq!(
            jobs.settled(a, JobStatus::Accepted, Fate::Delivered, 10)
                .ids,
            [UpdateId(9)]
        );
        assert_eq!(
            (jobs.look_up(a, JobStatus::Accepted), jobs.shared()),
            (Given::Delivered, 0)
        );
    }

    #[test]
    fn each_status_has_its_own_receipts_in_their_order() {
        let (mut jobs, a) = jobs_with_a();
        jobs.queued(a, JobStatus::Received);
        jobs.queued(a, JobStatus::Accepted);
        for (n, status) in [
            (1, JobStatus::Accepted),
            (2, JobStatus::Received),
            (3, JobStatus::Accepted),
        ] {
            jobs.share(a, status, UpdateId(n));
        }
        let mut settled = |status| jobs.settled(a, status, Fate::Delivered, 10).ids;
        assert_eq!(settled(JobStatus::Received), [UpdateId(2)]);
        assert_eq!(settled(JobStatus::Accepted), [UpdateId(1), UpdateId(3)]);
        assert_eq!(jobs.shared(), 0);
    }

    #[test]
    fn statuses_do_not_stand_for_each_other() {
        for given in JobStatus::ALL {
            let mut statuses = Statuses::default();
            statuses.insert(*given);
            for other in JobStatus::ALL {
                assert_eq!(statuses.contains(*other), given == other);
            }
            statuses.remove(*given);
            assert!(statuses.is_empty());
        }
    }

    #[test]
    fn a_refused_status_may_be_given_again() {
        let (mut jobs, a) = jobs_with_a();
        jobs.queued(a, JobStatus::Received);
        jobs.settled(a, JobStatus::Received, Fate::Undone, 10);
        assert_eq!(jobs.look_up(a, JobStatus::Received), Given::New);
    }

    #[test]
    fn a_terminal_status_handed_back_opens_the_job_again() {
        let (mut jobs, a) = jobs_with_a();
        jobs.queued(a, JobStatus::Failed);
        assert_eq!(
            (jobs.open(), jobs.terminal(a)),
            (0, Some(JobStatus::Failed))
        );
        assert_eq!(
            jobs.look_up(a, JobStatus::Completed),
            Given::Ended(JobStatus::Failed)
        );
        let settled = jobs.settled(a, JobStatus::Failed, Fate::Undone, 10);
        assert_eq!(settled.reopened, Some(DEADLINE));
        assert_eq!((jobs.open(), jobs.terminal(a)), (1, None));
        assert_eq!(jobs.look_up(a, JobStatus::Completed), Given::New);
    }

    #[test]
    fn only_so_many_ended_jobs_are_remembered() {
        let mut jobs = Jobs::new(0);
        for n in 1..=5 {
            end_another(&mut jobs, n, 3);
        }
        assert_eq!(jobs.open(), 0);
        let known = |n| jobs.find(&Uuid::from_u128(n)).is_some();
        assert_eq!(
            [known(1), known(2), known(3), known(4), known(5)],
            [false, false, true, true, true]
        );
    }

    #[test]
    fn a_terminal_status_given_again_is_remembered_once() {
        let (mut jobs, a) = jobs_with_a();
        for fate in [Fate::Lost, Fate::Lost, Fate::Delivered] {
            jobs.queued(a, JobStatus::Failed);
            jobs.share(a, JobStatus::Failed, UpdateId(1));
            assert_eq!(
                jobs.settled(a, JobStatus::Failed, fate, 2).ids,
                [UpdateId(1)]
            );
        }
        assert_eq!((jobs.ended.len(), jobs.open(), jobs.shared()), (1, 0, 0));
    }

    #[test]
    fn a_job_with_something_on_its_way_is_not_forgotten() {
        let (mut jobs, a) = jobs_with_a();
        jobs.queued(a, JobStatus::Failed);
        jobs.settled(a, JobStatus::Failed, Fate::Lost, 1);
        jobs.queued(a, JobStatus::Failed);
        jobs.share(a, JobStatus::Failed, UpdateId(7));
        for n in 2..9 {
            end_another(&mut jobs, n, 1);
        }
        assert_eq!(jobs.find(&A), Some(a));
        assert_eq!(
            jobs.settled(a, JobStatus::Failed, Fate::Delivered, 1).ids,
            [UpdateId(7)]
        );
        assert_eq!((jobs.open(), jobs.shared()), (0, 0));
        assert_eq!((jobs.ended.len(), jobs.find(&A)), (1, Some(a)));
        end_another(&mut jobs, 9, 1);
        assert_eq!((jobs.ended.len(), jobs.find(&A)), (1, None));
    }

    #[test]
    fn a_job_that_was_opened_again_is_not_forgotten_and_its_slot_comes_back() {
        let (mut jobs, a) = jobs_with_a();
        jobs.queued(a, JobStatus::Failed);
        jobs.settled(a, JobStatus::Failed, Fate::Lost, 1);
        jobs.queued(a, JobStatus::Failed);
        jobs.settled(a, JobStatus::Failed, Fate::Undone, 1);
        assert_eq!(jobs.open(), 1);
        for n in 2..5 {
            end_another(&mut jobs, n, 1);
        }
        assert_eq!(jobs.find(&A), Some(a));
        jobs.queued(a, JobStatus::Completed);
        jobs.settled(a, JobStatus::Completed, Fate::Delivered, 1);
        assert_eq!(jobs.open(), 0);
    }
}
