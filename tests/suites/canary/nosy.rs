//! A peer that repeats what it hears: in refusals, errors, closes, messages and answers to upgrades.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{Builder, JoinHandle};

use facilitator_tests::solo::SUCCESS;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, WebSocket, accept_hdr};

use crate::ears::PEER;

type Socket = WebSocket<TcpStream>;

/// A peer that is listening. It serves one connection after the other, each in its own way; the last way stays.
pub(crate) struct Nosy {
    pub(crate) port: u16,
    thread: JoinHandle<Vec<String>>,
}

impl Nosy {
    pub(crate) fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = Builder::new().name(PEER.to_owned()).spawn(move || {
            let mut signatures = Vec::new();
            for turn in 0.. {
                let (stream, _) = listener.accept().unwrap();
                match turn {
                    0 | 1 => echo_upgrade(stream, turn == 0),
                    _ => {
                        if serve(stream, turn, &mut signatures) {
                            break;
                        }
                    }
                }
            }
            signatures
        });
        let thread = thread.unwrap();
        Self { port, thread }
    }

    /// The signatures of the upgrades, when the last connection has ended.
    pub(crate) fn signatures(self) -> Vec<String> {
        self.thread.join().unwrap()
    }
}

/// Answers the upgrade with all that it said.
fn echo_upgrade(stream: TcpStream, refuse: bool) {
    let mut reader = BufReader::new(stream);
    let (mut line, mut request) = (String::new(), String::new());
    while reader.read_line(&mut line).unwrap() > 2 {
        request += line.trim_end();
        request.push(' ');
        line.clear();
    }
    let (status, header) = if refuse {
        ("401 Unauthorized", "X-You-Said")
    } else {
        ("302 Found", "Location")
    };
    let answer = format!("HTTP/1.1 {status}\r\n{header}: {request}\r\nContent-Length: 0\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
}

fn quote(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// As the validation library does it, and worse.
fn error(kind: &str, heard: &str) -> Message {
    let heard = quote(heard);
    Message::text(format!(
        r#"{{"status":"error","errors":[{{"type":{kind},"msg":{heard},"help":{heard},"loc":["V0JobStatusUpdate",{heard}],"input":{{"a":[{heard}]}}}}]}}"#,
        kind = quote(kind),
    ))
}

fn close(socket: &mut Socket, reason: &str) {
    let frame = CloseFrame {
        code: 4000.into(),
        reason: reason.into(),
    };
    let _ = socket.close(Some(frame));
    while socket.read().is_ok() {}
}

/// Serves a connection; returns whether it was the last.
fn serve(stream: TcpStream, turn: u32, signatures: &mut Vec<String>) -> bool {
    let mut by_header = None;
    #[expect(clippy::result_large_err, reason = "the library's own type")]
    let upgrade = |request: &Request, response: Response| {
        let header = request.headers().get("X-Signature");
        by_header = header.map(|value| value.to_str().unwrap().to_owned());
        Ok(response)
    };
    let mut socket = accept_hdr(stream, upgrade).unwrap();
    let heard = match &by_header {
        Some(signature) => signature.clone(),
        None => match socket.read() {
            Ok(message) => message.into_text().unwrap().as_str().to_owned(),
            Err(_) => return false,
        },
    };
    signatures.extend(by_header.clone());
    let signature = heard.split("0x").nth(1).unwrap()[..120].to_owned();
    let said = match turn {
        2 => socket.send(error("auth.other", &heard)),
        3 => socket.send(error(&format!("auth.{signature}"), &heard)),
        4 => {
            close(&mut socket, &signature);
            return false;
        }
        5 => socket.send(Message::text(heard.as_str())),
        _ => return confide(&mut socket, &heard, by_header.is_none()),
    };
    if said.is_ok() {
        close(&mut socket, &signature);
    }
    false
}

/// A session that is let in, and told its own secret in every way.
fn confide(socket: &mut Socket, heard: &str, must_answer: bool) -> bool {
    if must_answer {
        socket.send(Message::text(SUCCESS)).unwrap();
    }
    let echoes = [
        Message::text(heard),
        Message::text(format!("{heard} and more")),
        Message::text(format!(
            r#"{{"message_type":"V2JobRequest","uuid":[{}]}}"#,
            quote(heard)
        )),
        Message::text(format!(r#"{{"message_type":{}}}"#, quote(heard))),
        Message::binary(heard.as_bytes().to_vec()),
        Message::Ping(heard.as_bytes()[..100].to_vec().into()),
        Message::Pong(heard.as_bytes()[..100].to_vec().into()),
        error("job.not_found", heard),
    ];
    for echo in echoes {
        socket.send(echo).unwrap();
    }
    while let Ok(message) = socket.read() {
        if let Message::Text(text) = message
            && text.as_str().contains("V0JobStatusUpdate")
            && socket.send(error("job.not_found", heard)).is_err()
        {
            break;
        }
    }
    true
}
