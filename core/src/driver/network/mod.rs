//! From a URI to an open WebSocket connection (feature `tls`): names, addresses, proxies, TLS, the upgrade, frames. It
//! knows a runtime by its [`Sockets`] only, and no decision of the protocol is taken here.

mod addresses;
mod chunk;
mod frames;
mod head;
mod layers;
mod open;
mod progress;
mod proxy;
mod sockets;
mod tls;
mod upgrade;
mod websocket;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

pub use self::open::open;
pub use self::progress::{Observe, Progress, Step, TlsSession};
pub use self::proxy::{Proxy, ProxyError, ProxyOrigin, ProxyProblem};
pub use self::sockets::{Resolve, Resolving, Socket, Sockets};
pub use self::tls::{Tls, TlsBuilder, TlsError, TlsInput, default_tls, server_name, tls_failure};
pub use self::websocket::WebSocket;

/// How connections are made: TLS, proxy, names. Adapters take one.
///
/// The default trusts the public authorities, goes through the proxy that the environment names, and asks the runtime
/// for addresses. See [`Tls`] and [`Proxy`] for each, and what the default does with an environment that makes no
/// sense.
///
/// ```
/// use facilitator_core::driver::{Network, Proxy};
///
/// let network = Network::default()
///     .with_proxy(Proxy::none())
///     .with_addresses("facilitator.example.org", ["192.0.2.7".parse()?]);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Default)]
pub struct Network {
    tls: Tls,
    proxy: Proxy,
    addresses: BTreeMap<String, Arc<[IpAddr]>>,
    resolver: Option<Arc<dyn Resolve>>,
    observer: Option<Arc<dyn Observe>>,
}

impl Network {
    /// With another TLS: other authorities, a certificate of our own. A [`ClientConfig`](rustls::ClientConfig) in an
    /// [`Arc`] will do as well.
    #[must_use]
    pub fn with_tls(self, tls: impl Into<Tls>) -> Self {
        Self {
            tls: tls.into(),
            ..self
        }
    }

    /// With another proxy, or none.
    #[must_use]
    pub fn with_proxy(self, proxy: Proxy) -> Self {
        Self { proxy, ..self }
    }

    /// With these addresses for a host, tried in this order, in place of those that a resolver has for it. Certificates
    /// still have to carry the host's name. Without any address, the host does not resolve.
    #[must_use]
    pub fn with_addresses(
        mut self,
        host: &str,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Self {
        let addresses = addresses.into_iter().collect::<Vec<_>>().into();
        self.addresses.insert(bare(host), addresses);
        self
    }

    /// With a resolver of one's own in place of the runtime's.
    #[must_use]
    pub fn with_resolver(self, resolver: Arc<dyn Resolve>) -> Self {
        Self {
            resolver: Some(resolver),
            ..self
        }
    }

    /// With somebody who hears of the steps of every attempt.
    #[must_use]
    pub fn with_observer(self, observer: Arc<dyn Observe>) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }

    fn begin(&self, step: Step, host: &str, port: u16) {
        self.tell(Progress::Begun { step, host, port });
    }

    fn tell(&self, progress: Progress<'_>) {
        if let Some(observer) = &self.observer {
            observer.observe(progress);
        }
    }

    /// How TLS is spoken.
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    fn pinned(&self, host: &str) -> Option<&[IpAddr]> {
        self.addresses
            .get(&bare(host))
            .map(|addresses| &**addresses)
    }
}

/// A host name as it is compared: a dot at its end says the same, and so does its case.
fn bare(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

impl fmt::Debug for Network {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("tls", &self.tls)
            .field("proxy", &self.proxy)
            .field("addresses", &self.addresses)
            .field("resolver", &self.resolver.is_some())
            .field("observer", &self.observer.is_some())
            .finish()
    }
}
