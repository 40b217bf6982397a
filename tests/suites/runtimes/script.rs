//! A facilitator that does what a script says, byte by byte, on its first connection. On every later one it is content
//! with all that it hears.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use facilitator_tests::solo::SUCCESS;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::peers;

/// The first byte of a frame: final, and its kind (RFC 6455, section 5.2).
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// Between two pings of a peer that chatters.
const CHATTER: Duration = Duration::from_millis(10);

/// What is done next on the first connection. Behind the last step the connection is closed in order.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Reads the upgrade request and accepts it, in one write with these bytes.
    Upgrade(Vec<u8>),
    /// Reads a text message.
    Hear,
    /// Writes these bytes, in one write.
    Say(Vec<u8>),
    /// Resets the connection.
    Reset,
    /// Reads and says nothing until the peer has gone.
    Listen,
    /// Sends pings and answers none until the peer has gone.
    Chatter,
}

/// What such a facilitator tells the test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A text message, on the connection of this number.
    Text(usize, String),
    /// The connection of this number is over.
    Gone(usize),
}

/// The facilitator. Connections are numbered from 0.
#[derive(Debug)]
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    heard: UnboundedReceiver<Heard>,
}

impl Scripted {
    pub(crate) fn new(script: Vec<Step>) -> Self {
        let (sender, heard) = unbounded_channel();
        let (count, script) = (AtomicUsize::new(0), Arc::new(script));
        let port = peers::serve(move |stream| {
            let number = count.fetch_add(1, Ordering::Relaxed);
            let script = Arc::clone(&script);
            let mut line = Line {
                stream,
                number,
                sender: sender.clone(),
            };
            async move {
                // A peer that goes away in between is what some scripts are about.
                let _ = match number {
                    0 => line.play(&script).await,
                    _ => line.be_content().await,
                };
                let _ = line.sender.send(Heard::Gone(number));
            }
        });
        Self {
            address: ([127, 0, 0, 1], port).into(),
            heard,
        }
    }

    /// What is heard next.
    pub(crate) async fn heard(&mut self) -> Heard {
        self.heard.recv().await.unwrap()
    }

    /// The text that is heard next on this connection, whatever happens on others.
    pub(crate) async fn text_on(&mut self, connection: usize) -> String {
        loop {
            match self.heard().await {
                Heard::Text(number, text) if number == connection => return text,
                Heard::Gone(number) if number == connection => panic!("nothing more is said"),
                _ => {}
            }
        }
    }
}

/// The script of a connection on which everything is well, up to the first heartbeat.
pub(crate) fn ready(then: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let mut script = vec![
        Step::Upgrade(Vec::new()),
        Step::Hear,
        Step::Say(text(SUCCESS)),
        Step::Hear,
    ];
    script.extend(then);
    script
}

/// A text message.
pub(crate) fn text(text: &str) -> Vec<u8> {
    frame(TEXT, text.as_bytes())
}

/// A close frame.
pub(crate) fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// A frame as a server sends it: not masked.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u64;
    let mut bytes = vec![first];
    match length {
        0..=125 => bytes.extend(&length.to_be_bytes()[7..]),
        126..=0xffff => {
            bytes.push(126);
            bytes.extend(&length.to_be_bytes()[6..]);
        }
        _ => {
            bytes.push(127);
            bytes.extend(&length.to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

/// One connection, seen from the server.
struct Line {
    stream: TcpStream,
    number: usize,
    sender: UnboundedSender<Heard>,
}

impl Line {
    async fn play(&mut self, script: &[Step]) -> io::Result<()> {
        for step in script {
            match step {
                Step::Upgrade(more) => self.upgrade(more).await?,
                Step::Hear => while self.read_frame().await?.0 != TEXT {},
                Step::Say(bytes) => self.stream.write_all(bytes).await?,
                Step::Reset => return self.stream.set_zero_linger(),
                Step::Listen => self.listen().await?,
                Step::Chatter => self.chatter().await?,
            }
        }
        self.stream.shutdown().await?;
        self.listen().await
    }

    async fn be_content(&mut self) -> io::Result<()> {
        self.upgrade(&[]).await?;
        loop {
            let (kind, payload) = self.read_frame().await?;
            let answer = match kind {
                TEXT if payload.windows(9).any(|word| word == b"Heartbeat") => continue,
                TEXT => text(SUCCESS),
                PING => frame(PONG, &payload),
                CLOSE => return self.stream.write_all(&frame(CLOSE, &payload)).await,
                _ => continue,
            };
            self.stream.write_all(&answer).await?;
        }
    }

    /// Reads an upgrade request and accepts it.
    async fn upgrade(&mut self, more: &[u8]) -> io::Result<()> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(self.stream.read_u8().await?);
        }
        let request = String::from_utf8_lossy(&request);
        let key = request
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
        let accept = derive_accept_key(key.unwrap_or_default().1.as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        let bytes = [head.as_bytes(), more].concat();
        self.stream.write_all(&bytes).await
    }

    /// The first byte of the next frame and what it carries, unmasked. Texts are told to the test.
    async fn read_frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let kind = self.stream.read_u8().await?;
        let length = match self.stream.read_u8().await? & 0x7f {
            126 => self.stream.read_u16().await?.into(),
            127 => self.stream.read_u64().await?,
            short => short.into(),
        };
        let mut mask = [0; 4];
        self.stream.read_exact(&mut mask).await?;
        let mut payload = Vec::new();
        (&mut self.stream)
            .take(length)
            .read_to_end(&mut payload)
            .await?;
        for (byte, mask) in payload.iter_mut().zip(mask.into_iter().cycle()) {
            *byte ^= mask;
        }
        if kind == TEXT {
            let text = String::from_utf8_lossy(&payload).into_owned();
            let _ = self.sender.send(Heard::Text(self.number, text));
        }
        Ok((kind, payload))
    }

    async fn listen(&mut self) -> io::Result<()> {
        let mut heard = [0; 4096];
        while self.stream.read(&mut heard).await? > 0 {}
        Ok(())
    }

    async fn chatter(&mut self) -> io::Result<()> {
        let mut heard = [0; 4096];
        loop {
            tokio::select! {
                read = self.stream.read(&mut heard) => if read? == 0 {
                    return Ok(());
                },
                () = sleep(CHATTER) => self.stream.write_all(&frame(PING, b"")).await?,
            }
        }
    }
}
