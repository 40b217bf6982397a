//! Commands from stdin to the session, strictly one after the other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use facilitator_tokio::core::client::{Config, SendError};
use facilitator_tokio::{FacilitatorClient, PendingReceipt};
use serde_json::value::RawValue;
use tokio::io::AsyncRead;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing::debug;

use super::commands::{self, Command, Parsed, Wrong};
use super::events;
use super::journal::Promise;
use super::lines::{Line, Lines};
use crate::output::Output;

/// What a command counts for besides its own length.
const OVERHEAD: usize = 1024;

/// Why no more commands come.
pub(super) enum End {
    /// The input has ended.
    Input,
    /// A command asked for it, under this id.
    Command(Option<Box<RawValue>>),
    /// The input cannot be read.
    Failed(io::Error),
    /// The session is stopping for another reason.
    Stopping,
}

impl End {
    /// The id of the command that asked for the end.
    pub(super) fn stop_id(&self) -> Option<&RawValue> {
        match self {
            Self::Command(id) => id.as_deref(),
            _ => None,
        }
    }
}

/// Bytes of commands whose receipts were not printed yet may be this many: more than the outbox holds, so that this is
/// not the narrowest place while stdout is read.
pub(super) fn share_bytes(config: &Config, line_bytes: usize) -> usize {
    let entries = config.outbox_entries.saturating_add(config.specs_entries);
    let lines = config.outbox_bytes.saturating_add(line_bytes);
    let bytes = entries.saturating_mul(OVERHEAD).saturating_add(lines);
    bytes.clamp(line_bytes + OVERHEAD, Semaphore::MAX_PERMITS)
}

/// Submits commands. It waits while the outbox is full, and while too many receipts wait for the reader of stdout;
/// meanwhile stdin is not read.
pub(super) struct Input {
    pub(super) client: FacilitatorClient,
    pub(super) output: Output,
    pub(super) promises: UnboundedSender<Promise>,
    /// One for each of [`share_bytes`].
    pub(super) shares: Arc<Semaphore>,
    /// True once the session is stopping.
    pub(super) stopping: watch::Receiver<bool>,
}

impl Input {
    /// Reads until the end of the input or of the session. What was accepted is in the outbox then.
    pub(super) async fn run<R: AsyncRead + Unpin>(mut self, mut lines: Lines<R>) -> End {
        loop {
            let (number, line) = tokio::select! {
                biased;
                () = stopped(&mut self.stopping) => return End::Stopping,
                next = lines.next() => match next {
                    Ok(Some(line)) => line,
                    Ok(None) => return End::Input,
                    Err(error) => return End::Failed(error),
                },
            };
            let line = match line {
                Line::Text(text) => text,
                Line::TooLong(limit) => {
                    let error = format!(
                        "the line is longer than {limit} bytes, the bound (`--line-bytes`); it was skipped"
                    );
                    self.refuse(number, None, error.into()).await;
                    continue;
                }
                Line::NotUtf8(at) => {
                    let error = format!(
                        "the line is no UTF-8 (byte {}); accepted is {}",
                        at + 1,
                        commands::ACCEPTED
                    );
                    self.refuse(number, None, error.into()).await;
                    continue;
                }
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            let cost = line.len() + OVERHEAD;
            let Parsed { id, command } = commands::parse(line);
            match command {
                Ok(Command::Stop) => return End::Command(id),
                Ok(Command::AdoptJob { uuid, time_left }) => {
                    self.adopt(number, id, &uuid, time_left).await;
                }
                Ok(Command::Hello {
                    protocol,
                    worker,
                    jobs,
                }) => match check_hello(protocol, worker.is_some() || jobs.is_some()) {
                    Ok(()) => {
                        let hotkey = self.client.hotkey();
                        self.output
                            .print(&events::Line::hello(id.as_deref(), &hotkey))
                            .await;
                    }
                    Err(wrong) => self.refuse(number, id, wrong).await,
                },
                Ok(Command::Capacity { .. }) => {
                    let what = "`capacity` is for workers on a socket; here every job is yours";
                    self.refuse(number, id, what.to_owned().into()).await;
                }
                Ok(command) => match self.submit(command, cost).await {
                    Ok((receipt, share)) => {
                        // Whoever waits for promises lives until this sender is gone.
                        let share = Some(share);
                        let _ = self.promises.send(Promise { receipt, id, share });
                    }
                    Err(error) => self.refuse(number, id, error).await,
                },
                Err(error) => self.refuse(number, id, error).await,
            }
        }
    }

    async fn submit(
        &mut self,
        command: Command,
        cost: usize,
    ) -> Result<(PendingReceipt, OwnedSemaphorePermit), Wrong> {
        let cost = u32::try_from(cost).unwrap_or(u32::MAX);
        let shares = Arc::clone(&self.shares);
        let share = tokio::select! {
            biased;
            () = stopped(&mut self.stopping) => return Err(STOPPING.to_owned().into()),
            share = shares.acquire_many_owned(cost) => {
                share.map_err(|_| STOPPING.to_owned())?
            }
        };
        let sent = submit(&self.client, command).await;
        let receipt = sent.map_err(|error| complaint(&error))?;
        Ok((receipt, share))
    }

    async fn adopt(&self, line: u64, id: Option<Box<RawValue>>, uuid: &str, time_left: Duration) {
        match self.client.adopt_job(uuid, time_left) {
            Ok(()) => {
                let id = id.as_deref();
                let adopted = events::Line::JobAdopted { id, uuid };
                self.output.print(&adopted).await;
            }
            Err(error) => self.refuse(line, id, complaint(&error)).await,
        }
    }

    async fn refuse(&self, line: u64, id: Option<Box<RawValue>>, wrong: Wrong) {
        debug!(line, error = ?wrong.what, "command refused");
        let refusal = events::Line::command_error(line, id.as_deref(), wrong);
        self.output.print(&refusal).await;
    }
}

/// Hands a command to the session; waits while the outbox is full.
pub(super) async fn submit(
    client: &FacilitatorClient,
    command: Command,
) -> Result<PendingReceipt, SendError> {
    match command {
        Command::JobStatus(update) => client.send_job_status(update).await,
        Command::RejectJob {
            uuid,
            reason,
            message,
        } => client.reject_job(&uuid, reason, &message).await,
        Command::MachineSpecs {
            miner_hotkey,
            batch_id,
            specs,
        } => {
            client
                .send_machine_specs(&miner_hotkey, &batch_id, specs)
                .await
        }
        // They send nothing.
        Command::AdoptJob { .. }
        | Command::Hello { .. }
        | Command::Capacity { .. }
        | Command::Stop => Err(SendError::Stopping),
    }
}

/// What a command is answered that the session has not taken.
pub(super) fn complaint(error: &SendError) -> Wrong {
    let what = match error {
        // Their own text speaks to programmers: here nobody can start the session again.
        SendError::Stopping | SendError::Stopped => STOPPING.to_owned(),
        error => error.to_string(),
    };
    Wrong::refused(error, what)
}

/// That the other side speaks the lines of this version, and claims nothing that only a worker on a socket can.
fn check_hello(protocol: u64, is_worker: bool) -> Result<(), Wrong> {
    check_protocol(protocol)?;
    if is_worker {
        let what = "`worker` and `jobs` are for workers on a socket; here every job is yours";
        return Err(Wrong::in_field("worker", what));
    }
    Ok(())
}

/// That the other side speaks the lines of this version.
pub(super) fn check_protocol(protocol: u64) -> Result<(), Wrong> {
    if protocol == events::PROTOCOL {
        return Ok(());
    }
    let what = format!(
        "`protocol` {protocol} is not spoken here; accepted is {}",
        events::PROTOCOL
    );
    Err(Wrong::in_field("protocol", what))
}

const STOPPING: &str = "the session is stopping and takes nothing new; start the program again";

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that nobody can say so any more: the same.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
