//! From a URI to an open WebSocket: DNS, TCP, TLS, upgrade. Each step fails with a kind of its own; deadlines are
//! the session's.

use std::sync::Arc;

use facilitator_core::client::{ConnectFailure, ConnectFailureKind, ConnectRequest};
use facilitator_core::driver::rustls::ClientConfig;
use facilitator_core::driver::{
    client_request, connect_any, handshake_failure, server_name, tls_failure, websocket_config,
};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_with_config};

pub(crate) async fn connect(
    request: ConnectRequest,
    tls: Arc<ClientConfig>,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, ConnectFailure> {
    let endpoint = &request.endpoint;
    let upgrade = client_request(&request)?;
    let addresses = lookup_host((endpoint.host(), endpoint.port()))
        .await
        .map_err(|error| ConnectFailure::new(ConnectFailureKind::Dns, error.to_string()))?;
    let tcp = connect_any(addresses.collect(), TcpStream::connect, tokio::time::sleep).await?;
    // Small messages that are answered one by one must not wait for each other.
    let _ = tcp.set_nodelay(true);
    let stream = if endpoint.is_secure() {
        let stream = TlsConnector::from(tls)
            .connect(server_name(endpoint)?, tcp)
            .await
            .map_err(|error| tls_failure(&error))?;
        MaybeTlsStream::Rustls(stream)
    } else {
        MaybeTlsStream::Plain(tcp)
    };
    let config = websocket_config(request.max_message_bytes);
    match client_async_with_config(upgrade, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(handshake_failure(&error)),
    }
}
