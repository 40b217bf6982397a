//! WebSocket messages as both sides of the protocol see them, and the number of the connection they belong to.
//! What is inside a text frame is the business of [`message`](crate::message).

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

/// The number of one connection.
///
/// A machine numbers its connections upwards and never uses a number twice, so whatever arrives late for an old
/// connection is recognised and ignored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// One WebSocket message, or control frame, in either direction.
///
/// Payloads are shared, so that the outbox can keep what may have to be sent again without a copy of its own.
/// `Debug` shows their length only: they can hold credentials and customers' data.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// UTF-8 text; the only kind that carries protocol messages.
    Text(Arc<str>),
    /// Bytes. The protocol knows no such messages.
    Binary(Arc<[u8]>),
    /// A ping with its payload. The WebSocket layer answers it; the machines only take note.
    Ping(Arc<[u8]>),
    /// A pong with the payload of the ping that it answers.
    Pong(Arc<[u8]>),
    /// The start, or the answer, of the closing handshake.
    Close(Option<CloseFrame>),
}

impl Frame {
    /// A text frame.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// The number of payload bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes.len(),
            Self::Close(None) => 0,
            Self::Close(Some(close)) => 2 + close.reason.len(),
        }
    }

    /// Whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
            Self::Ping(bytes) => write!(f, "Ping({} bytes)", bytes.len()),
            Self::Pong(bytes) => write!(f, "Pong({} bytes)", bytes.len()),
            Self::Close(close) => f.debug_tuple("Close").field(close).finish(),
        }
    }
}

/// Why a peer closes: a code of RFC 6455, section 7.4, and a short text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CloseFrame {
    /// The status code. The facilitator uses 3000 (bad signature) and 3001 (unknown validator, or a disconnect that it wants).
    pub code: u16,
    /// At most 123 bytes on the wire.
    pub reason: String,
}

impl CloseFrame {
    /// 1000: the session ended as it should.
    pub const NORMAL: u16 = 1000;
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: u16 = 1002;
    /// 1009: a message was larger than the peer takes.
    pub const TOO_BIG: u16 = 1009;
    /// 1011: the peer met an error of its own.
    pub const INTERNAL_ERROR: u16 = 1011;
    /// 3000: the facilitator refused the signature.
    pub const SIGNATURE_INVALID: u16 = 3000;
    /// 3001: the facilitator does not know the validator, or wants it gone.
    pub const VALIDATOR_NOT_FOUND: u16 = 3001;

    /// A close with this code and no reason.
    pub const fn new(code: u16) -> Self {
        Self {
            code,
            reason: String::new(),
        }
    }
}
