//! The usual design on tokio-tungstenite: one task writes what a channel brings, one send a message; one reads, and gives
//! back a permit of a semaphore for every answer, which is the window. Nothing survives the connection.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::{Client, Result, Terms, batched};
use crate::wire::workload::{Response, Status, StatusUpdate, Work};

type Socket = WebSocketStream<TcpStream>;

pub(super) struct Split {
    outgoing: mpsc::Sender<String>,
    shared: Arc<Shared>,
    window: u32,
}

/// What both directions know.
struct Shared {
    permits: Semaphore,
    unanswered: Mutex<VecDeque<(String, Status)>>,
}

impl Shared {
    fn with<T>(&self, visit: impl FnOnce(&mut VecDeque<(String, Status)>) -> T) -> T {
        visit(
            &mut self
                .unanswered
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

pub(super) async fn connect(terms: Terms) -> Result<Split> {
    let (sink, stream) = batched::open(terms).await?.split();
    let window = terms.window.get();
    let shared = Arc::new(Shared {
        permits: Semaphore::new(window),
        unanswered: Mutex::default(),
    });
    let (outgoing, texts) = mpsc::channel(window);
    tokio::spawn(write(sink, texts));
    let reader = Arc::clone(&shared);
    tokio::spawn(async move {
        // Whoever waits for a permit learns that none will come.
        let _ = read(stream, &reader).await;
        reader.permits.close();
    });
    Ok(Split {
        outgoing,
        shared,
        window: u32::try_from(window)?,
    })
}

async fn write(mut sink: SplitSink<Socket, Message>, mut texts: mpsc::Receiver<String>) {
    while let Some(text) = texts.recv().await {
        if sink.send(Message::text(text)).await.is_err() {
            return;
        }
    }
}

async fn read(mut stream: SplitStream<Socket>, shared: &Shared) -> Result<()> {
    while let Some(message) = stream.next().await {
        Response::success(message?.to_text()?)?;
        let answered = shared.with(VecDeque::pop_front);
        answered.ok_or("an answer to nothing")?;
        shared.permits.add_permits(1);
    }
    Ok(())
}

impl Client for Split {
    async fn run(&mut self, work: &Work, _: u64) -> Result<()> {
        for (uuid, status) in work.updates() {
            let update = StatusUpdate::new(uuid, status);
            let text = update.encode()?;
            self.shared.permits.acquire().await?.forget();
            let about = (update.uuid, update.status);
            self.shared.with(|unanswered| unanswered.push_back(about));
            self.outgoing.send(text).await?;
        }
        // All are back: everything is answered.
        drop(self.shared.permits.acquire_many(self.window).await?);
        Ok(())
    }
}
