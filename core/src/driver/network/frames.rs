//! WebSocket frames as bytes: writing ours, and knowing where those of the peer begin and end. Their contents, and the
//! rules for them, are the WebSocket layer's.

use alloc::vec::Vec;
use core::hash::BuildHasher;
use std::hash::RandomState;
use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

/// The longest header: 2 bytes, 8 for the length, 4 for the mask.
const LONGEST_HEADER: usize = 14;

/// Of a header's first byte: nothing follows. Of its second: the payload is masked; its length follows, in 2 bytes or in 8.
const FINAL: u8 = 0x80;
const TEXT: u8 = FINAL | 1;
const MASKED: u8 = 0x80;
const SHORT_LENGTH: u8 = 126;
const LONG_LENGTH: u8 = 127;

/// Writes masked frames (RFC 6455, section 5.3).
///
/// Not left to tungstenite, which would keep a copy of the largest message ever sent, and logs whole frames through the
/// crate `log`: the authentication is among them.
pub(super) struct FrameWriter {
    /// A mask is for proxies that take one protocol for another: nobody may foresee it. A keyed hash of a counter is
    /// that, and the keys come from the system.
    masks: RandomState,
    /// How many hashes were made.
    hashed: u64,
    /// A hash is as long as two masks: the second one.
    left: Option<[u8; 4]>,
}

impl FrameWriter {
    pub(super) fn new() -> Self {
        Self {
            masks: RandomState::new(),
            hashed: 0,
            left: None,
        }
    }

    fn next_mask(&mut self) -> [u8; 4] {
        if let Some(mask) = self.left.take() {
            return mask;
        }
        let hash = self.masks.hash_one(self.hashed).to_ne_bytes();
        self.hashed = self.hashed.wrapping_add(1);
        let (masks, _) = hash.as_chunks();
        self.left = masks.last().copied();
        masks.first().copied().unwrap_or_default()
    }

    /// Appends one whole frame.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, opcode: OpCode, payload: &[u8]) {
        let mask = self.next_mask();
        out.reserve(LONGEST_HEADER + payload.len());
        let first = FINAL | u8::from(opcode);
        let short = u8::try_from(payload.len()).ok();
        if let Some(length) = short.filter(|length| *length < SHORT_LENGTH) {
            out.extend_from_slice(&[first, MASKED | length]);
        } else if let Ok(length) = u16::try_from(payload.len()) {
            out.extend_from_slice(&[first, MASKED | SHORT_LENGTH]);
            out.extend_from_slice(&length.to_be_bytes());
        } else {
            out.extend_from_slice(&[first, MASKED | LONG_LENGTH]);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
        out.extend_from_slice(&mask);
        let begin = out.len();
        out.extend_from_slice(payload);
        let (groups, rest) = out.get_mut(begin..).unwrap_or_default().as_chunks_mut();
        let [a, b, c, d] = mask;
        let twice = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        for group in groups {
            *group = (u64::from_ne_bytes(*group) ^ twice).to_ne_bytes();
        }
        for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
    }
}

/// The header of a short frame of the peer's, in bytes.
pub(super) const SHORT_HEADER: usize = 2;

/// The payload of the first frame, if that is a whole message, a text, short, and all there; and whether bytes after
/// these could still make it one.
#[inline]
pub(super) fn short_text(bytes: &[u8]) -> (Option<&[u8]>, bool) {
    match bytes {
        [TEXT, length @ ..SHORT_LENGTH, rest @ ..] => {
            let payload = rest.get(..usize::from(*length));
            (payload, payload.is_none())
        }
        [] | [TEXT] => (None, true),
        _ => (None, false),
    }
}

/// Follows the frames in what passes by.
#[derive(Default)]
pub(super) struct FrameTracker {
    /// The beginning of a header that is not complete.
    header: [u8; LONGEST_HEADER],
    known: usize,
    /// Bytes of the current frame's payload that are still to come.
    payload: u64,
    /// A message has begun whose last frame has not.
    in_fragments: bool,
    /// The bytes are no frames. Whoever reads them finds that out too.
    lost: bool,
}

impl FrameTracker {
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !self.lost {
            bytes = if self.payload > 0 {
                let all = bytes.len();
                let skipped = usize::try_from(self.payload).map_or(all, |payload| payload.min(all));
                self.payload -= skipped as u64;
                bytes.get(skipped..).unwrap_or_default()
            } else if self.known == 0
                && let [TEXT, length @ ..SHORT_LENGTH, rest @ ..] = bytes
            {
                // Nearly all of them: whole texts, and short. The way below would come to the same.
                self.in_fragments = false;
                self.payload = u64::from(*length);
                rest
            } else if let [next, rest @ ..] = bytes {
                self.take(*next);
                rest
            } else {
                return;
            };
            if bytes.is_empty() {
                return;
            }
        }
    }

    /// Takes one more byte of a header.
    fn take(&mut self, byte: u8) {
        let Some(place) = self.header.get_mut(self.known) else {
            self.lost = true;
            return;
        };
        *place = byte;
        self.known += 1;
        let known = self.header.get(..self.known).unwrap_or_default();
        match FrameHeader::parse(&mut Cursor::new(known)) {
            Ok(None) => {}
            Ok(Some((header, payload))) => {
                self.known = 0;
                self.payload = payload;
                if matches!(
                    header.opcode,
                    OpCode::Data(Data::Text | Data::Binary | Data::Continue)
                ) {
                    self.in_fragments = !header.is_final;
                }
            }
            Err(_) => self.lost = true,
        }
    }

    /// Whether all that has passed by are whole messages.
    pub(super) fn is_between_messages(&self) -> bool {
        self.known == 0 && self.payload == 0 && !self.in_fragments && !self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_written_frame_is_read_back_and_masked_anew_each_time() {
        let mut writer = FrameWriter::new();
        for length in [0, 1, 3, 4, 5, 125, 126, 65_535, 65_536] {
            let payload: Vec<u8> = (0..=255).cycle().take(length).collect();
            let mut masks = Vec::new();
            for _ in 0..2 {
                let mut out = vec![7];
                writer.write(&mut out, OpCode::Data(Data::Text), &payload);
                let mut cursor = Cursor::new(&out[1..]);
                let (header, read) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
                assert_eq!(read, length as u64);
                assert!(header.is_final && header.opcode == OpCode::Data(Data::Text));
                let mask = header.mask.unwrap();
                let begin = 1 + usize::try_from(cursor.position()).unwrap();
                let unmasked = out[begin..].iter().zip(mask.iter().cycle());
                let unmasked: Vec<u8> = unmasked.map(|(byte, mask)| byte ^ mask).collect();
                assert_eq!(unmasked, payload);
                masks.push(mask);
            }
            assert_ne!(masks[0], masks[1]);
        }
    }

    #[test]
    fn the_ends_of_messages_are_known_however_they_are_cut() {
        // Text "hi", a ping between the two fragments of a text, a binary message with a long length.
        let mut stream = vec![0x81, 2, b'h', b'i'];
        let mut ends = vec![0, stream.len()];
        stream.extend([0x01, 1, b'a', 0x89, 1, b'p', 0x80, 0]);
        ends.push(stream.len());
        stream.extend([0x82, 126, 1, 0]);
        stream.extend([0; 256]);
        ends.push(stream.len());
        for step in 1..20 {
            let mut tracker = FrameTracker::default();
            let mut passed = 0;
            for chunk in stream.chunks(step) {
                assert_eq!(
                    tracker.is_between_messages(),
                    ends.contains(&passed),
                    "{passed}"
                );
                tracker.pass(chunk);
                passed += chunk.len();
            }
            assert!(tracker.is_between_messages());
        }
    }

    #[test]
    fn what_is_no_frame_is_never_between_messages() {
        let mut tracker = FrameTracker::default();
        tracker.pass(&[0x83, 0]);
        assert!(!tracker.is_between_messages());
        tracker.pass(&[0x81, 0]);
        assert!(!tracker.is_between_messages());
        let mut tracker = FrameTracker::default();
        tracker.pass(&[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3]);
        assert!(!tracker.is_between_messages());
    }
}
