//! The task: outputs of the session to the transport, frames and ticks to the session. It decides nothing.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::future::{Future, poll_fn};
use core::task::{Context, Poll, ready};
use std::time::Instant;

use super::shared::{Shared, State};
use super::transport::disconnected_by;
use super::{BoxFuture, Inbound, Runtime};
use crate::client::{ConnectFailure, Disconnected, Output, Outputs, Polled};
use crate::trace::Recorder;
use crate::{ConnectionId, Frame, Timestamp};

/// Rounds before the task lets others run.
const ROUNDS: usize = 4;
/// Messages that are read in one round: what they lead to leaves with one flush, and a flush is dear.
const READS: usize = 512;
/// Bytes of them, besides the last one, before the session sees them: messages can be large.
const READ_BYTES: usize = 256 * 1024;

/// Carries one session until it has ended.
///
/// The task exists from here on, not from its first poll: a runtime that shuts down drops futures that it never
/// polled, and then, too, the session has to end.
pub(super) fn run<R: Runtime>(shared: Arc<Shared<R>>) -> impl Future<Output = ()> + Send {
    let mut task = Task {
        shared,
        link: Link::None,
        timer: None,
        outputs: Outputs::default(),
        inbound: Inbound::default(),
        has_ticked: false,
        has_left: false,
    };
    poll_fn(move |cx| task.poll(cx))
}

struct Task<R: Runtime> {
    shared: Arc<Shared<R>>,
    link: Link<R>,
    timer: Option<(Instant, BoxFuture<()>)>,
    /// What is under way between the session and the transport. Empty between two polls; kept for their memory.
    outputs: Outputs,
    inbound: Inbound,
    /// A deadline, or a pong, came since queues were last looked at for memory to give back.
    has_ticked: bool,
    /// It has said that it is no more: from then on `task_runs` speaks of the next one.
    has_left: bool,
}

enum Link<R: Runtime> {
    None,
    Connecting(
        ConnectionId,
        BoxFuture<Result<R::Transport, ConnectFailure>>,
    ),
    Open(Connection<R::Transport>),
}

struct Connection<T> {
    id: ConnectionId,
    transport: T,
    /// To be written, when the transport takes nothing. Bounded by the session's windows.
    outgoing: VecDeque<Frame>,
    needs_flush: bool,
    /// There was nothing to read, in this poll of the task. Whoever has said so wakes it.
    has_blocked: bool,
    /// Why nothing more can be written.
    broken: Option<Disconnected>,
    /// What the peer's close frame says, once it was read: the cause of the end, whatever breaks next.
    closed: Option<Disconnected>,
}

impl<R: Runtime> Task<R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Link::Open(connection) = &mut self.link {
            connection.has_blocked = false;
        }
        for _ in 0..ROUNDS {
            let deadline = self.carry_out(cx);
            if self.has_ended() {
                return Poll::Ready(());
            }
            let mut progress = self.poll_connecting(cx);
            progress |= self.poll_open(cx);
            progress |= self.poll_timer(cx, deadline);
            if !progress {
                self.rest();
                return Poll::Pending;
            }
        }
        // More is to be done, but others want to run too.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// After a tick, gives back what empty queues hold. A session that has nothing to do is ticked now and then, so it holds
    /// nothing for nothing; one that is busy is not ticked often enough to pay for new queues all the time.
    fn rest(&mut self) {
        if !core::mem::take(&mut self.has_ticked) {
            return;
        }
        if let Link::Open(connection) = &mut self.link
            && connection.outgoing.is_empty()
        {
            connection.outgoing = VecDeque::new();
        }
        self.outputs = Outputs::default();
        self.inbound.shrink();
        self.shared.visit(State::shrink);
    }

    /// Does what the session asks for; returns when it wants to be ticked.
    fn carry_out(&mut self, cx: &mut Context<'_>) -> Option<Timestamp> {
        let mut outputs = core::mem::take(&mut self.outputs);
        let timeout = self.shared.visit(|state| state.take_io(cx, &mut outputs));
        while let Some(polled) = outputs.poll() {
            let output = match polled {
                Polled::Text(id, text) => {
                    if let Some(connection) = self.open(id) {
                        connection.send_text(cx, text);
                    }
                    continue;
                }
                // Events were delivered when they were handed on.
                Polled::Delivered(_) => continue,
                Polled::Other(output) => output,
            };
            match output {
                Output::Connect(id, request) => {
                    self.link = Link::Connecting(id, self.shared.runtime.connect(request));
                }
                Output::Transmit(id, frame) => {
                    if let Some(connection) = self.open(id) {
                        connection.outgoing.push_back(frame);
                        let _ = connection.collect(cx);
                    }
                }
                Output::Disconnect(id, Some(close)) => {
                    // To a close that the peer began, the WebSocket layer has queued the answer already.
                    if let Some(connection) = self.open(id)
                        && connection.closed.is_none()
                    {
                        connection.outgoing.push_back(Frame::Close(Some(close)));
                    }
                }
                Output::Disconnect(id, None) => self.drop_link(id, cx),
                Output::Event(_) => {}
            }
        }
        self.outputs = outputs;
        timeout.map(|(at, _)| at)
    }

    fn open(&mut self, id: ConnectionId) -> Option<&mut Connection<R::Transport>> {
        match &mut self.link {
            Link::Open(connection) if connection.id == id => Some(connection),
            _ => None,
        }
    }

    fn drop_link(&mut self, id: ConnectionId, cx: &mut Context<'_>) {
        match &mut self.link {
            Link::Connecting(current, _) if *current == id => self.link = Link::None,
            Link::Open(connection) if connection.id == id => {
                // A goodbye that is queued gets one chance; nobody waits for it.
                if connection.outgoing.iter().any(is_close) {
                    let _ = connection.write(cx);
                }
                self.link = Link::None;
            }
            _ => {}
        }
    }

    /// Whether the session has ended and everything of it is done. Says so under the lock, so that a new start knows
    /// whether it needs a new task.
    fn has_ended(&mut self) -> bool {
        let ended = self.shared.visit(|state| {
            let ended = !state.session.is_running() && !state.has_io();
            state.task_runs &= !ended;
            ended
        });
        self.has_left |= ended;
        ended
    }

    fn poll_connecting(&mut self, cx: &mut Context<'_>) -> bool {
        let Link::Connecting(id, attempt) = &mut self.link else {
            return false;
        };
        let id = *id;
        let Poll::Ready(result) = attempt.as_mut().poll(cx) else {
            return false;
        };
        match result {
            Ok(transport) => {
                self.link = Link::Open(Connection {
                    id,
                    transport,
                    outgoing: VecDeque::new(),
                    needs_flush: false,
                    has_blocked: false,
                    broken: None,
                    closed: None,
                });
                self.shared
                    .feed(|session, now| session.handle_connected(now, id));
            }
            Err(failure) => {
                self.link = Link::None;
                self.shared
                    .feed(|session, now| session.handle_connect_failed(now, id, failure));
            }
        }
        true
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> bool {
        let Link::Open(connection) = &mut self.link else {
            return false;
        };
        let id = connection.id;
        let inbound = &mut self.inbound;
        let mut lost = None;
        let mut has_more = false;
        // Writing first: what the session just asked for may be what the peer waits for.
        if let Poll::Ready(Err(how)) = connection.write(cx) {
            // What was read by the system before the writing failed is still worth having: answers are in it.
            let (mut bytes, mut read) = (inbound.bytes(), connection.read(cx, inbound));
            // While something comes, the transport may only have wanted to let others run.
            while read.is_pending() && (bytes + 1..READ_BYTES).contains(&inbound.bytes()) {
                (bytes, read) = (inbound.bytes(), connection.read(cx, inbound));
            }
            lost = match read {
                Poll::Ready(Some(read)) => Some(read),
                _ => Some(how),
            };
        } else if !connection.has_blocked
            && let Poll::Ready(how) = connection.read(cx, inbound)
        {
            (lost, has_more) = (how, true);
        }
        if inbound.is_empty() && lost.is_none() {
            // A transport may keep what it reads to itself; then nobody else wakes the task.
            return has_more;
        }
        if lost.is_some() {
            self.link = Link::None;
        }
        // What follows on a ping is over with its pong.
        self.has_ticked |= matches!(inbound.front(), Some(Frame::Pong(_)));
        self.shared.feed_inbound(id, inbound, lost);
        true
    }

    /// Ticks the session when its deadline has come. Judged by the clock: a timer can stay pending although its time
    /// has passed, when the runtime wants the task to yield.
    fn poll_timer(&mut self, cx: &mut Context<'_>, deadline: Option<Timestamp>) -> bool {
        let Some(deadline) = deadline else {
            self.timer = None;
            return false;
        };
        if self.shared.now() >= deadline {
            self.shared.feed(Recorder::handle_timeout);
            self.has_ticked = true;
            return true;
        }
        let at = self.shared.instant(deadline);
        // A timer that fires too early costs one look at the clock; setting a new one for every change costs more.
        if self.timer.as_ref().is_none_or(|(armed, _)| *armed > at) {
            self.timer = Some((at, self.shared.runtime.sleep_until(at)));
        }
        let fired = self
            .timer
            .as_mut()
            .is_some_and(|(_, timer)| timer.as_mut().poll(cx).is_ready());
        if fired {
            self.timer = None;
        }
        fired
    }
}

impl<R: Runtime> Drop for Task<R> {
    /// The runtime dropped the task before the session had ended: it shut down. Whoever waits gets an answer.
    fn drop(&mut self) {
        if self.has_left {
            return;
        }
        let now = self.shared.now();
        self.shared.visit(|state| {
            state.task_runs = false;
            if state.session.abort(now).is_ok() {
                state.settle();
            }
        });
    }
}

impl<T: super::Transport> Connection<T> {
    /// Hands a text to the transport at once, where that is possible: it needs no memory of its own then.
    #[inline]
    fn send_text(&mut self, cx: &mut Context<'_>, text: &str) {
        if self.outgoing.is_empty()
            && self.broken.is_none()
            && let Poll::Ready(ready) = self.transport.poll_ready(cx)
        {
            let sent = ready.and_then(|()| self.transport.send_text(text));
            self.note(sent);
        } else {
            self.outgoing.push_back(Frame::text(text));
        }
    }

    fn note(&mut self, sent: Result<(), tungstenite::Error>) {
        match sent {
            Ok(()) => self.needs_flush = true,
            Err(error) => self.broken = Some(self.ended_by(&error)),
        }
    }

    /// Hands what is queued to the transport, as far as that takes it; returns whether it took all. Nothing is flushed.
    fn collect(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.outgoing.is_empty() && self.broken.is_none() {
            let ready = ready!(self.transport.poll_ready(cx));
            let sent = ready.and_then(|()| match self.outgoing.pop_front() {
                Some(frame) => self.transport.send(&frame),
                None => Ok(()),
            });
            self.note(sent);
        }
        Poll::Ready(())
    }

    /// Writes what is queued, then flushes once.
    fn write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Disconnected>> {
        ready!(self.collect(cx));
        if let Some(broken) = self.broken.take() {
            return Poll::Ready(Err(broken));
        }
        if self.needs_flush {
            ready!(self.transport.poll_flush(cx)).map_err(|error| self.ended_by(&error))?;
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads what is there, up to a bound: then it is ready for more, unless the connection is lost.
    fn read(&mut self, cx: &mut Context<'_>, inbound: &mut Inbound) -> Poll<Option<Disconnected>> {
        for _ in 0..READS {
            if inbound.bytes() > READ_BYTES {
                break;
            }
            let Poll::Ready(read) = self.transport.poll_read(cx, inbound) else {
                self.has_blocked = true;
                return Poll::Pending;
            };
            match read {
                Some(Ok(())) => match inbound.back() {
                    // The WebSocket layer has queued its answer; it leaves with the next flush.
                    Some(Frame::Ping(_)) => self.needs_flush = true,
                    Some(Frame::Close(close)) => {
                        self.needs_flush = true;
                        self.closed = Some(Disconnected::Closed(close.clone()));
                    }
                    _ => {}
                },
                Some(Err(error)) => return Poll::Ready(Some(self.ended_by(&error))),
                None => {
                    let how = self.closed.take().unwrap_or(Disconnected::EndOfStream);
                    return Poll::Ready(Some(how));
                }
            }
        }
        Poll::Ready(None)
    }

    fn ended_by(&mut self, error: &tungstenite::Error) -> Disconnected {
        self.closed.take().unwrap_or_else(|| disconnected_by(error))
    }
}

fn is_close(frame: &Frame) -> bool {
    matches!(frame, Frame::Close(_))
}
