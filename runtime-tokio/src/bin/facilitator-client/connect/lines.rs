//! Lines of bounded length from a stream of bytes. What they say is for others.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Buffers that grew beyond this are given back after the line that needed them.
const KEPT: usize = 1024 * 1024;

/// A line, or what stands in its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// The text without its line break.
    Text(&'a str),
    /// The line is longer than this bound; it was read to its end and not kept.
    TooLong(usize),
    /// The line is no UTF-8 from this byte on, counted from 0.
    NotUtf8(usize),
}

/// Reads line by line.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    number: u64,
    limit: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of at most `limit` bytes, their line breaks not counted.
    pub(super) fn new(stream: R, limit: usize) -> Self {
        Self {
            reader: BufReader::with_capacity(64 * 1024, stream),
            line: Vec::new(),
            number: 0,
            limit,
        }
    }

    /// The next line with its number, from 1; `None` at the end. A last line needs no line break.
    ///
    /// When this is dropped before it has returned, a part of a line is lost: read no further then.
    pub(super) async fn next(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        if self.line.capacity() > KEPT {
            self.line = Vec::new();
        }
        self.line.clear();
        let mut too_long = false;
        let mut started = false;
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                if started {
                    break;
                }
                return Ok(None);
            }
            started = true;
            let end = available.iter().position(|byte| *byte == b'\n');
            let (part, _) = available.split_at(end.unwrap_or(available.len()));
            if too_long || part.len() > self.limit - self.line.len() {
                too_long = true;
                self.line = Vec::new();
            } else {
                self.line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        self.number += 1;
        let line = if too_long {
            Line::TooLong(self.limit)
        } else {
            match std::str::from_utf8(&self.line) {
                Ok(text) => Line::Text(text),
                Err(error) => Line::NotUtf8(error.valid_up_to()),
            }
        };
        Ok(Some((self.number, line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines of `bytes`, which arrive in pieces of `piece` bytes.
    async fn read(bytes: &[u8], piece: usize, limit: usize) -> Vec<(u64, String)> {
        let (mut near, far) = tokio::io::duplex(piece);
        let bytes = bytes.to_vec();
        tokio::spawn(async move { tokio::io::AsyncWriteExt::write_all(&mut near, &bytes).await });
        let mut lines = Lines::new(far, limit);
        let mut all = Vec::new();
        while let Some((number, line)) = lines.next().await.unwrap() {
            let text = match line {
                Line::Text(text) => text.to_owned(),
                other => format!("{other:?}"),
            };
            all.push((number, text));
        }
        all
    }

    #[tokio::test]
    async fn lines_come_with_their_numbers_however_they_arrive() {
        let bytes = b"one\n\ntwo\r\n12345678\n123456789\n\xff\xfe\nca\xc5\xbc\xff\nlast";
        let expected = [
            (1, "one"),
            (2, ""),
            (3, "two\r"),
            (4, "12345678"),
            (5, "TooLong(8)"),
            (6, "NotUtf8(0)"),
            (7, "NotUtf8(4)"),
            (8, "last"),
        ];
        for piece in [1, 2, 3, 7, 1024] {
            let read = read(bytes, piece, 8).await;
            let read: Vec<_> = read.iter().map(|(n, text)| (*n, text.as_str())).collect();
            assert_eq!(read, expected, "in pieces of {piece}");
        }
        assert!(read(b"", 1, 8).await.is_empty());
        assert_eq!(read(b"x\n", 1, 8).await, [(1, "x".to_owned())]);
        assert_eq!(
            read(b"123456789", 2, 8).await,
            [(1, "TooLong(8)".to_owned())]
        );
    }

    #[tokio::test]
    async fn an_endless_line_is_not_kept() {
        let mut lines = Lines::new(tokio::io::repeat(b'x').take_bytes(300 << 20), 1000);
        assert_eq!(lines.next().await.unwrap(), Some((1, Line::TooLong(1000))));
        assert!(lines.line.capacity() <= KEPT);
        assert_eq!(lines.next().await.unwrap(), None);
    }

    trait TakeBytes: AsyncRead + Sized {
        fn take_bytes(self, limit: u64) -> tokio::io::Take<Self> {
            tokio::io::AsyncReadExt::take(self, limit)
        }
    }
    impl<R: AsyncRead> TakeBytes for R {}
}
