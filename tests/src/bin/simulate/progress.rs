//! A line on the terminal while the program works. Where stderr is none, nothing.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

const WIDTH: u64 = 40;

/// The line is written as often as that at the most.
const PAUSE: Duration = Duration::from_millis(100);

/// The progress of all seeds.
#[derive(Debug)]
pub(crate) struct Progress {
    seeds: u64,
    shown: Option<Instant>,
    on: bool,
}

impl Progress {
    pub(crate) fn new(seeds: u64) -> Self {
        Self {
            seeds,
            shown: None,
            on: io::stderr().is_terminal(),
        }
    }

    pub(crate) fn show(&mut self, done: u64, slice: u32, slices: u32, failed: u64) {
        if !self.on || self.shown.is_some_and(|shown| shown.elapsed() < PAUSE) {
            return;
        }
        self.shown = Some(Instant::now());
        let parts = u128::from(done) * u128::from(slices) + u128::from(slice);
        let all = u128::from(self.seeds) * u128::from(slices);
        let full = u64::try_from(parts * u128::from(WIDTH) / all.max(1)).unwrap_or(WIDTH);
        let bar: String = (0..WIDTH)
            .map(|n| if n < full { '=' } else { ' ' })
            .collect();
        tell(&format!(
            "[{bar}] {done}/{} seeds, {failed} failed",
            self.seeds
        ));
    }
}

pub(crate) fn shrinking(seed: u64, left: usize) {
    if io::stderr().is_terminal() {
        tell(&format!("seed {seed}: {left} faults left"));
    }
}

pub(crate) fn clear() {
    if io::stderr().is_terminal() {
        tell("");
    }
}

/// One line, instead of the one before. Nothing depends on it, so nobody minds if it fails.
fn tell(line: &str) {
    let mut err = io::stderr().lock();
    let _not_worth_a_word = write!(err, "\r\x1b[K{line}").and_then(|()| err.flush());
}
