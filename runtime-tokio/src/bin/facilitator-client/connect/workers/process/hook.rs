//! The command that is told of cheat reports: one process after the other, each with a report on its stdin. What it
//! writes to stdout is not read for anything; its end is logged.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{info, warn};

use super::group::{Group, Streams};
use super::tail::Tail;

/// Reports that wait for the command. One more is not told to it: the log and stdout have it all the same.
const WAITING: usize = 256;
/// How long the command may take for one.
const LIMIT: Duration = Duration::from_mins(1);

/// Tells the command.
#[derive(Clone, Debug)]
pub(in crate::connect::workers) struct Hook(mpsc::Sender<Vec<u8>>);

impl Hook {
    /// Tells this command, from now on.
    pub(in crate::connect::workers) fn start(command: String, grace: Duration) -> Self {
        let (sender, mut reports) = mpsc::channel::<Vec<u8>>(WAITING);
        tokio::spawn(async move {
            while let Some(report) = reports.recv().await {
                match run(&command, &report, grace).await {
                    Ok((exit, _)) if exit.ends_with(": 0") => info!("the cheat report was told"),
                    Ok((exit, stderr)) => {
                        warn!(exit, stderr = ?stderr, "the command for cheat reports failed");
                    }
                    Err(error) => warn!(%error, "the command for cheat reports did not start"),
                }
            }
        });
        Self(sender)
    }

    /// Tells it of a report, a line of JSON.
    pub(in crate::connect::workers) fn tell(&self, report: Vec<u8>) {
        if self.0.try_send(report).is_err() {
            warn!("too many cheat reports wait for their command, one was not told to it");
        }
    }
}

async fn run(command: &str, report: &[u8], grace: Duration) -> std::io::Result<(String, String)> {
    let (mut group, streams) = Group::start(command, &[])?;
    let Streams {
        mut stdin,
        stdout,
        stderr,
    } = streams;
    let (mut output, mut errors) = (Tail::default(), Tail::default());
    let exit = {
        let talk = async {
            let feed = async {
                // It need not read it.
                let _ = stdin.write_all(report).await;
                drop(stdin);
            };
            tokio::join!(feed, output.read(stdout), errors.read(stderr));
            std::future::pending::<()>().await;
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
        tokio::select! {
            exit = ending => exit,
            () = talk => String::new(),
        }
    };
    Ok((exit, errors.text()))
}
