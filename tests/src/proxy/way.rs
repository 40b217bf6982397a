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
/// A limited line passes so many pieces in a second.
const BURSTS: u32 = 100;

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
    /// Something was lost, or a step said so: it is silent for good.
    silent: bool,
    by_hand: ByHand,
    progress: Progress,
}

#[derive(Debug)]
enum Stall {
    Until(Instant),
    UntilResumed,
}

/// What the proxy's owner says, besides the plan.
#[derive(Debug, Default)]
struct ByHand {
    stalled: bool,
    silent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Flows,
    /// The sender has ended.
    Ended,
    /// And what it said has arrived, or is lost.
    Done,
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
            silent: false,
            by_hand: ByHand::default(),
            progress: Progress::Flows,
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
        self.progress == Progress::Done
    }

    /// Stalls it, or lets it go on; the latter ends a stall that a step began, too.
    pub(super) fn stall(&mut self, stalls: bool) {
        self.by_hand.stalled = stalls;
        if !stalls {
            self.stall = None;
        }
    }

    /// Loses what passes from now on; or no more, if nothing was lost. A stream with a gap is of no use to anybody: where
    /// something was lost, all that follows is.
    pub(super) fn swallow(&mut self, swallows: bool) {
        self.by_hand.silent = swallows;
    }

    /// Loses what passes, for good.
    pub(super) fn fall_silent(&mut self) {
        self.silent = true;
    }

    /// Whether what passes is lost.
    pub(super) fn is_silent(&self) -> bool {
        self.silent || self.by_hand.silent
    }

    /// How many bytes to read; 0 for none now.
    pub(super) fn room(&mut self, now: Instant) -> usize {
        self.take_steps(now);
        if self.progress != Progress::Flows
            || self.by_hand.stalled
            || self.stall.is_some()
            || self.items.len() >= PIECES
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
        self.progress = Progress::Ended;
        self.items.push_back(Item::End);
    }

    /// What has to be done now. Everything but bytes is handed over once.
    pub(super) fn offer(&mut self, now: Instant) -> Offer<'_> {
        loop {
            if self.by_hand.stalled {
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
                    self.progress = Progress::Done;
                    if !self.is_silent() {
                        return Offer::End;
                    }
                }
                Some(Item::Piece(_)) | None => {}
            }
        }
    }

    /// Whether what comes next is no bytes.
    pub(super) fn is_at_step(&self) -> bool {
        let next = self.items.front();
        next.is_some_and(|item| !matches!(item, Item::Piece(_)))
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
            usize::try_from(rate / BURSTS).unwrap_or(usize::MAX).max(1)
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
            let rate = u64::from(rate.max(1));
            Duration::from_nanos((bytes as u64).saturating_mul(1_000_000_000) / rate)
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
            Some(Item::Piece(_)) if self.by_hand.stalled => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A direction, and its time.
    struct Test {
        way: Way,
        now: Instant,
        /// What was offered last, besides bytes.
        last: String,
    }

    impl Test {
        fn new(course: Course) -> Self {
            Self {
                way: Way::new(course, 1),
                now: Instant::now(),
                last: String::new(),
            }
        }

        /// The sender sends; returns what was not read for want of room.
        fn send<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
            loop {
                let room = self.way.room(self.now).min(bytes.len());
                if room == 0 {
                    return bytes;
                }
                let (now, later) = bytes.split_at(room);
                self.way.take(self.now, now);
                bytes = later;
            }
        }

        /// All that is written now, segment by segment.
        fn receive(&mut self) -> Vec<Vec<u8>> {
            let mut segments = Vec::new();
            loop {
                match self.way.offer(self.now) {
                    Offer::Bytes(bytes) => {
                        let bytes = bytes.to_vec();
                        self.way.wrote(self.now, bytes.len());
                        segments.push(bytes);
                    }
                    other => {
                        self.last = format!("{other:?}");
                        return segments;
                    }
                }
            }
        }

        /// All that is written until nothing is left to wait for, with its times in milliseconds.
        fn receive_all(&mut self) -> Vec<(u128, Vec<u8>)> {
            let begin = self.now;
            let mut all = Vec::new();
            loop {
                let time = (self.now - begin).as_millis();
                all.extend(self.receive().into_iter().map(|bytes| (time, bytes)));
                match self.way.wake_at(self.now) {
                    Some(time) => {
                        assert!(time > self.now, "it would never sleep");
                        self.now = time;
                    }
                    None => return all,
                }
            }
        }
    }

    fn text(segments: &[(u128, Vec<u8>)]) -> Vec<(u128, &str)> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        segments
            .iter()
            .map(|(time, bytes)| (*time, text(bytes)))
            .collect()
    }

    #[test]
    fn what_comes_goes_at_once() {
        let mut test = Test::new(Course::default());
        test.send(b"one");
        test.send(b"two");
        assert_eq!(text(&test.receive_all()), [(0, "one"), (0, "two")]);
        test.way.end();
        test.receive();
        assert_eq!((test.last.as_str(), test.way.is_done()), ("End", true));
    }

    #[test]
    fn a_delay_is_no_pause() {
        let mut test = Test::new(Course {
            delay: 10 * MS,
            ..Course::default()
        });
        test.send(b"one");
        test.now += 4 * MS;
        test.send(b"two");
        assert_eq!(text(&test.receive_all()), [(6, "one"), (10, "two")]);
    }

    #[test]
    fn jitter_keeps_the_order() {
        let mut test = Test::new(Course {
            jitter: 1000 * MS,
            ..Course::default()
        });
        for byte in b'a'..=b'z' {
            test.send(&[byte]);
        }
        let heard = test.receive_all();
        let letters: String = text(&heard).iter().map(|(_, letter)| *letter).collect();
        assert_eq!(letters, "abcdefghijklmnopqrstuvwxyz");
        assert!(heard.last().is_some_and(|(time, _)| *time > 500));
    }

    #[test]
    fn a_rate_is_kept() {
        let mut test = Test::new(Course {
            bytes_per_second: Some(1000),
            ..Course::default()
        });
        assert!(test.send(&[7; 2000]).is_empty());
        let heard = test.receive_all();
        assert_eq!(heard.len(), 200);
        assert_eq!(heard.last().map(|(time, _)| *time), Some(1990));
    }

    #[test]
    fn segments_have_their_size_and_their_gap() {
        let split = |min, max| Course {
            split: Some(Split {
                min,
                max,
                gap: 2 * MS,
            }),
            ..Course::default()
        };
        let mut test = Test::new(split(3, 3));
        test.send(b"abcdefgh");
        assert_eq!(
            text(&test.receive_all()),
            [(0, "abc"), (2, "def"), (4, "gh")]
        );
        let mut test = Test::new(split(1, 9));
        test.send(&[7; 2000]);
        let sizes: Vec<usize> = test
            .receive_all()
            .iter()
            .map(|(_, bytes)| bytes.len())
            .collect();
        assert!((1..=9).all(|size| sizes.contains(&size)), "{sizes:?}");
        assert_eq!(sizes.iter().max(), Some(&9));
        // A course that makes no sense still passes everything.
        let mut test = Test::new(split(5, 0));
        test.send(b"abcdefgh");
        assert_eq!(test.receive_all().len(), 2);
    }

    #[test]
    fn a_segment_that_is_written_in_two_goes_is_one() {
        let mut test = Test::new(Course {
            split: Some(Split {
                min: 4,
                max: 4,
                gap: 5 * MS,
            }),
            ..Course::default()
        });
        test.send(b"abcdefgh");
        assert_eq!(test.way.offer(test.now), Offer::Bytes(b"abcd"));
        test.way.wrote(test.now, 1);
        assert_eq!(test.way.offer(test.now), Offer::Bytes(b"bcd"));
        test.way.wrote(test.now, 3);
        assert_eq!(test.way.offer(test.now), Offer::Nothing);
        assert_eq!(text(&test.receive_all()), [(5, "efgh")]);
    }

    #[test]
    fn what_is_merged_waits_for_enough_or_for_its_time() {
        let merge = Course {
            merge: Some(Merge {
                bytes: 4,
                wait: 9 * MS,
            }),
            ..Course::default()
        };
        let mut test = Test::new(merge);
        test.send(b"a");
        test.send(b"b");
        assert_eq!(test.receive(), Vec::<Vec<u8>>::new());
        test.now += 3 * MS;
        test.send(b"cde");
        assert_eq!(test.receive(), [b"abcde"]);
        test.send(b"f");
        assert_eq!(text(&test.receive_all()), [(9, "f")]);
        test.send(b"g");
        test.way.end();
        assert_eq!(test.receive(), [b"g"]);
        assert_eq!(test.last, "End");
    }

    #[test]
    fn what_is_delayed_is_merged_when_it_is_there() {
        let mut test = Test::new(Course {
            delay: 10 * MS,
            merge: Some(Merge {
                bytes: 100,
                wait: 5 * MS,
            }),
            ..Course::default()
        });
        test.send(b"a");
        test.now += 3 * MS;
        test.send(b"b");
        assert_eq!(text(&test.receive_all()), [(12, "ab")]);
    }

    #[test]
    fn steps_happen_after_their_bytes_in_order() {
        let step = |after, action| Step { after, action };
        let mut test = Test::new(Course {
            steps: vec![
                step(4, Action::Cut(Cut::Reset)),
                step(2, Action::Stall(Some(7 * MS))),
                step(3, Action::Swallow),
            ],
            ..Course::default()
        });
        assert_eq!(test.send(b"abcdef"), b"cdef");
        assert_eq!(test.receive(), [b"ab"]);
        assert_eq!(test.way.wake_at(test.now), Some(test.now + 7 * MS));
        test.now += 7 * MS;
        test.send(b"cdef");
        assert_eq!(test.receive(), [b"c"]);
        assert_eq!(test.last, "Cut(Reset)");
    }

    #[test]
    fn a_way_holds_no_more_than_its_buffer() {
        let mut test = Test::new(Course::default());
        let left = test.send(&vec![7; 1 << 20]).len();
        assert_eq!((1 << 20) - left, BUFFER);
        test.receive();
        assert!(test.send(&[7]).is_empty());
        let mut test = Test::new(Course::default());
        while test.send(b"a").is_empty() {}
        assert_eq!(test.way.taken(), PIECES as u64);
    }
}
