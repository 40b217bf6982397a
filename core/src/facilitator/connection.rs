//! One connection as the facilitator sees it: how far it got, what waits to be handled, whether it lives.
//! What a frame means is decided elsewhere.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use super::config::{FacilitatorConfig, Limits};
use crate::signature::AccountId;
use crate::{Frame, Timestamp};

/// Frames that uvicorn reads ahead of its handler. A close frame behind more of them is not seen yet,
/// and when it is seen, they are dropped.
pub(super) const READ_AHEAD: usize = 32;

/// How far a connection got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Only an authentication request is welcome.
    Unauthenticated,
    /// Speaks for a validator.
    Authenticated {
        /// The validator.
        validator: AccountId,
        /// When it authenticated or sent its last heartbeat.
        heard: Timestamp,
    },
    /// The handler crashed; the close follows at this time, and nothing is read until then.
    Crashed {
        /// When to close.
        close_at: Timestamp,
    },
}

/// The state of one connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Connection {
    /// `X-Validator-Version` of the handshake.
    pub(super) version: Option<String>,
    /// `X-Validator-Runner-Version` of the handshake.
    pub(super) runner_version: Option<String>,
    pub(super) phase: Phase,
    /// Frames are handled but nothing is sent: somebody wants it so.
    pub(super) mute: bool,
    /// Frames are handled but nothing is sent: the transport is gone, or going.
    pub(super) over: bool,
    inbox: VecDeque<Frame>,
    inbox_bytes: usize,
    /// When the frame at the head of the inbox is done.
    done_at: Option<Timestamp>,
    next_ping: Option<Timestamp>,
    /// When a silent peer is taken for dead.
    silent_until: Option<Timestamp>,
    pings: u32,
}

impl Connection {
    pub(super) fn new(
        now: Timestamp,
        config: &FacilitatorConfig,
        headers: &[(&str, &str)],
    ) -> Self {
        Self {
            version: header(headers, "x-validator-version"),
            runner_version: header(headers, "x-validator-runner-version"),
            phase: Phase::Unauthenticated,
            mute: false,
            over: false,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            done_at: None,
            next_ping: config.ping_interval.map(|interval| now + interval),
            silent_until: None,
            pings: 0,
        }
    }

    /// The validator that this connection speaks for.
    pub(super) fn validator(&self) -> Option<AccountId> {
        match &self.phase {
            Phase::Authenticated { validator, .. } => Some(*validator),
            Phase::Unauthenticated | Phase::Crashed { .. } => None,
        }
    }

    /// The validator that it speaks for, if it was heard from within `timeout`.
    pub(super) fn heard_within(&self, now: Timestamp, timeout: Duration) -> Option<AccountId> {
        match &self.phase {
            Phase::Authenticated { validator, heard } => {
                (now.saturating_duration_since(*heard) <= timeout).then_some(*validator)
            }
            Phase::Unauthenticated | Phase::Crashed { .. } => None,
        }
    }

    /// The peer sent something, whatever it was: it lives.
    pub(super) fn note_alive(&mut self) {
        self.silent_until = None;
    }

    /// A heartbeat came.
    pub(super) fn note_heartbeat(&mut self, now: Timestamp) {
        if let Phase::Authenticated { heard, .. } = &mut self.phase {
            *heard = now;
        }
    }

    /// The payload of the ping that is due, if one is.
    pub(super) fn take_ping(
        &mut self,
        now: Timestamp,
        config: &FacilitatorConfig,
    ) -> Option<Arc<[u8]>> {
        let interval = config.ping_interval?;
        if self.next_ping.is_none_or(|due| due > now) {
            return None;
        }
        self.next_ping = Some(now + interval.max(Duration::from_millis(1)));
        if self.silent_until.is_none() && !self.mute {
            self.silent_until = config.pong_timeout.map(|timeout| now + timeout);
        }
        self.pings = self.pings.wrapping_add(1);
        Some(Arc::from(self.pings.to_be_bytes().as_slice()))
    }

    /// Whether a ping stayed without any sign of life for too long.
    pub(super) fn is_silent(&self, now: Timestamp) -> bool {
        self.silent_until.is_some_and(|until| until <= now)
    }

    /// When the drop for want of heartbeats is due.
    pub(super) fn drop_at(&self, drop_timeout: Duration) -> Option<Timestamp> {
        match &self.phase {
            Phase::Authenticated { heard, .. } => Some(*heard + drop_timeout),
            Phase::Unauthenticated | Phase::Crashed { .. } => None,
        }
    }

    /// The next time at which something happens here by itself.
    pub(super) fn next_deadline(&self, drop_timeout: Duration) -> Option<Timestamp> {
        if let Phase::Crashed { close_at } = &self.phase {
            return Some(*close_at);
        }
        [
            self.done_at,
            self.next_ping,
            self.silent_until,
            self.drop_at(drop_timeout),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Whether nothing waits to be handled.
    pub(super) fn is_idle(&self) -> bool {
        self.inbox.is_empty()
    }

    /// Puts a frame behind those that wait. False when there is no room.
    pub(super) fn enqueue(
        &mut self,
        now: Timestamp,
        frame: Frame,
        config: &FacilitatorConfig,
    ) -> bool {
        let Limits {
            inbox_frames,
            inbox_bytes,
            ..
        } = config.limits;
        let bytes = self.inbox_bytes.saturating_add(frame.len());
        if self.inbox.len() >= inbox_frames || bytes > inbox_bytes {
            return false;
        }
        if self.inbox.is_empty() {
            self.done_at = Some(now + config.handling_time);
        }
        self.inbox_bytes = bytes;
        self.inbox.push_back(frame);
        true
    }

    /// When the frame at the head of the inbox is done.
    pub(super) fn done_at(&self) -> Option<Timestamp> {
        self.done_at
    }

    /// The frame at the head of the inbox, which is done; the next one is taken in hand.
    pub(super) fn take_done(&mut self, handling_time: Duration) -> Option<Frame> {
        self.done_at = self.done_at.map(|at| at + handling_time);
        self.take_next()
    }

    /// The frame at the head of the inbox, done or not.
    pub(super) fn take_next(&mut self) -> Option<Frame> {
        let frame = self.inbox.pop_front()?;
        self.inbox_bytes = self.inbox_bytes.saturating_sub(frame.len());
        if self.inbox.is_empty() {
            self.done_at = None;
        }
        Some(frame)
    }

    /// The close frame in the inbox that the server has read by now, given how many frames it reads ahead of the one in hand.
    pub(super) fn close_in_sight(&self, read_ahead: usize) -> Option<&Frame> {
        self.inbox
            .iter()
            .take(read_ahead.saturating_add(2))
            .find(|frame| matches!(frame, Frame::Close(_)))
    }

    /// Forgets what waits to be handled.
    pub(super) fn clear_inbox(&mut self) {
        self.inbox.clear();
        self.inbox_bytes = 0;
        self.done_at = None;
    }
}

/// The value of a header; of a repeated one the last, cut to the length of the reference's column.
fn header(headers: &[(&str, &str)], name: &str) -> Option<String> {
    let (_, value) = headers
        .iter()
        .rev()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(value.chars().take(255).collect())
}
