//! An open WebSocket connection as the driver's task uses it. What is written is collected and leaves with one flush;
//! what is read is tungstenite's to understand. How the connection came about is in `open`.

use alloc::vec::Vec;
use core::fmt;
use core::task::{Context, Poll, ready};
use std::io::{self, ErrorKind, Read, Write};

use tungstenite::Error;
use tungstenite::error::ProtocolError;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tungstenite::protocol::{CloseFrame, Role, WebSocketContext};

use super::chunk::Chunk;
use super::frames::{FrameTracker, FrameWriter, SHORT_HEADER, short_text};
use super::layers::{Layers, write_out};
use super::sockets::Socket;
use crate::Frame;
use crate::driver::Inbound;
use crate::driver::transport::{Transport, message_of, take, websocket_config};

/// What is collected before a writer has to wait for the socket, in bytes: a large window of ordinary updates leaves at
/// once. Beyond it there is at most one message.
const COLLECTED: usize = 128 * 1024;
/// What tungstenite may hold back for a socket that takes nothing, in bytes: pongs. Then only the newest ping is answered.
const PONGS: usize = 4 * 1024;
/// What buffers keep while nothing happens, in bytes. Larger ones are given back.
const KEPT: usize = 256;
/// What the writing buffer keeps while much is written, in bytes.
const MOST_KEPT: usize = 2 * COLLECTED;

/// An open WebSocket connection on a runtime's sockets.
///
/// Without TLS, when it has read all there was, most likely, it lets others run before it asks the system for more: they
/// may have something to send, and to be told by the system when there is more costs most runtimes several system calls.
///
/// It belongs to one task. An idle one holds less than a KiB, whatever has passed
/// through it before: what a burst has left goes with the next ping.
pub struct WebSocket<S: Socket> {
    pipe: Pipe<S>,
    context: WebSocketContext,
    writer: FrameWriter,
    /// A message was read that has made the reading buffer grow.
    has_grown: bool,
    has_ended: bool,
}

/// What tungstenite reads from and writes to. Writing only collects, and blocks when that is too much.
struct Pipe<S: Socket> {
    layers: Layers<S>,
    /// Read from the socket, and not by tungstenite yet.
    ahead: Chunk,
    tracker: FrameTracker,
    /// Nothing was there to read the last time; so whoever reads has used up all there was.
    is_starved: bool,
    out: Vec<u8>,
    /// Bytes of `out` that have left.
    sent: usize,
    /// Something was not collected, for want of room: tungstenite may hold back a pong.
    has_refused: bool,
}

impl<S: Socket> WebSocket<S> {
    /// After the upgrade; `ahead` is what was read beyond its answer.
    pub(super) fn new(layers: Layers<S>, ahead: Vec<u8>, max_message_bytes: usize) -> Self {
        // What tungstenite writes goes on at once; to collect it is the pipe's. So is reading much at a time:
        // tungstenite would hold its buffer for ever, and clear all of it before every read.
        let config = websocket_config(max_message_bytes)
            .read_buffer_size(KEPT)
            .write_buffer_size(0)
            .max_write_buffer_size(PONGS);
        Self {
            pipe: Pipe {
                layers,
                ahead: Chunk::new(ahead),
                tracker: FrameTracker::default(),
                is_starved: false,
                out: Vec::new(),
                sent: 0,
                has_refused: false,
            },
            context: WebSocketContext::new(Role::Client, Some(config)),
            writer: FrameWriter::new(),
            has_grown: false,
            has_ended: false,
        }
    }

    /// Appends a frame of ours.
    #[inline]
    fn collect(&mut self, opcode: OpCode, payload: &[u8]) -> Result<(), Error> {
        if !self.context.can_write() {
            return Err(Error::Protocol(ProtocolError::SendAfterClosing));
        }
        self.writer.write(&mut self.pipe.out, opcode, payload);
        Ok(())
    }

    /// The next frame, when it is a short text, whole, and tungstenite has nothing before it: what it would make of that
    /// is known. `None` leaves the rest to tungstenite: all other frames, and whatever is wrong.
    #[inline]
    fn poll_short(
        &mut self,
        cx: &mut Context<'_>,
        inbound: &mut Inbound,
    ) -> Option<Poll<Result<(), Error>>> {
        if !self.pipe.is_idle() || !self.context.can_write() {
            return None;
        }
        loop {
            let (payload, is_cut) = short_text(self.pipe.ahead.unused());
            if let Some(payload) = payload {
                let is_allowed = |most| payload.len() <= most;
                let limit = self.context.get_config().max_message_size;
                if !limit.is_none_or(is_allowed) {
                    return None;
                }
                if !inbound.push_bytes(payload) {
                    return None;
                }
                let bytes = SHORT_HEADER + payload.len();
                self.pipe.ahead.use_up(bytes);
                return Some(Poll::Ready(Ok(())));
            }
            if !is_cut {
                return None;
            }
            self.pipe.layers.set_waker(cx.waker());
            if self.pipe.ahead.is_drained() && self.pipe.layers.yield_now() {
                return Some(Poll::Pending);
            }
            match self.pipe.ahead.look_again(&mut self.pipe.layers) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() != ErrorKind::WouldBlock => {
                    return Some(Poll::Ready(Err(Error::Io(error))));
                }
                // The beginning of a frame is tungstenite's to keep.
                Err(_) if !self.pipe.ahead.unused().is_empty() => return None,
                Err(_) => return Some(Poll::Pending),
            }
        }
    }

    /// The next frame, as tungstenite reads it.
    fn poll_any(&mut self, cx: &mut Context<'_>, inbound: &mut Inbound) -> Poll<Result<(), Error>> {
        self.pipe.layers.set_waker(cx.waker());
        let message = ready!(unblocked(self.context.read(&mut self.pipe)))?;
        self.has_grown |= message.len() > KEPT;
        take(&message, inbound);
        Poll::Ready(Ok(()))
    }

    /// Gives a grown reading buffer back, which tungstenite would keep for ever: takes a new one when the old one is
    /// known to be empty.
    fn shrink(&mut self) {
        if self.has_grown && self.pipe.is_at_rest() && self.context.can_write() {
            let config = *self.context.get_config();
            self.context = WebSocketContext::new(Role::Client, Some(config));
            self.has_grown = false;
        }
    }

    /// Tells the peer what it did wrong (RFC 6455, section 7.1.7), if there is a way to. Nobody waits for it.
    fn complain(&mut self, error: &Error) {
        let code = match error {
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) | Error::Io(_) => return,
            Error::Capacity(_) => CloseCode::Size,
            Error::Utf8(_) => CloseCode::Invalid,
            _ => CloseCode::Protocol,
        };
        let reason = "".into();
        let _ = self
            .context
            .close(&mut self.pipe, Some(CloseFrame { code, reason }));
    }
}

impl<S: Socket> Drop for WebSocket<S> {
    fn drop(&mut self) {
        self.pipe.layers.notify_close();
    }
}

impl<S: Socket> Transport for WebSocket<S> {
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.pipe.collected() < COLLECTED {
            Poll::Ready(Ok(()))
        } else {
            self.poll_flush(cx)
        }
    }

    #[inline]
    fn send_text(&mut self, text: &str) -> Result<(), Error> {
        self.collect(OpCode::Data(Data::Text), text.as_bytes())
    }

    fn send(&mut self, frame: &Frame) -> Result<(), Error> {
        match frame {
            Frame::Text(text) => self.send_text(text),
            Frame::Binary(bytes) => self.collect(OpCode::Data(Data::Binary), bytes),
            Frame::Ping(bytes) => self.collect(OpCode::Control(Control::Ping), bytes),
            Frame::Pong(bytes) => self.collect(OpCode::Control(Control::Pong), bytes),
            // Whether we may close, and what we may do afterwards, tungstenite keeps the account of.
            Frame::Close(_) => {
                let close = self.context.write(&mut self.pipe, message_of(frame));
                match unblocked(close) {
                    // It is collected, and leaves with the next flush.
                    Poll::Pending => Ok(()),
                    Poll::Ready(result) => result,
                }
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.pipe.layers.set_waker(cx.waker());
        let mut flushed = ready!(unblocked(self.context.flush(&mut self.pipe)));
        // A pong for which there was no room finds some only now.
        if flushed.is_ok() && core::mem::take(&mut self.pipe.has_refused) {
            flushed = ready!(unblocked(self.context.flush(&mut self.pipe)));
        }
        let flushed = match flushed {
            Err(Error::ConnectionClosed) => Ok(()),
            other => other,
        };
        self.shrink();
        Poll::Ready(flushed)
    }

    #[inline]
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        inbound: &mut Inbound,
    ) -> Poll<Option<Result<(), Error>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let polled = match self.poll_short(cx, inbound) {
            Some(polled) => polled,
            None => self.poll_any(cx, inbound),
        };
        match polled {
            Poll::Pending => {
                self.shrink();
                Poll::Pending
            }
            Poll::Ready(Ok(())) => Poll::Ready(Some(Ok(()))),
            Poll::Ready(Err(error)) => {
                self.has_ended = true;
                if matches!(error, Error::ConnectionClosed | Error::AlreadyClosed) {
                    return Poll::Ready(None);
                }
                self.complain(&error);
                Poll::Ready(Some(Err(error)))
            }
        }
    }
}

impl<S: Socket> fmt::Debug for WebSocket<S> {
    /// Without what is read and written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("has_ended", &self.has_ended)
            .finish_non_exhaustive()
    }
}

impl<S: Socket> Pipe<S> {
    /// What has not left, in bytes.
    fn collected(&self) -> usize {
        self.out.len().saturating_sub(self.sent)
    }

    /// Whether whoever reads has got whole messages, and has handed them on.
    #[inline]
    fn is_idle(&self) -> bool {
        self.is_starved && self.tracker.is_between_messages()
    }

    /// Whether everything has left besides.
    fn is_at_rest(&self) -> bool {
        self.out.is_empty() && !self.has_refused && self.is_idle()
    }
}

impl<S: Socket> Read for Pipe<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let is_drained = self.ahead.unused().is_empty() && self.ahead.is_drained();
        let read = if is_drained && self.layers.yield_now() {
            Err(ErrorKind::WouldBlock.into())
        } else {
            self.ahead.read(&mut self.layers, buffer)
        };
        let starved = |error: &io::Error| error.kind() == ErrorKind::WouldBlock;
        self.is_starved = read.as_ref().is_err_and(starved);
        let bytes = read?;
        self.tracker.pass(buffer.get(..bytes).unwrap_or_default());
        Ok(bytes)
    }
}

impl<S: Socket> Write for Pipe<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.collected() >= COLLECTED {
            self.has_refused = true;
            self.flush()?;
        }
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let all = self.out.get(self.sent..).unwrap_or_default();
        let (mut left, all) = (all, all.len());
        let written = write_out(&mut self.layers, &mut left);
        self.sent += all - left.len();
        // A slow peer may never let it run empty, and what has left must not pile up. Moved is never more than has left.
        if self.sent > self.collected() {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
        written?;
        self.layers.flush()?;
        // Kept while it is used, and no longer: the next ping does not need it.
        let is_used = self.out.capacity() <= MOST_KEPT && all > self.out.capacity() / 8;
        if self.out.capacity() > KEPT && !is_used {
            self.out = Vec::new();
        } else {
            self.out.clear();
        }
        Ok(())
    }
}

/// A blocked action is pending: its waker is set.
fn unblocked<T>(result: Result<T, Error>) -> Poll<Result<T, Error>> {
    match result {
        Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        other => Poll::Ready(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::transport::frame_of;
    use alloc::collections::VecDeque;
    use alloc::string::{String, ToString as _};
    use alloc::sync::Arc;
    use alloc::vec;
    use core::sync::atomic::{AtomicBool, Ordering};
    use std::io::Cursor;
    use std::sync::{Mutex, MutexGuard};

    use tungstenite::protocol::frame::FrameHeader;

    /// A socket whose other end is the test.
    #[derive(Clone, Default)]
    struct Wire(Arc<Mutex<Line>>);

    #[derive(Default)]
    struct Line {
        /// What can be read, chunk by chunk.
        incoming: VecDeque<Vec<u8>>,
        outgoing: Vec<u8>,
        /// What can still be written, in bytes.
        room: usize,
        writes: usize,
        reads: usize,
    }

    impl Wire {
        fn line(&self) -> MutexGuard<'_, Line> {
            self.0.lock().unwrap()
        }

        fn says(&self, bytes: &[u8]) {
            self.line().incoming.push_back(bytes.to_vec());
        }

        /// What was written since the last time: the opcodes and unmasked payloads of whole frames.
        fn heard(&self) -> Vec<(OpCode, Vec<u8>)> {
            let bytes = core::mem::take(&mut self.line().outgoing);
            let mut cursor = Cursor::new(&bytes[..]);
            let mut frames = Vec::new();
            while let Some((header, length)) = FrameHeader::parse(&mut cursor).unwrap() {
                let begin = usize::try_from(cursor.position()).unwrap();
                let end = begin + usize::try_from(length).unwrap();
                let mask = header.mask.expect("a client's frames are masked");
                let payload = bytes[begin..end].iter().zip(mask.iter().cycle());
                frames.push((
                    header.opcode,
                    payload.map(|(byte, mask)| byte ^ mask).collect(),
                ));
                cursor.set_position(end as u64);
            }
            frames
        }
    }

    impl Socket for Wire {
        fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
            let mut line = self.line();
            line.reads += 1;
            let Some(mut chunk) = line.incoming.pop_front() else {
                return Poll::Pending;
            };
            let bytes = chunk.len().min(buffer.len());
            buffer[..bytes].copy_from_slice(&chunk[..bytes]);
            let rest = chunk.split_off(bytes);
            if !rest.is_empty() {
                line.incoming.push_front(rest);
            }
            Poll::Ready(Ok(bytes))
        }

        fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let mut line = self.line();
            let taken = bytes.len().min(line.room);
            if taken == 0 {
                return Poll::Pending;
            }
            line.outgoing.extend_from_slice(&bytes[..taken]);
            line.room -= taken;
            line.writes += 1;
            Poll::Ready(Ok(taken))
        }
    }

    const MAX: usize = 100_000;

    fn open(room: usize) -> (WebSocket<Wire>, Wire) {
        let wire = Wire::default();
        wire.line().room = room;
        (
            WebSocket::new(Layers::new(wire.clone()), Vec::new(), MAX),
            wire,
        )
    }

    fn cx() -> Context<'static> {
        Context::from_waker(core::task::Waker::noop())
    }

    /// Asks once; also, whether it was woken in the middle of that.
    fn ask(socket: &mut WebSocket<Wire>) -> (Poll<Option<Result<Frame, Error>>>, bool) {
        struct Woken(AtomicBool);

        impl alloc::task::Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Arc::clone(&woken).into();
        let mut inbound = Inbound::default();
        let polled = socket.poll_read(&mut Context::from_waker(&waker), &mut inbound);
        let polled =
            polled.map(|read| read.map(|read| read.map(|()| inbound.pop().expect("one was read"))));
        (polled, woken.0.load(Ordering::Relaxed))
    }

    /// Asks again when it is woken.
    fn next(socket: &mut WebSocket<Wire>) -> Poll<Option<Result<Frame, Error>>> {
        loop {
            let (polled, woken) = ask(socket);
            if polled.is_ready() || !woken {
                return polled;
            }
        }
    }

    fn flush(socket: &mut WebSocket<Wire>) -> bool {
        let flushed = socket.poll_flush(&mut cx());
        flushed.map(|result| result.unwrap()).is_ready()
    }

    fn send(socket: &mut WebSocket<Wire>, text: &str) {
        assert!(socket.poll_ready(&mut cx()).is_ready());
        socket.send_text(text).unwrap();
    }

    /// A frame of the server's.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match u16::try_from(payload.len()) {
            Ok(length @ 0..126) => bytes.push(length.to_be_bytes()[1]),
            Ok(length) => {
                bytes.push(126);
                bytes.extend(length.to_be_bytes());
            }
            Err(_) => {
                bytes.push(127);
                bytes.extend((payload.len() as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn messages_leave_with_one_write() {
        let (mut socket, wire) = open(usize::MAX);
        for _ in 0..64 {
            send(&mut socket, "status");
        }
        assert_eq!(wire.line().writes, 0);
        assert!(flush(&mut socket));
        assert_eq!(wire.line().writes, 1);
        let heard = wire.heard();
        assert_eq!(heard.len(), 64);
        assert!(heard.iter().all(|(_, payload)| payload == b"status"));
    }

    #[test]
    fn a_buffer_is_kept_while_it_is_used_and_the_next_ping_gives_it_back() {
        let (mut socket, _wire) = open(usize::MAX);
        let text = "x".repeat(200);
        for _ in 0..3 {
            for _ in 0..100 {
                send(&mut socket, &text);
            }
            assert!(flush(&mut socket));
            assert!((20_000..=MOST_KEPT).contains(&socket.pipe.out.capacity()));
        }
        socket.send(&Frame::Ping(Arc::from(*b"?"))).unwrap();
        assert!(flush(&mut socket));
        assert!(socket.pipe.out.capacity() <= KEPT);
        // One that is larger than any burst is not worth it.
        send(&mut socket, &"x".repeat(2 * MOST_KEPT));
        assert!(flush(&mut socket));
        assert!(socket.pipe.out.capacity() <= KEPT);
    }

    #[test]
    fn a_writer_waits_when_too_much_is_collected() {
        let (mut socket, wire) = open(0);
        let text = "x".repeat(1000);
        let mut sent = 0;
        while socket.poll_ready(&mut cx()).is_ready() {
            socket.send_text(&text).unwrap();
            sent += 1;
        }
        assert_eq!(sent, COLLECTED / 1008 + 1);
        // One byte after the other, and nothing is lost on the way.
        for _ in 0..sent * 1008 - 1 {
            wire.line().room = 1;
            assert!(!flush(&mut socket));
        }
        wire.line().room = 1;
        assert!(flush(&mut socket));
        assert_eq!(wire.heard().len(), sent);
        assert!(socket.pipe.out.capacity() <= KEPT);
    }

    #[test]
    fn what_has_left_is_not_kept_for_what_has_not() {
        let (mut socket, wire) = open(0);
        let text = "x".repeat(1000);
        send(&mut socket, &text);
        for _ in 0..10_000 {
            send(&mut socket, &text);
            // It reads as much as is written, so that one message is always under way.
            wire.line().room = 1008;
            assert!(!flush(&mut socket));
            assert!(socket.pipe.out.capacity() <= COLLECTED);
        }
        wire.line().room = usize::MAX;
        assert!(flush(&mut socket));
        let heard = wire.heard();
        assert_eq!(heard.len(), 10_001);
        assert!(heard.iter().all(|(_, read)| *read == text.as_bytes()));
    }

    #[test]
    fn pings_of_a_peer_that_does_not_read_do_not_pile_up() {
        let (mut socket, wire) = open(0);
        for number in 0..20_000_u32 {
            wire.says(&frame(0x89, &number.to_be_bytes()));
            assert!(matches!(
                next(&mut socket),
                Poll::Ready(Some(Ok(Frame::Ping(_))))
            ));
            assert!(!flush(&mut socket));
        }
        assert!(socket.pipe.out.capacity() <= 2 * COLLECTED + PONGS);
        wire.line().room = usize::MAX;
        assert!(flush(&mut socket));
        // Those that fitted, and the newest.
        let pongs = wire.heard();
        assert!(pongs.len() < 20_000);
        assert_eq!(pongs.last().unwrap().1, 19_999_u32.to_be_bytes());
    }

    #[test]
    fn nothing_is_lost_when_a_grown_buffer_is_given_back() {
        let large = "y".repeat(KEPT + 1);
        let mut stream = Vec::new();
        for n in 0..3_u8 {
            stream.extend(frame(0x81, large.as_bytes()));
            stream.extend(frame(0x89, b"ping"));
            stream.extend(frame(0x01, large.as_bytes()));
            stream.extend(frame(0x80, &[b'0' + n]));
            stream.extend(frame(0x81, b"small"));
        }
        let length = stream.len();
        for step in (1..40).chain([KEPT, KEPT + 3, KEPT + 4, 4096, length - 1, length]) {
            let (mut socket, wire) = open(usize::MAX);
            let mut texts = Vec::new();
            let mut shrunk = 0;
            for chunk in stream.chunks(step) {
                wire.says(chunk);
                loop {
                    let had_grown = socket.has_grown;
                    match next(&mut socket) {
                        Poll::Ready(Some(Ok(Frame::Text(text)))) => texts.push(text),
                        Poll::Ready(Some(Ok(Frame::Ping(_)))) => {}
                        Poll::Ready(other) => panic!("{step}: {other:?}"),
                        Poll::Pending => {
                            shrunk += usize::from(had_grown && !socket.has_grown);
                            break;
                        }
                    }
                    assert!(flush(&mut socket));
                }
            }
            let texts: Vec<_> = texts.iter().map(|text| text.len()).collect();
            assert_eq!(texts, [KEPT + 1, KEPT + 2, 5].repeat(3), "{step}");
            assert_eq!(wire.heard().len(), 3, "{step}");
            assert!(!socket.has_grown && shrunk > 0, "{step}: {shrunk}");
        }
    }

    /// What tungstenite reads of these bytes, and how it ends.
    fn as_tungstenite_reads(bytes: &[u8]) -> (Vec<Frame>, String) {
        let config = websocket_config(MAX);
        let mut context = WebSocketContext::new(Role::Client, Some(config));
        let mut pipe = Both(Cursor::new(bytes.to_vec()));
        let mut frames = Vec::new();
        loop {
            match context.read(&mut pipe) {
                Ok(message) => frames.extend(frame_of(&message)),
                Err(error) => return (frames, error.to_string()),
            }
        }
    }

    /// Bytes to read; what is written is not looked at.
    struct Both(Cursor<Vec<u8>>);

    impl Read for Both {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Both {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Frames of all kinds, most of them short texts; now and then something is wrong.
    fn anything(random: &mut fastrand::Rng) -> Vec<u8> {
        let success = br#"{"status":"success","errors":[]}"#;
        let length = random.usize(..200);
        let text = "ä".repeat(length / 2);
        match random.u32(..400) {
            0..250 => frame(0x81, success),
            250..300 => frame(0x81, text.as_bytes()),
            300..330 => frame(0x89, &success[..length % 33]),
            330..340 => frame(0x8a, b"pong"),
            340..360 => frame(0x82, text.as_bytes()),
            360..380 => {
                let parts = [(0x01, "ä"), (0x89, "between"), (0x00, &*text), (0x80, "")];
                parts
                    .map(|(first, text)| frame(first, text.as_bytes()))
                    .concat()
            }
            380..390 => frame(0x81, "z".repeat(random.usize(..5_000)).as_bytes()),
            390..394 => frame(0x81, b"\xc3\x28"),
            394..396 => frame(0xc1, success),
            396..398 => [0x81, 0x81, 1, 2, 3, 4, 5].to_vec(),
            _ => frame(0x88, &[3, 232]),
        }
    }

    #[test]
    fn frames_are_what_tungstenite_makes_of_them_however_they_come() {
        let mut random = fastrand::Rng::with_seed(29);
        let mut ends = alloc::collections::BTreeMap::new();
        for _ in 0..300 {
            let frames = random.usize(1..700);
            let stream: Vec<u8> = (0..frames).flat_map(|_| anything(&mut random)).collect();
            let (expected, end) = as_tungstenite_reads(&stream);
            *ends.entry(end.clone()).or_insert(0) += 1;

            let (mut socket, wire) = open(usize::MAX);
            let mut rest = &stream[..];
            let most = [40, 300, 5_000, 60_000][random.usize(..4)];
            let mut read = Vec::new();
            let mut error = None;
            'all: while !rest.is_empty() {
                // A piece of the stream, of several that are there at the same time.
                for _ in 0..random.usize(1..4) {
                    let piece;
                    (piece, rest) = rest.split_at(random.usize(..most).min(rest.len()));
                    if !piece.is_empty() {
                        wire.says(piece);
                    }
                }
                loop {
                    match next(&mut socket) {
                        Poll::Ready(Some(Ok(frame))) => read.push(frame),
                        Poll::Ready(Some(Err(how))) => error = Some(how.to_string()),
                        Poll::Ready(None) => break 'all,
                        Poll::Pending => break,
                    }
                }
            }
            assert!(read == expected, "{} of {}", read.len(), expected.len());
            // A stream that simply ends is an error to tungstenite; here it goes on.
            if let Some(error) = error {
                assert_eq!(error, end);
            }
        }
        assert!(ends.len() > 3, "{ends:?}");
    }

    #[test]
    fn a_burst_of_short_texts_makes_no_detour() {
        let (mut socket, wire) = open(usize::MAX);
        let success = frame(0x81, br#"{"status":"success","errors":[]}"#);
        // The first one shows that much comes.
        for burst in 0..3 {
            wire.says(&success.repeat(1_000));
            let mut detours = 0;
            let mut texts = 0;
            while let Poll::Ready(Some(Ok(Frame::Text(_)))) = next(&mut socket) {
                texts += 1;
                detours += usize::from(!socket.pipe.is_starved);
            }
            assert_eq!(texts, 1_000);
            assert!(burst == 0 || detours == 0, "{burst}: {detours}");
        }
    }

    #[test]
    fn others_run_before_the_system_is_asked_for_more() {
        let (mut socket, wire) = open(usize::MAX);
        let success = frame(0x81, br#"{"status":"success","errors":[]}"#);
        // Few bytes go to tungstenite, many do not.
        for frames in [1, 300, 300, 1] {
            wire.says(&success.repeat(frames));
            for _ in 0..frames {
                assert!(matches!(
                    ask(&mut socket),
                    (Poll::Ready(Some(Ok(_))), false)
                ));
            }
            let reads = wire.line().reads;
            assert!(
                matches!(ask(&mut socket), (Poll::Pending, true)),
                "{frames}"
            );
            assert_eq!(wire.line().reads, reads, "{frames}");
            assert!(matches!(ask(&mut socket), (Poll::Pending, false)));
            assert_eq!(wire.line().reads, reads + 1, "{frames}");
        }
    }

    #[test]
    fn what_came_with_the_upgrade_is_read_first() {
        let wire = Wire::default();
        wire.says(&frame(0x81, b"second"));
        let ahead = frame(0x81, b"first");
        let mut socket = WebSocket::new(Layers::new(wire), ahead, MAX);
        for text in ["first", "second"] {
            let Poll::Ready(Some(Ok(Frame::Text(read)))) = next(&mut socket) else {
                panic!("there is more");
            };
            assert_eq!(*read, *text);
        }
        assert!(next(&mut socket).is_pending());
    }

    #[test]
    fn a_peer_is_told_which_rule_it_broke() {
        let large = vec![b'z'; MAX];
        let in_parts = [frame(0x01, &large), frame(0x80, b"z")].concat();
        let head_of_too_much = frame(0x81, &[large.clone(), vec![0]].concat())[..10].to_vec();
        for (bytes, code) in [
            (head_of_too_much, 1009_u16),
            (in_parts, 1009),
            (frame(0xc1, b"RSV1"), 1002),
            (frame(0x83, b"opcode"), 1002),
            (frame(0x80, b"continues nothing"), 1002),
            ([frame(0x01, b"a"), frame(0x81, b"b")].concat(), 1002),
            (frame(0x09, b"a fragmented ping"), 1002),
            (frame(0x89, &[0; 126]), 1002),
            (vec![0x81, 0x81, 1, 2, 3, 4, 5], 1002),
            (frame(0x81, b"\xff"), 1007),
            (vec![0x88, 1, 0], 1002),
        ] {
            let (mut socket, wire) = open(usize::MAX);
            wire.says(&bytes);
            let Poll::Ready(Some(Err(error))) = next(&mut socket) else {
                panic!("{code}: not refused");
            };
            let begin: String = alloc::format!("{:?}", bytes.iter().take(8));
            let heard = wire.heard();
            let [(OpCode::Control(Control::Close), payload)] = &heard[..] else {
                panic!("{begin}: {error}, {heard:?}");
            };
            assert_eq!(payload[..], code.to_be_bytes(), "{begin}: {error}");
            assert!(matches!(next(&mut socket), Poll::Ready(None)));
        }
    }

    #[test]
    fn after_a_goodbye_nothing_more_is_sent() {
        let (mut socket, wire) = open(usize::MAX);
        socket.send(&Frame::Close(None)).unwrap();
        assert!(flush(&mut socket));
        let error = socket.send_text("late");
        assert!(matches!(
            error,
            Err(Error::Protocol(ProtocolError::SendAfterClosing))
        ));
        wire.says(&frame(0x88, &[]));
        assert!(matches!(
            next(&mut socket),
            Poll::Ready(Some(Ok(Frame::Close(None))))
        ));
        assert_eq!(wire.heard().len(), 1);
    }
}
