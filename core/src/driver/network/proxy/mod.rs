//! Which proxy leads to the facilitator, if any. What is said to it is in `tunnel`.

mod bypass;
mod environment;
pub(super) mod tunnel;
mod uri;

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use std::ffi::OsString;

use thiserror::Error;

use self::bypass::Bypass;
pub(super) use self::uri::ProxyUri;
use crate::client::Endpoint;

/// Which proxy to go through: one that the environment names, one of one's own, or none.
///
/// Proxies are asked with HTTP `CONNECT`, in plain text (`http://`) or over TLS (`https://`); they see the
/// facilitator's host and port, and with `wss://` nothing else. User name and password of the proxy's URI are sent to
/// it as `Proxy-Authorization: Basic`, and shown to nobody else. SOCKS is not supported.
///
/// The host name goes to the proxy as it is: resolving it is the proxy's business.
///
/// # The environment
///
/// The default is what the environment says at the time when this is made, by the rules that curl and Python share:
///
/// - `https_proxy` or `HTTPS_PROXY` for `wss://`; `http_proxy` for `ws://`, in lower case only, since a web server
///   would set `HTTP_PROXY` from a visitor's header; `all_proxy` or `ALL_PROXY` where there is none of these. A value
///   without a scheme is one of `http://`; an empty one is none.
/// - `no_proxy` or `NO_PROXY` lists hosts to go to directly, with commas or spaces between: names, which stand for all
///   names below them too, with or without a dot or `*.` before them; addresses; networks such as `10.0.0.0/8`, or `10.*`; `*`
///   for all. A port after any of them restricts it to that port.
/// - This machine (`localhost`, `127.0.0.0/8`, `::1`) is never reached through a proxy of the environment's.
///
/// **A variable that makes no sense is never passed over.** [`from_environment`](Self::from_environment) returns it as an
/// error, at once. The default cannot fail, so with it every connection attempt that would need the variable fails,
/// with [`ConnectFailureKind::Proxy`](crate::client::ConnectFailureKind::Proxy) and a text that names it.
///
/// ```
/// use facilitator_core::driver::{Network, Proxy, ProxyError};
///
/// // What the environment says, and a complaint at once when that makes no sense.
/// let network = Network::default().with_proxy(Proxy::from_environment()?);
/// // A proxy of one's own, except for two hosts.
/// let proxy = Proxy::via("http://user:password@proxy.example.org:3128")?.except("localhost, 10.0.0.0/8")?;
/// let network = Network::default().with_proxy(proxy);
/// // None, whatever the environment says.
/// let network = Network::default().with_proxy(Proxy::none());
/// # Ok::<(), ProxyError>(())
/// ```
#[derive(Clone)]
pub struct Proxy(Arc<Policy>);

/// What would be an error is kept until it matters.
#[derive(Clone)]
struct Policy {
    /// For `wss://`.
    secure: Result<Option<ProxyUri>, ProxyError>,
    /// For `ws://`.
    plain: Result<Option<ProxyUri>, ProxyError>,
    bypass: Result<Bypass, ProxyError>,
    spares_loopback: bool,
}

impl Proxy {
    /// No proxy.
    pub fn none() -> Self {
        Self::always(None)
    }

    /// This proxy, `http://[user:password@]host[:port]` or `https://...`, for every host: this machine too. Without a
    /// port, it is the scheme's. In user name and password, `%40` is `@`, and so on.
    ///
    /// # Errors
    ///
    /// [`ProxyError`] says what is wrong with the URI, and does not repeat it.
    pub fn via(uri: &str) -> Result<Self, ProxyError> {
        ProxyUri::parse(uri)
            .map(|uri| Self::always(Some(uri)))
            .map_err(|problem| ProxyError {
                origin: ProxyOrigin::Uri,
                problem,
            })
    }

    /// The same, but these hosts are reached directly. The list is written as `NO_PROXY` is, and replaces the one that
    /// there was.
    ///
    /// # Errors
    ///
    /// [`ProxyError`] names the entry that makes no sense.
    pub fn except(self, hosts: &str) -> Result<Self, ProxyError> {
        let bypass = Bypass::parse(hosts).map_err(|problem| ProxyError {
            origin: ProxyOrigin::Exceptions,
            problem,
        })?;
        let mut policy = Policy::clone(&self.0);
        policy.bypass = Ok(bypass);
        Ok(Self(Arc::new(policy)))
    }

    /// What the environment says now.
    ///
    /// # Errors
    ///
    /// [`ProxyError`] names the variable that makes no sense, and what is wrong with it.
    pub fn from_environment() -> Result<Self, ProxyError> {
        Self::default().checked()
    }

    /// What these variables say, which stand for the environment's. Like the default, it keeps what makes no sense until
    /// it matters; see [`checked`](Self::checked).
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        Self(Arc::new(environment::policy(variable)))
    }

    /// The same, if all of it makes sense.
    ///
    /// # Errors
    ///
    /// As of [`from_environment`](Self::from_environment).
    pub fn checked(self) -> Result<Self, ProxyError> {
        let Policy {
            secure,
            plain,
            bypass,
            ..
        } = &*self.0;
        secure.as_ref().map_err(Clone::clone)?;
        plain.as_ref().map_err(Clone::clone)?;
        bypass.as_ref().map_err(Clone::clone)?;
        Ok(self)
    }

    fn always(proxy: Option<ProxyUri>) -> Self {
        Self(Arc::new(Policy {
            secure: Ok(proxy.clone()),
            plain: Ok(proxy),
            bypass: Ok(Bypass::default()),
            spares_loopback: false,
        }))
    }

    /// The proxy for this endpoint; `None`, when it is reached directly.
    pub(super) fn route(&self, endpoint: &Endpoint) -> Result<Option<&ProxyUri>, &ProxyError> {
        let policy = &*self.0;
        if policy.spares_loopback && endpoint.is_loopback() {
            return Ok(None);
        }
        let proxy = if endpoint.is_secure() {
            &policy.secure
        } else {
            &policy.plain
        };
        let Some(proxy) = proxy.as_ref()? else {
            return Ok(None);
        };
        let bypass = policy.bypass.as_ref()?;
        let spared = bypass.names(endpoint.host(), endpoint.port());
        Ok(Some(proxy).filter(|_| !spared))
    }
}

impl Default for Proxy {
    /// What the environment says now. What makes no sense in it fails every attempt that would need it.
    fn default() -> Self {
        Self::from_variables(|name| std::env::var_os(name))
    }
}

impl fmt::Debug for Proxy {
    /// Hosts and ports only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("wss", &self.0.secure)
            .field("ws", &self.0.plain)
            .field("except", &self.0.bypass)
            .finish()
    }
}

/// Which setting of a proxy makes no sense, and why. A URI is not repeated, since it can hold a password; of a list of
/// hosts, the entry is, without what stands before an `@`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{origin} {problem}")]
pub struct ProxyError {
    /// Which setting.
    pub origin: ProxyOrigin,
    /// What is wrong with it.
    pub problem: ProxyProblem,
}

/// Where a proxy was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyOrigin {
    /// In this variable of the environment.
    Variable(&'static str),
    /// In the URI that was given.
    Uri,
    /// In the list of hosts to reach directly.
    Exceptions,
}

impl fmt::Display for ProxyOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "the environment variable {name}"),
            Self::Uri => f.write_str("the proxy's URI"),
            Self::Exceptions => f.write_str("the list of hosts without proxy"),
        }
    }
}

/// What is wrong with a proxy's setting. The texts go on after the setting's name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProxyProblem {
    /// It is no text, or holds characters that no URI may hold.
    #[error("holds characters that no URI may hold; write user name and password with %xx")]
    Characters,
    /// SOCKS.
    #[error("names a SOCKS proxy, which is not supported; use one of http:// or https://")]
    Socks,
    /// Another scheme.
    #[error("has a scheme that no proxy has; use http:// or https://")]
    Scheme,
    /// The host is missing or malformed.
    #[error(
        "has no valid host; accepted are a name, an IPv4 address, or an IPv6 address in brackets"
    )]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("has a port that is none; accepted are numbers from 1 to 65535")]
    Port,
    /// There is something after the port.
    #[error("goes on after the port; a proxy has no path")]
    Path,
    /// User name or password cannot be sent.
    #[error(
        "holds a user name or password that cannot be sent: a % that no two hexadecimal digits follow, a control \
         character, or a colon in the user name"
    )]
    Credentials,
    /// An entry of a list of hosts.
    #[error("holds {entry:?}, which is no host, address, network or `*`, with or without a port")]
    Entry {
        /// The entry.
        entry: String,
    },
}
