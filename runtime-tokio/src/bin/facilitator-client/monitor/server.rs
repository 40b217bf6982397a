//! The server: connections, their number and their deadlines. What is answered is in `answer`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tracing::debug;

use super::Shared;
use super::answer;
use super::patience::Patient;

/// Connections at once; the next ones wait until the system takes them in no more.
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
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Nobody closes it.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without it, answers still arrive.
                let _ = stream.set_nodelay(true);
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    talk(stream, shared).await;
                    drop(place);
                });
            }
            Err(error) => {
                debug!(%error, "a connection for metrics could not be accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let response = answer::answer(&shared, &request);
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

    const MOMENT: Duration = Duration::from_millis(300);

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
        tokio::spawn(async move { talk(near, shared).await });
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

    #[tokio::test]
    async fn connections_beyond_the_bound_wait() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, shared()));
        let connect = || tokio::net::TcpStream::connect(address);
        let mut others = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut other = connect().await.unwrap();
            other.write_all(get("/healthz").as_bytes()).await.unwrap();
            assert_eq!(status(&mut other).await, 200);
            others.push(other);
        }
        let mut late = connect().await.unwrap();
        late.write_all(get("/healthz").as_bytes()).await.unwrap();
        let answer = timeout(MOMENT, status(&mut late)).await;
        assert!(answer.is_err(), "it was answered: {answer:?}");
        others.pop();
        assert_eq!(status(&mut late).await, 200);
    }
}
