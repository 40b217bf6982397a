//! What was read from a socket and not used yet. It is large while much comes, and not there while nothing does. What the
//! bytes mean is not known here.

use alloc::vec::Vec;
use std::io;

/// The first look at a socket takes so much at most, in bytes: an answer or a pong fits.
const SMALL: usize = 512;
/// No look takes more, in bytes.
const LARGE: usize = 16 * 1024;
/// By how much looks grow that were filled, and shrink that were not.
const STEP: usize = 8;

/// Bytes between a socket and whoever takes them in smaller pieces.
#[derive(Debug)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    /// What of them was used.
    used: usize,
    /// Where what was read ends.
    end: usize,
    /// What the next look takes at most.
    look: usize,
}

impl Chunk {
    /// With what was read before.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self {
            end: bytes.len(),
            bytes,
            used: 0,
            look: SMALL,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.used == self.end
    }

    /// Reads once, when nothing is left. Without success it gives its memory back.
    pub(super) fn fill(&mut self, from: &mut impl io::Read) -> io::Result<()> {
        if self.bytes.len() != self.look {
            self.bytes = alloc::vec![0; self.look];
        }
        (self.used, self.end) = (0, 0);
        match from.read(&mut self.bytes) {
            Ok(bytes) => {
                self.end = bytes.min(self.bytes.len());
                if self.end == self.look {
                    self.look = (self.look * STEP).min(LARGE);
                } else if self.end < self.look / STEP {
                    self.look = (self.look / STEP).max(SMALL);
                }
                Ok(())
            }
            Err(error) => {
                self.bytes = Vec::new();
                Err(error)
            }
        }
    }

    /// Moves as much as there is, and fits.
    pub(super) fn take(&mut self, to: &mut [u8]) -> usize {
        let left = self.bytes.get(self.used..self.end).unwrap_or_default();
        let bytes = left.len().min(to.len());
        if let (Some(to), Some(from)) = (to.get_mut(..bytes), left.get(..bytes)) {
            to.copy_from_slice(from);
        }
        self.used += bytes;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use std::io::{ErrorKind, Read};

    /// Gives as much as is asked for, up to `bytes`; then it blocks.
    struct Source {
        bytes: usize,
        looks: Vec<usize>,
    }

    impl Read for Source {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.bytes == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.looks.push(buffer.len());
            let bytes = buffer.len().min(self.bytes);
            buffer[..bytes].fill(7);
            self.bytes -= bytes;
            Ok(bytes)
        }
    }

    /// Takes all there is, and returns how large the looks were.
    fn drain(chunk: &mut Chunk, bytes: usize) -> Vec<usize> {
        let mut source = Source {
            bytes,
            looks: Vec::new(),
        };
        let mut taken = 0;
        while chunk.fill(&mut source).is_ok() {
            let mut piece = [0; 100];
            while !chunk.is_empty() {
                let bytes = chunk.take(&mut piece);
                assert!(piece[..bytes].iter().all(|byte| *byte == 7));
                taken += bytes;
            }
        }
        assert_eq!((taken, chunk.bytes.capacity()), (bytes, 0));
        source.looks
    }

    #[test]
    fn looks_follow_what_comes_and_nothing_is_kept_when_nothing_does() {
        let mut chunk = Chunk::new(Vec::new());
        assert_eq!(drain(&mut chunk, 34), [512]);
        assert_eq!(drain(&mut chunk, 50_000), [512, 4096, 16384, 16384, 16384]);
        assert_eq!(drain(&mut chunk, 16_384), [16384]);
        assert_eq!(drain(&mut chunk, 34), [16384]);
        assert_eq!(drain(&mut chunk, 34), [2048]);
        assert_eq!(drain(&mut chunk, 34), [512]);
    }

    #[test]
    fn what_was_read_before_comes_first() {
        let mut chunk = Chunk::new(vec![1, 2, 3]);
        let mut piece = [0; 2];
        assert_eq!((chunk.take(&mut piece), piece), (2, [1, 2]));
        assert!(!chunk.is_empty());
        assert_eq!((chunk.take(&mut piece), piece), (1, [3, 2]));
        assert!(chunk.is_empty());
        assert_eq!(chunk.take(&mut piece), 0);
    }

    #[test]
    fn the_end_of_a_stream_is_no_bytes() {
        let mut chunk = Chunk::new(Vec::new());
        chunk.fill(&mut io::empty()).unwrap();
        assert!(chunk.is_empty());
    }
}
