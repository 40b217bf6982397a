//! The way to the webhook's server: the session's own, through the same proxy, to the same addresses. What is said at
//! its end is not known here.
//!
//! The driver opens it, as for a WebSocket, and is stopped where it would begin to speak to the server itself.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use facilitator_tokio::Endpoint;
use facilitator_tokio::core::client::ConnectRequest;
use facilitator_tokio::core::driver::{Network, Observe, Progress, Socket, Sockets, Step, open};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::{TcpStream, lookup_host};

use super::{Error, Url};

/// The TLS of such a proxy would have to stay where the driver keeps it.
const SECURE_PROXY: &str = "the proxy speaks TLS itself (https://), and the webhook cannot go through such a one; \
                            name the webhook's host in `proxy.except` (or NO_PROXY) to reach it directly";

/// A connection to the server of this URL, without TLS still.
pub(super) async fn open_to(network: &Network, url: &Url) -> Result<TcpStream, Error> {
    let scheme = if url.is_secure() { "wss" } else { "ws" };
    let endpoint = format!("{scheme}://{}/", url.authority());
    let request = ConnectRequest {
        endpoint: Endpoint::parse_allowing_plaintext(&endpoint)?,
        headers: Vec::new(),
        // None will be taken.
        max_message_bytes: 1,
    };
    let end = Arc::new(End::default());
    let network = network
        .clone()
        .with_observer(Arc::clone(&end) as Arc<dyn Observe>);
    let failure = match open(&Lending(Arc::clone(&end)), &network, request).await {
        Ok(_) => "the connection was not handed over".into(),
        Err(failure) => Error::from(failure.to_string()),
    };
    match (end.stream(), end.seen()) {
        (_, SECURED) => Err(SECURE_PROXY.into()),
        (Some(stream), _) => Ok(stream),
        (None, _) => Err(failure),
    }
}

/// The driver still makes the way.
const UNDER_WAY: u8 = 0;
/// What is written next is for the server.
const THERE: u8 = 1;
/// What is written next is TLS with the proxy.
const SECURED: u8 = 2;

/// Where the way ends, and what is left there.
#[derive(Default)]
struct End {
    seen: AtomicU8,
    stream: Mutex<Option<TcpStream>>,
}

impl End {
    fn seen(&self) -> u8 {
        self.seen.load(Ordering::Acquire)
    }

    /// Nothing can be half-done while this is held.
    fn stream(&self) -> Option<TcpStream> {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        stream.take()
    }
}

impl Observe for End {
    fn observe(&self, progress: Progress<'_>) {
        let Progress::Begun { step, .. } = progress else {
            return;
        };
        match step {
            Step::SecureProxy => self.seen.store(SECURED, Ordering::Release),
            Step::Secure | Step::Upgrade => self.seen.store(THERE, Ordering::Release),
            _ => {}
        }
    }
}

/// tokio's sockets, which are taken back.
struct Lending(Arc<End>);

impl Sockets for Lending {
    type Socket = Lent;

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((host, port)).await?.collect())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<Lent> {
        Ok(Lent {
            stream: Some(TcpStream::connect(address).await?),
            end: Arc::clone(&self.0),
        })
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A stream until the way is made; then it leaves it at its end, and fails.
struct Lent {
    stream: Option<TcpStream>,
    end: Arc<End>,
}

impl Lent {
    fn stream(&mut self) -> io::Result<std::pin::Pin<&mut TcpStream>> {
        if self.end.seen() != UNDER_WAY
            && let Some(stream) = self.stream.take()
        {
            let mut left = self
                .end
                .stream
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *left = Some(stream);
        }
        let stream = self.stream.as_mut().map(std::pin::Pin::new);
        stream.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Socket for Lent {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let read = self.stream()?.poll_read(cx, &mut buffer);
        read.map_ok(|()| buffer.filled().len())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(cx, bytes)
    }
}
