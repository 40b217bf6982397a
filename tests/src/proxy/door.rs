//! Where connections come in: the listening socket, which can be shut, or clogged.

use std::io;
use std::net::{self, SocketAddr};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, SockRef, Socket, Type};

/// Connections that the system accepts before the proxy does.
const BACKLOG: i32 = 256;
/// Connections that fill a backlog of none: the system rounds up.
const FILLERS: usize = 8;
/// A connection to this machine that takes longer was not accepted.
const FULL: Duration = Duration::from_millis(100);

/// The listening socket, or what stands in its place.
#[derive(Debug)]
pub(super) struct Door {
    address: SocketAddr,
    state: State,
}

#[derive(Debug)]
enum State {
    Open(TcpListener),
    /// Nobody listens. The socket keeps the port for us.
    Refuses {
        _port: Socket,
    },
    /// Nobody accepts, and the backlog is full.
    Clogged {
        _listener: TcpListener,
        _fillers: Vec<net::TcpStream>,
    },
    /// Between two of these, or after an error of the system.
    Gone,
}

impl Door {
    pub(super) fn open(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let listener = listen(address, registry, token)?;
        Ok(Self {
            address: listener.local_addr()?,
            state: State::Open(listener),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection, if there is one.
    pub(super) fn accept(&self) -> io::Result<TcpStream> {
        match &self.state {
            State::Open(listener) => listener.accept().map(|(client, _)| client),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Connections are accepted again. Those that were waiting for it behind a full backlog are reset.
    pub(super) fn reopen(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        if matches!(self.state, State::Open(_)) {
            return Ok(());
        }
        // The old socket closes first, with what waits in its backlog.
        self.state = State::Gone;
        self.state = State::Open(listen(self.address, registry, token)?);
        Ok(())
    }

    /// For good.
    pub(super) fn shut(&mut self) {
        self.state = State::Gone;
    }

    /// Whoever comes is refused by the system.
    pub(super) fn refuse(&mut self) -> io::Result<()> {
        self.state = State::Gone;
        self.state = State::Refuses {
            _port: bind(self.address)?,
        };
        Ok(())
    }

    /// Whoever comes gets no answer at all: the backlog is full, and Linux drops what asks for more.
    pub(super) fn clog(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.reopen(registry, token)?;
        let State::Open(listener) = std::mem::replace(&mut self.state, State::Gone) else {
            return Ok(());
        };
        SockRef::from(&listener).listen(0)?;
        let mut fillers = Vec::new();
        while fillers.len() < FILLERS {
            match net::TcpStream::connect_timeout(&self.address, FULL) {
                Ok(filler) => fillers.push(filler),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    self.state = State::Clogged {
                        _listener: listener,
                        _fillers: fillers,
                    };
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other(
            "this system accepts more connections than it was told to",
        ))
    }
}

fn listen(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<TcpListener> {
    let socket = bind(address)?;
    socket.listen(BACKLOG)?;
    let mut listener = TcpListener::from_std(socket.into());
    registry.register(&mut listener, token, Interest::READABLE)?;
    Ok(listener)
}

/// Takes the port, even while old connections of it linger.
fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}
