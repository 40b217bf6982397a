//! The recording of a session in a file: lines from the session to a thread that writes them. The session never waits
//! for the disk: what a disk cannot take ends the recording, loudly, and nothing else.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use facilitator_tokio::FacilitatorClient;
use facilitator_tokio::core::trace::{RecordingError, Sink, SinkClosed};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::{error, info};

use crate::failure::Failure;

/// What may wait for the disk, in bytes.
const WAITING_BYTES: usize = 128 << 20;
/// What a line takes besides its text.
const OVERHEAD: usize = 64;
/// How long the end of the program waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a recording is not complete.
#[derive(Debug)]
enum RecordFailure {
    /// The file cannot be written.
    Write(io::Error),
    /// The disk is slower than the session.
    Behind,
    /// The session says so.
    Session(RecordingError),
    /// At the end, the disk did not take the rest in time.
    Unfinished,
}

impl fmt::Display for RecordFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(error) => write!(f, "it cannot be written: {error}"),
            Self::Behind => write!(
                f,
                "the disk is too slow: more than {WAITING_BYTES} bytes wait for it"
            ),
            Self::Session(error) => error.fmt(f),
            Self::Unfinished => write!(
                f,
                "the disk did not take the rest within {} s",
                PATIENCE.as_secs()
            ),
        }
    }
}

/// A recording under way.
pub(super) struct Recording {
    shared: Arc<Shared>,
    lines: Sender<Message>,
    done: oneshot::Receiver<()>,
}

struct Shared {
    path: PathBuf,
    waiting: AtomicUsize,
    /// The first thing that went wrong.
    failure: Mutex<Option<RecordFailure>>,
}

enum Message {
    Line(String),
    End,
}

impl Recording {
    /// Begins to record a session that was not started. The file must be new; only its owner can read it.
    pub(super) fn begin(client: &FacilitatorClient, path: &Path) -> Result<Self, Failure> {
        let file = create(path).map_err(|error| {
            let path = path.display();
            Failure::usage(if error.kind() == io::ErrorKind::AlreadyExists {
                format!("--record {path}: there is such a file already; name a new one")
            } else {
                format!("--record {path}: the file cannot be made: {error}")
            })
        })?;
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            waiting: AtomicUsize::new(0),
            failure: Mutex::new(None),
        });
        let (lines, to_write) = channel();
        let (sender, done) = oneshot::channel();
        let writer = Arc::clone(&shared);
        // A thread of its own, which nobody waits for: a disk can hang for ever.
        thread::spawn(move || {
            if let Err(error) = write(&writer, &to_write, BufWriter::new(file)) {
                writer.fail(RecordFailure::Write(error));
            }
            let _ = sender.send(());
        });
        let sink = FileSink {
            shared: Arc::clone(&shared),
            lines: lines.clone(),
        };
        client
            .record(sink)
            .map_err(|error| Failure::failed(format!("--record: {error}")))?;
        info!(file = %path.display(), "recording");
        Ok(Self {
            shared,
            lines,
            done,
        })
    }

    /// Lets the rest be written; what went wrong, if anything did.
    pub(super) async fn finish(self) -> Option<String> {
        let _ = self.lines.send(Message::End);
        if timeout(PATIENCE, self.done).await.is_err() {
            self.shared.fail(RecordFailure::Unfinished);
        }
        let failure = self.shared.failure();
        failure
            .as_ref()
            .map(|failure| self.shared.complaint(failure))
    }
}

#[cfg(unix)]
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Writes lines until the end. Whenever none waits, all of them are with the system.
fn write(shared: &Shared, lines: &Receiver<Message>, mut file: impl Write) -> io::Result<()> {
    loop {
        let message = match lines.try_recv() {
            Err(TryRecvError::Empty) => {
                file.flush()?;
                lines.recv().ok()
            }
            received => received.ok(),
        };
        let Some(Message::Line(line)) = message else {
            return file.flush();
        };
        file.write_all(line.as_bytes())?;
        file.write_all(b"\n")?;
        let taken = line.len() + OVERHEAD;
        shared.waiting.fetch_sub(taken, Ordering::Relaxed);
    }
}

impl Shared {
    fn failure(&self) -> std::sync::MutexGuard<'_, Option<RecordFailure>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says so at once; only the first failure counts.
    fn fail(&self, failure: RecordFailure) {
        let mut first = self.failure();
        if first.is_none() {
            error!(
                "{}; the session goes on without it",
                self.complaint(&failure)
            );
            *first = Some(failure);
        }
    }

    fn complaint(&self, failure: &RecordFailure) -> String {
        let path = self.path.display();
        format!("the recording {path} is not complete: {failure}")
    }
}

/// What the session writes to.
struct FileSink {
    shared: Arc<Shared>,
    lines: Sender<Message>,
}

impl Sink for FileSink {
    fn line(&mut self, line: &str) -> Result<(), SinkClosed> {
        let taken = line.len() + OVERHEAD;
        let waiting = self.shared.waiting.fetch_add(taken, Ordering::Relaxed);
        if waiting + taken > WAITING_BYTES {
            self.shared.fail(RecordFailure::Behind);
            return Err(SinkClosed);
        }
        let line = Message::Line(line.to_owned());
        // The thread has ended: it has said why.
        self.lines.send(line).map_err(|_| SinkClosed)
    }

    fn end(&mut self, why: RecordingError) {
        self.shared.fail(RecordFailure::Session(why));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> (FileSink, Receiver<Message>) {
        let (lines, receiver) = channel();
        let shared = Arc::new(Shared {
            path: "trace".into(),
            waiting: AtomicUsize::new(0),
            failure: Mutex::new(None),
        });
        (FileSink { shared, lines }, receiver)
    }

    fn complaint(sink: &FileSink) -> String {
        sink.shared.failure().as_ref().unwrap().to_string()
    }

    #[test]
    fn what_waits_for_a_slow_disk_is_bounded() {
        let (mut sink, _nobody_reads) = parts();
        let line = "x".repeat(1 << 20);
        let lines = (0..1000).take_while(|_| sink.line(&line).is_ok()).count();
        assert_eq!(lines, 127, "128 MiB, with what a line takes besides");
        assert!(complaint(&sink).contains("too slow"));
    }

    #[test]
    fn a_full_disk_ends_the_recording_and_says_so() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (mut sink, receiver) = parts();
        sink.line("first").unwrap();
        let error = write(&sink.shared, &receiver, Full).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        sink.shared.fail(RecordFailure::Write(error));
        drop(receiver);
        assert_eq!(sink.line("second"), Err(SinkClosed));
        assert!(complaint(&sink).contains("cannot be written"));
    }

    #[test]
    fn lines_are_written_whole_and_in_order() {
        let (mut sink, receiver) = parts();
        sink.line("one").unwrap();
        sink.line("two").unwrap();
        sink.lines.send(Message::End).unwrap();
        let mut file = Vec::new();
        write(&sink.shared, &receiver, &mut file).unwrap();
        assert_eq!(file, b"one\ntwo\n");
        assert_eq!(sink.shared.waiting.load(Ordering::Relaxed), 0);
    }
}
