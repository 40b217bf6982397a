//! `CONNECT`: what is asked of a proxy, and what its answer means (RFC 9110, section 9.3.6). Bytes only; who reads and
//! writes them is `open`.

use alloc::format;
use alloc::string::String;
use core::fmt::Write as _;

use zeroize::Zeroizing;

use super::uri::{ProxyUri, write_authority};
use crate::client::{ConnectFailure, ConnectFailureKind, Endpoint};
use crate::driver::network::head::Head;
use crate::driver::transport::asked_to_wait;
use std::time::SystemTime;

/// The longest head of an answer, in bytes.
pub(in crate::driver::network) const LONGEST_HEAD: usize = 8 * 1024;

/// The request, which may hold a password.
pub(in crate::driver::network) fn request(
    proxy: &ProxyUri,
    target: &Endpoint,
) -> Zeroizing<String> {
    let mut authority = String::new();
    // Writing to memory does not fail, here and below.
    let _ = write_authority(&mut authority, target.host(), target.port());
    let basic = proxy.basic.as_ref().map_or("", |basic| basic.as_str());
    // As large as it gets, so that no copy of it is left behind by growing.
    let mut request = Zeroizing::new(String::with_capacity(
        128 + 2 * authority.len() + basic.len(),
    ));
    let _ = write!(
        request,
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n"
    );
    if !basic.is_empty() {
        let _ = write!(request, "Proxy-Authorization: Basic {basic}\r\n");
    }
    request.push_str("\r\n");
    request
}

/// Whether the way is open. `beyond` is what came after the answer's head.
pub(in crate::driver::network) fn check(
    proxy: &ProxyUri,
    target: &Endpoint,
    head: &Head,
    beyond: &[u8],
    now: SystemTime,
) -> Result<(), ConnectFailure> {
    let status = head.status;
    if (200..300).contains(&status) {
        if beyond.is_empty() {
            return Ok(());
        }
        // The far end speaks when it was spoken to: whatever this is, it is not from there.
        let text = "sent data after its answer, before anybody was asked for any";
        return Err(failed(proxy, None, text));
    }
    let mut authority = String::new();
    let _ = write_authority(&mut authority, target.host(), target.port());
    let text = match (status, &proxy.basic) {
        (407, Some(_)) => "refuses the user name and password of its URI; correct them".into(),
        (407, None) => {
            "asks for a user name and a password; give them in its URI, http://user:password@host"
                .into()
        }
        (401 | 403 | 405, _) => {
            format!("does not let us connect to {authority}; ask whoever runs it")
        }
        (300..=399, _) => "answers with a redirect, which is not followed".into(),
        (502..=504, _) => format!("cannot reach {authority} at present"),
        _ => format!("does not connect us to {authority}"),
    };
    Err(ConnectFailure {
        retry_after: head
            .value("Retry-After")
            .and_then(|value| asked_to_wait(value, now)),
        ..failed(proxy, Some(status), &text)
    })
}

/// The failure of this proxy. `what` goes on after its name.
pub(in crate::driver::network) fn failed(
    proxy: &ProxyUri,
    status: Option<u16>,
    what: &str,
) -> ConnectFailure {
    let detail = format!("{proxy} {what}");
    ConnectFailure::new(ConnectFailureKind::Proxy { status }, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::network::head::HeadReader;
    use core::time::Duration;

    fn answer(proxy: &str, answer: &str) -> Result<(), ConnectFailure> {
        let proxy = ProxyUri::parse(proxy).unwrap();
        let target = Endpoint::parse("wss://example.org/x").unwrap();
        let (head, beyond) = HeadReader::new(LONGEST_HEAD)
            .push(answer.as_bytes())
            .unwrap()
            .unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        check(&proxy, &target, &head, &beyond, now)
    }

    #[test]
    fn the_target_is_named_as_it_is_and_secrets_only_where_they_belong() {
        for (target, authority) in [
            ("wss://example.org/ws/v0/?x=y", "example.org:443"),
            ("ws://127.0.0.1/", "127.0.0.1:80"),
            ("wss://[2001:db8::1]:8443/", "[2001:db8::1]:8443"),
            ("wss://example.org./", "example.org.:443"),
        ] {
            let target = Endpoint::parse(target).unwrap();
            let open = ProxyUri::parse("http://proxy").unwrap();
            let wanted = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
            assert_eq!(*request(&open, &target), wanted);
            let closed = ProxyUri::parse("http://Aladdin:open%20sesame@proxy").unwrap();
            let wanted = format!(
                "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\
                 Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
            );
            assert_eq!(*request(&closed, &target), wanted);
        }
    }

    #[test]
    fn every_answer_has_its_meaning() {
        for open in [
            "HTTP/1.1 200 Connection established\r\n\r\n",
            "HTTP/1.0 200\r\n\r\n",
            // Neither says anything about what follows a successful CONNECT.
            "HTTP/1.1 204 Ok\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            assert_eq!(answer("http://proxy", open), Ok(()));
        }
        for (proxy, text, status, says) in [
            (
                "http://proxy",
                "HTTP/1.1 200 Ok\r\n\r\nx",
                None,
                "proxy:80 sent data",
            ),
            (
                "http://proxy",
                "HTTP/1.1 407 No\r\n\r\n",
                Some(407),
                "asks for a user name",
            ),
            (
                "http://a:canary@proxy",
                "HTTP/1.1 407 No\r\n\r\n",
                Some(407),
                "refuses the user name",
            ),
            (
                "http://proxy",
                "HTTP/1.1 403 No\r\n\r\n",
                Some(403),
                "connect to example.org:443",
            ),
            (
                "http://proxy",
                "HTTP/1.1 302 No\r\nLocation: x\r\n\r\n",
                Some(302),
                "redirect",
            ),
            (
                "http://proxy",
                "HTTP/1.1 502 No\r\n\r\n<html>",
                Some(502),
                "cannot reach",
            ),
            (
                "http://proxy",
                "HTTP/1.1 101 No\r\n\r\n",
                Some(101),
                "does not connect",
            ),
            (
                "http://proxy",
                "HTTP/1.1 500 No\r\n\r\n",
                Some(500),
                "does not connect",
            ),
        ] {
            let failure = answer(proxy, text).unwrap_err();
            assert_eq!(
                failure.kind,
                ConnectFailureKind::Proxy { status },
                "{text:?}"
            );
            assert!(failure.detail.contains(says), "{failure}");
            assert!(!failure.detail.contains("canary"), "{failure}");
            assert_eq!(failure.retry_after, None);
        }
        let busy = "HTTP/1.1 503 No\r\nRetry-After: Sun, 06 Nov 1994 08:49:47 GMT\r\n\r\n";
        let failure = answer("http://proxy", busy).unwrap_err();
        assert_eq!(failure.retry_after, Some(Duration::from_secs(10)));
    }
}
