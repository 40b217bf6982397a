//! The reference model of a session: what it owes, which jobs it has, where its connection stands. It learns from what
//! the session was told and from what it put out, one output after the other, and predicts what the application may
//! be answered. Plain, slow and obvious; written from the design's promises, not from the session's code.

use std::collections::BTreeMap;
use std::time::Duration;

use facilitator_core::client::{
    Config, ConnectFailureKind, DeclineReason, Event, Health, LostReason, OnSignatureInvalid,
    Outcome, Output, Phase, Receipt, Refusal, Subject,
};
use facilitator_core::message::{JobStatus, V0JobStatusUpdate};
use facilitator_core::{ConnectionId, Frame, Timestamp};

use super::said::{Said, name, number};

/// The limits of a job request, all of them together.
const REQUESTED: Duration = Duration::from_secs(4);

/// What an owed message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A status of a job.
    Status(u32, JobStatus),
    /// The specs of a batch.
    Specs(u32),
}

impl Key {
    /// What a receipt is about.
    pub fn of(subject: &Subject) -> Option<Self> {
        match subject {
            Subject::JobStatus { uuid, status } => {
                Some(Self::Status(number(&uuid.to_string())?, *status))
            }
            Subject::MachineSpecs { batch_id } => Some(Self::Specs(number(&batch_id.to_string())?)),
        }
    }
}

/// An owed message.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is.
    pub key: Key,
    /// Its number; the session's own messages have one that only their receipt tells.
    pub id: Option<u64>,
    /// Numbers of the same status, given again while this one is on its way.
    pub shared: Vec<u64>,
    /// Its text, as far as it is known.
    pub text: Option<String>,
    /// Its place among the frames of the current connection, once it was sent there.
    pub sent: Option<u64>,
    /// How often it was the oldest unanswered one when a connection broke for which it may be blamed.
    pub breaks: u32,
    /// The same, with the ends where blaming it is allowed and not required.
    pub doubts: u32,
}

/// One kind of owed messages, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    /// Them.
    pub entries: Vec<Entry>,
    /// Whether one was set aside since the last break.
    pub set_aside: bool,
}

impl Lane {
    /// Those that are unanswered on the current connection.
    pub fn in_flight(&self) -> usize {
        self.entries
            .iter()
            .filter(|entry| entry.sent.is_some())
            .count()
    }

    /// The bytes owed, and whether some are unknown.
    fn bytes(&self) -> (usize, bool) {
        let known = |entry: &Entry| entry.text.as_ref().map(String::len);
        let sum = self.entries.iter().filter_map(known).sum();
        (sum, self.entries.iter().any(|entry| entry.text.is_none()))
    }

    fn broken(&mut self, blame: Blame) {
        let oldest = self
            .entries
            .first_mut()
            .filter(|entry| entry.sent.is_some() && !self.set_aside);
        if let Some(oldest) = oldest {
            oldest.breaks += u32::from(blame == Blame::Oldest);
            oldest.doubts += u32::from(blame != Blame::Nobody);
        }
        self.set_aside = false;
        for entry in &mut self.entries {
            entry.sent = None;
        }
    }
}

/// A job.
#[derive(Clone, Debug, Default)]
pub struct Job {
    /// The statuses that were accepted, in the order in which they were given.
    pub given: Vec<JobStatus>,
    /// Those that the facilitator has, by its own word.
    pub delivered: Vec<JobStatus>,
    /// The terminal status that it was given.
    pub terminal: Option<JobStatus>,
    /// How often the application was asked to run it.
    pub requests: u32,
    /// Terminal statuses that were taken back: refused, set aside, handed back; and lives that were forgotten.
    pub undone: u32,
    /// Whether its terminal status was refused since the facilitator did not know the job, at that time.
    pub lost: bool,
    /// How many jobs had ended when it first ended.
    pub ended: Option<usize>,
    /// When it must have ended.
    pub deadline: Timestamp,
}

/// Whose fault the end of a connection can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The oldest unanswered message of each lane.
    Oldest,
    /// The same, or nobody.
    Doubtful,
    /// Nobody.
    Nobody,
}

impl Blame {
    /// Whom the design blames. A close whose code names another cause (going away, restart, try again later, a
    /// disconnect that the facilitator wants) blames nobody, and neither does what the session understands.
    pub fn of(reason: &LostReason) -> Self {
        match reason {
            LostReason::Closed(Some(close))
                if [1001, 1012, 1013, 3000, 3001].contains(&close.code) =>
            {
                Self::Nobody
            }
            LostReason::Closed(_)
            | LostReason::EndOfStream
            | LostReason::Io(_)
            | LostReason::Protocol(_)
            | LostReason::PongTimeout
            | LostReason::AcknowledgementTimeout => Self::Oldest,
            LostReason::AmbiguousResponse(_) => Self::Doubtful,
            _ => Self::Nobody,
        }
    }
}

/// What attempts have shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing bad.
    Good,
    /// They fail.
    Troubled,
    /// The facilitator does not accept who we are.
    Refused,
}

impl Standing {
    /// After a loss: a refusal is not forgotten over a broken network.
    fn after(self, reason: &LostReason) -> Self {
        let refused = match reason {
            LostReason::AuthenticationRefused(refusal) => *refusal == Refusal::SignatureInvalid,
            LostReason::ConnectFailed(failure) => {
                matches!(failure.kind, ConnectFailureKind::Http { status: 401 | 403 })
            }
            _ => false,
        };
        if refused || self == Self::Refused {
            Self::Refused
        } else {
            Self::Troubled
        }
    }
}

/// Where the connection stands, as far as the session's outputs tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The session does not run.
    Down,
    /// Until the next attempt; the time is told with the phase, which a session that is stopping does not change.
    Waiting(Option<Timestamp>),
    /// An attempt.
    Connecting(ConnectionId, Timestamp),
    /// The authentication was written.
    Authenticating(ConnectionId, Timestamp),
    /// The first heartbeat was written.
    Ready(ConnectionId, Timestamp),
    /// The session has closed.
    Closing(ConnectionId, Timestamp),
}

/// What an application's call should lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predicted {
    /// It is queued.
    Queued,
    /// It shares what is on its way.
    Shared,
    /// It has been delivered before.
    Known,
    /// It is refused, with the error of this name.
    Refused(&'static str),
}

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

    fn refuses_all(&self) -> Option<&'static str> {
        match (self.link, self.draining) {
            (Link::Down, _) if self.started_before => Some("Stopped"),
            (Link::Down, _) => Some("NotStarted"),
            (_, Some(_)) => Some("Stopping"),
            (_, None) => None,
        }
    }

    fn has_room(&self, more: usize) -> bool {
        self.taken() + more <= self.config.outbox_entries
    }

    fn has_bytes(&self, more: usize) -> bool {
        self.bytes().0 + more <= self.config.outbox_bytes
    }

    /// What giving a status should lead to. `bad` is what the door should say of it.
    pub fn predict_status(
        &self,
        job: u32,
        status: JobStatus,
        bytes: usize,
        bad: Option<&'static str>,
    ) -> Predicted {
        if let Some(error) = self.refuses_all().or(bad) {
            return Predicted::Refused(error);
        }
        if bytes > self.config.message_bytes {
            return Predicted::Refused("TooLarge");
        }
        let known = self.jobs.get(&job);
        if known
            .and_then(|job| job.terminal)
            .is_some_and(|ended| ended != status)
        {
            return Predicted::Refused("JobEnded");
        }
        if known.is_some_and(|job| job.delivered.contains(&status)) {
            return Predicted::Known;
        }
        let underway = |entry: &Entry| entry.key == Key::Status(job, status);
        if self.statuses.entries.iter().any(underway) {
            return if self.has_room(1) {
                Predicted::Shared
            } else {
                Predicted::Refused("Full")
            };
        }
        let open = known.is_some_and(|job| job.terminal.is_none());
        if !(open && status.is_terminal()) {
            let reserves = known.is_none() && !status.is_terminal();
            if !self.has_room(1 + usize::from(reserves)) {
                return Predicted::Refused("Full");
            }
            if !self.has_bytes(bytes) {
                return Predicted::Refused("FullBytes");
            }
        }
        let full = self.open_jobs() >= self.config.open_jobs;
        if known.is_none() && !status.is_terminal() && full {
            return Predicted::Refused("TooManyJobs");
        }
        Predicted::Queued
    }

    /// What giving specs should lead to.
    pub fn predict_specs(&self, bytes: usize, bad: Option<&'static str>) -> Predicted {
        let refused = if let Some(error) = self.refuses_all().or(bad) {
            error
        } else if bytes > self.config.message_bytes {
            "TooLarge"
        } else if self.specs.entries.len() >= self.config.specs_entries {
            "Full"
        } else if !self.has_bytes(bytes) {
            "FullBytes"
        } else {
            return Predicted::Queued;
        };
        Predicted::Refused(refused)
    }

    /// What taking up a job should lead to.
    pub fn predict_adoption(&self, job: u32) -> Predicted {
        let known = self.jobs.get(&job);
        let refused = if let Some(error) = self.refuses_all() {
            error
        } else if known.is_some_and(|job| job.terminal.is_some()) {
            "JobEnded"
        } else if known.is_some() {
            return Predicted::Known;
        } else if self.open_jobs() >= self.config.open_jobs {
            "TooManyJobs"
        } else if !self.has_room(1) {
            "Full"
        } else {
            return Predicted::Queued;
        };
        Predicted::Refused(refused)
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

    /// What should be told of a job request that is heard now: event names. Nothing when more than one answer is right.
    pub fn predict_request(&self, job: u32) -> Option<&'static [&'static str]> {
        // How long the session's own words are is not known.
        let words = 1000;
        if self.is_forgettable(job) || self.config.message_bytes < words || !self.has_bytes(words) {
            return None;
        }
        Some(if self.jobs.contains_key(&job) {
            &["Duplicate"]
        } else if matches!(self.link, Link::Closing(..)) {
            &["Closing"]
        } else if !self.trusting {
            if self.has_room(1) {
                &["Refused"]
            } else {
                &["OutboxFull", "Refused"]
            }
        } else if self.draining.is_some() {
            if self.has_room(1) {
                &["Stopping"]
            } else {
                &["OutboxFull"]
            }
        } else if self.open_jobs() < self.config.open_jobs && self.has_room(2) {
            &["Requested"]
        } else if self.has_room(1) {
            &["Busy"]
        } else {
            &["OutboxFull"]
        })
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

    /// The least and the greatest delay that the policy allows after this loss, as the next failure in a row.
    pub fn allowed_delay(&self, reason: &LostReason) -> (Duration, Duration) {
        let config = &self.config;
        let doubled = config
            .backoff_initial
            .saturating_mul(2_u32.saturating_pow(self.failures));
        let ceiling = doubled.min(config.backoff_max);
        let minutes = (
            config.refused_delay,
            config.refused_delay + config.refused_delay / 5,
        );
        match reason {
            LostReason::ConnectFailed(failure) => match (failure.kind, failure.retry_after) {
                // Not less than for any other refusal.
                (ConnectFailureKind::Http { status: 401 | 403 }, asked)
                    if asked.is_none_or(|asked| asked < config.refused_delay) =>
                {
                    minutes
                }
                (_, Some(asked)) => {
                    let asked = asked.min(config.retry_after_max);
                    (asked, asked.saturating_add(ceiling))
                }
                (_, None) => (Duration::ZERO, ceiling),
            },
            LostReason::AuthenticationRefused(
                Refusal::ValidatorNotFound | Refusal::SignatureInvalid,
            ) => minutes,
            _ => (Duration::ZERO, ceiling),
        }
    }
}
