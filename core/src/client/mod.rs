//! The validator's side: [`FacilitatorClient`], the session that this project exists for.
//!
//! This file is the only place where the parts meet. It owns no rule of its own: when to try again is `backoff`'s,
//! what is owed is `outbox`'s, what a job was given is `jobs`', what may be sent at all is `door`'s.

mod authentication;
mod backoff;
mod config;
mod door;
mod endpoint;
mod error;
mod event;
mod jobs;
mod keepalive;
mod outbox;
mod phase;
mod responses;
mod stats;
mod timer;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use uuid::Uuid;

pub use self::config::Config;
pub use self::endpoint::{Endpoint, EndpointError};
pub use self::error::{ConfigError, LifecycleError, SendError};
pub use self::event::{
    ConnectFailure, ConnectFailureKind, ConnectRequest, DeclineReason, Disconnected, Event, LostReason, Outcome,
    Output, Owed, PhaseChange, Receipt, Refusal, Subject, Unexpected, UpdateId,
};
pub use self::phase::Phase;
pub use self::stats::Stats;
pub use self::timer::Timer;

use self::authentication::Authenticator;
use self::backoff::{Backoff, Retry};
use self::jobs::{Given, Jobs};
use self::keepalive::Keepalive;
use self::outbox::Outbox;
use self::responses::About;
use self::timer::TimerTable;
use crate::message::{
    FacilitatorMessage, HordeFailureDetails, JobFailureDetails, JobRejectionDetails, JobStatus, JobStatusMetadata,
    MachineSpecs, Participant, RejectionReason, Response, V0JobStatusUpdate, V0MachineSpecsUpdate, V2JobRequest,
    ValidatorMessage,
};
use crate::signature::Keypair;
use crate::{CloseFrame, ConnectionId, Frame, Timestamp};

/// One validator's session with a facilitator, without any IO.
///
/// Its methods are of four kinds:
///
/// - **lifecycle**: [`start`](Self::start), [`stop`](Self::stop), [`abort`](Self::abort);
/// - **application**: `send_*`, `reject_job`, `fail_job`, `fail_horde`;
/// - **inputs** of the driver: `handle_*`;
/// - **outputs** for the driver: [`poll_output`](Self::poll_output), [`poll_timeout`](Self::poll_timeout).
///
/// After any of the first three, drain `poll_output` and then ask `poll_timeout` again; the
/// [crate documentation](crate#the-drive-loop) shows the whole loop. Inputs in between the drain are legal.
///
/// Time is an argument. It never goes backwards: an earlier `now` than the latest counts as the latest.
#[derive(Clone, Debug)]
pub struct FacilitatorClient {
    config: Config,
    authenticator: Authenticator,
    hotkey: String,
    heartbeat: Frame,

    now: Timestamp,
    link: Link,
    /// While a stop is under way: its deadline.
    draining: Option<Timestamp>,
    started_before: bool,
    announced: Phase,
    next_connection: u64,
    /// Frames of ours that the current connection has carried.
    frames_sent: u64,

    timers: TimerTable,
    backoff: Backoff,
    keepalive: Keepalive,
    outbox: Outbox,
    jobs: Jobs,
    outputs: VecDeque<Output>,
    stats: Stats,
}

/// The connection, and what is known of it.
#[derive(Clone, Debug)]
enum Link {
    /// The session does not run.
    Down,
    /// Until the next attempt.
    Waiting { reason: LostReason, next_attempt: Timestamp },
    Connecting(ConnectionId),
    Authenticating(ConnectionId),
    Ready { connection: ConnectionId, since: Timestamp },
    /// The closing handshake, then what comes after it.
    Closing { connection: ConnectionId, then: Then },
}

#[derive(Clone, Debug)]
enum Then {
    Stop,
    Retry(Retry, LostReason),
}

/// Whose fault the end of a connection can be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// The oldest unanswered message may have caused it.
    Oldest,
    /// We know the reason, and it is none of the messages.
    Nobody,
}

/// Lifecycle.
impl FacilitatorClient {
    /// A session that has not been started.
    ///
    /// `seed` feeds the jitter, the only randomness: with equal seeds, equal inputs give equal outputs. Runtimes take
    /// a random one.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], when the configuration makes no sense or the key cannot sign.
    pub fn new(config: Config, keypair: &Keypair, seed: u64) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            authenticator: Authenticator::new(keypair)?,
            hotkey: keypair.public().to_ss58(),
            heartbeat: Frame::text(ValidatorMessage::Heartbeat.encode()),
            config,
            now: Timestamp::ZERO,
            link: Link::Down,
            draining: None,
            started_before: false,
            announced: Phase::Idle,
            next_connection: 0,
            frames_sent: 0,
            timers: TimerTable::default(),
            backoff: Backoff::new(seed),
            keepalive: Keepalive::default(),
            outbox: Outbox::default(),
            jobs: Jobs::default(),
            outputs: VecDeque::new(),
            stats: Stats::default(),
        })
    }

    /// Starts the session: the first connection attempt is made at once.
    ///
    /// # Errors
    ///
    /// [`LifecycleError`], when it runs or is stopping; nothing changes then.
    pub fn start(&mut self, now: Timestamp) -> Result<(), LifecycleError> {
        self.advance(now);
        match (&self.link, self.draining) {
            (Link::Down, _) => {}
            (_, Some(_)) => return Err(LifecycleError::AlreadyStopping),
            (_, None) => return Err(LifecycleError::AlreadyStarted),
        }
        self.started_before = true;
        self.backoff.reset();
        self.connect();
        self.after_input();
        Ok(())
    }

    /// Stops gracefully: what is owed is delivered until `drain_timeout` has passed, the rest is handed back, the
    /// connection is closed properly. [`Event::Stopped`] comes last, at the deadline at the latest.
    ///
    /// Nothing is waited for that cannot come: without a connection, and with the next attempt behind the deadline,
    /// the session ends at once.
    ///
    /// # Errors
    ///
    /// [`LifecycleError`], when it does not run or is stopping already; nothing changes then.
    pub fn stop(&mut self, now: Timestamp) -> Result<(), LifecycleError> {
        self.advance(now);
        if matches!(self.link, Link::Down) {
            return Err(LifecycleError::NotStarted);
        }
        if self.draining.is_some() {
            return Err(LifecycleError::AlreadyStopping);
        }
        let deadline = self.now + self.config.drain_timeout;
        self.draining = Some(deadline);
        self.timers.arm(Timer::Drain, deadline);
        if let Some(closing) = self.timers.get(Timer::Close) {
            self.timers.arm(Timer::Close, closing.min(deadline));
        }
        if matches!(&self.link, Link::Waiting { next_attempt, .. } if *next_attempt >= deadline) {
            self.finish();
        }
        self.after_input();
        Ok(())
    }

    /// Ends at once: the connection is dropped, what is owed is handed back, [`Event::Stopped`] is queued.
    ///
    /// # Errors
    ///
    /// [`LifecycleError::NotStarted`], when it does not run.
    pub fn abort(&mut self, now: Timestamp) -> Result<(), LifecycleError> {
        self.advance(now);
        if matches!(self.link, Link::Down) {
            return Err(LifecycleError::NotStarted);
        }
        self.drop_connection();
        self.finish();
        self.after_input();
        Ok(())
    }

    /// Whether the session runs: it was started, and has not ended since.
    pub fn is_running(&self) -> bool {
        !matches!(self.link, Link::Down)
    }

    /// What the session is doing.
    pub fn phase(&self) -> Phase {
        match &self.link {
            Link::Down => Phase::Idle,
            Link::Closing { .. } => Phase::Closing,
            _ if self.draining.is_some() => Phase::Draining,
            Link::Waiting { .. } => Phase::Waiting,
            Link::Connecting(_) => Phase::Connecting,
            Link::Authenticating(_) => Phase::Authenticating,
            Link::Ready { .. } => Phase::Ready,
        }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The validator's own address: SS58 with prefix 42.
    pub fn hotkey(&self) -> &str {
        &self.hotkey
    }

    /// Messages that were accepted and are neither delivered nor given back.
    pub fn owed(&self) -> usize {
        self.outbox.len()
    }

    /// Counters and gauges.
    pub fn stats(&self) -> Stats {
        Stats {
            outbox_length: self.outbox.statuses_len(),
            in_flight: self.outbox.statuses_in_flight(),
            specs_length: self.outbox.specs_len(),
            outbox_bytes: self.outbox.bytes(),
            open_jobs: self.jobs.open(),
            ..self.stats
        }
    }
}

/// What the application wants.
impl FacilitatorClient {
    /// Queues a status of a job. The returned id comes back in exactly one [`Receipt`].
    ///
    /// The facilitator sees the statuses of a job in the order of these calls. The same status of a job given twice
    /// is delivered once, and has two receipts. A job that this session does not know is taken up: workers can
    /// outlive the process that received their job.
    ///
    /// # Errors
    ///
    /// [`SendError`] says why it was not queued: the session does not run, there is no room
    /// ([`SendError::is_full`]), the job has ended, or the facilitator could not digest the update.
    pub fn send_job_status(&mut self, now: Timestamp, update: V0JobStatusUpdate) -> Result<UpdateId, SendError> {
        self.advance(now);
        self.check_accepting()?;
        let id = self.submit_status(update, false)?;
        self.after_input();
        Ok(id)
    }

    /// Ends a job as `rejected`, by the validator.
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub fn reject_job(
        &mut self,
        now: Timestamp,
        uuid: &str,
        reason: RejectionReason,
        message: &str,
    ) -> Result<UpdateId, SendError> {
        self.send_job_status(now, rejection(uuid, reason, message))
    }

    /// Ends a job as `failed`: the job itself did not succeed.
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub fn fail_job(&mut self, now: Timestamp, uuid: &str, details: JobFailureDetails) -> Result<UpdateId, SendError> {
        let metadata = JobStatusMetadata { job_failure_details: Some(details), ..JobStatusMetadata::default() };
        self.send_job_status(now, V0JobStatusUpdate::new(uuid, JobStatus::Failed).with_metadata(metadata))
    }

    /// Ends a job as `horde_failed`: what should have run the job did not.
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub fn fail_horde(
        &mut self,
        now: Timestamp,
        uuid: &str,
        details: HordeFailureDetails,
    ) -> Result<UpdateId, SendError> {
        let metadata = JobStatusMetadata { horde_failure_details: Some(details), ..JobStatusMetadata::default() };
        self.send_job_status(now, V0JobStatusUpdate::new(uuid, JobStatus::HordeFailed).with_metadata(metadata))
    }

    /// Queues the specs of a miner's machine, with this validator's own hotkey.
    ///
    /// The protocol never acknowledges specs; the receipt says that the peer has read past them.
    ///
    /// # Errors
    ///
    /// [`SendError`], as [`send_job_status`](Self::send_job_status).
    pub fn send_machine_specs(
        &mut self,
        now: Timestamp,
        miner_hotkey: &str,
        batch_id: &str,
        specs: MachineSpecs,
    ) -> Result<UpdateId, SendError> {
        self.advance(now);
        self.check_accepting()?;
        let update = V0MachineSpecsUpdate {
            miner_hotkey: miner_hotkey.into(),
            validator_hotkey: self.hotkey.clone(),
            specs,
            batch_id: batch_id.into(),
        };
        let (batch_id, text) = door::check_specs(update, self.config.message_bytes)?;
        if self.outbox.specs_len() >= self.config.specs_entries {
            return Err(SendError::Full { owed: self.outbox.specs_len(), capacity: self.config.specs_entries });
        }
        self.check_bytes(text.len())?;
        let id = self.outbox.next_id();
        self.outbox.push_specs(id, Subject::MachineSpecs { batch_id }, text);
        self.stats.specs_accepted += 1;
        self.after_input();
        Ok(id)
    }

    fn check_accepting(&self) -> Result<(), SendError> {
        match (&self.link, self.draining) {
            (Link::Down, _) if self.started_before => Err(SendError::Stopped),
            (Link::Down, _) => Err(SendError::NotStarted),
            (_, Some(_)) => Err(SendError::Stopping),
            (_, None) => Ok(()),
        }
    }

    /// Queues a status, or lets it share what is queued or delivered already.
    fn submit_status(&mut self, update: V0JobStatusUpdate, automatic: bool) -> Result<UpdateId, SendError> {
        let (uuid, status, text) = door::check_status(update, self.config.message_bytes)?;
        if let Some(ended) = self.jobs.terminal(&uuid).filter(|ended| *ended != status) {
            return Err(SendError::JobEnded { uuid, ended });
        }
        match self.jobs.look_up(&uuid, status) {
            Given::Delivered => {
                let id = self.outbox.next_id();
                self.emit_receipt(id, Subject::JobStatus { uuid, status }, automatic, Outcome::AlreadyKnown);
                Ok(id)
            }
            Given::Underway => {
                self.check_room(1)?;
                let id = self.outbox.next_id();
                self.jobs.share(&uuid, status, id);
                Ok(id)
            }
            Given::New => self.queue_status(uuid, status, text, automatic),
        }
    }

    fn queue_status(
        &mut self,
        uuid: Uuid,
        status: JobStatus,
        text: Arc<str>,
        automatic: bool,
    ) -> Result<UpdateId, SendError> {
        let known = self.jobs.is_known(&uuid);
        let has_reserved_slot = known && self.jobs.terminal(&uuid).is_none();
        if !(has_reserved_slot && status.is_terminal()) {
            // A job that is taken up here, and not ended at once, needs a slot for its terminal status too.
            let takes_up = !known && !status.is_terminal();
            self.check_room(1 + usize::from(takes_up))?;
            self.check_bytes(text.len())?;
        }
        if !known {
            if self.jobs.open() >= self.config.open_jobs && !status.is_terminal() {
                return Err(SendError::TooManyJobs { limit: self.config.open_jobs });
            }
            self.jobs.take_up(uuid);
        }
        let id = self.outbox.next_id();
        self.jobs.queued(&uuid, status);
        self.outbox.push_status(id, Subject::JobStatus { uuid, status }, text, automatic);
        self.stats.statuses_accepted += 1;
        Ok(id)
    }

    /// Whether `more` entries fit beside those taken and those reserved for terminal statuses.
    fn check_room(&self, more: usize) -> Result<(), SendError> {
        let owed = self.outbox.statuses_len() + self.jobs.open() + self.jobs.shared();
        let capacity = self.config.outbox_entries;
        if owed + more > capacity { Err(SendError::Full { owed, capacity }) } else { Ok(()) }
    }

    fn check_bytes(&self, more: usize) -> Result<(), SendError> {
        let (owed, capacity) = (self.outbox.bytes(), self.config.outbox_bytes);
        if owed.saturating_add(more) > capacity { Err(SendError::FullBytes { owed, capacity }) } else { Ok(()) }
    }
}

/// What the driver reports.
impl FacilitatorClient {
    /// The connection stands: the WebSocket handshake has succeeded.
    pub fn handle_connected(&mut self, now: Timestamp, connection: ConnectionId) {
        self.advance(now);
        match self.link {
            Link::Connecting(current) if current == connection => {
                self.timers.disarm(Timer::Connect);
                self.link = Link::Authenticating(connection);
                self.frames_sent = 0;
                self.keepalive.reset();
                self.transmit(connection, self.authenticator.first_frame());
                self.timers.arm(Timer::Authentication, self.now + self.config.authentication_timeout);
            }
            _ => self.stats.stale_inputs += 1,
        }
        self.after_input();
    }

    /// The connection attempt failed.
    pub fn handle_connect_failed(&mut self, now: Timestamp, connection: ConnectionId, failure: ConnectFailure) {
        self.advance(now);
        match self.link {
            Link::Connecting(current) if current == connection => {
                self.stats.connect_failures += 1;
                let retry = failure.retry_after.map_or(Retry::Backoff, Retry::After);
                self.lose(connection, LostReason::ConnectFailed(failure), Blame::Nobody);
                self.wait(retry);
            }
            _ => self.stats.stale_inputs += 1,
        }
        self.after_input();
    }

    /// The WebSocket layer read a frame. It answers pings and closes by itself; this only takes note of them.
    pub fn handle_frame(&mut self, now: Timestamp, connection: ConnectionId, frame: Frame) {
        self.advance(now);
        if self.current_connection() == Some(connection) {
            self.note_life();
            match frame {
                Frame::Text(text) => self.handle_text(&text),
                Frame::Binary(bytes) => self.emit_unexpected(Unexpected::Binary(bytes.len())),
                Frame::Ping(_) => {}
                Frame::Pong(payload) => {
                    if let Some(frames) = self.keepalive.pong(&payload) {
                        self.timers.disarm(Timer::Pong);
                        self.prove_specs(frames);
                    }
                }
                Frame::Close(close) => self.handle_close(connection, close),
            }
        } else {
            self.stats.stale_inputs += 1;
        }
        self.after_input();
    }

    /// The connection is gone.
    pub fn handle_disconnected(&mut self, now: Timestamp, connection: ConnectionId, how: Disconnected) {
        self.advance(now);
        if self.current_connection() == Some(connection) {
            if let Link::Closing { then, .. } = &self.link {
                let then = then.clone();
                self.after_closing(then);
            } else {
                let (reason, retry) = self.judge_disconnect(how);
                self.lose(connection, reason, Blame::Oldest);
                self.wait(retry);
            }
        } else {
            self.stats.stale_inputs += 1;
        }
        self.after_input();
    }

    /// A timer tick. Early, late and repeated ticks are harmless.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.advance(now);
        for timer in self.timers.take_due(self.now) {
            self.fire(timer);
        }
        self.after_input();
    }
}

/// What the driver has to do.
impl FacilitatorClient {
    /// The next thing to do, in causal order. `None` ends the drain.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, and for what; the latest `now` while output is
    /// queued. A driver that wakes at this time only, besides at its inputs, never stalls.
    pub fn poll_timeout(&self) -> Option<(Timestamp, Timer)> {
        if self.outputs.is_empty() { self.timers.next() } else { Some((self.now, Timer::Output)) }
    }
}

/// Time and connections.
impl FacilitatorClient {
    fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    /// What every input ends with: send what may be sent, end what is done, say what changed.
    fn after_input(&mut self) {
        self.pump();
        if self.draining.is_some() && self.outbox.is_empty() {
            self.close_drained();
        }
        let phase = self.phase();
        if phase != self.announced {
            self.announced = phase;
            let (reason, next_attempt) = match &self.link {
                Link::Waiting { reason, next_attempt } => (Some(reason.clone()), Some(*next_attempt)),
                _ => (None, None),
            };
            let retry_in = next_attempt.map(|at| at.saturating_duration_since(self.now));
            let change = Event::Phase(PhaseChange { phase, reason, next_attempt, retry_in });
            // The end of a session is the last thing that is told of it.
            if let Some(Output::Event(Event::Stopped { .. })) = self.outputs.back() {
                let stopped = self.outputs.pop_back();
                self.outputs.push_back(Output::Event(change));
                self.outputs.extend(stopped);
            } else {
                self.emit(change);
            }
        }
    }

    /// Transmits what the windows allow: statuses first, then a slice of specs and the ping that proves it.
    fn pump(&mut self) {
        let Link::Ready { connection, .. } = self.link else { return };
        while let Some(entry) = self.outbox.next_status(self.config.window, self.frames_sent) {
            let (frame, repeated) = (Frame::Text(Arc::clone(&entry.owed.text)), entry.owed.transmissions > 1);
            self.stats.statuses_sent += 1;
            self.stats.statuses_resent += u64::from(repeated);
            self.transmit(connection, frame);
            if self.timers.get(Timer::Acknowledgement).is_none() {
                self.timers.arm(Timer::Acknowledgement, self.now + self.config.acknowledgement_timeout);
            }
        }
        while let Some(entry) = self.outbox.next_specs(self.frames_sent) {
            let frame = Frame::Text(Arc::clone(&entry.owed.text));
            self.stats.specs_sent += 1;
            self.transmit(connection, frame);
        }
        // A status that is answered later proves the specs before it; with none under way, a ping has to.
        if self.outbox.specs_in_flight() > 0 && self.outbox.statuses_in_flight() == 0 {
            self.ping(connection);
        }
    }

    fn connect(&mut self) {
        self.next_connection += 1;
        let connection = ConnectionId(self.next_connection);
        self.link = Link::Connecting(connection);
        self.stats.connect_attempts += 1;
        self.timers.arm(Timer::Connect, self.now + self.config.connect_timeout);
        self.outputs.push_back(Output::Connect(connection, ConnectRequest::new(&self.config)));
    }

    fn become_ready(&mut self, connection: ConnectionId) {
        self.timers.disarm(Timer::Authentication);
        self.link = Link::Ready { connection, since: self.now };
        self.stats.sessions += 1;
        self.beat(connection);
        self.timers.arm(Timer::Ping, self.now + self.config.ping_interval);
    }

    fn beat(&mut self, connection: ConnectionId) {
        self.stats.heartbeats_sent += 1;
        self.transmit(connection, self.heartbeat.clone());
        self.timers.arm(Timer::Heartbeat, self.now + self.config.heartbeat_interval);
    }

    fn ping(&mut self, connection: ConnectionId) {
        if let Some(ping) = self.keepalive.ping(self.frames_sent) {
            self.stats.pings_sent += 1;
            self.transmit(connection, ping);
            self.timers.arm(Timer::Pong, self.now + self.config.pong_timeout);
        }
    }

    /// Whatever the peer sends shows that it lives.
    fn note_life(&mut self) {
        if self.timers.get(Timer::Pong).is_some() {
            self.timers.arm(Timer::Pong, self.now + self.config.pong_timeout);
        }
    }

    fn current_connection(&self) -> Option<ConnectionId> {
        match self.link {
            Link::Down | Link::Waiting { .. } => None,
            // Before it is reported as connected, nothing can come of it.
            Link::Connecting(_) => None,
            Link::Authenticating(connection)
            | Link::Ready { connection, .. }
            | Link::Closing { connection, .. } => Some(connection),
        }
    }

    fn fire(&mut self, timer: Timer) {
        match (timer, &self.link) {
            (Timer::Close, Link::Closing { then, .. }) => {
                let then = then.clone();
                self.drop_connection();
                self.after_closing(then);
            }
            (Timer::Drain, _) if self.draining.is_some() => {
                self.drop_connection();
                self.finish();
            }
            (Timer::Connect, Link::Connecting(connection)) => {
                let connection = *connection;
                self.stats.connect_failures += 1;
                let failure = ConnectFailure::new(ConnectFailureKind::Timeout, "");
                self.give_up(connection, LostReason::ConnectFailed(failure), Retry::Backoff, Blame::Nobody);
            }
            (Timer::Authentication, Link::Authenticating(connection)) => {
                let connection = *connection;
                self.stats.authentication_failures += 1;
                self.give_up(connection, LostReason::AuthenticationTimeout, Retry::Backoff, Blame::Nobody);
            }
            (Timer::Acknowledgement, Link::Ready { connection, .. }) => {
                let connection = *connection;
                self.give_up(connection, LostReason::AcknowledgementTimeout, Retry::Backoff, Blame::Oldest);
            }
            (Timer::Pong, Link::Ready { connection, .. }) => {
                let connection = *connection;
                self.give_up(connection, LostReason::PongTimeout, Retry::Backoff, Blame::Oldest);
            }
            (Timer::Reconnect, Link::Waiting { .. }) => self.connect(),
            (Timer::Heartbeat, Link::Ready { connection, .. }) => {
                let connection = *connection;
                self.beat(connection);
            }
            (Timer::Ping, Link::Ready { connection, .. }) => {
                let connection = *connection;
                self.ping(connection);
                self.timers.arm(Timer::Ping, self.now + self.config.ping_interval);
            }
            _ => {}
        }
    }

    /// Takes note that a connection is lost. What is in flight is owed again.
    fn lose(&mut self, connection: ConnectionId, reason: LostReason, blame: Blame) {
        if let Link::Ready { since, .. } = self.link
            && self.now.saturating_duration_since(since) >= self.config.backoff_reset_after
        {
            self.backoff.reset();
        }
        if !matches!(self.link, Link::Connecting(_)) {
            self.stats.connections_lost += 1;
        }
        self.timers.disarm_connection();
        self.keepalive.reset();
        match blame {
            Blame::Nobody => self.outbox.requeue(),
            Blame::Oldest => {
                for poison in self.outbox.break_connection() {
                    self.settle(poison.owed.clone(), Outcome::SetAside(poison.owed));
                }
            }
        }
        self.emit(Event::ConnectionLost { connection, reason: reason.clone(), owed: self.outbox.len() });
        self.link = Link::Waiting { reason, next_attempt: self.now };
    }

    /// Drops a connection that is beyond a closing handshake.
    fn give_up(&mut self, connection: ConnectionId, reason: LostReason, retry: Retry, blame: Blame) {
        self.outputs.push_back(Output::Disconnect(connection, None));
        self.lose(connection, reason, blame);
        self.wait(retry);
    }

    /// Closes a connection with a handshake, to try again after it.
    fn give_up_politely(&mut self, connection: ConnectionId, reason: LostReason, retry: Retry, blame: Blame) {
        self.lose(connection, reason.clone(), blame);
        self.close(connection, Then::Retry(retry, reason));
    }

    fn close(&mut self, connection: ConnectionId, then: Then) {
        self.timers.disarm_connection();
        let deadline = self.now + self.config.close_timeout;
        self.timers.arm(Timer::Close, self.draining.map_or(deadline, |drain| deadline.min(drain)));
        self.outputs.push_back(Output::Disconnect(connection, Some(CloseFrame::new(CloseFrame::NORMAL))));
        self.link = Link::Closing { connection, then };
    }

    fn after_closing(&mut self, then: Then) {
        match then {
            Then::Stop => self.finish(),
            Then::Retry(retry, reason) => {
                self.timers.disarm(Timer::Close);
                self.link = Link::Waiting { reason, next_attempt: self.now };
                self.wait(retry);
            }
        }
    }

    /// Without a connection: until when?
    fn wait(&mut self, retry: Retry) {
        let at = self.now + self.backoff.next_delay(retry, &self.config);
        if let Link::Waiting { next_attempt, .. } = &mut self.link {
            *next_attempt = at;
        }
        if self.draining.is_some_and(|deadline| at >= deadline) {
            self.finish();
        } else {
            self.timers.arm(Timer::Reconnect, at);
        }
    }

    /// Stopping, and nothing is owed any more.
    fn close_drained(&mut self) {
        match &mut self.link {
            Link::Down => {}
            Link::Waiting { .. } => self.finish(),
            Link::Connecting(_) => {
                self.drop_connection();
                self.finish();
            }
            Link::Authenticating(connection) | Link::Ready { connection, .. } => {
                let connection = *connection;
                self.close(connection, Then::Stop);
            }
            Link::Closing { then, .. } => *then = Then::Stop,
        }
    }

    /// Tells the driver to drop whatever there is of a connection.
    fn drop_connection(&mut self) {
        if let Link::Connecting(connection)
        | Link::Authenticating(connection)
        | Link::Ready { connection, .. }
        | Link::Closing { connection, .. } = self.link
        {
            self.outputs.push_back(Output::Disconnect(connection, None));
        }
    }

    /// The end of the session: what is left is handed back.
    fn finish(&mut self) {
        self.timers.disarm_all();
        self.keepalive.reset();
        self.draining = None;
        self.link = Link::Down;
        let owed: Vec<Owed> = self.outbox.take_all().collect();
        for owed in &owed {
            self.stats.handed_back += 1;
            let mut ids = Vec::new();
            if let Subject::JobStatus { uuid, status } = &owed.subject {
                ids = self.jobs.handed_back(uuid, *status);
            }
            self.emit_receipt(owed.id, owed.subject.clone(), owed.automatic, Outcome::HandedBack(owed.clone()));
            for id in ids {
                self.emit_receipt(id, owed.subject.clone(), false, Outcome::HandedBack(owed.clone()));
            }
        }
        self.emit(Event::Stopped { owed });
    }
}

/// Messages of the facilitator.
impl FacilitatorClient {
    fn handle_text(&mut self, text: &str) {
        self.stats.frames_received += 1;
        match FacilitatorMessage::decode(text, self.config.decode_mode) {
            Err(error) => {
                self.stats.malformed_received += 1;
                self.emit(Event::Malformed(error));
            }
            Ok(decoded) => {
                self.stats.unknown_fields_received += u64::try_from(decoded.unknown_fields.len()).unwrap_or(u64::MAX);
                match decoded.message {
                    FacilitatorMessage::Response(response) => self.handle_response(response),
                    FacilitatorMessage::JobRequest(request) => self.handle_job_request(request),
                    FacilitatorMessage::JobCheated(report) => {
                        self.stats.cheat_reports_received += 1;
                        self.emit(Event::JobCheated(report));
                    }
                }
            }
        }
    }

    fn handle_response(&mut self, response: Response) {
        self.stats.responses_received += 1;
        match self.link {
            Link::Authenticating(connection) => match authentication::judge(&response) {
                Ok(()) => self.become_ready(connection),
                Err(refusal) => self.refused(connection, refusal),
            },
            Link::Ready { connection, .. } => self.match_response(connection, response),
            // What comes during the closing handshake acknowledges nothing: it will be sent again.
            _ => {}
        }
    }

    fn refused(&mut self, connection: ConnectionId, refusal: Refusal) {
        self.stats.authentication_failures += 1;
        let retry = retry_after_refusal(&refusal);
        self.give_up_politely(connection, LostReason::AuthenticationRefused(refusal), retry, Blame::Nobody);
    }

    fn match_response(&mut self, connection: ConnectionId, response: Response) {
        let (statuses, specs) = (self.outbox.statuses_in_flight(), self.outbox.specs_in_flight());
        let about = match responses::about(&response) {
            // With only one kind of message under way, there is no doubt.
            About::Unclear if specs == 0 => About::StatusRefused,
            About::Unclear if statuses == 0 => About::SpecsRefused,
            about => about,
        };
        match about {
            About::StatusStored => self.answer(response, |_| Outcome::Acknowledged),
            About::StatusKnown => self.answer(response, |_| Outcome::AlreadyKnown),
            About::StatusRefused => self.answer(response, |response| Outcome::Refused(response.errors)),
            About::SpecsRefused if specs > 0 => match self.outbox.refuse_specs() {
                Some(entry) => self.settle(entry.owed, Outcome::Refused(response.errors)),
                None => self.resolve_by_reconnect(connection, &response),
            },
            About::HeartbeatRefused => {
                self.emit_unexpected(Unexpected::HeartbeatRefused { errors: response.errors });
            }
            About::NotAuthenticated => {
                let reason = LostReason::NotAuthenticated(first_error(&response));
                self.give_up_politely(connection, reason, Retry::Backoff, Blame::Nobody);
            }
            About::SpecsRefused | About::Nothing => {
                self.emit_unexpected(Unexpected::Response { errors: response.errors });
            }
            About::Unclear => self.resolve_by_reconnect(connection, &response),
        }
    }

    /// The oldest unanswered status update has its answer.
    fn answer(&mut self, response: Response, outcome: impl FnOnce(Response) -> Outcome) {
        let Some((entry, specs)) = self.outbox.answer_status() else {
            self.emit_unexpected(Unexpected::Response { errors: response.errors });
            return;
        };
        for entry in specs {
            self.settle(entry.owed, Outcome::Acknowledged);
        }
        self.settle(entry.owed, outcome(response));
        if self.outbox.statuses_in_flight() == 0 {
            self.timers.disarm(Timer::Acknowledgement);
        } else {
            self.timers.arm(Timer::Acknowledgement, self.now + self.config.acknowledgement_timeout);
        }
    }

    /// Everything is sent again on a new connection, one by one, which is always safe.
    fn resolve_by_reconnect(&mut self, connection: ConnectionId, response: &Response) {
        self.outbox.suspect_all_in_flight();
        let reason = LostReason::AmbiguousResponse(first_error(response));
        self.give_up_politely(connection, reason, Retry::Backoff, Blame::Nobody);
    }

    fn prove_specs(&mut self, frames: u64) {
        for entry in self.outbox.prove(frames) {
            self.settle(entry.owed, Outcome::Acknowledged);
        }
    }

    fn handle_close(&mut self, connection: ConnectionId, close: Option<CloseFrame>) {
        if matches!(self.link, Link::Closing { .. }) {
            return;
        }
        let (reason, retry) = self.judge_disconnect(Disconnected::Closed(close));
        self.give_up_politely(connection, reason, retry, Blame::Oldest);
    }

    /// What the end of the current connection means.
    fn judge_disconnect(&mut self, how: Disconnected) -> (LostReason, Retry) {
        match how {
            Disconnected::Closed(close) => {
                let authenticating = matches!(self.link, Link::Authenticating(_));
                match authentication::judge_close(close.as_ref()).filter(|_| authenticating) {
                    Some(refusal) => {
                        self.stats.authentication_failures += 1;
                        let retry = retry_after_refusal(&refusal);
                        (LostReason::AuthenticationRefused(refusal), retry)
                    }
                    None => (LostReason::Closed(close), Retry::Backoff),
                }
            }
            Disconnected::EndOfStream => (LostReason::EndOfStream, Retry::Backoff),
            Disconnected::Io(detail) => (LostReason::Io(detail), Retry::Backoff),
            Disconnected::Protocol(detail) => (LostReason::Protocol(detail), Retry::Backoff),
        }
    }

    /// Takes a job on, or says why not. `received` is answered here, so that no application can forget it.
    fn handle_job_request(&mut self, request: Box<V2JobRequest>) {
        let answer = match self.consider(&request.uuid) {
            Ok(answer) => answer,
            Err(reason) => return self.decline(&request.uuid, reason),
        };
        let (update, declined) = match answer {
            None => (V0JobStatusUpdate::new(&request.uuid, JobStatus::Received), None),
            Some(reason) => {
                let message = reason.to_string();
                (rejection(&request.uuid, RejectionReason::Busy, &message), Some(reason))
            }
        };
        match (self.submit_status(update, true), declined) {
            (Ok(_), None) => {
                self.stats.jobs_received += 1;
                self.emit(Event::JobRequested(request));
            }
            (Ok(_), Some(reason)) => self.decline(&request.uuid, reason),
            (Err(_), _) => self.decline(&request.uuid, DeclineReason::OutboxFull),
        }
    }

    /// Whether a job can be taken on (`Ok(None)`), must be rejected (`Ok(reason)`), or cannot be answered at all.
    fn consider(&self, uuid: &str) -> Result<Option<DeclineReason>, DeclineReason> {
        let uuid = door::parse_uuid(uuid).ok_or(DeclineReason::InvalidUuid)?;
        if self.jobs.is_known(&uuid) {
            return Err(DeclineReason::Duplicate);
        }
        if matches!(self.link, Link::Closing { .. }) {
            return Err(DeclineReason::Closing);
        }
        if self.draining.is_some() {
            return Ok(Some(DeclineReason::Stopping));
        }
        if self.jobs.open() >= self.config.open_jobs || self.check_room(2).is_err() {
            return Ok(Some(DeclineReason::Busy));
        }
        Ok(None)
    }

    fn decline(&mut self, uuid: &str, reason: DeclineReason) {
        self.stats.jobs_declined += 1;
        self.emit(Event::JobDeclined { uuid: door::shorten(uuid), reason });
    }

    /// A message has met its fate.
    fn settle(&mut self, owed: Owed, outcome: Outcome) {
        let mut ids = Vec::new();
        match &owed.subject {
            Subject::JobStatus { uuid, status } => {
                match &outcome {
                    Outcome::Acknowledged => self.stats.statuses_acknowledged += 1,
                    Outcome::AlreadyKnown => self.stats.statuses_already_known += 1,
                    Outcome::Refused(_) => self.stats.statuses_refused += 1,
                    Outcome::SetAside(_) => self.stats.statuses_set_aside += 1,
                    Outcome::HandedBack(_) => self.stats.handed_back += 1,
                }
                ids = self.jobs.settled(uuid, *status, outcome.is_delivered(), self.config.ended_jobs);
            }
            Subject::MachineSpecs { .. } => {
                self.stats.specs_acknowledged += u64::from(outcome.is_delivered());
            }
        }
        for id in ids {
            self.emit_receipt(id, owed.subject.clone(), false, outcome.clone());
        }
        self.emit_receipt(owed.id, owed.subject, owed.automatic, outcome);
    }

    fn emit_receipt(&mut self, id: UpdateId, subject: Subject, automatic: bool, outcome: Outcome) {
        self.emit(Event::Receipt(Receipt { id, subject, automatic, outcome }));
    }

    fn emit_unexpected(&mut self, unexpected: Unexpected) {
        self.stats.unexpected_received += 1;
        self.emit(Event::Unexpected(unexpected));
    }

    fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn transmit(&mut self, connection: ConnectionId, frame: Frame) {
        self.frames_sent += 1;
        self.outputs.push_back(Output::Transmit(connection, frame));
    }
}

fn rejection(uuid: &str, reason: RejectionReason, message: &str) -> V0JobStatusUpdate {
    let details = JobRejectionDetails {
        rejected_by: Participant::Validator,
        reason,
        message: message.into(),
        context: None,
    };
    let metadata = JobStatusMetadata { job_rejection_details: Some(details), ..JobStatusMetadata::default() };
    V0JobStatusUpdate::new(uuid, JobStatus::Rejected).with_metadata(metadata)
}

fn retry_after_refusal(refusal: &Refusal) -> Retry {
    match refusal {
        Refusal::ValidatorNotFound | Refusal::SignatureInvalid => Retry::Refused,
        Refusal::Other(_) => Retry::Backoff,
    }
}

/// The `type` of the first error, for a log.
fn first_error(response: &Response) -> String {
    response.errors.first().map_or_else(|| String::from("no error given"), |error| door::shorten(&error.kind))
}
