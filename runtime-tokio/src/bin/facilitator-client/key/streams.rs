//! stdin within bounds, and stdout that may fail. What is read is not interpreted here.

use std::io::{self, BufRead as _, Read as _, Write as _};

use serde::Serialize;

use crate::failure::Failure;

/// The most that is signed as a whole.
const ALL_BYTES: usize = 64 << 20;
/// The longest line: three times the largest message, for text that is escaped all over.
pub(super) const LINE_BYTES: usize = 48 << 20;

fn limit(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::failed(format!("stdin cannot be read: {error}"))
}

/// Everything on stdin.
pub(super) fn read_all() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    // One more than is taken tells too much from just enough.
    let mut stdin = io::stdin().lock().take(limit(ALL_BYTES) + 1);
    stdin
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&error))?;
    if bytes.len() > ALL_BYTES {
        return Err(Failure::failed(format!(
            "stdin has more than {ALL_BYTES} bytes; sign a digest instead"
        )));
    }
    Ok(bytes)
}

/// A line without its end.
#[derive(Clone, Copy)]
pub(super) enum Line<'a> {
    Whole(&'a [u8]),
    TooLong,
}

/// The lines of stdin, one at a time.
pub(super) struct Lines {
    stdin: io::StdinLock<'static>,
    buffer: Vec<u8>,
    number: u64,
}

impl Lines {
    pub(super) fn of_stdin() -> Self {
        Self {
            stdin: io::stdin().lock(),
            buffer: Vec::new(),
            number: 0,
        }
    }

    /// The next line that is not empty, with its number from 1; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Line<'_>)>, Failure> {
        loop {
            self.buffer.clear();
            self.number += 1;
            let read = (&mut self.stdin)
                .take(limit(LINE_BYTES) + 1)
                .read_until(b'\n', &mut self.buffer)
                .map_err(|error| unreadable(&error))?;
            if read == 0 {
                return Ok(None);
            }
            if self.buffer.len() > LINE_BYTES && self.buffer.last() != Some(&b'\n') {
                self.stdin
                    .skip_until(b'\n')
                    .map_err(|error| unreadable(&error))?;
                return Ok(Some((self.number, Line::TooLong)));
            }
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(Some((self.number, Line::Whole(self.buffer.trim_ascii()))));
            }
        }
    }
}

/// Prints text and a line feed.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .map_err(|error| {
            Failure::failed(if error.kind() == io::ErrorKind::BrokenPipe {
                "stdout was closed by its reader".to_owned()
            } else {
                format!("stdout cannot be written: {error}")
            })
        })
}

/// Prints a line of JSON.
pub(super) fn print_json(line: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(line)
        .map_err(|error| Failure::failed(format!("no JSON can be made: {error}")))?;
    print(&text)
}
