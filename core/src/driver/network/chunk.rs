//! What was read from a socket and not used yet. It is large while much comes, and not there while nothing does. What the
//! bytes mean is not known here.

use alloc::vec::Vec;
use std::io;

/// The smallest look at a socket that is larger than what its caller has asked for, in bytes.
const SMALL: usize = 4 * 1024;
/// No look takes more, in bytes.
const LARGE: usize = 16 * 1024;
/// By how much looks grow that were filled, and shrink that were not nearly.
const STEP: usize = 4;

/// Bytes between a socket and whoever takes them in small pieces.
#[derive(Debug)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    /// What of them was used.
    used: usize,
    /// Where what was read ends.
    end: usize,
    /// What the next look takes. `None`: what is asked for, which is enough while single answers come.
    look: Option<usize>,
    /// The last look was not filled: for the moment, most likely, there is no more.
    is_drained: bool,
}

impl Chunk {
    /// With what was read before.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self {
            end: bytes.len(),
            bytes,
            used: 0,
            look: None,
            is_drained: false,
        }
    }

    /// Gives what is left, or else reads once. Without success it gives its memory back.
    pub(super) fn read(&mut self, from: &mut impl io::Read, to: &mut [u8]) -> io::Result<usize> {
        if self.used < self.end {
            return Ok(self.take(to));
        }
        if self.look.is_none() {
            self.bytes = Vec::new();
            let bytes = from.read(to)?;
            if bytes == to.len() {
                self.look = Some(SMALL);
            }
            self.is_drained = (1..to.len()).contains(&bytes);
            return Ok(bytes);
        }
        self.look_again(from)?;
        Ok(self.take(to))
    }

    /// What was read and not used.
    #[inline]
    pub(super) fn unused(&self) -> &[u8] {
        self.bytes.get(self.used..self.end).unwrap_or_default()
    }

    /// Whether the last look has taken all there was, most likely. Says so once.
    #[inline]
    pub(super) fn is_drained(&mut self) -> bool {
        core::mem::take(&mut self.is_drained)
    }

    /// So many bytes more are used.
    #[inline]
    pub(super) fn use_up(&mut self, bytes: usize) {
        self.used = self.end.min(self.used + bytes);
    }

    /// Reads once, behind what is not used yet. Returns how many bytes came: none at the end of the stream, and none while
    /// so little comes that it is not worth memory of its own. When it fails, and there is nothing, it gives its memory back.
    pub(super) fn look_again(&mut self, from: &mut impl io::Read) -> io::Result<usize> {
        let Some(look) = self.look else {
            return Ok(0);
        };
        if self.unused().is_empty() {
            if self.bytes.len() != look {
                self.bytes = alloc::vec![0; look];
            }
        } else {
            self.bytes.copy_within(self.used..self.end, 0);
        }
        (self.used, self.end) = (0, self.end - self.used);
        let free = self.bytes.get_mut(self.end..).unwrap_or_default();
        let read = from.read(free);
        match read {
            Ok(bytes) => {
                self.is_drained = (1..free.len()).contains(&bytes);
                self.end += bytes.min(free.len());
                if self.end == self.bytes.len() {
                    self.look = Some((look * STEP).min(LARGE));
                } else if self.end < look / STEP {
                    self.look = (look > SMALL).then_some(look / STEP);
                }
            }
            Err(_) if self.end == 0 => self.bytes = Vec::new(),
            Err(_) => {}
        }
        read
    }

    /// Moves as much as there is, and fits.
    fn take(&mut self, to: &mut [u8]) -> usize {
        let left = self.unused();
        let bytes = left.len().min(to.len());
        if let (Some(to), Some(from)) = (to.get_mut(..bytes), left.get(..bytes)) {
            to.copy_from_slice(from);
        }
        self.use_up(bytes);
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
        let mut piece = [0; 100];
        while let Ok(bytes) = chunk.read(&mut source, &mut piece) {
            assert!(piece[..bytes].iter().all(|byte| *byte == 7));
            taken += bytes;
        }
        assert_eq!((taken, chunk.bytes.capacity()), (bytes, 0));
        source.looks
    }

    #[test]
    fn looks_follow_what_comes_and_nothing_is_kept_when_nothing_does() {
        let mut chunk = Chunk::new(Vec::new());
        assert_eq!(drain(&mut chunk, 34), [100]);
        assert_eq!(drain(&mut chunk, 20_000), [100, 4096, 16384]);
        assert_eq!(drain(&mut chunk, 16_384), [16384]);
        assert_eq!(drain(&mut chunk, 34), [16384]);
        assert_eq!(drain(&mut chunk, 34), [4096]);
        assert_eq!(drain(&mut chunk, 34), [100]);
    }

    #[test]
    fn what_was_read_before_comes_first() {
        let mut chunk = Chunk::new(vec![1, 2, 3]);
        let mut piece = [0; 2];
        let mut source = Source {
            bytes: 1,
            looks: Vec::new(),
        };
        let mut next = || (chunk.read(&mut source, &mut piece).ok(), piece);
        assert_eq!(next(), (Some(2), [1, 2]));
        assert_eq!(next(), (Some(1), [3, 2]));
        assert_eq!(next(), (Some(1), [7, 2]));
        assert_eq!(next().0, None);
    }

    #[test]
    fn the_end_of_a_stream_is_no_bytes() {
        for look in [None, Some(SMALL)] {
            let mut chunk = Chunk::new(Vec::new());
            chunk.look = look;
            assert_eq!(chunk.read(&mut io::empty(), &mut [0; 9]).unwrap(), 0);
        }
    }
}
