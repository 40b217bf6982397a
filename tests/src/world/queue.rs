//! What will happen, in the order of time; of what happens at the same moment, first come, first served. It knows no
//! clock: whoever takes something out moves the clock there.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;

use facilitator_core::Timestamp;

/// A moment, in nanoseconds since the world began. 584 years fit.
pub(super) type Nanos = u64;

/// The moment as the machines want it.
pub(super) fn timestamp(at: Nanos) -> Timestamp {
    Timestamp::from_duration(Duration::from_nanos(at))
}

/// A duration in nanoseconds; one that is too long is the end of time.
pub(super) fn nanos(duration: Duration) -> Nanos {
    duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(duration.subsec_nanos()))
}

/// The queue.
#[derive(Clone, Debug)]
pub(super) struct Queue<T> {
    heap: BinaryHeap<Entry<T>>,
    pushed: u64,
}

#[derive(Clone, Debug)]
struct Entry<T> {
    at: Nanos,
    /// Tells entries of the same moment apart.
    number: u64,
    what: T,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            pushed: 0,
        }
    }
}

impl<T> Queue<T> {
    pub(super) fn push(&mut self, at: Nanos, what: T) {
        self.pushed += 1;
        self.heap.push(Entry {
            at,
            number: self.pushed,
            what,
        });
    }

    pub(super) fn pop(&mut self) -> Option<(Nanos, T)> {
        self.heap.pop().map(|entry| (entry.at, entry.what))
    }

    pub(super) fn next_at(&self) -> Option<Nanos> {
        self.heap.peek().map(|entry| entry.at)
    }
}

/// Backwards, since the heap gives out its greatest entry first.
impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_comes_first_then_the_order_of_pushing() {
        let mut queue = Queue::default();
        for (at, what) in [(5, 'c'), (1, 'a'), (5, 'd'), (1, 'b'), (9, 'e')] {
            queue.push(at, what);
        }
        assert_eq!(queue.next_at(), Some(1));
        let order: String = std::iter::from_fn(|| queue.pop())
            .map(|(_, what)| what)
            .collect();
        assert_eq!(order, "abcde");
    }
}
