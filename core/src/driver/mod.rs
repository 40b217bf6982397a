//! The one async loop that all runtimes share (feature `driver`).
//!
//! A runtime adapter supplies [`Runtime`]: connect, a stream and sink of WebSocket messages, a clock with a timer, a
//! way to spawn. All else is here: the handle that applications hold ([`FacilitatorClient`]), receipts, and the task
//! that carries frames between the transport and the [pure session](crate::client). No decision of the protocol is
//! taken here.
//!
//! With the feature `tls` it also opens the connections: an adapter supplies TCP ([`Sockets`]), and [`open`] makes
//! WebSockets of it, through proxies and TLS as a [`Network`] says. A runtime with WebSockets of its own implements
//! [`Runtime::connect`] by itself.
//!
//! # What is logged
//!
//! No crate of this project ever logs or shows a key, the authentication, a header's value or an endpoint's query. What
//! is written to a socket passes no library that would log it, where `open` makes the connection. One library below
//! logs what is read: tungstenite writes frames to the crate `log` at the level trace, and the words of a close
//! frame at debug. Those are customers' jobs, with their tokens, and whatever a peer repeats of what it was told. `tracing`
//! does not see that, unless an application installs a bridge (`tracing-log`, or the feature of that name of
//! `tracing-subscriber`). An application that logs below info has to limit that target: `RUST_LOG=trace,tungstenite=info`.
//! To rule it out for good, whatever the environment says, compile these levels away in the application's own manifest,
//! for all who use `log`: `log = { version = "0.4", features = ["max_level_info"] }`. The handle warns at
//! [`start`](FacilitatorClient::start) when a logger would take these records.

mod handle;
mod inbound;
mod inbox;
#[cfg(feature = "tls")]
mod network;
mod receipt;
mod room;
mod sending;
mod shared;
mod task;
mod transport;

use alloc::boxed::Box;
use core::future::Future;
use core::pin::Pin;
use std::time::{Instant, SystemTime};

use thiserror::Error;

#[cfg(feature = "tls")]
pub use rustls;
pub use tungstenite;

pub use self::handle::{Events, FacilitatorClient, StopReport};
pub use self::inbound::Inbound;
#[cfg(feature = "tls")]
pub use self::network::{
    Network, Observe, Progress, Proxy, ProxyError, ProxyOrigin, ProxyProblem, Resolve, Resolving,
    Socket, Sockets, Step, Tls, TlsBuilder, TlsError, TlsInput, TlsSession, WebSocket, default_tls,
    open, server_name, tls_failure,
};
pub use self::receipt::PendingReceipt;
pub use self::sending::Acceptance;
pub use self::transport::{
    Transport, client_request, disconnected_by, frame_of, handshake_failure, io_failure,
    message_of, websocket_config,
};
use crate::client::{ConnectFailure, ConnectRequest, LifecycleError};

/// A boxed future, as the adapters hand them over.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What an adapter supplies, and all that it supplies.
pub trait Runtime: Send + Sync + 'static {
    /// An open WebSocket connection.
    type Transport: Transport;

    /// Opens a connection: DNS, TCP, TLS, WebSocket upgrade with the request's headers. The session bounds the whole
    /// with its own deadline and drops the future when it has passed.
    fn connect(
        &self,
        request: ConnectRequest,
    ) -> BoxFuture<Result<Self::Transport, ConnectFailure>>;

    /// The runtime's monotonic clock; a runtime with a test clock returns that one's time.
    fn now(&self) -> Instant;

    /// The wall clock, for the age of signatures, for authentication in headers, and for the time that jobs have left
    /// across a restart.
    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    /// Resolves at this time, or later.
    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()>;

    /// Runs a future to its end, or drops it when the runtime shuts down.
    ///
    /// # Errors
    ///
    /// [`SpawnError`], when there is no runtime to run it on; the future is dropped then.
    fn spawn(&self, future: BoxFuture<()>) -> Result<(), SpawnError>;
}

/// There is no runtime here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no {runtime} runtime is running here; call this from within one")]
pub struct SpawnError {
    /// The runtime's name.
    pub runtime: &'static str,
}

/// A session that could not be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StartError {
    /// It runs already, or is stopping.
    #[error(transparent)]
    Lifecycle(#[from] LifecycleError),
    /// There is no runtime to run it on.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

/// No event will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EventError {
    /// The session was never started.
    #[error("the session has not been started; call `start` before waiting for events")]
    NotStarted,
    /// The session has ended, and all its events were taken.
    #[error("the session was stopped and all its events were taken; call `start` for a new one")]
    Stopped,
}
