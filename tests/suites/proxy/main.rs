//! The fault proxy keeps what it promises. Both ends are plain blocking sockets here: what they see is what any client
//! and any server would see.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod cuts;
mod doors;
mod paces;
mod plans;
mod silence;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use facilitator_tests::pair::Side;
use facilitator_tests::proxy::{Plan, Proxy};

/// Nothing that shall happen takes longer.
const BOUND: Duration = Duration::from_secs(20);
/// Something that shall not happen would have happened by now.
const NEVER: Duration = Duration::from_millis(100);

/// A server, and the proxy in front of it.
struct Line {
    server: TcpListener,
    proxy: Proxy,
}

/// The two ends of a connection.
struct Ends {
    client: TcpStream,
    server: TcpStream,
}

impl Line {
    fn new() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy::in_front_of(server.local_addr().unwrap()).unwrap();
        Self { server, proxy }
    }

    fn client(&self) -> TcpStream {
        let client = TcpStream::connect(self.proxy.address()).unwrap();
        client.set_read_timeout(Some(BOUND)).unwrap();
        client
    }

    fn ends(&self) -> Ends {
        let client = self.client();
        let (server, _) = self.server.accept().unwrap();
        server.set_read_timeout(Some(BOUND)).unwrap();
        Ends { client, server }
    }

    fn planned(&self, plan: Plan) -> Ends {
        self.proxy.plan_next(plan);
        self.ends()
    }
}

impl Ends {
    /// The socket of a side, and that of the other one.
    fn of(&mut self, side: Side) -> (&mut TcpStream, &mut TcpStream) {
        match side {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Facilitator => (&mut self.server, &mut self.client),
        }
    }

    /// Says a word in each direction, and hears it.
    fn check(&mut self) {
        for side in Side::BOTH {
            let (from, to) = self.of(side);
            from.write_all(b"word").unwrap();
            assert_eq!(hear(to, 4), b"word", "{side:?}");
        }
    }
}

/// How a stream has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Close,
    Reset,
}

/// Reads so many bytes.
fn hear(socket: &mut TcpStream, bytes: usize) -> Vec<u8> {
    let mut heard = vec![0; bytes];
    socket.read_exact(&mut heard).unwrap();
    heard
}

/// Reads to the end.
fn hear_all(socket: &mut TcpStream) -> (Vec<u8>, Heard) {
    let mut heard = Vec::new();
    let end = match socket.read_to_end(&mut heard) {
        Ok(_) => Heard::Close,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Heard::Reset,
        Err(error) => panic!("{error}"),
    };
    (heard, end)
}

/// Nothing comes, not even an end.
fn hear_nothing(socket: &mut TcpStream) {
    socket.set_read_timeout(Some(NEVER)).unwrap();
    match socket.read(&mut [0; 16]) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
        other => panic!("{other:?}"),
    }
    socket.set_read_timeout(Some(BOUND)).unwrap();
}

fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Facilitator,
        Side::Facilitator => Side::Client,
    }
}
