//! Ours, as a program uses it that embeds it: statuses are sent and their receipts awaited, while a task of its own takes
//! the events. The same code on every runtime.

use std::collections::VecDeque;

use facilitator_core::client::{Config, Endpoint, Event, Outcome, Phase};
use facilitator_core::driver::{FacilitatorClient, PendingReceipt, Runtime};
use facilitator_core::message::{JobStatus, MinerResponse, V0JobStatusUpdate};

use super::{Client, Result, Terms, keypair};
use crate::wire::workload::{OUTPUT, Status, Work};

pub(super) struct Ours<R: Runtime> {
    client: FacilitatorClient<R>,
    /// Receipts that the program holds at once.
    receipts: usize,
    unanswered: VecDeque<PendingReceipt>,
}

pub(super) async fn connect<R: Runtime + Default>(terms: Terms) -> Result<Ours<R>> {
    let window = terms.window.get();
    let config = Config {
        window,
        ..Config::new(Endpoint::parse(&terms.uri())?)
    };
    // One alone in flight means that the program waits for each. Else the outbox may fill up to its usual bound: the
    // window is the session's affair.
    let receipts = if window == 1 {
        1
    } else {
        config.outbox_entries
    };
    let client = FacilitatorClient::<R>::new(config, &keypair()?)?;
    client.start()?;
    loop {
        match client.next_event().await? {
            Event::Phase(change) if change.phase == Phase::Ready => break,
            Event::ConnectionLost { reason, .. } => {
                return Err(format!("no connection: {reason}").into());
            }
            _ => {}
        }
    }
    let events = client.clone();
    R::default().spawn(Box::pin(async move {
        while let Ok(event) = events.next_event().await {
            if let Event::JobRequested(job) = event {
                // Nobody asks for jobs here; a program would begin to work on it.
                drop(job);
            }
        }
    }))?;
    Ok(Ours {
        client,
        receipts,
        unanswered: VecDeque::new(),
    })
}

impl<R: Runtime> Client for Ours<R> {
    async fn run(&mut self, work: &Work, _: u64) -> Result<()> {
        for (uuid, status) in work.updates() {
            if self.unanswered.len() == self.receipts
                && let Some(oldest) = self.unanswered.pop_front()
            {
                acknowledged(oldest).await?;
            }
            let update = update_of_ours(uuid, status);
            let receipt = self.client.send_job_status(update).await?;
            self.unanswered.push_back(receipt);
        }
        while let Some(oldest) = self.unanswered.pop_front() {
            acknowledged(oldest).await?;
        }
        Ok(())
    }
}

async fn acknowledged(receipt: PendingReceipt) -> Result<()> {
    match receipt.await.outcome {
        Outcome::Acknowledged => Ok(()),
        other => Err(format!("an update was not acknowledged: {other:?}").into()),
    }
}

/// The update as our own types have it.
pub(crate) fn update_of_ours(uuid: &str, status: Status) -> V0JobStatusUpdate {
    let update = |status| V0JobStatusUpdate::new(uuid, status);
    match status {
        Status::Received => update(JobStatus::Received),
        Status::Accepted => update(JobStatus::Accepted),
        Status::ExecutorReady => update(JobStatus::ExecutorReady),
        Status::VolumesReady => update(JobStatus::VolumesReady),
        Status::ExecutionDone => update(JobStatus::ExecutionDone),
        Status::Completed => {
            update(JobStatus::Completed).with_metadata(MinerResponse::new("", OUTPUT))
        }
    }
}
