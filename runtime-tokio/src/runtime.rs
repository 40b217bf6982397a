//! tokio's clock, timers and tasks, for the driver. Its sockets are in `connect`.

use std::time::Instant;

use facilitator_core::client::{ConnectFailure, ConnectRequest};
use facilitator_core::driver::{BoxFuture, Network, Runtime, SpawnError, Tls, WebSocket, open};
use tokio::runtime::Handle;

use crate::connect::{Socket, Sockets};

/// The tokio runtime, and how connections are made on it.
///
/// The default trusts the public authorities and goes through the proxy that the environment names; see [`Network`].
///
/// Host names are resolved by the system, in a blocking task that nobody can cancel. No deadline and no stop waits for
/// it, but dropping a tokio runtime does: where the end of a program must not depend on its name server, end the runtime
/// with [`shutdown_background`](tokio::runtime::Runtime::shutdown_background), or bring a resolver
/// ([`Network::with_resolver`]).
#[derive(Clone, Debug, Default)]
pub struct Tokio {
    network: Network,
}

impl Tokio {
    /// The runtime with connections of your own: authorities, client certificates, proxies, addresses.
    ///
    /// ```
    /// use facilitator_tokio::core::driver::{Network, Proxy};
    /// use facilitator_tokio::{Config, Endpoint, FacilitatorClient, Keypair, Tokio};
    ///
    /// # fn client(keypair: &Keypair) -> Result<FacilitatorClient, Box<dyn std::error::Error>> {
    /// let proxy = Proxy::via("http://user:password@proxy.example.org:3128")?;
    /// let runtime = Tokio::new(Network::default().with_proxy(proxy));
    /// let config = Config::new(Endpoint::public());
    /// Ok(FacilitatorClient::with_runtime(config, keypair, runtime)?)
    /// # }
    /// ```
    pub fn new(network: Network) -> Self {
        Self { network }
    }

    /// The default with another TLS: other authorities, client certificates.
    pub fn with_tls(tls: impl Into<Tls>) -> Self {
        Self::new(Network::default().with_tls(tls))
    }
}

impl Runtime for Tokio {
    type Transport = WebSocket<Socket>;

    fn connect(
        &self,
        request: ConnectRequest,
    ) -> BoxFuture<Result<Self::Transport, ConnectFailure>> {
        let network = self.network.clone();
        Box::pin(async move { open(&Sockets, &network, request).await })
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
