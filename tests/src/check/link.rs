//! The connection between the two ends: what is under way in either direction. It moves nothing by itself.

use std::collections::VecDeque;
use std::fmt::Write;

use facilitator_core::client::Disconnected;
use facilitator_core::{ConnectionId, Frame};

use super::said::in_words;

/// What travels to the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parcel {
    Frame(Frame),
    /// The connection ends here.
    End(Disconnected),
}

impl Parcel {
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Frame(frame) => in_words(frame),
            Self::End(how) => format!("the end of the connection ({how:?})"),
        }
    }
}

/// A connection that stands.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) conn: ConnectionId,
    /// To the facilitator.
    pub(super) up: VecDeque<Frame>,
    /// To the session.
    pub(super) down: VecDeque<Parcel>,
    /// Whether the facilitator still knows of it.
    pub(super) open: bool,
    /// Whether the session has sent its close frame.
    pub(super) closing: bool,
}

impl Link {
    pub(super) fn new(conn: ConnectionId) -> Self {
        Self {
            conn,
            up: VecDeque::new(),
            down: VecDeque::new(),
            open: true,
            closing: false,
        }
    }

    /// The session sends a frame; a facilitator that has gone does not get it.
    pub(super) fn send_up(&mut self, frame: Frame) {
        self.closing |= matches!(frame, Frame::Close(_));
        if self.open {
            self.up.push_back(frame);
        }
    }

    /// The facilitator's end is gone: what is under way to it is lost.
    pub(super) fn end(&mut self, how: Disconnected) {
        self.open = false;
        self.up.clear();
        if let Disconnected::Closed(close) = &how
            && !self.closing
        {
            let frame = Frame::Close(close.clone());
            self.down.push_back(Parcel::Frame(frame));
        }
        self.down.push_back(Parcel::End(how));
    }

    /// All that can matter, as text.
    pub(super) fn render(&self, out: &mut String) {
        let _ = write!(out, "link{} {} {}", self.conn, self.open, self.closing);
        for frame in &self.up {
            render(frame, out);
        }
        out.push('|');
        for parcel in &self.down {
            match parcel {
                Parcel::Frame(frame) => render(frame, out),
                Parcel::End(how) => {
                    let _ = write!(out, "{how:?}");
                }
            }
        }
    }
}

/// A frame with its payload, as text.
pub(super) fn render(frame: &Frame, out: &mut String) {
    let _ = match frame {
        Frame::Text(text) => write!(out, "<{text}>"),
        Frame::Binary(bytes) => write!(out, "<b{bytes:?}>"),
        Frame::Ping(bytes) => write!(out, "<i{bytes:?}>"),
        Frame::Pong(bytes) => write!(out, "<o{bytes:?}>"),
        Frame::Close(close) => write!(out, "<c{close:?}>"),
    };
}
