//! Lines of a trace from a file, none longer than any that is written. What they say is for others.

use std::fmt;
use std::io::{self, BufRead, Read};

use facilitator_tokio::core::trace::MAX_LINE_BYTES;

/// Why there is no next line.
#[derive(Debug)]
pub(super) enum ReadError {
    Io(io::Error),
    TooLong,
    NotUtf8,
    /// The last line has no end: whoever wrote it was interrupted.
    Cut,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot be read: {error}"),
            Self::TooLong => write!(f, "has more than {MAX_LINE_BYTES} bytes"),
            Self::NotUtf8 => f.write_str("is no UTF-8"),
            Self::Cut => f.write_str("has no end"),
        }
    }
}

/// Reads line by line.
pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    number: u64,
}

impl<R> Lines<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self {
            reader,
            line: Vec::new(),
            number: 0,
        }
    }

    /// The number of the line that was read last, or could not be read, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }
}

impl<R: BufRead> Lines<R> {
    /// The next line without its line break; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<&str>, ReadError> {
        self.line.clear();
        let limit = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX) + 1;
        let mut bounded = (&mut self.reader).take(limit);
        let read = bounded.read_until(b'\n', &mut self.line);
        self.number += 1;
        if read.map_err(ReadError::Io)? == 0 {
            self.number -= 1;
            return Ok(None);
        }
        let Some(line) = self.line.strip_suffix(b"\n") else {
            return Err(if self.line.len() > MAX_LINE_BYTES {
                ReadError::TooLong
            } else {
                ReadError::Cut
            });
        };
        std::str::from_utf8(line)
            .map(Some)
            .map_err(|_| ReadError::NotUtf8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_an_end_and_a_bound() {
        let mut lines = Lines::new(&b"one\n\ntwo\n\xff\nthree"[..]);
        assert_eq!(lines.next().unwrap(), Some("one"));
        assert_eq!(lines.next().unwrap(), Some(""));
        assert_eq!(lines.next().unwrap(), Some("two"));
        assert!(matches!(lines.next(), Err(ReadError::NotUtf8)));
        assert!(matches!(lines.next(), Err(ReadError::Cut)));
        assert_eq!(lines.number(), 5);
        assert!(lines.next().unwrap().is_none());

        let long = vec![b'x'; MAX_LINE_BYTES + 2];
        assert!(matches!(
            Lines::new(long.as_slice()).next(),
            Err(ReadError::TooLong)
        ));
    }
}
