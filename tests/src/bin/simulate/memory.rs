//! How much memory the program holds, where the system says so in `/proc`.

use std::fs;
use std::io::{self, Write};

/// Resident memory, looked at now and then.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// In KiB.
    seen: Vec<u64>,
    looks: u64,
}

/// Looks that are kept; with more, every second one goes.
const KEPT: usize = 64;

impl Memory {
    pub(crate) fn look(&mut self) {
        self.looks += 1;
        // A run of a million seeds need not look twenty million times.
        if self.looks > 1000 && !self.looks.is_multiple_of(997) {
            return;
        }
        if let Some(now) = resident() {
            self.seen.push(now);
            if self.seen.len() > KEPT {
                let mut keep = false;
                self.seen.retain(|_| {
                    keep = !keep;
                    keep
                });
            }
        }
    }

    pub(crate) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let nth = |part: usize| self.seen.get(self.seen.len().saturating_sub(1) * part / 10);
        if let (Some(early), Some(middle), Some(last)) = (nth(1), nth(5), nth(10)) {
            writeln!(
                out,
                "resident memory after a tenth, half and all of it: {early}, {middle}, {last} KiB"
            )?;
        }
        Ok(())
    }
}

fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
