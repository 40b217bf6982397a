//! The life of a connection: timers that fire, what may be transmitted, the ways to lose it, and what comes next.

use alloc::vec::Vec;
use core::time::Duration;

use super::backoff::Retry;
use super::event::{
    ConnectFailure, ConnectFailureKind, ConnectRequest, Event, LostReason, Outcome, Output,
    PhaseChange,
};
use super::health::Standing;
use super::text::StatusText;
use super::{Blame, FacilitatorClient, Link, Then, Timer};
use crate::{CloseFrame, ConnectionId, Timestamp};

/// Bytes a second of the slowest line on which a large update may still be on its way: half a megabit.
const SLOWEST_LINE: u64 = 64 * 1024;

/// A peer that sends something, but no pong, is believed to live for this many times the `pong_timeout`.
const LATE_PONGS: u32 = 3;

/// Time and connections.
impl FacilitatorClient {
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    /// What every input ends with: send what may be sent, end what is done, say what changed.
    pub(super) fn after_input(&mut self) {
        self.pump();
        if self.draining.is_some() && self.outbox.is_empty() {
            self.close_drained();
        }
        if !matches!(self.link, Link::Down) {
            self.watch_jobs();
        }
        self.announce();
    }

    fn watch_jobs(&mut self) {
        match self.watchdog.next() {
            Some(at) => self.timers.arm(Timer::Watchdog, at),
            None => self.timers.disarm(Timer::Watchdog),
        }
    }

    /// Tells of the phase and of the health, when they are others.
    #[inline]
    pub(super) fn announce(&mut self) {
        let is_news = (self.phase(), self.health()) != (self.announced, self.announced_health);
        if is_news {
            self.announce_news();
        }
    }

    #[cold]
    fn announce_news(&mut self) {
        self.announce_phase();
        let health = self.health();
        if health != self.announced_health {
            self.announced_health = health;
            self.emit(Event::Health(health));
        }
    }

    fn announce_phase(&mut self) {
        let phase = self.phase();
        if phase == self.announced {
            return;
        }
        self.announced = phase;
        let (reason, next_attempt) = match &self.link {
            Link::Waiting {
                reason,
                next_attempt,
            } => (Some(reason.clone()), Some(*next_attempt)),
            _ => (None, None),
        };
        let retry_in = next_attempt.map(|at| at.saturating_duration_since(self.now));
        self.emit(Event::Phase(PhaseChange {
            phase,
            reason,
            next_attempt,
            retry_in,
        }));
    }

    /// Transmits what the windows allow: statuses first, then a slice of specs and the ping that proves it.
    pub(super) fn pump(&mut self) {
        let Link::Ready { connection, .. } = self.link else {
            return;
        };
        if self.outbox.is_waiting() {
            self.transmit_waiting(connection);
        }
        // A status that is answered later proves the specs before it; with none under way, a ping has to.
        if self.outbox.specs_in_flight() > 0 && self.outbox.statuses_in_flight() == 0 {
            self.ping(connection);
        }
    }

    fn transmit_waiting(&mut self, connection: ConnectionId) {
        let on_the_way = self.outbox.bytes_in_flight();
        while let Some(entry) =
            self.outbox
                .next_status(self.config.window, self.frames_sent, self.now)
        {
            // A job with something in the outbox is known.
            let uuid = self.jobs.uuid(entry.about.job).unwrap_or_default();
            let status = entry.about.status;
            self.stats.count_status(entry.transmissions);
            self.frames_sent += 1;
            match &entry.about.text {
                StatusText::Bare => self.outputs.push_bare(connection, uuid, status),
                StatusText::Whole(text) => self.outputs.push_shared(connection, text),
            }
        }
        if self.outbox.bytes_in_flight() > on_the_way {
            self.expect_answers(on_the_way);
        }
        while let Some(entry) = self.outbox.next_specs(self.frames_sent, self.now) {
            self.stats.count_specs(entry.transmissions);
            self.specs_sent = Some(self.frames_sent);
            self.frames_sent += 1;
            self.outputs.push_shared(connection, &entry.about.text);
        }
    }

    /// Arms the acknowledgement deadline; one that is armed is put off by the time that has come on the way since.
    fn expect_answers(&mut self, bytes_before: usize) {
        let Some(armed) = self.timers.get(Timer::Acknowledgement) else {
            let deadline = self.acknowledgement_deadline();
            return self.timers.arm(Timer::Acknowledgement, deadline);
        };
        let before = milliseconds_for(bytes_before);
        let more = milliseconds_for(self.outbox.bytes_in_flight()).saturating_sub(before);
        if more > 0 {
            let deadline = armed + Duration::from_millis(more);
            self.timers.arm(Timer::Acknowledgement, deadline);
        }
    }

    /// When the oldest unanswered update has to be answered. What is on the way is given the time that it takes.
    pub(super) fn acknowledgement_deadline(&self) -> Timestamp {
        self.now + self.config.acknowledgement_timeout + self.time_on_the_way()
    }

    /// The time that everything in flight may take on a slow line.
    fn time_on_the_way(&self) -> Duration {
        Duration::from_millis(milliseconds_for(self.outbox.bytes_in_flight()))
    }

    pub(super) fn connect(&mut self) {
        self.next_connection += 1;
        let connection = ConnectionId(self.next_connection);
        self.link = Link::Connecting(connection);
        self.stats.connect_attempts += 1;
        self.step_began = self.now;
        self.timers
            .arm(Timer::Connect, self.now + self.config.connect_timeout);
        let unix = self.unix_now().unwrap_or_default();
        let credentials = self.authenticator.headers(unix);
        self.outputs.push(Output::Connect(
            connection,
            ConnectRequest::new(&self.config, credentials),
        ));
    }

    /// The wall clock, as far as it was told.
    pub(super) fn unix_now(&self) -> Option<Duration> {
        self.unix_at(self.now)
    }

    pub(super) fn unix_at(&self, now: Timestamp) -> Option<Duration> {
        Some(self.unix_origin?.saturating_add(now.as_duration()))
    }

    /// The connection stands.
    pub(super) fn opened(&mut self, connection: ConnectionId) {
        self.timers.disarm(Timer::Connect);
        let took = self.time_of_step();
        self.stats.connecting.observe(took);
        self.frames_sent = 0;
        self.frames_handled = 0;
        self.heartbeat_sent = None;
        self.specs_sent = None;
        self.specs_read = None;
        self.confirmed = false;
        self.keepalive.reset();
        match self.authenticator.first_frame() {
            Some(frame) => {
                self.link = Link::Authenticating(connection);
                self.transmit(connection, frame);
                let deadline = self.now + self.config.authentication_timeout;
                self.timers.arm(Timer::Authentication, deadline);
            }
            // The handshake has authenticated already: it would have failed otherwise.
            None => self.become_ready(connection),
        }
    }

    /// The step that has come to its end began this long ago.
    fn time_of_step(&mut self) -> Duration {
        let began = core::mem::replace(&mut self.step_began, self.now);
        self.now.saturating_duration_since(began)
    }

    pub(super) fn become_ready(&mut self, connection: ConnectionId) {
        let took = self.time_of_step();
        self.stats.authenticating.observe(took);
        self.timers.disarm(Timer::Authentication);
        self.link = Link::Ready {
            connection,
            since: self.now,
        };
        self.standing = Standing::Good;
        self.stats.sessions += 1;
        self.beat(connection);
        self.timers
            .arm(Timer::Ping, self.now + self.config.ping_interval);
    }

    pub(super) fn beat(&mut self, connection: ConnectionId) {
        self.stats.heartbeats_sent += 1;
        self.heartbeat_sent = Some(self.frames_sent);
        self.transmit(connection, self.heartbeat.clone());
        self.timers
            .arm(Timer::Heartbeat, self.now + self.config.heartbeat_interval);
    }

    pub(super) fn ping(&mut self, connection: ConnectionId) {
        if let Some(ping) = self.keepalive.ping(self.frames_sent) {
            self.stats.pings_sent += 1;
            self.transmit(connection, ping);
            let late = self.config.pong_timeout.saturating_mul(LATE_PONGS);
            self.pong_limit = self.now + late + self.time_on_the_way();
            self.timers.arm(Timer::Pong, self.pong_deadline());
        }
    }

    fn pong_deadline(&self) -> Timestamp {
        let deadline = self.now + self.config.pong_timeout + self.time_on_the_way();
        deadline.min(self.pong_limit)
    }

    /// Whatever the peer sends shows that it lives, for a while; that it reads, only a pong shows.
    pub(super) fn note_life(&mut self) {
        if self.timers.get(Timer::Pong).is_some() {
            self.timers.arm(Timer::Pong, self.pong_deadline());
        }
    }

    pub(super) fn current_connection(&self) -> Option<ConnectionId> {
        match self.link {
            // Before a connection is reported as connected, nothing can come of it.
            Link::Down | Link::Waiting { .. } | Link::Connecting(_) => None,
            Link::Authenticating(connection)
            | Link::Ready { connection, .. }
            | Link::Closing { connection, .. } => Some(connection),
        }
    }

    pub(super) fn fire(&mut self, timer: Timer) {
        match (timer, &self.link) {
            (Timer::Close, Link::Closing { then, .. }) => {
                let then = then.clone();
                self.drop_connection();
                self.after_closing(then);
            }
            (Timer::Drain, link) if self.draining.is_some() => {
                if let Link::Ready { connection, .. } = link {
                    // One attempt to say goodbye; nobody waits for the answer.
                    let close = CloseFrame::new(CloseFrame::NORMAL);
                    self.outputs
                        .push(Output::Disconnect(*connection, Some(close)));
                }
                self.drop_connection();
                self.finish();
            }
            (Timer::Connect, Link::Connecting(connection)) => {
                let connection = *connection;
                let failure = ConnectFailure::new(ConnectFailureKind::Timeout, "");
                self.give_up(
                    connection,
                    LostReason::ConnectFailed(failure),
                    Blame::Nobody,
                );
            }
            (Timer::Authentication, Link::Authenticating(connection)) => {
                let connection = *connection;
                self.give_up(connection, LostReason::AuthenticationTimeout, Blame::Nobody);
            }
            (Timer::Acknowledgement, Link::Ready { connection, .. }) => {
                let connection = *connection;
                self.give_up(
                    connection,
                    LostReason::AcknowledgementTimeout,
                    Blame::Oldest,
                );
            }
            (Timer::Pong, Link::Ready { connection, .. }) => {
                let connection = *connection;
                self.give_up(connection, LostReason::PongTimeout, Blame::Oldest);
            }
            (Timer::Reconnect, Link::Waiting { .. }) => self.connect(),
            (Timer::Heartbeat, Link::Ready { connection, .. }) => {
                let connection = *connection;
                self.beat(connection);
            }
            (Timer::Ping, Link::Ready { connection, .. }) => {
                let connection = *connection;
                self.ping(connection);
                self.timers
                    .arm(Timer::Ping, self.now + self.config.ping_interval);
            }
            // A tick that comes too late can find the session ended by what was due before.
            (Timer::Watchdog, link) if !matches!(link, Link::Down) => {
                while let Some(job) = self.watchdog.take_due(self.now) {
                    self.end_overdue(job);
                }
            }
            _ => {}
        }
    }

    /// Takes note that a connection is lost. What is in flight is owed again.
    pub(super) fn lose(&mut self, connection: ConnectionId, reason: LostReason, blame: Blame) {
        if let Link::Ready { since, .. } = self.link
            && self.now.saturating_duration_since(since) >= self.config.backoff_reset_after
        {
            self.backoff.reset();
        }
        if !matches!(self.link, Link::Connecting(_)) {
            self.stats.connections_lost += 1;
        }
        self.standing = self.standing.after(&reason);
        self.stats.count_loss(&reason);
        self.timers.disarm_connection();
        self.keepalive.reset();
        match blame {
            Blame::Nobody => self.outbox.requeue(),
            Blame::Oldest => {
                let (status, specs) = self.outbox.break_connection();
                if let Some(entry) = status {
                    let owed = entry.to_owed(self.uuid_of(entry.about.job));
                    self.settle_status(entry.gone(), Outcome::SetAside(owed));
                }
                if let Some(entry) = specs {
                    let owed = entry.to_owed();
                    self.settle_specs(&entry, Outcome::SetAside(owed));
                }
            }
        }
        self.emit(Event::ConnectionLost {
            connection,
            reason,
            owed: self.outbox.len(),
        });
    }

    /// Drops a connection that is beyond a closing handshake.
    pub(super) fn give_up(&mut self, connection: ConnectionId, reason: LostReason, blame: Blame) {
        self.outputs.push(Output::Disconnect(connection, None));
        self.lose(connection, reason.clone(), blame);
        self.wait(Retry::Backoff, reason);
    }

    /// Closes a connection with a handshake, to try again after it.
    pub(super) fn give_up_politely(
        &mut self,
        connection: ConnectionId,
        reason: LostReason,
        retry: Retry,
        blame: Blame,
    ) {
        self.lose(connection, reason.clone(), blame);
        self.close(connection, Then::Retry(retry, reason));
    }

    pub(super) fn close(&mut self, connection: ConnectionId, then: Then) {
        self.timers.disarm_connection();
        // While stopping, the drain deadline ends it too.
        self.timers
            .arm(Timer::Close, self.now + self.config.close_timeout);
        self.outputs.push(Output::Disconnect(
            connection,
            Some(CloseFrame::new(CloseFrame::NORMAL)),
        ));
        self.link = Link::Closing { connection, then };
    }

    pub(super) fn after_closing(&mut self, then: Then) {
        match then {
            Then::Stop => self.finish(),
            Then::Retry(retry, reason) => {
                self.timers.disarm(Timer::Close);
                self.wait(retry, reason);
            }
        }
    }

    /// Without a connection: until when?
    pub(super) fn wait(&mut self, retry: Retry, reason: LostReason) {
        let Some(delay) = self.backoff.next_delay(retry, &self.config) else {
            return self.finish();
        };
        let next_attempt = self.now + delay;
        self.link = Link::Waiting {
            reason,
            next_attempt,
        };
        if self
            .draining
            .is_some_and(|deadline| next_attempt >= deadline)
        {
            self.finish();
        } else {
            self.timers.arm(Timer::Reconnect, next_attempt);
        }
    }

    /// Stopping, and nothing is owed any more.
    pub(super) fn close_drained(&mut self) {
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
    pub(super) fn drop_connection(&mut self) {
        if let Link::Connecting(connection)
        | Link::Authenticating(connection)
        | Link::Ready { connection, .. }
        | Link::Closing { connection, .. } = self.link
        {
            self.outputs.push(Output::Disconnect(connection, None));
        }
    }

    /// The end of the session: what is left is handed back.
    pub(super) fn finish(&mut self) {
        self.timers.disarm_all();
        self.keepalive.reset();
        self.draining = None;
        self.link = Link::Down;
        let (statuses, specs) = self.outbox.take_all();
        let mut owed = Vec::with_capacity(statuses.len() + specs.len());
        for entry in statuses.into_values() {
            let whole = entry.to_owed(self.uuid_of(entry.about.job));
            self.settle_status(entry.gone(), Outcome::HandedBack(whole.clone()));
            owed.push(whole);
        }
        for entry in specs.into_values() {
            let whole = entry.to_owed();
            self.settle_specs(&entry, Outcome::HandedBack(whole.clone()));
            owed.push(whole);
        }
        self.left.clone_from(&owed);
        self.announce();
        self.emit(Event::Stopped { owed });
    }
}

/// The time that so many bytes may take on a slow line.
fn milliseconds_for(bytes: usize) -> u64 {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    bytes.saturating_mul(1000) / SLOWEST_LINE
}
