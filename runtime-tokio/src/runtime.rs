//! tokio's clock, timers and tasks, for the driver. How connections are opened is in `connect`.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use facilitator_core::client::{ConnectFailure, ConnectRequest};
use facilitator_core::driver::rustls::ClientConfig;
use facilitator_core::driver::{BoxFuture, Runtime, SpawnError, default_tls};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// The tokio runtime.
///
/// TLS connections follow [`default_tls`], unless [`with_tls`](Self::with_tls) says otherwise.
#[derive(Clone)]
pub struct Tokio {
    tls: Arc<ClientConfig>,
}

impl Tokio {
    /// The runtime with a TLS configuration of your own: other roots, client certificates.
    pub fn with_tls(tls: Arc<ClientConfig>) -> Self {
        Self { tls }
    }
}

impl Default for Tokio {
    fn default() -> Self {
        Self::with_tls(default_tls())
    }
}

impl fmt::Debug for Tokio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokio").finish_non_exhaustive()
    }
}

impl Runtime for Tokio {
    type Transport = WebSocketStream<MaybeTlsStream<TcpStream>>;

    fn connect(
        &self,
        request: ConnectRequest,
    ) -> BoxFuture<Result<Self::Transport, ConnectFailure>> {
        Box::pin(crate::connect::connect(request, Arc::clone(&self.tls)))
    }

    /// tokio's clock, so that its paused time works in tests.
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()> {
        Box::pin(tokio::time::sleep_until(deadline.into()))
    }

    fn spawn(&self, future: BoxFuture<()>) -> Result<(), SpawnError> {
        let handle = Handle::try_current().map_err(|_| SpawnError { runtime: "tokio" })?;
        handle.spawn(future);
        Ok(())
    }
}
