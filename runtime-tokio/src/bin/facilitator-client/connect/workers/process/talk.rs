//! What is said between the program and one process: the request goes in, statuses come out, stderr is kept. How long
//! this may go on is decided in `process`.

use std::sync::Arc;
use std::time::Duration;

use facilitator_tokio::core::client::SendError;
use facilitator_tokio::core::message::JobStatus;
use facilitator_tokio::{FacilitatorClient, PendingReceipt};
use tokio::io::{AsyncRead, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use super::group::Streams;
use super::limits::{Limits, Progress};
use super::tail::Tail;
use crate::connect::commands::{self, Command};
use crate::connect::input::{complaint, submit};
use crate::connect::lines::{Line, Lines};
use crate::connect::log::Limit;

/// Statuses that were read and wait for room in the outbox.
const AHEAD: usize = 16;

/// After the end of the process, its streams end too, unless something that escaped from its group holds them. That is
/// not waited for any longer.
const ENDING: Duration = Duration::from_secs(1);

/// What the other side of the job wants to know meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) progress: Progress,
    /// The job has its terminal status, from this process.
    pub(super) ended: bool,
    /// The session takes no statuses of this job any more.
    pub(super) refused: bool,
}

/// What was said in all.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// The terminal status that was accepted.
    pub(super) ended: Option<(JobStatus, PendingReceipt)>,
    pub(super) faults: Faults,
    pub(super) stderr: String,
}

/// Lines that were no good statuses.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) count: u64,
    pub(super) first: Option<String>,
}

impl Talker {
    /// The first of a job is in the log, unless other jobs have filled it with such; the rest are counted.
    fn fault(&self, faults: &mut Faults, line: u64, what: &str) {
        if faults.count == 0 {
            faults.first = Some(format!("line {line}: {what}"));
            if let Some(repeated) = self.limit.say("lines of processes that are no status") {
                warn!(uuid = ?self.job, line, error = ?what, repeated, "the worker wrote a line that is no status");
            }
        } else {
            debug!(uuid = ?self.job, line, error = ?what, "the worker wrote a line that is no status");
        }
        faults.count += 1;
    }
}

/// One process's talk.
pub(super) struct Talker {
    pub(super) client: FacilitatorClient,
    /// The job's uuid, as its request spells it.
    pub(super) job: String,
    /// What is written to its stdin.
    pub(super) request: Vec<u8>,
    pub(super) limits: Limits,
    pub(super) line_bytes: usize,
    pub(super) limit: Limit,
    pub(super) said: watch::Sender<Said>,
    /// When the process has ended, once it has.
    pub(super) over: watch::Receiver<Option<Instant>>,
}

impl Talker {
    /// Talks until all streams have ended, and all that was read is accepted or refused.
    pub(super) async fn talk(self, streams: Streams) -> Talk {
        let (heard, to_send) = mpsc::channel(AHEAD);
        let this = Arc::new(self);
        let feed = until_over(&this.over, this.feed(streams.stdin));
        let read = this.read(streams.stdout, heard);
        let send = this.send(to_send);
        let mut tail = Tail::default();
        let listen = until_over(&this.over, tail.read(streams.stderr));
        let (_, mut faults, (ended, refused), _) = tokio::join!(feed, read, send, listen);
        faults.first = faults.first.or(refused.first);
        faults.count += refused.count;
        Talk {
            ended,
            faults,
            stderr: tail.text(),
        }
    }

    /// A process need not read its request.
    async fn feed(&self, mut stdin: tokio::process::ChildStdin) {
        if let Err(error) = stdin.write_all(&self.request).await {
            debug!(uuid = ?self.job, %error, "the worker did not read its request");
        }
    }

    /// Reads statuses; their stages count from here, however long they wait for room.
    async fn read(
        &self,
        stdout: impl AsyncRead + Unpin,
        heard: mpsc::Sender<(u64, Command)>,
    ) -> Faults {
        let mut faults = Faults::default();
        let mut lines = Lines::new(stdout, self.line_bytes);
        loop {
            let next = until_over(&self.over, lines.next()).await;
            let Some(Ok(Some((number, line)))) = next else {
                return faults;
            };
            let text = match line {
                Line::Text(text) if text.trim_ascii().is_empty() => continue,
                Line::Text(text) => text,
                Line::TooLong(limit) => {
                    let what = format!("it is longer than {limit} bytes (`line_bytes`)");
                    self.fault(&mut faults, number, &what);
                    continue;
                }
                Line::NotUtf8(at) => {
                    let what = format!("it is no UTF-8 (byte {})", at + 1);
                    self.fault(&mut faults, number, &what);
                    continue;
                }
            };
            match commands::parse_of_job(text, &self.job).command {
                Ok(command) => match self.own_status(&command) {
                    Ok(status) => {
                        self.said.send_modify(|said| {
                            let now = Instant::now().into_std();
                            self.limits.note(&mut said.progress, status, now);
                        });
                        // The receiver lives as long as this.
                        let _ = heard.send((number, command)).await;
                    }
                    Err(what) => self.fault(&mut faults, number, what),
                },
                Err(wrong) => self.fault(&mut faults, number, &wrong.what),
            }
        }
    }

    /// The status that a command is about; a process speaks of its own job only.
    fn own_status(&self, command: &Command) -> Result<JobStatus, &'static str> {
        let (uuid, status) = match command {
            Command::JobStatus(update) => (&update.uuid, update.status),
            Command::RejectJob { uuid, .. } => (uuid, JobStatus::Rejected),
            _ => return Err("`command` can be job_status or reject_job here"),
        };
        if *uuid == self.job {
            Ok(status)
        } else {
            Err("`uuid` is not that of this job")
        }
    }

    async fn send(
        &self,
        mut to_send: mpsc::Receiver<(u64, Command)>,
    ) -> (Option<(JobStatus, PendingReceipt)>, Faults) {
        let mut faults = Faults::default();
        let mut ended = None;
        while let Some((number, command)) = to_send.recv().await {
            // What follows a terminal status is read, so that its writer is not held up, and that is all.
            let Ok(status) = self.own_status(&command) else {
                continue;
            };
            if ended.is_some() {
                let what = format!("`{status}` follows a terminal status");
                self.fault(&mut faults, number, &what);
                continue;
            }
            match submit(&self.client, command).await {
                Ok(receipt) if status.is_terminal() => {
                    ended = Some((status, receipt));
                    self.said.send_modify(|said| said.ended = true);
                }
                Ok(_) => {}
                Err(SendError::JobEnded { .. } | SendError::Stopping | SendError::Stopped) => {
                    self.said.send_modify(|said| said.refused = true);
                }
                Err(error) => self.fault(&mut faults, number, &complaint(&error).what),
            }
        }
        (ended, faults)
    }
}

/// What comes of this; `None` when the process has ended and this still has not. However often it is asked for, the
/// time runs from the end of the process: what goes on writing holds nobody up.
async fn until_over<T>(
    over: &watch::Receiver<Option<Instant>>,
    what: impl Future<Output = T>,
) -> Option<T> {
    let mut over = over.clone();
    let ending = async {
        let ended = over.wait_for(Option::is_some).await;
        // An error means that nobody waits for this any more.
        let ended = ended.ok().and_then(|ended| *ended);
        sleep_until(ended.unwrap_or_else(Instant::now) + ENDING).await;
    };
    tokio::select! {
        biased;
        () = ending => None,
        result = what => Some(result),
    }
}
