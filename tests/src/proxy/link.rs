//! One connection: a client's socket, a server's socket, and what is carried between them. What is carried when is
//! decided in `way`; who turns the crank is in `engine`.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use socket2::SockRef;

use super::plan::{Cut, Plan};
use super::way::{Offer, READ, Way};
use crate::pair::Side;

/// How long a side may take to close after the other one, or the plan, has ended the connection in order.
pub(super) const LINGER: Duration = Duration::from_secs(2);
/// Reads and writes of one connection before others have their turn.
const ROUNDS: usize = 16;

/// A connection. Whoever drops it closes both sockets.
#[derive(Debug)]
pub(super) struct Link {
    client: End,
    server: End,
    from_client: Way,
    from_server: Way,
    /// The connection to the server is open.
    is_open: bool,
    /// Closed in order: what still comes is read and dropped, until then.
    closing: Option<Instant>,
}

/// One socket, and what it was last said to be ready for.
#[derive(Debug)]
struct End {
    socket: TcpStream,
    readable: bool,
    writable: bool,
}

/// What a turn of a connection has led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It waits for its sockets, and for this time.
    Waits(Option<Instant>),
    /// There is more to do.
    More,
    /// Both directions have ended.
    Ended,
    /// It has to be reset.
    Reset,
}

impl Link {
    pub(super) fn new(client: TcpStream, server: TcpStream, plan: Plan) -> Self {
        let end = |socket| End {
            socket,
            // Tried once; the system says when the next time is.
            readable: true,
            writable: true,
        };
        Self {
            client: end(client),
            server: end(server),
            from_client: Way::new(plan.client, plan.seed),
            from_server: Way::new(plan.server, !plan.seed),
            is_open: false,
            closing: None,
        }
    }

    /// The system says that a socket is ready.
    pub(super) fn ready(&mut self, side: Side, readable: bool, writable: bool) {
        let end = match side {
            Side::Client => &mut self.client,
            Side::Facilitator => &mut self.server,
        };
        end.readable |= readable;
        end.writable |= writable;
    }

    /// The direction in which `side` sends.
    pub(super) fn way(&mut self, side: Side) -> &mut Way {
        match side {
            Side::Client => &mut self.from_client,
            Side::Facilitator => &mut self.from_server,
        }
    }

    /// Ends it in order: both sides read the end of the stream.
    pub(super) fn close(&mut self, now: Instant) {
        if self.closing.is_none() {
            self.closing = Some(now + LINGER);
            for end in [&self.client, &self.server] {
                // It is gone already: that is what was wanted.
                let _ = end.socket.shutdown(Shutdown::Write);
            }
        }
    }

    /// Ends it hard.
    pub(super) fn reset(self) {
        for end in [&self.client, &self.server] {
            reset_when_dropped(&end.socket);
        }
    }

    /// Carries what can be carried now.
    pub(super) fn turn(&mut self, now: Instant) -> Turn {
        match self.try_turn(now) {
            Ok(turn) => turn,
            // One side has broken off: so does the other.
            Err(_) => Turn::Reset,
        }
    }

    fn try_turn(&mut self, now: Instant) -> io::Result<Turn> {
        if !self.is_open {
            if let Some(error) = self.server.socket.take_error()? {
                return Err(error);
            }
            if self.server.socket.peer_addr().is_err() {
                return Ok(Turn::Waits(None));
            }
            self.is_open = true;
        }
        for _ in 0..ROUNDS {
            if let Some(end) = self.closing {
                return self.drain(end, now);
            }
            let mut moved = false;
            let (mut sides, mut again) = (Side::BOTH.into_iter(), None);
            while let Some(side) = again.take().or_else(|| sides.next()) {
                let (from, to, way) = match side {
                    Side::Client => (&mut self.client, &mut self.server, &mut self.from_client),
                    Side::Facilitator => {
                        (&mut self.server, &mut self.client, &mut self.from_server)
                    }
                };
                moved |= from.read_into(way, now)?;
                match way.offer(now) {
                    Offer::Nothing => {}
                    Offer::Bytes(bytes) => {
                        let written = to.write(bytes)?;
                        if written > 0 {
                            way.wrote(now, written);
                            moved = true;
                            // A step behind these bytes comes before whatever they lead to.
                            again = way.is_at_step().then_some(side);
                        }
                    }
                    Offer::End => {
                        // The end of one direction is none of the other.
                        to.socket.shutdown(Shutdown::Write)?;
                        moved = true;
                    }
                    Offer::Silence => {
                        self.from_client.fall_silent();
                        self.from_server.fall_silent();
                        moved = true;
                    }
                    Offer::Cut(Cut::Reset) => return Ok(Turn::Reset),
                    Offer::Cut(Cut::Close) => {
                        self.close(now);
                        moved = true;
                    }
                }
            }
            if self.from_client.is_done() && self.from_server.is_done() {
                return Ok(Turn::Ended);
            }
            if !moved {
                let wakes = [self.from_client.wake_at(now), self.from_server.wake_at(now)];
                return Ok(Turn::Waits(wakes.into_iter().flatten().min()));
            }
        }
        Ok(Turn::More)
    }

    /// Reads what comes after the end, until both sides have closed too: a socket that is closed with something unread
    /// would be reset.
    fn drain(&mut self, until: Instant, now: Instant) -> io::Result<Turn> {
        let mut rest = [0; READ];
        let mut open = false;
        for end in [&mut self.client, &mut self.server] {
            while end.readable {
                match end.read(&mut rest)? {
                    Some(0) => break,
                    Some(_) => {}
                    None => open = true,
                }
            }
            open |= !end.readable;
        }
        Ok(if open && now < until {
            Turn::Waits(Some(until))
        } else {
            Turn::Ended
        })
    }
}

impl End {
    /// Reads once, if there is room; returns whether anything came.
    fn read_into(&mut self, way: &mut Way, now: Instant) -> io::Result<bool> {
        let room = way.room(now);
        if room == 0 || !self.readable {
            return Ok(false);
        }
        let mut buffer = [0; READ];
        let Some(room) = buffer.get_mut(..room) else {
            return Ok(false);
        };
        match self.read(room) {
            Ok(None) => return Ok(false),
            Ok(Some(0)) => way.end(),
            Ok(Some(bytes)) => way.take(now, buffer.get(..bytes).unwrap_or_default()),
            // Nobody is to learn of it.
            Err(_) if way.is_silent() => way.end(),
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// `None` when nothing is there yet.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.socket.read(buffer) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_early(&error) => {
                self.readable = false;
                Ok(None)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// 0 when the receiver has no room.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.writable {
            return Ok(0);
        }
        match self.socket.write(bytes) {
            Err(error) if is_early(&error) => {
                self.writable = false;
                Ok(0)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
            result => result,
        }
    }
}

fn is_early(error: &io::Error) -> bool {
    // The latter is what some systems say of a connection that is not open yet.
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::NotConnected
    )
}

/// With no time to linger, the system answers the closing of a socket with RST, whatever was not sent.
pub(super) fn reset_when_dropped(socket: &TcpStream) {
    // It fails for a socket that is gone: then nobody is to be told.
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}
