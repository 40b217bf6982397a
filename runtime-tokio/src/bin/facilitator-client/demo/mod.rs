//! The command `demo`: an embedded facilitator, a client, real processes, and a connection that is cut again and again.
//! This file puts the parts on the stage: what happens when is decided in `plan`, the work done in `worker`, and judged
//! in `report`.

mod book;
mod plan;
mod report;
mod view;
mod worker;

use std::cell::Cell;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use facilitator_tokio::core::client::{Signatories, TrustPolicy};
use facilitator_tokio::core::driver::rustls::crypto::ring;
use facilitator_tokio::core::facilitator::{
    Event as FacilitatorEvent, FacilitatorConfig, Known, StatusOutcome,
};
use facilitator_tokio::core::message::V2JobRequest;
use facilitator_tokio::core::signature::{Scheme, sign_job_request};
use facilitator_tokio::server::{Server, ServerEvent};
use facilitator_tokio::{Config, Endpoint, FacilitatorClient, Keypair};
use tokio::sync::mpsc;
use tokio::time::timeout;

use self::book::Book;
use self::plan::{Plan, Schedule};
use self::report::{Cut, Evidence, Report};
use self::view::View;
use crate::failure::Failure;

/// Jobs that the facilitator has under way at the same time.
const OPEN_JOBS: usize = 16;
/// The most that can be asked for, of jobs and of cuts.
const MOST: usize = 10_000;

const HELP: &str = r"An embedded facilitator on a loopback port pushes signed jobs to a client with a fresh key. A local
worker runs each as a process and reports its statuses. Whenever a status that the seed has chosen
is stored, the connection is cut hard before it is answered, once inside a burst at least. In the
end the worker's book is compared with the facilitator's record.

EXIT STATUS: 0 when nothing was lost, reordered or applied twice, every status has its receipt, and
receipts and record agree; 1 when not, or when it takes longer than a minute, plus a second for each
cut and half a second for each job; 2 when the arguments are wrong.";

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Arguments {
    /// Jobs to run
    #[arg(long, value_name = "N", default_value_t = 25)]
    jobs: usize,
    /// Times that the connection is cut; there cannot be more than six for each job
    #[arg(long, value_name = "N", default_value_t = 5)]
    cuts: usize,
    /// Decides over jobs and cuts
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// Print one JSON object instead of the table
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    if arguments.jobs == 0 || arguments.jobs > MOST {
        return Err(Failure::usage(format!(
            "--jobs {}: accepted are 1 to {MOST}",
            arguments.jobs
        )));
    }
    if arguments.cuts > MOST {
        return Err(Failure::usage(format!(
            "--cuts {}: accepted are 0 to {MOST}",
            arguments.cuts
        )));
    }
    let plan = Plan::new(arguments.seed, arguments.jobs, arguments.cuts);
    let report = play(&plan, arguments.seed, arguments.cuts).await?;
    let written = if arguments.json {
        report.write_json()
    } else {
        report.write_table()
    };
    written.map_err(|error| Failure::failed(format!("stdout cannot be written: {error}")))?;
    report
        .failure()
        .map_or(Ok(()), |failure| Err(Failure::failed(failure)))
}

/// Plays the whole plan, within its deadline, and judges it.
async fn play(plan: &Plan, seed: u64, cuts_requested: usize) -> Result<Report, Failure> {
    let begin = Instant::now();
    let mut stage = Stage::set_up(plan).await?;
    let deadline = deadline(plan);
    let act = stage.act(plan, View::new(plan.jobs.len()));
    let overdue = timeout(deadline, act).await.err().map(|_| deadline);
    let Stage {
        server,
        client,
        book,
        cuts,
        ..
    } = stage;
    // Ends within its own deadline.
    let owed = client.stop().await.map_or(0, |report| report.owed.len());
    while let Ok(event) = client.next_event().await {
        worker::take_note(&event, &book);
    }
    let stats = client.stats();
    let facilitator = server.shutdown().await;
    let made = cuts.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Report::new(Evidence {
        seed,
        cuts_requested,
        plan,
        pages: book.pages(),
        facilitator: &facilitator,
        stats,
        made,
        owed,
        overdue,
        took: begin.elapsed(),
    }))
}

fn deadline(plan: &Plan) -> Duration {
    let count = |list: usize| u32::try_from(list).unwrap_or(u32::MAX);
    Duration::from_mins(1)
        + Duration::from_secs(1) * count(plan.cuts.len())
        + Duration::from_millis(500) * count(plan.jobs.len())
}

/// Everything that takes part.
struct Stage {
    server: Server,
    client: FacilitatorClient,
    /// The key that signs job requests: the facilitator's side has it.
    signer: Keypair,
    book: Book,
    cuts: Arc<Mutex<Vec<Cut>>>,
    /// What there is to say about the cuts.
    remarks: mpsc::UnboundedReceiver<String>,
}

impl Stage {
    async fn set_up(plan: &Plan) -> Result<Self, Failure> {
        let (keypair, signer) = (fresh_key()?, fresh_key()?);
        let config = FacilitatorConfig {
            validators: Known::only([keypair.account()]),
            // A job request that a cut has swallowed comes again; the facilitator of today would leave it at that.
            resend_unanswered: true,
            ..FacilitatorConfig::default()
        };
        let server = Server::bind("127.0.0.1:0", config)
            .await
            .map_err(|error| Failure::failed(format!("no free loopback port: {error}")))?;
        let endpoint = Endpoint::parse(&server.uri())
            .map_err(|error| Failure::failed(format!("{}: {error}", server.uri())))?;
        let config = Config {
            // It shall be over soon: the defaults are made for a facilitator far away.
            backoff_initial: Duration::from_millis(50),
            backoff_max: Duration::from_millis(250),
            trust: TrustPolicy {
                signatories: Signatories::OwnAnd([signer.account()].into()),
                verifications_per_second: u32::MAX,
                ..TrustPolicy::default()
            },
            ..Config::new(endpoint)
        };
        let client = FacilitatorClient::new(config, &keypair)
            .map_err(|error| Failure::failed(format!("the configuration is refused: {error}")))?;
        let cuts = Arc::default();
        // Bounded by the number of cuts.
        let (remark, remarks) = mpsc::unbounded_channel();
        server.cut_when(cut_rule(plan, client.clone(), Arc::clone(&cuts), remark));
        Ok(Self {
            server,
            client,
            signer,
            book: Book::default(),
            cuts,
            remarks,
        })
    }

    /// Until the worker is done.
    async fn act(&mut self, plan: &Plan, view: View) {
        // It was never started, and there is a runtime here.
        if let Err(error) = self.client.start() {
            return self
                .book
                .surprise(format!("the session does not start: {error}"));
        }
        let ended = Cell::new(0);
        let Self {
            server,
            client,
            signer,
            book,
            remarks,
            ..
        } = self;
        tokio::select! {
            () = push(plan, server, signer, book, &ended) => {}
            () = view.show(client, remarks, &ended) => {}
            () = worker::work(client, plan.jobs.len(), book) => {}
        }
        while let Ok(remark) = remarks.try_recv() {
            view.say(&remark);
        }
    }
}

/// The facilitator's side: pushes the next job whenever one has ended. Never returns.
async fn push(plan: &Plan, server: &Server, signer: &Keypair, book: &Book, ended: &Cell<u64>) {
    let mut events = server.events().lossless();
    let mut jobs = plan.jobs.iter();
    for job in jobs.by_ref().take(OPEN_JOBS) {
        push_one(job, server, signer, book);
    }
    while let Some(event) = events.next().await {
        let ServerEvent::Facilitator(FacilitatorEvent::JobStatus {
            update,
            outcome: StatusOutcome::Stored,
            ..
        }) = event
        else {
            continue;
        };
        if update.status.is_terminal() {
            ended.set(ended.get() + 1);
            if let Some(job) = jobs.next() {
                push_one(job, server, signer, book);
            }
        }
    }
}

fn push_one(job: &V2JobRequest, server: &Server, signer: &Keypair, book: &Book) {
    let mut request = job.clone();
    let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let timestamp_ns = u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX);
    sign_job_request(&mut request, signer, timestamp_ns);
    if let Err(error) = server.push_job(request) {
        book.surprise(format!("a job was not pushed: {error}"));
    }
}

/// Cuts at the moments of the plan, and takes note of what the client had under way.
///
/// A cut comes only when a status is stored for the first time. What the client sends first after it is the oldest
/// unanswered status, alone: the facilitator had that one before the cut, so it answers it, and nothing new is stored
/// until the answer has arrived. So no status is ever the oldest unanswered one of two cuts, and none can look like
/// one that breaks connections.
fn cut_rule(
    plan: &Plan,
    client: FacilitatorClient,
    cuts: Arc<Mutex<Vec<Cut>>>,
    remark: mpsc::UnboundedSender<String>,
) -> impl FnMut(&FacilitatorEvent) -> bool + Send + 'static {
    let mut schedule = Schedule::new(&plan.cuts);
    let mut after_statuses = 0;
    move |event| {
        let FacilitatorEvent::JobStatus {
            update,
            outcome: StatusOutcome::Stored,
            ..
        } = event
        else {
            return false;
        };
        after_statuses += 1;
        let Some(moment) = schedule.stored(update.status) else {
            return false;
        };
        let stats = client.stats();
        let cut = Cut {
            after_statuses,
            status: update.status.as_str(),
            uuid: update.uuid.clone(),
            nth: moment.nth,
            in_flight: stats.in_flight,
            queued: stats.outbox_length.saturating_sub(stats.in_flight),
        };
        // When nobody listens any more, the show is over.
        let _ = remark.send(cut.describe(moment));
        cuts.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(cut);
        true
    }
}

/// A key that nobody had before, and nobody will have again.
fn fresh_key() -> Result<Keypair, Failure> {
    let no_key =
        |error: &dyn std::fmt::Display| Failure::failed(format!("no key could be made: {error}"));
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    ring::default_provider()
        .secure_random
        .fill(seed.as_mut_slice())
        .map_err(|_| no_key(&io::Error::other("the system gives no randomness")))?;
    Keypair::from_seed(Scheme::Sr25519, *seed).map_err(|error| no_key(&error))
}
