//! async-io's clock and timers, and any executor's tasks, for the driver. The sockets are in `connect`; which executors
//! there are is in `smol` and `async_std`.

use std::fmt;
use std::time::Instant;

use async_io::Timer;
use facilitator_core::client::{ConnectFailure, ConnectRequest};
use facilitator_core::driver::{BoxFuture, Network, Runtime, SpawnError, Tls, WebSocket, open};

use crate::connect::{Socket, Sockets};

/// What runs tasks. Sockets and timers need none: async-io drives them on a thread of its own, under any executor.
pub trait Executor: Send + Sync + 'static {
    /// Runs a future to its end, in the background: this returns at once.
    ///
    /// # Errors
    ///
    /// [`SpawnError`], when there is nothing to run it on.
    fn spawn(&self, future: BoxFuture<()>) -> Result<(), SpawnError>;
}

/// A runtime out of async-io and an executor, and how connections are made on it.
///
/// The default trusts the public authorities and goes through the proxy that the environment names; see [`Network`].
#[derive(Clone)]
pub struct AsyncIo<E> {
    executor: E,
    network: Network,
}

impl<E> AsyncIo<E> {
    /// The runtime with an executor of your own.
    pub fn new(executor: E, network: Network) -> Self {
        Self { executor, network }
    }
}

impl<E: Default> AsyncIo<E> {
    /// The runtime with connections of your own: authorities, client certificates, proxies, addresses.
    pub fn with_network(network: Network) -> Self {
        Self::new(E::default(), network)
    }

    /// The default with another TLS: other authorities, client certificates.
    pub fn with_tls(tls: impl Into<Tls>) -> Self {
        Self::with_network(Network::default().with_tls(tls))
    }
}

impl<E: Default> Default for AsyncIo<E> {
    fn default() -> Self {
        Self::with_network(Network::default())
    }
}

impl<E> fmt::Debug for AsyncIo<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncIo")
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

impl<E: Executor> Runtime for AsyncIo<E> {
    type Transport = WebSocket<Socket>;

    fn connect(
        &self,
        request: ConnectRequest,
    ) -> BoxFuture<Result<Self::Transport, ConnectFailure>> {
        let network = self.network.clone();
        Box::pin(async move { open(&Sockets, &network, request).await })
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
