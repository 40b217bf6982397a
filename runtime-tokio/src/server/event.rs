//! What a server tells, and the bounded queues between it and those who listen.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use facilitator_core::ConnectionId;
use facilitator_core::facilitator::{Event, UpgradeRefusal};
use futures_util::{Stream, StreamExt};

use super::shared::Shared;

/// Events that wait in one stream, at most.
const WAITING_EVENTS: usize = 8192;
/// Bytes of messages in the events that wait in one stream; the event that passes the bound is still taken.
const WAITING_BYTES: usize = 16 * 1024 * 1024;

/// Something that happened at a [`Server`](super::Server).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A WebSocket was opened.
    Connected {
        /// Its number; it is never used again.
        connection: ConnectionId,
        /// Who opened it, and how.
        handshake: Handshake,
    },
    /// An upgrade request was answered with an HTTP error instead of a WebSocket, which happens with
    /// [`header_authentication`](facilitator_core::facilitator::FacilitatorConfig::header_authentication) only.
    UpgradeRefused {
        /// Who sent it, and how.
        handshake: Handshake,
        /// Why, and with which status.
        refusal: UpgradeRefusal,
    },
    /// What the facilitator has to tell.
    Facilitator(Event),
    /// The stream's events were not taken in time: the oldest of them were dropped.
    Missed {
        /// How many.
        events: u64,
    },
}

/// The opening handshake of a connection, or what should have become one.
#[derive(Clone, PartialEq, Eq)]
pub struct Handshake {
    /// Who opened it.
    pub peer: SocketAddr,
    /// Path and query of the URI.
    pub path: String,
    /// The request's headers in their order, names in lower case. A value that is no text is left empty.
    pub headers: Vec<(String, String)>,
}

impl Handshake {
    /// The value of a header, of a repeated one the first.
    pub fn header(&self, name: &str) -> Option<&str> {
        let same = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(same)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn borrowed_headers(&self) -> Vec<(&str, &str)> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }
}

impl fmt::Debug for Handshake {
    /// Header values are left out: they can hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Handshake")
            .field("peer", &self.peer)
            .field("path", &self.path)
            .field("headers", &names)
            .finish()
    }
}

/// The events of a [`Server`](super::Server), in their order; see [`Server::events`](super::Server::events).
///
/// It holds 8192 events, or as many as 16 MiB of messages have caused. Of those that are not taken in time the oldest are
/// dropped, and [`ServerEvent::Missed`] says so; [`lossless`](Self::lossless) changes that.
pub struct Events {
    shared: Arc<Shared>,
    id: u64,
}

impl Events {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let id = shared.with_events(EventQueues::subscribe);
        Self { shared, id }
    }

    /// Nothing is dropped from now on. Instead, the server reads no connection while too many events wait: take
    /// them, or drop this stream.
    #[must_use]
    pub fn lossless(self) -> Self {
        self.shared
            .with_events(|events| events.set_lossless(self.id));
        self
    }

    /// The next event; `None` when the server is gone and all its events were taken.
    pub async fn next(&mut self) -> Option<ServerEvent> {
        StreamExt::next(self).await
    }
}

impl Stream for Events {
    type Item = ServerEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ServerEvent>> {
        let poll = self
            .shared
            .with_events(|events| events.poll(self.id, cx.waker()));
        if poll.is_ready() {
            self.shared.events_were_taken();
        }
        poll
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.shared
            .with_events(|events| events.unsubscribe(self.id));
        self.shared.events_were_taken();
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

/// One queue for each stream, and one for the first stream to come.
pub(super) struct EventQueues {
    queues: BTreeMap<u64, EventQueue>,
    /// The queue that nobody has taken yet.
    first: Option<u64>,
    last: u64,
    closed: bool,
}

#[derive(Default)]
struct EventQueue {
    /// With the bytes that each stands for.
    waiting: VecDeque<(ServerEvent, usize)>,
    bytes: usize,
    missed: u64,
    lossless: bool,
    waker: Option<Waker>,
}

impl Default for EventQueues {
    fn default() -> Self {
        let mut queues = Self {
            queues: BTreeMap::new(),
            first: None,
            last: 0,
            closed: false,
        };
        queues.first = Some(queues.add());
        queues
    }
}

impl EventQueues {
    fn add(&mut self) -> u64 {
        self.last += 1;
        self.queues.insert(self.last, EventQueue::default());
        self.last
    }

    fn subscribe(&mut self) -> u64 {
        match self.first.take() {
            Some(first) => first,
            None => self.add(),
        }
    }

    fn unsubscribe(&mut self, id: u64) {
        self.queues.remove(&id);
    }

    fn set_lossless(&mut self, id: u64) {
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.lossless = true;
        }
    }

    /// Hands an event to everybody; `bytes` is the size of the message that caused it.
    pub(super) fn push(&mut self, event: &ServerEvent, bytes: usize) {
        for queue in self.queues.values_mut() {
            queue.push(event.clone(), bytes);
        }
    }

    /// Whether somebody who wants to lose nothing cannot follow.
    pub(super) fn are_full(&self) -> bool {
        self.queues
            .values()
            .any(|queue| queue.lossless && queue.is_full())
    }

    /// No more events will come.
    pub(super) fn close(&mut self) {
        self.closed = true;
        for queue in self.queues.values_mut() {
            queue.wake();
        }
    }

    fn poll(&mut self, id: u64, waker: &Waker) -> Poll<Option<ServerEvent>> {
        let Some(queue) = self.queues.get_mut(&id) else {
            return Poll::Ready(None);
        };
        match queue.pop() {
            None if !self.closed => {
                queue.waker = Some(waker.clone());
                Poll::Pending
            }
            event => Poll::Ready(event),
        }
    }
}

impl EventQueue {
    fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING_EVENTS || self.bytes >= WAITING_BYTES
    }

    fn push(&mut self, event: ServerEvent, bytes: usize) {
        while !self.lossless && self.is_full() {
            let Some((_, bytes)) = self.waiting.pop_front() else {
                break;
            };
            self.bytes -= bytes;
            self.missed += 1;
        }
        self.waiting.push_back((event, bytes));
        self.bytes += bytes;
        self.wake();
    }

    fn pop(&mut self) -> Option<ServerEvent> {
        if self.missed > 0 {
            let events = std::mem::take(&mut self.missed);
            return Some(ServerEvent::Missed { events });
        }
        let (event, bytes) = self.waiting.pop_front()?;
        self.bytes -= bytes;
        Some(event)
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(n: u64) -> ServerEvent {
        ServerEvent::Facilitator(Event::Heartbeat {
            conn: ConnectionId(n),
        })
    }

    fn take(events: &mut EventQueues, id: u64) -> Poll<Option<ServerEvent>> {
        events.poll(id, Waker::noop())
    }

    #[test]
    fn the_oldest_events_are_dropped_and_counted() {
        let mut events = EventQueues::default();
        let id = events.subscribe();
        for n in 0..WAITING_EVENTS as u64 + 3 {
            events.push(&beat(n), 1);
        }
        assert!(!events.are_full());
        let missed = ServerEvent::Missed { events: 3 };
        assert_eq!(take(&mut events, id), Poll::Ready(Some(missed)));
        assert_eq!(take(&mut events, id), Poll::Ready(Some(beat(3))));
    }

    #[test]
    fn large_messages_fill_a_queue_sooner() {
        let mut events = EventQueues::default();
        let id = events.subscribe();
        for n in 0..4 {
            events.push(&beat(n), WAITING_BYTES / 2);
        }
        let missed = ServerEvent::Missed { events: 2 };
        assert_eq!(take(&mut events, id), Poll::Ready(Some(missed)));
        assert_eq!(take(&mut events, id), Poll::Ready(Some(beat(2))));
    }

    #[test]
    fn a_lossless_stream_holds_the_server_up_instead() {
        let mut events = EventQueues::default();
        let id = events.subscribe();
        events.set_lossless(id);
        for n in 0..WAITING_EVENTS as u64 {
            assert!(!events.are_full());
            events.push(&beat(n), 1);
        }
        assert!(events.are_full());
        assert_eq!(take(&mut events, id), Poll::Ready(Some(beat(0))));
        assert!(!events.are_full());
    }

    #[test]
    fn the_first_stream_begins_with_the_server() {
        let mut events = EventQueues::default();
        events.push(&beat(1), 1);
        let (first, second) = (events.subscribe(), events.subscribe());
        assert_eq!(take(&mut events, first), Poll::Ready(Some(beat(1))));
        assert_eq!(take(&mut events, second), Poll::Pending);
    }

    #[test]
    fn what_waits_is_still_taken_after_the_end() {
        let mut events = EventQueues::default();
        let (first, second) = (events.subscribe(), events.subscribe());
        assert_eq!(take(&mut events, first), Poll::Pending);
        events.push(&beat(1), 1);
        events.close();
        for id in [first, second] {
            assert_eq!(take(&mut events, id), Poll::Ready(Some(beat(1))));
            assert_eq!(take(&mut events, id), Poll::Ready(None));
        }
    }
}
