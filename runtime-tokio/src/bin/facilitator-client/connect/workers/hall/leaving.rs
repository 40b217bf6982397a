//! The way to the end, as the hall sees it: nothing new, then nobody, and what is left for the next start.

use std::sync::Arc;

use facilitator_tokio::core::message::{HordeFailureReason, JobRejectionReason};

use super::{Hall, PROCESSES, State};
use crate::connect::state::{WorkersJob, still_open};
use crate::connect::workers::process::Order;
use crate::connect::workers::roster::Job;
use crate::connect::workers::telling::Telling;

const STOPPED: &str = "the validator stopped before the job had ended";
const ABORTED: &str = "the validator was aborted before the job had ended";

impl Hall {
    /// Takes nothing new: jobs that wait are rejected, workers are told.
    pub(in crate::connect::workers) fn close(&self) {
        let waiting = {
            let mut state = self.lock();
            state.stopping = true;
            let waiting = state.roster.waiting();
            for job in &waiting {
                state.roster.end(job.id);
            }
            state.tell_all(&Telling::Stopping {});
            waiting
        };
        for job in waiting {
            let message = "the validator is stopping";
            self.reject(&job.uuid(), JobRejectionReason::Busy, message);
        }
        self.change();
    }

    /// Waits until no job is worked on any more, but those that go on without us.
    pub(in crate::connect::workers) async fn idle(&self) {
        let mut changes = self.changes();
        // The sender is here.
        while !self.is_idle() && changes.changed().await.is_ok() {}
    }

    fn is_idle(&self) -> bool {
        let state = self.lock();
        let jobs = state.left_to_workers || state.roster.is_empty();
        jobs && state.processes.is_empty()
    }

    /// Ends all processes, and their jobs; and the jobs of workers on the socket, unless those go on without us.
    pub(in crate::connect::workers) fn dismiss(&self) {
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
        if self.0.keeps {
            state.left_to_workers = true;
        } else {
            let jobs = state.of_workers();
            self.end_all(&mut state, jobs, STOPPED);
        }
        self.change();
    }

    /// Ends what [`dismiss`](Self::dismiss) has left, by force.
    pub(in crate::connect::workers) async fn kill(&self) {
        self.dismiss();
        let processes = std::mem::take(&mut self.lock().processes);
        // Each first: while its task runs, it can give its job an end of its own.
        for process in processes.into_values() {
            process.task.abort();
            // With its task, the process is gone.
            let _ = process.task.await;
        }
        let mut state = self.lock();
        let jobs = state.of_processes();
        self.end_all(&mut state, jobs, ABORTED);
        drop(state);
        self.change();
    }

    /// Ends jobs, unless they have been given their end and only its worker is not gone yet.
    fn end_all(&self, state: &mut State, jobs: Vec<(Job, Arc<str>)>, why: &str) {
        if jobs.is_empty() {
            return;
        }
        let open = still_open(&self.0.client);
        for (job, worker) in jobs {
            state.roster.end(job.id);
            let uuid = &*job.uuid();
            if open.contains(&job.id) && self.fail(uuid, HordeFailureReason::GenericError, why) {
                let ended = Telling::ended(uuid, why);
                state.tell(&worker, &ended);
                self.0.news.tell(&ended);
            }
        }
    }

    /// The jobs that workers on the socket go on with.
    pub(in crate::connect::workers) fn left_to_workers(&self) -> Vec<WorkersJob> {
        let left = self.lock().of_workers().into_iter();
        left.map(|(job, worker)| WorkersJob {
            id: job.id,
            worker: worker.to_string(),
            given: job.given,
            request: job.request,
        })
        .collect()
    }
}

impl State {
    fn of_workers(&self) -> Vec<(Job, Arc<str>)> {
        self.held_by(|worker| *worker != *PROCESSES)
    }

    fn of_processes(&self) -> Vec<(Job, Arc<str>)> {
        self.held_by(|worker| *worker == *PROCESSES)
    }

    fn held_by(&self, is_one: impl Fn(&str) -> bool) -> Vec<(Job, Arc<str>)> {
        let jobs = self.roster.jobs();
        jobs.filter_map(|(job, worker)| Some((job.clone(), Arc::clone(worker?))))
            .filter(|(_, worker)| is_one(worker))
            .collect()
    }
}
