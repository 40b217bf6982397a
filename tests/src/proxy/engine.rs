//! The thread of a proxy: waits for sockets and for time, and gives every connection its turn. All connections are here,
//! behind one lock that the handle takes too.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;
use std::{fmt, io};

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

use super::door::Door;
use super::link::{LINGER, Link, Turn, reset_when_dropped};
use super::plan::{Cut, Entry, Plan};
use crate::pair::Side;

/// Connections at one time. One more ends the oldest.
pub(super) const CONNECTIONS: usize = 64;
/// Plans that are made ahead, or kept after.
pub(super) const PLANS: usize = 4096;

const WAKER: Token = Token(0);
const DOOR: Token = Token(1);

/// What the handle and the thread share.
#[derive(Debug)]
pub(super) struct Hub {
    engine: Mutex<Engine>,
    waker: Waker,
}

/// Everything that a proxy has.
#[derive(Debug)]
pub(super) struct Engine {
    server: SocketAddr,
    registry: Registry,
    pub(super) door: Door,
    pub(super) planned: VecDeque<Plan>,
    pub(super) planner: Planner,
    /// The plans that connections have got.
    pub(super) history: VecDeque<Plan>,
    links: BTreeMap<usize, Link>,
    /// Connections that are not carried, and until when they are kept.
    kept: VecDeque<(TcpStream, Option<Instant>)>,
    /// Connections that were accepted.
    pub(super) connections: usize,
    /// Bytes that the client and the server have sent on the newest connection.
    bytes: [u64; 2],
    swallows: bool,
    stalls: [bool; 2],
    knocks: bool,
    pub(super) closed: bool,
}

/// Makes the plan of a connection that has none yet; its argument is the connection's number, from 1.
pub(super) struct Planner(pub(super) Box<dyn FnMut(u64) -> Plan + Send>);

impl fmt::Debug for Planner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Planner")
    }
}

impl Hub {
    pub(super) fn lock(&self) -> MutexGuard<'_, Engine> {
        // A planner that panicked has changed nothing here.
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something, and lets the thread see it.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Engine) -> T) -> T {
        let result = change(&mut self.lock());
        // It fails only where the thread is gone, and with it everything that could be changed.
        let _ = self.waker.wake();
        result
    }
}

/// Listens, and starts the thread.
pub(super) fn start(
    listen: SocketAddr,
    server: SocketAddr,
) -> io::Result<(Arc<Hub>, JoinHandle<()>)> {
    let poll = Poll::new()?;
    let registry = poll.registry().try_clone()?;
    let waker = Waker::new(&registry, WAKER)?;
    let door = Door::open(listen, &registry, DOOR)?;
    let engine = Mutex::new(Engine {
        server,
        registry,
        door,
        planned: VecDeque::new(),
        planner: Planner(Box::new(|_| Plan::default())),
        history: VecDeque::new(),
        links: BTreeMap::new(),
        kept: VecDeque::new(),
        connections: 0,
        bytes: [0; 2],
        swallows: false,
        stalls: [false; 2],
        knocks: false,
        closed: false,
    });
    let hub = Arc::new(Hub { engine, waker });
    let shared = Arc::clone(&hub);
    let thread = thread::Builder::new()
        .name("fault proxy".into())
        .spawn(move || run(&shared, poll))?;
    Ok((hub, thread))
}

/// Whatever ends the thread, a planner that panics included, ends everything: nobody shall wait for a dead proxy.
struct Closing<'a>(&'a Hub);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.lock().close();
    }
}

fn run(hub: &Hub, mut poll: Poll) {
    let _closing = Closing(hub);
    let mut events = Events::with_capacity(256);
    loop {
        let wake = {
            let mut engine = hub.lock();
            for event in &events {
                engine.note(event);
            }
            if engine.closed {
                return;
            }
            engine.turn(Instant::now())
        };
        let timeout = wake.map(|wake| wake.saturating_duration_since(Instant::now()));
        match poll.poll(&mut events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
            // Without it nothing moves any more.
            Err(_) => return,
        }
    }
}

impl Engine {
    fn note(&mut self, event: &Event) {
        match event.token() {
            WAKER => {}
            DOOR => self.knocks = true,
            Token(token) => {
                let side = if token % 2 == 0 {
                    Side::Client
                } else {
                    Side::Facilitator
                };
                if let Some(link) = self.links.get_mut(&(token / 2)) {
                    link.ready(side, event.is_readable(), event.is_writable());
                }
            }
        }
    }

    /// Gives everybody a turn; returns when the next one is due.
    fn turn(&mut self, now: Instant) -> Option<Instant> {
        self.accept(now);
        self.kept
            .retain(|(_, until)| until.is_none_or(|until| until > now));
        let mut wake = self.kept.iter().filter_map(|(_, until)| *until).min();
        let numbers: Vec<usize> = self.links.keys().copied().collect();
        for number in numbers {
            let Some(link) = self.links.get_mut(&number) else {
                continue;
            };
            let turn = link.turn(now);
            if number == self.connections {
                self.bytes = Side::BOTH.map(|side| link.way(side).taken());
            }
            let next = match turn {
                Turn::Waits(next) => next,
                Turn::More => Some(now),
                Turn::Ended => {
                    self.links.remove(&number);
                    None
                }
                Turn::Reset => {
                    self.end(number, Cut::Reset);
                    None
                }
            };
            wake = [wake, next].into_iter().flatten().min();
        }
        wake
    }

    fn accept(&mut self, now: Instant) {
        while self.knocks {
            match self.door.accept() {
                // Whatever fails here leaves the client with a closed socket, as it should.
                Ok(client) => drop(self.receive(client, now)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.knocks = false,
                // The client was gone before it was accepted.
                Err(_) => {}
            }
        }
    }

    fn receive(&mut self, client: TcpStream, now: Instant) -> io::Result<()> {
        self.connections += 1;
        self.bytes = [0; 2];
        let number = self.connections;
        let plan = match self.planned.pop_front() {
            Some(plan) => plan,
            None => (self.planner.0)(number as u64),
        };
        push(&mut self.history, plan.clone(), PLANS);
        match plan.entry {
            Entry::Carry => return self.connect(number, client, plan),
            Entry::Mute => push(&mut self.kept, (client, None), CONNECTIONS),
            Entry::Reset => reset_when_dropped(&client),
            Entry::HangUp => {
                client.shutdown(Shutdown::Write)?;
                // Closed right away, with something unread, it would be reset.
                push(&mut self.kept, (client, Some(now + LINGER)), CONNECTIONS);
            }
        }
        Ok(())
    }

    /// Connects a client with the server.
    fn connect(&mut self, number: usize, mut client: TcpStream, plan: Plan) -> io::Result<()> {
        let mut server = TcpStream::connect(self.server)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        self.registry
            .register(&mut client, Token(2 * number), both)?;
        self.registry
            .register(&mut server, Token(2 * number + 1), both)?;
        for socket in [&client, &server] {
            socket.set_nodelay(true)?;
        }
        let mut link = Link::new(client, server, plan);
        for (side, stalls) in Side::BOTH.into_iter().zip(self.stalls) {
            link.way(side).stall(stalls);
            link.way(side).swallow(self.swallows);
        }
        self.links.insert(number, link);
        if self.links.len() > CONNECTIONS
            && let Some(oldest) = self.links.keys().next().copied()
        {
            self.end(oldest, Cut::Reset);
        }
        Ok(())
    }

    fn end(&mut self, number: usize, cut: Cut) {
        match cut {
            Cut::Close => {
                if let Some(link) = self.links.get_mut(&number) {
                    link.close(Instant::now());
                }
            }
            Cut::Reset => {
                if let Some(link) = self.links.remove(&number) {
                    link.reset();
                }
            }
        }
    }

    pub(super) fn plan_on(&mut self, plan: &Plan) {
        if let Some(link) = self.links.get_mut(&self.connections) {
            link.way(Side::Client).plan_on(&plan.client.steps);
            link.way(Side::Facilitator).plan_on(&plan.server.steps);
        }
    }

    pub(super) fn cut_all(&mut self, cut: Cut) {
        let numbers: Vec<usize> = self.links.keys().copied().collect();
        for number in numbers {
            self.end(number, cut);
        }
        for (socket, _) in self.kept.drain(..) {
            if cut == Cut::Reset {
                reset_when_dropped(&socket);
            }
        }
    }

    pub(super) fn swallow(&mut self, swallows: bool) {
        self.swallows = swallows;
        for link in self.links.values_mut() {
            for side in Side::BOTH {
                link.way(side).swallow(swallows);
            }
        }
    }

    pub(super) fn stall(&mut self, side: Side, stalls: bool) {
        let [client, server] = &mut self.stalls;
        *match side {
            Side::Client => client,
            Side::Facilitator => server,
        } = stalls;
        for link in self.links.values_mut() {
            link.way(side).stall(stalls);
        }
    }

    pub(super) fn refuse(&mut self) -> io::Result<()> {
        self.door.refuse()
    }

    pub(super) fn clog(&mut self) -> io::Result<()> {
        self.door.clog(&self.registry, DOOR)
    }

    pub(super) fn reopen(&mut self) -> io::Result<()> {
        self.door.reopen(&self.registry, DOOR)
    }

    pub(super) fn bytes_sent(&self, side: Side) -> u64 {
        let [client, server] = self.bytes;
        match side {
            Side::Client => client,
            Side::Facilitator => server,
        }
    }

    pub(super) fn open_connections(&self) -> usize {
        self.links.len()
    }

    /// Ends everything.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.links.clear();
        self.kept.clear();
        self.door.shut();
    }
}

/// Adds to a list that holds so many; the oldest make room.
fn push<T>(list: &mut VecDeque<T>, item: T, most: usize) {
    if list.len() >= most {
        list.pop_front();
    }
    list.push_back(item);
}
