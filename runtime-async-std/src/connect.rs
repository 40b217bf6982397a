//! From a URI to an open WebSocket: DNS, TCP, TLS, upgrade. Each step fails with a kind of its own; deadlines are
//! the session's.

use std::sync::Arc;

use async_io::Timer;
use async_net::TcpStream;
use async_tungstenite::stream::Stream;
use async_tungstenite::{WebSocketStream, client_async_with_config};
use facilitator_core::client::{ConnectFailure, ConnectFailureKind, ConnectRequest};
use facilitator_core::driver::rustls::ClientConfig;
use facilitator_core::driver::{
    client_request, connect_any, handshake_failure, server_name, tls_failure, websocket_config,
};
use futures_rustls::TlsConnector;
use futures_rustls::client::TlsStream;

/// TCP, or TLS over it.
pub(crate) type MaybeTlsStream = Stream<TcpStream, TlsStream<TcpStream>>;

pub(crate) async fn connect(
    request: ConnectRequest,
    tls: Arc<ClientConfig>,
) -> Result<WebSocketStream<MaybeTlsStream>, ConnectFailure> {
    let endpoint = &request.endpoint;
    let upgrade = client_request(&request)?;
    let addresses = async_net::resolve((endpoint.host(), endpoint.port()))
        .await
        .map_err(|error| ConnectFailure::new(ConnectFailureKind::Dns, error.to_string()))?;
    let tcp = connect_any(addresses, TcpStream::connect, async |duration| {
        Timer::after(duration).await;
    })
    .await?;
    // Small messages that are answered one by one must not wait for each other.
    let _ = tcp.set_nodelay(true);
    let stream = if endpoint.is_secure() {
        let stream = TlsConnector::from(tls)
            .connect(server_name(endpoint)?, tcp)
            .await
            .map_err(|error| tls_failure(&error))?;
        Stream::Tls(stream)
    } else {
        Stream::Plain(tcp)
    };
    let config = websocket_config(request.max_message_bytes);
    match client_async_with_config(upgrade, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(handshake_failure(&error)),
    }
}
