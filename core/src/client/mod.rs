//! The validator's side: [`FacilitatorClient`], the session that this project exists for.
//!
//! This file holds the session's state, its lifecycle and its inputs and outputs; `submit` (what the application
//! wants), `connection` (time and connections), `inbound` (what the facilitator says), `snapshot` (what outlives a
//! process) and `overview` (what a watcher sees) are the rest of its methods. Only these six know the parts, and own no rule of their own: when to try again is `backoff`'s, what is owed is
//! `outbox`'s, what a job was given is `jobs`', what may be sent at all is `door`'s. A part knows none of the others.

mod authentication;
mod backlog;
mod backoff;
mod chain;
mod config;
mod connection;
mod door;
mod endpoint;
mod error;
mod event;
mod health;
mod histogram;
mod inbound;
mod index;
mod jobs;
mod keepalive;
mod outbox;
mod outputs;
mod overview;
mod phase;
mod prepared;
#[cfg(feature = "trace")]
mod replay;
mod responses;
mod slab;
mod snapshot;
mod stats;
mod submit;
mod text;
mod timer;
mod trust;
mod watchdog;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

pub use self::authentication::AuthenticationMethod;
#[cfg(feature = "tls")]
pub(crate) use self::config::check_header;
pub use self::config::{Config, OnSignatureInvalid, WhenJobsWait};
pub use self::endpoint::{Endpoint, EndpointError};
pub use self::error::{ConfigError, LifecycleError, SendError};
pub use self::event::{
    ConnectFailure, ConnectFailureKind, ConnectRequest, DeclineReason, Disconnected, Event,
    LostReason, Outcome, Output, Owed, PhaseChange, Receipt, Refusal, Subject, Unexpected,
    UpdateId,
};
pub use self::health::Health;
pub use self::histogram::Histogram;
pub(crate) use self::outputs::Outputs;
#[cfg(feature = "driver")]
pub(crate) use self::outputs::{Delivered, Polled};
pub use self::overview::{JobOverview, Overview};
pub use self::phase::Phase;
pub use self::prepared::Prepared;
#[cfg(feature = "trace")]
pub(crate) use self::responses::is_response_shaped;
pub use self::snapshot::{RestoreError, Restored, Snapshot};
pub use self::stats::Stats;
#[cfg(feature = "trace")]
pub(crate) use self::submit::{failure, horde_failure, rejection};
pub use self::timer::Timer;
pub use self::trust::{Signatories, TrustError, TrustPolicy};

use self::authentication::Authenticator;
use self::backlog::Backlog;
use self::backoff::{Backoff, Retry};
use self::door::Door;
use self::health::Standing;
use self::jobs::Jobs;
use self::keepalive::Keepalive;
use self::outbox::Outbox;
use self::timer::TimerTable;
use self::trust::Trust;
use self::watchdog::Watchdog;
use crate::message::ValidatorMessage;
use crate::signature::{AccountId, Keypair};
use crate::{ConnectionId, Frame, Timestamp};

/// One validator's session with a facilitator, without any IO.
///
/// Its methods are of four kinds:
///
/// - **lifecycle**: [`start`](Self::start), [`stop`](Self::stop), [`abort`](Self::abort);
/// - **application**: `send`, `send_*`, `reject_job`, `fail_job`, `fail_horde`, `adopt_job`, `set_trust`; across a restart
///   [`snapshot`](Self::snapshot) and [`restore`](Self::restore);
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
    door: Door,
    account: AccountId,
    hotkey: Arc<str>,
    heartbeat: Frame,

    now: Timestamp,
    /// The wall clock at the origin of `now`, once it is known.
    unix_origin: Option<Duration>,
    link: Link,
    /// While a stop is under way: its deadline.
    draining: Option<Timestamp>,
    started_before: bool,
    started_at: Timestamp,
    /// When the step of the connection under way began: connecting, or authenticating.
    step_began: Timestamp,
    announced: Phase,
    announced_health: Health,
    standing: Standing,
    next_connection: u64,
    /// Frames of ours that the current connection has carried.
    frames_sent: u64,
    /// How many of them a later answer has proven to be handled.
    frames_handled: u64,
    /// Frames that had been sent before the newest heartbeat, and before the newest specs.
    heartbeat_sent: Option<u64>,
    specs_sent: Option<u64>,
    /// Frames that a pong has shown to be read, when there were specs among them. Read is not handled: they may be
    /// refused yet.
    specs_read: Option<u64>,
    /// Whether anything came that only an authenticated connection gets.
    confirmed: bool,
    /// When a ping must be answered at the latest, whatever else the peer sends.
    pong_limit: Timestamp,

    timers: TimerTable,
    backoff: Backoff,
    keepalive: Keepalive,
    outbox: Outbox,
    /// What was handed back at the end, until the next start: for a snapshot of it.
    left: Vec<Owed>,
    jobs: Jobs,
    backlog: Backlog,
    watchdog: Watchdog,
    trust: Trust,
    outputs: Outputs,
    stats: Stats,
}

/// The connection, and what is known of it.
#[derive(Clone, Debug)]
enum Link {
    /// The session does not run.
    Down,
    /// Until the next attempt.
    Waiting {
        reason: LostReason,
        next_attempt: Timestamp,
    },
    Connecting(ConnectionId),
    Authenticating(ConnectionId),
    Ready {
        connection: ConnectionId,
        since: Timestamp,
    },
    /// The closing handshake, then what comes after it.
    Closing {
        connection: ConnectionId,
        then: Then,
    },
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
    /// [`ConfigError`], when the configuration makes no sense.
    pub fn new(config: Config, keypair: &Keypair, seed: u64) -> Result<Self, ConfigError> {
        let authenticator = Authenticator::new(config.authentication, keypair);
        let (account, hotkey) = (keypair.account(), keypair.public().to_ss58());
        Self::assemble(config, authenticator, account, hotkey, seed)
    }

    fn assemble(
        config: Config,
        authenticator: Authenticator,
        account: AccountId,
        hotkey: String,
        seed: u64,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            authenticator,
            door: Door::default(),
            account,
            hotkey: hotkey.into(),
            heartbeat: Frame::text(ValidatorMessage::Heartbeat.encode()),
            now: Timestamp::ZERO,
            unix_origin: None,
            link: Link::Down,
            draining: None,
            started_before: false,
            started_at: Timestamp::ZERO,
            step_began: Timestamp::ZERO,
            announced: Phase::Idle,
            announced_health: Health::Stopped,
            standing: Standing::Good,
            next_connection: 0,
            frames_sent: 0,
            frames_handled: 0,
            heartbeat_sent: None,
            specs_sent: None,
            specs_read: None,
            confirmed: false,
            pong_limit: Timestamp::ZERO,
            timers: TimerTable::default(),
            backoff: Backoff::new(seed),
            keepalive: Keepalive::default(),
            outbox: Outbox::default(),
            left: Vec::new(),
            jobs: Jobs::new(seed),
            backlog: Backlog::default(),
            watchdog: Watchdog::default(),
            trust: Trust::new(config.trust.clone(), account),
            config,
            outputs: Outputs::default(),
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
        self.started_at = self.now;
        self.left = Vec::new();
        self.standing = Standing::Good;
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
        if matches!(&self.link, Link::Waiting { next_attempt, .. } if *next_attempt >= deadline) {
            self.finish();
        }
        self.after_input();
        Ok(())
    }

    /// Ends at once: the connection is dropped, what is owed is handed back, [`Event::Stopped`] is queued. What was
    /// restored into a session that was not started since is handed back in the same way.
    ///
    /// # Errors
    ///
    /// [`LifecycleError::NotStarted`], when it neither runs nor owes anything.
    pub fn abort(&mut self, now: Timestamp) -> Result<(), LifecycleError> {
        self.advance(now);
        if matches!(self.link, Link::Down) && self.outbox.is_empty() {
            return Err(LifecycleError::NotStarted);
        }
        self.drop_connection();
        self.finish();
        self.after_input();
        Ok(())
    }

    /// Changes who may give us work, from now on; jobs that were taken on stay.
    pub fn set_trust(&mut self, policy: TrustPolicy) {
        self.trust = Trust::new(policy, self.account);
    }

    /// Who may give us work.
    pub fn trust(&self) -> &TrustPolicy {
        self.trust.policy()
    }

    /// Tells the wall clock: `unix` is the time since the Unix epoch at `now`. The session reads no clock; it needs
    /// this one for the age of signatures, for authentication in headers and for the time that jobs have left across a
    /// restart, and carries it on with `now` until it is told again. The shared driver tells it with every input of the
    /// network and every tick.
    pub fn set_wall_clock(&mut self, now: Timestamp, unix: Duration) {
        self.advance(now);
        self.unix_origin = Some(unix.saturating_sub(self.now.as_duration()));
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

    /// How the session is, in one word.
    pub fn health(&self) -> Health {
        match (&self.link, self.standing) {
            (Link::Down, _) => Health::Stopped,
            _ if self.draining.is_some() => Health::Stopping,
            (Link::Ready { .. }, _) => Health::Connected,
            (_, Standing::Good) => Health::Starting,
            (_, Standing::Troubled) => Health::Degraded,
            (_, Standing::Refused) => Health::Refused,
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

    /// The same, to be kept by others.
    #[cfg(feature = "driver")]
    pub(crate) fn shared_hotkey(&self) -> Arc<str> {
        Arc::clone(&self.hotkey)
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
            is_ready: matches!(self.link, Link::Ready { .. }),
            uptime: if self.is_running() {
                self.now.saturating_duration_since(self.started_at)
            } else {
                Duration::ZERO
            },
            ..self.stats
        }
    }
}

/// What the driver reports.
impl FacilitatorClient {
    /// The connection stands: the WebSocket handshake has succeeded.
    pub fn handle_connected(&mut self, now: Timestamp, connection: ConnectionId) {
        self.advance(now);
        match self.link {
            Link::Connecting(current) if current == connection => {
                self.opened(connection);
            }
            _ => self.stats.stale_inputs += 1,
        }
        self.after_input();
    }

    /// The connection attempt failed.
    pub fn handle_connect_failed(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        failure: ConnectFailure,
    ) {
        self.advance(now);
        match self.link {
            Link::Connecting(current) if current == connection => {
                let retry = match (failure.kind, failure.retry_after) {
                    // Whoever we are, we are not welcome; that does not change within seconds.
                    (ConnectFailureKind::Http { status: 401 | 403 }, asked)
                        if asked.is_none_or(|asked| {
                            asked.min(self.config.retry_after_max) < self.config.refused_delay
                        }) =>
                    {
                        Retry::Refused
                    }
                    (_, Some(asked)) => Retry::After(asked),
                    (_, None) => Retry::Backoff,
                };
                let reason = LostReason::ConnectFailed(failure);
                self.lose(connection, reason.clone(), Blame::Nobody);
                self.wait(retry, reason);
            }
            _ => self.stats.stale_inputs += 1,
        }
        self.after_input();
    }

    /// The WebSocket layer read a frame. It answers pings and closes by itself; this only takes note of them.
    pub fn handle_frame(&mut self, now: Timestamp, connection: ConnectionId, frame: Frame) {
        self.read(now, connection, |session| match frame {
            Frame::Text(text) => session.handle_text(&text),
            Frame::Binary(bytes) => session.emit_unexpected(Unexpected::Binary(bytes.len())),
            Frame::Ping(_) => {}
            Frame::Pong(payload) => {
                if let Some(frames) = session.keepalive.pong(&payload) {
                    session.timers.disarm(Timer::Pong);
                    if session.prove_specs(frames) {
                        session.specs_read = Some(frames);
                    }
                }
            }
            Frame::Close(close) => session.handle_close(connection, close),
        });
    }

    /// The same for a text that somebody else keeps.
    #[cfg(feature = "driver")]
    pub(crate) fn handle_text_frame(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        text: &str,
    ) {
        self.read(now, connection, |session| session.handle_text(text));
    }

    #[inline]
    fn read(&mut self, now: Timestamp, connection: ConnectionId, handle: impl FnOnce(&mut Self)) {
        self.advance(now);
        if self.current_connection() == Some(connection) {
            self.note_life();
            handle(self);
        } else {
            self.stats.stale_inputs += 1;
        }
        self.after_input();
    }

    /// The connection is gone.
    pub fn handle_disconnected(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        how: Disconnected,
    ) {
        self.advance(now);
        if self.current_connection() == Some(connection) {
            if let Link::Closing { then, .. } = &self.link {
                let then = then.clone();
                self.after_closing(then);
            } else {
                let (reason, retry) = self.judge_disconnect(how);
                let blame = inbound::blame_for(&reason);
                self.lose(connection, reason.clone(), blame);
                self.wait(retry, reason);
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
    /// Gives back what queues hold that are empty.
    #[cfg(feature = "driver")]
    pub(crate) fn shrink(&mut self) {
        if self.outputs.is_empty() {
            self.outputs = Outputs::default();
        }
        self.outbox.shrink();
    }

    /// The next thing to do, in causal order. `None` ends the drain.
    ///
    /// A job request that was polled counts as taken by the application. A driver that keeps it for somebody slower
    /// has to say so with [`set_waiting_jobs`](Self::set_waiting_jobs).
    #[inline]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.note_polled();
        self.outputs.pop()
    }

    /// The same for a driver that can do without outputs of their own.
    #[cfg(feature = "driver")]
    #[inline]
    pub(crate) fn poll_in_place(&mut self) -> Option<Polled<'_>> {
        self.note_polled();
        self.outputs.poll()
    }

    /// The output that comes next is taken.
    #[inline]
    fn note_polled(&mut self) {
        if self.outputs.brings_job() {
            self.backlog.polled();
        }
    }

    /// Tells what the driver keeps of job requests that it has polled and the application has not taken: the sum of
    /// their [weights](crate::message::V2JobRequest::weight). With what is not polled yet, `waiting_job_bytes` bounds it,
    /// and beyond that [`WhenJobsWait`] says what becomes of the next request. Until this is called, nothing is kept.
    pub fn set_waiting_jobs(&mut self, bytes: usize) {
        self.backlog.set_held(bytes);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, and for what; the latest `now` while output is
    /// queued. A driver that wakes at this time only, besides at its inputs, never stalls.
    pub fn poll_timeout(&self) -> Option<(Timestamp, Timer)> {
        if self.outputs.is_empty() {
            self.timers.next()
        } else {
            Some((self.now, Timer::Output))
        }
    }
}

/// What the parts share.
impl FacilitatorClient {
    fn emit_receipt(&mut self, id: UpdateId, subject: Subject, automatic: bool, outcome: Outcome) {
        self.emit(Event::Receipt(Receipt {
            id,
            subject,
            automatic,
            outcome,
        }));
    }

    fn emit_unexpected(&mut self, unexpected: Unexpected) {
        self.stats.unexpected_received += 1;
        self.emit(Event::Unexpected(unexpected));
    }

    fn emit(&mut self, event: Event) {
        self.outputs.push(Output::Event(event));
    }

    fn transmit(&mut self, connection: ConnectionId, frame: Frame) {
        self.frames_sent += 1;
        self.outputs.push(Output::Transmit(connection, frame));
    }
}
