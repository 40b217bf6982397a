//! A blocking WebSocket that never blocks for long: how it is opened, written and read. It knows nothing of the session
//! but its words for what happens to a connection.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use facilitator_core::client::{ConnectFailure, ConnectFailureKind, ConnectRequest, Disconnected};
use facilitator_core::driver::rustls::{ClientConfig, ClientConnection, StreamOwned};
use facilitator_core::driver::tungstenite::handshake::HandshakeError;
use facilitator_core::driver::tungstenite::{self, WebSocket, client};
// These translate between tungstenite and the session. They know no runtime.
use facilitator_core::driver::{
    client_request, disconnected_by, frame_of, handshake_failure, io_failure, message_of,
    server_name, tls_failure, websocket_config,
};
use facilitator_core::{ConnectionId, Frame};

/// An open WebSocket, over TCP or TLS.
pub(crate) type Socket = WebSocket<Box<dyn Transport>>;

/// What a frame may take to write. What is left then is written later.
const WRITE: Duration = Duration::from_millis(10);

/// The session's present connection: none, under way, or open.
#[derive(Default)]
pub(crate) struct Line {
    id: Option<ConnectionId>,
    socket: Option<Socket>,
    /// What the peer's close frame said: the cause of the end, whatever breaks next.
    closed: Option<Disconnected>,
}

impl Line {
    /// One that is under way.
    pub(crate) fn to(id: ConnectionId) -> Self {
        Self {
            id: Some(id),
            ..Self::default()
        }
    }

    /// It is there. One that the session has given up meanwhile is dropped.
    pub(crate) fn open(&mut self, id: ConnectionId, socket: Socket) {
        self.socket = Some(socket).filter(|_| self.id == Some(id));
    }

    pub(crate) fn is_open(&self) -> bool {
        self.socket.is_some()
    }

    /// Drops it, written or not.
    pub(crate) fn close(&mut self, id: ConnectionId) {
        if self.id == Some(id) {
            *self = Self::default();
        }
    }

    /// Queues a frame. When that fails, reading tells why, after all that came in before.
    pub(crate) fn write(&mut self, id: ConnectionId, frame: &Frame) {
        if let Some(socket) = self.socket.as_mut().filter(|_| self.id == Some(id)) {
            socket.get_mut().give(WRITE);
            let _ = socket.write(message_of(frame));
        }
    }

    /// Writes what is queued, then waits for a frame, or the end, after which there is no line. `None`: neither came in
    /// that time.
    pub(crate) fn turn(
        &mut self,
        wait: Duration,
    ) -> Option<(ConnectionId, Result<Frame, Disconnected>)> {
        let (id, socket) = (self.id?, self.socket.as_mut()?);
        socket.get_mut().give(WRITE);
        let _ = socket.flush();
        // A moment at least: a session with much to do must not forget to read.
        socket.get_mut().give(wait.max(Duration::from_millis(1)));
        match socket.read() {
            Ok(message) => {
                let frame = frame_of(&message)?;
                if let Frame::Close(close) = &frame {
                    self.closed = Some(Disconnected::Closed(close.clone()));
                }
                Some((id, Ok(frame)))
            }
            Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => {
                let Self { closed, .. } = mem::take(self);
                Some((id, Err(closed.unwrap_or_else(|| disconnected_by(&error)))))
            }
        }
    }
}

/// From a URI to an open WebSocket: DNS, TCP, TLS, upgrade. Only the look-up of the name can last longer than `until`.
pub(crate) fn open(
    request: &ConnectRequest,
    tls: Arc<ClientConfig>,
    until: Instant,
) -> Result<Socket, ConnectFailure> {
    let endpoint = &request.endpoint;
    let dns = |detail: String| ConnectFailure::new(ConnectFailureKind::Dns, detail);
    let late = || ConnectFailure::new(ConnectFailureKind::Timeout, "the server is too slow");
    let addresses = (endpoint.host(), endpoint.port()).to_socket_addrs();
    let addresses = addresses.map_err(|error| dns(error.to_string()))?;
    let mut tcp = Err(dns("the name has no addresses".into()));
    // Each address has half of the time that is left: a dead one must not use up all of it.
    for address in addresses {
        let share = until.saturating_duration_since(Instant::now()) / 2;
        let share = share.max(Duration::from_millis(1));
        tcp = TcpStream::connect_timeout(&address, share).map_err(|error| io_failure(&error));
        if tcp.is_ok() {
            break;
        }
    }
    let mut tcp = Timed { tcp: tcp?, until };
    // Small messages that are answered one by one must not wait for each other.
    let _ = tcp.tcp.set_nodelay(true);
    let stream: Box<dyn Transport> = if endpoint.is_secure() {
        let tls = ClientConnection::new(tls, server_name(endpoint)?);
        let mut tls = tls.map_err(|error| tls_failure(&error))?;
        match tls.complete_io(&mut tcp) {
            Ok(_) => Box::new(StreamOwned::new(tls, tcp)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(late()),
            Err(error) => return Err(tls_failure(&error)),
        }
    } else {
        Box::new(tcp)
    };
    let limits = websocket_config(request.max_message_bytes);
    match client::client_with_config(client_request(request)?, stream, Some(limits)) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Interrupted(_)) => Err(late()),
        Err(HandshakeError::Failure(error)) => Err(handshake_failure(&error, SystemTime::now())),
    }
}

/// What a WebSocket runs over here.
pub(crate) trait Transport: Read + Write + Send {
    /// Calls fail with `WouldBlock` from now on as soon as this time has passed, all of them together.
    fn give(&mut self, time: Duration);
}

/// A TCP connection and the time that it has. The system's timeouts alone would not do: each call has its own, and a
/// peer that takes or sends a byte now and then never meets any.
struct Timed {
    tcp: TcpStream,
    until: Instant,
}

impl Timed {
    fn in_time<T>(
        &self,
        limit: impl Fn(&TcpStream, Option<Duration>) -> io::Result<()>,
        call: impl FnOnce(&TcpStream) -> io::Result<T>,
    ) -> io::Result<T> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::WouldBlock.into());
        }
        limit(&self.tcp, Some(left))?;
        call(&self.tcp).map_err(|error| match error.kind() {
            // As Windows says it.
            ErrorKind::TimedOut => ErrorKind::WouldBlock.into(),
            _ => error,
        })
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.in_time(TcpStream::set_read_timeout, |mut tcp| tcp.read(buffer))
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.in_time(TcpStream::set_write_timeout, |mut tcp| tcp.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Timed {
    fn give(&mut self, time: Duration) {
        self.until = Instant::now() + time;
    }
}

impl Transport for StreamOwned<ClientConnection, Timed> {
    fn give(&mut self, time: Duration) {
        self.sock.give(time);
    }
}
