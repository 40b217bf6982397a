//! What the workers of a validator do with a job: how it goes, how it ends, and what can go wrong with them. When a
//! step comes is the world's business.

use facilitator_core::message::JobStatus;

use super::job::JobId;

/// What a job goes through between `received` and its end.
const STEPS: [JobStatus; 4] = [
    JobStatus::Accepted,
    JobStatus::ExecutorReady,
    JobStatus::VolumesReady,
    JobStatus::ExecutionDone,
];

/// How a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    /// It reports nothing more, and its supervisor has noticed.
    Crashed,
    /// It reports nothing more, and nobody will notice but the session, when the job's time is over.
    Silent,
}

/// A job that is being worked on.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) client: u32,
    pub(super) job: JobId,
    pub(super) mood: Mood,
    /// Whether it is the supervisor who reports next.
    pub(super) given_up: bool,
    /// Whether nothing more will come of it: no step of it is in the world's queue.
    pub(super) parked: bool,
    next: usize,
    /// Steps that it gets through.
    steps: usize,
    end: JobStatus,
}

impl Work {
    /// A job and how it will go, by chance: most complete.
    pub(super) fn new(client: u32, job: JobId, random: &mut fastrand::Rng) -> Self {
        let (steps, end) = match random.u8(0..16) {
            0 => (0, JobStatus::Rejected),
            1 => (random.usize(0..STEPS.len()), JobStatus::HordeFailed),
            2 | 3 => (random.usize(1..STEPS.len()), JobStatus::Failed),
            _ => (STEPS.len(), JobStatus::Completed),
        };
        Self {
            client,
            job,
            mood: Mood::Well,
            given_up: false,
            parked: false,
            next: 0,
            steps,
            end,
        }
    }

    /// The next status to report, and whether it is the last one.
    pub(super) fn report(&mut self) -> (JobStatus, bool) {
        if self.mood != Mood::Well {
            return (JobStatus::HordeFailed, true);
        }
        match STEPS.get(self.next).filter(|_| self.next < self.steps) {
            Some(status) => {
                self.next += 1;
                (*status, false)
            }
            None => (self.end, true),
        }
    }
}

/// All work that goes on in a world.
#[derive(Clone, Debug, Default)]
pub(super) struct Works {
    places: Vec<Option<Work>>,
    free: Vec<u32>,
}

impl Works {
    pub(super) fn insert(&mut self, work: Work) -> u32 {
        if let Some(place) = self.free.pop()
            && let Some(slot) = self.places.get_mut(place as usize)
        {
            *slot = Some(work);
            return place;
        }
        self.places.push(Some(work));
        u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
    }

    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut Work> {
        self.places.get_mut(place as usize)?.as_mut()
    }

    pub(super) fn remove(&mut self, place: u32) {
        if let Some(slot) = self.places.get_mut(place as usize)
            && slot.take().is_some()
        {
            self.free.push(place);
        }
    }

    /// The place of a job that is parked.
    pub(super) fn parked(&self, client: u32, job: JobId) -> Option<u32> {
        let place = self.places.iter().position(|work| {
            work.as_ref()
                .is_some_and(|work| work.parked && work.client == client && work.job == job)
        })?;
        u32::try_from(place).ok()
    }

    pub(super) fn of_client(&mut self, client: u32) -> impl Iterator<Item = &mut Work> {
        self.places
            .iter_mut()
            .flatten()
            .filter(move |work| work.client == client)
    }
}
