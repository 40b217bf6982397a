//! The command that is told of cheat reports: one process after the other, each with a report on its stdin. What it
//! writes to stdout is not read for anything; its end is logged.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{info, warn};

use super::group::{Exit, Group, Streams};
use super::guardian::Guardian;
use super::tail::Tail;

/// Reports that wait for the command. One more is not told to it: the log and stdout have it all the same.
const WAITING: usize = 256;
/// How long the command may take for one.
const LIMIT: Duration = Duration::from_mins(1);

/// Tells the command.
#[derive(Debug)]
pub(in crate::connect::workers) struct Hook {
    reports: mpsc::Sender<Vec<u8>>,
    /// Reports whose command has not ended.
    untold: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Hook {
    /// Tells this command, from now on.
    pub(in crate::connect::workers) fn start(
        command: String,
        grace: Duration,
        guardian: Guardian,
    ) -> Self {
        let (sender, mut reports) = mpsc::channel::<Vec<u8>>(WAITING);
        let untold = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&untold);
        let task = tokio::spawn(async move {
            while let Some(report) = reports.recv().await {
                match run(&command, &report, grace, &guardian).await {
                    Ok((exit, _)) if exit.is_success => info!("the cheat report was told"),
                    Ok((exit, stderr)) => {
                        let exit = exit.as_str();
                        warn!(exit, stderr = ?stderr, "the command for cheat reports failed");
                    }
                    Err(error) => warn!(%error, "the command for cheat reports did not start"),
                }
                counter.fetch_sub(1, Ordering::Relaxed);
            }
        });
        Self {
            reports: sender,
            untold,
            task,
        }
    }

    /// Tells it of a report, a line of JSON.
    pub(in crate::connect::workers) fn tell(&self, report: Vec<u8>) {
        self.untold.fetch_add(1, Ordering::Relaxed);
        if self.reports.try_send(report).is_err() {
            self.untold.fetch_sub(1, Ordering::Relaxed);
            warn!("too many cheat reports wait for their command, one was not told to it");
        }
    }

    /// Lets what waits be told, until it is `enough`; what is left then is ended, and counted in the log.
    pub(in crate::connect::workers) async fn finish(self, enough: impl Future<Output = ()>) {
        drop(self.reports);
        let mut task = self.task;
        tokio::select! {
            biased;
            // It cannot fail.
            _ = &mut task => return,
            () = enough => {}
        }
        task.abort();
        // With its task, the process is gone.
        let _ = task.await;
        let reports = self.untold.load(Ordering::Relaxed);
        warn!(reports, "cheat reports whose command could not end in time");
    }
}

async fn run(
    command: &str,
    report: &[u8],
    grace: Duration,
    guardian: &Guardian,
) -> std::io::Result<(Exit, String)> {
    let (mut group, streams) = Group::start(command, &[], guardian)?;
    let Streams {
        mut stdin,
        stdout,
        stderr,
    } = streams;
    let (mut output, mut errors) = (Tail::default(), Tail::default());
    let talk = async {
        let feed = async {
            // It need not read it.
            let _ = stdin.write_all(report).await;
            drop(stdin);
        };
        tokio::join!(feed, output.read(stdout), errors.read(stderr));
        // The end of the process is waited for.
        std::future::pending::<Exit>().await
    };
    let ending = async {
        if let Ok(exit) = timeout(LIMIT, group.wait()).await {
            return exit;
        }
        group.terminate();
        if let Ok(exit) = timeout(grace, group.wait()).await {
            return exit;
        }
        group.kill();
        group.wait().await
    };
    let exit = tokio::select! {
        exit = ending => exit,
        exit = talk => exit,
    };
    Ok((exit, errors.text()))
}
