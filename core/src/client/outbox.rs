//! What is owed to the facilitator: status updates in order, machine specs beside them, their acknowledgement and
//! their bounds. It knows no connection, only how many frames the current one has carried; which job an update
//! belongs to is for `jobs`: it only keeps the number that `jobs` gave, and asks for the uuid where a text is written.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use uuid::Uuid;

use super::chain::Chain;
use super::event::{Owed, Subject, UpdateId};
use super::slab::Slot;
use super::text::StatusText;
use crate::Timestamp;
use crate::message::JobStatus;
use crate::time::Moment;

/// Breaks after which the oldest unanswered update counts as their cause.
const BREAKS_UNTIL_SET_ASIDE: u8 = 3;

/// Specs that may be unproven at once: one slice between two proofs, so that no lane starves.
const SPECS_SLICE: usize = 8;

/// A message in a lane, with what that lane says it is about. Small: a full outbox is walked through from memory that
/// no cache holds.
#[derive(Clone)]
pub(super) struct Entry<A> {
    pub(super) about: A,
    pub(super) id: UpdateId,
    /// How often it was sent without an answer.
    pub(super) transmissions: u32,
    pub(super) automatic: bool,
    /// Breaks of the connection while this was the oldest unanswered update.
    breaks: u8,
    accepted_at: Moment,
}

/// What is known of a message while it is in flight, and not before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    /// How many of our frames the connection had carried before this one.
    pub(super) mark: u64,
    pub(super) sent_at: Timestamp,
}

impl<A: fmt::Debug> fmt::Debug for Entry<A> {
    /// Without the text, which holds customers' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("about", &self.about)
            .field("id", &self.id)
            .field("transmissions", &self.transmissions)
            .field("automatic", &self.automatic)
            .field("breaks", &self.breaks)
            .field("accepted_at", &self.accepted_at)
            .finish_non_exhaustive()
    }
}

/// A status update, by the slot of its job.
#[derive(Clone, Debug)]
pub(super) struct Update {
    pub(super) job: Slot,
    pub(super) status: JobStatus,
    pub(super) text: StatusText,
}

/// Machine specs.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Specs {
    pub(super) batch_id: Uuid,
    pub(super) text: Arc<str>,
}

impl Specs {
    pub(super) const fn subject(&self) -> Subject {
        let batch_id = self.batch_id;
        Subject::MachineSpecs { batch_id }
    }
}

impl fmt::Debug for Specs {
    /// Without the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Specs").field(&self.batch_id).finish()
    }
}

/// What has a size on the wire.
trait Weigh {
    /// How many bytes.
    fn bytes(&self) -> usize;
}

impl Weigh for Update {
    fn bytes(&self) -> usize {
        self.text.len(self.status)
    }
}

impl Weigh for Specs {
    fn bytes(&self) -> usize {
        self.text.len()
    }
}

impl Entry<Update> {
    /// The message whole, for whoever gets it back.
    pub(super) fn to_owed(&self, uuid: Uuid) -> Owed {
        let status = self.about.status;
        let subject = Subject::JobStatus { uuid, status };
        self.owed(subject, self.about.text.to_shared(uuid, status))
    }

    /// What is left to say of it.
    #[inline]
    pub(super) fn gone(&self) -> Gone {
        Gone {
            id: self.id,
            job: self.about.job,
            status: self.about.status,
            automatic: self.automatic,
            accepted_at: self.accepted_at(),
        }
    }
}

/// A status update that has left the outbox, without its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone {
    pub(super) id: UpdateId,
    pub(super) job: Slot,
    pub(super) status: JobStatus,
    pub(super) automatic: bool,
    pub(super) accepted_at: Timestamp,
}

impl Entry<Specs> {
    /// The message whole, for whoever gets it back.
    pub(super) fn to_owed(&self) -> Owed {
        self.owed(self.about.subject(), Arc::clone(&self.about.text))
    }
}

impl<A> Entry<A> {
    pub(super) fn accepted_at(&self) -> Timestamp {
        self.accepted_at.into()
    }

    const fn owed(&self, subject: Subject, text: Arc<str>) -> Owed {
        Owed {
            id: self.id,
            subject,
            transmissions: self.transmissions,
            automatic: self.automatic,
            text,
        }
    }
}

/// A queue whose front part is in flight. `Response`s and proofs come in the order of the frames, so what is in flight
/// is always a prefix, and an acknowledgement always pops the front.
#[derive(Clone, Debug)]
struct Lane<A> {
    entries: Chain<Entry<A>>,
    /// Of the entries in flight.
    flights: VecDeque<Flight>,
    in_flight_bytes: usize,
}

impl<A> Default for Lane<A> {
    fn default() -> Self {
        Self {
            entries: Chain::default(),
            flights: VecDeque::new(),
            in_flight_bytes: 0,
        }
    }
}

impl<A: Weigh> Lane<A> {
    fn requeue(&mut self) {
        self.flights.clear();
        self.in_flight_bytes = 0;
    }

    fn push(&mut self, id: UpdateId, about: A, automatic: bool, accepted_at: Timestamp) {
        self.entries.push_back(Entry {
            about,
            id,
            transmissions: 0,
            automatic,
            breaks: 0,
            accepted_at: accepted_at.into(),
        });
    }

    /// Marks the next waiting entry as sent.
    fn send_next(&mut self, mark: u64, sent_at: Timestamp) -> Option<&Entry<A>> {
        let entry = self.entries.get_mut(self.flights.len())?;
        entry.transmissions = entry.transmissions.saturating_add(1);
        self.flights.push_back(Flight { mark, sent_at });
        self.in_flight_bytes += entry.about.bytes();
        Some(entry)
    }

    /// Gives its memory back, when it is empty.
    #[cfg(feature = "driver")]
    fn shrink(&mut self) {
        if self.entries.is_empty() {
            *self = Self::default();
        }
    }

    #[inline]
    fn is_waiting(&self) -> bool {
        self.flights.len() < self.entries.len()
    }

    /// Whether the oldest entry was there when the connection broke.
    fn is_suspect(&self) -> bool {
        self.entries.front().is_some_and(|entry| entry.breaks > 0)
    }

    /// One more break for the oldest entry in flight; takes it when that was one too many.
    fn blame_oldest(&mut self) -> Option<Entry<A>> {
        if self.flights.is_empty() {
            return None;
        }
        let entry = self.entries.front_mut()?;
        entry.breaks += 1;
        if entry.breaks < BREAKS_UNTIL_SET_ASIDE {
            None
        } else {
            self.pop_in_flight().map(|(entry, _)| entry)
        }
    }

    /// Takes the oldest entry in flight.
    fn pop_in_flight(&mut self) -> Option<(Entry<A>, Flight)> {
        let flight = self.flights.pop_front()?;
        let entry = self.entries.pop_front()?;
        self.in_flight_bytes -= entry.about.bytes();
        Some((entry, flight))
    }
}

/// All that is owed.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    statuses: Lane<Update>,
    specs: Lane<Specs>,
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
        about: Update,
        automatic: bool,
        now: Timestamp,
    ) {
        self.bytes += about.bytes();
        self.statuses.push(id, about, automatic, now);
    }

    pub(super) fn push_specs(&mut self, id: UpdateId, about: Specs, now: Timestamp) {
        self.bytes += about.bytes();
        self.specs.push(id, about, false, now);
    }

    /// The next status update that may be sent, marked as sent after `mark` other frames.
    pub(super) fn next_status(
        &mut self,
        window: usize,
        mark: u64,
        now: Timestamp,
    ) -> Option<&Entry<Update>> {
        let window = if self.statuses.is_suspect() {
            // No specs fly: the break that made it a suspect has taken them back, and they wait for it now.
            1
        } else if self.specs.is_suspect() {
            0
        } else {
            window
        };
        if self.statuses.flights.len() >= window {
            return None;
        }
        self.statuses.send_next(mark, now)
    }

    /// The next machine specs that may be sent, marked as sent after `mark` other frames.
    pub(super) fn next_specs(&mut self, mark: u64, now: Timestamp) -> Option<&Entry<Specs>> {
        let slice = if self.statuses.is_suspect() {
            0
        } else if self.specs.is_suspect() {
            usize::from(self.statuses.flights.is_empty())
        } else {
            SPECS_SLICE
        };
        if self.specs.flights.len() >= slice {
            return None;
        }
        self.specs.send_next(mark, now)
    }

    /// A `Response` to the oldest unanswered status update: takes it. It proves what was sent before, too.
    #[inline]
    pub(super) fn answer_status(&mut self) -> Option<(Gone, Flight)> {
        let flight = self.statuses.flights.pop_front()?;
        let entry = self.statuses.entries.front()?;
        let (gone, bytes) = (entry.gone(), entry.about.bytes());
        self.statuses.entries.drop_front();
        self.statuses.in_flight_bytes -= bytes;
        self.bytes = self.bytes.saturating_sub(bytes);
        Some((gone, flight))
    }

    /// The peer refused machine specs. Takes them when there is no doubt which.
    pub(super) fn refuse_specs(&mut self) -> Option<Entry<Specs>> {
        if self.specs.flights.len() != 1 {
            return None;
        }
        let (entry, _) = self.specs.pop_in_flight()?;
        self.forget(&entry);
        Some(entry)
    }

    /// The peer has read `frames` of our frames: takes all specs among them.
    pub(super) fn prove(&mut self, frames: u64) -> Vec<Entry<Specs>> {
        let mut proven = Vec::new();
        while self
            .specs
            .flights
            .front()
            .is_some_and(|flight| flight.mark < frames)
            && let Some((entry, _)) = self.specs.pop_in_flight()
        {
            self.forget(&entry);
            proven.push(entry);
        }
        proven
    }

    /// The connection broke: all that was in flight will be sent again, oldest first. The oldest of each lane is a
    /// suspect from now on, and travels alone; takes those that have broken the connection too often.
    pub(super) fn break_connection(&mut self) -> (Option<Entry<Update>>, Option<Entry<Specs>>) {
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
        if !self.specs.flights.is_empty()
            && let Some(oldest) = self.specs.entries.front_mut()
        {
            oldest.breaks = oldest.breaks.max(1);
        }
        self.requeue();
    }

    /// Gives back what queues hold that are empty.
    #[cfg(feature = "driver")]
    pub(super) fn shrink(&mut self) {
        self.statuses.shrink();
        self.specs.shrink();
    }

    /// Takes all statuses and all specs, oldest first.
    pub(super) fn take_all(&mut self) -> (Chain<Entry<Update>>, Chain<Entry<Specs>>) {
        self.requeue();
        self.bytes = 0;
        (
            core::mem::take(&mut self.statuses.entries),
            core::mem::take(&mut self.specs.entries),
        )
    }

    /// All that is owed, in the order of [`take_all`](Self::take_all). `uuid` knows the jobs.
    pub(super) fn all(&self, uuid: impl Fn(Slot) -> Uuid) -> impl Iterator<Item = Owed> {
        let statuses = self.statuses.entries.iter();
        let statuses = statuses.map(move |entry| entry.to_owed(uuid(entry.about.job)));
        statuses.chain(self.specs.entries.iter().map(Entry::<Specs>::to_owed))
    }

    /// Bytes of the messages that a bound in bytes can refuse: all but terminal statuses.
    pub(super) fn bounded_bytes(&self) -> usize {
        let statuses = self.statuses.entries.iter();
        let statuses = statuses.filter(|entry| !entry.about.status.is_terminal());
        let specs = self.specs.entries.iter().map(|entry| entry.about.bytes());
        statuses.map(|entry| entry.about.bytes()).chain(specs).sum()
    }

    /// The newest message of this kind was sent as often before, by another session.
    pub(super) fn set_transmissions(&mut self, kind: &Subject, transmissions: u32) {
        let newest = match kind {
            Subject::JobStatus { .. } => {
                let newest = self.statuses.entries.back_mut();
                newest.map(|entry| &mut entry.transmissions)
            }
            Subject::MachineSpecs { .. } => {
                let newest = self.specs.entries.back_mut();
                newest.map(|entry| &mut entry.transmissions)
            }
        };
        if let Some(newest) = newest {
            *newest = transmissions;
        }
    }

    /// Whether anything is not in flight.
    #[inline]
    pub(super) fn is_waiting(&self) -> bool {
        self.statuses.is_waiting() || self.specs.is_waiting()
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
        self.statuses.flights.len()
    }

    pub(super) fn specs_len(&self) -> usize {
        self.specs.entries.len()
    }

    pub(super) fn specs_in_flight(&self) -> usize {
        self.specs.flights.len()
    }

    /// Bytes that the peer may still have to read.
    pub(super) fn bytes_in_flight(&self) -> usize {
        self.statuses.in_flight_bytes + self.specs.in_flight_bytes
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// An entry has left for good.
    fn forget<A: Weigh>(&mut self, entry: &Entry<A>) {
        self.bytes = self.bytes.saturating_sub(entry.about.bytes());
    }
}
