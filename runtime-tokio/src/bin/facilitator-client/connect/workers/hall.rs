//! Where jobs and workers meet: it takes jobs from the session, gives each to a process or to a worker on the socket,
//! and ends those that nobody works on. Who gets which is decided in `roster`, how a process is run in `process`, how
//! a worker is spoken with in `socket`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use facilitator_tokio::FacilitatorClient;
use facilitator_tokio::core::client::{Event, SendError};
use facilitator_tokio::core::message::{
    HordeFailureDetails, HordeFailureReason, JobParticipant, JobRejectionDetails,
    JobRejectionReason, JobStatus, V0JobStatusUpdate, V2JobRequest, parse_uuid,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{debug, error, warn};
use uuid::Uuid;

use super::news::News;
use super::process::hook::Hook;
use super::process::{self, Manner, Order};
use super::roster::{Bounds, Due, Holder, Job, Roster};
use super::socket::{Mail, MailBox};
use super::telling::Telling;
use crate::config::Workers;
use crate::connect::events::Line;

/// The worker that stands for all processes. No worker on a socket has an empty name.
const PROCESSES: &str = "";

/// See the module. Clones are the same hall.
#[derive(Clone)]
pub(super) struct Hall(Arc<Shared>);

struct Shared {
    client: FacilitatorClient,
    news: News,
    manner: Option<Manner>,
    hook: Option<Hook>,
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
}

/// A job's process.
struct Process {
    order: watch::Sender<Order>,
    task: JoinHandle<()>,
}

/// A worker that is connected.
struct Present {
    connection: u64,
    mail: MailBox,
}

/// A worker's presence, given back when it leaves.
#[derive(Debug)]
pub(super) struct Presence {
    pub(super) worker: Arc<str>,
    connection: u64,
}

/// Why a worker is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// One of its name is here.
    NameTaken,
    /// Jobs are for processes here.
    NoJobs,
    /// The program stops.
    Stopping,
}

impl Hall {
    pub(super) fn new(
        client: FacilitatorClient,
        settings: &Workers,
        line_bytes: usize,
        keeps: bool,
        news: News,
    ) -> Self {
        let mut roster = Roster::new(Bounds {
            jobs: settings.max_jobs,
            queue_time: settings.queue_time,
            absence: settings.absence,
        });
        let manner = settings.command.clone().map(|command| Manner {
            command,
            margin: settings.margin,
            leeway: settings.leeway,
            grace: settings.grace,
            line_bytes,
        });
        if manner.is_some() {
            let places = match settings.parallel {
                0 => settings.max_jobs,
                places => places,
            };
            roster.arrive(PROCESSES, places);
        }
        let hook = settings.on_cheated.clone();
        Self(Arc::new(Shared {
            client,
            news,
            manner,
            hook: hook.map(|command| Hook::start(command, settings.grace)),
            keeps,
            state: Mutex::new(State {
                roster,
                workers: BTreeMap::new(),
                processes: BTreeMap::new(),
                connections: 0,
                stopping: false,
            }),
            changed: watch::Sender::new(()),
        }))
    }

    pub(super) fn client(&self) -> &FacilitatorClient {
        &self.0.client
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
            Event::JobCheated(report) => {
                let line = Line::CheatReport {
                    uuid: &report.job_uuid,
                    report: &report,
                };
                let Ok(mut text) = serde_json::to_vec(&line) else {
                    return;
                };
                text.push(b'\n');
                if let Some(hook) = &self.0.hook {
                    hook.tell(text.clone());
                }
                let text: Arc<[u8]> = text.into();
                for worker in self.lock().workers.values() {
                    worker.mail.push(Mail::Text(Arc::clone(&text)));
                }
            }
            _ => {}
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
                Some(manner) if *worker == *PROCESSES => self.start(state, manner.clone(), job),
                _ => {
                    let uuid = &job.request.uuid;
                    debug!(?uuid, worker = ?&*worker, "job assigned");
                    self.0.news.tell(&Telling::JobAssigned {
                        uuid,
                        worker: &worker,
                    });
                    if let Some(present) = state.workers.get(&worker) {
                        present.mail.push(Mail::Job {
                            job,
                            resumed: false,
                        });
                    }
                }
            }
        }
    }

    fn start(&self, state: &mut State, manner: Manner, job: Job) {
        let id = job.id;
        let (order, orders) = watch::channel(Order::Work);
        let (client, news) = (self.0.client.clone(), self.0.news.clone());
        let hall = self.clone();
        // It waits for the state at its end, so it is among the processes by then.
        let task = tokio::spawn(async move {
            process::work(client, manner, job, orders, news).await;
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
        let Some(worker) = state.roster.end(id) else {
            return;
        };
        let overdue = Line::JobOverdue {
            uuid: id.to_string(),
        };
        if let (Some(present), Ok(mut text)) =
            (state.workers.get(&worker), serde_json::to_vec(&overdue))
        {
            text.push(b'\n');
            present.mail.push(Mail::Text(text.into()));
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
                    self.reject(&job.request.uuid, JobRejectionReason::Busy, message);
                }
                Due::Unserved { job, .. } => {
                    let reason = JobRejectionReason::NoMinerForJob;
                    self.reject(&job.request.uuid, reason, "no worker is there");
                }
                Due::Abandoned { job, worker } => {
                    warn!(uuid = ?job.request.uuid, worker = ?&*worker, "the worker did not return to its job");
                    self.fail(
                        &job.request.uuid,
                        HordeFailureReason::ExecutorDisconnected,
                        "the job's worker went away and did not return in time",
                    );
                }
            }
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
        warn!(?uuid, %reason, message, "job rejected");
        let details = JobRejectionDetails::new(JobParticipant::Validator, reason, message);
        self.end(V0JobStatusUpdate::new(uuid, JobStatus::Rejected).with_metadata(details));
    }

    fn fail(&self, uuid: &str, reason: HordeFailureReason, message: &str) {
        let details = HordeFailureDetails::new(JobParticipant::Validator, reason, message);
        self.end(V0JobStatusUpdate::new(uuid, JobStatus::HordeFailed).with_metadata(details));
    }

    /// Gives a job its terminal status. There is always room for those.
    fn end(&self, update: V0JobStatusUpdate) {
        let uuid = update.uuid.clone();
        match self.0.client.try_send_job_status(update) {
            // When somebody else was faster, all is well.
            Ok(_) | Err(SendError::JobEnded { .. }) => {}
            Err(error) => error!(?uuid, %error, "the job has no terminal status"),
        }
    }
}

/// What workers on the socket want.
impl Hall {
    /// Takes a worker in. Its jobs from before are in its mail behind `welcome`, before any others.
    pub(super) fn arrive(
        &self,
        name: &str,
        places: usize,
        mail: MailBox,
        welcome: impl FnOnce(&[Job]) -> Mail,
    ) -> Result<Presence, Refusal> {
        let mut state = self.lock();
        if state.stopping {
            return Err(Refusal::Stopping);
        }
        if places > 0 && self.0.manner.is_some() {
            return Err(Refusal::NoJobs);
        }
        let jobs = state
            .roster
            .arrive(name, places)
            .ok_or(Refusal::NameTaken)?;
        self.0.news.tell(&Telling::WorkerJoined {
            worker: name,
            jobs: places,
            resumed: jobs.len(),
        });
        mail.push(welcome(&jobs));
        for job in jobs {
            mail.push(Mail::Job { job, resumed: true });
        }
        state.connections += 1;
        let connection = state.connections;
        let worker: Arc<str> = name.into();
        let present = Present { connection, mail };
        state.workers.insert(Arc::clone(&worker), present);
        self.assign(&mut state);
        self.change();
        Ok(Presence { worker, connection })
    }

    /// A worker takes this many jobs from now on.
    pub(super) fn resize(&self, presence: &Presence, places: usize) -> Result<(), Refusal> {
        if places > 0 && self.0.manner.is_some() {
            return Err(Refusal::NoJobs);
        }
        let mut state = self.lock();
        state.roster.resize(&presence.worker, places);
        self.assign(&mut state);
        Ok(())
    }

    /// A worker has gone away. Its jobs wait for its return.
    pub(super) fn depart(&self, presence: &Presence, reason: &str) {
        let worker = &presence.worker;
        let mut state = self.lock();
        let is_here = |present: &Present| present.connection == presence.connection;
        if !state.workers.get(worker).is_some_and(is_here) {
            return;
        }
        state.workers.remove(worker);
        let jobs = state.roster.depart(worker, Instant::now());
        self.0.news.tell(&Telling::WorkerLeft {
            worker,
            jobs,
            reason,
        });
        self.change();
    }

    /// Whether a worker may speak of this job: it is its own, or nobody's here, and the session knows more.
    pub(super) fn may_speak(&self, presence: Option<&Presence>, uuid: &str) -> bool {
        let Some(id) = parse_uuid(uuid) else {
            return true;
        };
        match self.lock().roster.holder(id) {
            Holder::Nobody => true,
            Holder::Waiting => false,
            Holder::Worker(worker) => presence.is_some_and(|own| own.worker == worker),
        }
    }

    /// The session has accepted a status from a worker.
    pub(super) fn note(&self, uuid: &str, status: JobStatus) {
        let Some(id) = parse_uuid(uuid) else {
            return;
        };
        let mut state = self.lock();
        state.roster.note(id, status);
        if status.is_terminal() {
            state.roster.end(id);
            self.assign(&mut state);
            self.change();
        }
    }
}

/// The way to the end.
impl Hall {
    /// Takes nothing new: jobs that wait are rejected, workers are told.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.stopping = true;
        let waiting = state.roster.waiting();
        for job in &waiting {
            state.roster.end(job.id);
        }
        if let Ok(mut text) = serde_json::to_vec(&Telling::Stopping {}) {
            text.push(b'\n');
            let text: Arc<[u8]> = text.into();
            for worker in state.workers.values() {
                worker.mail.push(Mail::Text(Arc::clone(&text)));
            }
        }
        drop(state);
        for job in waiting {
            let message = "the validator is stopping";
            self.reject(&job.request.uuid, JobRejectionReason::Busy, message);
        }
        self.change();
    }

    /// Waits until no job is worked on any more.
    pub(super) async fn idle(&self) {
        let mut changes = self.changes();
        // The sender is here.
        while !self.is_idle() && changes.changed().await.is_ok() {}
    }

    fn is_idle(&self) -> bool {
        let state = self.lock();
        state.roster.is_empty() && state.processes.is_empty()
    }

    /// Ends all processes, and their jobs; and the jobs of workers on the socket, unless those go on without us.
    pub(super) fn dismiss(&self) {
        let mut state = self.lock();
        for process in state.processes.values() {
            process.order.send_if_modified(|order| {
                let works = *order == Order::Work;
                if works {
                    *order = Order::Stop;
                }
                works
            });
        }
        let of_workers: Vec<Job> = state
            .roster
            .jobs()
            .filter(|(job, _)| !state.processes.contains_key(&job.id))
            .map(|(job, _)| job.clone())
            .collect();
        for job in of_workers {
            state.roster.end(job.id);
            if !self.0.keeps {
                let message = "the validator stopped before the job had ended";
                let reason = HordeFailureReason::GenericError;
                self.fail(&job.request.uuid, reason, message);
            }
        }
        self.change();
    }

    /// Ends what [`dismiss`](Self::dismiss) has left, by force.
    pub(super) async fn kill(&self) {
        self.dismiss();
        let processes = {
            let mut state = self.lock();
            let processes = std::mem::take(&mut state.processes);
            let jobs: Vec<Job> = state.roster.jobs().map(|(job, _)| job.clone()).collect();
            for job in jobs {
                state.roster.end(job.id);
                let message = "the validator was aborted before the job had ended";
                self.fail(&job.request.uuid, HordeFailureReason::GenericError, message);
            }
            processes
        };
        for process in processes.into_values() {
            process.task.abort();
            // With its task, the process is gone.
            let _ = process.task.await;
        }
        self.change();
    }
}
