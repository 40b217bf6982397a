//! The reference model of a session: what it owes, which jobs it has, where its connection stands. It learns from what
//! the session was told and from what it put out, one output after the other, and predicts what the application may
//! be answered. Plain, slow and obvious; written from the design's promises, not from the session's code.

mod parts;
mod predict;

use std::collections::BTreeMap;
use std::time::Duration;

use facilitator_core::client::{
    Config, DeclineReason, Event, Health, LostReason, OnSignatureInvalid, Outcome, Output, Phase,
    Receipt, Refusal, Subject,
};
use facilitator_core::message::{JobStatus, V0JobStatusUpdate};
use facilitator_core::{ConnectionId, Frame, Timestamp};

pub use self::parts::{Blame, Entry, Job, Key, Lane, Link, Standing};
pub use self::predict::Predicted;

use super::said::{Said, name, number};

/// The limits of a job request, all of them together.
const REQUESTED: Duration = Duration::from_secs(4);

/// The model.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// How the session is configured.
    pub config: Config,
    /// The latest time that it was told.
    pub now: Timestamp,
    /// Owed statuses.
    pub statuses: Lane,
    /// Owed specs.
    pub specs: Lane,
    /// Every job that it ever had.
    pub jobs: BTreeMap<u32, Job>,
    /// Jobs that have ended, so many times.
    pub ends: usize,
    /// Numbers whose receipt is due with the outputs of now: of what was delivered before, or shared the fate of
    /// another.
    pub due: Vec<(u64, Key)>,
    /// The last number that was given out.
    pub last_id: u64,
    /// What was handed back and not yet told as the end.
    pub handed_back: Vec<u64>,
    /// The connection.
    pub link: Link,
    /// The newest connection's number.
    pub last_connection: u64,
    /// Frames written on it.
    pub frames: u64,
    /// While stopping: until when at the latest.
    pub draining: Option<Timestamp>,
    /// Whether it was ever started.
    pub started_before: bool,
    /// Whether everybody is trusted.
    pub trusting: bool,
    /// Failures since the backoff was reset.
    pub failures: u32,
    /// What the attempts since the last good connection have shown.
    pub standing: Standing,
    /// Whether the session ends by itself: its signature was called invalid, and it shall not try again.
    pub gives_up: bool,
    /// When anything was last heard, or, when it is later, when the session was ticked too late to notice.
    pub heard: Timestamp,
    /// When the last heartbeat was written.
    pub beat: Timestamp,
    /// Since when the oldest unanswered status waits for its answer.
    pub waiting_since: Option<Timestamp>,
    /// The job that the output before has declined without an answer.
    no_room_for: Option<u32>,
}

impl Ledger {
    /// Of a session that was never started.
    pub fn new(config: Config, trusting: bool) -> Self {
        Self {
            config,
            now: Timestamp::ZERO,
            statuses: Lane::default(),
            specs: Lane::default(),
            jobs: BTreeMap::new(),
            ends: 0,
            due: Vec::new(),
            last_id: 0,
            handed_back: Vec::new(),
            link: Link::Down,
            last_connection: 0,
            frames: 0,
            draining: None,
            started_before: false,
            trusting,
            failures: 0,
            standing: Standing::Good,
            gives_up: false,
            heard: Timestamp::ZERO,
            beat: Timestamp::ZERO,
            waiting_since: None,
            no_room_for: None,
        }
    }

    /// The current connection, once it stands.
    pub fn connection(&self) -> Option<ConnectionId> {
        match self.link {
            Link::Authenticating(conn, _) | Link::Ready(conn, _) | Link::Closing(conn, _) => {
                Some(conn)
            }
            Link::Down | Link::Waiting(_) | Link::Connecting(..) => None,
        }
    }

    /// Whether messages flow.
    pub fn is_ready(&self) -> bool {
        matches!(self.link, Link::Ready(..))
    }

    /// Jobs that were taken on and have no terminal status.
    pub fn open_jobs(&self) -> usize {
        self.open().count()
    }

    /// Their numbers.
    pub fn open(&self) -> impl Iterator<Item = u32> {
        self.jobs
            .iter()
            .filter(|(_, job)| job.terminal.is_none())
            .map(|(number, _)| *number)
    }

    /// Slots of the outbox that are taken, or kept for a terminal status.
    pub fn taken(&self) -> usize {
        let shared: usize = self
            .statuses
            .entries
            .iter()
            .map(|entry| entry.shared.len())
            .sum();
        self.statuses.entries.len() + self.open_jobs() + shared
    }

    /// How the session should say that it is.
    pub fn health(&self) -> Health {
        match (self.link, self.standing) {
            (Link::Down, _) => Health::Stopped,
            _ if self.draining.is_some() => Health::Stopping,
            (Link::Ready(..), _) => Health::Connected,
            (_, Standing::Good) => Health::Starting,
            (_, Standing::Troubled) => Health::Degraded,
            (_, Standing::Refused) => Health::Refused,
        }
    }

    /// When the next open job must have ended.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let open = self.jobs.values().filter(|job| job.terminal.is_none());
        open.map(|job| job.deadline).min()
    }

    /// The bytes owed, and whether some are unknown.
    pub fn bytes(&self) -> (usize, bool) {
        let (statuses, specs) = (self.statuses.bytes(), self.specs.bytes());
        (statuses.0 + specs.0, statuses.1 || specs.1)
    }

    /// Whether the session may have forgotten an ended job: so many have ended since.
    pub fn is_forgettable(&self, job: u32) -> bool {
        self.jobs.get(&job).is_some_and(|job| {
            job.terminal.is_some()
                && job
                    .ended
                    .is_some_and(|ended| self.ends - ended >= self.config.ended_jobs)
        })
    }

    /// The entry of this frame of the current connection.
    pub fn sent_as(&self, index: u64) -> Option<&Entry> {
        let lanes = [&self.statuses, &self.specs];
        let mut entries = lanes.into_iter().flat_map(|lane| &lane.entries);
        entries.find(|entry| entry.sent == Some(index))
    }

    /// A job was taken up.
    pub fn adopt(&mut self, job: u32, time_left: Duration) {
        self.jobs.entry(job).or_default().deadline = self.now + time_left;
    }

    /// The session has ended, and another one takes over. What was owed comes in anew; times are kept in milliseconds.
    pub fn restart(&mut self) {
        let now = self.now;
        for job in self.jobs.values_mut() {
            let left = job.deadline.saturating_duration_since(now).as_millis();
            job.deadline = now + Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX));
        }
        self.last_connection = 0;
        self.last_id = 0;
        self.started_before = false;
        self.trusting = true;
    }

    /// A message was accepted.
    pub fn accept(&mut self, id: u64, key: Key, how: Predicted, text: String) {
        self.last_id = self.last_id.max(id);
        match how {
            Predicted::Queued => {
                let limit = self.config.adopted_job_limit;
                self.queue(key, Some(id), Some(text), limit);
            }
            Predicted::Shared => {
                let mut entries = self.statuses.entries.iter_mut();
                if let Some(entry) = entries.find(|entry| entry.key == key) {
                    entry.shared.push(id);
                }
            }
            Predicted::Known => self.due.push((id, key)),
            Predicted::Refused(_) => {}
        }
    }

    /// A message of an earlier session comes in.
    pub fn put_in(&mut self, id: Option<u64>, key: Key, text: Option<String>) {
        self.queue(key, id, text, self.config.adopted_job_limit);
    }

    /// A job that is not known has so much time to end.
    fn queue(&mut self, key: Key, id: Option<u64>, text: Option<String>, limit: Duration) {
        let entry = Entry {
            key,
            id,
            shared: Vec::new(),
            text,
            sent: None,
            breaks: 0,
            doubts: 0,
        };
        match key {
            Key::Status(job, status) => {
                let deadline = self.now + limit;
                if self.is_forgettable(job) {
                    self.forget(job, deadline);
                }
                let known = self.jobs.contains_key(&job);
                let job = self.jobs.entry(job).or_default();
                if !known {
                    job.deadline = deadline;
                }
                job.given.push(status);
                if status.is_terminal() {
                    job.terminal = Some(status);
                }
                self.statuses.entries.push(entry);
            }
            Key::Specs(_) => self.specs.entries.push(entry),
        }
    }

    /// A job that was forgotten begins anew; what the facilitator has of it stays.
    fn forget(&mut self, job: u32, deadline: Timestamp) {
        if let Some(job) = self.jobs.get_mut(&job) {
            *job = Job {
                given: std::mem::take(&mut job.given),
                undone: job.undone + 1,
                deadline,
                ..Job::default()
            };
        }
    }

    /// The session has put something out.
    pub fn absorb(&mut self, output: &Output) {
        let no_room_for = self.no_room_for.take();
        match output {
            Output::Connect(conn, _) => {
                self.last_connection = conn.0;
                self.link = Link::Connecting(*conn, self.now);
                self.frames = 0;
            }
            Output::Transmit(conn, frame) => self.transmitted(*conn, frame),
            Output::Disconnect(conn, Some(_)) => self.link = Link::Closing(*conn, self.now),
            Output::Event(event) => self.told(event, no_room_for),
            _ => {}
        }
    }

    fn transmitted(&mut self, conn: ConnectionId, frame: &Frame) {
        let index = self.frames;
        self.frames += 1;
        let Frame::Text(text) = frame else { return };
        let (lane, key) = match Said::read(text) {
            Some(Said::Authentication) => {
                self.link = Link::Authenticating(conn, self.now);
                self.heard = self.now;
                return;
            }
            Some(Said::Heartbeat) => {
                if !self.is_ready() {
                    self.standing = Standing::Good;
                    self.link = Link::Ready(conn, self.now);
                    self.heard = self.now;
                }
                self.beat = self.now;
                return;
            }
            Some(Said::Status(job, status)) => (&mut self.statuses, Key::Status(job, status)),
            Some(Said::Specs(batch)) => (&mut self.specs, Key::Specs(batch)),
            None => return,
        };
        let mut entries = lane.entries.iter_mut();
        let entry = entries.find(|entry| entry.sent.is_none() && entry.key == key);
        if let Some(entry) = entry {
            entry.sent = Some(index);
            entry.text.get_or_insert_with(|| text.to_string());
        }
        if matches!(key, Key::Status(..)) {
            self.waiting_since.get_or_insert(self.now);
        }
    }

    fn told(&mut self, event: &Event, no_room_for: Option<u32>) {
        match event {
            Event::Phase(change) => match (change.phase, self.link) {
                (Phase::Waiting, _) => {
                    self.link = Link::Waiting(change.next_attempt);
                    self.failures = self.failures.saturating_add(1);
                }
                // Stopping is no news of the connection, unless it was closing.
                (Phase::Draining, Link::Closing(..)) => self.link = Link::Waiting(None),
                _ => {}
            },
            Event::ConnectionLost { reason, .. } => self.lost(reason),
            Event::JobRequested(request) => {
                if let Some(job) = number(&request.uuid) {
                    let text = V0JobStatusUpdate::new(name(job), JobStatus::Received).encode();
                    let limit = REQUESTED + self.config.job_margin;
                    let key = Key::Status(job, JobStatus::Received);
                    self.queue(key, None, Some(text), limit);
                    if let Some(job) = self.jobs.get_mut(&job) {
                        job.requests += 1;
                    }
                }
            }
            Event::JobDeclined { uuid, reason } => match (number(uuid), reason) {
                (Some(job), DeclineReason::Busy | DeclineReason::Stopping) => {
                    self.queue(
                        Key::Status(job, JobStatus::Rejected),
                        None,
                        None,
                        Duration::ZERO,
                    );
                }
                (job, DeclineReason::OutboxFull) => self.no_room_for = job,
                _ => {}
            },
            Event::JobRefused { request, .. } => {
                let job = number(&request.uuid);
                if let Some(job) = job
                    && no_room_for != Some(job)
                {
                    self.queue(
                        Key::Status(job, JobStatus::Rejected),
                        None,
                        None,
                        Duration::ZERO,
                    );
                }
            }
            Event::JobOverdue { uuid } => {
                if let Some(job) = number(&uuid.to_string()) {
                    let key = Key::Status(job, JobStatus::HordeFailed);
                    self.queue(key, None, None, Duration::ZERO);
                }
            }
            Event::Receipt(receipt) => self.receipt(receipt),
            Event::Stopped { .. } => {
                self.link = Link::Down;
                self.draining = None;
                self.gives_up = false;
                self.waiting_since = None;
                self.handed_back.clear();
            }
            _ => {}
        }
    }

    fn lost(&mut self, reason: &LostReason) {
        if let Link::Ready(_, since) = self.link
            && self.now.saturating_duration_since(since) >= self.config.backoff_reset_after
        {
            self.failures = 0;
        }
        self.standing = self.standing.after(reason);
        let invalid = LostReason::AuthenticationRefused(Refusal::SignatureInvalid);
        self.gives_up =
            *reason == invalid && self.config.on_signature_invalid == OnSignatureInvalid::Stop;
        let blame = Blame::of(reason);
        self.statuses.broken(blame);
        self.specs.broken(blame);
        self.waiting_since = None;
        self.link = Link::Waiting(None);
    }

    /// Which lane and place a receipt is about, when it is about an owed message itself.
    pub fn find(&self, receipt: &Receipt) -> Option<(&Lane, usize)> {
        let key = Key::of(&receipt.subject)?;
        let lane = match key {
            Key::Status(..) => &self.statuses,
            Key::Specs(_) => &self.specs,
        };
        let id = receipt.id.as_u64();
        let place = lane.entries.iter().position(|entry| {
            entry.key == key && entry.id.map_or(receipt.automatic, |known| known == id)
        })?;
        Some((lane, place))
    }

    fn receipt(&mut self, receipt: &Receipt) {
        let id = receipt.id.as_u64();
        self.last_id = self.last_id.max(id);
        let Some((_, place)) = self.find(receipt) else {
            self.due.retain(|(due, _)| *due != id);
            return;
        };
        let lane = match receipt.subject {
            Subject::JobStatus { .. } => &mut self.statuses,
            Subject::MachineSpecs { .. } => &mut self.specs,
        };
        let entry = lane.entries.remove(place);
        match receipt.outcome {
            Outcome::SetAside(_) => lane.set_aside = true,
            Outcome::HandedBack(_) => self.handed_back.push(id),
            _ => {}
        }
        self.due
            .extend(entry.shared.iter().map(|id| (*id, entry.key)));
        if let Key::Status(job, status) = entry.key {
            let unanswered = self.statuses.in_flight() > 0;
            self.waiting_since = unanswered.then_some(self.now);
            self.settle(job, status, receipt);
        }
    }

    fn settle(&mut self, job: u32, status: JobStatus, receipt: &Receipt) {
        let outcome = &receipt.outcome;
        let Some(job) = self.jobs.get_mut(&job) else {
            return;
        };
        // What does not exist is over, too: no other status would be stored.
        let unknown = matches!(outcome, Outcome::Refused(errors)
            if errors.first().is_some_and(|error| error.kind == "job.not_found"));
        // And so is what refuses the session's own words: it has no others.
        let refused = matches!(outcome, Outcome::Refused(_) | Outcome::SetAside(_));
        let lost = unknown || (refused && receipt.automatic);
        if outcome.is_delivered() {
            job.delivered.push(status);
        }
        if job.terminal == Some(status) {
            if outcome.is_delivered() || lost {
                self.ends += 1;
                job.lost = lost;
                job.ended.get_or_insert(self.ends);
            } else {
                job.terminal = None;
                job.undone += 1;
            }
        }
    }
}
