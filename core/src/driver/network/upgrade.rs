//! The WebSocket upgrade: what is asked, and what makes the answer a yes (RFC 6455, section 4). Bytes only; who reads
//! and writes them is `open`.
//!
//! Not left to tungstenite, which would log the request with its credentials through the crate `log`, and takes an
//! answer that turns an extension on which nobody asked for.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use std::time::SystemTime;

use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;
use zeroize::Zeroizing;

use super::head::Head;
use crate::client::{ConnectFailure, ConnectFailureKind, ConnectRequest, check_header};
use crate::driver::transport::{host_header, http_failure};

/// The longest head of an answer, in bytes. Some that say no hold pages of policies.
pub(super) const LONGEST_HEAD: usize = 16 * 1024;

/// A request, and what has to be known to judge its answer.
pub(super) struct Upgrade {
    /// It can hold credentials.
    request: Zeroizing<String>,
    accept: String,
    /// The subprotocols that were asked for.
    protocols: Vec<String>,
}

impl Upgrade {
    pub(super) fn new(request: &ConnectRequest) -> Result<Self, ConnectFailure> {
        let key = generate_key();
        let endpoint = &request.endpoint;
        let headers = request.headers.iter();
        let length: usize = headers
            .map(|(name, value)| name.len() + value.len() + 4)
            .sum();
        // As large as it gets, so that no copy of it is left behind by growing.
        let capacity = length + 2 * endpoint.as_str().len() + 256;
        let mut text = Zeroizing::new(String::with_capacity(capacity));
        // Writing to memory does not fail, here and below.
        let _ = write!(
            text,
            "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n",
            endpoint.path(),
            host_header(endpoint),
        );
        let mut protocols = Vec::new();
        for (name, value) in &request.headers {
            if check_header(name, value).is_err() {
                let detail = format!("the header {name:?} cannot be sent");
                return Err(ConnectFailure::new(ConnectFailureKind::Handshake, detail));
            }
            if name.eq_ignore_ascii_case("Sec-WebSocket-Protocol") {
                protocols.extend(value.split(',').map(|one| one.trim().to_owned()));
            }
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        Ok(Self {
            request: text,
            accept: derive_accept_key(key.as_bytes()),
            protocols,
        })
    }

    pub(super) fn request(&self) -> &[u8] {
        self.request.as_bytes()
    }

    /// Whether the answer is a yes.
    pub(super) fn check(&self, head: &Head, now: SystemTime) -> Result<(), ConnectFailure> {
        if head.status != 101 {
            return Err(http_failure(head.status, head.value("Retry-After"), now));
        }
        let wrong = if !head.lists("Upgrade", "websocket") {
            "the answer names no upgrade to websocket"
        } else if !head.lists("Connection", "upgrade") {
            "the answer's Connection header does not say upgrade"
        } else if head.value("Sec-WebSocket-Accept") != Some(&*self.accept) {
            "the answer's Sec-WebSocket-Accept is not the one for our key"
        } else if head
            .values("Sec-WebSocket-Extensions")
            .any(|list| !list.is_empty())
        {
            "the answer turns an extension on that nobody asked for"
        } else if !self.is_protocol_fit(head) {
            "the answer chooses a subprotocol that nobody asked for, or none of those asked for"
        } else {
            return Ok(());
        };
        Err(ConnectFailure::new(ConnectFailureKind::Handshake, wrong))
    }

    fn is_protocol_fit(&self, head: &Head) -> bool {
        if self.protocols.is_empty() {
            return head.values("Sec-WebSocket-Protocol").next().is_none();
        }
        head.value("Sec-WebSocket-Protocol")
            .is_some_and(|chosen| self.protocols.iter().any(|asked| asked == chosen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Endpoint;
    use crate::driver::network::head::HeadReader;

    fn upgrade(uri: &str, headers: &[(&str, &str)]) -> Result<Upgrade, ConnectFailure> {
        let headers = headers.iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Upgrade::new(&ConnectRequest {
            endpoint: Endpoint::parse_allowing_plaintext(uri).unwrap(),
            headers,
            max_message_bytes: 1,
        })
    }

    #[test]
    fn the_request_names_host_and_path_as_it_should() {
        for (uri, path, host) in [
            ("wss://example.org", "/", "example.org"),
            ("wss://example.org:443/a?b=c", "/a?b=c", "example.org"),
            ("wss://example.org:80/", "/", "example.org:80"),
            ("ws://example.org:80?x", "/?x", "example.org"),
            ("ws://example.org:443/", "/", "example.org:443"),
            ("wss://[2001:db8::1]/", "/", "[2001:db8::1]"),
            ("ws://[::1]:8080/", "/", "[::1]:8080"),
            ("wss://example.org./", "/", "example.org."),
        ] {
            let upgrade = upgrade(uri, &[("X-A", "b c")]).unwrap();
            let begin = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n");
            assert!(upgrade.request.starts_with(&begin), "{}", *upgrade.request);
            assert!(upgrade.request.ends_with("\r\nX-A: b c\r\n\r\n"));
            assert!(!upgrade.request.to_ascii_lowercase().contains("extensions"));
            assert!(upgrade.request.capacity() >= upgrade.request.len());
        }
    }

    #[test]
    fn a_header_that_would_be_more_than_one_is_not_sent() {
        for header in [
            ("X-A", "b\r\nX-B: c"),
            ("X A", ""),
            ("", "x"),
            ("X-\u{e4}", ""),
            ("host", "x"),
            ("Content-Length", "5"),
        ] {
            let failure = upgrade("wss://h/", &[header]).err().unwrap();
            assert_eq!(failure.kind, ConnectFailureKind::Handshake);
        }
    }

    #[test]
    fn only_a_whole_yes_is_one() {
        let plain = upgrade("wss://h/", &[]).unwrap();
        let asking = upgrade("wss://h/", &[("Sec-WebSocket-Protocol", "a, b")]).unwrap();
        let judge = |upgrade: &Upgrade, connection: &str, more: &str| {
            let accept = &upgrade.accept;
            let answer = format!(
                "HTTP/1.1 101 S\r\nUpgrade: WebSocket\r\nConnection: {connection}\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
            );
            let mut reader = HeadReader::new(LONGEST_HEAD);
            let (head, _) = reader.push(answer.as_bytes()).unwrap().unwrap();
            upgrade
                .check(&head, SystemTime::UNIX_EPOCH)
                .map_err(|failure| failure.detail)
        };
        assert_eq!(judge(&plain, "Upgrade", ""), Ok(()));
        assert_eq!(
            judge(
                &plain,
                "keep-alive, upgrade",
                "Sec-WebSocket-Extensions:\r\n"
            ),
            Ok(())
        );
        let asking_twice = [
            ("Sec-WebSocket-Protocol", "b"),
            ("sec-websocket-protocol", "c"),
        ];
        let asking_twice = upgrade("wss://h/", &asking_twice).unwrap();
        for asking in [&asking, &asking_twice] {
            assert_eq!(
                judge(asking, "upgrade", "Sec-WebSocket-Protocol: b\r\n"),
                Ok(())
            );
        }
        for (upgrade, connection, more, complaint) in [
            (&plain, "close", "", "Connection"),
            (&plain, "upgrade", "Sec-WebSocket-Accept: x\r\n", "Accept"),
            (
                &plain,
                "upgrade",
                "Sec-WebSocket-Extensions: permessage-deflate\r\n",
                "extension",
            ),
            (
                &plain,
                "upgrade",
                "Sec-WebSocket-Protocol: b\r\n",
                "subprotocol",
            ),
            (&asking, "upgrade", "", "subprotocol"),
            (
                &asking,
                "upgrade",
                "Sec-WebSocket-Protocol: c\r\n",
                "subprotocol",
            ),
        ] {
            let detail = judge(upgrade, connection, more).unwrap_err();
            assert!(detail.contains(complaint), "{detail}");
        }
    }
}
