//! The other side of the protocol: a facilitator without sockets, clock or chance, for demos, tests, a development
//! server, simulation and model checking. This file composes the parts and owns the connections' lifecycle; what is
//! answered to a message is in `handler`, what is pushed in `push`, what is remembered in `record`.
//!
//! # Driving it
//!
//! [`Facilitator`] is a state machine. Its owner brings time and transport:
//!
//! 1. Ask [`judge_upgrade`](Facilitator::judge_upgrade), accept a WebSocket, give it a [`ConnectionId`] that was never used before, call
//!    [`handle_connected`](Facilitator::handle_connected) with the request's headers.
//! 2. Hand in what happens: [`handle_frame`](Facilitator::handle_frame),
//!    [`handle_disconnected`](Facilitator::handle_disconnected), and commands such as
//!    [`push_job`](Facilitator::push_job).
//! 3. Drain [`poll_output`](Facilitator::poll_output) until it returns `None`. Transmit the frames in order; after an
//!    [`Output::Disconnect`] the connection is forgotten, and inputs for it are ignored, as are those of any unknown one.
//!    A frame for a connection whose loss was reported before the frame was drained can be thrown away.
//! 4. Call [`handle_timeout`](Facilitator::handle_timeout) at [`poll_timeout`](Facilitator::poll_timeout). Early, late
//!    and repeated calls are harmless.
//!
//! Time never goes backwards: an older `now` counts as the newest one seen. Any input is legal before a drain has ended.
//! The WebSocket layer answers pings and close frames itself; the machine only takes note of them.
//! The same inputs give the same outputs, and a clone behaves as its original.
//!
//! ```
//! # #[cfg(feature = "sr25519")] {
//! use facilitator_core::facilitator::{Facilitator, FacilitatorConfig, Output};
//! use facilitator_core::message::ValidatorMessage;
//! use facilitator_core::signature::{Keypair, Scheme, authentication_request};
//! use facilitator_core::{ConnectionId, Frame, Timestamp};
//!
//! let mut facilitator = Facilitator::new(FacilitatorConfig::default());
//! let (now, conn) = (Timestamp::ZERO, ConnectionId(1));
//! facilitator.handle_connected(now, conn, &[("X-Validator-Version", "1.0")]);
//!
//! let keypair = Keypair::from_seed(Scheme::Sr25519, [7; 32])?;
//! let hello = ValidatorMessage::Authentication(authentication_request(&keypair));
//! facilitator.handle_frame(now, conn, Frame::text(hello.encode()));
//!
//! let mut answers = Vec::new();
//! while let Some(output) = facilitator.poll_output() {
//!     if let Output::Transmit { frame: Frame::Text(text), .. } = output {
//!         answers.push(text);
//!     }
//! }
//! assert_eq!(&*answers[0], r#"{"status":"success","errors":[]}"#);
//! # }
//! # Ok::<(), facilitator_core::signature::KeyError>(())
//! ```
//!
//! # What it imitates
//!
//! The reference's `ValidatorConsumer` behind one of two [`Server`]s, crashes included ([`Poison`]). Simpler than the
//! reference on purpose:
//!
//! * Machine specs count as parsable when `cpu` is an object with an integer `count`, and `ram` and `hard_disk` are
//!   objects. A NUL character anywhere in them crashes.
//! * A connection whose transport is reported lost is forgotten; the reference may believe in it for minutes. To have
//!   a connection that is dead without anybody knowing, report its loss later.
//! * Jobs that find no validator wait for one; the reference refuses to create them.
//! * Any sign of life, not only a pong, answers a ping.

mod answers;
mod config;
mod connection;
mod handler;
mod output;
mod poison;
mod push;
mod record;
mod upgrade;
mod verdict;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

pub use config::{FacilitatorConfig, Known, Limits, Server};
use connection::{Connection, Phase, READ_AHEAD};
pub use output::{
    AuthenticationRefusal, Delivery, EndCause, Event, Output, Poison, PushError, SpecsOutcome,
    StatusOutcome, UnknownJob,
};
pub use record::{JobRecord, Stats, StoredSpecs, StoredStatus, ValidatorRecord};
use record::{Jobs, SpecsLog};
pub use upgrade::UpgradeRefusal;
pub use verdict::Verdict;

use crate::message::{FacilitatorMessage, JobStatus, Response};
use crate::signature::AccountId;
use crate::{CloseFrame, ConnectionId, Frame, Timestamp};

/// Whether a restart keeps the record of jobs, machine specs and validators.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Memory {
    /// As when only the process was replaced.
    Kept,
    /// As when the database went with it: every job is `job.not_found` from then on.
    Lost,
}

/// A simulated facilitator. The [module](self) says how to drive it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facilitator {
    config: FacilitatorConfig,
    now: Timestamp,
    /// The wall clock at the origin of `now`.
    unix_origin: Duration,
    connections: BTreeMap<ConnectionId, Connection>,
    jobs: Jobs,
    specs: SpecsLog,
    validators: BTreeMap<AccountId, ValidatorRecord>,
    /// Jobs given to validators so far, so that they can take turns.
    jobs_given: u64,
    stats: Stats,
    outputs: VecDeque<Output>,
}

/// Inputs and outputs.
impl Facilitator {
    /// A facilitator without connections and jobs.
    pub fn new(config: FacilitatorConfig) -> Self {
        Self {
            config,
            now: Timestamp::ZERO,
            unix_origin: Duration::ZERO,
            connections: BTreeMap::new(),
            jobs: Jobs::default(),
            specs: SpecsLog::default(),
            validators: BTreeMap::new(),
            jobs_given: 0,
            stats: Stats::default(),
            outputs: VecDeque::new(),
        }
    }

    /// A WebSocket was accepted; `headers` are those of its request, as names and values.
    ///
    /// A number that is in use is ignored. A connection too many is closed with 1013, and one whose headers
    /// [`judge_upgrade`](Self::judge_upgrade) refuses with 3000.
    pub fn handle_connected(
        &mut self,
        now: Timestamp,
        conn: ConnectionId,
        headers: &[(&str, &str)],
    ) {
        self.advance(now);
        if self.connections.contains_key(&conn) {
            self.stats.stray_inputs += 1;
            return;
        }
        self.stats.connections += 1;
        let full = self.connections.len() >= self.config.limits.connections;
        self.connections
            .insert(conn, Connection::new(self.now, &self.config, headers));
        if full {
            self.end(
                conn,
                Some(CloseFrame::new(TRY_AGAIN_LATER)),
                EndCause::TooManyConnections,
            );
            return;
        }
        match self.judge_upgrade(self.now, headers) {
            Ok(None) => {}
            Ok(Some(validator)) => {
                self.note_authenticated(self.now, conn, validator);
                self.give_work(conn, validator);
            }
            // Accepted all the same, by an owner that did not ask.
            Err(_) => {
                let close = CloseFrame::new(CloseFrame::SIGNATURE_INVALID);
                self.end(conn, Some(close), EndCause::AuthenticationRefused);
            }
        }
    }

    /// A frame arrived.
    pub fn handle_frame(&mut self, now: Timestamp, conn: ConnectionId, frame: Frame) {
        self.advance(now);
        let Some(connection) = self.connections.get_mut(&conn) else {
            self.stats.stray_inputs += 1;
            return;
        };
        connection.note_alive();
        match frame {
            Frame::Ping(_) | Frame::Pong(_) => {}
            Frame::Close(close) if matches!(connection.phase, Phase::Crashed { .. }) => {
                self.end(conn, close.clone(), EndCause::ClosedByPeer(close));
            }
            // After a crash nobody reads any more.
            _ if matches!(connection.phase, Phase::Crashed { .. }) => {}
            frame if frame.len() > self.config.limits.message_size => self.refuse_size(conn),
            frame if self.config.handling_time.is_zero() && connection.is_idle() => {
                self.handle_in_turn(self.now, conn, frame);
            }
            frame => {
                if connection.enqueue(self.now, frame, &self.config) {
                    self.look_for_close(conn);
                } else {
                    self.end(conn, None, EndCause::InboxFull);
                }
            }
        }
    }

    /// The WebSocket layer refused a message that is larger than
    /// [`message_size`](Limits::message_size), and never held it.
    pub fn handle_message_too_big(&mut self, now: Timestamp, conn: ConnectionId) {
        self.advance(now);
        match self.connections.get_mut(&conn) {
            None => self.stats.stray_inputs += 1,
            // After a crash nobody reads any more.
            Some(connection) if matches!(connection.phase, Phase::Crashed { .. }) => {}
            Some(_) => self.refuse_size(conn),
        }
    }

    /// The transport of a connection is gone.
    pub fn handle_disconnected(&mut self, now: Timestamp, conn: ConnectionId) {
        self.advance(now);
        if self.connections.contains_key(&conn) {
            self.finish_inbox(conn);
            self.end(conn, None, EndCause::Disconnected);
        } else {
            self.stats.stray_inputs += 1;
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.advance(now);
        let now = self.now;
        let conns: Vec<ConnectionId> = self.connections.keys().copied().collect();
        for conn in conns {
            let Some(connection) = self.connections.get_mut(&conn) else {
                continue;
            };
            if let Phase::Crashed { close_at } = connection.phase {
                if close_at <= now {
                    self.end_crashed(conn);
                }
            } else if connection
                .drop_at(self.config.drop_timeout)
                .is_some_and(|at| at <= now)
            {
                self.end(
                    conn,
                    Some(CloseFrame::new(CloseFrame::VALIDATOR_NOT_FOUND)),
                    EndCause::NotHeardFrom,
                );
            } else if connection.is_silent(now) {
                let close = match self.config.server {
                    Server::Uvicorn => Some(CloseFrame::new(CloseFrame::INTERNAL_ERROR)),
                    Server::Daphne => None,
                };
                self.end(conn, close, EndCause::Silent);
            } else if let Some(payload) = connection.take_ping(now, &self.config) {
                self.transmit(conn, Frame::Ping(payload));
            }
        }
    }

    /// The next output, in causal order; `None` ends the drain.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next: the newest time seen while output is queued, `None`
    /// when nothing will happen by itself.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if !self.outputs.is_empty() {
            return Some(self.now);
        }
        self.connections
            .values()
            .filter_map(|connection| connection.next_deadline(self.config.drop_timeout))
            .min()
    }
}

/// Commands that are about connections.
impl Facilitator {
    /// Replaces the list of known validators and closes, with 3001, the connections of those that are no longer on it.
    pub fn set_validators(&mut self, now: Timestamp, validators: Known) {
        self.advance(now);
        self.config.validators = validators;
        let unwanted = self.conns_where(|account| !self.config.validators.contains(account));
        self.force_disconnect(unwanted);
    }

    /// Closes every connection of a validator with 3001, as the reference does when it wants one gone.
    /// The validator stays known. Returns how many there were.
    pub fn disconnect_validator(&mut self, now: Timestamp, validator: AccountId) -> usize {
        self.advance(now);
        let conns = self.conns_where(|account| account == validator);
        let count = conns.len();
        self.force_disconnect(conns);
        count
    }

    /// Makes a connection mute, or no longer so: what arrives is handled as ever, but nothing is sent.
    pub fn set_mute(&mut self, conn: ConnectionId, mute: bool) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.mute = mute;
        }
    }

    /// The process dies and comes back: every connection is dropped without a close frame, and what waited to be
    /// handled is gone.
    pub fn restart(&mut self, now: Timestamp, memory: Memory) {
        self.advance(now);
        let conns: Vec<ConnectionId> = self.connections.keys().copied().collect();
        for conn in conns {
            self.end(conn, None, EndCause::Restart);
        }
        if memory == Memory::Lost {
            self.jobs = Jobs::default();
            self.specs = SpecsLog::default();
            self.validators.clear();
            self.stats = Stats::default();
        }
    }
}

/// The record.
impl Facilitator {
    /// The newest time that was handed in.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// What it was built with, and [`set_validators`](Self::set_validators) changed.
    pub fn config(&self) -> &FacilitatorConfig {
        &self.config
    }

    /// The job with this uuid, in any of a UUID's spellings.
    pub fn job(&self, uuid: &str) -> Option<&JobRecord> {
        self.jobs.get(&crate::message::parse_uuid(uuid)?)
    }

    /// Every job, in the order of pushing.
    pub fn jobs(&self) -> impl DoubleEndedIterator<Item = &JobRecord> {
        self.jobs.iter()
    }

    /// The newest machine specs, oldest first.
    pub fn machine_specs(
        &self,
    ) -> impl DoubleEndedIterator<Item = &StoredSpecs> + ExactSizeIterator {
        self.specs.iter()
    }

    /// Every validator that ever authenticated.
    pub fn validators(&self) -> impl Iterator<Item = (AccountId, &ValidatorRecord)> {
        self.validators
            .iter()
            .map(|(account, record)| (*account, record))
    }

    /// The open connections with the validator that each speaks for, once it has authenticated.
    pub fn connections(&self) -> impl Iterator<Item = (ConnectionId, Option<AccountId>)> {
        self.connections
            .iter()
            .map(|(conn, connection)| (*conn, connection.validator()))
    }

    /// The counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Judges a validator's whole book: for each job the statuses that it submitted, in order.
    pub fn verdict<'a>(
        &self,
        submitted: impl IntoIterator<Item = (&'a str, &'a [JobStatus])>,
    ) -> Verdict {
        submitted
            .into_iter()
            .map(|(uuid, statuses)| Verdict::of_job(statuses, self.job(uuid)))
            .sum()
    }
}

/// 1013, try again later: RFC 6455's registry, and nothing that the reference would say.
const TRY_AGAIN_LATER: u16 = 1013;

impl Facilitator {
    /// Moves time on and handles every waiting frame that is done by then, in the order of time.
    fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        if self.config.handling_time.is_zero() {
            return;
        }
        loop {
            let next = self
                .connections
                .iter()
                .filter_map(|(conn, connection)| Some((connection.done_at()?, *conn)))
                .min()
                .filter(|(at, _)| *at <= self.now);
            let Some((at, conn)) = next else {
                return;
            };
            let handling_time = self.config.handling_time;
            let Some(frame) = self
                .connections
                .get_mut(&conn)
                .and_then(|c| c.take_done(handling_time))
            else {
                return;
            };
            self.handle_in_turn(at, conn, frame);
            self.look_for_close(conn);
        }
    }

    /// Handles one frame whose turn has come.
    fn handle_in_turn(&mut self, at: Timestamp, conn: ConnectionId, frame: Frame) {
        match frame {
            Frame::Text(text) => self.handle_text(at, conn, &text),
            Frame::Binary(_) => self.handle_binary(conn),
            Frame::Close(close) => self.end(conn, close.clone(), EndCause::ClosedByPeer(close)),
            Frame::Ping(_) | Frame::Pong(_) => {}
        }
    }

    /// Ends a connection whose close frame the server has read although frames before it still wait.
    fn look_for_close(&mut self, conn: ConnectionId) {
        let read_ahead = match self.config.server {
            Server::Uvicorn => READ_AHEAD,
            Server::Daphne => usize::MAX,
        };
        let close = self
            .connections
            .get(&conn)
            .and_then(|connection| connection.close_in_sight(read_ahead));
        if let Some(Frame::Close(close)) = close.cloned() {
            self.finish_inbox(conn);
            self.end(conn, close.clone(), EndCause::ClosedByPeer(close));
        }
    }

    /// What the server still does with the frames of a connection that is over: nobody hears the answers.
    fn finish_inbox(&mut self, conn: ConnectionId) {
        let left = match self.config.server {
            Server::Uvicorn => 1,
            Server::Daphne => usize::MAX,
        };
        for _ in 0..left {
            let Some(connection) = self.connections.get_mut(&conn) else {
                return;
            };
            connection.over = true;
            match connection.take_next() {
                None | Some(Frame::Close(_)) => return,
                Some(frame) => self.handle_in_turn(self.now, conn, frame),
            }
        }
    }

    fn refuse_size(&mut self, conn: ConnectionId) {
        let close = CloseFrame::new(CloseFrame::TOO_BIG);
        self.end(conn, Some(close), EndCause::MessageTooBig);
    }

    fn end_crashed(&mut self, conn: ConnectionId) {
        let close = match self.config.server {
            Server::Uvicorn => None,
            Server::Daphne => Some(CloseFrame::new(CloseFrame::INTERNAL_ERROR)),
        };
        self.end(conn, close, EndCause::Crashed);
    }

    /// Forgets a connection and says so; its owner is told to end it unless it reported the end itself.
    fn end(&mut self, conn: ConnectionId, close: Option<CloseFrame>, cause: EndCause) {
        let by_peer = matches!(cause, EndCause::Disconnected | EndCause::ClosedByPeer(_));
        // What a frame handled after the peer went would have led to does not matter any more.
        if !by_peer
            && self
                .connections
                .get(&conn)
                .is_some_and(|connection| connection.over)
        {
            return;
        }
        if self.connections.remove(&conn).is_none() {
            return;
        }
        if cause != EndCause::Disconnected {
            self.outputs.push_back(Output::Disconnect { conn, close });
        }
        self.event(Event::Ended { conn, cause });
    }

    fn force_disconnect(&mut self, conns: Vec<ConnectionId>) {
        for conn in conns {
            let close = CloseFrame::new(CloseFrame::VALIDATOR_NOT_FOUND);
            self.end(conn, Some(close), EndCause::ForcedDisconnect);
        }
    }

    /// The connections whose validator is of a kind.
    fn conns_where(&self, wanted: impl Fn(AccountId) -> bool) -> Vec<ConnectionId> {
        self.connections
            .iter()
            .filter(|(_, connection)| connection.validator().is_some_and(&wanted))
            .map(|(conn, _)| *conn)
            .collect()
    }

    /// Sends a frame, unless nobody is to hear it. Whether it was sent.
    fn transmit(&mut self, conn: ConnectionId, frame: Frame) -> bool {
        let heard = self
            .connections
            .get(&conn)
            .is_some_and(|connection| !connection.mute && !connection.over);
        if heard {
            self.outputs.push_back(Output::Transmit { conn, frame });
        }
        heard
    }

    fn respond(&mut self, conn: ConnectionId, response: Response) {
        if self.transmit(
            conn,
            Frame::text(FacilitatorMessage::Response(response).encode()),
        ) {
            self.stats.responses += 1;
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

#[cfg(test)]
mod tests;
