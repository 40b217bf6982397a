//! A socket with any number of TLS layers on it, as rustls and the WebSocket layer want it: blocking in form, where
//! `WouldBlock` means "wake me". What is spoken through it is not known here.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};
use std::io::{self, ErrorKind, Read, Write};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::head::{Head, HeadError, HeadReader};
use super::progress::TlsSession;
use super::sockets::Socket;

/// TCP, TLS over TCP, TLS over TLS (through a proxy that speaks TLS itself).
pub(super) enum Layers<S: Socket> {
    Socket(Blocking<S>),
    Tls(Box<StreamOwned<ClientConnection, Self>>),
}

/// A socket that wakes whoever used it last.
pub(super) struct Blocking<S> {
    socket: S,
    waker: Waker,
}

/// Why there is no answer.
pub(super) enum NoAnswer {
    Io(io::Error),
    Head(HeadError),
}

impl<S: Socket> Layers<S> {
    pub(super) fn new(socket: S) -> Self {
        let waker = Waker::noop().clone();
        Self::Socket(Blocking { socket, waker })
    }

    /// Who is to be woken when what blocks now goes on.
    pub(super) fn set_waker(&mut self, waker: &Waker) {
        match self {
            Self::Socket(blocking) => blocking.waker.clone_from(waker),
            Self::Tls(tls) => tls.sock.set_waker(waker),
        }
    }

    /// Wakes whoever blocks here, although nothing has gone on: others shall have their turn first. Returns false when
    /// there is no reason to: TLS gives its records one by one, so that it gave less than was asked for tells nothing.
    pub(super) fn yield_now(&self) -> bool {
        match self {
            Self::Socket(blocking) => {
                blocking.waker.wake_by_ref();
                true
            }
            Self::Tls(_) => false,
        }
    }

    /// Does what may block, until it no longer does.
    async fn unblocked<T>(
        &mut self,
        mut action: impl FnMut(&mut Self) -> io::Result<T>,
    ) -> io::Result<T> {
        poll_fn(|cx| {
            self.set_waker(cx.waker());
            loop {
                return match action(self) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    other => Poll::Ready(other),
                };
            }
        })
        .await
    }

    /// One more layer of TLS, handshake and verification included.
    pub(super) async fn secure(
        self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Self> {
        let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut secured = Self::Tls(Box::new(StreamOwned::new(connection, self)));
        secured
            .unblocked(|layers| match layers {
                Self::Tls(tls) => {
                    while tls.conn.is_handshaking() {
                        if let (0, 0) = tls.conn.complete_io(&mut tls.sock)? {
                            return Err(ErrorKind::UnexpectedEof.into());
                        }
                    }
                    Ok(())
                }
                Self::Socket(_) => Ok(()),
            })
            .await?;
        Ok(secured)
    }

    /// What the outermost TLS has agreed on.
    pub(super) fn session(&self) -> Option<TlsSession<'_>> {
        match self {
            Self::Socket(_) => None,
            Self::Tls(tls) => Some(TlsSession {
                version: tls.conn.protocol_version(),
                suite: tls
                    .conn
                    .negotiated_cipher_suite()
                    .map(|suite| suite.suite()),
                certificates: tls.conn.peer_certificates().unwrap_or_default(),
            }),
        }
    }

    /// Says that whatever was written is all (RFC 8446, section 6.1), so that no peer takes the end for an attack. Nobody
    /// waits for it: what the socket does not take now is lost.
    pub(super) fn notify_close(&mut self) {
        if let Self::Tls(tls) = self {
            tls.conn.send_close_notify();
            let _ = tls.conn.write_tls(&mut tls.sock);
            tls.sock.notify_close();
        }
    }

    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut left = bytes;
        self.unblocked(|layers| {
            write_out(layers, &mut left)?;
            layers.flush()
        })
        .await
    }

    /// The head of an HTTP answer of at most `limit` bytes, and what was read beyond it.
    pub(super) async fn read_head(&mut self, limit: usize) -> Result<(Head, Vec<u8>), NoAnswer> {
        let mut reader = HeadReader::new(limit);
        let mut buffer = [0; 1024];
        loop {
            let bytes = self
                .unblocked(|layers| layers.read(&mut buffer))
                .await
                .map_err(NoAnswer::Io)?;
            let read = buffer.get(..bytes).unwrap_or_default();
            if read.is_empty() {
                return Err(NoAnswer::Head(HeadError::Ended));
            }
            if let Some(answer) = reader.push(read).map_err(NoAnswer::Head)? {
                return Ok(answer);
            }
        }
    }
}

/// Writes until nothing is left, or it blocks; `left` is what is left.
pub(super) fn write_out(to: &mut impl Write, left: &mut &[u8]) -> io::Result<()> {
    while !left.is_empty() {
        match to.write(left) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(bytes) => *left = left.get(bytes..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl<S: Socket> Read for Layers<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Socket(blocking) => blocking.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl<S: Socket> Write for Layers<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Socket(blocking) => blocking.write(bytes),
            Self::Tls(tls) => match tls.write(bytes) {
                // It has no room, for the socket takes no more at present; whom to wake, the socket knows.
                Ok(0) if tls.conn.wants_write() => Err(ErrorKind::WouldBlock.into()),
                other => other,
            },
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Socket(blocking) => blocking.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

impl<S: Socket> Read for Blocking<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut cx = Context::from_waker(&self.waker);
        ready(self.socket.poll_read(&mut cx, buffer))
    }
}

impl<S: Socket> Write for Blocking<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut cx = Context::from_waker(&self.waker);
        ready(self.socket.poll_write(&mut cx, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut cx = Context::from_waker(&self.waker);
        ready(self.socket.poll_flush(&mut cx))
    }
}

fn ready<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    }
}
