//! One connection: the handshake, frames in both directions, the end. What frames mean is the facilitator's.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use facilitator_core::driver::{frame_of, message_of, websocket_config};
use facilitator_core::facilitator::UpgradeRefusal;
use facilitator_core::{CloseFrame, ConnectionId, Frame};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::server::{
    Callback, ErrorResponse, Request, Response,
};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};
use tracing::debug;

use super::event::Handshake;
use super::shared::{Bells, End, Shared};

/// Bound on the WebSocket handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Bound on everything between the order to end a connection and its end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// RFC 6455, section 7.4.1: text that is no UTF-8.
const NOT_UTF8: u16 = 1007;

type Socket = WebSocketStream<TcpStream>;

/// Serves one connection until its end.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    // Answers are small, and each is waited for.
    let _ = stream.set_nodelay(true);
    let limit = shared.visit(0, |facilitator, _| facilitator.config().limits.message_size);
    let accepted = tokio::select! {
        accepted = timeout(HANDSHAKE_TIMEOUT, accept(&shared, stream, peer, limit)) => accepted,
        () = shared.stopping() => return,
    };
    let (mut socket, handshake) = match accepted {
        Ok(Ok(accepted)) => accepted,
        Ok(Err(NotAccepted::Failed(error))) => {
            return debug!(%peer, %error, "a handshake failed");
        }
        Ok(Err(NotAccepted::Refused(handshake, refusal))) => {
            // Until then its place is taken, so that refusals cannot pile up.
            tokio::select! {
                () = shared.room_for_events() => shared.refused(handshake, refusal),
                () = shared.stopping() => {}
            }
            return;
        }
        Err(_) => return debug!(%peer, "a handshake took too long"),
    };
    let Some((connection, bells)) = shared.connected(handshake) else {
        return;
    };
    let overdue = async {
        bells.ending.notified().await;
        sleep(CLOSE_TIMEOUT).await;
    };
    tokio::select! {
        biased;
        () = bells.cut.notified() => {}
        () = carry(&shared, connection, &bells, &mut socket) => return,
        () = overdue => {}
    }
    // Reset: the peer finds out at once, and reads nothing that was still on its way.
    let _ = socket.get_ref().set_zero_linger();
}

/// Why there is no connection.
enum NotAccepted {
    /// It was no sound request, or its sender is gone.
    Failed(Error),
    /// It was answered with an HTTP error.
    Refused(Handshake, UpgradeRefusal),
}

async fn accept(
    shared: &Shared,
    stream: TcpStream,
    peer: SocketAddr,
    limit: usize,
) -> Result<(Socket, Handshake), NotAccepted> {
    let mut refusal = None;
    let mut handshake = Handshake {
        peer,
        path: String::new(),
        headers: Vec::new(),
    };
    let doorkeeper = Doorkeeper {
        shared,
        handshake: &mut handshake,
        refusal: &mut refusal,
    };
    let config = websocket_config(limit);
    let accepted = accept_hdr_async_with_config(stream, doorkeeper, Some(config)).await;
    match (accepted, refusal) {
        (Ok(socket), _) => Ok((socket, handshake)),
        (Err(_), Some(refusal)) => Err(NotAccepted::Refused(handshake, refusal)),
        (Err(error), None) => Err(NotAccepted::Failed(error)),
    }
}

/// Takes note of the upgrade request, and answers it as the facilitator judges it.
struct Doorkeeper<'a> {
    shared: &'a Shared,
    handshake: &'a mut Handshake,
    refusal: &'a mut Option<UpgradeRefusal>,
}

impl Callback for Doorkeeper<'_> {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        self.handshake.path = request.uri().to_string();
        self.handshake.headers = request
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().into()))
            .collect();
        self.shared.judge(self.handshake).map_err(|refusal| {
            *self.refusal = Some(refusal);
            error_response(&refusal)
        })?;
        Ok(response)
    }
}

/// The HTTP error of a refusal, with its reason as text.
fn error_response(refusal: &UpgradeRefusal) -> ErrorResponse {
    let reason = format!("{refusal}\n");
    let length = HeaderValue::from(reason.len());
    let mut response = ErrorResponse::new(Some(reason));
    *response.status_mut() =
        StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::FORBIDDEN);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Carries frames until the connection is over. Each one is answered before the next one is read, as the reference
/// does it: what a cut leaves behind is what a real server would leave.
async fn carry(shared: &Shared, connection: ConnectionId, bells: &Bells, socket: &mut Socket) {
    let mut peer_closed = false;
    loop {
        let Some(outgoing) = shared.take_outgoing(connection) else {
            return;
        };
        if !outgoing.frames.is_empty() && write(socket, outgoing.frames).await.is_err() {
            return shared.disconnected(connection);
        }
        match outgoing.end {
            None => {}
            // The WebSocket layer's own answer to a close frame without a code may still wait.
            Some(End::Drop) if peer_closed => return drop(socket.flush().await),
            Some(End::Drop) => return,
            Some(End::Close(close)) => return finish(socket, close, peer_closed).await,
        }
        let message = tokio::select! {
            () = bells.outgoing.notified() => continue,
            message = next(shared, socket) => message,
        };
        match message {
            Some(Ok(message)) => {
                peer_closed |= message.is_close();
                if let Some(frame) = frame_of(&message) {
                    shared.read(connection, frame);
                }
            }
            Some(Err(Error::Capacity(_))) => shared.read_too_big(connection),
            Some(Err(error)) => {
                shared.disconnected(connection);
                if let Some(code) = violation(&error) {
                    let goodbye = finish(socket, CloseFrame::new(code), false);
                    let _ = timeout(CLOSE_TIMEOUT, goodbye).await;
                }
                return;
            }
            None => return shared.disconnected(connection),
        }
    }
}

/// The next message, as soon as its events can be taken.
async fn next(shared: &Shared, socket: &mut Socket) -> Option<Result<Message, Error>> {
    shared.room_for_events().await;
    socket.next().await
}

async fn write(socket: &mut Socket, frames: VecDeque<Frame>) -> Result<(), Error> {
    for frame in frames {
        socket.feed(message_of(&frame)).await?;
    }
    socket.flush().await
}

/// The closing handshake. Its time is limited by whoever ordered it.
async fn finish(socket: &mut Socket, close: CloseFrame, peer_closed: bool) {
    // Where the peer was first, the WebSocket layer has queued the answer, and refuses a second one.
    let _ = socket.send(message_of(&Frame::Close(Some(close)))).await;
    let _ = socket.flush().await;
    let mut agreed = peer_closed;
    while let Some(Ok(message)) = socket.next().await {
        agreed |= message.is_close();
    }
    if !agreed {
        // To end now would reset the connection while the peer still writes, and take our goodbye away from it.
        discard(socket.get_ref()).await;
    }
}

/// Reads and forgets until the peer has ended the stream.
async fn discard(stream: &TcpStream) {
    let mut nowhere = vec![0; 16 * 1024];
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut nowhere) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// The close code for a peer that broke the WebSocket protocol; `None` when it is simply gone.
fn violation(error: &Error) -> Option<u16> {
    match error {
        Error::Utf8(_) => Some(NOT_UTF8),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(CloseFrame::PROTOCOL_ERROR),
        _ => None,
    }
}
