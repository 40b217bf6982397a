//! From a URI to an open WebSocket: addresses, TCP, a proxy perhaps, TLS perhaps, the upgrade. The order of the steps,
//! and which failure each has, are decided here; deadlines are the session's.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use std::io::{self, ErrorKind};

use super::Network;
use super::layers::{Layers, NoAnswer};
use super::proxy::{ProxyUri, tunnel};
use super::sockets::Sockets;
use super::tls::{server_name, server_name_of, tls_failure};
use super::upgrade::{self, Upgrade};
use super::websocket::WebSocket;
use crate::client::{ConnectFailure, ConnectFailureKind, ConnectRequest, Endpoint};
use crate::driver::addresses::{alternating, connect_any};
use crate::driver::transport::io_failure;

/// Opens a WebSocket connection on a runtime's sockets: what an adapter's
/// [`Runtime::connect`](crate::driver::Runtime::connect) does.
///
/// It has no deadline of its own; dropping the future gives the attempt up.
///
/// # Errors
///
/// [`ConnectFailure`], with the kind of the step that failed.
pub async fn open<N: Sockets>(
    sockets: &N,
    network: &Network,
    request: ConnectRequest,
) -> Result<WebSocket<N::Socket>, ConnectFailure> {
    let endpoint = &request.endpoint;
    // What cannot be asked for needs no connection.
    let upgrade = Upgrade::new(&request)?;
    let mut layers = match network.proxy.route(endpoint) {
        Ok(None) => reach(sockets, network, endpoint.host(), endpoint.port()).await?,
        Ok(Some(proxy)) => tunnel(sockets, network, proxy, endpoint).await?,
        Err(error) => {
            let kind = ConnectFailureKind::Proxy { status: None };
            return Err(ConnectFailure::new(kind, error.to_string()));
        }
    };
    if endpoint.is_secure() {
        let config = network.tls.config().clone();
        layers = layers
            .secure(config, server_name(endpoint)?)
            .await
            .map_err(|error| tls_failure(&error))?;
    }
    layers
        .write_all(upgrade.request())
        .await
        .map_err(|error| broken(&error))?;
    let (head, ahead) =
        layers
            .read_head(upgrade::LONGEST_HEAD)
            .await
            .map_err(|error| match error {
                NoAnswer::Io(error) => broken(&error),
                NoAnswer::Head(error) => {
                    let detail = alloc::format!("the server {error}");
                    ConnectFailure::new(ConnectFailureKind::Handshake, detail)
                }
            })?;
    upgrade.check(&head, sockets.wall_clock())?;
    Ok(WebSocket::new(layers, ahead, request.max_message_bytes))
}

/// A TCP connection to a host, by the first of its addresses that answers.
async fn reach<N: Sockets>(
    sockets: &N,
    network: &Network,
    host: &str,
    port: u16,
) -> Result<Layers<N::Socket>, ConnectFailure> {
    let addresses = addresses(sockets, network, host, port)
        .await
        .map_err(|error| ConnectFailure::new(ConnectFailureKind::Dns, error.to_string()))?;
    connect_any(
        alternating(addresses),
        |address| sockets.connect(address),
        |duration| sockets.sleep(duration),
    )
    .await
    .map(Layers::new)
}

async fn addresses<N: Sockets>(
    sockets: &N,
    network: &Network,
    host: &str,
    port: u16,
) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(alloc::vec![SocketAddr::new(address, port)]);
    }
    if let Some(pinned) = network.pinned(host) {
        let addresses = pinned.iter().map(|address| SocketAddr::new(*address, port));
        return Ok(addresses.collect());
    }
    match &network.resolver {
        Some(resolver) => resolver.resolve(host, port).await,
        None => sockets.resolve(host, port).await,
    }
}

/// A way through a proxy: what is written to it from now on reaches the endpoint.
async fn tunnel<N: Sockets>(
    sockets: &N,
    network: &Network,
    proxy: &ProxyUri,
    endpoint: &Endpoint,
) -> Result<Layers<N::Socket>, ConnectFailure> {
    let failed = |what: &str| tunnel::failed(proxy, None, what);
    let mut layers = reach(sockets, network, &proxy.host, proxy.port)
        .await
        .map_err(|failure| failed(&alloc::format!("cannot be reached: {failure}")))?;
    if proxy.secure {
        let no_tls = |error: &dyn core::fmt::Display| {
            failed(&alloc::format!("cannot be spoken to over TLS: {error}"))
        };
        let name = server_name_of(&proxy.host).map_err(|error| no_tls(&error))?;
        layers = layers
            .secure(network.tls.without_identity(), name)
            .await
            .map_err(|error| no_tls(&error))?;
    }
    let broken = |error: &io::Error| failed(&alloc::format!("broke the connection: {error}"));
    layers
        .write_all(tunnel::request(proxy, endpoint).as_bytes())
        .await
        .map_err(|error| broken(&error))?;
    let (head, beyond) =
        layers
            .read_head(tunnel::LONGEST_HEAD)
            .await
            .map_err(|error| match error {
                NoAnswer::Io(error) => broken(&error),
                NoAnswer::Head(error) => failed(&error.to_string()),
            })?;
    tunnel::check(proxy, endpoint, &head, &beyond, sockets.wall_clock())?;
    Ok(layers)
}

/// A connection that broke during the upgrade.
fn broken(error: &io::Error) -> ConnectFailure {
    let inner = error.get_ref();
    if inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
        // With TLS 1.3, a server says only now that it does not like our certificate.
        tls_failure(error)
    } else if error.kind() == ErrorKind::UnexpectedEof {
        let detail = "the server ended the connection in place of an answer";
        ConnectFailure::new(ConnectFailureKind::Handshake, detail)
    } else {
        io_failure(error)
    }
}
