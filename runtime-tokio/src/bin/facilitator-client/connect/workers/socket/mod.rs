//! Workers on a Unix socket, many at once: the same JSON lines as on stdin and stdout. The file is made in `listen`,
//! one worker is spoken with in `connection`, the queue of what it is sent is in `mail`.

mod connection;
mod listen;
mod mail;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{debug, warn};

use self::connection::Manner;
pub(super) use self::listen::Listening;
pub(super) use self::mail::{Mail, MailBox};
use super::hall::Hall;

/// Connections at once. Each costs a few buffers, and its longest line.
const CONNECTIONS: usize = 256;
/// After a failure to accept, as when no more files can be opened.
const PAUSE: Duration = Duration::from_millis(200);

/// Speaks with whoever connects. Once `leaving` is true, every connection ends.
pub(super) async fn serve(
    listening: Listening,
    hall: Hall,
    line_bytes: usize,
    most_jobs: usize,
    stall: Duration,
    mut leaving: watch::Receiver<bool>,
) {
    let manner = Arc::new(Manner {
        line_bytes,
        most_jobs,
        stall,
    });
    debug!(path = %listening.path().display(), "listening for workers");
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            // An error means the same.
            _ = leaving.wait_for(|leaving| *leaving) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listening.listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "a worker's connection could not be accepted");
                sleep(PAUSE).await;
                continue;
            }
        };
        let (hall, manner, leaving) = (hall.clone(), Arc::clone(&manner), leaving.clone());
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            warn!(
                CONNECTIONS,
                "too many connections of workers, one was refused"
            );
            connection::refuse(&stream);
            continue;
        };
        connections.spawn(async move {
            connection::speak(stream, hall, &manner, leaving).await;
            drop(place);
        });
    }
    // Nobody can connect any more.
    drop(listening);
    while connections.join_next().await.is_some() {}
}
