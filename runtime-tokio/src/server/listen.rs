//! The server's own task: accepts connections, ticks the facilitator, ends when it is told to.

use std::sync::Arc;
use std::time::Duration;

use facilitator_core::facilitator::Facilitator;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};
use tracing::warn;

use super::connection;
use super::shared::Shared;

/// Connections beyond the configured number that are served all the same: to be told so, or to be still in their
/// handshake.
const SPARE_CONNECTIONS: usize = 64;
/// How long to wait when the system has no sockets left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn run(shared: Arc<Shared>, listener: TcpListener) {
    let limit = shared.visit(0, |facilitator, _| facilitator.config().limits.connections);
    let limit = limit.saturating_add(SPARE_CONNECTIONS);
    let mut connections = JoinSet::new();
    loop {
        let deadline = shared.deadline();
        let tick = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.stopping() => break,
            accepted = listener.accept(), if connections.len() < limit => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection::serve(Arc::clone(&shared), stream, peer));
                }
                Err(error) => {
                    warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = shared.deadline_moved.notified() => {}
            () = tick => shared.visit(0, Facilitator::handle_timeout),
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}
