//! A TCP proxy for real sockets that breaks what passes through it: at a byte, at once, or without a word. It knows
//! nothing of what passes, and needs no runtime: each direction of a connection is a thread, which ends with it.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::pair::Side;

/// Connections at one time; one more is refused.
const CONNECTIONS: usize = 64;
/// Cuts that may be planned ahead.
const PLANS: usize = 1024;

/// A proxy in front of one server. Dropping it ends all that passes through it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The next connection's cut is the first of these.
    plans: VecDeque<(Side, u64)>,
    open: Vec<Open>,
    /// What each side has sent on the newest connection: the client, the server.
    bytes: [u64; 2],
    connections: u64,
    swallows: bool,
    closed: bool,
}

/// A connection: its number, its two sockets, and how many of its directions still carry.
#[derive(Debug)]
struct Open {
    number: u64,
    directions: u8,
    sockets: [TcpStream; 2],
}

impl Open {
    fn cut(&self) {
        for socket in &self.sockets {
            // It is gone already: that is what was wanted.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Proxy {
    /// Listens at a free port of this machine, and passes everything on to `server`.
    ///
    /// # Errors
    ///
    /// The system's, when it cannot listen.
    pub fn in_front_of(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            server,
            state: Mutex::default(),
        });
        let acceptor = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if acceptor.lock().closed {
                    return;
                }
                // Whatever fails here leaves the client with a closed socket, as it should.
                let _ = acceptor.connect(client);
            }
        });
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts the next connection that has no plan yet before byte number `byte` (from 0) of what `side` sends on it, the
    /// upgrade included. What was sent before is passed on.
    ///
    /// # Panics
    /// When more than a thousand connections are planned ahead.
    pub fn cut_next_at(&self, side: Side, byte: u64) {
        let mut state = self.shared.lock();
        assert!(state.plans.len() < PLANS, "too many cuts are planned");
        state.plans.push_back((side, byte));
    }

    /// Cuts all connections.
    pub fn cut_all(&self) {
        for open in self.shared.lock().open.drain(..) {
            open.cut();
        }
    }

    /// From now on nothing passes, in either direction, and nobody is told: all connections are half-open. Or again it
    /// does; what was sent meanwhile is lost.
    pub fn swallow(&self, swallows: bool) {
        self.shared.lock().swallows = swallows;
    }

    /// Bytes that `side` has sent on the newest connection.
    pub fn bytes_sent(&self, side: Side) -> u64 {
        let [client, server] = self.shared.lock().bytes;
        match side {
            Side::Client => client,
            Side::Facilitator => server,
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.cut_all();
        // The acceptor looks at `closed` when somebody comes.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects a client with the server, and carries until either ends.
    fn connect(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        if self.lock().open.len() >= CONNECTIONS {
            return Ok(());
        }
        let server = TcpStream::connect(self.server)?;
        for socket in [&client, &server] {
            socket.set_nodelay(true)?;
        }
        let (number, plan) = {
            let mut state = self.lock();
            state.connections += 1;
            state.bytes = [0, 0];
            let open = Open {
                number: state.connections,
                directions: 2,
                sockets: [client.try_clone()?, server.try_clone()?],
            };
            state.open.push(open);
            (state.connections, state.plans.pop_front())
        };
        for (side, from, to) in [
            (Side::Client, client.try_clone()?, server.try_clone()?),
            (Side::Facilitator, server, client),
        ] {
            let limit = plan.filter(|(cut, _)| *cut == side).map(|(_, byte)| byte);
            let shared = Arc::clone(self);
            thread::spawn(move || shared.carry(number, side, from, to, limit));
        }
        Ok(())
    }

    /// Carries one direction of a connection to its end, or to its cut.
    fn carry(
        &self,
        number: u64,
        side: Side,
        mut from: TcpStream,
        mut to: TcpStream,
        mut limit: Option<u64>,
    ) {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if !self.count(number, side, read) {
                continue;
            }
            let pass = limit.map_or(read, |left| {
                usize::try_from(left).map_or(read, |left| left.min(read))
            });
            limit = limit.map(|left| left.saturating_sub(pass as u64));
            let passing = buffer.get(..pass).unwrap_or_default();
            if to.write_all(passing).is_err() || pass < read {
                return self.cut(number);
            }
        }
        // The end of one direction is none of the other.
        let _ = to.shutdown(Shutdown::Write);
        self.lock().open.retain_mut(|open| {
            open.directions -= u8::from(open.number == number);
            open.directions > 0
        });
    }

    /// Takes note of bytes; returns whether they pass.
    fn count(&self, number: u64, side: Side, bytes: usize) -> bool {
        let mut state = self.lock();
        if state.connections == number {
            let [client, server] = &mut state.bytes;
            let counter = match side {
                Side::Client => client,
                Side::Facilitator => server,
            };
            *counter += bytes as u64;
        }
        !state.swallows
    }

    fn cut(&self, number: u64) {
        let mut state = self.lock();
        state.open.retain(|open| {
            if open.number == number {
                open.cut();
            }
            open.number != number
        });
    }
}
