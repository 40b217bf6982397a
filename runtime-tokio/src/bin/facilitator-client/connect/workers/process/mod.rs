//! One job in one process: started, bounded, ended, and its job with it. What is said meanwhile is in `talk`, how long
//! it may take in `limits`, the last word of those that gave none in `verdict`.
//!
//! The process and all that it starts are one process group. When the first process ends, so does the group. A process
//! that has to end gets SIGTERM, and after the grace time SIGKILL; a terminal status that it gives meanwhile counts.
//! Should this program be killed, the `guardian` ends the groups.

mod group;
pub(super) mod guardian;
pub(super) mod hook;
mod limits;
mod tail;
mod talk;
mod verdict;

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use facilitator_tokio::FacilitatorClient;
use facilitator_tokio::core::client::SendError;
use facilitator_tokio::core::message::{JobFailureStage, V2JobRequest};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, error, info, warn};

use self::group::{Exit, Group};
use self::guardian::Guardian;
use self::limits::{Limits, Progress};
use self::talk::{Said, Talk, Talker};
use self::verdict::Cause;
use super::news::News;
use super::settling::settle;
use super::telling::Telling;
use crate::config;
use crate::connect::events::Line;
use crate::connect::log::Limit;

/// What the process of a job is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Go on.
    Work,
    /// End: the program stops.
    Stop,
    /// End: the job has its terminal status.
    Drop,
}

/// How processes are run.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    pub(super) command: String,
    pub(super) margin: Duration,
    pub(super) leeway: Duration,
    pub(super) grace: Duration,
    pub(super) line_bytes: usize,
    pub(super) limit: Limit,
    pub(super) guardian: Guardian,
}

/// Works on a job until its process is gone and the job has its terminal status.
pub(super) async fn work(
    client: FacilitatorClient,
    manner: Manner,
    request: Arc<V2JobRequest>,
    mut orders: watch::Receiver<Order>,
    news: News,
) {
    let uuid = request.uuid.clone();
    let (cause, exit, talk) = match start(&manner, &request) {
        Ok((group, streams, line)) => {
            let pid = group.pid().unwrap_or_default();
            info!(?uuid, pid, "worker started");
            news.tell(&Telling::WorkerStarted { uuid: &uuid, pid });
            let limits = Limits::of(&request, manner.margin, manner.leeway);
            let (over, is_over) = watch::channel(None);
            let (said, heard) = watch::channel(Said {
                progress: Progress::new(Instant::now().into_std()),
                ended: false,
                refused: false,
            });
            let talker = Talker {
                client: client.clone(),
                job: uuid.clone(),
                request: line,
                limits: limits.clone(),
                line_bytes: manner.line_bytes,
                limit: manner.limit.clone(),
                said,
                over: is_over,
            };
            let mut run = Run {
                group,
                limits,
                heard,
                orders: orders.clone(),
                grace: manner.grace,
                over,
            };
            run.see_through(talker.talk(streams)).await
        }
        Err(error) => (Cause::NotStarted, Exit::failed(error), Talk::default()),
    };
    if cause != Cause::NotStarted {
        let ended = talk.ended.as_ref().map(|(status, _)| status.as_str());
        info!(?uuid, exit = exit.as_str(), ended, "worker ended");
        news.tell(&Telling::WorkerEnded {
            uuid: &uuid,
            exit: exit.as_str(),
            status: ended,
        });
    }
    if let Some((_, receipt)) = talk.ended {
        // Not waited for here: the facilitator can be away for long, and the place is free.
        tokio::spawn(async move { settle(&client, &news, &receipt.await).await });
        return;
    }
    if *orders.borrow_and_update() == Order::Drop {
        return;
    }
    if let Some(update) = verdict::last_word(&uuid, cause, &exit, &talk) {
        let status = update.status;
        match client.send_job_status(update).await {
            Ok(receipt) => {
                warn!(?uuid, %status, exit = exit.as_str(), "the worker gave no terminal status");
                tokio::spawn(async move { settle(&client, &news, &receipt.await).await });
            }
            // Somebody else was faster.
            Err(SendError::JobEnded { .. }) => {
                debug!(?uuid, "the job was ended by somebody else before");
            }
            Err(error) => error!(?uuid, %error, "the job has no terminal status"),
        }
    }
}

fn start(
    manner: &Manner,
    request: &V2JobRequest,
) -> std::io::Result<(Group, group::Streams, Vec<u8>)> {
    let uuid = &request.uuid;
    let line = Line::JobRequest { uuid, request };
    let mut line = serde_json::to_vec(&line)?;
    line.push(b'\n');
    // A uuid with a NUL character is none, and its job is never handed on.
    let (group, streams) = Group::start(&manner.command, &[(config::JOB, uuid)], &manner.guardian)?;
    Ok((group, streams, line))
}

/// A process while it runs.
struct Run {
    group: Group,
    limits: Limits,
    heard: watch::Receiver<Said>,
    orders: watch::Receiver<Order>,
    grace: Duration,
    over: watch::Sender<Option<Instant>>,
}

impl Run {
    /// Waits for its end, or brings it about. Nothing of it runs any more when this returns, or is dropped.
    async fn see_through(&mut self, talk: impl Future<Output = Talk>) -> (Cause, Exit, Talk) {
        let mut talk = pin!(talk);
        let mut talked = None;
        let (mut cause, exit) = {
            let ending = self.ending();
            let mut ending = pin!(ending);
            loop {
                tokio::select! {
                    biased;
                    end = &mut ending => break end,
                    all = &mut talk, if talked.is_none() => talked = Some(all),
                }
            }
        };
        self.over.send_replace(Some(Instant::now()));
        let talk = if let Some(talk) = talked {
            talk
        } else {
            // Statuses can still wait for room; when nobody wants them any more, they need not.
            tokio::select! {
                biased;
                talk = &mut talk => talk,
                () = dropped(&mut self.orders) => Talk::default(),
            }
        };
        if talk.ended.is_some() {
            cause = Cause::Settled;
        }
        (cause, exit, talk)
    }

    /// The end of the process, and what has caused it.
    async fn ending(&mut self) -> (Cause, Exit) {
        let cause = tokio::select! {
            biased;
            exit = self.group.wait() => return (Cause::Exited, exit),
            cause = why(&self.limits, &mut self.heard, &mut self.orders) => cause,
        };
        // Whoever has given the last word may clear up.
        if cause == Cause::Settled && self.heard.borrow().ended {
            let mut orders = self.orders.clone();
            tokio::select! {
                biased;
                exit = self.group.wait() => return (cause, exit),
                () = ordered(&mut orders) => {}
                () = sleep(self.grace) => {}
            }
        }
        self.group.terminate();
        tokio::select! {
            biased;
            exit = self.group.wait() => return (cause, exit),
            () = sleep(self.grace) => {}
        }
        self.group.kill();
        (cause, self.group.wait().await)
    }
}

/// Why a process has to end.
async fn why(
    limits: &Limits,
    heard: &mut watch::Receiver<Said>,
    orders: &mut watch::Receiver<Order>,
) -> Cause {
    loop {
        let said = *heard.borrow_and_update();
        if said.ended || said.refused {
            return Cause::Settled;
        }
        match *orders.borrow_and_update() {
            Order::Work => {}
            Order::Stop => return Cause::Stopping,
            Order::Drop => return Cause::Settled,
        }
        let stage: JobFailureStage = said.progress.stage();
        let deadline = Instant::from_std(limits.deadline(&said.progress));
        tokio::select! {
            biased;
            Ok(()) = orders.changed() => {}
            Ok(()) = heard.changed() => {}
            () = sleep_until(deadline) => return Cause::TooLate(stage),
        }
    }
}

/// Waits until the process is not to go on.
async fn ordered(orders: &mut watch::Receiver<Order>) {
    if orders
        .wait_for(|order| *order != Order::Work)
        .await
        .is_err()
    {
        pending::<()>().await;
    }
}

/// Waits until the job has its terminal status from somebody else.
async fn dropped(orders: &mut watch::Receiver<Order>) {
    if orders
        .wait_for(|order| *order == Order::Drop)
        .await
        .is_err()
    {
        pending::<()>().await;
    }
}
