//! What a connection costs: system calls for a burst of messages, bytes while nothing happens. Counted on one thread of
//! tokio; the buffers are the driver's, and so the same everywhere.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use facilitator_core::client::{
    Config, ConnectFailure, ConnectRequest, Event, Outcome, Phase, TrustPolicy,
};
use facilitator_core::driver::tungstenite::{Message, accept};
use facilitator_core::driver::{
    BoxFuture, FacilitatorClient, Network, Runtime, Socket, Sockets, SpawnError, WebSocket, open,
};
use facilitator_core::message::{
    ExecutorClass, InlineVolume, JobStatus, JobStatusMetadata, MinerResponse, SingleVolume,
    V0JobStatusUpdate, V2JobRequest, Volume,
};
use facilitator_tests::solo::{SUCCESS, job};
use facilitator_tokio::Tokio;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

use crate::subject::direct;
use crate::{certificates, client, config, peers, reach};

/// What an idle session may hold, in bytes: the handle, the task, the connection, a job that has ended.
const IDLE: i64 = 8 * 1024;
/// Time between two pings.
const PING_INTERVAL: Duration = Duration::from_millis(100);
/// A large message, in bytes.
const LARGE: usize = 15 << 20;

/// tokio, but each write to a socket is counted.
#[derive(Clone, Default)]
struct Counting {
    tokio: Tokio,
    network: Network,
    writes: Arc<AtomicUsize>,
    /// A socket takes no more than so many bytes at once, and then nothing the next time.
    takes: Option<usize>,
}

struct Counted {
    stream: TcpStream,
    writes: Arc<AtomicUsize>,
    takes: Option<usize>,
    rests: bool,
}

impl Sockets for Counting {
    type Socket = Counted;

    async fn resolve(&self, _: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![([127, 0, 0, 1], port).into()])
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<Counted> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let writes = Arc::clone(&self.writes);
        Ok(Counted {
            stream,
            writes,
            takes: self.takes,
            rests: false,
        })
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

impl Socket for Counted {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let most = self.takes.unwrap_or(bytes.len()).min(bytes.len());
        self.rests = self.takes.is_some() && !self.rests;
        if self.rests {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let bytes = bytes.get(..most).unwrap_or_default();
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.writes.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }
}

impl Runtime for Counting {
    type Transport = WebSocket<Counted>;

    fn connect(
        &self,
        request: ConnectRequest,
    ) -> BoxFuture<Result<Self::Transport, ConnectFailure>> {
        let sockets = self.clone();
        Box::pin(async move { open(&sockets, &sockets.network, request).await })
    }

    fn now(&self) -> Instant {
        self.tokio.now()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()> {
        self.tokio.sleep_until(deadline)
    }

    fn spawn(&self, future: BoxFuture<()>) -> Result<(), SpawnError> {
        self.tokio.spawn(future)
    }
}

/// Sends these texts after the authentication to whoever comes, and says success to every status; on a thread of its
/// own, so that nothing of it is counted.
fn facilitator(texts: Vec<String>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let texts = texts.clone();
            thread::spawn(move || {
                let mut socket = accept(stream.unwrap()).unwrap();
                let texts = texts.iter().map(String::as_str);
                while let Ok(message) = socket.read() {
                    let Message::Text(text) = message else {
                        continue;
                    };
                    if text.contains("V0AuthenticationRequest") {
                        for text in [SUCCESS].into_iter().chain(texts.clone()) {
                            socket.send(Message::text(text)).unwrap();
                        }
                    } else if text.contains("V0JobStatusUpdate") {
                        socket.send(Message::text(SUCCESS)).unwrap();
                    }
                }
            });
        }
    });
    address
}

fn connect(server: SocketAddr) -> (FacilitatorClient<Counting>, Arc<AtomicUsize>) {
    let runtime = Counting::default();
    let writes = Arc::clone(&runtime.writes);
    let config = Config {
        trust: TrustPolicy::unverified(),
        ping_interval: PING_INTERVAL,
        ..config(&format!("ws://{server}/"))
    };
    (client(runtime, config), writes)
}

/// Lets the session's task do whatever it can do.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_burst_of_statuses_is_one_write() {
    let server = facilitator(Vec::new());
    peers::tokio_current_thread().block_on(async {
        let (client, writes) = connect(server);
        client.start().unwrap();
        reach(&client, Phase::Ready).await;
        settle().await;
        let before = writes.load(Ordering::Relaxed);
        let mut receipts = Vec::new();
        for n in 0..50 {
            let sent = client.send_status(&job(n), JobStatus::Accepted).await;
            receipts.push(sent.unwrap());
        }
        settle().await;
        assert_eq!(writes.load(Ordering::Relaxed) - before, 1);
        for receipt in receipts {
            assert!(receipt.await.outcome.is_delivered());
        }
        client.abort().unwrap();
    });
}

#[test]
fn an_idle_session_holds_little_whatever_has_passed_through_it() {
    const CONNECTIONS: usize = 3;
    let uuid = job(1);
    let large = V2JobRequest {
        volume: Some(Volume::Single(SingleVolume::Inline(InlineVolume {
            contents: "A".repeat(LARGE),
            relative_path: None,
        }))),
        ..V2JobRequest::new(&*uuid, ExecutorClass::AlwaysOnTest, "python:3.11")
    };
    for (name, texts) in [
        ("fresh", vec![]),
        ("after large messages", vec![large.encode()]),
    ] {
        let server = facilitator(texts.clone());
        let runtime = peers::tokio_current_thread();
        let live = |client: &FacilitatorClient<Counting>| {
            runtime.block_on(async {
                client.start().unwrap();
                reach(client, Phase::Ready).await;
                if !texts.is_empty() {
                    while !matches!(client.next_event().await.unwrap(), Event::JobRequested(_)) {}
                    let output = Box::new(MinerResponse::new("", "B".repeat(LARGE)));
                    let update = V0JobStatusUpdate::new(&*uuid, JobStatus::Completed);
                    let update = update.with_metadata(JobStatusMetadata {
                        miner_response: Some(output),
                        ..JobStatusMetadata::default()
                    });
                    let receipt = client.send_job_status(update).await.unwrap();
                    assert!(receipt.await.outcome.is_delivered());
                }
                // An idle session does nothing but to ping; it gives back what it does not need for that.
                let pings = client.stats().pings_sent;
                while client.stats().pings_sent < pings + 2 {
                    tokio::task::yield_now().await;
                }
                settle().await;
            });
        };
        // The first one pays for what all share.
        let first = connect(server).0;
        live(&first);
        let mut clients = Vec::with_capacity(CONNECTIONS);
        let memory = measure(|| {
            for _ in 0..CONNECTIONS {
                let client = connect(server).0;
                live(&client);
                clients.push(client);
            }
        });
        let each = memory.bytes_current / i64::try_from(CONNECTIONS).unwrap();
        println!("{name}: {each} bytes for each idle session");
        assert!(each < IDLE, "{name}: {each} bytes");
    }
}

/// A TLS layer that has no room for one more byte is no broken one.
#[test]
fn a_socket_that_takes_little_at_a_time_loses_nothing() {
    for takes in [1000, 10] {
        let server = peers::facilitator();
        let tls = certificates::signed_for("localhost");
        let port = peers::tls_in_front_of(server.local_addr(), tls);
        let runtime = Counting {
            network: direct().with_tls(certificates::trusted()),
            takes: Some(takes),
            ..Counting::default()
        };
        peers::tokio_current_thread().block_on(async {
            let client = client(runtime, config(&format!("wss://localhost:{port}/")));
            client.start().unwrap();
            reach(&client, Phase::Ready).await;
            let mut receipts = Vec::new();
            for n in 0..300 {
                let output = Box::new(MinerResponse::new("", "B".repeat(1000)));
                let update = V0JobStatusUpdate::new(job(n), JobStatus::Completed);
                let update = update.with_metadata(JobStatusMetadata {
                    miner_response: Some(output),
                    ..JobStatusMetadata::default()
                });
                receipts.push(client.send_job_status(update).await.unwrap());
            }
            for receipt in receipts {
                // Nobody asked for these jobs, and the facilitator says so; it has got them.
                let outcome = receipt.await.outcome;
                assert!(!matches!(outcome, Outcome::HandedBack(_)), "{outcome:?}");
            }
            assert_eq!(client.stats().sessions, 1, "{takes}");
            client.abort().unwrap();
        });
    }
}
