//! An open WebSocket connection as the driver's task uses it. What is written is collected and leaves with one flush;
//! what is read is tungstenite's to understand. How the connection came about is in `open`.

use alloc::vec::Vec;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{self, ErrorKind, Read, Write};

use futures_core::Stream;
use futures_sink::Sink;
use tungstenite::error::ProtocolError;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

use super::frames::{FrameTracker, FrameWriter};
use super::layers::{Layers, write_out};
use super::sockets::Socket;
use crate::driver::transport::websocket_config;

/// What is collected before a writer has to wait for the socket, in bytes. Beyond it there is at most one message.
const COLLECTED: usize = 64 * 1024;
/// What tungstenite may hold back for a socket that takes nothing, in bytes: pongs. Then only the newest ping is answered.
const PONGS: usize = 4 * 1024;
/// What buffers keep while nothing happens, in bytes. Larger ones are given back.
const KEPT: usize = 2 * 1024;

/// An open WebSocket connection on a runtime's sockets.
///
/// Both halves, the stream and the sink, belong to one task. An idle one holds a few KiB, whatever has passed through
/// it before.
pub struct WebSocket<S: Socket> {
    pipe: Pipe<S>,
    context: WebSocketContext,
    config: WebSocketConfig,
    writer: FrameWriter,
    /// A message was read that has made the reading buffer grow.
    has_grown: bool,
    has_ended: bool,
}

/// What tungstenite reads from and writes to. Writing only collects, and blocks when that is too much.
struct Pipe<S: Socket> {
    layers: Layers<S>,
    /// Read with the answer to the upgrade already.
    ahead: Vec<u8>,
    tracker: FrameTracker,
    /// Nothing was there to read the last time; so whoever reads has used up all there was.
    is_starved: bool,
    out: Vec<u8>,
    /// Bytes of `out` that have left.
    sent: usize,
}

impl<S: Socket> WebSocket<S> {
    /// After the upgrade; `ahead` is what was read beyond its answer.
    pub(super) fn new(layers: Layers<S>, ahead: Vec<u8>, max_message_bytes: usize) -> Self {
        // What tungstenite writes goes on at once; to collect it is the pipe's.
        let config = websocket_config(max_message_bytes)
            .write_buffer_size(0)
            .max_write_buffer_size(PONGS);
        Self {
            pipe: Pipe {
                layers,
                ahead,
                tracker: FrameTracker::default(),
                is_starved: false,
                out: Vec::new(),
                sent: 0,
            },
            context: WebSocketContext::new(Role::Client, Some(config)),
            config,
            writer: FrameWriter::new(),
            has_grown: false,
            has_ended: false,
        }
    }

    fn queue(&mut self, message: Message) -> Result<(), Error> {
        let (opcode, payload) = match &message {
            Message::Text(text) => (OpCode::Data(Data::Text), text.as_bytes()),
            Message::Binary(bytes) => (OpCode::Data(Data::Binary), bytes.as_ref()),
            Message::Ping(bytes) => (OpCode::Control(Control::Ping), bytes.as_ref()),
            Message::Pong(bytes) => (OpCode::Control(Control::Pong), bytes.as_ref()),
            // Whether we may close, and what we may do afterwards, tungstenite keeps the account of.
            Message::Close(_) | Message::Frame(_) => {
                return self.context.write(&mut self.pipe, message);
            }
        };
        if !self.context.can_write() {
            return Err(Error::Protocol(ProtocolError::SendAfterClosing));
        }
        self.writer.write(&mut self.pipe.out, opcode, payload);
        Ok(())
    }

    /// Gives a grown reading buffer back, which tungstenite would keep for ever: takes a new one when the old one is
    /// known to be empty.
    fn shrink(&mut self) {
        if self.has_grown && self.pipe.is_at_rest() && self.context.can_write() {
            self.context = WebSocketContext::new(Role::Client, Some(self.config));
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

impl<S: Socket> Stream for WebSocket<S> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.has_ended {
            return Poll::Ready(None);
        }
        this.pipe.layers.set_waker(cx.waker());
        match unblocked(this.context.read(&mut this.pipe)) {
            Poll::Pending => {
                this.shrink();
                Poll::Pending
            }
            Poll::Ready(Ok(message)) => {
                this.has_grown |= message.len() > KEPT;
                Poll::Ready(Some(Ok(message)))
            }
            Poll::Ready(Err(error)) => {
                this.has_ended = true;
                if matches!(error, Error::ConnectionClosed | Error::AlreadyClosed) {
                    return Poll::Ready(None);
                }
                this.complain(&error);
                Poll::Ready(Some(Err(error)))
            }
        }
    }
}

impl<S: Socket> Sink<Message> for WebSocket<S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.pipe.collected() < COLLECTED {
            Poll::Ready(Ok(()))
        } else {
            self.poll_flush(cx)
        }
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        match unblocked(self.queue(message)) {
            // It is collected, and leaves with the next flush.
            Poll::Pending => Ok(()),
            Poll::Ready(result) => result,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = &mut *self;
        this.pipe.layers.set_waker(cx.waker());
        let flushed = match ready!(unblocked(this.context.flush(&mut this.pipe))) {
            Err(Error::ConnectionClosed) => Ok(()),
            other => other,
        };
        this.shrink();
        Poll::Ready(flushed)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = &mut *self;
        this.pipe.layers.set_waker(cx.waker());
        match ready!(unblocked(this.context.close(&mut this.pipe, None))) {
            Err(Error::ConnectionClosed) => Poll::Ready(Ok(())),
            other => Poll::Ready(other),
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

    /// Whether everything has left, and what was read are whole messages, and they have been handed on.
    fn is_at_rest(&self) -> bool {
        self.out.is_empty() && self.is_starved && self.tracker.is_between_messages()
    }
}

impl<S: Socket> Read for Pipe<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.is_starved = false;
        let bytes = if self.ahead.is_empty() {
            let read = self.layers.read(buffer);
            let starved = |error: &io::Error| error.kind() == ErrorKind::WouldBlock;
            self.is_starved = read.as_ref().is_err_and(starved);
            read?
        } else {
            let bytes = buffer.len().min(self.ahead.len());
            for (place, byte) in buffer.iter_mut().zip(self.ahead.drain(..bytes)) {
                *place = byte;
            }
            if self.ahead.is_empty() {
                self.ahead = Vec::new();
            }
            bytes
        };
        self.tracker.pass(buffer.get(..bytes).unwrap_or_default());
        Ok(bytes)
    }
}

impl<S: Socket> Write for Pipe<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.collected() >= COLLECTED {
            self.flush()?;
        }
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let all = self.out.get(self.sent..).unwrap_or_default();
        let mut left = all;
        let written = write_out(&mut self.layers, &mut left);
        self.sent += all.len() - left.len();
        written?;
        self.layers.flush()?;
        self.sent = 0;
        if self.out.capacity() > KEPT {
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
