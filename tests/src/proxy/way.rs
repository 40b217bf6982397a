//! One direction of a connection, as a value: bytes in, bytes out, and when. No socket and no clock here.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::plan::{Action, Course, Cut, MAX_STEPS, Merge, Split, Step};

/// Bytes that one direction holds, at most.
pub(super) const BUFFER: usize = 64 * 1024;
/// Pieces of them, at most: a sender of single bytes shall not cost more than one of large messages.
const PIECES: usize = 1024;
/// Bytes that are read at once.
pub(super) const READ: usize = 16 * 1024;
/// A limited line passes what it may pass in so much time in one go.
const BURST: Duration = Duration::from_millis(10);

/// What has to be done with the receiver next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offer<'a> {
    /// Nothing, for now.
    Nothing,
    /// Write this, or some of it, and say how much with [`Way::wrote`].
    Bytes(&'a [u8]),
    /// The sender has ended: nothing more will come.
    End,
    /// The connection falls silent.
    Silence,
    /// The connection ends.
    Cut(Cut),
}

#[derive(Debug)]
enum Item {
    Piece(Piece),
    Swallow,
    Silence,
    Cut(Cut),
    End,
}

#[derive(Debug)]
struct Piece {
    due: Instant,
    bytes: Vec<u8>,
    written: usize,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Way {
    course: Course,
    rng: Rng,
    steps: VecDeque<Step>,
    /// Bytes that were read.
    taken: u64,
    items: VecDeque<Item>,
    /// Bytes of the pieces among them.
    held: usize,
    last_due: Option<Instant>,
    /// The next segment is not written earlier.
    not_before: Option<Instant>,
    /// Bytes left of the segment that is being written.
    segment: usize,
    /// Bytes that were merged and need not wait again.
    released: usize,
    stall: Option<Stall>,
    stalled_by_hand: bool,
    silent: bool,
    silent_by_hand: bool,
    ended: bool,
    done: bool,
}

#[derive(Debug)]
enum Stall {
    Until(Instant),
    UntilResumed,
}

impl Way {
    pub(super) fn new(course: Course, seed: u64) -> Self {
        let mut steps: Vec<Step> = course.steps.iter().copied().take(MAX_STEPS).collect();
        steps.sort_by_key(|step| step.after);
        Self {
            steps: steps.into(),
            course,
            rng: Rng::with_seed(seed),
            taken: 0,
            items: VecDeque::new(),
            held: 0,
            last_due: None,
            not_before: None,
            segment: 0,
            released: 0,
            stall: None,
            stalled_by_hand: false,
            silent: false,
            silent_by_hand: false,
            ended: false,
            done: false,
        }
    }

    /// Adds steps, counted from what was read so far.
    pub(super) fn plan_on(&mut self, steps: &[Step]) {
        let room = MAX_STEPS.saturating_sub(self.steps.len());
        self.steps.extend(steps.iter().take(room).map(|step| Step {
            after: step.after.saturating_add(self.taken),
            action: step.action,
        }));
        self.steps.make_contiguous().sort_by_key(|step| step.after);
    }

    /// Bytes that were read so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether it has carried its end, or lost it.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Stalls it, or lets it go on; the latter ends a stall that a step began, too.
    pub(super) fn stall(&mut self, stalls: bool) {
        self.stalled_by_hand = stalls;
        if !stalls {
            self.stall = None;
        }
    }

    /// Loses what passes from now on; or no more, if nothing was lost. A stream with a gap is of no use to anybody: where
    /// something was lost, all that follows is.
    pub(super) fn swallow(&mut self, swallows: bool) {
        self.silent_by_hand = swallows;
    }

    /// Loses what passes, for good.
    pub(super) fn fall_silent(&mut self) {
        self.silent = true;
    }

    /// Whether what passes is lost.
    pub(super) fn is_silent(&self) -> bool {
        self.silent || self.silent_by_hand
    }

    /// How many bytes to read; 0 for none now.
    pub(super) fn room(&mut self, now: Instant) -> usize {
        self.take_steps(now);
        if self.ended || self.stalled_by_hand || self.stall.is_some() || self.items.len() >= PIECES
        {
            return 0;
        }
        let room = READ.min(BUFFER.saturating_sub(self.held));
        let next = self
            .steps
            .front()
            .map_or(u64::MAX, |step| step.after - self.taken);
        usize::try_from(next).map_or(room, |next| room.min(next))
    }

    /// Does what is due after the bytes that were read.
    fn take_steps(&mut self, now: Instant) {
        if matches!(self.stall, Some(Stall::Until(end)) if end <= now) {
            self.stall = None;
        }
        while self.stall.is_none()
            && let Some(step) = self.steps.pop_front_if(|step| step.after <= self.taken)
        {
            match step.action {
                Action::Stall(Some(time)) => self.stall = Some(Stall::Until(now + time)),
                Action::Stall(None) => self.stall = Some(Stall::UntilResumed),
                Action::Swallow => self.items.push_back(Item::Swallow),
                Action::Silence => self.items.push_back(Item::Silence),
                Action::Cut(cut) => self.items.push_back(Item::Cut(cut)),
            }
        }
    }

    /// Takes what was read: no more than there was [`room`](Self::room) for.
    pub(super) fn take(&mut self, now: Instant, bytes: &[u8]) {
        let jitter = self.course.jitter.mul_f64(self.rng.f64());
        let due = now + self.course.delay + jitter;
        // Never before what came earlier.
        let due = self.last_due.map_or(due, |last| last.max(due));
        self.last_due = Some(due);
        self.taken += bytes.len() as u64;
        self.held += bytes.len();
        self.items.push_back(Item::Piece(Piece {
            due,
            bytes: bytes.to_vec(),
            written: 0,
        }));
        self.take_steps(now);
    }

    /// The sender has ended.
    pub(super) fn end(&mut self) {
        self.ended = true;
        self.items.push_back(Item::End);
    }

    /// What has to be done now. Everything but bytes is handed over once.
    pub(super) fn offer(&mut self, now: Instant) -> Offer<'_> {
        loop {
            if self.stalled_by_hand {
                return Offer::Nothing;
            }
            match self.items.front() {
                None => return Offer::Nothing,
                Some(Item::Piece(piece)) if piece.due > now => return Offer::Nothing,
                Some(Item::Piece(_)) if self.is_silent() => self.lose(),
                Some(Item::Piece(_)) => return self.offer_bytes(now),
                Some(_) => {}
            }
            match self
                .items
                .pop_front_if(|item| !matches!(item, Item::Piece(_)))
            {
                Some(Item::Swallow) => self.silent = true,
                Some(Item::Silence) => return Offer::Silence,
                Some(Item::Cut(cut)) => return Offer::Cut(cut),
                Some(Item::End) => {
                    self.done = true;
                    if !self.is_silent() {
                        return Offer::End;
                    }
                }
                Some(Item::Piece(_)) | None => {}
            }
        }
    }

    /// Loses the first piece, and with it whatever follows.
    fn lose(&mut self) {
        if let Some(Item::Piece(piece)) = self.items.pop_front() {
            self.held -= piece.bytes.len();
            self.silent = true;
        }
    }

    fn offer_bytes(&mut self, now: Instant) -> Offer<'_> {
        if self.not_before.is_some_and(|time| time > now) {
            return Offer::Nothing;
        }
        if let Some(merge) = self.course.merge
            && self.released == 0
            && !self.release(merge, now)
        {
            return Offer::Nothing;
        }
        if self.segment == 0 {
            self.segment = self.next_segment();
        }
        let Some(Item::Piece(piece)) = self.items.front() else {
            return Offer::Nothing;
        };
        let left = piece.bytes.get(piece.written..).unwrap_or_default();
        Offer::Bytes(left.get(..self.segment).unwrap_or(left))
    }

    /// Makes one piece of those that are due, if they are enough or waited long enough.
    fn release(&mut self, merge: Merge, now: Instant) -> bool {
        let due = |item: &Item| matches!(item, Item::Piece(piece) if piece.due <= now);
        let count = self.items.iter().take_while(|item| due(item)).count();
        let bytes: usize = self.items.iter().take(count).map(Item::left).sum();
        let Some(Item::Piece(first)) = self.items.front() else {
            return false;
        };
        // Behind a step or the end, nothing more can be waited for; nor when there is no room for it.
        let is_last = self
            .items
            .get(count)
            .is_some_and(|item| !matches!(item, Item::Piece(_)));
        let is_full = bytes >= BUFFER / 2 || count >= PIECES / 2;
        if bytes < merge.bytes && !is_last && !is_full && first.due + merge.wait > now {
            return false;
        }
        let mut merged = Vec::with_capacity(bytes);
        for item in self.items.drain(..count) {
            if let Item::Piece(piece) = item {
                self.held -= piece.written;
                merged.extend_from_slice(piece.bytes.get(piece.written..).unwrap_or_default());
            }
        }
        self.released = merged.len();
        self.items.push_front(Item::Piece(Piece {
            due: now,
            bytes: merged,
            written: 0,
        }));
        true
    }

    /// Bytes of the next segment.
    fn next_segment(&mut self) -> usize {
        let size = match self.course.split {
            Some(Split { min, max, .. }) => self.rng.usize(min.max(1)..=max.max(min).max(1)),
            None => usize::MAX,
        };
        let burst = self.course.bytes_per_second.map_or(usize::MAX, |rate| {
            let burst = f64::from(rate) * BURST.as_secs_f64();
            // Whole bytes, and one at least.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a hundredth of a u32 fits, and is not negative"
            )]
            (burst as usize).max(1)
        });
        size.min(burst)
    }

    /// So many of the bytes that were [offered](Self::offer) are written.
    pub(super) fn wrote(&mut self, now: Instant, bytes: usize) {
        self.segment = self.segment.saturating_sub(bytes);
        self.released = self.released.saturating_sub(bytes);
        if let Some(Item::Piece(piece)) = self.items.front_mut() {
            piece.written += bytes;
            if piece.written >= piece.bytes.len() {
                self.held -= piece.bytes.len();
                self.items.pop_front();
                // A segment does not wait for what was not read yet.
                self.segment = 0;
            }
        }
        let gap = self.course.split.map_or(Duration::ZERO, |split| split.gap);
        let gap = if self.segment == 0 {
            gap
        } else {
            Duration::ZERO
        };
        let toll = self.course.bytes_per_second.map_or(Duration::ZERO, |rate| {
            Duration::from_secs_f64(bytes as f64 / f64::from(rate.max(1)))
        });
        let pause = gap.max(toll);
        if !pause.is_zero() {
            self.not_before = Some(now + pause);
        }
    }

    /// When to look again, if nothing else happens before.
    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        let stall = match self.stall {
            Some(Stall::Until(end)) => Some(end),
            _ => None,
        };
        let item = match self.items.front() {
            Some(Item::Piece(_)) if self.stalled_by_hand => None,
            Some(Item::Piece(piece)) => {
                let mut time = piece.due;
                if let Some(merge) = self.course.merge
                    && self.released == 0
                {
                    // Either it has waited enough, or one more comes to it.
                    let more = self.items.iter().find_map(|item| match item {
                        Item::Piece(piece) if piece.due > now => Some(piece.due),
                        _ => None,
                    });
                    time += merge.wait;
                    time = more.map_or(time, |more| more.min(time));
                }
                Some(self.not_before.map_or(time, |other| other.max(time)))
            }
            _ => None,
        };
        // What has come already waits for the receiver, not for the time.
        [stall, item]
            .into_iter()
            .flatten()
            .filter(|time| *time > now)
            .min()
    }
}

impl Item {
    fn left(&self) -> usize {
        match self {
            Self::Piece(piece) => piece.bytes.len() - piece.written,
            _ => 0,
        }
    }
}
