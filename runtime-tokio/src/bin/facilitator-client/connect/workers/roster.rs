//! Which jobs are held, who works on each, and who has a place for another: pure, without clock and sockets. What is
//! done about it is decided in `hall`.
//!
//! The rules: a job goes to the worker with the most free places, and of several to the one that has waited longest for
//! one. While nobody has a place it waits, first come first served, until its time is over. The jobs of a worker that
//! goes away stay its own until its time to return is over. A job that a worker brings along is its own like any other.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use facilitator_tokio::core::message::{JobStatus, V2JobRequest};
use uuid::Uuid;

/// The bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Jobs held at once.
    pub(super) jobs: usize,
    /// How long a job waits for a place.
    pub(super) queue_time: Duration,
    /// How long a worker may be away.
    pub(super) absence: Duration,
}

/// A job, and what its worker has said of it.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) id: Uuid,
    /// None of one that its worker has adopted: there it is known.
    pub(super) request: Option<Arc<V2JobRequest>>,
    /// The statuses that were accepted, in their order.
    pub(super) given: Vec<JobStatus>,
}

impl Job {
    /// Its uuid, as its request spells it.
    pub(super) fn uuid(&self) -> Cow<'_, str> {
        match &self.request {
            Some(request) => Cow::Borrowed(&request.uuid),
            None => Cow::Owned(self.id.to_string()),
        }
    }
}

#[derive(Debug)]
struct Held {
    job: Job,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Waiting { until: Instant },
    With(Arc<str>),
}

#[derive(Debug)]
struct Worker {
    /// How many jobs it takes at once.
    places: usize,
    jobs: BTreeSet<Uuid>,
    /// Away, and until when its jobs wait for it.
    away_until: Option<Instant>,
    /// When it was last given a job, in jobs.
    turn: u64,
}

impl Worker {
    fn free(&self) -> usize {
        match self.away_until {
            None => self.places.saturating_sub(self.jobs.len()),
            Some(_) => 0,
        }
    }
}

/// What has to be done, as time goes by.
#[derive(Debug)]
pub(super) enum Due {
    /// Nobody had a place for this job in its time.
    Unserved {
        job: Job,
        /// Whether there are workers at all.
        anybody: bool,
    },
    /// This job's worker did not return.
    Abandoned { job: Job, worker: Arc<str> },
}

/// Who may speak of a job.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// It is not held here: the session knows more.
    Nobody,
    /// It waits for a worker.
    Waiting,
    /// This worker.
    Worker(Arc<str>),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Roster {
    bounds: Bounds,
    jobs: BTreeMap<Uuid, Held>,
    queue: VecDeque<Uuid>,
    workers: BTreeMap<Arc<str>, Worker>,
    turns: u64,
}

impl Roster {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            jobs: BTreeMap::new(),
            queue: VecDeque::new(),
            workers: BTreeMap::new(),
            turns: 0,
        }
    }

    /// Takes a job in, unless it is here already; false when there are too many.
    pub(super) fn take(&mut self, id: Uuid, request: V2JobRequest, now: Instant) -> bool {
        if self.jobs.contains_key(&id) {
            return true;
        }
        if self.jobs.len() >= self.bounds.jobs {
            return false;
        }
        let job = Job {
            id,
            request: Some(Arc::new(request)),
            given: Vec::new(),
        };
        let until = now + self.bounds.queue_time;
        let place = Place::Waiting { until };
        self.jobs.insert(id, Held { job, place });
        self.queue.push_back(id);
        true
    }

    /// Takes in a job that a worker had before this program was started: it waits for the worker's return.
    pub(super) fn expect(&mut self, job: Job, name: &str, now: Instant) {
        let id = job.id;
        if self.jobs.contains_key(&id) {
            return;
        }
        let name: Arc<str> = name.into();
        let worker = self.workers.entry(Arc::clone(&name)).or_insert(Worker {
            places: 0,
            jobs: BTreeSet::new(),
            away_until: Some(now + self.bounds.absence),
            turn: self.turns,
        });
        worker.jobs.insert(id);
        let place = Place::With(name);
        self.jobs.insert(id, Held { job, place });
    }

    /// Takes in a job that a worker who is here has from elsewhere, unless it is here already; whether it was taken in.
    /// There can be more of these than places: they run, whoever counts them.
    pub(super) fn adopt(&mut self, id: Uuid, name: &str) -> bool {
        let Some((name, worker)) = self.workers.get_key_value(name) else {
            return false;
        };
        if self.jobs.contains_key(&id) || worker.away_until.is_some() {
            return false;
        }
        let name = Arc::clone(name);
        if let Some(worker) = self.workers.get_mut(&name) {
            worker.jobs.insert(id);
        }
        let job = Job {
            id,
            request: None,
            given: Vec::new(),
        };
        let place = Place::With(name);
        self.jobs.insert(id, Held { job, place });
        true
    }

    /// Gives the job that has waited longest to whoever has a place for it.
    pub(super) fn assign(&mut self) -> Option<(Job, Arc<str>)> {
        let first = *self.queue.front()?;
        let (name, worker) = self
            .workers
            .iter_mut()
            .filter(|(_, worker)| worker.free() > 0)
            .max_by_key(|(_, worker)| (worker.free(), std::cmp::Reverse(worker.turn)))?;
        let held = self.jobs.get_mut(&first)?;
        self.queue.pop_front();
        held.place = Place::With(Arc::clone(name));
        worker.jobs.insert(first);
        self.turns += 1;
        worker.turn = self.turns;
        Some((held.job.clone(), Arc::clone(name)))
    }

    /// Notes that the session has accepted a status of a job.
    pub(super) fn note(&mut self, id: Uuid, status: JobStatus) {
        if let Some(held) = self.jobs.get_mut(&id)
            && !held.job.given.contains(&status)
        {
            held.job.given.push(status);
        }
    }

    /// Forgets a job: its place is free. Returns the worker that had it.
    pub(super) fn end(&mut self, id: Uuid) -> Option<Arc<str>> {
        match self.jobs.remove(&id)?.place {
            Place::Waiting { .. } => {
                self.queue.retain(|waiting| *waiting != id);
                None
            }
            Place::With(name) => {
                if let Some(worker) = self.workers.get_mut(&name) {
                    worker.jobs.remove(&id);
                }
                self.forget_idle(&name);
                Some(name)
            }
        }
    }

    /// A worker is here, for the first time or again; its jobs. `None` when one of this name is here already.
    pub(super) fn arrive(&mut self, name: &str, places: usize) -> Option<Vec<Job>> {
        if let Some(worker) = self.workers.get_mut(name) {
            worker.away_until.take()?;
            worker.places = places;
            let jobs = worker.jobs.iter();
            let jobs = jobs
                .filter_map(|id| self.jobs.get(id))
                .map(|held| held.job.clone());
            return Some(jobs.collect());
        }
        let worker = Worker {
            places,
            jobs: BTreeSet::new(),
            away_until: None,
            turn: self.turns,
        };
        self.workers.insert(name.into(), worker);
        Some(Vec::new())
    }

    /// Whether a worker is away, and jobs wait for its return.
    pub(super) fn waits_for(&self, name: &str) -> bool {
        let worker = self.workers.get(name);
        worker.is_some_and(|worker| worker.away_until.is_some())
    }

    /// A worker takes this many from now on. It keeps those that it has.
    pub(super) fn resize(&mut self, name: &str, places: usize) {
        if let Some(worker) = self.workers.get_mut(name) {
            worker.places = places;
        }
    }

    /// A worker has gone away; how many jobs wait for its return.
    pub(super) fn depart(&mut self, name: &str, now: Instant) -> usize {
        let Some(worker) = self.workers.get_mut(name) else {
            return 0;
        };
        worker.away_until = Some(now + self.bounds.absence);
        let jobs = worker.jobs.len();
        self.forget_idle(name);
        jobs
    }

    /// Takes out what can be waited for no longer, one after the other.
    pub(super) fn due(&mut self, now: Instant) -> Option<Due> {
        // All wait equally long: the first in the queue is the first whose time is over.
        if let Some(first) = self.queue.front().copied()
            && let Some(held) = self.jobs.get(&first)
            && matches!(held.place, Place::Waiting { until } if until <= now)
        {
            let job = held.job.clone();
            let anybody = self.workers.values().any(|worker| worker.places > 0);
            self.end(first);
            return Some(Due::Unserved { job, anybody });
        }
        let (name, id) = self.workers.iter().find_map(|(name, worker)| {
            worker.away_until.filter(|until| *until <= now)?;
            Some((Arc::clone(name), *worker.jobs.first()?))
        })?;
        let job = self.jobs.get(&id)?.job.clone();
        self.end(id);
        Some(Due::Abandoned { job, worker: name })
    }

    /// When [`due`](Self::due) has something, at the earliest.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let waiting = self.queue.front().and_then(|id| self.jobs.get(id));
        let waiting = waiting.and_then(|held| match held.place {
            Place::Waiting { until } => Some(until),
            Place::With(_) => None,
        });
        let away = self.workers.values().filter_map(|worker| worker.away_until);
        away.chain(waiting).min()
    }

    /// Who may speak of this job.
    pub(super) fn holder(&self, id: Uuid) -> Holder {
        match self.jobs.get(&id).map(|held| &held.place) {
            None => Holder::Nobody,
            Some(Place::Waiting { .. }) => Holder::Waiting,
            Some(Place::With(name)) => Holder::Worker(Arc::clone(name)),
        }
    }

    /// Jobs that nobody works on yet.
    pub(super) fn waiting(&self) -> Vec<Job> {
        let queue = self.queue.iter().filter_map(|id| self.jobs.get(id));
        queue.map(|held| held.job.clone()).collect()
    }

    /// All jobs, and who works on each.
    pub(super) fn jobs(&self) -> impl Iterator<Item = (&Job, Option<&Arc<str>>)> {
        self.jobs.values().map(|held| match &held.place {
            Place::Waiting { .. } => (&held.job, None),
            Place::With(name) => (&held.job, Some(name)),
        })
    }

    /// Whether no job is held.
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Who is away and has nothing to return to need not be known.
    fn forget_idle(&mut self, name: &str) {
        let is_idle = |worker: &Worker| worker.away_until.is_some() && worker.jobs.is_empty();
        if self.workers.get(name).is_some_and(is_idle) {
            self.workers.remove(name);
        }
    }
}

#[cfg(test)]
mod tests;
