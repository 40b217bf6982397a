//! The simulated facilitator on a real socket, seen by a bare WebSocket peer and by the client of this crate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of a test fail it by panicking"
)]

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::time::Duration;

use facilitator_core::ConnectionId;
use facilitator_core::client::TrustPolicy;
use facilitator_core::facilitator::{
    EndCause, Event, Facilitator, FacilitatorConfig, Memory, Server as Manners, StatusOutcome,
};
use facilitator_core::message::{
    ExecutorClass, JobStatus, V0JobStatusUpdate, V2JobRequest, ValidatorMessage,
};
use facilitator_core::signature::{Scheme, authentication_request};
use facilitator_tokio::server::{Events, Server, ServerEvent};
use facilitator_tokio::{
    Config, Endpoint, Event as ClientEvent, FacilitatorClient, Keypair, Outcome,
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

const JOB: &str = "f4b1c4b2-5d3f-4a39-9c75-0a0c0de61d4b";
const SUCCESS: &str = r#"{"status":"success","errors":[]}"#;
/// Nothing here takes long; what does will never end.
const SOON: Duration = Duration::from_secs(20);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future)
        .await
        .expect("it takes too long")
}

async fn serve(config: FacilitatorConfig) -> Server {
    Server::bind("127.0.0.1:0", config).await.unwrap()
}

fn job() -> V2JobRequest {
    V2JobRequest::new(JOB, ExecutorClass::AlwaysOnTest, "alpine")
}

fn alice() -> Keypair {
    Keypair::from_uri(Scheme::Sr25519, "//Alice").unwrap()
}

fn status(status: JobStatus) -> String {
    ValidatorMessage::JobStatus(V0JobStatusUpdate::new(JOB, status)).encode()
}

/// A bare WebSocket peer.
struct Peer {
    socket: WebSocketStream<TcpStream>,
    /// Texts that were read on the way to something else.
    texts: VecDeque<String>,
}

/// How a connection ended.
#[derive(Debug, PartialEq)]
enum End {
    Closed(u16),
    Cut,
}

impl Peer {
    async fn connect(server: &Server) -> Self {
        let mut request = server.uri().into_client_request().unwrap();
        request
            .headers_mut()
            .insert("X-Validator-Version", "1.2.3".parse().unwrap());
        request
            .headers_mut()
            .insert("X-Signature", "0xsecret".parse().unwrap());
        let stream = TcpStream::connect(server.local_addr()).await.unwrap();
        let (socket, _) = client_async(request, stream).await.unwrap();
        Self {
            socket,
            texts: VecDeque::new(),
        }
    }

    async fn authenticated(server: &Server) -> Self {
        let mut peer = Self::connect(server).await;
        peer.send(&[ValidatorMessage::Authentication(authentication_request(&alice())).encode()])
            .await;
        assert_eq!(peer.text().await, SUCCESS);
        peer
    }

    /// Sends messages in one go.
    async fn send(&mut self, texts: &[String]) {
        for text in texts {
            self.socket
                .feed(Message::text(text.as_str()))
                .await
                .unwrap();
        }
        self.socket.flush().await.unwrap();
    }

    async fn text(&mut self) -> String {
        if let Some(text) = self.texts.pop_front() {
            return text;
        }
        loop {
            match soon(self.socket.next())
                .await
                .expect("a text")
                .expect("a text")
            {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other} is no text"),
            }
        }
    }

    async fn end(&mut self) -> End {
        loop {
            match soon(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => self.texts.push_back(text.to_string()),
                Some(Ok(Message::Close(close))) => {
                    // The server must end the stream, too.
                    while soon(self.socket.next()).await.is_some() {}
                    return End::Closed(close.map_or(1005, |close| close.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return End::Cut,
            }
        }
    }
}

/// The next event that is of a kind.
async fn event<T>(events: &mut Events, kind: impl Fn(&ServerEvent) -> Option<T>) -> T {
    loop {
        let event = soon(events.next()).await.expect("the server lives");
        if let Some(found) = kind(&event) {
            return found;
        }
    }
}

fn ended(event: &ServerEvent) -> Option<EndCause> {
    match event {
        ServerEvent::Facilitator(Event::Ended { cause, .. }) => Some(cause.clone()),
        _ => None,
    }
}

fn stored(server: &Server) -> Vec<JobStatus> {
    let record = server.job(JOB).expect("it was pushed");
    record
        .statuses()
        .iter()
        .skip(1)
        .map(|stored| stored.status)
        .collect()
}

#[tokio::test]
async fn it_answers_pushes_and_records() {
    let server = serve(FacilitatorConfig::default()).await;
    let mut peer = Peer::authenticated(&server).await;
    server.push_job(job()).unwrap();
    assert!(
        peer.text()
            .await
            .contains(r#""message_type": "V2JobRequest""#)
    );
    let updates = [
        status(JobStatus::Received),
        status(JobStatus::Received),
        "{}".into(),
    ];
    peer.send(&updates).await;
    assert_eq!(peer.text().await, SUCCESS);
    assert!(peer.text().await.contains("job.integrity_error"));
    assert!(peer.text().await.contains("union_tag_not_found"));
    let report = facilitator_core::message::V0JobCheated {
        job_uuid: JOB.into(),
        trusted_job_uuid: JOB.into(),
        details: facilitator_core::message::Json::null(),
        signature: None,
    };
    server.report_cheated_job(report.clone()).unwrap();
    assert!(peer.text().await.contains("V0JobCheated"));
    assert_eq!(stored(&server), [JobStatus::Received]);
    let unknown = facilitator_core::message::V0JobCheated {
        job_uuid: "nope".into(),
        ..report
    };
    assert!(server.report_cheated_job(unknown).is_err());
    assert!(server.push_job(job()).is_err());
}

#[tokio::test]
async fn the_first_stream_tells_everything_in_order() {
    let server = serve(FacilitatorConfig::default()).await;
    let mut peer = Peer::authenticated(&server).await;
    peer.send(&[ValidatorMessage::Heartbeat.encode()]).await;
    peer.socket.close(None).await.unwrap();
    assert_eq!(peer.end().await, End::Closed(1005));
    let mut events = server.events();
    let first = soon(events.next()).await.unwrap();
    let ServerEvent::Connected {
        connection,
        handshake,
    } = &first
    else {
        panic!("{first:?} is not first");
    };
    assert_eq!(
        (
            handshake.path.as_str(),
            handshake.header("x-validator-version")
        ),
        ("/ws/v0/", Some("1.2.3"))
    );
    assert_eq!(handshake.peer.ip(), server.local_addr().ip());
    assert!(
        format!("{first:?}").contains("x-signature") && !format!("{first:?}").contains("secret")
    );
    let expected = [
        Event::Authenticated {
            conn: *connection,
            validator: alice().account(),
        },
        Event::Heartbeat { conn: *connection },
        Event::Ended {
            conn: *connection,
            cause: EndCause::ClosedByPeer(None),
        },
    ];
    for expected in expected {
        assert_eq!(
            soon(events.next()).await,
            Some(ServerEvent::Facilitator(expected))
        );
    }
    drop(server);
    assert_eq!(soon(events.next()).await, None);
}

#[tokio::test]
async fn a_cut_by_rule_comes_before_the_answer_and_before_the_next_frame() {
    let server = serve(FacilitatorConfig::default()).await;
    server.push_job(job()).unwrap();
    let mut peer = Peer::authenticated(&server).await;
    peer.text().await;
    server.cut_when(|event| {
        matches!(event, Event::JobStatus { update, .. } if update.status == JobStatus::Accepted)
    });
    let updates = [
        JobStatus::Received,
        JobStatus::Accepted,
        JobStatus::ExecutorReady,
    ]
    .map(status);
    peer.send(&updates).await;
    assert_eq!(peer.end().await, End::Cut);
    assert!(peer.texts.len() <= 1, "{:?}", peer.texts);
    assert_eq!(stored(&server), [JobStatus::Received, JobStatus::Accepted]);
    assert_eq!(
        event(&mut server.events(), ended).await,
        EndCause::Disconnected
    );
}

#[tokio::test]
async fn connections_are_cut_one_or_all() {
    let server = serve(FacilitatorConfig::default()).await;
    let mut peers = [
        Peer::authenticated(&server).await,
        Peer::authenticated(&server).await,
        Peer::connect(&server).await,
    ];
    assert!(server.cut(ConnectionId(1)));
    assert!(!server.cut(ConnectionId(1)) && !server.cut(ConnectionId(99)));
    assert_eq!(peers[0].end().await, End::Cut);
    assert_eq!(
        server.with(|facilitator, _| facilitator.connections().count()),
        2
    );
    assert_eq!(server.cut_all(), 2);
    assert_eq!(peers[1].end().await, End::Cut);
    assert_eq!(peers[2].end().await, End::Cut);
    assert_eq!(server.cut_all(), 0);
}

#[tokio::test]
async fn a_crash_lets_earlier_answers_through_and_ends_as_the_imitated_server_would() {
    for (manners, end) in [
        (Manners::Uvicorn, End::Cut),
        (Manners::Daphne, End::Closed(1011)),
    ] {
        let config = FacilitatorConfig {
            crash_delay: Duration::from_millis(if manners == Manners::Daphne { 30 } else { 0 }),
            ..FacilitatorConfig::imitating(manners)
        };
        let server = serve(config).await;
        server.push_job(job()).unwrap();
        let mut peer = Peer::authenticated(&server).await;
        peer.text().await;
        // `completed` without metadata is what the reference crashes on.
        peer.send(&[status(JobStatus::Received), status(JobStatus::Completed)])
            .await;
        assert_eq!(peer.text().await, SUCCESS, "{manners:?}");
        assert_eq!(peer.end().await, end, "{manners:?}");
        assert_eq!(event(&mut server.events(), ended).await, EndCause::Crashed);
    }
}

#[tokio::test]
async fn an_unknown_validator_is_told_so_and_closed_with_3001() {
    let validators = facilitator_core::facilitator::Known::only([]);
    let server = serve(FacilitatorConfig {
        validators,
        ..FacilitatorConfig::default()
    })
    .await;
    let mut peer = Peer::connect(&server).await;
    peer.send(&[ValidatorMessage::Authentication(authentication_request(&alice())).encode()])
        .await;
    assert!(peer.text().await.contains("auth.validator_not_found"));
    assert_eq!(peer.end().await, End::Closed(3001));
}

#[tokio::test]
async fn a_message_above_the_limit_gets_its_close_code_however_large_it_is() {
    for size in [1001, 5_000_000] {
        let mut config = FacilitatorConfig::default();
        config.limits.message_size = 1000;
        let server = serve(config).await;
        let mut peer = Peer::connect(&server).await;
        // The server may have ended the stream before all of it was written.
        let _ = soon(peer.socket.send(Message::text("x".repeat(size)))).await;
        assert_eq!(peer.end().await, End::Closed(1009), "{size} bytes");
        assert_eq!(
            event(&mut server.events(), ended).await,
            EndCause::MessageTooBig
        );
    }
}

#[tokio::test]
async fn what_is_no_websocket_is_answered_and_forgotten() {
    let server = serve(FacilitatorConfig::default()).await;
    let stream = TcpStream::connect(server.local_addr()).await.unwrap();
    stream
        .try_write(b"GET /ws/v0/ HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert!(soon(read_to_end(&stream)).await.is_ok());
    assert_eq!(
        server.with(|facilitator, _| facilitator.stats().connections),
        0
    );
    // And the next one is served.
    Peer::authenticated(&server).await;
}

async fn read_to_end(stream: &TcpStream) -> io::Result<()> {
    loop {
        stream.readable().await?;
        match stream.try_read(&mut [0; 1024]) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Reset: over, too.
            Err(_) => return Ok(()),
        }
    }
}

#[tokio::test]
async fn a_broken_frame_is_a_protocol_error() {
    let server = serve(FacilitatorConfig::default()).await;
    let mut peer = Peer::connect(&server).await;
    // Reserved bits, which no extension was agreed for.
    peer.socket
        .get_ref()
        .try_write(&[0xf1, 0x80, 0, 0, 0, 0])
        .unwrap();
    assert_eq!(peer.end().await, End::Closed(1002));
}

#[tokio::test]
async fn a_shutdown_says_goodbye_and_waits_for_nobody_for_long() {
    let server = serve(FacilitatorConfig::default()).await;
    let mut events = server.events();
    let mut peer = Peer::authenticated(&server).await;
    // One never finishes its handshake, one never reads nor answers.
    let silent = TcpStream::connect(server.local_addr()).await.unwrap();
    let deaf = Peer::authenticated(&server).await;
    let (facilitator, end) = soon(async { tokio::join!(server.shutdown(), peer.end()) }).await;
    assert_eq!(end, End::Closed(1012));
    assert_eq!(facilitator.connections().count(), 0);
    assert_eq!(facilitator.stats().authentications, 2);
    let mut ends = 0;
    while let Some(event) = soon(events.next()).await {
        ends += usize::from(ended(&event).is_some());
    }
    assert_eq!(ends, 2);
    assert!(soon(read_to_end(&silent)).await.is_ok());
    drop(deaf);
}

#[tokio::test]
async fn a_peer_that_never_reads_holds_up_neither_others_nor_the_end() {
    let server = serve(FacilitatorConfig::default()).await;
    let deaf = Peer::authenticated(&server).await;
    // More than any socket's buffers hold.
    for n in 0..16_u128 {
        let mut request = job();
        request.uuid = format!("{n:032x}");
        request.args = vec!["x".repeat(1 << 20)];
        server.push_job(request).unwrap();
    }
    let mut peer = Peer::authenticated(&server).await;
    peer.send(&["nonsense".into()]).await;
    assert!(peer.text().await.contains("json_invalid"));
    drop(peer);
    let facilitator = soon(server.shutdown()).await;
    assert_eq!(facilitator.jobs().count(), 16);
    drop(deaf);
}

#[tokio::test]
async fn a_second_server_goes_on_where_the_first_one_ended() {
    let server = serve(FacilitatorConfig::default()).await;
    server.push_job(job()).unwrap();
    let mut peer = Peer::authenticated(&server).await;
    peer.text().await;
    peer.send(&[status(JobStatus::Received)]).await;
    assert_eq!(peer.text().await, SUCCESS);
    let before = server.with(|_, now| now);
    // Not even told of the end.
    let facilitator: Facilitator = server.with(|facilitator, _| facilitator.clone());
    drop(server);
    assert_eq!(peer.end().await, End::Cut);
    let server = Server::bind_with("127.0.0.1:0", facilitator).await.unwrap();
    assert_eq!(
        server.with(|facilitator, _| facilitator.connections().count()),
        0
    );
    let mut peer = Peer::authenticated(&server).await;
    peer.send(&[status(JobStatus::Received), status(JobStatus::Accepted)])
        .await;
    assert!(peer.text().await.contains("job.integrity_error"));
    assert_eq!(peer.text().await, SUCCESS);
    let record = server.job(JOB).unwrap();
    let last = record.statuses().last().unwrap();
    assert_eq!(last.conn, Some(ConnectionId(2)));
    assert!(last.at > before);
}

#[tokio::test]
async fn a_taken_port_is_an_error() {
    let server = serve(FacilitatorConfig::default()).await;
    let second = Server::bind(server.local_addr(), FacilitatorConfig::default()).await;
    assert_eq!(second.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    let everywhere = Server::bind("0.0.0.0:0", FacilitatorConfig::default())
        .await
        .unwrap();
    assert!(everywhere.uri().starts_with("ws://127.0.0.1:"));
    assert!(everywhere.uri().ends_with("/ws/v0/"));
}

#[tokio::test]
async fn the_session_survives_cuts_at_every_status_and_restarts() {
    let server = serve(FacilitatorConfig {
        resend_unanswered: true,
        ..FacilitatorConfig::default()
    })
    .await;
    let config = Config {
        backoff_initial: Duration::from_millis(5),
        backoff_max: Duration::from_millis(20),
        trust: TrustPolicy::unverified(),
        ..Config::new(Endpoint::parse(&server.uri()).unwrap())
    };
    let client = FacilitatorClient::new(config, &alice()).unwrap();
    client.start().unwrap();
    server.cut_when(|event| {
        matches!(
            event,
            Event::JobStatus {
                outcome: StatusOutcome::Stored,
                ..
            }
        )
    });
    server.push_job(job()).unwrap();
    soon(async { while !matches!(client.next_event().await, Ok(ClientEvent::JobRequested(_))) {} })
        .await;
    let course = [
        JobStatus::Accepted,
        JobStatus::ExecutorReady,
        JobStatus::VolumesReady,
        JobStatus::ExecutionDone,
    ];
    let mut receipts = Vec::new();
    for status in course {
        receipts.push(client.send_status(JOB, status).await.unwrap());
    }
    for receipt in receipts {
        // Each was stored, and cut before its answer.
        assert_eq!(soon(receipt).await.outcome, Outcome::AlreadyKnown);
    }
    server.cut_when(|_| false);
    for memory in [Memory::Kept, Memory::Kept, Memory::Lost] {
        server.restart(memory);
        let receipt = client.send_status(JOB, JobStatus::Accepted).await.unwrap();
        assert_eq!(soon(receipt).await.outcome, Outcome::AlreadyKnown);
    }
    let failure = facilitator_core::message::JobFailureDetails::new(
        facilitator_core::message::JobFailureReason::Timeout,
        facilitator_core::message::JobFailureStage::Execution,
        "",
    );
    let receipt = client.fail_job(JOB, failure).await.unwrap();
    assert!(
        matches!(soon(receipt).await.outcome, Outcome::Refused(_)),
        "the job is forgotten by now"
    );
    assert!(soon(client.stop()).await.unwrap().owed.is_empty());
}
