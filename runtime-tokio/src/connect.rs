//! From a URI to an open WebSocket: DNS, TCP, TLS, upgrade. Each step fails with a kind of its own; deadlines are
//! the session's.

use std::io;
use std::sync::Arc;

use facilitator_core::client::{ConnectFailure, ConnectFailureKind, ConnectRequest};
use facilitator_core::driver::{client_request, handshake_failure, io_failure, websocket_config};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_with_config};

pub(crate) async fn connect(
    request: ConnectRequest,
    tls: Arc<ClientConfig>,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, ConnectFailure> {
    let endpoint = request.endpoint.clone();
    let upgrade = client_request(&request)?;
    let tcp = connect_tcp(endpoint.host(), endpoint.port()).await?;
    let stream = if endpoint.is_secure() {
        let name = ServerName::try_from(endpoint.host().to_owned())
            .map_err(|error| ConnectFailure::new(ConnectFailureKind::Tls, error.to_string()))?;
        let stream = TlsConnector::from(tls)
            .connect(name, tcp)
            .await
            .map_err(|error| ConnectFailure::new(ConnectFailureKind::Tls, error.to_string()))?;
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

/// Tries the host's addresses one after the other.
async fn connect_tcp(host: &str, port: u16) -> Result<TcpStream, ConnectFailure> {
    let addresses = lookup_host((host, port))
        .await
        .map_err(|error| ConnectFailure::new(ConnectFailureKind::Dns, error.to_string()))?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host name has no addresses");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Small messages that are answered one by one must not wait for each other.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(io_failure(&last))
}
