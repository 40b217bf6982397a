//! The floor: frames that were made beforehand, and answers that nobody reads. Less cannot be done.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::{Client, Result, Terms, authentication, tcp};
use crate::wire::server::{SUCCESS, masked_text};
use crate::wire::workload::{StatusUpdate, Work};

pub(super) struct Raw {
    stream: TcpStream,
    window: usize,
    frames: Vec<u8>,
    /// Where each frame begins, and the last one ends.
    begins: Vec<usize>,
}

pub(super) fn connect(terms: Terms) -> Result<Raw> {
    let stream = tcp(terms)?;
    let (socket, _) =
        tungstenite::client(terms.uri(), stream).map_err(|error| error.to_string())?;
    let mut stream = socket.into_inner();
    let mut frame = Vec::new();
    masked_text(&authentication()?, &mut frame);
    stream.write_all(&frame)?;
    stream.read_exact(&mut [0; SUCCESS.len()])?;
    Ok(Raw {
        stream,
        window: terms.window.get(),
        frames: Vec::new(),
        begins: Vec::new(),
    })
}

impl Client for Raw {
    fn prepare(&mut self, work: &Work) -> Result<()> {
        self.frames.clear();
        self.begins.clear();
        for (uuid, status) in work.updates() {
            self.begins.push(self.frames.len());
            let text = StatusUpdate::new(uuid, status).encode()?;
            masked_text(&text, &mut self.frames);
        }
        self.begins.push(self.frames.len());
        Ok(())
    }

    async fn run(&mut self, work: &Work, times: u64) -> Result<()> {
        let mut buffer = [0; 8 * 1024];
        let mut answered_bytes = 0;
        for _ in 0..times {
            let (mut sent, mut answered) = (0, 0);
            while answered < work.len() {
                let until = work.len().min(answered + self.window);
                let (begin, end) = (self.begins.get(sent), self.begins.get(until));
                if let (Some(begin), Some(end)) = (begin, end) {
                    let frames = self.frames.get(*begin..*end).unwrap_or_default();
                    self.stream.write_all(frames)?;
                }
                sent = until;
                let read = self.stream.read(&mut buffer)?;
                if read == 0 {
                    return Err("the server has gone".into());
                }
                answered_bytes += read;
                answered += answered_bytes / SUCCESS.len();
                answered_bytes %= SUCCESS.len();
            }
        }
        Ok(())
    }
}
