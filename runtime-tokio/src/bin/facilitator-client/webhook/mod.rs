//! The webhook: a request to somebody who wants to know of each authentication. Only the log hears what came of it.

mod url;
mod way;

use std::sync::Arc;
use std::time::Duration;

use facilitator_tokio::core::client::Phase;
use facilitator_tokio::core::driver::Network;
use facilitator_tokio::core::driver::rustls::ClientConfig;
use facilitator_tokio::core::driver::rustls::pki_types::ServerName;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tracing::{debug, warn};

pub(crate) use self::url::Url;

/// Any error, on its way to the log.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// Whoever wants to know.
pub(crate) struct Webhook(Arc<Shared>);

struct Shared {
    url: Url,
    timeout: Duration,
    network: Network,
    tls: Arc<ClientConfig>,
    /// One request at a time: who answers slowly does not get more of them.
    turn: Semaphore,
}

impl Webhook {
    /// `network` says whom to trust, and which way leads there; who we are, it does not tell anybody here.
    pub(crate) fn new(url: Url, timeout: Duration, network: &Network) -> Self {
        Self(Arc::new(Shared {
            url,
            timeout,
            network: network.clone(),
            tls: network.tls().without_identity(),
            turn: Semaphore::new(1),
        }))
    }

    /// The session is in another phase: ready is what follows an authentication. Nobody waits for the request.
    pub(crate) fn phase(&self, phase: Phase) {
        if phase == Phase::Ready {
            tokio::spawn(Arc::clone(&self.0).tell());
        }
    }
}

/// An error and its causes: hyper's own texts stop at the surface.
fn in_full(error: &(dyn std::error::Error + 'static)) -> String {
    let causes: Vec<_> = std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect();
    causes.join(": ")
}

impl Shared {
    async fn tell(self: Arc<Self>) {
        let at = self.url.origin();
        let Ok(_turn) = self.turn.try_acquire() else {
            return debug!(at, "the webhook was not called: the last call still waits");
        };
        match timeout(self.timeout, self.get()).await {
            Ok(Ok(status)) if status.is_success() => debug!(at, %status, "webhook called"),
            Ok(Ok(status)) if status.is_redirection() => {
                warn!(at, %status, "the webhook answered with another address, which is not followed; configure that one");
            }
            Ok(Ok(status)) => warn!(at, %status, "the webhook failed"),
            Ok(Err(error)) => warn!(at, error = ?in_full(&*error), "the webhook failed"),
            Err(_) => {
                let timeout_s = self.timeout.as_secs_f64();
                warn!(at, timeout_s, "the webhook did not answer in time");
            }
        }
    }

    async fn get(&self) -> Result<StatusCode, Error> {
        let url = &self.url;
        let stream = way::open_to(&self.network, url).await?;
        if !url.is_secure() {
            return self.ask(TokioIo::new(stream)).await;
        }
        let name = ServerName::try_from(url.host().to_owned())?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        self.ask(TokioIo::new(connector.connect(name, stream).await?))
            .await
    }

    async fn ask(&self, stream: impl Read + Write + Unpin) -> Result<StatusCode, Error> {
        let agent = concat!("facilitator-client/", env!("CARGO_PKG_VERSION"));
        let request = Request::builder()
            .method(Method::GET)
            .uri(self.url.path().as_str())
            .header(header::HOST, self.url.authority())
            .header(header::USER_AGENT, agent)
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())?;
        let (mut sender, connection) = http1::handshake(stream).await?;
        let mut answer = std::pin::pin!(sender.send_request(request));
        let answer = tokio::select! {
            biased;
            answer = &mut answer => answer,
            // The answer can be there when the connection has ended.
            ended = connection => {
                ended?;
                answer.await
            }
        };
        Ok(answer?.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Surface(std::io::Error);

    impl std::fmt::Display for Surface {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("connection error")
        }
    }

    impl std::error::Error for Surface {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let error = Surface(std::io::ErrorKind::ConnectionReset.into());
        assert_eq!(in_full(&error), "connection error: connection reset");
    }
}
