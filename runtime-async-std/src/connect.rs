//! async-io's TCP and names, for the driver, which makes WebSocket connections of them.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_io::Timer;
use async_net::TcpStream;
use facilitator_core::driver;
use futures_io::{AsyncRead as _, AsyncWrite as _};

/// async-io's sockets, which need no runtime.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sockets;

impl driver::Sockets for Sockets {
    type Socket = Socket;

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        async_net::resolve((host, port)).await
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<Socket> {
        let stream = TcpStream::connect(address).await?;
        // Without it everything is slower, and nothing is wrong.
        let _ = stream.set_nodelay(true);
        Ok(Socket(stream))
    }

    async fn sleep(&self, duration: Duration) {
        Timer::after(duration).await;
    }
}

/// A TCP connection of async-io's.
#[derive(Debug)]
pub struct Socket(TcpStream);

impl driver::Socket for Socket {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }
}
