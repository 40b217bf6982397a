//! tungstenite without any runtime: the window is written, flushed, and its answers are read. With one update in flight
//! nothing is between the program and the system but the WebSocket layer.

use std::collections::VecDeque;
use std::net::TcpStream;

use tungstenite::{Message, WebSocket};

use super::{Client, Result, Terms, authentication, tcp};
use crate::wire::workload::{Response, Status, StatusUpdate, Work};

pub(super) struct Blocking {
    socket: WebSocket<TcpStream>,
    window: usize,
    unanswered: VecDeque<(String, Status)>,
}

pub(super) fn connect(terms: Terms) -> Result<Blocking> {
    let stream = tcp(terms)?;
    let (mut socket, _) =
        tungstenite::client(terms.uri(), stream).map_err(|error| error.to_string())?;
    socket.send(Message::text(authentication()?))?;
    Response::success(socket.read()?.to_text()?)?;
    Ok(Blocking {
        socket,
        window: terms.window.get(),
        unanswered: VecDeque::new(),
    })
}

impl Client for Blocking {
    async fn run(&mut self, work: &Work, _: u64) -> Result<()> {
        let mut updates = work.updates();
        loop {
            while self.unanswered.len() < self.window
                && let Some((uuid, status)) = updates.next()
            {
                let update = StatusUpdate::new(uuid, status);
                self.socket.write(Message::text(update.encode()?))?;
                self.unanswered.push_back((update.uuid, update.status));
            }
            if self.unanswered.is_empty() {
                return Ok(());
            }
            self.socket.flush()?;
            while !self.unanswered.is_empty() {
                Response::success(self.socket.read()?.to_text()?)?;
                self.unanswered.pop_front();
            }
        }
    }
}
