//! What a runtime has to have so that the driver can open connections on it: addresses, TCP, a timer. Nothing here
//! does anything.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::Future;
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::time::SystemTime;

/// A runtime's TCP connections, by the few things that are asked of them.
///
/// [`open`](super::open) makes WebSocket connections of these, so that an adapter needs no TLS, no proxy and no
/// WebSocket library of its own.
pub trait Sockets: Send + Sync + 'static {
    /// A connected TCP stream.
    type Socket: Socket;

    /// The addresses of a host name, in the order in which they shall be tried.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Connects to one address, with `TCP_NODELAY`: small messages that are answered one by one must not wait for each
    /// other. Dropping the future gives the attempt up.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn connect(&self, address: SocketAddr)
    -> impl Future<Output = io::Result<Self::Socket>> + Send;

    /// Resolves after this time, or later.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;

    /// The wall clock, for a server's `Retry-After` that is a date. The same as
    /// [`Runtime::wall_clock`](crate::driver::Runtime::wall_clock).
    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A stream of bytes in both directions, asynchronous. Both directions are polled by one task.
pub trait Socket: Send + Unpin + 'static {
    /// Reads into the buffer; 0 bytes are the end of the stream.
    ///
    /// # Errors
    ///
    /// What the system said; never [`WouldBlock`](io::ErrorKind::WouldBlock), which is [`Poll::Pending`] here.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes some of these bytes; returns how many.
    ///
    /// # Errors
    ///
    /// What the system said; never [`WouldBlock`](io::ErrorKind::WouldBlock), which is [`Poll::Pending`] here.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Hands on what the stream itself holds back. A TCP stream holds nothing back.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = cx;
        Poll::Ready(Ok(()))
    }
}

/// The addresses of a host, as [`Resolve`] promises them.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// A resolver of one's own, in place of the runtime's: for DNS over other ways, or for tests.
///
/// It is asked for host names only, never for addresses, and for the proxy's name when there is one. The session bounds
/// the whole attempt with `connect_timeout` and drops the future when that has passed.
///
/// ```
/// use std::net::{Ipv4Addr, SocketAddr};
/// use std::sync::Arc;
/// use facilitator_core::driver::{Network, Resolve, Resolving};
///
/// struct Loopback;
///
/// impl Resolve for Loopback {
///     fn resolve<'a>(&'a self, _host: &'a str, port: u16) -> Resolving<'a> {
///         Box::pin(async move { Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))]) })
///     }
/// }
///
/// let network = Network::default().with_resolver(Arc::new(Loopback));
/// ```
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of a host name, in the order in which they shall be tried.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a>;
}
