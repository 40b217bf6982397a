//! Who is connected to, when it is not the simulated facilitator: peers that fall silent, or say what a test wants.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use tokio::net::TcpSocket;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{self, Message};

/// Takes TCP connections, as the system does for it, and never says a word.
pub(crate) struct BlackHole {
    listener: TcpListener,
}

impl BlackHole {
    pub(crate) fn new() -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").unwrap(),
        }
    }

    pub(crate) fn uri(&self) -> String {
        format!("ws://{}/", self.listener.local_addr().unwrap())
    }
}

/// A port where nobody listens: it is held, so that nobody else gets it meanwhile.
pub(crate) struct Refusing {
    socket: TcpSocket,
}

impl Refusing {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self { socket }
    }

    pub(crate) fn uri(&self) -> String {
        format!("ws://{}/", self.socket.local_addr().unwrap())
    }
}

/// A peer that opens WebSockets and hands each to `play`, on a thread of its own.
pub(crate) fn scripted(play: impl Fn(&mut Script) + Send + 'static) -> String {
    scripted_by_header(move |script, _| play(script))
}

/// As [`scripted`], with the request's `X-Signature`.
pub(crate) fn scripted_by_header(play: impl Fn(&mut Script, &str) + Send + 'static) -> String {
    scripted_with_request(move |script, headers| {
        let line = headers
            .lines()
            .find_map(|line| line.strip_prefix("x-signature: "));
        play(script, line.unwrap_or_default());
    })
}

/// As [`scripted`], with the request's headers, a line each, their names in small letters.
pub(crate) fn scripted_with_request(play: impl Fn(&mut Script, &str) + Send + 'static) -> String {
    scripted_over("ws", |stream| Box::new(stream), play)
}

/// As [`scripted_with_request`], over what `wrap` makes of a connection.
#[expect(clippy::result_large_err, reason = "the library's own error type")]
pub(crate) fn scripted_over(
    scheme: &str,
    wrap: impl Fn(TcpStream) -> Box<dyn Stream> + Send + 'static,
    play: impl Fn(&mut Script, &str) + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("{scheme}://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut headers = String::new();
            let read = |request: &Request, response: Response| {
                let lines = request.headers().iter();
                let lines =
                    lines.map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
                headers = lines.collect();
                Ok(response)
            };
            // Who does not trust us breaks the handshake off.
            if let Ok(socket) = tungstenite::accept_hdr(wrap(stream.unwrap()), read) {
                play(&mut Script(socket, VecDeque::new()), &headers);
            }
        }
    });
    uri
}

/// A connection, whatever it is made of.
pub(crate) trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// One connection of a [`scripted`] peer. When the program ends it, the play is over.
pub(crate) struct Script(
    tungstenite::WebSocket<Box<dyn Stream>>,
    /// Read while something else was waited for.
    VecDeque<Message>,
);

impl Script {
    /// The next text.
    pub(crate) fn read(&mut self) -> Option<String> {
        loop {
            let next = self.1.pop_front().map_or_else(|| self.0.read(), Ok);
            match next {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    pub(crate) fn say(&mut self, text: &str) {
        let _ = self.0.send(Message::text(text));
    }

    pub(crate) fn say_binary(&mut self, bytes: &[u8]) {
        let _ = self.0.send(Message::binary(bytes.to_vec()));
    }

    /// Waits until everything that was said was read.
    pub(crate) fn ping(&mut self) {
        let _ = self.0.send(Message::Ping(Vec::new().into()));
        loop {
            match self.0.read() {
                Ok(Message::Pong(_)) | Err(_) => return,
                Ok(other) => self.1.push_back(other),
            }
        }
    }

    /// Answers the authentication, and returns it.
    pub(crate) fn authenticate(&mut self) -> Option<String> {
        let frame = self.read();
        self.say(SUCCESS);
        frame
    }

    /// Reads and answers nothing, until the program is gone.
    pub(crate) fn fall_silent(&mut self) {
        while self.read().is_some() {}
    }
}

pub(crate) const SUCCESS: &str = r#"{"status":"success","errors":[]}"#;
