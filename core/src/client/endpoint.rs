//! Where the facilitator is: a checked `ws://` or `wss://` URI. Nothing here resolves or connects.

use alloc::string::{String, ToString};
use core::fmt;
use core::net::IpAddr;

use thiserror::Error;

use crate::message::RedactedUrl;

/// A WebSocket URI that is safe to authenticate to.
///
/// A query can hold a token: `Debug` and `Display` leave it out, and only [`as_str`](Self::as_str) has it.
///
/// The authentication frame can be replayed by whoever reads it, so `ws://` is taken for loopback hosts only, unless
/// [`parse_allowing_plaintext`](Self::parse_allowing_plaintext) says otherwise by name.
///
/// ```
/// use facilitator_core::client::{Endpoint, EndpointError};
///
/// let endpoint = Endpoint::parse("wss://facilitator.computehorde.io/ws/v0/")?;
/// assert_eq!((endpoint.host(), endpoint.port()), ("facilitator.computehorde.io", 443));
/// assert!(matches!(Endpoint::parse("ws://example.org/"), Err(EndpointError::Plaintext { .. })));
/// # Ok::<(), EndpointError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    uri: String,
    secure: bool,
    host: String,
    port: u16,
}

impl Endpoint {
    /// The public facilitator: `wss://facilitator.computehorde.io/ws/v0/`.
    pub fn public() -> Self {
        Self {
            uri: String::from("wss://facilitator.computehorde.io/ws/v0/"),
            secure: true,
            host: String::from("facilitator.computehorde.io"),
            port: 443,
        }
    }

    /// Reads a URI; plain text is allowed for loopback only.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] says which part is wrong and what is accepted.
    pub fn parse(uri: &str) -> Result<Self, EndpointError> {
        let endpoint = Self::parse_allowing_plaintext(uri)?;
        if !endpoint.secure && !endpoint.is_loopback() {
            return Err(EndpointError::Plaintext {
                host: endpoint.host,
            });
        }
        Ok(endpoint)
    }

    /// Reads a URI and allows `ws://` to any host: everybody on the way can then read, and for ever replay, the
    /// authentication.
    ///
    /// # Errors
    ///
    /// Any [`EndpointError`] but [`Plaintext`](EndpointError::Plaintext).
    pub fn parse_allowing_plaintext(uri: &str) -> Result<Self, EndpointError> {
        // What a URI may hold is ASCII without spaces (RFC 3986); this also keeps line breaks out of the request line.
        if let Some(bad) = uri.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(EndpointError::Character { found: bad });
        }
        let (secure, rest) = match uri.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("wss") => (true, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("ws") => (false, rest),
            _ => return Err(EndpointError::Scheme),
        };
        if rest.contains('#') {
            return Err(EndpointError::Fragment);
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        let (host, port) = split_authority(authority)?;
        let port = match port {
            None => {
                if secure {
                    443
                } else {
                    80
                }
            }
            Some(text) => text
                .parse()
                .ok()
                .filter(|port| *port != 0 && text.bytes().all(|c| c.is_ascii_digit()))
                .ok_or(EndpointError::Port)?,
        };
        let scheme = if secure { "wss" } else { "ws" };
        let slash = if path.starts_with('/') { "" } else { "/" };
        let uri = alloc::format!("{scheme}://{authority}{slash}{path}");
        Ok(Self {
            uri,
            secure,
            host: host.to_string(),
            port,
        })
    }

    /// The whole URI, with its query: not for a log.
    pub fn as_str(&self) -> &str {
        &self.uri
    }

    /// Whether the connection is encrypted.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host name or address, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, 443 or 80 when the URI names none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, as a request names them: at least `/`.
    #[cfg(feature = "tls")]
    pub(crate) fn path(&self) -> &str {
        let rest = self.uri.split_once("://").map_or("", |(_, rest)| rest);
        rest.find('/')
            .and_then(|slash| rest.get(slash..))
            .unwrap_or("/")
    }

    /// Whether the host is `localhost` or a loopback address. No name is resolved.
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RedactedUrl(&self.uri).fmt(f)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.uri.split_once('?') {
            Some((shown, _)) => write!(f, "{shown}?.."),
            None => f.write_str(&self.uri),
        }
    }
}

/// Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split_authority(authority: &str) -> Result<(&str, Option<&str>), EndpointError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, tail) = rest.split_once(']').ok_or(EndpointError::Host)?;
        host.parse::<core::net::Ipv6Addr>()
            .map_err(|_| EndpointError::Host)?;
        return match tail.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if tail.is_empty() => Ok((host, None)),
            None => Err(EndpointError::Host),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let good = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
    if host.is_empty() || !host.bytes().all(good) {
        return Err(EndpointError::Host);
    }
    Ok((host, port))
}

/// Why a URI is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// A character that no URI may hold.
    #[error("the URI holds {found:?}, accepted are printable ASCII characters without spaces")]
    Character {
        /// The first of them.
        found: char,
    },
    /// Neither `ws` nor `wss`.
    #[error(
        "the URI must start with wss:// or ws://, as in wss://facilitator.computehorde.io/ws/v0/"
    )]
    Scheme,
    /// The host is missing or malformed.
    #[error(
        "the URI has no valid host; accepted are a name, an IPv4 address, or an IPv6 address in brackets"
    )]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("the URI's port is none; accepted are numbers from 1 to 65535")]
    Port,
    /// A user name or password. It would end up in logs, and the protocol has no use for it.
    #[error(
        "the URI holds a user name or password; remove everything before the @, the hotkey authenticates"
    )]
    UserInfo,
    /// WebSocket URIs have no fragment (RFC 6455, section 3).
    #[error("the URI holds a #fragment, which WebSocket URIs cannot have; remove it")]
    Fragment,
    /// `ws://` to another host than this one.
    #[error(
        "ws:// to {host} would show the authentication to everybody on the way, who could replay it for ever; \
         use wss://, or allow plain text by name"
    )]
    Plaintext {
        /// The host of the URI.
        host: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        for (uri, secure, host, port) in [
            (
                "wss://facilitator.computehorde.io/ws/v0/",
                true,
                "facilitator.computehorde.io",
                443,
            ),
            ("WSS://h:8443", true, "h", 8443),
            ("ws://localhost", false, "localhost", 80),
            ("ws://127.3.2.1:9/x?y=1", false, "127.3.2.1", 9),
            ("ws://[::1]:8000/", false, "::1", 8000),
            ("wss://[2001:db8::1]", true, "2001:db8::1", 443),
        ] {
            let endpoint = Endpoint::parse(uri).unwrap();
            assert_eq!(
                (endpoint.is_secure(), endpoint.host(), endpoint.port()),
                (secure, host, port),
                "{uri}"
            );
        }
        assert_eq!(Endpoint::parse("wss://h?x").unwrap().as_str(), "wss://h/?x");
        assert_eq!(
            Endpoint::parse(Endpoint::public().as_str()),
            Ok(Endpoint::public())
        );
    }

    #[test]
    fn a_query_is_not_shown() {
        let endpoint = Endpoint::parse("wss://h/ws?token=s3cret").unwrap();
        assert_eq!(endpoint.to_string(), "wss://h/ws?..");
        assert_eq!(alloc::format!("{endpoint:?}"), r#""wss://h/ws?..""#);
        assert!(endpoint.as_str().ends_with("s3cret"));
        assert_eq!(Endpoint::public().to_string(), Endpoint::public().as_str());
    }

    #[test]
    fn each_mistake_has_its_error() {
        for (uri, error) in [
            ("", EndpointError::Scheme),
            ("http://h/", EndpointError::Scheme),
            ("facilitator.computehorde.io", EndpointError::Scheme),
            ("wss://", EndpointError::Host),
            ("wss:///ws", EndpointError::Host),
            ("wss://[::1", EndpointError::Host),
            ("wss://[zz]/", EndpointError::Host),
            ("wss://[::1]x/", EndpointError::Host),
            ("wss://::1/", EndpointError::Host),
            ("wss://h:0/", EndpointError::Port),
            ("wss://h:+1/", EndpointError::Port),
            ("wss://h:65536/", EndpointError::Port),
            ("wss://h:/", EndpointError::Port),
            ("wss://user:secret@h/", EndpointError::UserInfo),
            ("wss://h/#x", EndpointError::Fragment),
            ("wss://h/a b", EndpointError::Character { found: ' ' }),
            ("wss://h/\r\nX: y", EndpointError::Character { found: '\r' }),
            (
                "ws://example.org/",
                EndpointError::Plaintext {
                    host: "example.org".into(),
                },
            ),
            (
                "ws://127.0.0.1.example.org/",
                EndpointError::Plaintext {
                    host: "127.0.0.1.example.org".into(),
                },
            ),
        ] {
            assert_eq!(Endpoint::parse(uri), Err(error), "{uri:?}");
        }
        assert!(Endpoint::parse_allowing_plaintext("ws://example.org/").is_ok());
    }
}
