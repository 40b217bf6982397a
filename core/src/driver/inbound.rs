//! What was read from a connection and not handled yet. A container: what the frames mean is the session's.

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use crate::Frame;

/// The longest text that is compared with the one before it, in bytes: a success is 32.
const COMPARED: usize = 64;

/// Frames that were read and wait for the session, oldest first.
///
/// Nearly everything that a facilitator says is the same, a success: frames that are read one after the other and say
/// the same share one text, and one place.
#[derive(Debug, Default)]
pub struct Inbound {
    /// Each with how many of it came in a row; none is empty.
    runs: VecDeque<(Frame, usize)>,
    /// The newest short text, also when it is not here any more.
    latest: Option<Arc<str>>,
    /// Of the payloads of all.
    bytes: usize,
}

impl Inbound {
    /// Puts in a frame.
    pub fn push(&mut self, frame: Frame) {
        match frame {
            Frame::Text(text) if self.repeat(text.as_bytes()) => {}
            Frame::Text(text) => self.push_new(text),
            _ => self.push_run(frame),
        }
    }

    /// Puts in a text.
    pub fn push_text(&mut self, text: &str) {
        if !self.repeat(text.as_bytes()) {
            self.push_new(text.into());
        }
    }

    /// The same with bytes. Returns whether they are a text.
    #[cfg(feature = "tls")]
    #[inline]
    pub(super) fn push_bytes(&mut self, bytes: &[u8]) -> bool {
        if self.repeat(bytes) {
            return true;
        }
        let text = core::str::from_utf8(bytes);
        text.is_ok_and(|text| {
            self.push_new(text.into());
            true
        })
    }

    /// Puts in the newest text once more, if these bytes are that.
    #[inline]
    fn repeat(&mut self, bytes: &[u8]) -> bool {
        let Some(latest) = self.latest.as_ref() else {
            return false;
        };
        if latest.as_bytes() != bytes {
            return false;
        }
        self.bytes += bytes.len();
        match self.runs.back_mut() {
            Some((Frame::Text(text), times)) if Arc::ptr_eq(text, latest) => *times += 1,
            _ => self.runs.push_back((Frame::Text(Arc::clone(latest)), 1)),
        }
        true
    }

    fn push_new(&mut self, text: Arc<str>) {
        if text.len() <= COMPARED {
            self.latest = Some(Arc::clone(&text));
        }
        self.push_run(Frame::Text(text));
    }

    fn push_run(&mut self, frame: Frame) {
        self.bytes += frame.len();
        self.runs.push_back((frame, 1));
    }

    /// Takes the oldest.
    pub fn pop(&mut self) -> Option<Frame> {
        let (frame, times) = self.runs.front_mut()?;
        self.bytes -= frame.len();
        if *times > 1 {
            *times -= 1;
            return Some(frame.clone());
        }
        self.runs.pop_front().map(|(frame, _)| frame)
    }

    /// Takes all of those that come first and say the same, and tells how many they are.
    #[inline]
    pub(super) fn pop_run(&mut self) -> Option<(Frame, usize)> {
        let (frame, times) = self.runs.pop_front()?;
        self.bytes -= frame.len() * times;
        Some((frame, times))
    }

    /// The oldest.
    pub(super) fn front(&self) -> Option<&Frame> {
        self.runs.front().map(|(frame, _)| frame)
    }

    /// The newest.
    #[inline]
    pub(super) fn back(&self) -> Option<&Frame> {
        self.runs.back().map(|(frame, _)| frame)
    }

    /// Whether all were taken.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many bytes the payloads have.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives the queue's memory back, when it is empty.
    pub(super) fn shrink(&mut self) {
        if self.runs.is_empty() {
            self.runs = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn frames_come_out_as_they_went_in() {
        let long = "x".repeat(COMPARED + 1);
        let text = |text: &str| Frame::text(text);
        let ping = Frame::Ping(Arc::from(*b"one"));
        let frames = [
            text("one"),
            text("one"),
            text("two"),
            text("one"),
            ping,
            text("one"),
            text("one"),
            text("one"),
            text(&long),
            text(&long),
            text("one"),
            Frame::Close(None),
        ];
        let runs = [2, 1, 1, 1, 3, 1, 1, 1, 1];
        let mut inbound = Inbound::default();
        for round in 0..2 {
            for frame in frames.clone() {
                inbound.push(frame);
                assert!(round > 0 || inbound.back().is_some());
            }
            let bytes: usize = frames.iter().map(Frame::len).sum();
            assert_eq!(inbound.bytes(), bytes);
            let popped: Vec<Frame> = core::iter::from_fn(|| inbound.pop()).collect();
            assert_eq!(popped, frames);
            assert!(inbound.is_empty() && inbound.bytes() == 0);
            // The newest text is known, and there is none in the queue.
            frames.iter().cloned().for_each(|frame| inbound.push(frame));
            let popped = core::iter::from_fn(|| inbound.pop_run().map(|(_, times)| times));
            assert_eq!(popped.collect::<Vec<_>>(), runs);
            assert!(inbound.is_empty() && inbound.bytes() == 0);
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn texts_that_say_the_same_are_one() {
        let mut inbound = Inbound::default();
        let mut next = |text: &[u8]| {
            assert!(inbound.push_bytes(text));
            match inbound.pop() {
                Some(Frame::Text(text)) => text,
                other => panic!("{other:?}"),
            }
        };
        let (first, second, other) = (next(b"one"), next(b"one"), next(b"two"));
        assert!(Arc::ptr_eq(&first, &second) && !Arc::ptr_eq(&second, &other));
        assert!(!inbound.push_bytes(b"\xc3\x28") && inbound.is_empty());
    }
}
