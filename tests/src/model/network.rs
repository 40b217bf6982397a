//! The network between a session and its facilitator: one attempt or one link at a time, and what is on the way in
//! either direction. Nothing moves by itself.

use std::collections::VecDeque;

use facilitator_core::{ConnectionId, Frame};

use super::peer::{Ear, Parcel};

/// A link.
#[derive(Clone, Debug)]
pub struct Wire {
    /// The session's number of it.
    pub conn: ConnectionId,
    /// The facilitator's end.
    pub ear: Ear,
    /// On the way to the facilitator, numbered from nothing.
    pub up: VecDeque<(u64, Frame)>,
    /// On the way to the session.
    pub down: VecDeque<Parcel>,
    /// Frames that the session has written.
    written: u64,
}

/// All that there is between the two.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// An attempt that nobody has decided.
    pub attempt: Option<ConnectionId>,
    /// The link.
    pub wire: Option<Wire>,
}

impl Network {
    /// The attempt succeeds. In headers, the validator is authenticated by then.
    pub fn connect(&mut self, authenticated: bool) -> Option<ConnectionId> {
        let conn = self.attempt.take()?;
        self.wire = Some(Wire {
            conn,
            ear: Ear {
                authenticated,
                ..Ear::default()
            },
            up: VecDeque::new(),
            down: VecDeque::new(),
            written: 0,
        });
        Some(conn)
    }

    /// The session writes. For a link that is gone, nobody reads it.
    pub fn write(&mut self, conn: ConnectionId, frame: Frame) {
        if let Some(wire) = self.linked(conn) {
            wire.up.push_back((wire.written, frame));
            wire.written += 1;
        }
    }

    /// The session drops the connection.
    pub fn drop_connection(&mut self, conn: ConnectionId) {
        self.attempt = self.attempt.filter(|attempt| *attempt != conn);
        if self.linked(conn).is_some() {
            self.wire = None;
        }
    }

    /// The next thing that reaches the session.
    pub fn next_down(&mut self) -> Option<(ConnectionId, Parcel)> {
        let wire = self.wire.as_mut()?;
        let conn = wire.conn;
        Some((conn, wire.down.pop_front()?))
    }

    fn linked(&mut self, conn: ConnectionId) -> Option<&mut Wire> {
        self.wire.as_mut().filter(|wire| wire.conn == conn)
    }
}
