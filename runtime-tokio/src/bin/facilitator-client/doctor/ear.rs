//! The runtime of an examination: tokio's, with an ear on the connection. What a facilitator pushes is kept from the
//! session, which would answer it: jobs are for the instance that works, and the facilitator sends them to both.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use facilitator_tokio::Tokio;
use facilitator_tokio::core::Frame;
use facilitator_tokio::core::client::{ConnectFailure, ConnectRequest};
use facilitator_tokio::core::driver::tungstenite::Error;
use facilitator_tokio::core::driver::{BoxFuture, Inbound, Runtime, SpawnError, Transport};
use facilitator_tokio::core::message::{DecodeMode, FacilitatorMessage, V0Heartbeat};
use tokio::sync::mpsc::UnboundedSender;

use super::news::News;

/// See above.
pub(super) struct Listening {
    pub(super) tokio: Tokio,
    pub(super) news: UnboundedSender<News>,
}

impl Runtime for Listening {
    type Transport = Ear<<Tokio as Runtime>::Transport>;

    fn connect(
        &self,
        request: ConnectRequest,
    ) -> BoxFuture<Result<Self::Transport, ConnectFailure>> {
        let attempt = self.tokio.connect(request);
        let news = self.news.clone();
        Box::pin(async move {
            let transport = attempt.await?;
            Ok(Ear {
                transport,
                heard: Inbound::default(),
                news,
                has_beaten: false,
                pinged: None,
            })
        })
    }

    fn now(&self) -> Instant {
        self.tokio.now()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()> {
        self.tokio.sleep_until(deadline)
    }

    fn spawn(&self, future: BoxFuture<()>) -> Result<(), SpawnError> {
        self.tokio.spawn(future)
    }
}

/// A connection that tells what passes through it.
pub(super) struct Ear<T> {
    transport: T,
    /// Read, and not looked at yet.
    heard: Inbound,
    news: UnboundedSender<News>,
    /// Whether a heartbeat was sent.
    has_beaten: bool,
    /// The first ping behind the heartbeat, while it is not answered. Whoever answers it has read the heartbeat.
    pinged: Option<(Arc<[u8]>, Instant)>,
}

/// Whether the session may hear of it: everything but what a facilitator sends by itself.
fn is_answer(text: &str) -> bool {
    let decoded = FacilitatorMessage::decode(text, DecodeMode::Lenient);
    decoded.is_ok_and(|decoded| matches!(decoded.message, FacilitatorMessage::Response(_)))
}

impl<T: Transport> Transport for Ear<T> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.transport.poll_ready(cx)
    }

    fn send_text(&mut self, text: &str) -> Result<(), Error> {
        self.has_beaten |= *text == *V0Heartbeat.encode();
        self.transport.send_text(text)
    }

    fn send(&mut self, frame: &Frame) -> Result<(), Error> {
        match frame {
            Frame::Text(text) => return self.send_text(text),
            Frame::Ping(bytes) if self.has_beaten && self.pinged.is_none() => {
                self.pinged = Some((Arc::clone(bytes), Instant::now()));
            }
            _ => {}
        }
        self.transport.send(frame)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.transport.poll_flush(cx)
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        inbound: &mut Inbound,
    ) -> Poll<Option<Result<(), Error>>> {
        let read = ready!(self.transport.poll_read(cx, &mut self.heard));
        while let Some(frame) = self.heard.pop() {
            match &frame {
                Frame::Text(text) if !is_answer(text) => {
                    // Nobody listens after the end; here and below.
                    let _ = self.news.send(News::Pushed);
                    continue;
                }
                Frame::Pong(bytes) => {
                    if let Some((_, at)) = self.pinged.take_if(|(pinged, _)| pinged == bytes) {
                        let _ = self.news.send(News::Pong(at.elapsed()));
                    }
                }
                _ => {}
            }
            inbound.push(frame);
        }
        Poll::Ready(read)
    }
}
