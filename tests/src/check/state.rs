//! One moment of a run, and how it goes on: both ends, what is between them, and what may still go wrong. What is checked at
//! each step is the ledger's, besides what takes both ends to see.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use facilitator_core::client::{
    Config, ConnectFailure, ConnectFailureKind, Disconnected, FacilitatorClient, Output, Phase,
};
use facilitator_core::facilitator::{self, Facilitator, FacilitatorConfig, Known};
use facilitator_core::message::{
    FacilitatorMessage, JobStatus, JobStatusMetadata, MinerResponse, V0JobStatusUpdate,
};
use facilitator_core::{ConnectionId, Frame, Timestamp};

use super::action::Action;
use super::bounds::{Bounds, Poison};
use super::identity::Key;
use super::ledger::{Cause, Ledger};
use super::link::{Link, Parcel};
use super::promise::{Broken, Promise};
use super::said::{Said, in_words};
use crate::pair::key;
use crate::solo::{job, job_request, update};

/// Messages above this are too large for the facilitator: all but the poison are far smaller.
const MESSAGE_SIZE: usize = 2048;

/// Where every run begins: the session is started, its first attempt under way, all jobs wait for it.
///
/// Both ends are shared until one of them changes: a clone is cheap.
#[derive(Clone, Debug)]
pub struct State {
    pub(super) bounds: Arc<Bounds>,
    pub(super) plan: Arc<[JobStatus]>,
    pub(super) now: Timestamp,
    pub(super) client: Arc<FacilitatorClient>,
    /// The identity of the session, until it changes.
    pub(super) client_key: Option<Key>,
    pub(super) facilitator: Arc<Facilitator>,
    /// The connection attempt under way.
    pub(super) attempt: Option<ConnectionId>,
    pub(super) link: Option<Link>,
    /// What the session sent on a connection that only it has lost.
    pub(super) lingering: Option<(ConnectionId, VecDeque<Frame>)>,
    /// What was under way to the session on the connection that was lost last.
    pub(super) late: VecDeque<(ConnectionId, Frame)>,
    pub(super) ledger: Ledger,
    /// Faults that are still to be had.
    pub(super) left: Left,
}

/// How many of each fault are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Left {
    cuts: u8,
    halves: u8,
    refusals: u8,
    delays: u8,
    late: u8,
    twice: u8,
    amnesia: u8,
}

/// A step that led somewhere, or broke a promise.
pub(super) type Step = (Action, Result<State, Broken>);

impl State {
    /// The first state of every run within these bounds.
    ///
    /// # Errors
    ///
    /// A promise that is broken before anything has happened.
    ///
    /// # Panics
    ///
    /// When the bounds make no sense to the session.
    pub fn first(bounds: &Bounds) -> Result<Self, Broken> {
        let keypair = key(1);
        let config = Config {
            window: bounds.window,
            outbox_entries: bounds.outbox,
            acknowledgement_timeout: Bounds::ACKNOWLEDGEMENT,
            drain_timeout: Bounds::DRAIN,
            ..crate::solo::config()
        };
        let client = FacilitatorClient::new(config, &keypair, 7);
        let mut client = client.unwrap_or_else(|error| panic!("{error}"));
        let mut known = FacilitatorConfig {
            validators: Known::only([keypair.account()]),
            // A request that a cut swallowed comes again, and so does one whose answer was swallowed.
            resend_unanswered: true,
            // Nothing happens there by time within the patience of a run.
            ping_interval: None,
            routing_timeout: Bounds::PATIENCE * 10,
            drop_timeout: Bounds::PATIENCE * 10,
            ..FacilitatorConfig::default()
        };
        known.limits.message_size = MESSAGE_SIZE;
        let mut facilitator = Facilitator::new(known);
        for n in 0..bounds.jobs {
            let request = FacilitatorMessage::decode(
                &job_request(&job(n as u128)),
                facilitator_core::message::DecodeMode::Strict,
            );
            match request.map(|decoded| decoded.message) {
                Ok(FacilitatorMessage::JobRequest(request)) => {
                    let pushed = facilitator.push_job(Timestamp::ZERO, *request);
                    pushed.unwrap_or_else(|error| panic!("{error:?}"));
                }
                other => panic!("no job request: {other:?}"),
            }
        }
        client
            .start(Timestamp::ZERO)
            .unwrap_or_else(|error| panic!("{error}"));
        let mut state = Self {
            bounds: Arc::new(bounds.clone()),
            plan: bounds.plan().into(),
            now: Timestamp::ZERO,
            client: Arc::new(client),
            client_key: None,
            facilitator: Arc::new(facilitator),
            attempt: None,
            link: None,
            lingering: None,
            late: VecDeque::new(),
            ledger: Ledger::new(bounds.jobs),
            left: Left {
                cuts: bounds.cuts,
                halves: bounds.halves,
                refusals: bounds.refusals,
                delays: bounds.delays,
                late: bounds.late,
                twice: bounds.twice,
                amnesia: bounds.amnesia,
            },
        };
        state.settle(Cause::Other)?;
        state.check()?;
        state.client_key = Some(state.find_client_key());
        Ok(state)
    }

    /// Whether this is an end: all jobs are delivered, and the session is ready for more; or it was stopped.
    pub fn is_end(&self) -> bool {
        self.is_quiet()
            && (self.ledger.stopped
                || self.ledger.is_settled() && self.client.phase() == Phase::Ready)
    }

    /// Whether nothing is under way.
    fn is_quiet(&self) -> bool {
        let link = self.link.as_ref();
        self.attempt.is_none() && link.is_none_or(|link| link.up.is_empty() && link.down.is_empty())
    }

    /// All that can happen next, each with what it leads to.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut attempt = |action| {
            if let Some(result) = self.step(action) {
                steps.push((action, result));
                true
            } else {
                false
            }
        };
        for action in [Action::Connect, Action::Up, Action::Down] {
            attempt(action);
        }
        let mut can_give = false;
        for n in (0u8..).take(self.bounds.jobs) {
            can_give |= attempt(Action::Give(n));
        }
        // The application takes its time, but not for ever: a session that is ready waits for nothing else.
        let waits_for_it = can_give && self.client.phase() == Phase::Ready;
        if !self.is_end() && !waits_for_it {
            attempt(Action::Time);
        }
        for action in [
            Action::Stop,
            Action::Cut,
            Action::Halve,
            Action::Linger,
            Action::Refuse,
            Action::Delay,
            Action::Late,
            Action::Twice,
        ] {
            attempt(action);
        }
        for n in (0u8..).take(self.bounds.jobs) {
            attempt(Action::Forget(n));
        }
        steps
    }

    /// What this action leads to; `None` when it is not possible now.
    pub(super) fn step(&self, action: Action) -> Option<Result<Self, Broken>> {
        if !self.may(action) {
            return None;
        }
        let mut next = self.clone();
        let done = catch_unwind(AssertUnwindSafe(|| {
            let possible = next.act(action)?;
            if possible {
                next.check()?;
                if next.client_key.is_none() {
                    next.client_key = Some(next.find_client_key());
                }
            }
            Ok(possible)
        }));
        match done {
            Ok(Ok(true)) => Some(Ok(next)),
            Ok(Ok(false)) => None,
            Ok(Err(broken)) => Some(Err(broken)),
            Err(_) => Some(Err(
                Promise::NoPanic.broken("it panicked; the message stands above")
            )),
        }
    }

    /// Whether it is worth a try. What this lets through can still turn out to be impossible.
    fn may(&self, action: Action) -> bool {
        let left = &self.left;
        let link = self.link.as_ref();
        let is_asked = self.client.poll_timeout().is_some();
        match action {
            Action::Connect => self.attempt.is_some(),
            Action::Refuse => self.attempt.is_some() && left.refusals > 0,
            Action::Up => link.is_some_and(|link| !link.up.is_empty()),
            Action::Down => link.is_some_and(|link| !link.down.is_empty()),
            Action::Give(n) => self.ledger.next(n, &self.plan).is_some(),
            Action::Time => is_asked && self.is_quiet(),
            Action::Delay => is_asked && !self.is_quiet() && left.delays > 0,
            Action::Stop => self.bounds.stop && self.ledger.stop_by.is_none(),
            Action::Cut => link.is_some() && left.cuts > 0,
            Action::Halve => {
                let under_way = link.is_some_and(|link| !link.up.is_empty());
                under_way && self.lingering.is_none() && left.halves > 0
            }
            Action::Linger => self.lingering.is_some(),
            Action::Late => !self.late.is_empty() && left.late > 0,
            Action::Twice => {
                let next = link.and_then(|link| link.down.front());
                left.twice > 0 && matches!(next, Some(Parcel::Frame(Frame::Text(_))))
            }
            Action::Forget(n) => left.amnesia > 0 && !self.stored(n).is_empty(),
        }
    }

    /// Does it. False when it turns out not to be possible.
    fn act(&mut self, action: Action) -> Result<bool, Broken> {
        match action {
            Action::Connect => self.connect(),
            Action::Refuse => self.refuse(),
            Action::Up => Ok(self.up()),
            Action::Down => self.down(),
            Action::Give(n) => self.give(n),
            Action::Time => self.wait(),
            Action::Delay => {
                self.left.delays -= 1;
                self.wait()
            }
            Action::Stop => self.stop(),
            Action::Cut => {
                self.left.cuts -= 1;
                self.lose_link(false)
            }
            Action::Halve => {
                self.left.halves -= 1;
                self.lose_link(true)
            }
            Action::Linger => Ok(self.linger()),
            Action::Late => self.read_late(),
            Action::Twice => self.read_twice(),
            Action::Forget(n) => {
                self.left.amnesia -= 1;
                self.peer().forget_job(&job(u128::from(n)));
                Ok(true)
            }
        }
    }

    fn session(&mut self) -> &mut FacilitatorClient {
        self.client_key = None;
        Arc::make_mut(&mut self.client)
    }

    fn peer(&mut self) -> &mut Facilitator {
        Arc::make_mut(&mut self.facilitator)
    }

    fn connect(&mut self) -> Result<bool, Broken> {
        let Some(conn) = self.attempt.take() else {
            return Ok(false);
        };
        let now = self.now;
        self.peer().handle_connected(now, conn, &[]);
        self.link = Some(Link::new(conn));
        self.ledger.connected(conn);
        self.session().handle_connected(now, conn);
        self.settle(Cause::Other)?;
        Ok(true)
    }

    fn refuse(&mut self) -> Result<bool, Broken> {
        let Some(conn) = self.attempt.take() else {
            return Ok(false);
        };
        self.left.refusals -= 1;
        let failure = ConnectFailure::new(ConnectFailureKind::Refused, "");
        let now = self.now;
        self.session().handle_connect_failed(now, conn, failure);
        self.settle(Cause::Other)?;
        Ok(true)
    }

    fn up(&mut self) -> bool {
        let Some(link) = &mut self.link else {
            return false;
        };
        let Some(frame) = link.up.pop_front() else {
            return false;
        };
        let conn = link.conn;
        if let Frame::Ping(payload) = &frame {
            // The WebSocket layer answers pings by itself.
            let pong = Frame::Pong(payload.clone());
            link.down.push_back(Parcel::Frame(pong));
        }
        self.deliver(conn, frame);
        self.settle_peer();
        true
    }

    /// Hands a frame to the facilitator, poison included.
    fn deliver(&mut self, conn: ConnectionId, frame: Frame) {
        let (now, crash) = (self.now, self.crashes_on(&frame));
        if crash != Some(Poison::Crash) {
            self.peer().handle_frame(now, conn, frame);
        }
        if crash.is_some() {
            // Nothing that the handler put out leaves the server.
            self.peer().handle_disconnected(now, conn);
            while self.peer().poll_output().is_some() {}
            if let Some(link) = self.link.as_mut().filter(|link| link.conn == conn) {
                link.end(Disconnected::EndOfStream);
            }
        }
    }

    fn crashes_on(&self, frame: &Frame) -> Option<Poison> {
        let crash = self
            .bounds
            .poison
            .filter(|poison| *poison != Poison::Oversized)?;
        let (Frame::Text(text), Some(status)) = (frame, self.plan.get(1)) else {
            return None;
        };
        let poison = Said::of(text) == Said::Status(0, status.as_str().into());
        let stored = crash == Poison::StoredCrash && self.stored(0).contains(status);
        (poison && !stored).then_some(crash)
    }

    fn down(&mut self) -> Result<bool, Broken> {
        let Some(link) = &mut self.link else {
            return Ok(false);
        };
        let Some(parcel) = link.down.pop_front() else {
            return Ok(false);
        };
        let (now, conn) = (self.now, link.conn);
        match parcel {
            Parcel::Frame(frame) => self.read(conn, frame)?,
            Parcel::End(how) => {
                self.link = None;
                self.session().handle_disconnected(now, conn, how);
                self.settle(Cause::Other)?;
                self.ledger.disconnected();
            }
        }
        Ok(true)
    }

    /// The session reads a frame of the connection that stands.
    fn read(&mut self, conn: ConnectionId, frame: Frame) -> Result<(), Broken> {
        let cause = match &frame {
            Frame::Text(text) => self.ledger.reads(&Said::of(text)),
            _ => Cause::Other,
        };
        if let (Frame::Ping(payload), Some(link)) = (&frame, &mut self.link) {
            link.send_up(Frame::Pong(payload.clone()));
        }
        let now = self.now;
        self.session().handle_frame(now, conn, frame);
        self.settle(cause)
    }

    fn give(&mut self, n: u8) -> Result<bool, Broken> {
        let Some(status) = self.ledger.next(n, &self.plan) else {
            return Ok(false);
        };
        let (now, update) = (self.now, self.update(n, status));
        match self.session().send_job_status(now, update) {
            Ok(id) => {
                self.ledger.gave(n, status, Some(id));
                self.settle(Cause::Other)?;
                Ok(true)
            }
            Err(error) if error.is_full() && !status.is_terminal() => Ok(false),
            Err(error) if error.is_full() => {
                let what = format!("job {n} {} was refused: {error}", status.as_str());
                Err(Promise::RoomForTheLastWord.broken(what))
            }
            Err(error) => {
                let what = format!("job {n} {} was refused: {error}", status.as_str());
                Err(Promise::Understood.broken(what))
            }
        }
    }

    fn update(&self, n: u8, status: JobStatus) -> V0JobStatusUpdate {
        let uuid = job(u128::from(n));
        let is_poison = n == 0 && self.plan.get(1) == Some(&status);
        if !(is_poison && self.bounds.poison == Some(Poison::Oversized)) {
            return update(&uuid, status);
        }
        let output = "x".repeat(MESSAGE_SIZE);
        V0JobStatusUpdate::new(uuid, status).with_metadata(JobStatusMetadata {
            miner_response: Some(Box::new(MinerResponse::new("", &output))),
            ..JobStatusMetadata::default()
        })
    }

    /// Time passes until the session's next deadline.
    fn wait(&mut self) -> Result<bool, Broken> {
        let Some((at, _)) = self.client.poll_timeout() else {
            return Ok(false);
        };
        self.now = self.now.max(at);
        let now = self.now;
        Promise::DeliveredInTheEnd.check(now.as_duration() < Bounds::PATIENCE, || {
            format!(
                "{now} have passed, and {} updates are still owed",
                self.ledger.owed()
            )
        })?;
        self.session().handle_timeout(now);
        self.settle(Cause::Other)?;
        Ok(true)
    }

    fn stop(&mut self) -> Result<bool, Broken> {
        let now = self.now;
        if let Err(error) = self.session().stop(now) {
            return Err(Promise::StopEnds.broken(error.to_string()));
        }
        self.ledger.stop_by = Some(now + Bounds::DRAIN);
        self.settle(Cause::Other)?;
        Ok(true)
    }

    /// The session sees the connection end; the facilitator does too, unless it only lingers.
    fn lose_link(&mut self, lingers: bool) -> Result<bool, Broken> {
        let Some(link) = self.link.take() else {
            return Ok(false);
        };
        let (now, conn) = (self.now, link.conn);
        self.part(link, lingers);
        self.session()
            .handle_disconnected(now, conn, Disconnected::EndOfStream);
        self.settle(Cause::Other)?;
        self.ledger.disconnected();
        Ok(true)
    }

    /// A connection that the session has left.
    fn part(&mut self, link: Link, lingers: bool) {
        let now = self.now;
        if lingers {
            self.lingering = Some((link.conn, link.up));
        } else if link.open {
            self.peer().handle_disconnected(now, link.conn);
        }
        if self.left.late > 0 {
            let frames = link.down.into_iter().filter_map(|parcel| match parcel {
                Parcel::Frame(frame) => Some((link.conn, frame)),
                Parcel::End(_) => None,
            });
            self.late = frames.collect();
        }
    }

    fn linger(&mut self) -> bool {
        let Some((conn, mut frames)) = self.lingering.take() else {
            return false;
        };
        if let Some(frame) = frames.pop_front() {
            self.deliver(conn, frame);
        }
        if frames.is_empty() {
            let now = self.now;
            self.peer().handle_disconnected(now, conn);
        } else {
            self.lingering = Some((conn, frames));
        }
        self.settle_peer();
        true
    }

    fn read_late(&mut self) -> Result<bool, Broken> {
        let Some((conn, frame)) = self.late.pop_front() else {
            return Ok(false);
        };
        self.left.late -= 1;
        let now = self.now;
        self.session().handle_frame(now, conn, frame);
        self.settle(Cause::Stale)?;
        if self.left.late == 0 {
            self.late.clear();
        }
        Ok(true)
    }

    fn read_twice(&mut self) -> Result<bool, Broken> {
        let link = self.link.as_ref();
        let next = link.and_then(|link| Some((link.conn, link.down.front()?)));
        let Some((conn, Parcel::Frame(frame @ Frame::Text(_)))) = next else {
            return Ok(false);
        };
        let frame = frame.clone();
        self.left.twice -= 1;
        self.read(conn, frame)?;
        Ok(true)
    }

    /// Carries out what both ends ask for.
    fn settle(&mut self, cause: Cause) -> Result<(), Broken> {
        let mut outputs = Vec::new();
        while let Some(output) = self.session().poll_output() {
            outputs.push(output);
        }
        self.ledger.take(self.now, &outputs, cause)?;
        for output in outputs {
            match output {
                Output::Connect(conn, _) => {
                    let alone = self.attempt.is_none() && self.link.is_none();
                    self.attempt = Some(conn);
                    Promise::OneConnection
                        .check(alone, || format!("{conn} was asked for beside another one"))?;
                }
                Output::Transmit(conn, frame) => self.send(conn, frame)?,
                Output::Disconnect(conn, Some(close)) => {
                    self.send(conn, Frame::Close(Some(close)))?;
                }
                Output::Disconnect(conn, None) => self.drop_link(conn),
                _ => {}
            }
        }
        self.settle_peer();
        Ok(())
    }

    fn send(&mut self, conn: ConnectionId, frame: Frame) -> Result<(), Broken> {
        if let Some(link) = self.link.as_mut().filter(|link| link.conn == conn) {
            link.send_up(frame);
            return Ok(());
        }
        let what = format!("{} goes to {conn}, which is not there", in_words(&frame));
        Err(Promise::OneConnection.broken(what))
    }

    fn drop_link(&mut self, conn: ConnectionId) {
        self.attempt.take_if(|attempt| *attempt == conn);
        if let Some(link) = self.link.take_if(|link| link.conn == conn) {
            self.part(link, false);
            self.ledger.disconnected();
        }
    }

    fn settle_peer(&mut self) {
        if self.facilitator.poll_timeout() != Some(self.facilitator.now()) {
            return;
        }
        while let Some(output) = self.peer().poll_output() {
            let conn = match &output {
                facilitator::Output::Transmit { conn, .. }
                | facilitator::Output::Disconnect { conn, .. } => *conn,
                facilitator::Output::Event(_) => continue,
            };
            let Some(link) = self.link.as_mut().filter(|link| link.conn == conn) else {
                continue;
            };
            match output {
                facilitator::Output::Transmit { frame, .. } => {
                    link.down.push_back(Parcel::Frame(frame));
                }
                facilitator::Output::Disconnect {
                    close: Some(close), ..
                } => {
                    link.end(Disconnected::Closed(Some(close)));
                }
                facilitator::Output::Disconnect { close: None, .. } => {
                    link.end(Disconnected::EndOfStream);
                }
                facilitator::Output::Event(_) => {}
            }
        }
    }

    /// What the facilitator has of a job, without its own `sent`.
    pub(super) fn stored(&self, n: u8) -> Vec<JobStatus> {
        let record = self.facilitator.job(&job(u128::from(n)));
        let statuses = record.map_or(&[][..], |record| record.statuses());
        let own = statuses.iter().filter(|stored| stored.conn.is_some());
        own.map(|stored| stored.status).collect()
    }

    /// All that has to hold in every state.
    fn check(&self) -> Result<(), Broken> {
        let bounds = &self.bounds;
        self.ledger
            .check(self.client.owed(), bounds.window, bounds.outbox)?;
        // There are no ids: an answer that comes twice is taken for the next one, too.
        let excused = usize::from(bounds.twice - self.left.twice);
        let mut missing = 0;
        for n in (0u8..).take(bounds.jobs) {
            missing += self.ledger.check_stored(n, &self.stored(n), excused)?;
        }
        Promise::DeliveredIsStored.check(missing <= excused, || {
            format!("{missing} updates count as delivered, and the facilitator does not have them")
        })?;
        let stats = self.facilitator.stats();
        let refused = stats.not_authenticated + stats.malformed + stats.authentications_refused;
        Promise::Understood.check(refused == 0, || {
            format!("the facilitator refused {refused} frames: {stats:?}")
        })?;
        let running = self.client.is_running();
        Promise::NeverStalls.check(running == self.client.poll_timeout().is_some(), || {
            format!(
                "running: {running}; the next deadline: {:?}",
                self.client.poll_timeout()
            )
        })?;
        Promise::StopEnds.check(running != self.ledger.stopped, || {
            format!(
                "running: {running}; said to have stopped: {}",
                self.ledger.stopped
            )
        })?;
        let in_time = self
            .ledger
            .stop_by
            .is_none_or(|by| !running || self.now < by);
        Promise::StopEnds.check(in_time, || "the deadline of the stop has passed".into())
    }

    /// What an action is about, in words.
    pub(super) fn describe(&self, action: Action) -> String {
        let link = self.link.as_ref();
        let up = link.and_then(|link| Some((link.conn, in_words(link.up.front()?))));
        let down = link.and_then(|link| Some((link.conn, link.down.front()?.in_words())));
        match (action, up, down) {
            (Action::Up, Some((conn, what)), _) => format!("the facilitator reads {what} ({conn})"),
            (Action::Down, _, Some((conn, what))) => format!("the session reads {what} ({conn})"),
            (Action::Twice, _, Some((conn, what))) => {
                format!("the session reads {what} ({conn}), which will come again")
            }
            (Action::Connect, ..) => format!("the attempt {} succeeds", conn_text(self.attempt)),
            (Action::Refuse, ..) => format!("the attempt {} is refused", conn_text(self.attempt)),
            (Action::Give(n), ..) => {
                let status = self
                    .ledger
                    .next(n, &self.plan)
                    .map_or("?", |status| status.as_str());
                format!("the application gives job {n} {status}")
            }
            (Action::Time | Action::Delay, ..) => {
                let timer = self.client.poll_timeout();
                let what = timer.map_or_else(
                    || "no deadline".into(),
                    |(at, timer)| format!("{at}: the deadline {timer}"),
                );
                let under_way = if action == Action::Delay {
                    ", although frames are under way"
                } else {
                    ""
                };
                format!("time passes until {what}{under_way}")
            }
            (Action::Stop, ..) => "the application stops the session".into(),
            (Action::Cut, ..) => {
                let frames = link.map_or((0, 0), |link| (link.up.len(), link.down.len()));
                format!(
                    "the connection breaks; {} frames to the facilitator and {} to the session are lost",
                    frames.0, frames.1
                )
            }
            (Action::Halve, ..) => "the session's end of the connection breaks".into(),
            (Action::Linger, ..) => {
                let frame = self
                    .lingering
                    .as_ref()
                    .and_then(|(conn, frames)| Some((conn, frames.front()?)));
                frame.map_or_else(String::new, |(conn, frame)| {
                    format!(
                        "the facilitator reads {} ({conn}, which the session has lost)",
                        in_words(frame)
                    )
                })
            }
            (Action::Late, ..) => self.late.front().map_or_else(String::new, |(conn, frame)| {
                format!(
                    "the session reads {} ({conn}, which it has lost)",
                    in_words(frame)
                )
            }),
            (Action::Forget(n), ..) => format!("the facilitator forgets job {n}"),
            (Action::Up | Action::Down | Action::Twice, ..) => action.to_string(),
        }
    }
}

fn conn_text(conn: Option<ConnectionId>) -> String {
    conn.map_or_else(|| "?".into(), |conn| conn.to_string())
}
