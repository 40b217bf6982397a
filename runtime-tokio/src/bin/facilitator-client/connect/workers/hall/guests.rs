//! What workers on the socket want of the hall: to come and go, to speak of their jobs, to hear what becomes of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use facilitator_tokio::core::client::{Receipt, SendError};
use facilitator_tokio::core::message::{JobStatus, parse_uuid};

use super::{Hall, State};
use crate::connect::workers::roster::{Holder, Job, Roster};
use crate::connect::workers::settling;
use crate::connect::workers::socket::{Mail, MailBox};
use crate::connect::workers::telling::Telling;

/// A worker that is connected.
pub(super) struct Present {
    connection: u64,
    pub(super) mail: MailBox,
}

/// A worker's presence, given back when it leaves.
#[derive(Debug)]
pub(in crate::connect::workers) struct Presence {
    pub(in crate::connect::workers) worker: Arc<str>,
    connection: u64,
}

/// Why a worker is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::connect::workers) enum Refusal {
    /// One of its name is here.
    NameTaken,
    /// Jobs are for processes here.
    NoJobs,
    /// The program stops.
    Stopping,
}

impl Hall {
    /// Takes a worker in. Its jobs from before are in its mail behind `welcome`, before any others.
    pub(in crate::connect::workers) fn arrive(
        &self,
        name: &str,
        places: usize,
        mail: MailBox,
        welcome: impl FnOnce(&[Job]) -> Mail,
    ) -> Result<Presence, Refusal> {
        let mut state = self.lock();
        if state.workers.contains_key(name) {
            return Err(Refusal::NameTaken);
        }
        // Who has left its jobs may end them.
        if state.stopping && !state.roster.waits_for(name) {
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
        if state.stopping {
            mail.push(Mail::of(&Telling::Stopping {}));
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
    pub(in crate::connect::workers) fn resize(
        &self,
        presence: &Presence,
        places: usize,
    ) -> Result<(), Refusal> {
        if places > 0 && self.0.manner.is_some() {
            return Err(Refusal::NoJobs);
        }
        let mut state = self.lock();
        state.roster.resize(&presence.worker, places);
        self.assign(&mut state);
        Ok(())
    }

    /// A worker has gone away. Its jobs wait for its return.
    pub(in crate::connect::workers) fn depart(&self, presence: &Presence, reason: &str) {
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
    pub(in crate::connect::workers) fn may_speak(
        &self,
        presence: Option<&Presence>,
        uuid: &str,
    ) -> bool {
        may_have(&self.lock().roster, presence, uuid)
    }

    /// A worker goes on with a job that another process has received. The job of one without a name is nobody's here.
    /// Returns whether it may: not with another worker's.
    pub(in crate::connect::workers) fn adopt(
        &self,
        presence: Option<&Presence>,
        uuid: &str,
        time_left: Duration,
    ) -> Result<bool, SendError> {
        // Whoever is told that its time is over waits for this.
        let mut state = self.lock();
        if state.stopping {
            return Err(SendError::Stopping);
        }
        // Two may want the same one at the same time.
        if !may_have(&state.roster, presence, uuid) {
            return Ok(false);
        }
        self.0.client.adopt_job(uuid, time_left)?;
        if let (Some(own), Some(id)) = (presence, parse_uuid(uuid))
            && state.roster.adopt(id, &own.worker)
        {
            let worker = &*own.worker;
            self.0.news.tell(&Telling::JobAssigned { uuid, worker });
            self.change();
        }
        Ok(true)
    }

    /// The session has accepted a status from a worker.
    pub(in crate::connect::workers) fn note(&self, uuid: &str, status: JobStatus) {
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

    /// What a worker has said has met its fate. Ends its job if that was a last status which did not arrive, and tells the
    /// worker, where it is here.
    pub(in crate::connect::workers) async fn settle(&self, receipt: &Receipt, worker: &str) {
        let ended = settling::settle(&self.0.client, &self.0.news, receipt).await;
        if let Some(uuid) = ended {
            self.lock().tell(worker, &settling::told(&uuid.to_string()));
        }
    }
}

impl State {
    /// Tells a worker, if it is here.
    pub(super) fn tell(&self, worker: &str, line: &impl serde::Serialize) {
        if let Some(present) = self.workers.get(worker) {
            present.mail.push(Mail::of(line));
        }
    }

    /// Tells all workers.
    pub(super) fn tell_all(&self, line: &impl serde::Serialize) {
        let mail = Mail::of(line);
        for present in self.workers.values() {
            present.mail.push(mail.clone());
        }
    }
}

/// Whether a job may be spoken of by this worker, or by one without a name: it is its own, or no worker's.
fn may_have(roster: &Roster, presence: Option<&Presence>, uuid: &str) -> bool {
    let Some(id) = parse_uuid(uuid) else {
        return true;
    };
    match roster.holder(id) {
        Holder::Nobody => true,
        Holder::Waiting => false,
        Holder::Worker(worker) => presence.is_some_and(|own| own.worker == worker),
    }
}
