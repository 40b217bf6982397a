//! Peers that are written byte by byte: a WebSocket server without a WebSocket library, and a proxy. They say what they
//! have heard.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use facilitator_core::driver::tungstenite::handshake::derive_accept_key;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::peers::serve;

/// The first byte of frames that are whole messages.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

/// A frame of a server's.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let length = payload.len();
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..126), _) => bytes.push(short),
        (_, Ok(medium)) => {
            bytes.push(126);
            bytes.extend(medium.to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// What a client has sent: a frame's first byte, and its payload.
pub(crate) type Heard = (u8, Vec<u8>);

/// A server that answers the upgrade, adding `headers` to it, and says `words` after the first frame, whatever that was.
/// Each frame that it hears is told, and the end of a connection as a frame of 0 without payload.
pub(crate) fn server(
    headers: &'static str,
    words: Vec<u8>,
) -> (SocketAddr, UnboundedReceiver<Heard>) {
    let (tell, heard) = unbounded_channel();
    let port = serve(move |stream| {
        let (words, tell) = (words.clone(), tell.clone());
        async move {
            // A client that goes away has said all that it will.
            let _ = talk(stream, headers, words, &tell).await;
            let _ = tell.send((0, Vec::new()));
        }
    });
    ((Ipv4Addr::LOCALHOST, port).into(), heard)
}

async fn talk(
    mut stream: TcpStream,
    headers: &str,
    words: Vec<u8>,
    tell: &UnboundedSender<Heard>,
) -> io::Result<()> {
    let head = read_head(&mut stream).await?;
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .unwrap_or_default();
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{headers}\r\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    let (mut reader, mut writer) = stream.into_split();
    let (start, cue) = oneshot::channel();
    let mut start = Some(start);
    // It goes on listening while it speaks, and if nobody listens to it.
    let says = tokio::spawn(async move {
        if cue.await.is_ok() {
            let _ = writer.write_all(&words).await;
        }
        writer
    });
    loop {
        let mut head = [0; 2];
        reader.read_exact(&mut head).await?;
        let [first, length] = head;
        let length = match length & 0x7f {
            126 => u64::from(reader.read_u16().await?),
            127 => reader.read_u64().await?,
            short => u64::from(short),
        };
        let mut mask = [0; 4];
        reader.read_exact(&mut mask).await?;
        let mut payload = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        reader.read_exact(&mut payload).await?;
        for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        let _ = tell.send((first, payload));
        if let Some(start) = start.take() {
            let _ = start.send(());
        }
        if first == CLOSE {
            // The server ends the connection, after the client's goodbye.
            drop(says.await);
            return Ok(());
        }
    }
}

/// Up to the empty line.
async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// What a proxy does when it is asked to connect.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Conduct {
    /// It connects to the asked port of this machine, whatever the host, and takes everybody.
    Connects,
    /// The same for those who have this `Basic` authorization.
    Admits(&'static str),
    /// It says this and waits until the peer has gone.
    Answers(&'static str),
    /// The head of its answer never ends.
    GoesOn,
    /// It never says a word.
    Mute,
    /// It ends the connection.
    HangsUp,
}

/// A proxy. Each request that it hears is told.
pub(crate) fn proxy(conduct: Conduct) -> (SocketAddr, UnboundedReceiver<String>) {
    let (tell, heard) = unbounded_channel();
    let port = serve(move |stream| {
        let tell = tell.clone();
        async move {
            let _ = relay(stream, conduct, &tell).await;
        }
    });
    ((Ipv4Addr::LOCALHOST, port).into(), heard)
}

async fn relay(
    mut stream: TcpStream,
    conduct: Conduct,
    tell: &UnboundedSender<String>,
) -> io::Result<()> {
    let head = read_head(&mut stream).await?;
    let _ = tell.send(head.clone());
    let answer = match conduct {
        Conduct::Connects => return tunnel(stream, &head).await,
        Conduct::Admits(basic) if head.contains(&format!("Authorization: Basic {basic}\r\n")) => {
            return tunnel(stream, &head).await;
        }
        Conduct::Admits(_) => {
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n"
        }
        Conduct::Answers(words) => words,
        Conduct::GoesOn => loop {
            stream.write_all(b"HTTP/1.1 200 Ok\r\nX-Noise: ").await?;
            stream.write_all(&[b'x'; 4096]).await?;
        },
        Conduct::Mute => "",
        Conduct::HangsUp => return Ok(()),
    };
    stream.write_all(answer.as_bytes()).await?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await?;
    Ok(())
}

async fn tunnel(mut stream: TcpStream, head: &str) -> io::Result<()> {
    let target = head.split(' ').nth(1).unwrap_or_default();
    let port = target
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok());
    let mut far = TcpStream::connect((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await?;
    stream
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await?;
    copy_bidirectional(&mut stream, &mut far).await?;
    Ok(())
}
