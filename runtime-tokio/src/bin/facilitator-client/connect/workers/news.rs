//! Lines on stdout that nobody waits for: when they are read too slowly, some are left out, and a line says how many.
//! Jobs do not depend on them where workers have connections of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

use crate::connect::events::Line;
use crate::output::Output;

/// Bytes of lines that may wait.
const ROOM: u32 = 64 * 1024 * 1024;
/// What a line takes besides its text.
const OVERHEAD: usize = 256;

/// Where lines are handed in.
#[derive(Clone)]
pub(super) struct News {
    lines: UnboundedSender<Waiting>,
    room: Arc<Semaphore>,
    missed: Arc<AtomicU64>,
}

/// What prints them. It ends when every [`News`] is gone.
pub(super) struct Printer {
    lines: UnboundedReceiver<Waiting>,
    missed: Arc<AtomicU64>,
    output: Output,
}

struct Waiting {
    line: Box<RawValue>,
    /// Its share of the room.
    _share: OwnedSemaphorePermit,
}

/// Lines for this output.
pub(super) fn news(output: Output) -> (News, Printer) {
    let (sender, receiver) = unbounded_channel();
    let missed = Arc::new(AtomicU64::new(0));
    let news = News {
        lines: sender,
        room: Arc::new(Semaphore::new(ROOM as usize)),
        missed: Arc::clone(&missed),
    };
    let printer = Printer {
        lines: receiver,
        missed,
        output,
    };
    (news, printer)
}

impl News {
    /// Has a line printed, if there is room for it.
    pub(super) fn tell(&self, line: &impl Serialize) {
        let Ok(line) = serde_json::value::to_raw_value(line) else {
            return;
        };
        // One alone is never too large.
        let cost = u32::try_from(line.get().len() + OVERHEAD).unwrap_or(ROOM);
        let room = Arc::clone(&self.room);
        let Ok(share) = room.try_acquire_many_owned(cost.min(ROOM)) else {
            if self.missed.fetch_add(1, Ordering::Relaxed) == 0 {
                warn!("stdout is read too slowly, lines are left out");
            }
            return;
        };
        // The printer is there as long as anybody prints.
        let _ = self.lines.send(Waiting {
            line,
            _share: share,
        });
    }
}

impl Printer {
    /// Prints until the last line.
    pub(super) async fn print(mut self) {
        let mut is_told = false;
        while let Some(waiting) = self.lines.recv().await {
            self.output.print(&waiting.line).await;
            if !is_told && let Some(failure) = self.output.failure() {
                warn!("{failure}; jobs go on, and nobody is told of them there");
                is_told = true;
            }
            let events = self.missed.swap(0, Ordering::Relaxed);
            if events > 0 {
                self.output.print(&Line::Missed { events }).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, BufReader};

    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_is_counted_and_nobody_waits() {
        let (near, far) = tokio::io::duplex(64);
        let (news, printer) = news(Output::new(near));
        let long = "x".repeat(ROOM as usize / 4);
        for _ in 0..10 {
            news.tell(&long);
        }
        drop(news);
        let printing = tokio::spawn(printer.print());
        let mut lines = BufReader::new(far).lines();
        let mut count = 0;
        let mut missed = String::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.len() > 1000 {
                count += 1;
            } else {
                missed = line;
            }
        }
        printing.await.unwrap();
        assert_eq!(count, 3);
        assert_eq!(missed, r#"{"event":"missed","events":7}"#);
    }
}
