//! What the server's handle and its tasks share: the facilitator, and the way of its outputs to connections and
//! listeners. Nothing here waits while it holds the lock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use facilitator_core::facilitator::{Event, Facilitator, Memory, Output, UpgradeRefusal};
use facilitator_core::{CloseFrame, ConnectionId, Frame, Timestamp};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::event::{EventQueues, Handshake, ServerEvent};

/// Bytes that wait to be written to one connection, beyond which it is cut.
const OUTGOING_BYTES: usize = 256 * 1024 * 1024;
/// Frames that wait to be written to one connection besides one for each job on record, beyond which it is cut.
const OUTGOING_FRAMES: usize = 16 * 1024;
/// RFC 6455's registry: the service restarts.
const SERVICE_RESTART: u16 = 1012;

/// Decides by an event whether its connection is cut.
pub(super) type CutRule = Box<dyn FnMut(&Event) -> bool + Send>;

pub(super) struct Shared {
    /// When the server began, by both clocks.
    origin: (Instant, Timestamp),
    state: Mutex<State>,
    /// The next deadline may be earlier than it was.
    pub(super) deadline_moved: Notify,
    /// Whether the server ends.
    stopping: watch::Sender<bool>,
    /// Events were taken.
    room: Notify,
}

struct State {
    facilitator: Facilitator,
    lines: BTreeMap<ConnectionId, Line>,
    last_connection: u64,
    cut_rule: Option<CutRule>,
    events: EventQueues,
}

/// The way to one connection.
struct Line {
    outgoing: Outgoing,
    bytes: usize,
    bells: Arc<Bells>,
}

/// What the task of a connection has to do.
#[derive(Default)]
pub(super) struct Outgoing {
    /// To be sent.
    pub(super) frames: VecDeque<Frame>,
    /// After that, the end.
    pub(super) end: Option<End>,
}

/// How a connection ends when nobody cuts it.
pub(super) enum End {
    /// Without a word.
    Drop,
    /// With a closing handshake.
    Close(CloseFrame),
}

/// What wakes the task of a connection.
#[derive(Default)]
pub(super) struct Bells {
    /// Something waits to be sent.
    pub(super) outgoing: Notify,
    /// The end was ordered: it may not take long now.
    pub(super) ending: Notify,
    /// The connection is cut.
    pub(super) cut: Notify,
}

impl Shared {
    pub(super) fn new(mut facilitator: Facilitator) -> Self {
        let origin = (Instant::now(), facilitator.now());
        // Its connections, if it has any, were another server's.
        facilitator.restart(origin.1, Memory::Kept);
        while facilitator.poll_output().is_some() {}
        let state = State {
            last_connection: facilitator.stats().connections,
            facilitator,
            lines: BTreeMap::new(),
            cut_rule: None,
            events: EventQueues::default(),
        };
        Self {
            origin,
            state: Mutex::new(state),
            deadline_moved: Notify::new(),
            stopping: watch::Sender::new(false),
            room: Notify::new(),
        }
    }

    /// Visits the facilitator and hands on what it says; `bytes` is the size of the message that caused the visit.
    pub(super) fn visit<R>(
        &self,
        bytes: usize,
        visit: impl FnOnce(&mut Facilitator, Timestamp) -> R,
    ) -> R {
        let now = self.now();
        let mut state = self.lock();
        let before = state.facilitator.poll_timeout();
        let result = visit(&mut state.facilitator, now);
        state.settle(now, bytes);
        let after = state.facilitator.poll_timeout();
        drop(state);
        if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
            self.deadline_moved.notify_one();
        }
        result
    }

    /// When the facilitator wants to be ticked.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let at = self.lock().facilitator.poll_timeout()?;
        let (origin, start) = self.origin;
        // What lies beyond the clock's end never comes.
        origin.checked_add(at.saturating_duration_since(start))
    }

    /// Judges an upgrade request by its headers.
    pub(super) fn judge(&self, handshake: &Handshake) -> Result<(), UpgradeRefusal> {
        // Told anew each time: this clock can be set.
        let unix = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        self.visit(0, |facilitator, now| {
            facilitator.set_wall_clock(now, unix);
            let judged = facilitator.judge_upgrade(now, &handshake.borrowed_headers());
            judged.map(drop)
        })
    }

    /// An upgrade request was answered with an HTTP error.
    pub(super) fn refused(&self, handshake: Handshake, refusal: UpgradeRefusal) {
        let event = ServerEvent::UpgradeRefused { handshake, refusal };
        self.with_events(|events| events.push(&event, 0));
    }

    /// A connection stands; `None` when the server ends.
    pub(super) fn connected(&self, handshake: Handshake) -> Option<(ConnectionId, Arc<Bells>)> {
        let (now, bells) = (self.now(), Arc::new(Bells::default()));
        let mut state = self.lock();
        if *self.stopping.borrow() {
            return None;
        }
        state.last_connection += 1;
        let connection = ConnectionId(state.last_connection);
        let line = Line {
            outgoing: Outgoing::default(),
            bytes: 0,
            bells: Arc::clone(&bells),
        };
        state.lines.insert(connection, line);
        let headers = handshake.borrowed_headers();
        state
            .facilitator
            .handle_connected(now, connection, &headers);
        let event = ServerEvent::Connected {
            connection,
            handshake,
        };
        state.events.push(&event, 0);
        state.settle(now, 0);
        drop(state);
        self.deadline_moved.notify_one();
        Some((connection, bells))
    }

    /// A frame arrived on a connection.
    pub(super) fn read(&self, connection: ConnectionId, frame: Frame) {
        self.visit(frame.len(), |facilitator, now| {
            facilitator.handle_frame(now, connection, frame);
        });
    }

    /// The WebSocket layer refused a message for its size.
    pub(super) fn read_too_big(&self, connection: ConnectionId) {
        self.visit(0, |facilitator, now| {
            facilitator.handle_message_too_big(now, connection);
        });
    }

    /// The transport of a connection is gone.
    pub(super) fn disconnected(&self, connection: ConnectionId) {
        let now = self.now();
        let mut state = self.lock();
        if state.lines.remove(&connection).is_some() {
            state.facilitator.handle_disconnected(now, connection);
            state.settle(now, 0);
        }
    }

    /// What is to be sent on a connection, in order; `None` when it was cut.
    pub(super) fn take_outgoing(&self, connection: ConnectionId) -> Option<Outgoing> {
        let mut state = self.lock();
        let line = state.lines.get_mut(&connection)?;
        line.bytes = 0;
        let outgoing = std::mem::take(&mut line.outgoing);
        if outgoing.end.is_some() {
            state.lines.remove(&connection);
        }
        Some(outgoing)
    }

    pub(super) fn cut(&self, connection: ConnectionId) -> bool {
        let now = self.now();
        let mut state = self.lock();
        let was_there = state.cut(now, connection);
        state.settle(now, 0);
        was_there
    }

    pub(super) fn cut_all(&self) -> usize {
        let now = self.now();
        let mut state = self.lock();
        let connections: Vec<ConnectionId> = state.lines.keys().copied().collect();
        for connection in &connections {
            state.cut(now, *connection);
        }
        state.settle(now, 0);
        connections.len()
    }

    pub(super) fn cut_when(&self, rule: CutRule) {
        self.lock().cut_rule = Some(rule);
    }

    /// Ends everything politely; the tasks do the waiting.
    pub(super) fn stop(&self) {
        let now = self.now();
        // Before the lock is taken: whoever connects meanwhile is among those that are ended, or sees this.
        self.stopping.send_replace(true);
        let mut state = self.lock();
        let connections: Vec<ConnectionId> = state.lines.keys().copied().collect();
        for connection in connections {
            state.facilitator.handle_disconnected(now, connection);
            state.end(connection, Some(CloseFrame::new(SERVICE_RESTART)));
        }
        state.settle(now, 0);
    }

    /// Waits until the server ends.
    pub(super) async fn stopping(&self) {
        // The sender lives as long as this.
        let _ = self
            .stopping
            .subscribe()
            .wait_for(|stopping| *stopping)
            .await;
    }

    pub(super) fn with_events<R>(&self, visit: impl FnOnce(&mut EventQueues) -> R) -> R {
        visit(&mut self.lock().events)
    }

    pub(super) fn close_events(&self) {
        self.with_events(EventQueues::close);
    }

    pub(super) fn events_were_taken(&self) {
        self.room.notify_waiters();
    }

    /// Waits until everybody who wants to lose no event can take more.
    pub(super) async fn room_for_events(&self) {
        loop {
            let mut taken = std::pin::pin!(self.room.notified());
            taken.as_mut().enable();
            if !self.with_events(|events| events.are_full()) {
                return;
            }
            taken.await;
        }
    }

    fn now(&self) -> Timestamp {
        let (origin, start) = self.origin;
        start + origin.elapsed()
    }

    /// A panic in a visitor's code or a cut rule left no half-done change behind: the facilitator's methods do not
    /// panic, and everything else is queues.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Hands the facilitator's outputs on, in their order.
    fn settle(&mut self, now: Timestamp, bytes: usize) {
        while let Some(output) = self.facilitator.poll_output() {
            match output {
                Output::Transmit { conn, frame } => self.send(now, conn, frame),
                Output::Disconnect { conn, close } => self.end(conn, close),
                Output::Event(event) => {
                    let cut = self.cut_rule.as_mut().is_some_and(|rule| rule(&event));
                    let connection = connection_of(&event);
                    self.events.push(&ServerEvent::Facilitator(event), bytes);
                    if let Some(connection) = connection.filter(|_| cut) {
                        self.cut(now, connection);
                    }
                }
            }
        }
    }

    fn send(&mut self, now: Timestamp, connection: ConnectionId, frame: Frame) {
        let most = OUTGOING_FRAMES.saturating_add(self.facilitator.config().limits.jobs);
        let Some(line) = self.lines.get_mut(&connection) else {
            return;
        };
        line.bytes = line.bytes.saturating_add(frame.len());
        line.outgoing.frames.push_back(frame);
        if line.bytes > OUTGOING_BYTES || line.outgoing.frames.len() > most {
            // Whoever does not read gets nothing more.
            self.cut(now, connection);
        } else {
            line.bells.outgoing.notify_one();
        }
    }

    fn end(&mut self, connection: ConnectionId, close: Option<CloseFrame>) {
        if let Some(line) = self.lines.get_mut(&connection)
            && line.outgoing.end.is_none()
        {
            line.outgoing.end = Some(close.map_or(End::Drop, End::Close));
            line.bells.outgoing.notify_one();
            line.bells.ending.notify_one();
        }
    }

    fn cut(&mut self, now: Timestamp, connection: ConnectionId) -> bool {
        let Some(line) = self.lines.remove(&connection) else {
            return false;
        };
        line.bells.cut.notify_one();
        self.facilitator.handle_disconnected(now, connection);
        true
    }
}

/// The connection that an event is about.
fn connection_of(event: &Event) -> Option<ConnectionId> {
    match event {
        Event::Authenticated { conn, .. }
        | Event::AuthenticationRefused { conn, .. }
        | Event::Heartbeat { conn }
        | Event::JobStatus { conn, .. }
        | Event::MachineSpecs { conn, .. }
        | Event::NotAuthenticated { conn }
        | Event::Malformed { conn, .. }
        | Event::JobSent { conn, .. }
        | Event::CheatReportSent { conn, .. }
        | Event::Ended { conn, .. } => Some(*conn),
        _ => None,
    }
}
