//! Peers that share no code with this project: the Python library `websockets`, as a facilitator for the clients of all
//! runtimes, and as a validator for the simulated facilitator of the program.
//!
//! Their scripts are in `tests/python`; `environment` installs what they need. The scripts judge what a peer sees of each
//! message and frame; the tests judge the whole: nothing is missing, doubled or out of order.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod environment;
mod facilitator;
mod keys;
mod validator;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, process};

use facilitator_tests::child::{Child, Ended};
use serde_json::Value;

/// Both ways in which the library can be used.
const FLAVOURS: [&str; 2] = ["asyncio", "threads"];

/// A file that nobody else has. It is removed when dropped.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(content: impl AsRef<[u8]>) -> Self {
        let file = Self::absent();
        fs::write(&file, content).unwrap();
        file
    }

    /// One that somebody else will write.
    fn absent() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", process::id());
        Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
    }
}

impl AsRef<Path> for TemporaryFile {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<OsStr> for TemporaryFile {
    fn as_ref(&self) -> &OsStr {
        self.0.as_os_str()
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Reads until a line with this event.
fn expect(child: &mut Child, event: &str) -> Value {
    loop {
        let line = child
            .line()
            .unwrap_or_else(|| panic!("it ended before it said {event}"));
        let line: Value = serde_json::from_str(line).unwrap();
        if line["event"] == event {
            return line;
        }
    }
}

/// All that was said of an event.
fn said(ended: &Ended, event: &str) -> Vec<Value> {
    let lines = ended.lines.iter();
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["event"] == event).collect()
}
