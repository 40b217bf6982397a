//! WebSocket messages of tungstenite to and from the session's frames, and its errors to the session's causes.

use alloc::string::ToString;
use alloc::sync::Arc;
use std::io;

use futures_core::Stream;
use futures_sink::Sink;
use tungstenite::Message;
use tungstenite::error::ProtocolError;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::client::{ConnectFailure, ConnectFailureKind, Disconnected};
use crate::{CloseFrame, Frame};

/// An open WebSocket connection: a stream and a sink of messages.
pub trait Transport:
    Stream<Item = Result<Message, tungstenite::Error>>
    + Sink<Message, Error = tungstenite::Error>
    + Send
    + Unpin
    + 'static
{
}

impl<T> Transport for T where
    T: Stream<Item = Result<Message, tungstenite::Error>>
        + Sink<Message, Error = tungstenite::Error>
        + Send
        + Unpin
        + 'static
{
}

pub(super) fn message_of(frame: &Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::text(text.as_ref()),
        Frame::Binary(bytes) => Message::Binary(bytes.to_vec().into()),
        Frame::Ping(bytes) => Message::Ping(bytes.to_vec().into()),
        Frame::Pong(bytes) => Message::Pong(bytes.to_vec().into()),
        Frame::Close(close) => close_message(close.as_ref()),
    }
}

pub(super) fn close_message(close: Option<&CloseFrame>) -> Message {
    Message::Close(close.map(|close| tungstenite::protocol::CloseFrame {
        code: CloseCode::from(close.code),
        reason: close.reason.as_str().into(),
    }))
}

/// The session's view of a message; `None` for a raw frame, which is never read.
pub(super) fn frame_of(message: Message) -> Option<Frame> {
    Some(match message {
        Message::Text(text) => Frame::Text(Arc::from(text.as_str())),
        Message::Binary(bytes) => Frame::Binary(Arc::from(bytes.as_ref())),
        Message::Ping(bytes) => Frame::Ping(Arc::from(bytes.as_ref())),
        Message::Pong(bytes) => Frame::Pong(Arc::from(bytes.as_ref())),
        Message::Close(close) => Frame::Close(close.map(|close| CloseFrame {
            code: close.code.into(),
            reason: close.reason.as_str().into(),
        })),
        Message::Frame(_) => return None,
    })
}

/// What an error of an established connection means.
pub fn disconnected_by(error: &tungstenite::Error) -> Disconnected {
    use tungstenite::Error;
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => Disconnected::Closed(None),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Disconnected::EndOfStream,
        Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Disconnected::EndOfStream
        }
        Error::Io(error) => Disconnected::Io(error.to_string()),
        Error::Tls(error) => Disconnected::Io(error.to_string()),
        other => Disconnected::Protocol(other.to_string()),
    }
}

/// The connection failure behind an IO error.
pub fn io_failure(error: &io::Error) -> ConnectFailure {
    let kind = match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectFailureKind::Refused,
        io::ErrorKind::TimedOut => ConnectFailureKind::Timeout,
        _ => ConnectFailureKind::Io,
    };
    ConnectFailure::new(kind, error.to_string())
}
