//! The server: connections, their number and their deadlines. What is answered is in `answer`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
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

async fn talk(stream: TcpStream, shared: Arc<Shared>) {
    // Without it, answers still arrive.
    let _ = stream.set_nodelay(true);
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
