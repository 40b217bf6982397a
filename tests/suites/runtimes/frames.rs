//! WebSocket frames as a peer of raw bytes sees and says them.

use std::time::Duration;

use facilitator_core::CloseFrame;
use facilitator_core::client::TrustPolicy;
use facilitator_core::client::{Config, ConnectFailureKind as Kind, Event, LostReason, Phase};
use facilitator_tests::solo::{SUCCESS, job, job_request};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::raw::{self, CLOSE, Heard, PING, PONG, TEXT, frame};
use crate::{Subject, UnderTest, failure, lost, reach};

/// What the client says first.
async fn hears_authentication(heard: &mut UnboundedReceiver<Heard>) {
    let (first, payload) = heard.recv().await.unwrap();
    let text = String::from_utf8(payload).unwrap();
    assert!(first == TEXT && text.contains("V0AuthenticationRequest"));
}

/// The next frame of this kind.
async fn hears(heard: &mut UnboundedReceiver<Heard>, wanted: u8) -> Vec<u8> {
    loop {
        let (first, payload) = heard.recv().await.unwrap();
        assert!(first != 0, "the connection has ended");
        if first == wanted {
            return payload;
        }
    }
}

/// The goodbye of a client that has been told something wrong, unless it was lost: the connection is not kept for it.
async fn hears_complaint(heard: &mut UnboundedReceiver<Heard>) -> Option<Vec<u8>> {
    loop {
        match heard.recv().await.unwrap() {
            (CLOSE, payload) => return Some(payload),
            (0, _) => return None,
            _ => {}
        }
    }
}

fn success() -> Vec<u8> {
    frame(TEXT, SUCCESS.as_bytes())
}

fn believing(config: Config) -> Config {
    Config {
        trust: TrustPolicy::unverified(),
        ..config
    }
}

pub(crate) fn a_ping_is_answered_though_nothing_else_is_to_be_said<R: UnderTest>(
    subject: &Subject<R>,
) {
    // The second comes when everything of the first has been done.
    let words = [success(), frame(PING, b"one"), frame(PING, &[7; 125])].concat();
    let (server, mut heard) = raw::server("", words);
    let client = subject.client(server, |config| config);
    subject.block_on(async move {
        client.start().unwrap();
        hears_authentication(&mut heard).await;
        let mut pong = hears(&mut heard, PONG).await;
        // Two that come together may get one answer, to the newer one (RFC 6455, section 5.5.3).
        if pong == b"one" {
            pong = hears(&mut heard, PONG).await;
        }
        assert_eq!(pong, [7; 125]);
        client.abort().unwrap();
    });
}

pub(crate) fn a_message_in_fragments_is_one_message<R: UnderTest>(subject: &Subject<R>) {
    let mut words = success();
    let mut jobs = Vec::new();
    for (n, size) in [(1, 1), (2, 7), (3, 100_000)] {
        let text = job_request(&job(n));
        let mut first = 0x01;
        for part in text.as_bytes().chunks(size) {
            words.extend(frame(first, part));
            words.extend(frame(PING, b"between"));
            first = 0x00;
        }
        words.extend(frame(0x80, b""));
        jobs.push(job(n));
    }
    let (server, mut heard) = raw::server("", words);
    let client = subject.client(server, believing);
    subject.block_on(async move {
        client.start().unwrap();
        hears_authentication(&mut heard).await;
        for uuid in jobs {
            loop {
                match client.next_event().await.unwrap() {
                    Event::JobRequested(request) => {
                        assert_eq!(request.uuid, uuid);
                        break;
                    }
                    Event::ConnectionLost { reason, .. } => panic!("{reason}"),
                    _ => {}
                }
            }
        }
        client.abort().unwrap();
    });
}

pub(crate) fn fragments_beyond_the_limit_are_refused<R: UnderTest>(subject: &Subject<R>) {
    const LIMIT: usize = 10_000;
    let mut words = success();
    words.extend(frame(0x01, &[b' '; LIMIT / 2]));
    words.extend(frame(0x00, &[b' '; LIMIT / 2]));
    words.extend(frame(0x00, b" "));
    let (server, mut heard) = raw::server("", words);
    let client = subject.client(server, |config| Config {
        inbound_message_bytes: LIMIT,
        ..config
    });
    subject.block_on(async move {
        client.start().unwrap();
        let reason = lost(&client).await;
        assert!(matches!(reason, LostReason::Protocol(_)), "{reason}");
        if let Some(complaint) = hears_complaint(&mut heard).await {
            assert_eq!(complaint, 1009_u16.to_be_bytes());
        }
        client.abort().unwrap();
    });
}

pub(crate) fn what_breaks_the_rules_ends_the_connection<R: UnderTest>(subject: &Subject<R>) {
    let cases = [
        ("compressed", frame(0xc1, SUCCESS.as_bytes()), 1002_u16),
        ("masked", vec![0x81, 0x82, 1, 2, 3, 4, 5, 6], 1002),
        ("no such opcode", frame(0x83, b""), 1002),
        ("not UTF-8", frame(TEXT, b"\xc3\x28"), 1007),
        ("a long ping", frame(PING, &[0; 126]), 1002),
        ("half a ping", frame(0x09, b""), 1002),
    ];
    for (case, words, code) in cases {
        let (server, mut heard) = raw::server("", [success(), words].concat());
        let client = subject.client(server, |config| config);
        subject.block_on(async move {
            client.start().unwrap();
            let reason = lost(&client).await;
            assert!(
                matches!(reason, LostReason::Protocol(_)),
                "{case}: {reason}"
            );
            if let Some(complaint) = hears_complaint(&mut heard).await {
                assert_eq!(complaint, code.to_be_bytes(), "{case}");
            }
            client.abort().unwrap();
        });
    }
}

pub(crate) fn an_extension_is_neither_offered_nor_taken<R: UnderTest>(subject: &Subject<R>) {
    let line = subject.line();
    subject.block_on(async move {
        let mut events = line.server.events();
        line.client.start().unwrap();
        let Some(facilitator_tokio::server::ServerEvent::Connected { handshake, .. }) =
            events.next().await
        else {
            panic!("a connection comes first");
        };
        assert_eq!(handshake.header("Sec-WebSocket-Extensions"), None);
        line.client.abort().unwrap();
    });
    let headers = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let (server, _heard) = raw::server(headers, success());
    let client = subject.client(server, |config| config);
    subject.block_on(async move {
        client.start().unwrap();
        let failure = failure(&client).await;
        assert_eq!(failure.kind, Kind::Handshake);
        assert!(failure.detail.contains("extension"), "{failure}");
        client.abort().unwrap();
    });
}

pub(crate) fn a_goodbye_is_answered<R: UnderTest>(subject: &Subject<R>) {
    let goodbye = [&4000_u16.to_be_bytes()[..], b"so long"].concat();
    let (server, mut heard) = raw::server("", [success(), frame(CLOSE, &goodbye)].concat());
    let client = subject.client(server, |config| Config {
        // What is heard is heard on the first connection: the next one does not come.
        backoff_initial: Duration::from_hours(1),
        backoff_max: Duration::from_hours(1),
        ..config
    });
    subject.block_on(async move {
        client.start().unwrap();
        let reason = lost(&client).await;
        let close = CloseFrame {
            code: 4000,
            reason: "so long".into(),
        };
        assert_eq!(reason, LostReason::Closed(Some(close)));
        assert_eq!(hears(&mut heard, CLOSE).await, goodbye);
        assert_eq!(heard.recv().await.unwrap().0, 0);
        client.abort().unwrap();
    });
    // The other way round.
    let (server, mut heard) = raw::server("", success());
    let client = subject.client(server, |config| config);
    subject.block_on(async move {
        client.start().unwrap();
        reach(&client, Phase::Ready).await;
        assert_eq!(client.stop().await.unwrap().owed, []);
        let goodbye = hears(&mut heard, CLOSE).await;
        assert_eq!(goodbye.get(..2), Some(&1000_u16.to_be_bytes()[..]));
    });
}
