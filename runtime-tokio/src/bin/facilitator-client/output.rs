//! JSON lines on stdout. Whoever prints waits until the line is written, so that a slow reader slows its writers down
//! and nothing piles up here.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{Mutex, watch};

/// What is written between two looks at the progress.
const PIECE: usize = 64 * 1024;

/// A shared writer of lines. Clones write to the same stream, each line whole.
#[derive(Clone)]
pub(crate) struct Output(Arc<Shared>);

struct Shared {
    /// Fair: first come, first served.
    stream: Mutex<Box<dyn AsyncWrite + Send + Unpin>>,
    written: AtomicU64,
    failure: watch::Sender<Option<String>>,
}

impl Output {
    pub(crate) fn new(stream: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        Self(Arc::new(Shared {
            stream: Mutex::new(Box::new(stream)),
            written: AtomicU64::new(0),
            failure: watch::Sender::new(None),
        }))
    }

    /// Writes one line. Once the stream has failed, nothing is written any more, and nobody waits.
    pub(crate) async fn print(&self, line: &impl Serialize) {
        let text = match serde_json::to_vec(line) {
            Ok(mut text) => {
                text.push(b'\n');
                text
            }
            Err(error) => return self.fail(&error.into()),
        };
        let mut stream = self.0.stream.lock().await;
        if self.0.failure.borrow().is_some() {
            return;
        }
        if let Err(error) = self.write(&mut **stream, &text).await {
            self.fail(&error);
        }
    }

    async fn write(
        &self,
        stream: &mut (dyn AsyncWrite + Send + Unpin),
        text: &[u8],
    ) -> io::Result<()> {
        for piece in text.chunks(PIECE) {
            stream.write_all(piece).await?;
            stream.flush().await?;
            let written = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            self.0.written.fetch_add(written, Ordering::Relaxed);
        }
        Ok(())
    }

    fn fail(&self, error: &io::Error) {
        let text = if error.kind() == io::ErrorKind::BrokenPipe {
            "stdout was closed by its reader".to_owned()
        } else {
            format!("stdout cannot be written: {error}")
        };
        self.0.failure.send_replace(Some(text));
    }

    /// Bytes written so far.
    pub(crate) fn written(&self) -> u64 {
        self.0.written.load(Ordering::Relaxed)
    }

    /// Waits until the stream has failed.
    pub(crate) async fn failed(&self) {
        // The sender lives as long as this.
        let _ = self.0.failure.subscribe().wait_for(Option::is_some).await;
    }

    /// Why the stream takes nothing any more.
    pub(crate) fn failure(&self) -> Option<String> {
        self.0.failure.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_that_goes_away_fails_the_output_and_blocks_nobody() {
        let (near, far) = tokio::io::duplex(16);
        let output = Output::new(near);
        let blocked = tokio::spawn({
            let output = output.clone();
            async move { output.print(&"x".repeat(100)).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(output.failure(), None);
        drop(far);
        blocked.await.unwrap();
        output.failed().await;
        assert!(output.failure().is_some_and(|text| text.contains("closed")));
        output.print(&"more").await;
    }
}
