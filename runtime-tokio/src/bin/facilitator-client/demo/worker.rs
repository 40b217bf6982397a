//! The local worker: takes job requests from the session, runs each as a process, and reports.

use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use facilitator_tokio::core::client::{DeclineReason, Receipt, Subject};
use facilitator_tokio::core::message::{
    HordeFailureDetails, HordeFailureReason, Integer, JobFailureDetails, JobFailureReason,
    JobFailureStage, JobParticipant, JobStatus, JobStatusMetadata, MinerResponse,
    V0JobStatusUpdate, V2JobRequest,
};
use facilitator_tokio::{Event, FacilitatorClient, PendingReceipt};
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::book::Book;

/// Processes that run at the same time.
const PROCESSES: usize = 4;

/// Works until so many jobs have ended and every receipt of theirs has come.
pub(super) async fn work(client: &FacilitatorClient, jobs: usize, book: &Book) {
    let processes = Arc::new(Semaphore::new(PROCESSES));
    let mut running = JoinSet::new();
    let mut ended = 0;
    while ended < jobs {
        tokio::select! {
            event = client.next_event() => match event {
                Ok(Event::JobRequested(request)) => {
                    // The session has answered that already.
                    book.submitted(&request.uuid, JobStatus::Received, None);
                    let job = Job { client: client.clone(), book: book.clone(), request };
                    running.spawn(job.run(Arc::clone(&processes)));
                }
                Ok(event) => take_note(&event, book),
                Err(_) => return,
            },
            Some(job) = running.join_next() => {
                ended += 1;
                if let Err(error) = job {
                    book.surprise(format!("the worker failed: {error}"));
                }
            }
        }
    }
}

/// Enters an event that asks for nothing.
pub(super) fn take_note(event: &Event, book: &Book) {
    match event {
        Event::Receipt(Receipt {
            subject: Subject::JobStatus { uuid, status },
            automatic: true,
            outcome,
            ..
        }) => {
            book.receipt(&uuid.to_string(), *status, outcome.as_str());
        }
        Event::JobRefused { reason, .. } => book.surprise(format!("a job was refused: {reason}")),
        // What a cut has swallowed is pushed again, and some of it had arrived all the same.
        Event::JobDeclined {
            reason: DeclineReason::Duplicate,
            ..
        } => {}
        Event::JobDeclined { uuid, reason } => {
            book.surprise(format!("job {uuid} was declined: {reason}"));
        }
        Event::Malformed(error) => book.surprise(format!("a message could not be read: {error}")),
        Event::Unexpected(unexpected) => book.surprise(format!("unexpected: {unexpected:?}")),
        Event::Missed { events } => book.surprise(format!("{events} events were missed")),
        _ => {}
    }
}

/// One job.
struct Job {
    client: FacilitatorClient,
    book: Book,
    request: Box<V2JobRequest>,
}

/// How a job ends.
type End = (JobStatus, JobStatusMetadata);

impl Job {
    /// From `received` to the last receipt.
    async fn run(self, processes: Arc<Semaphore>) {
        let mut receipts = Vec::new();
        // Nobody waits for answers here: these three are under way together.
        for status in [
            JobStatus::Accepted,
            JobStatus::ExecutorReady,
            JobStatus::VolumesReady,
        ] {
            self.submit(&mut receipts, status, None).await;
        }
        let (status, metadata) = {
            // It is never closed.
            let _permit = processes.acquire().await;
            self.execute().await
        };
        if status != JobStatus::HordeFailed {
            self.submit(&mut receipts, JobStatus::ExecutionDone, None)
                .await;
        }
        self.submit(&mut receipts, status, Some(metadata)).await;
        for (status, receipt) in receipts {
            let outcome = receipt.await.outcome;
            self.book
                .receipt(&self.request.uuid, status, outcome.as_str());
        }
    }

    async fn submit(
        &self,
        receipts: &mut Vec<(JobStatus, PendingReceipt)>,
        status: JobStatus,
        metadata: Option<JobStatusMetadata>,
    ) {
        let uuid = &self.request.uuid;
        self.book.submitted(uuid, status, metadata.clone());
        let update = V0JobStatusUpdate {
            uuid: uuid.clone(),
            status,
            metadata,
        };
        match self.client.send_job_status(update).await {
            Ok(receipt) => receipts.push((status, receipt)),
            Err(error) => self
                .book
                .surprise(format!("{status} of job {uuid} was not accepted: {error}")),
        }
    }

    /// Runs the job's process.
    async fn execute(&self) -> End {
        let Some((program, arguments)) = self.request.args.split_first() else {
            return horde_failed("the job has no arguments to run");
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(self.request.env.iter())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let limit = self
            .request
            .execution_time_limit
            .as_u64()
            .unwrap_or(u64::MAX);
        match timeout(Duration::from_secs(limit), command.output()).await {
            Ok(Ok(output)) => ended(&output),
            Ok(Err(error)) => horde_failed(&format!("{program} cannot be run: {error}")),
            Err(_) => timed_out(limit),
        }
    }
}

/// A process has ended by itself.
fn ended(output: &Output) -> End {
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    if output.status.success() {
        let response = MinerResponse {
            docker_process_stderr: stderr,
            docker_process_stdout: stdout,
            ..MinerResponse::default()
        };
        return (JobStatus::Completed, response.into());
    }
    let details = JobFailureDetails {
        docker_process_exit_status: output.status.code().map(Integer::from),
        docker_process_stdout: Some(stdout),
        docker_process_stderr: Some(stderr),
        ..JobFailureDetails::new(
            JobFailureReason::NonzeroReturnCode,
            JobFailureStage::Execution,
            output.status.to_string(),
        )
    };
    (JobStatus::Failed, details.into())
}

fn timed_out(limit: u64) -> End {
    let details = JobFailureDetails::new(
        JobFailureReason::Timeout,
        JobFailureStage::Execution,
        format!("the process took longer than {limit} s and was killed"),
    );
    (JobStatus::Failed, details.into())
}

fn horde_failed(message: &str) -> End {
    let details = HordeFailureDetails::new(
        JobParticipant::Validator,
        HordeFailureReason::ExecutorSpinupFailed,
        message,
    );
    (JobStatus::HordeFailed, details.into())
}

/// Output as text; the facilitator cannot store NUL characters.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")
}
