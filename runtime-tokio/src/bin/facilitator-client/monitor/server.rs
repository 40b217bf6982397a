//! The server: connections, their deadlines, and who has to leave when there are too many. What is answered is in
//! `answer`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tracing::debug;

use super::Shared;
use super::answer::{self, Lasting};
use super::patience::Patient;

/// Connections at once; with the next one, the oldest ends. So a crowd that is silent, or slow, does not keep anybody
/// waiting who asks whether the program is alive.
const CONNECTIONS: usize = 64;
/// Time for the head of a request, and until the next one begins.
const HEAD: Duration = Duration::from_secs(10);
/// Bytes of a request's head; also what is written ahead of a slow reader.
const BUFFER: usize = 16 * 1024;
/// How long a reader may take nothing.
const STALL: Duration = Duration::from_secs(10);
/// After a failure to accept, as when there are too many open files.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves for ever.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut crowd = Crowd::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without it, answers still arrive.
                let _ = stream.set_nodelay(true);
                crowd.make_room();
                let lasts = Arc::new(AtomicBool::new(false));
                let task = tokio::spawn(talk(stream, Arc::clone(&shared), Arc::clone(&lasts)));
                crowd.0.push_back(Guest {
                    task: task.abort_handle(),
                    lasts,
                });
            }
            Err(error) => {
                debug!(%error, "a connection for metrics could not be accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Those who are connected, the oldest first.
#[derive(Default)]
struct Crowd(VecDeque<Guest>);

struct Guest {
    task: AbortHandle,
    /// Whether it is an open page that follows the session.
    lasts: Arc<AtomicBool>,
}

impl Crowd {
    /// For one more. Open pages stay while they can: they are old by their nature, and have a bound of their own.
    fn make_room(&mut self) {
        self.0.retain(|guest| !guest.task.is_finished());
        if self.0.len() < CONNECTIONS {
            return;
        }
        let leaves = |guest: &Guest| !guest.lasts.load(Ordering::Relaxed);
        let oldest = self.0.iter().position(leaves).unwrap_or_default();
        if let Some(guest) = self.0.remove(oldest) {
            guest.task.abort();
        }
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    shared: Arc<Shared>,
    lasts: Arc<AtomicBool>,
) {
    let service = service_fn(move |request| {
        let response = answer::answer(&shared, &request);
        let is_lasting = response.extensions().get::<Lasting>().is_some();
        lasts.store(is_lasting, Ordering::Relaxed);
        async move { Ok::<_, Infallible>(response) }
    });
    let result = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(Patient::new(stream, STALL)), service)
        .await;
    if let Err(error) = result {
        debug!(%error, "a connection for metrics ended early");
    }
}

#[cfg(test)]
mod tests {
    use facilitator_tokio::core::signature::Scheme;
    use facilitator_tokio::{Config, Endpoint, FacilitatorClient, Keypair};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{Instant, timeout};

    use super::super::LIVE;
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    fn shared() -> Arc<Shared> {
        let keypair = Keypair::from_seed(Scheme::Ed25519, [7; 32]).unwrap();
        let config = Config::new(Endpoint::public());
        let client = FacilitatorClient::new(config.clone(), &keypair).unwrap();
        Arc::new(Shared::new(&client, &config, true))
    }

    /// The other end of a connection that takes this many bytes ahead of its reader.
    fn connect(shared: &Arc<Shared>, ahead: usize) -> DuplexStream {
        let (near, far) = duplex(ahead);
        let shared = Arc::clone(shared);
        tokio::spawn(async move { talk(near, shared, Arc::default()).await });
        far
    }

    fn get(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: localhost:1\r\n\r\n")
    }

    /// The status of the next answer, and what else of it has come.
    async fn status(stream: &mut (impl AsyncRead + Unpin)) -> u16 {
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        std::str::from_utf8(&head).unwrap()[9..].parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_hung_up_on() {
        let shared = shared();
        for said in ["", "GET / HTTP/1.1\r\nHost: "] {
            let mut stream = connect(&shared, 1 << 16);
            stream.write_all(said.as_bytes()).await.unwrap();
            let began = Instant::now();
            let mut answer = Vec::new();
            let ended = timeout(HEAD * 3, stream.read_to_end(&mut answer)).await;
            ended.unwrap().unwrap();
            assert!((HEAD..HEAD * 2).contains(&began.elapsed()), "{said:?}");
        }
        // The same after an answer.
        let mut stream = connect(&shared, 1 << 16);
        stream.write_all(get("/healthz").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(HEAD * 3, stream.read_to_end(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert!(answer.ends_with(b"alive\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_without_end_is_refused() {
        let mut stream = connect(&shared(), 1 << 20);
        let head = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(BUFFER * 2));
        stream.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(status(&mut stream).await, 431);
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_page_that_takes_nothing_is_dropped() {
        let shared = shared();
        let mut stream = connect(&shared, 64);
        stream.write_all(get("/live").as_bytes()).await.unwrap();
        assert_eq!(status(&mut stream).await, 200);
        assert_eq!(shared.live.available_permits(), LIVE - 1);
        let began = Instant::now();
        while shared.live.available_permits() < LIVE {
            assert!(began.elapsed() < STALL * 3, "it is still there");
            sleep(PAUSE).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pages_leave_room_for_the_metrics() {
        let shared = shared();
        let mut pages = Vec::new();
        for _ in 0..LIVE {
            let mut page = connect(&shared, 1 << 16);
            page.write_all(get("/live").as_bytes()).await.unwrap();
            assert_eq!(status(&mut page).await, 200);
            pages.push(page);
        }
        for (path, expected) in [("/live", 503), ("/metrics", 200), ("/", 200)] {
            let mut stream = connect(&shared, 1 << 16);
            stream.write_all(get(path).as_bytes()).await.unwrap();
            assert_eq!(status(&mut stream).await, expected, "{path}");
        }
        drop(pages);
        while shared.live.available_permits() < LIVE {
            sleep(PAUSE).await;
        }
    }

    async fn listen() -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, shared()));
        address
    }

    async fn ask(address: std::net::SocketAddr, said: &str) -> tokio::net::TcpStream {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        stream
    }

    #[tokio::test]
    async fn with_one_too_many_the_oldest_that_is_no_open_page_ends() {
        let address = listen().await;
        let mut page = ask(address, &get("/live")).await;
        assert_eq!(status(&mut page).await, 200);
        let mut others = VecDeque::new();
        for _ in 1..=CONNECTIONS {
            let mut other = ask(address, &get("/healthz")).await;
            assert_eq!(status(&mut other).await, 200);
            others.push_back(other);
        }
        // The rest of the answer, and the end.
        let mut oldest = others.pop_front().unwrap();
        let ended = timeout(SOON, oldest.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok(), "it is still there");
        for other in &mut others {
            other.write_all(get("/nothing").as_bytes()).await.unwrap();
            let mut answer = [0; 1024];
            let mut text = String::new();
            while !text.contains("404") {
                let read = timeout(SOON, other.read(&mut answer)).await.unwrap();
                let read = read.unwrap();
                assert!(read > 0, "it has ended: {text}");
                text += std::str::from_utf8(&answer[..read]).unwrap();
            }
        }
        let mut rest = [0; 16];
        page.read_exact(&mut rest).await.unwrap();
    }

    #[tokio::test]
    async fn a_silent_crowd_keeps_nobody_waiting() {
        let address = listen().await;
        let mut crowd = Vec::new();
        for said in ["", "GET / HTTP/1.1\r\nHost: "] {
            for _ in 0..CONNECTIONS * 3 {
                crowd.push(ask(address, said).await);
            }
            let mut alive = ask(address, &get("/healthz")).await;
            let answer = timeout(HEAD / 2, status(&mut alive)).await;
            assert_eq!(answer.ok(), Some(200));
        }
    }
}
