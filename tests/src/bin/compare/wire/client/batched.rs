//! What a careful hand makes of tokio-tungstenite and serde: one task, which feeds until the window is full, flushes once,
//! and reads what is there. Nothing survives the connection.

use std::collections::VecDeque;

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{Client, Result, Terms, authentication};
use crate::wire::workload::{Response, Status, StatusUpdate, Work};

pub(super) struct Batched {
    socket: WebSocketStream<TcpStream>,
    window: usize,
    unanswered: VecDeque<(String, Status)>,
}

pub(super) async fn connect(terms: Terms) -> Result<Batched> {
    Ok(Batched {
        socket: open(terms).await?,
        window: terms.window.get(),
        unanswered: VecDeque::new(),
    })
}

/// A connection that is authenticated.
pub(super) async fn open(terms: Terms) -> Result<WebSocketStream<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", terms.port)).await?;
    stream.set_nodelay(true)?;
    let (mut socket, _) = client_async(terms.uri(), stream).await?;
    socket.send(Message::text(authentication()?)).await?;
    let answer = socket.next().await.ok_or("the server has gone")??;
    Response::success(answer.to_text()?)?;
    Ok(socket)
}

impl Client for Batched {
    async fn run(&mut self, work: &Work, _: u64) -> Result<()> {
        let mut updates = work.updates();
        loop {
            while self.unanswered.len() < self.window
                && let Some((uuid, status)) = updates.next()
            {
                let update = StatusUpdate::new(uuid, status);
                self.socket.feed(Message::text(update.encode()?)).await?;
                self.unanswered.push_back((update.uuid, update.status));
            }
            if self.unanswered.is_empty() {
                return Ok(());
            }
            self.socket.flush().await?;
            let mut answer = Some(self.socket.next().await);
            while let Some(message) = answer {
                let message = message.ok_or("the server has gone")??;
                Response::success(message.to_text()?)?;
                self.unanswered.pop_front().ok_or("an answer to nothing")?;
                answer = self.socket.next().now_or_never();
            }
        }
    }
}
