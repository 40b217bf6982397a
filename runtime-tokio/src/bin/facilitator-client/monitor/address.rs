//! Where the metrics are served: what `--metrics` takes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// A socket address of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address(SocketAddr);

/// What can be written, as the rest of a sentence.
pub(crate) const ACCEPTED: &str =
    "an IP address with a port, as 127.0.0.1:9469 or [::1]:9469, or a port alone";

impl Address {
    pub(crate) fn socket(self) -> SocketAddr {
        self.0
    }

    /// Whether only this machine can reach it.
    pub(crate) fn is_local(self) -> bool {
        self.0.ip().is_loopback()
    }
}

impl FromStr for Address {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let port = text.strip_prefix("localhost:").unwrap_or(text);
        let port = port.strip_prefix(':').unwrap_or(port);
        // Not `parse` alone, which takes a sign.
        if port.bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(port) = port.parse()
        {
            return Ok(Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)));
        }
        text.parse().map(Self).map_err(drop)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, read) in [
            ("9469", "127.0.0.1:9469"),
            (":9469", "127.0.0.1:9469"),
            ("localhost:0", "127.0.0.1:0"),
            ("127.0.0.2:1", "127.0.0.2:1"),
            ("[::1]:65535", "[::1]:65535"),
            ("0.0.0.0:80", "0.0.0.0:80"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), read);
        }
        for text in [
            "",
            ":",
            "+1",
            "65536",
            "host:80",
            "127.0.0.1",
            "::1:80x",
            "localhost:",
            "::",
        ] {
            assert_eq!(text.parse::<Address>(), Err(()), "{text:?}");
        }
    }

    #[test]
    fn only_loopback_is_local() {
        let is_local = |text: &str| text.parse::<Address>().unwrap().is_local();
        for text in ["1", "127.9.9.9:1", "[::1]:1"] {
            assert!(is_local(text), "{text}");
        }
        for text in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[2001:db8::1]:1"] {
            assert!(!is_local(text), "{text}");
        }
    }
}
