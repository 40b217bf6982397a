//! From a URI to an open WebSocket: addresses, TCP, a proxy perhaps, TLS perhaps, the upgrade. The order of the steps,
//! and which failure each has, are decided here; deadlines are the session's.

use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use std::io;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::Network;
use super::addresses::{alternating, connect_any};
use super::layers::{Layers, NoAnswer};
use super::progress::{Progress, Step};
use super::proxy::{ProxyUri, tunnel};
use super::sockets::{Socket, Sockets};
use super::tls::{server_name, server_name_of, tls_failure};
use super::upgrade::{self, Upgrade};
use super::websocket::WebSocket;
use crate::client::{ConnectFailure, ConnectFailureKind, ConnectRequest, Endpoint};
use crate::driver::transport::broken_upgrade;

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
    let begin = |step| network.begin(step, endpoint.host(), endpoint.port());
    let mut layers = match network.proxy.route(endpoint) {
        Ok(None) => reach(sockets, network, endpoint.host(), endpoint.port()).await?,
        Ok(Some(proxy)) => tunnel(sockets, network, proxy, endpoint).await?,
        Err(error) => {
            let kind = ConnectFailureKind::Proxy { status: None };
            return Err(ConnectFailure::new(kind, error.to_string()));
        }
    };
    if endpoint.is_secure() {
        begin(Step::Secure);
        let config = network.tls.config().clone();
        layers = secure(network, layers, config, server_name(endpoint)?)
            .await
            .map_err(|error| tls_failure(&error))?;
    }
    begin(Step::Upgrade);
    layers
        .write_all(upgrade.request())
        .await
        .map_err(|error| broken_upgrade(&error))?;
    let (head, ahead) =
        layers
            .read_head(upgrade::LONGEST_HEAD)
            .await
            .map_err(|error| match error {
                NoAnswer::Io(error) => broken_upgrade(&error),
                NoAnswer::Head(error) => {
                    let detail = alloc::format!("the server {error}");
                    ConnectFailure::new(ConnectFailureKind::Handshake, detail)
                }
            })?;
    upgrade.check(&head, sockets.wall_clock())?;
    network.tell(Progress::Upgraded);
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
    network.begin(Step::Connect, host, port);
    let connect = async |address| match sockets.connect(address).await {
        Ok(socket) => Ok((address, socket)),
        Err(error) => {
            network.tell(Progress::AddressFailed {
                address,
                error: &error,
            });
            Err(error)
        }
    };
    let (address, socket) = connect_any(alternating(addresses), connect, |duration| {
        sockets.sleep(duration)
    })
    .await?;
    network.tell(Progress::Connected { address });
    Ok(Layers::new(socket))
}

/// TLS on what there is.
async fn secure<S: Socket>(
    network: &Network,
    layers: Layers<S>,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
) -> io::Result<Layers<S>> {
    let result = layers.secure(config, name).await;
    match &result {
        Ok(layers) => {
            if let Some(session) = layers.session() {
                network.tell(Progress::Secured(session));
            }
        }
        Err(error) => network.tell(Progress::NotSecured { error }),
    }
    result
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
    network.begin(Step::Resolve, host, port);
    let addresses = if let Some(pinned) = network.pinned(host) {
        let addresses = pinned.iter().map(|address| SocketAddr::new(*address, port));
        addresses.collect()
    } else {
        match &network.resolver {
            Some(resolver) => resolver.resolve(host, port).await?,
            None => sockets.resolve(host, port).await?,
        }
    };
    network.tell(Progress::Resolved {
        addresses: &addresses,
    });
    Ok(addresses)
}

/// A way through a proxy: what is written to it from now on reaches the endpoint.
async fn tunnel<N: Sockets>(
    sockets: &N,
    network: &Network,
    proxy: &ProxyUri,
    endpoint: &Endpoint,
) -> Result<Layers<N::Socket>, ConnectFailure> {
    let failed = |what: &str| tunnel::failed(proxy, None, what);
    let begin = |step| network.begin(step, &proxy.host, proxy.port);
    let mut layers = reach(sockets, network, &proxy.host, proxy.port)
        .await
        .map_err(|failure| failed(&alloc::format!("cannot be reached: {failure}")))?;
    if proxy.secure {
        let no_tls = |error: &dyn core::fmt::Display| {
            failed(&alloc::format!("cannot be spoken to over TLS: {error}"))
        };
        begin(Step::SecureProxy);
        let name = server_name_of(&proxy.host).map_err(|error| no_tls(&error))?;
        layers = secure(network, layers, network.tls.without_identity(), name)
            .await
            .map_err(|error| no_tls(&error))?;
    }
    begin(Step::Tunnel);
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
    network.tell(Progress::Tunnelled);
    Ok(layers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Proxy;
    use core::pin::pin;
    use core::task::{Context, Poll, Waker};
    use core::time::Duration;
    use std::time::SystemTime;

    /// Everybody says the same, at a time long ago.
    struct LongAgo(&'static [u8]);

    /// Takes whatever it hears.
    struct Says(&'static [u8]);

    impl Sockets for LongAgo {
        type Socket = Says;

        async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
            Err(io::ErrorKind::Unsupported.into())
        }

        async fn connect(&self, _: SocketAddr) -> io::Result<Says> {
            Ok(Says(self.0))
        }

        async fn sleep(&self, _: Duration) {}

        /// RFC 9110's own example of a date, ten seconds before.
        fn wall_clock(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 10)
        }
    }

    impl Socket for Says {
        fn poll_read(&mut self, _: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(io::Read::read(&mut self.0, to))
        }

        fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }
    }

    fn failure(proxy: Proxy, answer: &'static str) -> ConnectFailure {
        let request = ConnectRequest {
            endpoint: Endpoint::parse("ws://127.0.0.1/").unwrap(),
            headers: Vec::new(),
            max_message_bytes: 1,
        };
        let sockets = LongAgo(answer.as_bytes());
        let network = Network::default().with_proxy(proxy);
        let attempt = pin!(open(&sockets, &network, request));
        match attempt.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(failure)) => failure,
            Poll::Ready(Ok(_)) => panic!("that was no yes"),
            Poll::Pending => panic!("there is nothing to wait for"),
        }
    }

    #[test]
    fn a_date_to_wait_for_is_judged_by_the_wall_clock_of_the_runtime() {
        let busy = "HTTP/1.1 503 Busy\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
        let through = Proxy::via("http://127.0.0.1:3128").unwrap();
        for (proxy, kind) in [
            (Proxy::none(), ConnectFailureKind::Http { status: 503 }),
            (through, ConnectFailureKind::Proxy { status: Some(503) }),
        ] {
            let failure = failure(proxy, busy);
            assert_eq!(failure.kind, kind);
            assert_eq!(failure.retry_after, Some(Duration::from_secs(10)));
        }
    }

    #[test]
    fn an_answer_without_an_end_is_left() {
        let endless = "HTTP/1.1 101 Switching Protocols\r\nX-Noise: ";
        let padded = [endless, &"x".repeat(upgrade::LONGEST_HEAD)].concat();
        let failure = failure(Proxy::none(), padded.leak());
        assert_eq!(failure.kind, ConnectFailureKind::Handshake);
        assert!(failure.detail.contains("no end within"), "{failure}");
    }
}
