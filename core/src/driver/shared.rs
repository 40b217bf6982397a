//! What the handle and the task share: the session, the events that wait to be taken, the receipts that wait to be
//! filled, and who has to be woken for what. Nobody is woken, and nothing of others is dropped, under the lock.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::task::{Context, Waker};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, UNIX_EPOCH};

use super::inbox::Inbox;
use super::receipt::Receipts;
use super::room::Room;
use super::{Inbound, PendingReceipt, Runtime, StopReport};
use crate::client::{
    Delivered, Disconnected, Event, Output, Outputs, Owed, Polled, Receipt, Timer, UpdateId,
};
use crate::trace::Recorder;
use crate::{ConnectionId, Timestamp};

pub(super) struct Shared<R> {
    pub(super) runtime: R,
    /// What a message needs that is prepared outside of the lock: they do not change.
    pub(super) hotkey: Arc<str>,
    pub(super) message_bytes: usize,
    origin: Instant,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) session: Recorder,
    /// Outputs for the task, in order.
    io: Outputs,
    inbox: Inbox,
    /// What the session was told last of the job requests in the inbox.
    told_job_bytes: usize,
    receipts: Receipts,
    /// Whether a task carries this session's frames.
    pub(super) task_runs: bool,
    pub(super) started_before: bool,
    /// How often a session has ended, and what the last one left.
    pub(super) ended: u64,
    pub(super) left: Vec<Owed>,
    task: Option<Waker>,
    pub(super) event_takers: Waiters,
    pub(super) end_waiters: Waiters,
    /// Callers that wait for room.
    pub(super) room: Room,
    news: News,
    /// To be woken when the lock has been given back. Waking runs code of others, which may come back here: an executor
    /// can drop a future on the spot, and a future that is dropped leaves its place.
    pub(super) woken: Vec<Waker>,
    /// Likewise to be dropped.
    pub(super) discarded: Vec<Waker>,
}

/// What those have to be told who wait, once a change is whole.
#[derive(Default)]
struct News {
    /// There is an event to take.
    event: bool,
    /// There is room, perhaps.
    room: bool,
}

/// Futures that wait for the same thing. One that is dropped takes its waker with it.
#[derive(Default)]
pub(super) struct Waiters {
    next_key: u64,
    /// By key; hardly ever more than one or two.
    wakers: Vec<(u64, Waker)>,
}

impl Waiters {
    /// Waits under this key, or a new one. Returns the key, and a waker that is not needed any more.
    pub(super) fn wait(&mut self, key: Option<u64>, waker: &Waker) -> (u64, Option<Waker>) {
        let key = key.unwrap_or_else(|| {
            self.next_key += 1;
            self.next_key
        });
        let waker = waker.clone();
        let mut known = self.wakers.iter_mut();
        let before = if let Some((_, place)) = known.find(|(known, _)| *known == key) {
            Some(core::mem::replace(place, waker))
        } else {
            self.wakers.push((key, waker));
            None
        };
        (key, before)
    }

    /// Returns a waker that is not needed any more.
    pub(super) fn leave(&mut self, key: u64) -> Option<Waker> {
        let place = self.wakers.iter().position(|(known, _)| *known == key)?;
        Some(self.wakers.remove(place).1)
    }

    fn wake_all(&mut self, wakers: &mut Vec<Waker>) {
        wakers.extend(self.wakers.drain(..).map(|(_, waker)| waker));
    }
}

impl<R: Runtime> Shared<R> {
    pub(super) fn new(runtime: R, session: Recorder) -> Self {
        let origin = runtime.now();
        let config = session.config();
        let (inbox, message_bytes) = (Inbox::new(config), config.message_bytes);
        let hotkey = session.shared_hotkey();
        let state = State {
            session,
            io: Outputs::default(),
            inbox,
            told_job_bytes: 0,
            receipts: Receipts::default(),
            task_runs: false,
            started_before: false,
            ended: 0,
            left: Vec::new(),
            task: None,
            event_takers: Waiters::default(),
            end_waiters: Waiters::default(),
            room: Room::default(),
            news: News::default(),
            woken: Vec::new(),
            discarded: Vec::new(),
        };
        Self {
            runtime,
            hotkey,
            message_bytes,
            origin,
            state: Mutex::new(state),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_duration(self.runtime.now().saturating_duration_since(self.origin))
    }

    /// A visit to the state. Those who have to know of what it changed are woken afterwards.
    pub(super) fn visit<T>(&self, visit: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = visit(&mut state);
        let woken = core::mem::take(&mut state.woken);
        let discarded = core::mem::take(&mut state.discarded);
        drop(state);
        drop(discarded);
        for waker in woken {
            waker.wake();
        }
        result
    }

    /// The same with the time, which the session is told on this occasion.
    pub(super) fn visit_now<T>(&self, visit: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        self.visit(|state| {
            let now = self.now();
            // A clock before 1970 is wrong; the session does without one then.
            if let Ok(unix) = self.runtime.wall_clock().duration_since(UNIX_EPOCH) {
                state.session.set_wall_clock(now, unix);
            }
            visit(state, now)
        })
    }

    /// What the task has for the session. The task goes on by itself afterwards, so nobody wakes it.
    pub(super) fn feed(&self, input: impl FnOnce(&mut Recorder, Timestamp)) {
        self.visit_now(|state, now| {
            state.feed(|session| input(session, now));
            state.tell();
        });
    }

    /// The same for all that was read, and how the connection was lost, if it was. Before each frame that is not as the one
    /// before it, the session knows what has become of those.
    pub(super) fn feed_inbound(
        &self,
        id: ConnectionId,
        inbound: &mut Inbound,
        lost: Option<Disconnected>,
    ) {
        self.visit_now(|state, now| {
            while let Some((frame, times)) = inbound.pop_run() {
                state.feed(|session| session.handle_frames(now, id, frame, times));
            }
            if let Some(how) = lost {
                state.feed(|session| session.handle_disconnected(now, id, how));
            }
            state.tell();
        });
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
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Hands the session's outputs on: events here, the rest to the task. To be called after every change, before
    /// the lock is given back: whoever finds the session changed must find the news of it too.
    pub(super) fn settle(&mut self) {
        self.hand_on();
        self.tell();
        self.woken.extend(self.task.take());
    }

    fn feed(&mut self, input: impl FnOnce(&mut Recorder)) {
        self.tell_waiting_jobs();
        input(&mut self.session);
        self.hand_on();
    }

    fn hand_on(&mut self) {
        while let Some(polled) = self.session.poll_in_place() {
            match polled {
                Polled::Text(connection, text) => self.io.push_text(connection, text),
                Polled::Delivered(delivered) => self.deliver_receipt(delivered),
                Polled::Other(Output::Event(event)) => self.deliver(event),
                Polled::Other(io) => self.io.push(io),
            }
        }
    }

    /// Wakes those who wait for what was handed on.
    fn tell(&mut self) {
        let news = core::mem::take(&mut self.news);
        if news.event {
            self.event_takers.wake_all(&mut self.woken);
        }
        if news.room {
            self.room.wake_first(&mut self.woken);
        }
    }

    /// Only what has changed since the last time matters, and only to what comes in.
    fn tell_waiting_jobs(&mut self) {
        let bytes = self.inbox.job_bytes();
        if bytes != self.told_job_bytes {
            self.told_job_bytes = bytes;
            self.session.set_waiting_jobs(bytes);
        }
    }

    /// Puts the outputs for the task into an empty queue; returns when it has to tick next.
    pub(super) fn take_io(
        &mut self,
        cx: &Context<'_>,
        outputs: &mut Outputs,
    ) -> Option<(Timestamp, Timer)> {
        self.hand_on();
        self.tell();
        self.discarded.extend(self.task.replace(cx.waker().clone()));
        core::mem::swap(&mut self.io, outputs);
        self.session.poll_timeout()
    }

    pub(super) fn has_io(&self) -> bool {
        !self.io.is_empty()
    }

    /// Gives back what queues hold that are empty.
    pub(super) fn shrink(&mut self) {
        self.session.shrink();
        self.inbox.shrink_queue();
        self.receipts.shrink();
        if self.io.is_empty() {
            self.io = Outputs::default();
        }
    }

    /// A receipt for a message that was accepted just now.
    pub(super) fn promise(&mut self, id: UpdateId) -> PendingReceipt {
        let slot = self.receipts.promise(id.as_u64());
        // What was accepted may have ended the job that somebody waits to report on.
        self.room.wake_first(&mut self.woken);
        PendingReceipt::new(id, slot)
    }

    pub(super) fn take_event(&mut self) -> Option<Event> {
        self.inbox.take()
    }

    /// How the latest session ended.
    pub(super) fn report(&self) -> StopReport {
        StopReport {
            owed: self.left.clone(),
        }
    }

    /// All who wait for room have to look again: they are told something else.
    pub(super) fn wake_senders(&mut self) {
        self.room.wake_all(&mut self.woken);
    }

    fn deliver(&mut self, event: Event) {
        match &event {
            Event::Receipt(receipt) => {
                self.keep_promise(receipt.id, || receipt.clone());
            }
            Event::Stopped { owed } => {
                self.ended += 1;
                self.left.clone_from(owed);
                self.end_waiters.wake_all(&mut self.woken);
                self.wake_senders();
            }
            _ => {}
        }
        self.inbox.push(event);
        self.news.event = true;
    }

    /// As [`deliver`](Self::deliver), for what nearly all events are.
    #[inline]
    fn deliver_receipt(&mut self, delivered: Delivered) {
        self.keep_promise(delivered.id, || delivered.receipt());
        self.inbox.push_delivered(delivered);
        self.news.event = true;
    }

    /// A message has left the outbox: whoever awaits its receipt gets it, and there is room for another one.
    #[inline]
    fn keep_promise(&mut self, id: UpdateId, receipt: impl FnOnce() -> Receipt) {
        if let Some(slot) = self.receipts.keep(id.as_u64()) {
            self.woken.extend(slot.fill(receipt()));
        }
        self.news.room = true;
    }
}
