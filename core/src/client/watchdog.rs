//! When every open job must have ended: deadlines by time. What happens at one is decided in `connection`; which jobs
//! are open, `jobs` knows.

use alloc::collections::BTreeSet;
use core::time::Duration;

use super::slab::Slot;
use crate::Timestamp;
use crate::message::{Integer, V2JobRequest};

/// The deadlines of all open jobs. A change costs the logarithm of their number; looking up the nearest, nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Watchdog {
    deadlines: BTreeSet<(Timestamp, Slot)>,
    /// The first of them, which is asked for with every input.
    next: Option<Timestamp>,
}

impl Watchdog {
    pub(super) fn watch(&mut self, job: Slot, deadline: Timestamp) {
        self.deadlines.insert((deadline, job));
        self.next = Some(self.next.map_or(deadline, |next| next.min(deadline)));
    }

    pub(super) fn forget(&mut self, job: Slot, deadline: Timestamp) {
        self.deadlines.remove(&(deadline, job));
        if self.next == Some(deadline) {
            self.find_next();
        }
    }

    /// The nearest deadline.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.next
    }

    /// Takes a job whose time is over.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<Slot> {
        if self.next? > now {
            return None;
        }
        let (_, job) = self.deadlines.pop_first()?;
        self.find_next();
        Some(job)
    }

    fn find_next(&mut self) {
        self.next = self.deadlines.first().map(|(at, _)| *at);
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
        let [a, b, c] = [1, 2, 3].map(|n| slab.insert(Uuid::from_u128(n), ()));
        watchdog.watch(b, at(20));
        watchdog.watch(a, at(10));
        watchdog.watch(c, at(15));
        watchdog.forget(c, at(15));
        assert_eq!(watchdog.next(), Some(at(10)));
        assert_eq!(watchdog.take_due(at(9)), None);
        assert_eq!(watchdog.take_due(at(30)), Some(a));
        assert_eq!(watchdog.take_due(at(30)), Some(b));
        assert_eq!(watchdog.take_due(at(30)), None);
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
