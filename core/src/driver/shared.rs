//! What the handle and the task share: the session, the events that wait to be taken, the receipts that wait to be
//! filled, and who has to be woken for what.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::task::{Context, Waker};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, UNIX_EPOCH};

use uuid::Uuid;

use super::receipt::Slot;
use super::{PendingReceipt, Runtime};
use crate::Timestamp;
use crate::client::{Event, Outcome, Output, Owed, Timer, Unexpected, UpdateId};
use crate::message::{ResponseError, parse_uuid};
use crate::trace::Recorder;

/// Events of one kind that wait for a slow application; beyond it the oldest are dropped and counted.
const WAITING_EVENTS: usize = 4096;
/// What they may hold in messages, in bytes.
const WAITING_BYTES: usize = 64 * 1024 * 1024;

pub(super) struct Shared<R> {
    pub(super) runtime: R,
    origin: Instant,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) session: Recorder,
    /// Outputs for the task, in order.
    io: VecDeque<Output>,
    events: VecDeque<Waiting>,
    /// What waits of each kind that can be dropped.
    news: Load,
    reports: Load,
    missed: u64,
    receipts: BTreeMap<UpdateId, Arc<Slot>>,
    /// Whether a task carries this session's frames.
    pub(super) task_runs: bool,
    pub(super) started_before: bool,
    /// How often a session has ended, and what the last one left.
    pub(super) ended: u64,
    pub(super) left: Vec<Owed>,
    task: Option<Waker>,
    pub(super) event_takers: Waiters,
    pub(super) end_waiters: Waiters,
    /// Callers that wait for room, first come first served, one queue for each lane.
    pub(super) room: [RoomQueue; 2],
}

/// Futures that wait for the same thing. One that is dropped takes its waker with it.
#[derive(Default)]
pub(super) struct Waiters {
    next_key: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl Waiters {
    /// Waits under this key, or a new one. Returns the key.
    pub(super) fn wait(&mut self, key: Option<u64>, waker: &Waker) -> u64 {
        let key = key.unwrap_or_else(|| {
            self.next_key += 1;
            self.next_key
        });
        self.wakers.insert(key, waker.clone());
        key
    }

    pub(super) fn leave(&mut self, key: u64) {
        self.wakers.remove(&key);
    }

    fn wake_all(&mut self) {
        for (_, waker) in core::mem::take(&mut self.wakers) {
            waker.wake();
        }
    }
}

/// Callers that wait for room in one lane.
#[derive(Default)]
pub(super) struct RoomQueue {
    next_ticket: u64,
    waiting: VecDeque<(u64, Option<Waker>)>,
}

impl RoomQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn join(&mut self) -> u64 {
        self.next_ticket += 1;
        self.waiting.push_back((self.next_ticket, None));
        self.next_ticket
    }

    pub(super) fn is_first(&self, ticket: u64) -> bool {
        self.waiting
            .front()
            .is_some_and(|(first, _)| *first == ticket)
    }

    pub(super) fn wait(&mut self, ticket: u64, waker: &Waker) {
        if let Some((_, slot)) = self
            .waiting
            .iter_mut()
            .find(|(number, _)| *number == ticket)
        {
            *slot = Some(waker.clone());
        }
    }

    pub(super) fn leave(&mut self, ticket: u64) {
        self.waiting.retain(|(number, _)| *number != ticket);
        self.wake_first();
    }

    fn wake_first(&mut self) {
        if let Some((_, waker)) = self.waiting.front_mut()
            && let Some(waker) = waker.take()
        {
            waker.wake();
        }
    }

    fn wake_all(&mut self) {
        for waker in self
            .waiting
            .iter_mut()
            .filter_map(|(_, waker)| waker.take())
        {
            waker.wake();
        }
    }
}

impl<R: Runtime> Shared<R> {
    pub(super) fn new(runtime: R, session: Recorder) -> Self {
        let origin = runtime.now();
        let state = State {
            session,
            io: VecDeque::new(),
            events: VecDeque::new(),
            news: Load::default(),
            reports: Load::default(),
            missed: 0,
            receipts: BTreeMap::new(),
            task_runs: false,
            started_before: false,
            ended: 0,
            left: Vec::new(),
            task: None,
            event_takers: Waiters::default(),
            end_waiters: Waiters::default(),
            room: Default::default(),
        };
        Self {
            runtime,
            origin,
            state: Mutex::new(state),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_duration(self.runtime.now().saturating_duration_since(self.origin))
    }

    /// The state, and the time, which the session is told on this occasion.
    pub(super) fn lock_now(&self) -> (MutexGuard<'_, State>, Timestamp) {
        let mut state = self.lock();
        let now = self.now();
        // A clock before 1970 is wrong; the session does without one then.
        if let Ok(unix) = self.runtime.wall_clock().duration_since(UNIX_EPOCH) {
            state.session.set_wall_clock(now, unix);
        }
        (state, now)
    }

    /// What the task has for the session. The task goes on by itself afterwards, so nobody wakes it.
    pub(super) fn feed(&self, input: impl FnOnce(&mut Recorder, Timestamp)) {
        let (mut state, now) = self.lock_now();
        input(&mut state.session, now);
        state.hand_on();
    }

    pub(super) fn instant(&self, at: Timestamp) -> Instant {
        // A deadline beyond the clock's end never comes; a day is soon enough to look again.
        let day = core::time::Duration::from_hours(24);
        self.origin
            .checked_add(at.as_duration())
            .unwrap_or_else(|| self.runtime.now() + day)
    }

    /// A panic while this was held left no half-done change behind that could not be lived with: the session's
    /// methods do not panic, and everything else is queues.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Hands the session's outputs on: events here, the rest to the task. To be called after every change, before
    /// the lock is given back: whoever finds the session changed must find the news of it too.
    pub(super) fn settle(&mut self) {
        self.hand_on();
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }

    fn hand_on(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Event(event) => self.deliver(event),
                io => self.io.push_back(io),
            }
        }
    }

    /// The outputs for the task, and when it has to tick next.
    pub(super) fn take_io(
        &mut self,
        cx: &Context<'_>,
    ) -> (VecDeque<Output>, Option<(Timestamp, Timer)>) {
        self.hand_on();
        self.task = Some(cx.waker().clone());
        (core::mem::take(&mut self.io), self.session.poll_timeout())
    }

    pub(super) fn has_io(&self) -> bool {
        !self.io.is_empty()
    }

    /// A receipt for a message that was accepted just now.
    pub(super) fn promise(&mut self, id: UpdateId) -> PendingReceipt {
        let slot = Arc::new(Slot::default());
        self.receipts.insert(id, Arc::clone(&slot));
        // What was accepted may have ended the job that somebody waits to report on.
        for queue in &mut self.room {
            queue.wake_first();
        }
        PendingReceipt::new(id, slot)
    }

    pub(super) fn take_event(&mut self) -> Option<Event> {
        if self.missed > 0 {
            return Some(Event::Missed {
                events: core::mem::take(&mut self.missed),
            });
        }
        let waiting = self.events.pop_front()?;
        if let Some(load) = self.load(waiting.kind) {
            load.remove(&waiting);
        }
        Some(waiting.event)
    }

    fn load(&mut self, kind: Kind) -> Option<&mut Load> {
        match kind {
            Kind::Must => None,
            Kind::Report => Some(&mut self.reports),
            Kind::News => Some(&mut self.news),
        }
    }

    fn drop_oldest(&mut self, kind: Kind) {
        let oldest = self.events.iter().position(|waiting| waiting.kind == kind);
        if let Some(dropped) = oldest.and_then(|oldest| self.events.remove(oldest)) {
            self.missed += 1;
            if let Some(load) = self.load(kind) {
                load.remove(&dropped);
            }
        }
    }

    /// The job has ended before the application took its request: it must not run any more. And since such a request
    /// is no open job's, nothing else would bound how many of them wait.
    fn drop_request(&mut self, job: Uuid) {
        let request = self.events.iter().position(|waiting| match &waiting.event {
            Event::JobRequested(request) => parse_uuid(&request.uuid) == Some(job),
            _ => false,
        });
        if request
            .and_then(|place| self.events.remove(place))
            .is_some()
        {
            self.missed += 1;
        }
    }

    fn deliver(&mut self, event: Event) {
        match &event {
            Event::Receipt(receipt) => {
                if let Some(slot) = self.receipts.remove(&receipt.id) {
                    slot.fill(receipt.clone());
                }
                for queue in &mut self.room {
                    queue.wake_first();
                }
            }
            Event::Stopped { owed } => {
                self.ended += 1;
                self.left.clone_from(owed);
                self.end_waiters.wake_all();
                for queue in &mut self.room {
                    queue.wake_all();
                }
            }
            Event::JobOverdue { uuid } => self.drop_request(*uuid),
            _ => {}
        }
        let waiting = Waiting::new(event);
        let kind = waiting.kind;
        if let Some(load) = self.load(kind) {
            load.add(&waiting);
        }
        self.events.push_back(waiting);
        while self.load(kind).is_some_and(|load| load.is_too_much()) {
            self.drop_oldest(kind);
        }
        self.event_takers.wake_all();
    }
}

/// An event that waits to be taken.
struct Waiting {
    event: Event,
    kind: Kind,
    bytes: usize,
}

/// What becomes of an event when too many wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is never dropped while its job is open, and `open_jobs` bounds those.
    Must,
    /// Something has to be done about it: dropped only when too many of its own kind wait.
    Report,
    /// Nothing has to be done about it.
    News,
}

impl Waiting {
    fn new(event: Event) -> Self {
        let (kind, bytes) = match &event {
            Event::JobRequested(_) => (Kind::Must, 0),
            Event::JobCheated(report) => (Kind::Report, report.encode().len()),
            Event::Stopped { owed } => (
                Kind::Report,
                owed.iter().map(|owed| owed.as_json().len()).sum(),
            ),
            Event::JobOverdue { .. } => (Kind::Report, 0),
            Event::JobRefused { request, .. } => (Kind::News, request.encode().len()),
            Event::CheatReportRefused { report, .. } => (Kind::News, report.encode().len()),
            Event::Receipt(receipt) => match &receipt.outcome {
                Outcome::SetAside(owed) | Outcome::HandedBack(owed) => {
                    (Kind::News, owed.as_json().len())
                }
                Outcome::Refused(errors) => (Kind::News, bytes_of(errors)),
                Outcome::Acknowledged | Outcome::AlreadyKnown => (Kind::News, 0),
            },
            Event::Unexpected(
                Unexpected::Response { errors } | Unexpected::HeartbeatRefused { errors },
            ) => (Kind::News, bytes_of(errors)),
            _ => (Kind::News, 0),
        };
        Self { event, kind, bytes }
    }
}

/// What the facilitator's errors hold: its validation library echoes whole messages.
fn bytes_of(errors: &[ResponseError]) -> usize {
    let bytes = |error: &ResponseError| {
        let extra = error.extra.iter();
        let extra: usize = extra
            .map(|(key, value)| key.len() + value.as_str().len())
            .sum();
        size_of::<ResponseError>() + error.msg.len() + error.kind.len() + error.help.len() + extra
    };
    errors.iter().map(bytes).sum()
}

/// How much waits of one kind.
#[derive(Default)]
struct Load {
    events: usize,
    bytes: usize,
}

impl Load {
    fn add(&mut self, waiting: &Waiting) {
        self.events += 1;
        self.bytes += waiting.bytes;
    }

    fn remove(&mut self, waiting: &Waiting) {
        self.events -= 1;
        self.bytes -= waiting.bytes;
    }

    /// One alone is never too much.
    fn is_too_much(&self) -> bool {
        self.events > WAITING_EVENTS || (self.events > 1 && self.bytes > WAITING_BYTES)
    }
}
