//! What is owed to the facilitator: status updates in order, machine specs beside them, their acknowledgement and
//! their bounds. It knows no connection, only how many frames the current one has carried; which job an update
//! belongs to is for `jobs`: it only keeps the number that `jobs` gave.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::event::{Owed, Subject, UpdateId};
use super::slab::Slot;
use crate::Timestamp;

/// Breaks after which the oldest unanswered update counts as their cause.
const BREAKS_UNTIL_SET_ASIDE: u8 = 3;

/// Specs that may be unproven at once: one slice between two proofs, so that no lane starves.
const SPECS_SLICE: usize = 8;

/// A message in a lane, with what that lane keeps of it besides.
#[derive(Clone, Debug)]
pub(super) struct Entry<K> {
    pub(super) owed: Owed,
    pub(super) key: K,
    /// Breaks of the connection while this was the oldest unanswered update.
    breaks: u8,
    /// How many of our frames the current connection had carried before this one.
    mark: u64,
    pub(super) accepted_at: Timestamp,
    /// When it was sent last.
    pub(super) sent_at: Timestamp,
}

impl<K> Entry<K> {
    /// How many of our frames the connection had carried before this one.
    pub(super) fn mark(&self) -> u64 {
        self.mark
    }
}

/// A queue whose front part is in flight. `Response`s and proofs come in the order of the frames, so what is in flight
/// is always a prefix, and an acknowledgement always pops the front.
#[derive(Clone, Debug)]
struct Lane<K> {
    entries: VecDeque<Entry<K>>,
    in_flight: usize,
    in_flight_bytes: usize,
}

impl<K> Default for Lane<K> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            in_flight: 0,
            in_flight_bytes: 0,
        }
    }
}

impl<K> Lane<K> {
    fn requeue(&mut self) {
        self.in_flight = 0;
        self.in_flight_bytes = 0;
    }

    fn push(&mut self, owed: Owed, key: K, now: Timestamp) {
        self.entries.push_back(Entry {
            owed,
            key,
            breaks: 0,
            mark: 0,
            accepted_at: now,
            sent_at: now,
        });
    }

    /// Marks the next waiting entry as sent.
    fn send_next(&mut self, mark: u64, now: Timestamp) -> Option<&Entry<K>> {
        let entry = self.entries.get_mut(self.in_flight)?;
        entry.mark = mark;
        entry.sent_at = now;
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
    fn blame_oldest(&mut self) -> Option<Entry<K>> {
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
    fn pop_in_flight(&mut self) -> Option<Entry<K>> {
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
    /// Each with the slot of its job.
    statuses: Lane<Slot>,
    specs: Lane<()>,
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
        job: Slot,
        now: Timestamp,
    ) {
        self.bytes += text.len();
        let owed = Owed {
            id,
            subject,
            transmissions: 0,
            automatic,
            text,
        };
        self.statuses.push(owed, job, now);
    }

    pub(super) fn push_specs(
        &mut self,
        id: UpdateId,
        subject: Subject,
        text: Arc<str>,
        now: Timestamp,
    ) {
        self.bytes += text.len();
        let owed = Owed {
            id,
            subject,
            transmissions: 0,
            automatic: false,
            text,
        };
        self.specs.push(owed, (), now);
    }

    /// The next status update that may be sent, marked as sent after `mark` other frames.
    pub(super) fn next_status(
        &mut self,
        window: usize,
        mark: u64,
        now: Timestamp,
    ) -> Option<&Entry<Slot>> {
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
        self.statuses.send_next(mark, now)
    }

    /// The next machine specs that may be sent, marked as sent after `mark` other frames.
    pub(super) fn next_specs(&mut self, mark: u64, now: Timestamp) -> Option<&Entry<()>> {
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
        self.specs.send_next(mark, now)
    }

    /// A `Response` to the oldest unanswered status update: takes it. It proves what was sent before, too.
    pub(super) fn answer_status(&mut self) -> Option<Entry<Slot>> {
        let entry = self.statuses.pop_in_flight()?;
        self.forget(&entry);
        Some(entry)
    }

    /// The peer refused machine specs. Takes them when there is no doubt which.
    pub(super) fn refuse_specs(&mut self) -> Option<Entry<()>> {
        if self.specs.in_flight != 1 {
            return None;
        }
        let entry = self.specs.pop_in_flight()?;
        self.forget(&entry);
        Some(entry)
    }

    /// The peer has read `frames` of our frames: takes all specs among them.
    pub(super) fn prove(&mut self, frames: u64) -> Vec<Entry<()>> {
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
    pub(super) fn break_connection(&mut self) -> (Option<Entry<Slot>>, Option<Entry<()>>) {
        let (status, specs) = (self.statuses.blame_oldest(), self.specs.blame_oldest());
        if let Some(status) = &status {
            self.forget(status);
        }
        if let Some(specs) = &specs {
            self.forget(specs);
        }
        self.requeue();
        (status, specs)
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

    /// Takes all statuses and all specs, oldest first.
    pub(super) fn take_all(&mut self) -> (VecDeque<Entry<Slot>>, VecDeque<Entry<()>>) {
        self.requeue();
        self.bytes = 0;
        (
            core::mem::take(&mut self.statuses.entries),
            core::mem::take(&mut self.specs.entries),
        )
    }

    /// All that is owed, as [`take_all`](Self::take_all) would give it.
    pub(super) fn all(&self) -> impl Iterator<Item = &Owed> {
        let statuses = self.statuses.entries.iter().map(|entry| &entry.owed);
        statuses.chain(self.specs.entries.iter().map(|entry| &entry.owed))
    }

    /// The newest message of this kind was sent as often before, by another session.
    pub(super) fn set_transmissions(&mut self, kind: &Subject, transmissions: u32) {
        let newest = match kind {
            Subject::JobStatus { .. } => self.statuses.entries.back_mut().map(|e| &mut e.owed),
            Subject::MachineSpecs { .. } => self.specs.entries.back_mut().map(|e| &mut e.owed),
        };
        if let Some(owed) = newest {
            owed.transmissions = transmissions;
        }
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
    fn forget<K>(&mut self, entry: &Entry<K>) {
        self.bytes = self.bytes.saturating_sub(entry.owed.text.len());
    }
}
