//! Every way to lose a connection has a reason of its own, costs no update, and is followed by a new connection.

use std::time::Duration;

use facilitator_core::CloseFrame;
use facilitator_core::client::{Config, Event, LostReason, Outcome, Phase, Unexpected};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{SUCCESS, error, job};

use crate::script::{BINARY, CLOSE, PING, Scripted, Step, TEXT, close, frame, ready, text};
use crate::{Subject, UnderTest, lost, reach};

/// What the user is told.
#[derive(Clone, Debug)]
enum Told {
    /// Just this.
    Exactly(LostReason),
    /// The transport failed.
    Io,
    /// The peer broke the WebSocket protocol, in words that have this in them.
    Protocol(&'static str),
}

impl Told {
    fn is(&self, reason: &LostReason) -> bool {
        match self {
            Self::Exactly(expected) => reason == expected,
            Self::Io => matches!(reason, LostReason::Io(_)),
            Self::Protocol(word) => {
                matches!(reason, LostReason::Protocol(words) if words.contains(word))
            }
        }
    }
}

fn closed(code: u16, reason: &str) -> Told {
    Told::Exactly(LostReason::Closed(Some(CloseFrame {
        code,
        reason: reason.into(),
    })))
}

/// What the peer does once a status was sent that it has not answered, and what the user is told then.
fn cases() -> Vec<(&'static str, Vec<Step>, Told)> {
    let say = |bytes: &[u8]| vec![Step::Say(bytes.to_vec()), Step::Listen];
    // A server ends the stream behind its close frame, and so does a facilitator that crashes.
    let ends = |bytes: Vec<u8>| vec![Step::Say(bytes)];
    let closes = |code, reason| ends(close(code, reason));
    let too_large = [&[TEXT, 127][..], &(1u64 << 30).to_be_bytes()].concat();
    let mut cut_short = frame(TEXT, SUCCESS.as_bytes());
    cut_short.truncate(9);
    vec![
        (
            "end of stream",
            vec![],
            Told::Exactly(LostReason::EndOfStream),
        ),
        (
            "end within a frame",
            vec![Step::Say(cut_short)],
            Told::Exactly(LostReason::EndOfStream),
        ),
        ("reset", vec![Step::Reset], Told::Io),
        ("1000", closes(1000, ""), closed(1000, "")),
        (
            "1001",
            closes(1001, "going away"),
            closed(1001, "going away"),
        ),
        (
            "1011",
            closes(1011, "it crashed"),
            closed(1011, "it crashed"),
        ),
        ("1012", closes(1012, ""), closed(1012, "")),
        ("3001", closes(3001, ""), closed(3001, "")),
        (
            "close without a code",
            ends(frame(CLOSE, b"")),
            Told::Exactly(LostReason::Closed(None)),
        ),
        (
            "1006 on the wire",
            closes(1006, ""),
            closed(1002, "Protocol violation"),
        ),
        (
            "silence",
            vec![Step::Listen],
            Told::Exactly(LostReason::PongTimeout),
        ),
        (
            "pings, but no pong",
            vec![Step::Chatter],
            Told::Exactly(LostReason::PongTimeout),
        ),
        (
            "authentication forgotten",
            ends(text(&error("auth.not_authenticated"))),
            Told::Exactly(LostReason::NotAuthenticated(
                "auth.not_authenticated".into(),
            )),
        ),
        (
            "no UTF-8",
            say(&frame(TEXT, b"\xff\xfe")),
            Told::Protocol("UTF-8"),
        ),
        ("too large", say(&too_large), Told::Protocol("too long")),
        (
            "masked",
            say(&[TEXT, 0x82, 1, 2, 3, 4, 5, 6]),
            Told::Protocol("masked"),
        ),
        (
            "reserved opcode",
            say(&frame(0x83, b"")),
            Told::Protocol("opcode"),
        ),
        (
            "reserved bit",
            say(&frame(TEXT | 0x40, b"x")),
            Told::Protocol("Reserved"),
        ),
        (
            "continues nothing",
            say(&frame(0x80, b"x")),
            Told::Protocol("Continue"),
        ),
        (
            "fragmented ping",
            say(&frame(PING & 0x7f, b"x")),
            Told::Protocol("ragmented"),
        ),
        (
            "large ping",
            say(&frame(PING, &[0; 126])),
            Told::Protocol("125"),
        ),
        (
            "close of one byte",
            say(&frame(CLOSE, b"x")),
            Told::Protocol("close"),
        ),
    ]
}

pub(crate) fn each_lost_connection_has_its_reason<R: UnderTest>(subject: &Subject<R>) {
    subject.block_on(async {
        for (name, end, told) in cases() {
            lose(subject, name, end, &told).await;
        }
    });
}

async fn lose<R: UnderTest>(subject: &Subject<R>, name: &str, end: Vec<Step>, told: &Told) {
    let silence = matches!(told, Told::Exactly(LostReason::PongTimeout));
    let mut peer = Scripted::new(ready([vec![Step::Hear], end].concat()));
    let client = subject.client(peer.address, |config| {
        if !silence {
            return config;
        }
        Config {
            ping_interval: Duration::from_millis(50),
            pong_timeout: Duration::from_millis(200),
            ..config
        }
    });
    client.start().unwrap();
    reach(&client, Phase::Ready).await;
    let receipt = client
        .send_status(&job(1), JobStatus::Accepted)
        .await
        .unwrap();
    let reason = lost(&client).await;
    assert!(told.is(&reason), "{name}: {reason:?} instead of {told:?}");

    // Nothing is lost with it, and the next connection begins as every one does.
    reach(&client, Phase::Ready).await;
    assert_eq!(receipt.await.outcome, Outcome::Acknowledged, "{name}");
    for begins in ["V0Authentication", "V0Heartbeat", "V0JobStatusUpdate"] {
        let text = peer.text_on(1).await;
        assert!(text.contains(begins), "{name}: {text} instead of {begins}");
    }
    assert_eq!(client.stop().await.unwrap().owed, [], "{name}");
}

pub(crate) fn an_unanswered_status_costs_the_connection<R: UnderTest>(subject: &Subject<R>) {
    subject.block_on(async {
        let peer = Scripted::new(ready([Step::Listen]));
        let client = subject.client(peer.address, |config| Config {
            acknowledgement_timeout: Duration::from_millis(200),
            ..config
        });
        client.start().unwrap();
        let receipt = client
            .send_status(&job(1), JobStatus::Accepted)
            .await
            .unwrap();
        assert_eq!(lost(&client).await, LostReason::AcknowledgementTimeout);
        assert_eq!(receipt.await.outcome, Outcome::Acknowledged);
        client.abort().unwrap();
    });
}

pub(crate) fn what_cannot_be_read_costs_nothing<R: UnderTest>(subject: &Subject<R>) {
    let bad = [
        frame(BINARY, b"\x01\x02\x03"),
        text("no JSON"),
        text("{\"message_type\": \"V9Unheard\"}"),
        // Fragments of a word in the middle of a character, with a ping in between: one message.
        frame(TEXT & 0x7f, b"\"caf\xc3"),
        frame(PING, b"in between"),
        frame(0x80, b"\xa9\""),
        text(SUCCESS),
    ];
    subject.block_on(async {
        let peer = Scripted::new(ready([Step::Hear, Step::Say(bad.concat()), Step::Listen]));
        let client = subject.client(peer.address, |config| config);
        client.start().unwrap();
        let receipt = client
            .send_status(&job(1), JobStatus::Accepted)
            .await
            .unwrap();
        assert_eq!(receipt.await.outcome, Outcome::Acknowledged);
        let stats = client.stats();
        assert_eq!((stats.connections_lost, stats.malformed_received), (0, 3));
        client.abort().unwrap();
        let mut binary = None;
        while let Ok(event) = client.next_event().await {
            if let Event::Unexpected(unexpected) = event {
                binary = Some(unexpected);
            }
        }
        assert_eq!(binary, Some(Unexpected::Binary(3)));
    });
}
