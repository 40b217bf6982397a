//! Each way in which an attempt can fail has its name, and the same in every runtime.

use std::time::Duration;

use facilitator_core::client::{Config, ConnectFailureKind as Kind};

use crate::peers::Manners::{HangsUp, Mute, Says};
use crate::peers::{self, nobody, stranger};
use crate::{Subject, UnderTest, certificates, client, config, failure};

const BUSY: &str =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
const MOVED: &str =
    "HTTP/1.1 302 Found\r\nLocation: wss://example.org/\r\nContent-Length: 0\r\n\r\n";
const NOT_HTTP: &str = "SSH-2.0-OpenSSH_9.6\r\n";
/// RFC 6455, section 4.1: without the right `Sec-WebSocket-Accept`, the client must fail the connection.
const WRONG_ACCEPT: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

pub(crate) fn each_failed_attempt_is_named<R: UnderTest>(subject: &Subject<R>) {
    let ws = |port| format!("ws://127.0.0.1:{port}/ws/v0/");
    let wss = |port| format!("wss://127.0.0.1:{port}/ws/v0/");
    let says = |words| ws(stranger(Says(words)));
    // No name has a label of more than 63 letters, so no server is asked for this one.
    let nowhere = format!("wss://{}.example.org/", "a".repeat(64));
    let nobody_by_name = format!("ws://localhost:{}/", nobody());
    let cases = [
        ("nowhere", nowhere, Kind::Dns),
        ("nobody", ws(nobody()), Kind::Refused),
        ("nobody, by name", nobody_by_name, Kind::Refused),
        ("mute", ws(stranger(Mute)), Kind::Timeout),
        ("mute, TLS", wss(stranger(Mute)), Kind::Timeout),
        ("hangs up", ws(stranger(HangsUp)), Kind::Handshake),
        ("hangs up, TLS", wss(stranger(HangsUp)), Kind::Tls),
        ("busy", says(BUSY), Kind::Http { status: 503 }),
        ("moved", says(MOVED), Kind::Http { status: 302 }),
        ("not HTTP", says(NOT_HTTP), Kind::Handshake),
        ("wrong accept", says(WRONG_ACCEPT), Kind::Handshake),
        ("no TLS", wss(stranger(Says(NOT_HTTP))), Kind::Tls),
    ];
    let runtime = subject.usual.clone();
    subject.block_on(async move {
        for (case, uri, kind) in cases {
            let connect_timeout = match kind {
                Kind::Timeout => Duration::from_millis(100),
                _ => Duration::from_secs(30),
            };
            let config = Config {
                connect_timeout,
                ..config(&uri)
            };
            let client = client(runtime.clone(), config);
            client.start().unwrap();
            let failure = failure(&client).await;
            assert_eq!(failure.kind, kind, "{case}: {failure}");
            let retry_after = (case == "busy").then_some(Duration::from_secs(7));
            assert_eq!(failure.retry_after, retry_after, "{case}");
            client.abort().unwrap();
        }
    });
}

pub(crate) fn a_certificate_is_verified<R: UnderTest>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let port = |host| peers::tls_in_front_of(server.local_addr(), certificates::signed_for(host));
    let (right, wrong) = (port("localhost"), port("elsewhere.example.org"));
    let cases = [
        (subject.usual.clone(), right, "UnknownIssuer"),
        (subject.trusting.clone(), wrong, "not valid for name"),
    ];
    subject.block_on(async move {
        for (runtime, port, complaint) in cases {
            let client = client(runtime, config(&format!("wss://localhost:{port}/")));
            client.start().unwrap();
            let failure = failure(&client).await;
            assert_eq!(failure.kind, Kind::Tls);
            assert!(failure.detail.contains(complaint), "{failure}");
            client.abort().unwrap();
        }
        assert_eq!(server.shutdown().await.stats().connections, 0);
    });
}
