//! Each way in which an attempt can fail has its name, and the same in every runtime.

use std::ops::RangeInclusive;
use std::time::Duration;

use facilitator_core::client::{Config, ConnectFailure, ConnectFailureKind as Kind, LostReason};

use crate::certificates::signed_for;
use crate::peers::Manners::{HangsUp, Mute, Says};
use crate::peers::{self, nobody, stranger};
use crate::talk::waiting;
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
    let says = |words: &str| ws(stranger(Says(words.into())));
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
        ("no TLS", wss(stranger(Says(NOT_HTTP.into()))), Kind::Tls),
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

/// How long the session waits then.
const AT_ONCE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_millis(50);
const MINUTES: RangeInclusive<Duration> = Duration::from_mins(5)..=Duration::from_mins(6);
const AS_ASKED: RangeInclusive<Duration> = Duration::from_secs(7)..=Duration::from_millis(7_050);
const AS_LONG_AS_ALLOWED: RangeInclusive<Duration> =
    Duration::from_mins(10)..=Duration::from_millis(600_050);

pub(crate) fn a_refused_upgrade_is_named_and_a_wait_is_granted<R: UnderTest>(subject: &Subject<R>) {
    let far = "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT";
    let cases = [
        ("400 Bad Request", "", AT_ONCE),
        ("401 Unauthorized", "WWW-Authenticate: Basic", MINUTES),
        ("401 Unauthorized", "Retry-After: 1", MINUTES),
        ("403 Forbidden", "", MINUTES),
        ("403 Forbidden", "Retry-After: 3600", AS_LONG_AS_ALLOWED),
        ("404 Not Found", "", AT_ONCE),
        ("429 Too Many Requests", "Retry-After: 7", AS_ASKED),
        ("429 Too Many Requests", far, AS_LONG_AS_ALLOWED),
        ("500 Internal Server Error", "Retry-After: soon", AT_ONCE),
        ("502 Bad Gateway", "", AT_ONCE),
        ("503 Service Unavailable", "Retry-After: 7", AS_ASKED),
        ("503 Service Unavailable", "Retry-After: 0", AT_ONCE),
        ("503 Service Unavailable", "", AT_ONCE),
        // What is no refusal, but no WebSocket either.
        ("200 OK", "", AT_ONCE),
    ];
    subject.block_on(async {
        for (status, header, waits) in cases {
            let (failure, retry_in) = refused_upgrade(subject, status, header).await;
            let code = status.split(' ').next().unwrap().parse().unwrap();
            assert_eq!(failure.kind, Kind::Http { status: code }, "{status}");
            assert!(
                waits.contains(&retry_in),
                "{status}, {header}: {retry_in:?}"
            );
        }
    });
}

pub(crate) fn a_redirect_is_not_followed<R: UnderTest>(subject: &Subject<R>) {
    // It would be glad to see us.
    let elsewhere = peers::facilitator();
    let front = subject.transport.front(elsewhere.local_addr());
    let location = format!("Location: {}", subject.transport.uri(front));
    subject.block_on(async {
        for (code, name) in [
            (301, "Moved Permanently"),
            (302, "Found"),
            (303, "See Other"),
            (307, "Temporary Redirect"),
            (308, "Permanent Redirect"),
        ] {
            let status = format!("{code} {name}");
            let (failure, retry_in) = refused_upgrade(subject, &status, &location).await;
            assert_eq!(failure.kind, Kind::Http { status: code });
            assert!(
                failure.detail.contains("redirects are not followed"),
                "{failure}"
            );
            assert!(AT_ONCE.contains(&retry_in), "{status}: {retry_in:?}");
        }
        assert_eq!(elsewhere.shutdown().await.stats().connections, 0);
    });
}

/// What becomes of an upgrade that is answered like this.
async fn refused_upgrade<R: UnderTest>(
    subject: &Subject<R>,
    status: &str,
    header: &str,
) -> (ConnectFailure, Duration) {
    let header = if header.is_empty() {
        "X-Nothing: 0"
    } else {
        header
    };
    let answer = format!("HTTP/1.1 {status}\r\n{header}\r\nContent-Length: 0\r\n\r\n");
    let port = stranger(Says(answer));
    let client = subject.client(([127, 0, 0, 1], port).into(), |config| config);
    client.start().unwrap();
    let (reason, retry_in) = waiting(&client).await;
    client.abort().unwrap();
    let LostReason::ConnectFailed(failure) = reason else {
        panic!("{status}: {reason}");
    };
    (failure, retry_in)
}

pub(crate) fn a_certificate_is_verified<R: UnderTest>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let behind = |config| peers::tls_in_front_of(server.local_addr(), config);
    let (usual, trusting) = (&subject.usual, &subject.trusting);
    let cases = [
        (
            "unknown authority",
            usual,
            behind(signed_for("localhost")),
            "UnknownIssuer",
        ),
        (
            "wrong host",
            trusting,
            behind(signed_for("elsewhere.example.org")),
            "not valid for name",
        ),
        (
            "self-signed",
            trusting,
            behind(certificates::self_signed("localhost")),
            "UnknownIssuer",
        ),
        (
            "expired",
            trusting,
            behind(certificates::expired("localhost")),
            "expired",
        ),
        (
            "not yet valid",
            trusting,
            behind(certificates::not_yet_valid("localhost")),
            "not valid yet",
        ),
    ];
    subject.block_on(async {
        for (case, runtime, port, complaint) in cases {
            let client = client(runtime.clone(), config(&format!("wss://localhost:{port}/")));
            client.start().unwrap();
            let failure = failure(&client).await;
            assert_eq!(failure.kind, Kind::Tls, "{case}: {failure}");
            assert!(failure.detail.contains(complaint), "{case}: {failure}");
            client.abort().unwrap();
        }
        assert_eq!(server.shutdown().await.stats().connections, 0);
    });
}

/// Both ends are well, but do not go together.
pub(crate) fn a_mismatch_of_tls_is_named<R: UnderTest>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let behind = |config| peers::tls_in_front_of(server.local_addr(), config);
    // The alert with which a server ends a handshake whose versions are all too new for it.
    let too_old = stranger(Says("\x15\x03\x01\x00\x02\x02\x46".into()));
    let cases = [
        (
            "plain text to TLS",
            format!("ws://localhost:{}/", behind(signed_for("localhost"))),
            Kind::Handshake,
        ),
        (
            "TLS to plain text",
            format!("wss://localhost:{}/", server.local_addr().port()),
            Kind::Tls,
        ),
        (
            "a certificate is asked for",
            format!(
                "wss://localhost:{}/",
                behind(certificates::for_members_only("localhost"))
            ),
            Kind::Tls,
        ),
        ("TLS 1.1", format!("wss://localhost:{too_old}/"), Kind::Tls),
    ];
    subject.block_on(async {
        for (case, uri, kind) in cases {
            let client = client(subject.trusting.clone(), config(&uri));
            client.start().unwrap();
            let failure = failure(&client).await;
            assert_eq!(failure.kind, kind, "{case}: {failure}");
            client.abort().unwrap();
        }
        assert_eq!(server.shutdown().await.stats().connections, 0);
    });
}
