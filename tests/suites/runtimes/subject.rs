//! A runtime under test over a transport, and how a scenario is run on it.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::thread;
use std::time::Duration;

use async_signal::{Signal, Signals};
use facilitator_async_std::{AsyncIo, Executor};
use facilitator_core::client::Config;
use facilitator_core::driver::{BoxFuture, FacilitatorClient, Network, Proxy, Runtime, SpawnError};
use facilitator_tokio::Tokio;
use facilitator_tokio::server::Server;
use futures_util::StreamExt as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::transport::Transport;
use crate::wire::env_number;
use crate::{certificates, client, config, peers};

/// No scenario takes longer. They wait for events, never for time to pass.
const LIMIT: Duration = Duration::from_mins(2);

/// What the suite has to know of a runtime, besides what every runtime is.
pub(crate) trait UnderTest: Runtime + Clone + Default {
    /// With connections made like this.
    fn with_network(network: Network) -> Self;

    /// Resolves at the first SIGTERM or SIGINT, by the runtime's own means. From the call on, neither ends the process.
    fn signalled() -> BoxFuture<()>;
}

impl UnderTest for Tokio {
    fn with_network(network: Network) -> Self {
        Self::new(network)
    }

    fn signalled() -> BoxFuture<()> {
        let [mut terminate, mut interrupt] =
            [SignalKind::terminate(), SignalKind::interrupt()].map(|kind| signal(kind).unwrap());
        Box::pin(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
}

impl<E: Executor + Clone + Default> UnderTest for AsyncIo<E> {
    fn with_network(network: Network) -> Self {
        Self::with_network(network)
    }

    fn signalled() -> BoxFuture<()> {
        let mut signals = Signals::new([Signal::Term, Signal::Int]).unwrap();
        Box::pin(async move {
            signals.next().await;
        })
    }
}

/// The least that is an executor: a thread for each task.
#[derive(Clone, Copy, Default)]
pub(crate) struct Threads;

impl Executor for Threads {
    fn spawn(&self, future: BoxFuture<()>) -> Result<(), SpawnError> {
        thread::spawn(|| ::smol::block_on(future));
        Ok(())
    }
}

/// A future of a scenario. It runs in the foreground and need not be `Send`.
type Scenario<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A runtime under test, over a transport.
pub(crate) struct Subject<R> {
    /// The test's full name, as the program of the tests takes it.
    pub(crate) test: &'static str,
    /// As it comes, with the public roots, and without a proxy.
    pub(crate) usual: R,
    /// Trusts the tests' own authority, and nobody else.
    pub(crate) trusting: R,
    pub(crate) transport: Transport,
    block_on: fn(Scenario<'_>),
}

/// A client that has not been started, and the facilitator that it will talk to.
pub(crate) struct Line<R: Runtime> {
    pub(crate) client: FacilitatorClient<R>,
    pub(crate) server: Server,
}

impl<R: UnderTest> Subject<R> {
    pub(crate) fn new(
        test: &'static str,
        transport: Transport,
        block_on: fn(Scenario<'_>),
    ) -> Self {
        Self {
            test,
            usual: R::with_network(direct()),
            trusting: R::with_network(direct().with_tls(certificates::trusted())),
            transport,
            block_on,
        }
    }

    /// Runs a future in the foreground of the runtime.
    pub(crate) fn block_on<'a>(&self, future: impl Future<Output = ()> + 'a) {
        (self.block_on)(Box::pin(future));
    }

    /// The runtime, made for the transport.
    pub(crate) fn runtime(&self) -> R {
        match self.transport {
            Transport::Plain => self.usual.clone(),
            Transport::Tls => self.trusting.clone(),
        }
    }

    /// A facilitator of its own and a client for it, over the transport.
    pub(crate) fn line(&self) -> Line<R> {
        self.line_with(|config| config)
    }

    /// As [`line`](Self::line), with another configuration of the client.
    pub(crate) fn line_with(&self, change: impl FnOnce(Config) -> Config) -> Line<R> {
        let server = peers::facilitator();
        let client = self.client(server.local_addr(), change);
        Line { client, server }
    }

    /// A client for this server, which itself speaks plain text, over the transport.
    pub(crate) fn client(
        &self,
        server: SocketAddr,
        change: impl FnOnce(Config) -> Config,
    ) -> FacilitatorClient<R> {
        let uri = self.transport.uri(self.transport.front(server));
        client(self.runtime(), change(config(&uri)))
    }
}

/// Connections without a proxy, whatever the environment of the tests says.
pub(crate) fn direct() -> Network {
    Network::default().with_proxy(Proxy::none())
}

/// Runs a test, and fails it when it does not end. What tries every byte takes longer than usual.
pub(crate) fn bounded(test: impl FnOnce() + Send + 'static) {
    let limit = if env_number("FAULT_STRIDE").is_some() {
        15 * LIMIT
    } else {
        LIMIT
    };
    facilitator_tests::bounded::bounded(limit, test);
}
