//! Where jobs and workers meet: it takes jobs from the session, gives each to a process or to a worker on the socket,
//! and ends those that nobody works on. What workers on the socket want is in `guests`, the way to the end in `leaving`.
//! Who gets which job is decided in `roster`, how a process is run in `process`, how a worker is spoken with in `socket`.

mod guests;
mod leaving;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use facilitator_tokio::FacilitatorClient;
use facilitator_tokio::core::client::{Event, SendError};
use facilitator_tokio::core::message::{
    HordeFailureDetails, HordeFailureReason, JobParticipant, JobRejectionDetails,
    JobRejectionReason, JobStatus, V0JobCheated, V0JobStatusUpdate, V2JobRequest, parse_uuid,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{debug, error, warn};
use uuid::Uuid;

use self::guests::Present;
pub(super) use self::guests::{Presence, Refusal};
use super::news::News;
use super::process::guardian::Guardian;
use super::process::hook::Hook;
use super::process::{self, Manner, Order};
use super::roster::{Bounds, Due, Job, Roster};
use super::socket::Mail;
use super::telling::Telling;
use crate::config::Workers;
use crate::connect::events::Line;
use crate::connect::log::Limit;
use crate::connect::state::WorkersJob;

/// The worker that stands for all processes. No worker on a socket has an empty name.
const PROCESSES: &str = "";

/// See the module. Clones are the same hall.
#[derive(Clone)]
pub(super) struct Hall(Arc<Shared>);

struct Shared {
    client: FacilitatorClient,
    news: News,
    manner: Option<Manner>,
    /// Who is told of cheat reports, until the end.
    hook: Mutex<Option<Hook>>,
    /// For what workers can make happen as often as they like.
    limit: Limit,
    /// Whether jobs of workers on the socket may outlive this program.
    keeps: bool,
    state: Mutex<State>,
    /// Something has changed that [`Hall::next_due`] or [`Hall::idle`] depends on.
    changed: watch::Sender<()>,
}

struct State {
    roster: Roster,
    /// Those on the socket, by name.
    workers: BTreeMap<Arc<str>, Present>,
    /// What each process is told.
    processes: BTreeMap<Uuid, Process>,
    /// The next connection's number.
    connections: u64,
    stopping: bool,
    /// The jobs of workers on the socket go on without us.
    left_to_workers: bool,
}

/// A job's process.
struct Process {
    order: watch::Sender<Order>,
    task: JoinHandle<()>,
}

impl Hall {
    /// A hall where `left` are expected: jobs that workers on the socket went on with after the last stop.
    pub(super) fn new(
        client: FacilitatorClient,
        settings: &Workers,
        line_bytes: usize,
        keeps: bool,
        left: Vec<WorkersJob>,
        news: News,
    ) -> Self {
        let limit = Limit::default();
        let runs = settings.command.is_some() || settings.on_cheated.is_some();
        let guardian = runs.then(|| Guardian::start(settings.grace));
        let manner = settings.command.clone().zip(guardian.clone());
        let manner = manner.map(|(command, guardian)| Manner {
            command,
            margin: settings.margin,
            leeway: settings.leeway,
            grace: settings.grace,
            line_bytes,
            limit: limit.clone(),
            guardian,
        });
        let hook = settings.on_cheated.clone().zip(guardian);
        let hook = hook.map(|(command, guardian)| Hook::start(command, settings.grace, guardian));
        let state = State {
            roster: roster(settings, left),
            workers: BTreeMap::new(),
            processes: BTreeMap::new(),
            connections: 0,
            stopping: false,
            left_to_workers: false,
        };
        Self(Arc::new(Shared {
            client,
            news,
            manner,
            hook: Mutex::new(hook),
            limit,
            keeps,
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
        }))
    }

    pub(super) fn client(&self) -> &FacilitatorClient {
        &self.0.client
    }

    pub(super) fn limit(&self) -> &Limit {
        &self.0.limit
    }

    /// A panic while this was held left nothing half-done: everything below is maps and queues.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the session tells, as far as it is about jobs.
    pub(super) fn take(&self, event: Event) {
        match event {
            Event::JobRequested(request) => self.take_job(*request),
            Event::JobOverdue { uuid } => self.forget(uuid),
            Event::JobCheated(report) => self.take_report(&report),
            _ => {}
        }
    }

    fn take_report(&self, report: &V0JobCheated) {
        let line = Line::CheatReport {
            uuid: &report.job_uuid,
            report,
        };
        self.lock().tell_all(&line);
        if let Some(hook) = &*self.hook()
            && let Ok(mut text) = serde_json::to_vec(&line)
        {
            text.push(b'\n');
            hook.tell(text);
        }
    }

    fn hook(&self) -> MutexGuard<'_, Option<Hook>> {
        self.0.hook.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the command for cheat reports be told of what waits, until it is `enough`.
    pub(super) async fn finish_reports(&self, enough: impl Future<Output = ()>) {
        let hook = self.hook().take();
        if let Some(hook) = hook {
            hook.finish(enough).await;
        }
    }

    fn take_job(&self, request: V2JobRequest) {
        // The session hands on no job without a uuid.
        let Some(id) = parse_uuid(&request.uuid) else {
            return;
        };
        let uuid = request.uuid.clone();
        let mut state = self.lock();
        let busy = if state.stopping {
            Some("the validator is stopping")
        } else if state.roster.take(id, request, Instant::now()) {
            None
        } else {
            Some("all places for jobs are taken")
        };
        match busy {
            None => self.assign(&mut state),
            Some(message) => {
                drop(state);
                self.reject(&uuid, JobRejectionReason::Busy, message);
            }
        }
        self.change();
    }

    /// Gives jobs to whoever has places.
    fn assign(&self, state: &mut State) {
        while !state.stopping
            && let Some((job, worker)) = state.roster.assign()
        {
            match &self.0.manner {
                Some(manner) if *worker == *PROCESSES => self.start(state, manner.clone(), &job),
                _ => {
                    let uuid = &*job.uuid();
                    debug!(?uuid, worker = ?&*worker, "job assigned");
                    self.0.news.tell(&Telling::JobAssigned {
                        uuid,
                        worker: &worker,
                    });
                    if let Some(present) = state.workers.get(&worker) {
                        let job = job.clone();
                        present.mail.push(Mail::Job {
                            job,
                            resumed: false,
                        });
                    }
                }
            }
        }
    }

    fn start(&self, state: &mut State, manner: Manner, job: &Job) {
        // Processes adopt nothing.
        let Some(request) = job.request.clone() else {
            return;
        };
        let id = job.id;
        let (order, orders) = watch::channel(Order::Work);
        let (client, news) = (self.0.client.clone(), self.0.news.clone());
        let hall = self.clone();
        // It waits for the state at its end, so it is among the processes by then.
        let task = tokio::spawn(async move {
            process::work(client, manner, request, orders, news).await;
            let mut state = hall.lock();
            state.processes.remove(&id);
            state.roster.end(id);
            hall.assign(&mut state);
            hall.change();
        });
        state.processes.insert(id, Process { order, task });
    }

    /// A job has its terminal status from the session itself.
    fn forget(&self, id: Uuid) {
        let mut state = self.lock();
        if let Some(process) = state.processes.get(&id) {
            // Its place is free once the process is gone.
            process.order.send_replace(Order::Drop);
            return;
        }
        if let Some(worker) = state.roster.end(id) {
            let uuid = id.to_string();
            state.tell(&worker, &Line::JobOverdue { uuid });
        }
        self.assign(&mut state);
        self.change();
    }

    /// When [`tend`](Self::tend) has something to do, at the earliest.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.lock().roster.next_due()
    }

    /// Ends what was waited for in vain.
    pub(super) fn tend(&self) {
        let now = Instant::now();
        loop {
            let Some(due) = self.lock().roster.due(now) else {
                return;
            };
            match due {
                Due::Unserved { job, anybody: true } => {
                    let message = "no worker had a place for it in time";
                    self.reject(&job.uuid(), JobRejectionReason::Busy, message);
                }
                Due::Unserved { job, .. } => {
                    let reason = JobRejectionReason::NoMinerForJob;
                    self.reject(&job.uuid(), reason, "no worker is there");
                }
                Due::Abandoned { job, worker } => {
                    warn!(uuid = ?job.uuid(), worker = ?&*worker, "the worker did not return to its job");
                    self.fail(
                        &job.uuid(),
                        HordeFailureReason::ExecutorDisconnected,
                        "the job's worker went away and did not return in time",
                    );
                }
            }
            self.change();
        }
    }

    /// Tells whenever [`next_due`](Self::next_due) can be another.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    fn change(&self) {
        self.0.changed.send_replace(());
    }

    fn reject(&self, uuid: &str, reason: JobRejectionReason, message: &str) {
        if let Some(repeated) = self.0.limit.say("rejected jobs") {
            warn!(?uuid, %reason, message, repeated, "job rejected");
        }
        let details = JobRejectionDetails::new(JobParticipant::Validator, reason, message);
        self.end(V0JobStatusUpdate::new(uuid, JobStatus::Rejected).with_metadata(details));
    }

    /// Returns whether that has ended the job.
    fn fail(&self, uuid: &str, reason: HordeFailureReason, message: &str) -> bool {
        let details = HordeFailureDetails::new(JobParticipant::Validator, reason, message);
        self.end(V0JobStatusUpdate::new(uuid, JobStatus::HordeFailed).with_metadata(details))
    }

    /// Gives a job its terminal status. There is always room for those.
    fn end(&self, update: V0JobStatusUpdate) -> bool {
        let uuid = update.uuid.clone();
        match self.0.client.try_send_job_status(update) {
            Ok(_) => true,
            // When somebody else was faster, all is well.
            Err(SendError::JobEnded { .. }) => {
                debug!(?uuid, "the job was ended by somebody else before");
                false
            }
            Err(error) => {
                error!(?uuid, %error, "the job has no terminal status");
                false
            }
        }
    }
}

/// Who has which job at the beginning.
fn roster(settings: &Workers, left: Vec<WorkersJob>) -> Roster {
    let mut roster = Roster::new(Bounds {
        jobs: settings.max_jobs,
        queue_time: settings.queue_time,
        absence: settings.absence,
    });
    if settings.command.is_some() {
        let places = match settings.parallel {
            0 => settings.max_jobs,
            places => places,
        };
        roster.arrive(PROCESSES, places);
    }
    let now = Instant::now();
    for WorkersJob {
        id,
        worker,
        given,
        request,
    } in left
    {
        let job = Job { id, request, given };
        roster.expect(job, &worker, now);
    }
    roster
}
