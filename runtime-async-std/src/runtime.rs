//! async-io's clock and timers, and any executor's tasks, for the driver. How connections are opened is in `connect`;
//! which executors there are is in `smol` and `async_std`.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use async_io::Timer;
use async_tungstenite::WebSocketStream;
use facilitator_core::client::{ConnectFailure, ConnectRequest};
use facilitator_core::driver::rustls::ClientConfig;
use facilitator_core::driver::{BoxFuture, Runtime, SpawnError, default_tls};

use crate::connect::MaybeTlsStream;

/// What runs tasks. Sockets and timers need none: async-io drives them on a thread of its own, under any executor.
pub trait Executor: Send + Sync + 'static {
    /// Runs a future to its end.
    ///
    /// # Errors
    ///
    /// [`SpawnError`], when there is nothing to run it on.
    fn spawn(&self, future: BoxFuture<()>) -> Result<(), SpawnError>;
}

/// A runtime out of async-io and an executor.
#[derive(Clone)]
pub struct AsyncIo<E> {
    executor: E,
    tls: Arc<ClientConfig>,
}

impl<E> AsyncIo<E> {
    /// The runtime with an executor of your own; [`default_tls`] is the usual configuration.
    pub fn new(executor: E, tls: Arc<ClientConfig>) -> Self {
        Self { executor, tls }
    }
}

impl<E: Default> AsyncIo<E> {
    /// The runtime with a TLS configuration of your own: other roots, client certificates.
    pub fn with_tls(tls: Arc<ClientConfig>) -> Self {
        Self::new(E::default(), tls)
    }
}

impl<E: Default> Default for AsyncIo<E> {
    fn default() -> Self {
        Self::with_tls(default_tls())
    }
}

impl<E> fmt::Debug for AsyncIo<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncIo").finish_non_exhaustive()
    }
}

impl<E: Executor> Runtime for AsyncIo<E> {
    type Transport = WebSocketStream<MaybeTlsStream>;

    fn connect(
        &self,
        request: ConnectRequest,
    ) -> BoxFuture<Result<Self::Transport, ConnectFailure>> {
        Box::pin(crate::connect::connect(request, Arc::clone(&self.tls)))
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()> {
        Box::pin(async move {
            Timer::at(deadline).await;
        })
    }

    fn spawn(&self, future: BoxFuture<()>) -> Result<(), SpawnError> {
        self.executor.spawn(future)
    }
}
