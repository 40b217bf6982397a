//! When every open job must have ended: deadlines by time. What happens at one is decided in `connection`; which jobs
//! are open, `jobs` knows.

use alloc::vec::Vec;
use core::time::Duration;

use super::slab::Slot;
use crate::Timestamp;
use crate::message::{Integer, V2JobRequest};

/// Children of a place in the heap: four are as good as next to each other in memory.
const CHILDREN: usize = 4;

/// The place of what is not in the heap.
const NOWHERE: u32 = u32::MAX;

/// A job's deadline. In the bits of one number, so that comparing two takes no steps: seconds, nanoseconds, and of
/// equal times the lower slot is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due(u128);

impl Due {
    fn new(at: Timestamp, job: Slot) -> Self {
        let at = at.as_duration();
        let [seconds, nanos] = [u128::from(at.as_secs()), u128::from(at.subsec_nanos())];
        Self(seconds << 64 | nanos << 32 | u128::from(job.number()))
    }

    #[expect(clippy::cast_possible_truncation, reason = "these are its bits")]
    const fn at(self) -> Timestamp {
        let (seconds, nanos) = ((self.0 >> 64) as u64, (self.0 >> 32) as u32);
        Timestamp::from_duration(Duration::new(seconds, nanos))
    }

    #[expect(clippy::cast_possible_truncation, reason = "these are its bits")]
    const fn job(self) -> Slot {
        Slot::of_number(self.0 as u32)
    }
}

/// The deadlines of all open jobs, nearest first: a heap in which every job knows its place, so that one that has ended
/// is taken out at once. A change costs the logarithm of their number at most, and allocates nothing once it has grown.
#[derive(Clone, Debug, Default)]
pub(super) struct Watchdog {
    /// None is less than its parent.
    heap: Vec<Due>,
    /// By slot: the place in the heap.
    places: Vec<u32>,
}

impl Watchdog {
    /// Watches a job until this deadline, and no other.
    pub(super) fn watch(&mut self, job: Slot, deadline: Timestamp) {
        self.forget(job);
        if self.places.len() <= job.index() {
            self.places.resize(job.index() + 1, NOWHERE);
        }
        let due = Due::new(deadline, job);
        self.heap.push(due);
        self.rise(self.heap.len() - 1, due);
    }

    /// Watches a job no longer.
    pub(super) fn forget(&mut self, job: Slot) {
        let Some(place) = self.places.get_mut(job.index()) else {
            return;
        };
        let place = core::mem::replace(place, NOWHERE) as usize;
        if place >= self.heap.len() {
            return;
        }
        // What is last goes where this one was: it can belong above, or below.
        if let Some(last) = self.heap.pop()
            && place < self.heap.len()
        {
            let place = self.rise(place, last);
            self.sink(place, last);
        }
    }

    /// The nearest deadline.
    #[inline]
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.heap.first().map(|due| due.at())
    }

    /// Takes a job whose time is over.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<Slot> {
        let due = *self.heap.first().filter(|due| due.at() <= now)?;
        self.forget(due.job());
        Some(due.job())
    }

    /// Puts a deadline at this place, or above it. Returns where.
    fn rise(&mut self, mut place: usize, due: Due) -> usize {
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            match self.heap.get(parent) {
                Some(&above) if above > due => self.put(place, above),
                _ => break,
            }
            place = parent;
        }
        self.put(place, due);
        place
    }

    /// Puts a deadline at this place, or below it.
    fn sink(&mut self, mut place: usize, due: Due) {
        loop {
            let first = CHILDREN * place + 1;
            let children = self.heap.get(first..).unwrap_or_default();
            let children = (first..).zip(children.iter().copied().take(CHILDREN));
            match children.min_by_key(|(_, below)| *below) {
                Some((child, below)) if below < due => {
                    self.put(place, below);
                    place = child;
                }
                _ => break,
            }
        }
        self.put(place, due);
    }

    /// Notes who is at this place, here and there. Places fit: there are not more than slots.
    #[inline]
    fn put(&mut self, place: usize, due: Due) {
        if let Some(here) = self.heap.get_mut(place)
            && let Some(noted) = self.places.get_mut(due.job().index())
        {
            *here = due;
            *noted = u32::try_from(place).unwrap_or(NOWHERE);
        }
    }
}

/// The time that a request gives its job: all its limits, one after another. Limits are integers of any size and sign.
pub(super) fn time_limit(request: &V2JobRequest) -> Duration {
    [
        &request.download_time_limit,
        &request.execution_time_limit,
        &request.upload_time_limit,
        &request.streaming_start_time_limit,
    ]
    .into_iter()
    .map(seconds)
    .fold(Duration::ZERO, Duration::saturating_add)
}

fn seconds(limit: &Integer) -> Duration {
    if limit.is_negative() {
        Duration::ZERO
    } else {
        limit.as_u64().map_or(Duration::MAX, Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec;

    use uuid::Uuid;

    use super::super::slab::Slab;
    use super::*;
    use crate::message::ExecutorClass;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_duration(Duration::from_secs(seconds))
    }

    #[test]
    fn the_nearest_deadline_comes_first_and_a_forgotten_one_never() {
        let mut watchdog = Watchdog::default();
        let mut slab = Slab::new(0);
        let [a, b, c] = [1, 2, 3].map(|n| slab.insert(Uuid::from_u128(n), ()).unwrap());
        watchdog.watch(b, at(20));
        watchdog.watch(a, at(10));
        watchdog.watch(c, at(15));
        watchdog.forget(c);
        watchdog.forget(c);
        assert_eq!(watchdog.next(), Some(at(10)));
        assert_eq!(watchdog.take_due(at(9)), None);
        assert_eq!(watchdog.take_due(at(30)), Some(a));
        assert_eq!(watchdog.take_due(at(30)), Some(b));
        assert_eq!(watchdog.take_due(at(30)), None);
    }

    #[test]
    fn it_gives_what_a_sorted_set_would() {
        let mut watchdog = Watchdog::default();
        let mut model = BTreeSet::new();
        let mut slab = Slab::new(0);
        let jobs: Vec<Slot> = (0..300)
            .map(|n| slab.insert(Uuid::from_u128(n), ()).unwrap())
            .collect();
        let mut random = fastrand::Rng::with_seed(3);
        let mut deadlines = vec![None; jobs.len()];
        for now in 0..20_000 {
            let n = random.usize(..jobs.len());
            let before = deadlines[n].take();
            if let Some(before) = before {
                model.remove(&(before, jobs[n]));
            }
            if before.is_some() && random.bool() {
                watchdog.forget(jobs[n]);
            } else {
                let deadline = at(now + random.u64(..600));
                deadlines[n] = Some(deadline);
                model.insert((deadline, jobs[n]));
                watchdog.watch(jobs[n], deadline);
            }
            assert_eq!(watchdog.next(), model.first().map(|(at, _)| *at));
            while let Some(due) = watchdog.take_due(at(now)) {
                assert_eq!(Some(due), model.pop_first().map(|(_, job)| job));
                deadlines[jobs.iter().position(|job| *job == due).unwrap()] = None;
            }
            assert_eq!(watchdog.heap.len(), model.len());
        }
    }

    #[test]
    fn limits_of_any_size_and_sign_add_up() {
        let mut request = V2JobRequest::new("u", ExecutorClass::AlwaysOnTest, "image");
        assert_eq!(time_limit(&request), Duration::ZERO);
        request.download_time_limit = Integer::from(10);
        request.execution_time_limit = Integer::from(-5);
        request.upload_time_limit = Integer::from(u64::from(u32::MAX));
        assert_eq!(time_limit(&request).as_secs(), 10 + u64::from(u32::MAX));
        request.streaming_start_time_limit = Integer::from(u64::MAX);
        assert_eq!(time_limit(&request), Duration::MAX);
    }
}
