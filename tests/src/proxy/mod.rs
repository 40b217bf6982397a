//! A TCP proxy for real sockets that breaks what passes through it, by plan, by seed or at once. It stands between
//! anything that speaks TCP and its server, knows nothing of what passes, and needs no async runtime: one thread.
//!
//! For everybody who wants to know what a system does on a bad line: here a client and a server that both have every
//! reason to expect an answer.
//!
//! ```
//! use std::io::{ErrorKind, Read as _, Write as _};
//! use std::net::{TcpListener, TcpStream};
//! use std::time::Duration;
//!
//! use facilitator_tests::pair::Side;
//! use facilitator_tests::proxy::{Cut, Plan, Profile, Proxy};
//!
//! let server = TcpListener::bind("127.0.0.1:0")?;
//! let proxy = Proxy::in_front_of(server.local_addr()?)?;
//!
//! // The next connection is reset once the server has said three bytes.
//! proxy.plan_next(Plan::cut_after(Side::Facilitator, 3, Cut::Reset));
//! let mut client = TcpStream::connect(proxy.address())?;
//! server.accept()?.0.write_all(b"hello")?;
//! let mut heard = Vec::new();
//! let error = client.read_to_end(&mut heard).expect_err("it does not end well");
//! assert_eq!((&*heard, error.kind()), (&b"hel"[..], ErrorKind::ConnectionReset));
//!
//! // Any other has a bad time, and always the same: a failing test prints one number.
//! let seed = 7;
//! let profile = Profile::all(1000, Duration::from_millis(5));
//! proxy.plan_by(move |connection| Plan::random(seed + connection, &profile));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! | what goes wrong | how |
//! |---|---|
//! | nobody listens | [`Proxy::refuse`], until [`Proxy::reopen`] |
//! | no answer to SYN | [`Proxy::clog`] (Linux), until [`Proxy::reopen`] |
//! | accepted, then closed, reset, or left alone | [`Entry`] |
//! | cut at a byte, in order or hard | [`Plan::cut_after`], [`Plan::cut_at`], [`Action::Cut`] |
//! | any of it, so many bytes from now | [`Proxy::plan_on`] |
//! | cut now | [`Proxy::cut_all`] |
//! | half-open: nothing passes, nobody is told | [`Plan::silent_after`], [`Action::Silence`], [`Action::Swallow`], [`Proxy::swallow`] |
//! | one side does not read | [`Action::Stall`], [`Proxy::stall`], until [`Proxy::resume`] |
//! | a slow line | [`Course::delay`], [`Course::jitter`], [`Course::bytes_per_second`] |
//! | segments that no message fits | [`Course::split`], [`Course::merge`] |
//! | all of it, by a number | [`Plan::random`] |
//!
//! It holds at most 64 connections (one more ends the oldest), 64 KiB in each direction of each, and 4096 plans. The
//! system's own buffers come on top.

mod door;
mod engine;
mod link;
mod plan;
mod random;
mod way;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

pub use self::plan::{Action, Course, Cut, Entry, MAX_STEPS, Merge, Plan, Split, Step};
pub use self::random::Profile;

use self::engine::{Hub, PLANS, Planner};
use crate::pair::Side;

/// A proxy in front of one server; the [module](self) shows it at work. All methods may be called from any thread, and
/// what they say is so when they return. Dropping it ends all that passes through it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    hub: Arc<Hub>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Listens at a free port of this machine, and passes everything on to `server`.
    ///
    /// # Errors
    ///
    /// The system's, when it cannot listen.
    pub fn in_front_of(server: SocketAddr) -> io::Result<Self> {
        Self::listen_at((Ipv4Addr::LOCALHOST, 0).into(), server)
    }

    /// Listens at `address`, and passes everything on to `server`.
    ///
    /// # Errors
    ///
    /// The system's, when it cannot listen there.
    pub fn listen_at(address: SocketAddr, server: SocketAddr) -> io::Result<Self> {
        let (hub, thread) = engine::start(address, server)?;
        let address = hub.lock().door.address();
        Ok(Self {
            address,
            hub,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What happens to the next connection that has no plan yet.
    ///
    /// # Panics
    ///
    /// When more than 4096 connections are planned ahead.
    pub fn plan_next(&self, plan: Plan) {
        let planned = self.hub.change(|engine| {
            let fits = engine.planned.len() < PLANS;
            if fits {
                engine.planned.push_back(plan);
            }
            fits
        });
        assert!(planned, "more than {PLANS} connections are planned ahead");
    }

    /// What happens to every connection for which [`plan_next`](Self::plan_next) has no plan. `planner` gets its number:
    /// connections are numbered from 1, in the order in which they come. It must call no method of this proxy. One that
    /// panics ends the proxy and all its connections.
    pub fn plan_by(&self, planner: impl FnMut(u64) -> Plan + Send + 'static) {
        self.hub
            .change(|engine| engine.planner = Planner(Box::new(planner)));
    }

    /// What happens to the newest connection from now on: the steps of this plan, counted from the bytes that it has
    /// carried so far. Nothing else of the plan matters. Without a connection nothing is planned.
    pub fn plan_on(&self, plan: &Plan) {
        self.hub.change(|engine| engine.plan_on(plan));
    }

    /// The plans of the connections so far, the newest last; of many, the last 4096.
    pub fn history(&self) -> Vec<Plan> {
        self.hub.lock().history.iter().cloned().collect()
    }

    /// Cuts all connections.
    pub fn cut_all(&self, cut: Cut) {
        self.hub.change(|engine| engine.cut_all(cut));
    }

    /// From now on nothing passes, in either direction, and nobody is told: all connections are half-open, those that
    /// come meanwhile too. Or again it does. A connection that has lost something meanwhile stays silent for ever: a
    /// stream with a gap in it would be a fault that no network has.
    pub fn swallow(&self, swallows: bool) {
        self.hub.change(|engine| engine.swallow(swallows));
    }

    /// Reads nothing any more of what `side` sends, on all connections, until [`resume`](Self::resume). Nothing is lost.
    pub fn stall(&self, side: Side) {
        self.hub.change(|engine| engine.stall(side, true));
    }

    /// Ends what [`stall`](Self::stall) has begun, and whatever [`Action::Stall`] has.
    pub fn resume(&self, side: Side) {
        self.hub.change(|engine| engine.stall(side, false));
    }

    /// Closes the listening socket: whoever comes is refused. The connections that are there go on.
    ///
    /// # Errors
    ///
    /// The system's, when the port cannot be kept meanwhile.
    pub fn refuse(&self) -> io::Result<()> {
        self.hub.change(engine::Engine::refuse)
    }

    /// Accepts nobody, and fills the backlog: who comes gets no answer from the system either, as from an address where
    /// no machine is. The connections that are there go on. It takes a tenth of a second.
    ///
    /// # Errors
    ///
    /// The system's, when it does not drop what asks for more than the backlog holds: Linux does, others may refuse.
    pub fn clog(&self) -> io::Result<()> {
        self.hub.change(engine::Engine::clog)
    }

    /// Listens again, after [`refuse`](Self::refuse) or [`clog`](Self::clog).
    ///
    /// # Errors
    ///
    /// The system's, when it cannot listen.
    pub fn reopen(&self) -> io::Result<()> {
        self.hub.change(engine::Engine::reopen)
    }

    /// Bytes that `side` has sent on the newest connection, as far as they were read.
    pub fn bytes_sent(&self, side: Side) -> u64 {
        self.hub.lock().bytes_sent(side)
    }

    /// Connections that were accepted so far.
    pub fn connections(&self) -> usize {
        self.hub.lock().connections
    }

    /// Connections with the server that are open, those that are silent and those that are closing included.
    pub fn open_connections(&self) -> usize {
        self.hub.lock().open_connections()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.hub.change(engine::Engine::close);
        // It has panicked only if a planner has, and said so then.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
