//! Applications and operators at work: jobs are pushed, worked on and reported, clients are started and stopped.

use std::collections::VecDeque;

use facilitator_core::client::{FacilitatorClient, SendError};
use facilitator_core::message::{
    JobStatus, JobStatusMetadata, Json, JsonMap, MinerResponse, V0JobStatusUpdate,
};
use facilitator_core::signature::sign_job_request;

use super::World;
use super::job::JobId;
use super::node::Report;
use super::queue::{Nanos, nanos, timestamp};
use super::step::Occurrence;
use super::verdict::Promise;
use super::worker::{Mood, Work};

/// How long an application waits before it tries again what had no room.
const RETRY: Nanos = 1_000_000_000;

/// When the jobs of a world were signed: they are of any age.
const SIGNED_AT: u64 = 1_700_000_000_000_000_000;

impl World {
    /// The facilitator of this client pushes a job to it. Returns the job, or `None` when there is no such client, or
    /// its facilitator does not know it at the moment.
    pub fn push_job(&mut self, client: usize) -> Option<JobId> {
        let client = u32::try_from(client).ok()?;
        let (host, account) = {
            let node = self.nodes.get(client as usize)?;
            (node.host, node.account)
        };
        let job = self.new_job(client);
        let mut request = super::job::request(job);
        if let Some(signer) = &self.signer {
            sign_job_request(&mut request, signer, SIGNED_AT);
        }
        let at = self.hosts.get_mut(host as usize)?;
        at.facilitator
            .push_job_to(timestamp(self.now), account, request)
            .ok()?;
        at.jobs.push_back((job, client));
        self.counts.jobs_pushed += 1;
        self.forget_old_jobs(host);
        self.settle_host(host);
        Some(job)
    }

    /// A number for another job, or batch.
    pub(super) fn new_job(&mut self, client: u32) -> JobId {
        self.jobs += 1;
        self.trace.mix(self.jobs ^ u64::from(client) << 32);
        JobId::nth(self.jobs)
    }

    pub(super) fn next_job(&mut self, client: u32) {
        let Some(every) = self.settings.workload.jobs_every.filter(|_| !self.calm) else {
            return;
        };
        self.push_job(client as usize);
        let pause = self.about(nanos(every));
        self.after(pause, Occurrence::Job(client));
    }

    pub(super) fn next_specs(&mut self, client: u32) {
        let Some(every) = self.settings.workload.specs_every.filter(|_| !self.calm) else {
            return;
        };
        let batch = self.new_job(client);
        self.report(client, Report::Specs(batch));
        let pause = self.about(nanos(every));
        self.after(pause, Occurrence::Specs(client));
    }

    /// Between half of it and one and a half.
    fn about(&mut self, time: Nanos) -> Nanos {
        time / 2 + self.chance.u64(0..=time)
    }

    /// A client's workers take a job on.
    pub(super) fn take_on(&mut self, client: u32, job: JobId) {
        let work = Work::new(client, job, &mut self.chance);
        let place = self.works.insert(work);
        if let Some(node) = self.nodes.get_mut(client as usize) {
            node.works += 1;
        }
        self.next_step(place);
    }

    fn next_step(&mut self, place: u32) {
        let pause = self.chance.u64(0..=nanos(self.settings.workload.step));
        self.after(pause, Occurrence::Work(place));
    }

    /// A worker reports, or its supervisor does.
    pub(super) fn work(&mut self, place: u32) {
        let workload = &self.settings.workload;
        let Some(work) = self.works.get_mut(place) else {
            return;
        };
        match work.mood {
            Mood::Well => {}
            Mood::Crashed if work.given_up => {}
            Mood::Crashed => {
                work.given_up = true;
                let pause = nanos(workload.crash_noticed_after);
                return self.after(pause, Occurrence::Work(place));
            }
            Mood::Silent => {
                let (client, job) = (work.client, work.job);
                work.parked = true;
                // It may be over already, and nobody will say so again.
                let node = self.nodes.get(client as usize);
                if node.is_some_and(|node| node.ledger.was_ended(job)) {
                    self.give_up_work(client, job);
                }
                return;
            }
        }
        let (client, job) = (work.client, work.job);
        let (status, last) = work.report();
        if last {
            self.works.remove(place);
            if let Some(node) = self.nodes.get_mut(client as usize) {
                node.works -= 1;
            }
        } else {
            self.next_step(place);
        }
        self.report(client, Report::Status(job, status));
    }

    /// A session has ended a job whose time was over: whatever worked on it may stop.
    pub(super) fn give_up_work(&mut self, client: u32, job: JobId) {
        if let Some(place) = self.works.parked(client, job) {
            self.works.remove(place);
            if let Some(node) = self.nodes.get_mut(client as usize) {
                node.works -= 1;
            }
        }
    }

    /// An application has something to send: behind all that still waits.
    pub(super) fn report(&mut self, client: u32, report: Report) {
        if let Some(node) = self.nodes.get_mut(client as usize) {
            node.backlog.push_back(report);
            self.retry(client);
        }
    }

    /// An application tries again soon what had no room.
    pub(super) fn retry_soon(&mut self, client: u32, pause: Nanos) {
        if let Some(node) = self.nodes.get_mut(client as usize)
            && !node.backlog.is_empty()
            && !node.retry_awaited
        {
            node.retry_awaited = true;
            self.after(pause, Occurrence::Retry(client));
        }
    }

    /// An application hands over what waits, as far as the session takes it. What has no room holds up what comes behind
    /// it of the same job, and nothing else: the end of another job has a place of its own.
    pub(super) fn retry(&mut self, client: u32) {
        let now = self.now;
        let most = self.settings.workload.output;
        let Some(node) = self.nodes.get_mut(client as usize) else {
            return;
        };
        node.retry_awaited = false;
        if !node.wanted || node.backlog.is_empty() {
            return;
        }
        let verdicts = self.verdicts.about(now, client);
        let mut waiting = VecDeque::new();
        for report in std::mem::take(&mut node.backlog) {
            if waiting.iter().any(|other| report.comes_behind(*other)) {
                waiting.push_back(report);
                continue;
            }
            let stamp = node.clock.stamp(now);
            let sent = match report {
                Report::Status(job, status) => {
                    let update = update(job, status, most);
                    node.client.send_job_status(stamp, update).map(|id| {
                        self.counts.statuses += 1;
                        node.ledger
                            .status_accepted(id.as_u64(), job, status, verdicts);
                    })
                }
                Report::Specs(batch) => node
                    .client
                    .send_machine_specs(stamp, "miner", &batch.to_string(), self.specs.clone())
                    .map(|id| node.ledger.specs_accepted(id.as_u64(), batch, verdicts)),
            };
            match sent {
                // Ended already: by its watchdog, or by a repetition.
                Ok(()) | Err(SendError::JobEnded { .. }) => {}
                Err(error) if has_time(&error) => {
                    self.counts.full += u64::from(error.is_full());
                    waiting.push_back(report);
                }
                Err(error) => verdicts.check(Promise::Total, false, || {
                    format!("{report:?} was refused: {error}")
                }),
            }
        }
        node.backlog = waiting;
        let (stats, config) = (node.client.stats(), node.client.config());
        verdicts.check(
            Promise::Bounded,
            // A slot is kept for the end of every open job.
            stats.outbox_length + stats.open_jobs <= config.outbox_entries
                && stats.specs_length <= config.specs_entries
                && stats.outbox_bytes <= config.outbox_bytes,
            || format!("the outbox holds more than it may: {stats:?}"),
        );
        if node.client.is_running() {
            self.retry_soon(client, RETRY);
        }
        self.settle_client(client);
    }

    /// The operator starts a client, or waits until it has stopped.
    pub(super) fn start_client(&mut self, client: u32) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(client as usize) else {
            return;
        };
        if node.client.is_running() {
            // Its stop is still under way.
            if !node.wanted {
                self.after(RETRY, Occurrence::Start(client));
            }
            return;
        }
        node.wanted = true;
        node.watch.started();
        let stamp = node.clock.stamp(now);
        let started = node.client.start(stamp);
        self.verdicts
            .about(now, client)
            .check(Promise::Total, started.is_ok(), || {
                format!("it does not start: {started:?}")
            });
        self.trace
            .note(now, || format!("client {client} is started"));
        self.settle_client(client);
        self.retry(client);
    }

    /// The operator stops a client gracefully, and will start it again.
    pub(super) fn stop_client(&mut self, client: u32, restart_after: Nanos) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(client as usize) else {
            return;
        };
        if !node.wanted || !node.client.is_running() {
            return;
        }
        node.wanted = false;
        node.stops += 1;
        let stop = node.stops;
        let config = node.client.config();
        let deadline = nanos(config.drain_timeout);
        let stamp = node.clock.stamp(now);
        node.watch.stopping(node.clock.moment(now), config);
        let stopped = node.client.stop(stamp);
        self.verdicts
            .about(now, client)
            .check(Promise::Stops, stopped.is_ok(), || {
                format!("it cannot be stopped: {stopped:?}")
            });
        self.trace
            .note(now, || format!("client {client} is told to stop"));
        self.settle_client(client);
        self.after(deadline + 1, Occurrence::StopDeadline { client, stop });
        self.after(restart_after, Occurrence::Start(client));
    }

    /// The operator aborts a client, and will start it again.
    pub(super) fn abort_client(&mut self, client: u32, restart_after: Nanos) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(client as usize) else {
            return;
        };
        if !node.client.is_running() {
            return;
        }
        // A stop that was under way has its start in the queue already.
        let start_again = std::mem::take(&mut node.wanted);
        let stamp = node.clock.stamp(now);
        let aborted = node.client.abort(stamp);
        self.trace
            .note(now, || format!("client {client} is aborted"));
        self.settle_client(client);
        let runs = self
            .nodes
            .get(client as usize)
            .is_some_and(|node| node.client.is_running() || node.link.is_some());
        self.verdicts
            .about(now, client)
            .check(Promise::Stops, aborted.is_ok() && !runs, || {
                format!("it was not aborted: {aborted:?}")
            });
        if start_again {
            self.after(restart_after, Occurrence::Start(client));
        }
    }

    /// The process of a client is replaced by another one, which gets what the first one owed.
    pub(super) fn replace_client(&mut self, client: u32, restart_after: Nanos) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(client as usize) else {
            return;
        };
        if !node.wanted || !node.client.is_running() {
            return;
        }
        // What is handed back goes into the snapshot, not back to the application.
        node.replaced = true;
        let back = node.ledger.back();
        self.abort_client(client, restart_after);
        let Some(node) = self.nodes.get_mut(client as usize) else {
            return;
        };
        node.replaced = false;
        node.clock.slip(0, 0);
        let stamp = node.clock.stamp(now);
        let kept = serde_json::to_string(&node.client.snapshot(stamp));
        let fresh = FacilitatorClient::new(
            node.client.config().clone(),
            &super::key(client as usize),
            self.chance.u64(..),
        );
        let verdicts = self.verdicts.about(now, client);
        let restored = match (&kept, fresh) {
            (Ok(kept), Ok(fresh)) => {
                node.client = fresh;
                node.process += 1;
                node.watch.replaced();
                serde_json::from_str(kept)
                    .map_err(|error| error.to_string())
                    .and_then(|kept| {
                        let restored = node.client.restore(stamp, &kept);
                        restored.map_err(|error| error.to_string())
                    })
            }
            _ => Err("no snapshot, or no session".into()),
        };
        verdicts.check(Promise::NothingLost, restored.is_ok(), || {
            format!("what was owed is not taken by another process: {restored:?}")
        });
        for message in restored.into_iter().flatten() {
            node.ledger.restored(&message, verdicts);
        }
        verdicts.check(Promise::NothingLost, node.ledger.back() == back, || {
            "not all that was handed back was taken by another process".into()
        });
        self.trace
            .note(now, || format!("client {client} is another process"));
        self.settle_client(client);
    }

    /// The operator asks for what makes no sense; nothing may come of it.
    pub(super) fn misuse(&mut self, client: u32) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(client as usize) else {
            return;
        };
        let stamp = node.clock.stamp(now);
        let refused = if node.client.is_running() {
            node.client.start(stamp).is_err()
        } else {
            // An abort of what was restored makes sense: it hands that back.
            let aborts = node.client.owed() == 0;
            node.client.stop(stamp).is_err() && (!aborts || node.client.abort(stamp).is_err())
        };
        self.verdicts
            .about(now, client)
            .check(Promise::Total, refused, || {
                "a start or stop that makes no sense was taken".into()
            });
        self.settle_client(client);
    }

    pub(super) fn check_stop(&mut self, client: u32, stop: u32) {
        let now = self.now;
        let Some(node) = self.nodes.get(client as usize) else {
            return;
        };
        let due = node
            .watch
            .stop_deadline()
            .is_some_and(|deadline| deadline < node.clock.moment(now).shown);
        if node.stops == stop && due {
            self.verdicts
                .about(now, client)
                .check(Promise::Stops, false, || {
                    "the stop has not ended by its deadline".into()
                });
        }
    }

    /// Keeps the record short: what is over, and was long ago, goes.
    fn forget_old_jobs(&mut self, host: u32) {
        let Some(at) = self.hosts.get_mut(host as usize) else {
            return;
        };
        while at.has_many_jobs() {
            let Some((job, client)) = at.jobs.front().copied() else {
                return;
            };
            let Some(node) = self.nodes.get_mut(client as usize) else {
                return;
            };
            if !node.ledger.is_over(job) {
                // It may never have arrived, or take long: the next one may be over before it.
                at.jobs.rotate_left(1);
                return;
            }
            at.jobs.pop_front();
            if let Some(record) = at.facilitator.job(&job.to_string()) {
                let stored: Vec<JobStatus> = record
                    .statuses()
                    .iter()
                    .filter(|stored| stored.conn.is_some())
                    .map(|stored| stored.status)
                    .collect();
                let verdicts = self.verdicts.about(self.now, client);
                node.ledger.compare(job, &stored, verdicts);
            }
            at.forget(job);
            node.ledger.forget(job);
        }
    }
}

/// Whether the same can succeed later.
fn has_time(error: &SendError) -> bool {
    error.is_full()
        || matches!(
            error,
            SendError::TooManyJobs { .. }
                | SendError::NotStarted
                | SendError::Stopped
                | SendError::Stopping
        )
}

/// The update that an application sends for a status: always the same.
fn update(job: JobId, status: JobStatus, most: usize) -> V0JobStatusUpdate {
    let update = V0JobStatusUpdate::new(job.to_string(), status);
    if status != JobStatus::Completed {
        return update;
    }
    let size = job.scattered() % (most + 1);
    update.with_metadata(JobStatusMetadata {
        miner_response: Some(MinerResponse::new("", "x".repeat(size)).into()),
        ..JobStatusMetadata::default()
    })
}

/// Machine specs that the facilitator can read.
pub(super) fn machine_specs() -> JsonMap {
    let json = |text| Json::parse(text).unwrap_or_default();
    [
        ("cpu", json(r#"{"count":8}"#)),
        ("ram", json("{}")),
        ("hard_disk", json("{}")),
    ]
    .into_iter()
    .collect()
}
