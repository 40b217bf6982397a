//! Where the metrics are served: what `--metrics` takes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// A socket address of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address(SocketAddr);

/// What can be written.
pub(crate) const ACCEPTED: &str =
    "accepted are an IP address with a port, as 127.0.0.1:9469 or [::1]:9469, or a port alone for this machine only";

impl Address {
    pub(super) fn socket(self) -> SocketAddr {
        self.0
    }

    /// That only this machine can reach it, unless the others are `allowed`, too: there is no password.
    pub(crate) fn check(self, allowed: bool) -> Result<Self, String> {
        if self.0.ip().is_loopback() || allowed {
            return Ok(self);
        }
        Err(format!(
            "{self} can be reached from other machines, without a password; take 127.0.0.1:{}, or add --metrics-allow-remote",
            self.0.port()
        ))
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = text.strip_prefix("localhost:").unwrap_or(text);
        let port = port.strip_prefix(':').unwrap_or(port);
        // Not `parse` alone, which takes a sign.
        if port.bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(port) = port.parse()
        {
            return Ok(Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)));
        }
        text.parse().map(Self).map_err(|_| ACCEPTED.to_owned())
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
        for text in ["", ":", "+1", "65536", "host:80", "127.0.0.1", "::1:80x", "localhost:", "::"] {
            assert_eq!(text.parse::<Address>(), Err(ACCEPTED.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn others_are_let_in_by_name_only() {
        let check = |text: &str, allowed| text.parse::<Address>().unwrap().check(allowed);
        for text in ["1", "127.9.9.9:1", "[::1]:1"] {
            assert!(check(text, false).is_ok(), "{text}");
        }
        for text in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[2001:db8::1]:1"] {
            let refusal = check(text, false).unwrap_err();
            assert!(refusal.contains("--metrics-allow-remote"), "{refusal}");
            assert!(check(text, true).is_ok(), "{text}");
        }
    }
}
