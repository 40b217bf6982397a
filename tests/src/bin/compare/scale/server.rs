//! The server of many sessions: one thread, one loop over all of them. It answers the upgrade, the first text of each
//! connection with a success, pings and closes; it counts the rest, and cuts every connection when it is told to.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use facilitator_core::driver::rustls::{ServerConfig, ServerConnection, StreamOwned};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use serde::{Deserialize, Serialize};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::{certificate, open_files};
use crate::wire::Result;
use crate::wire::role::{commands, say};

/// A frame with the plain success.
const SUCCESS: &[u8] = b"\x81\x20{\"status\":\"success\",\"errors\":[]}";
/// Connections that may wait to be accepted at an address; the system may allow fewer.
const BACKLOG: i32 = 16 * 1024;
/// Connections come to several addresses, since each has a queue, and ports, of its own.
pub(crate) const ADDRESSES: u8 = 4;
/// Longer requests are no upgrades of ours, in bytes.
const LONGEST_REQUEST: usize = 8 * 1024;
/// What one look at a socket takes at most, in bytes.
const BUFFER: usize = 16 * 1024;
/// Whoever has something to say to the server wakes it by this.
const PARENT: Token = Token(0);
/// Above the listeners' tokens.
const FIRST_PEER: usize = 1 + ADDRESSES as usize;

/// What the parent can ask for. Each is answered with [`Seen`], at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Command {
    /// What has been seen.
    Tell,
    /// Every connection ends, without a word (FIN, no close frame).
    Cut,
}

/// Where it listens: its first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Listening {
    pub(crate) addresses: Vec<SocketAddr>,
    /// Who has signed its certificate, in DER, when it speaks TLS.
    pub(crate) authority: Option<Vec<u8>>,
}

/// What it has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Connections that are open and authenticated.
    pub(crate) open: u64,
    /// Authentications.
    pub(crate) authentications: u64,
    /// Texts after them: heartbeats, as nobody sends anything else.
    pub(crate) texts: u64,
    pub(crate) pings: u64,
}

/// Serves until the parent has gone.
pub(super) fn serve(secure: bool) -> Result<()> {
    open_files::raise();
    let (tls, authority) = if secure {
        let (config, authority) = certificate::server()?;
        (Some(config), Some(authority))
    } else {
        (None, None)
    };
    let (mut server, addresses) = Server::listen(tls)?;
    let commands = wake_for(commands(), Waker::new(server.poll.registry(), PARENT)?);
    say(&Listening {
        addresses,
        authority,
    })?;
    server.run(&commands)
}

/// Hands commands on, and wakes the loop for each.
fn wake_for(
    mut commands: tokio::sync::mpsc::UnboundedReceiver<Command>,
    waker: Waker,
) -> Receiver<Command> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        while let Some(command) = commands.blocking_recv() {
            if sender.send(command).is_err() || waker.wake().is_err() {
                return;
            }
        }
    });
    receiver
}

struct Server {
    poll: Poll,
    listeners: Vec<TcpListener>,
    tls: Option<Arc<ServerConfig>>,
    peers: BTreeMap<usize, Peer>,
    next: usize,
    seen: Seen,
    buffer: Vec<u8>,
}

impl Server {
    fn listen(tls: Option<Arc<ServerConfig>>) -> io::Result<(Self, Vec<SocketAddr>)> {
        let poll = Poll::new()?;
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        let mut port = 0;
        for n in 1..=ADDRESSES {
            let mut listener = listen((Ipv4Addr::new(127, 0, 0, n), port).into())?;
            let address = listener.local_addr()?;
            // The same port everywhere, so that one certificate and one line of a log tell it all.
            port = address.port();
            let token = Token(usize::from(n));
            poll.registry()
                .register(&mut listener, token, Interest::READABLE)?;
            listeners.push(listener);
            addresses.push(address);
        }
        let server = Self {
            poll,
            listeners,
            tls,
            peers: BTreeMap::new(),
            next: FIRST_PEER,
            seen: Seen::default(),
            buffer: vec![0; BUFFER],
        };
        Ok((server, addresses))
    }

    /// Until nobody can tell it anything any more.
    fn run(&mut self, commands: &Receiver<Command>) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                match event.token() {
                    PARENT => loop {
                        match commands.try_recv() {
                            Ok(command) => self.obey(command)?,
                            Err(TryRecvError::Empty) => break,
                            Err(TryRecvError::Disconnected) => return Ok(()),
                        }
                    },
                    Token(n) if n < FIRST_PEER => self.accept(n)?,
                    Token(n) => self.carry_on(n),
                }
            }
        }
    }

    fn obey(&mut self, command: Command) -> io::Result<()> {
        match command {
            Command::Tell => say(&self.seen),
            Command::Cut => {
                // What comes before the next look at the sockets is not accepted yet, and so not cut.
                self.peers.clear();
                self.seen.open = 0;
                say(&self.seen)
            }
        }
    }

    fn accept(&mut self, listener: usize) -> io::Result<()> {
        let Some(listener) = self.listeners.get(listener.saturating_sub(1)) else {
            return Ok(());
        };
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // It has gone before it was accepted.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll
                .registry()
                .register(&mut stream, Token(self.next), both)?;
            self.peers
                .insert(self.next, Peer::new(stream, self.tls.as_ref())?);
            self.next += 1;
        }
    }

    fn carry_on(&mut self, n: usize) {
        let Some(peer) = self.peers.get_mut(&n) else {
            return;
        };
        if peer
            .carry_on(&mut self.buffer, &mut self.seen)
            .is_err_and(|error| error.kind() != ErrorKind::WouldBlock)
        {
            if peer.stage == Stage::Open {
                self.seen.open -= 1;
            }
            self.peers.remove(&n);
        }
    }
}

/// With a long queue, which the standard library's listeners do not have.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Upgrade,
    Authentication,
    Open,
}

/// One connection.
struct Peer {
    wire: Wire,
    stage: Stage,
    /// Read, and not a whole request or frame yet.
    input: Vec<u8>,
    /// Said, and not taken by the system yet.
    output: Vec<u8>,
    /// It has said goodbye: this ends once that has been written.
    is_leaving: bool,
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    fn stream(&mut self) -> &mut dyn ReadWrite {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream,
        }
    }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

impl Peer {
    fn new(stream: TcpStream, tls: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        let wire = match tls {
            None => Wire::Plain(stream),
            Some(config) => {
                let tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
                Wire::Tls(Box::new(StreamOwned::new(tls, stream)))
            }
        };
        Ok(Self {
            wire,
            stage: Stage::Upgrade,
            input: Vec::new(),
            output: Vec::new(),
            is_leaving: false,
        })
    }

    /// Reads and answers until it would block, which is an error here, as every end is.
    fn carry_on(&mut self, buffer: &mut [u8], seen: &mut Seen) -> io::Result<()> {
        loop {
            self.write()?;
            let bytes = self.wire.stream().read(buffer)?;
            if bytes == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.input
                .extend_from_slice(buffer.get(..bytes).unwrap_or_default());
            self.answer(seen)?;
        }
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            let bytes = self.wire.stream().write(&self.output)?;
            self.output.drain(..bytes);
        }
        self.wire.stream().flush()?;
        if self.is_leaving {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    fn answer(&mut self, seen: &mut Seen) -> io::Result<()> {
        if self.stage == Stage::Upgrade {
            let Some(length) = end_of_head(&self.input) else {
                return if self.input.len() > LONGEST_REQUEST {
                    Err(ErrorKind::InvalidData.into())
                } else {
                    Ok(())
                };
            };
            let head: Vec<u8> = self.input.drain(..length).collect();
            upgrade(&head, &mut self.output)?;
            self.stage = Stage::Authentication;
        }
        while let Some(frame) = take_frame(&mut self.input)? {
            self.hear(&frame, seen);
        }
        if self.input.is_empty() {
            self.input = Vec::new();
        }
        Ok(())
    }

    fn hear(&mut self, frame: &Frame, seen: &mut Seen) {
        match (frame.opcode, self.stage) {
            (OpCode::Data(Data::Text), Stage::Open) => seen.texts += 1,
            (OpCode::Data(Data::Text), _) => {
                self.stage = Stage::Open;
                seen.open += 1;
                seen.authentications += 1;
                self.output.extend_from_slice(SUCCESS);
            }
            (OpCode::Control(Control::Ping), _) => {
                seen.pings += 1;
                short_frame(0x8A, &frame.payload, &mut self.output);
            }
            (OpCode::Control(Control::Close), _) => {
                short_frame(0x88, &frame.payload, &mut self.output);
                self.is_leaving = true;
            }
            _ => {}
        }
    }
}

/// Where the request ends.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let end = b"\r\n\r\n";
    let at = bytes.windows(end.len()).position(|window| window == end)?;
    Some(at + end.len())
}

/// The answer to a request for an upgrade.
fn upgrade(head: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
    let head = str::from_utf8(head).map_err(io::Error::other)?;
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_key = name.eq_ignore_ascii_case("sec-websocket-key");
        is_key.then(|| value.trim())
    });
    let key = key.ok_or(ErrorKind::InvalidData)?;
    write!(
        output,
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    )
}

/// What a client has said.
#[derive(Debug, PartialEq, Eq)]
struct Frame {
    opcode: OpCode,
    payload: Vec<u8>,
}

/// Takes the next whole frame out of the input.
fn take_frame(input: &mut Vec<u8>) -> io::Result<Option<Frame>> {
    let mut cursor = io::Cursor::new(&input[..]);
    let parsed = FrameHeader::parse(&mut cursor).map_err(io::Error::other)?;
    let Some((header, length)) = parsed else {
        return Ok(None);
    };
    let begin = usize::try_from(cursor.position()).map_err(io::Error::other)?;
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let mask = header.mask.ok_or(ErrorKind::InvalidData)?;
    let end = begin.checked_add(length).ok_or(ErrorKind::InvalidData)?;
    let Some(payload) = input.get(begin..end) else {
        return Ok(None);
    };
    let payload = payload.iter().zip(mask.iter().cycle());
    let frame = Frame {
        opcode: header.opcode,
        payload: payload.map(|(byte, mask)| byte ^ mask).collect(),
    };
    input.drain(..end);
    Ok(Some(frame))
}

/// A frame of the server's; control frames are no longer than this can say.
fn short_frame(first: u8, payload: &[u8], output: &mut Vec<u8>) {
    let length = u8::try_from(payload.len()).unwrap_or(0).min(125);
    output.extend([first, length]);
    output.extend(payload.iter().take(usize::from(length)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_whole_however_they_come() {
        // A masked text "hi", a masked ping without words.
        let bytes = [
            0x81,
            0x82,
            1,
            2,
            3,
            4,
            b'h' ^ 1,
            b'i' ^ 2,
            0x89,
            0x80,
            0,
            0,
            0,
            0,
        ];
        for step in 1..=bytes.len() {
            let mut input = Vec::new();
            let mut frames = Vec::new();
            for chunk in bytes.chunks(step) {
                input.extend_from_slice(chunk);
                while let Some(frame) = take_frame(&mut input).unwrap() {
                    frames.push((frame.opcode, frame.payload));
                }
            }
            assert!(input.is_empty());
            let text = (OpCode::Data(Data::Text), b"hi".to_vec());
            let ping = (OpCode::Control(Control::Ping), Vec::new());
            assert_eq!(frames, [text, ping], "in pieces of {step}");
        }
        let unmasked = take_frame(&mut vec![0x81, 0]);
        assert_eq!(unmasked.unwrap_err().kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn an_upgrade_is_answered_with_the_key_of_its_request() {
        // RFC 6455, section 1.3.
        let head = b"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nrest";
        let length = end_of_head(head).unwrap();
        assert_eq!(&head[length..], b"rest");
        let mut answer = Vec::new();
        upgrade(&head[..length], &mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains("Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        assert!(upgrade(b"GET / HTTP/1.1\r\n\r\n", &mut Vec::new()).is_err());
    }
}
