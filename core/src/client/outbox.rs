//! What is owed to the facilitator: status updates in order, machine specs beside them, their acknowledgement and
//! their bounds. It knows no connection, only how many frames the current one has carried; which job an update
//! belongs to is for `jobs`.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::event::{Owed, Subject, UpdateId};

/// Breaks after which the oldest unanswered update counts as their cause.
const BREAKS_UNTIL_SET_ASIDE: u32 = 3;

/// Specs that may be unproven at once: one slice between two proofs, so that no lane starves.
const SPECS_SLICE: usize = 8;

/// A message in a lane.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) owed: Owed,
    /// Breaks of the connection while this was the oldest unanswered update.
    breaks: u32,
    /// How many of our frames the current connection had carried before this one.
    mark: u64,
}

impl Entry {
    /// How many of our frames the connection had carried before this one.
    pub(super) fn mark(&self) -> u64 {
        self.mark
    }
}

/// A queue whose front part is in flight. `Response`s and proofs come in the order of the frames, so what is in flight
/// is always a prefix, and an acknowledgement always pops the front.
#[derive(Clone, Debug, Default)]
struct Lane {
    entries: VecDeque<Entry>,
    in_flight: usize,
    in_flight_bytes: usize,
}

impl Lane {
    fn requeue(&mut self) {
        self.in_flight = 0;
        self.in_flight_bytes = 0;
    }

    fn push(&mut self, owed: Owed) {
        self.entries.push_back(Entry {
            owed,
            breaks: 0,
            mark: 0,
        });
    }

    /// Marks the next waiting entry as sent.
    fn send_next(&mut self, mark: u64) -> Option<&Entry> {
        let entry = self.entries.get_mut(self.in_flight)?;
        entry.mark = mark;
        entry.owed.transmissions = entry.owed.transmissions.saturating_add(1);
        self.in_flight += 1;
        self.in_flight_bytes += entry.owed.text.len();
        Some(entry)
    }

    /// Whether the oldest entry was there when the connection broke.
    fn is_suspect(&self) -> bool {
        self.entries.front().is_some_and(|entry| entry.breaks > 0)
    }

    /// One more break for the oldest entry in flight; takes it when that was one too many.
    fn blame_oldest(&mut self) -> Option<Entry> {
        if self.in_flight == 0 {
            return None;
        }
        let entry = self.entries.front_mut()?;
        entry.breaks += 1;
        if entry.breaks < BREAKS_UNTIL_SET_ASIDE {
            None
        } else {
            self.pop_in_flight()
        }
    }

    /// Takes the oldest entry in flight.
    fn pop_in_flight(&mut self) -> Option<Entry> {
        if self.in_flight == 0 {
            return None;
        }
        let entry = self.entries.pop_front()?;
        self.in_flight -= 1;
        self.in_flight_bytes -= entry.owed.text.len();
        Some(entry)
    }
}

/// All that is owed.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    statuses: Lane,
    specs: Lane,
    bytes: usize,
    next_id: u64,
}

impl Outbox {
    /// A number for a message that is accepted now.
    pub(super) fn next_id(&mut self) -> UpdateId {
        self.next_id += 1;
        UpdateId(self.next_id)
    }

    pub(super) fn push_status(
        &mut self,
        id: UpdateId,
        subject: Subject,
        text: Arc<str>,
        automatic: bool,
    ) {
        self.bytes += text.len();
        self.statuses.push(Owed {
            id,
            subject,
            transmissions: 0,
            automatic,
            text,
        });
    }

    pub(super) fn push_specs(&mut self, id: UpdateId, subject: Subject, text: Arc<str>) {
        self.bytes += text.len();
        self.specs.push(Owed {
            id,
            subject,
            transmissions: 0,
            automatic: false,
            text,
        });
    }

    /// The next status update that may be sent, marked as sent after `mark` other frames.
    pub(super) fn next_status(&mut self, window: usize, mark: u64) -> Option<&Entry> {
        let window = if self.statuses.is_suspect() {
            usize::from(self.specs.in_flight == 0)
        } else if self.specs.is_suspect() {
            0
        } else {
            window
        };
        if self.statuses.in_flight >= window {
            return None;
        }
        self.statuses.send_next(mark)
    }

    /// The next machine specs that may be sent, marked as sent after `mark` other frames.
    pub(super) fn next_specs(&mut self, mark: u64) -> Option<&Entry> {
        let slice = if self.statuses.is_suspect() {
            0
        } else if self.specs.is_suspect() {
            usize::from(self.statuses.in_flight == 0)
        } else {
            SPECS_SLICE
        };
        if self.specs.in_flight >= slice {
            return None;
        }
        self.specs.send_next(mark)
    }

    /// A `Response` to the oldest unanswered status update: takes it, with all specs that the peer has read before it.
    pub(super) fn answer_status(&mut self) -> Option<(Entry, Vec<Entry>)> {
        let entry = self.statuses.pop_in_flight()?;
        self.forget(&entry);
        let specs = self.prove(entry.mark);
        Some((entry, specs))
    }

    /// The peer refused machine specs. Takes them when there is no doubt which.
    pub(super) fn refuse_specs(&mut self) -> Option<Entry> {
        if self.specs.in_flight != 1 {
            return None;
        }
        let entry = self.specs.pop_in_flight()?;
        self.forget(&entry);
        Some(entry)
    }

    /// The peer has read `frames` of our frames: takes all specs among them.
    pub(super) fn prove(&mut self, frames: u64) -> Vec<Entry> {
        let mut proven = Vec::new();
        while self
            .specs
            .entries
            .front()
            .is_some_and(|entry| entry.mark < frames)
            && let Some(entry) = self.specs.pop_in_flight()
        {
            self.forget(&entry);
            proven.push(entry);
        }
        proven
    }

    /// The connection broke: all that was in flight will be sent again, oldest first. The oldest of each lane is a
    /// suspect from now on, and travels alone; takes those that have broken the connection too often.
    pub(super) fn break_connection(&mut self) -> Vec<Entry> {
        let mut poison = Vec::new();
        for lane in [&mut self.statuses, &mut self.specs] {
            poison.extend(lane.blame_oldest());
        }
        for entry in &poison {
            self.forget(entry);
        }
        self.requeue();
        poison
    }

    /// The connection is gone by our own decision: as [`break_connection`](Self::break_connection), but nobody is
    /// suspected.
    pub(super) fn requeue(&mut self) {
        self.statuses.requeue();
        self.specs.requeue();
    }

    /// One of several specs in flight was refused, and nobody knows which: all will be sent again, the oldest alone.
    pub(super) fn suspect_specs(&mut self) {
        if self.specs.in_flight > 0
            && let Some(oldest) = self.specs.entries.front_mut()
        {
            oldest.breaks = oldest.breaks.max(1);
        }
        self.requeue();
    }

    /// Takes everything, oldest first, statuses before specs.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Owed> + use<> {
        self.requeue();
        self.bytes = 0;
        let statuses = core::mem::take(&mut self.statuses.entries);
        let specs = core::mem::take(&mut self.specs.entries);
        statuses.into_iter().chain(specs).map(|entry| entry.owed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.statuses.entries.is_empty() && self.specs.entries.is_empty()
    }

    /// All messages owed.
    pub(super) fn len(&self) -> usize {
        self.statuses.entries.len() + self.specs.entries.len()
    }

    pub(super) fn statuses_len(&self) -> usize {
        self.statuses.entries.len()
    }

    pub(super) fn statuses_in_flight(&self) -> usize {
        self.statuses.in_flight
    }

    pub(super) fn specs_len(&self) -> usize {
        self.specs.entries.len()
    }

    pub(super) fn specs_in_flight(&self) -> usize {
        self.specs.in_flight
    }

    /// Bytes that the peer may still have to read.
    pub(super) fn bytes_in_flight(&self) -> usize {
        self.statuses.in_flight_bytes + self.specs.in_flight_bytes
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// An entry has left for good.
    fn forget(&mut self, entry: &Entry) {
        self.bytes = self.bytes.saturating_sub(entry.owed.text.len());
    }
}
