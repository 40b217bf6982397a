//! Job requests that the application has not taken yet: what they weigh together. It knows no job.

use alloc::collections::VecDeque;

/// The weight of what waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Backlog {
    /// Of the requests among the session's own outputs, in their order.
    queued: VecDeque<usize>,
    queued_bytes: usize,
    /// Of those that the driver holds.
    held_bytes: usize,
}

impl Backlog {
    /// Whether a request of this weight may wait, too. One alone always may.
    pub(super) fn has_room(&self, weight: usize, limit: usize) -> bool {
        let waiting = self.queued_bytes.saturating_add(self.held_bytes);
        waiting == 0 || waiting.saturating_add(weight) <= limit
    }

    /// A request was put out.
    pub(super) fn queue(&mut self, weight: usize) {
        self.queued.push_back(weight);
        self.queued_bytes = self.queued_bytes.saturating_add(weight);
    }

    /// The oldest one that was put out was polled.
    pub(super) fn polled(&mut self) {
        if let Some(weight) = self.queued.pop_front() {
            self.queued_bytes = self.queued_bytes.saturating_sub(weight);
        }
    }

    /// The driver holds so many bytes that were polled and not taken.
    pub(super) fn set_held(&mut self, bytes: usize) {
        self.held_bytes = bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alone_always_fits_and_more_only_within_the_limit() {
        let mut backlog = Backlog::default();
        assert!(backlog.has_room(usize::MAX, 100));
        backlog.queue(60);
        assert!(backlog.has_room(40, 100) && !backlog.has_room(41, 100));
        backlog.polled();
        backlog.set_held(60);
        assert!(backlog.has_room(40, 100) && !backlog.has_room(41, 100));
        backlog.queue(30);
        assert!(backlog.has_room(10, 100) && !backlog.has_room(11, 100));
        backlog.polled();
        backlog.set_held(0);
        assert!(backlog.has_room(101, 100));
        backlog.polled();
    }
}
