//! Ours, as a program uses it that embeds it: one loop reports statuses, another takes the events, and with them the
//! receipts. The same code on every runtime.

use facilitator_core::client::{Config, Endpoint, Event, Outcome, Phase, Receipt};
use facilitator_core::driver::{FacilitatorClient, Runtime};
use facilitator_core::message::{JobStatus, MinerResponse, V0JobStatusUpdate};
use futures_util::future::try_join;

use super::{Client, Result, Terms, keypair};
use crate::wire::workload::{OUTPUT, Status, Work};

pub(super) struct Ours<R: Runtime> {
    client: FacilitatorClient<R>,
    /// Whether each update is acknowledged before the next is made.
    one_by_one: bool,
}

pub(super) async fn connect<R: Runtime + Default>(terms: Terms) -> Result<Ours<R>> {
    // The window is the session's affair: the program only waits for room in the outbox.
    let window = terms.window.get();
    let config = Config {
        window,
        ..Config::new(Endpoint::parse(&terms.uri())?)
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
    Ok(Ours {
        client,
        one_by_one: window == 1,
    })
}

impl<R: Runtime> Client for Ours<R> {
    async fn run(&mut self, work: &Work, _: u64) -> Result<()> {
        let reporting = async {
            for (uuid, status) in work.updates() {
                let update = update_of_ours(uuid, status);
                let receipt = self.client.send_job_status(update).await?;
                if self.one_by_one {
                    acknowledged(&receipt.await)?;
                }
            }
            Result::Ok(())
        };
        let listening = async {
            let mut unanswered = work.len();
            while unanswered > 0 {
                match self.client.next_event().await? {
                    Event::Receipt(receipt) => {
                        acknowledged(&receipt)?;
                        unanswered -= 1;
                    }
                    Event::Missed { .. } => return Err("events were missed".into()),
                    // Nobody asks for jobs here; a program would begin to work on them.
                    _ => {}
                }
            }
            Result::Ok(())
        };
        try_join(reporting, listening).await?;
        Ok(())
    }
}

fn acknowledged(receipt: &Receipt) -> Result<()> {
    match &receipt.outcome {
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
