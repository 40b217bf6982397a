//! WebSocket messages of tungstenite to and from the session's frames, and its errors to the session's causes.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;
use std::time::SystemTime;

use core::time::Duration;
use futures_core::Stream;
use futures_sink::Sink;

use tungstenite::client::IntoClientRequest;
use tungstenite::error::ProtocolError;
use tungstenite::handshake::client::Request;
use tungstenite::http::{HeaderName, HeaderValue, header};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message};

use super::Inbound;
use crate::client::{ConnectFailure, ConnectFailureKind, ConnectRequest, Disconnected, Endpoint};
use crate::{CloseFrame, Frame};

/// An open WebSocket connection, as the driver's task uses it.
///
/// Whatever is a stream and a sink of tungstenite's messages is one. [`WebSocket`](super::WebSocket) is one too, and
/// makes no messages for frames that it can write, or read, as they are.
pub trait Transport: Send + Unpin + 'static {
    /// Waits until one more frame can be queued.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;

    /// Queues a text. To be called after [`poll_ready`](Self::poll_ready) only.
    ///
    /// # Errors
    ///
    /// The connection is broken, or closing.
    fn send_text(&mut self, text: &str) -> Result<(), Error>;

    /// Queues a frame, likewise.
    ///
    /// # Errors
    ///
    /// As [`send_text`](Self::send_text).
    fn send(&mut self, frame: &Frame) -> Result<(), Error>;

    /// Writes what is queued. What the WebSocket layer answers by itself, pongs and closes, leaves with it.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;

    /// Reads the next frame, and puts it into `inbound`; `None` after the end. When it is pending, it wakes the task; until
    /// then it is not asked again.
    ///
    /// # Errors
    ///
    /// The connection is broken, or the peer has broken the protocol. Nothing follows.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        inbound: &mut Inbound,
    ) -> Poll<Option<Result<(), Error>>>;
}

impl<T> Transport for T
where
    T: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error>,
    T: Send + Unpin + 'static,
{
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Sink::poll_ready(Pin::new(self), cx)
    }

    fn send_text(&mut self, text: &str) -> Result<(), Error> {
        Pin::new(self).start_send(Message::text(text))
    }

    fn send(&mut self, frame: &Frame) -> Result<(), Error> {
        Pin::new(self).start_send(message_of(frame))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Sink::poll_flush(Pin::new(self), cx)
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        inbound: &mut Inbound,
    ) -> Poll<Option<Result<(), Error>>> {
        let next = ready!(Stream::poll_next(Pin::new(self), cx));
        Poll::Ready(next.map(|message| {
            take(&message?, inbound);
            Ok(())
        }))
    }
}

/// A frame of the session, for the WebSocket layer.
pub fn message_of(frame: &Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::text(text.as_ref()),
        Frame::Binary(bytes) => Message::Binary(bytes.to_vec().into()),
        Frame::Ping(bytes) => Message::Ping(bytes.to_vec().into()),
        Frame::Pong(bytes) => Message::Pong(bytes.to_vec().into()),
        Frame::Close(close) => close_message(close.as_ref()),
    }
}

fn close_message(close: Option<&CloseFrame>) -> Message {
    Message::Close(close.map(|close| tungstenite::protocol::CloseFrame {
        code: CloseCode::from(close.code),
        reason: close.reason.as_str().into(),
    }))
}

/// Puts in a message that was read.
pub(super) fn take(message: &Message, inbound: &mut Inbound) {
    match message {
        Message::Text(text) => inbound.push_text(text),
        _ => {
            if let Some(frame) = frame_of(message) {
                inbound.push(frame);
            }
        }
    }
}

/// The session's view of a message; `None` for a raw frame, which is never read.
pub fn frame_of(message: &Message) -> Option<Frame> {
    Some(match message {
        Message::Text(text) => Frame::Text(Arc::from(text.as_str())),
        Message::Binary(bytes) => Frame::Binary(Arc::from(bytes.as_ref())),
        Message::Ping(bytes) => Frame::Ping(Arc::from(bytes.as_ref())),
        Message::Pong(bytes) => Frame::Pong(Arc::from(bytes.as_ref())),
        Message::Close(close) => Frame::Close(close.as_ref().map(|close| CloseFrame {
            code: close.code.into(),
            reason: close.reason.as_str().into(),
        })),
        Message::Frame(_) => return None,
    })
}

/// What an error of an established connection means.
pub fn disconnected_by(error: &Error) -> Disconnected {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => Disconnected::Closed(None),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Disconnected::EndOfStream,
        Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Disconnected::EndOfStream
        }
        Error::Io(error) => Disconnected::Io(error.to_string()),
        Error::Tls(error) => Disconnected::Io(error.to_string()),
        other => Disconnected::Protocol(other.to_string()),
    }
}

/// The connection failure behind an IO error.
pub fn io_failure(error: &io::Error) -> ConnectFailure {
    let kind = match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectFailureKind::Refused,
        io::ErrorKind::TimedOut => ConnectFailureKind::Timeout,
        _ => ConnectFailureKind::Io,
    };
    ConnectFailure::new(kind, error.to_string())
}

/// The upgrade request, with the headers of the session.
///
/// # Errors
///
/// [`ConnectFailureKind::Handshake`], when a header or the URI cannot be sent; a checked configuration has none such.
pub fn client_request(request: &ConnectRequest) -> Result<Request, ConnectFailure> {
    let unsendable = |what: &str| {
        ConnectFailure::new(
            ConnectFailureKind::Handshake,
            alloc::format!("{what} cannot be sent"),
        )
    };
    let mut upgrade = request
        .endpoint
        .as_str()
        .into_client_request()
        .map_err(|_| unsendable("the URI"))?;
    let host = HeaderValue::try_from(host_header(&request.endpoint));
    let host = host.map_err(|_| unsendable("the host"))?;
    upgrade.headers_mut().insert(header::HOST, host);
    for (name, value) in &request.headers {
        let header = HeaderName::try_from(name.as_str()).map_err(|_| unsendable(name))?;
        let mut value = HeaderValue::try_from(value.as_str()).map_err(|_| unsendable(name))?;
        // Whoever logs the request does not log this.
        value.set_sensitive(true);
        upgrade.headers_mut().append(header, value);
    }
    Ok(upgrade)
}

/// The host for the `Host` header: an address of IPv6 in brackets, a port only when it is not the scheme's own.
pub(super) fn host_header(endpoint: &Endpoint) -> String {
    let host = endpoint.host();
    let (open, close) = if host.contains(':') {
        ("[", "]")
    } else {
        ("", "")
    };
    match (endpoint.is_secure(), endpoint.port()) {
        (true, 443) | (false, 80) => alloc::format!("{open}{host}{close}"),
        (_, port) => alloc::format!("{open}{host}{close}:{port}"),
    }
}

/// Limits and buffers: messages of the protocol are small, most of the time.
pub fn websocket_config(max_message_bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(16 * 1024)
        .max_message_size(Some(max_message_bytes))
        .max_frame_size(Some(max_message_bytes))
}

/// How long a server asks to wait: seconds, or a date (RFC 9110, section 10.2.3). A date that has passed asks for
/// nothing; what is neither is ignored.
pub(super) fn asked_to_wait(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a long time, not none.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// An upgrade that was answered with this status. `retry_after` is the header's value, `now` the wall clock.
pub(super) fn http_failure(
    status: u16,
    retry_after: Option<&str>,
    now: SystemTime,
) -> ConnectFailure {
    let detail = if (300..400).contains(&status) {
        "redirects are not followed: the authentication would go to a host that nobody named"
    } else {
        ""
    };
    ConnectFailure {
        retry_after: retry_after.and_then(|value| asked_to_wait(value, now)),
        ..ConnectFailure::new(ConnectFailureKind::Http { status }, detail)
    }
}

/// An IO error between the upgrade's request and the end of its answer.
pub(super) fn broken_upgrade(error: &io::Error) -> ConnectFailure {
    // A server of TLS 1.3 judges the client's certificate only when the client's handshake is done.
    #[cfg(feature = "tls")]
    if let Some(rejected) = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<rustls::Error>())
    {
        return super::tls_failure(rejected);
    }
    if error.kind() == io::ErrorKind::UnexpectedEof {
        let detail = "the server ended the connection in place of an answer";
        return ConnectFailure::new(ConnectFailureKind::Handshake, detail);
    }
    io_failure(error)
}

/// Why the WebSocket handshake of tungstenite failed. `now` is the wall clock, for a `Retry-After` that is a date.
pub fn handshake_failure(error: &Error, now: SystemTime) -> ConnectFailure {
    match error {
        Error::Http(response) => {
            let retry_after = response.headers().get(header::RETRY_AFTER);
            let retry_after = retry_after.and_then(|value| value.to_str().ok());
            http_failure(response.status().as_u16(), retry_after, now)
        }
        Error::Io(error) => broken_upgrade(error),
        Error::Tls(error) => ConnectFailure::new(ConnectFailureKind::Tls, error.to_string()),
        other => ConnectFailure::new(ConnectFailureKind::Handshake, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_wait_is_seconds_or_a_date_and_garbage_is_ignored() {
        // RFC 9110's own example of a date, in its three spellings, ten seconds before.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 10);
        let wait = |value| asked_to_wait(value, now).map(|wait| wait.as_secs());
        for (value, seconds) in [
            ("0", 0),
            ("120", 120),
            (" 7 ", 7),
            ("99999999999999999999999", u64::MAX),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 10),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 10),
            ("Sun Nov  6 08:49:37 1994", 10),
            ("Sun, 06 Nov 1994 08:49:00 GMT", 0),
        ] {
            assert_eq!(wait(value), Some(seconds), "{value:?}");
        }
        for garbage in [
            "",
            "-1",
            "+5",
            "1.5",
            "5s",
            "soon",
            "Sun, 66 Nov 1994 08:49:37 GMT",
            "2026-01-01",
        ] {
            assert_eq!(wait(garbage), None, "{garbage:?}");
        }
    }
}
