//! Workers on a Unix socket, many at once: the same JSON lines as on stdin and stdout. Who may connect is decided here;
//! the file is made in `listen`, one worker is spoken with in `connection`, the queue of what it is sent is in `mail`.

mod connection;
mod listen;
mod mail;

use std::sync::Arc;
use std::time::Duration;

use rustix::process::geteuid;
use tokio::net::UnixStream;
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
    let own = geteuid().as_raw();
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
                if let Some(repeated) = hall.limit().say("connections that were not accepted") {
                    warn!(%error, repeated, "a worker's connection could not be accepted");
                }
                sleep(PAUSE).await;
                continue;
            }
        };
        if let Err(stranger) = check_user(&stream, own) {
            if let Some(repeated) = hall.limit().say("connections of other users") {
                warn!(stranger, repeated, "a worker was turned away");
            }
            connection::refuse(&stream, &stranger);
            continue;
        }
        let (hall, manner, leaving) = (hall.clone(), Arc::clone(&manner), leaving.clone());
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            if let Some(repeated) = hall.limit().say("connections beyond the most") {
                warn!(
                    CONNECTIONS,
                    repeated, "too many connections of workers, one was refused"
                );
            }
            let error = "too many connections are open; try again later";
            connection::refuse(&stream, error);
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

/// That the other side is our own user, or root. The permissions of the file say so already; they can be widened by hand.
fn check_user(stream: &UnixStream, own: u32) -> Result<(), String> {
    match stream.peer_cred().map(|peer| peer.uid()) {
        Ok(user) if user == own || user == 0 => Ok(()),
        Ok(user) => Err(format!(
            "the socket is for the user {own}, and you are the user {user}"
        )),
        Err(error) => Err(format!("it is not known which user you are: {error}")),
    }
}
