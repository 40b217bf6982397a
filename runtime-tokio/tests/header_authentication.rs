//! Authentication in the headers of the upgrade request: the server of this crate against its client, and against
//! clients that it does not want.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of a test fail it by panicking"
)]

use std::future::Future;
use std::time::Duration;

use facilitator_core::client::{
    AuthenticationMethod, ConnectFailure, ConnectFailureKind, LostReason, PhaseChange, TrustPolicy,
};
use facilitator_core::facilitator::{FacilitatorConfig, Known, UpgradeRefusal};
use facilitator_core::message::{ExecutorClass, JobStatus, V2JobRequest};
use facilitator_core::signature::{HeaderError, Scheme, authentication_headers};
use facilitator_tokio::server::{Events, Handshake, Server, ServerEvent};
use facilitator_tokio::{Config, Endpoint, Event, FacilitatorClient, Keypair, Outcome, Phase};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const JOB: &str = "f4b1c4b2-5d3f-4a39-9c75-0a0c0de61d4b";

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("it takes too long")
}

fn key(scheme: Scheme, uri: &str) -> Keypair {
    Keypair::from_uri(scheme, uri).unwrap()
}

/// A server that knows Alice, with the key of either scheme, and takes headers only.
async fn serve() -> Server {
    let alices = [Scheme::Sr25519, Scheme::Ed25519].map(|scheme| key(scheme, "//Alice").account());
    let config = FacilitatorConfig {
        header_authentication: true,
        validators: Known::only(alices),
        ..FacilitatorConfig::default()
    };
    Server::bind("127.0.0.1:0", config).await.unwrap()
}

fn client(server: &Server, keypair: &Keypair, method: AuthenticationMethod) -> FacilitatorClient {
    let config = Config {
        authentication: method,
        backoff_initial: Duration::from_millis(5),
        backoff_max: Duration::from_millis(20),
        trust: TrustPolicy::unverified(),
        ..Config::new(Endpoint::parse(&server.uri()).unwrap())
    };
    let client = FacilitatorClient::new(config, keypair).unwrap();
    client.start().unwrap();
    client
}

/// The next handshake that was let in.
async fn let_in(events: &mut Events) -> Handshake {
    loop {
        match events.next().await.expect("a handshake") {
            ServerEvent::Connected { handshake, .. } => return handshake,
            ServerEvent::UpgradeRefused { refusal, .. } => panic!("{refusal}"),
            _ => {}
        }
    }
}

/// The next refusal.
async fn refused(events: &mut Events) -> UpgradeRefusal {
    match soon(events.next()).await.expect("a refusal") {
        ServerEvent::UpgradeRefused { refusal, handshake } => {
            let shown = format!("{handshake:?}");
            for (_, value) in handshake
                .headers
                .iter()
                .filter(|(name, _)| name == "x-signature")
            {
                assert!(!shown.contains(value.as_str()));
            }
            refusal
        }
        other => panic!("{other:?} instead of a refusal"),
    }
}

async fn phase(client: &FacilitatorClient, wanted: Phase) -> PhaseChange {
    soon(async {
        loop {
            match client.next_event().await.unwrap() {
                Event::Phase(change) if change.phase == wanted => return change,
                _ => {}
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_session_works_end_to_end_and_brings_new_headers_after_a_cut() {
    for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
        let server = serve().await;
        let mut events = server.events();
        let alice = key(scheme, "//Alice");
        let client = client(&server, &alice, AuthenticationMethod::Headers);
        phase(&client, Phase::Ready).await;
        let first = soon(let_in(&mut events)).await;
        assert_eq!(
            first.header("X-Public-Key"),
            Some(alice.public().to_hex().as_str())
        );

        server
            .push_job(V2JobRequest::new(
                JOB,
                ExecutorClass::AlwaysOnTest,
                "alpine",
            ))
            .unwrap();
        soon(async { while !matches!(client.next_event().await, Ok(Event::JobRequested(_))) {} })
            .await;
        let receipt = client.send_status(JOB, JobStatus::Accepted).await.unwrap();
        assert_eq!(soon(receipt).await.outcome, Outcome::Acknowledged);

        // The clock of the headers counts seconds: cut until it has gone on.
        let second = soon(async {
            loop {
                assert_eq!(server.cut_all(), 1);
                let second = let_in(&mut events).await;
                if second.header("X-Timestamp") != first.header("X-Timestamp") {
                    break second;
                }
            }
        })
        .await;
        assert_ne!(second.header("X-Signature"), first.header("X-Signature"));
        let receipt = client.send_status(JOB, JobStatus::ExecutorReady).await;
        assert_eq!(soon(receipt.unwrap()).await.outcome, Outcome::Acknowledged);

        assert!(soon(client.stop()).await.unwrap().owed.is_empty());
        let record = server.job(JOB).unwrap();
        let stored: Vec<JobStatus> = record
            .statuses()
            .iter()
            .map(|stored| stored.status)
            .collect();
        assert_eq!(
            stored,
            [
                JobStatus::Sent,
                JobStatus::Received,
                JobStatus::Accepted,
                JobStatus::ExecutorReady
            ]
        );
    }
}

/// The client waits minutes, and says so; nobody waits for that here.
async fn assert_waits_minutes(client: &FacilitatorClient, status: u16) {
    let change = phase(client, Phase::Waiting).await;
    assert_eq!(
        change.reason,
        Some(LostReason::ConnectFailed(ConnectFailure::new(
            ConnectFailureKind::Http { status },
            ""
        )))
    );
    let retry_in = change.retry_in.unwrap();
    assert!(retry_in >= Duration::from_mins(5), "{retry_in:?}");
}

#[tokio::test]
async fn an_unknown_key_gets_403_and_waits_minutes() {
    let server = serve().await;
    let mut events = server.events();
    let bob = key(Scheme::Sr25519, "//Bob");
    let client = client(&server, &bob, AuthenticationMethod::Headers);
    assert_waits_minutes(&client, 403).await;
    let validator = bob.account();
    assert_eq!(
        refused(&mut events).await,
        UpgradeRefusal::UnknownValidator { validator }
    );
}

#[tokio::test]
async fn a_client_of_the_first_frame_gets_401_and_waits_minutes() {
    let server = serve().await;
    let mut events = server.events();
    let alice = key(Scheme::Sr25519, "//Alice");
    let client = client(&server, &alice, AuthenticationMethod::FirstFrame);
    assert_waits_minutes(&client, 401).await;
    let name = "X-Timestamp";
    assert_eq!(
        refused(&mut events).await,
        UpgradeRefusal::Unauthenticated(HeaderError::Missing { name })
    );
    let connections = server.with(|facilitator, _| facilitator.connections().count());
    assert_eq!(connections, 0);
}

/// What a server answers to an upgrade request with these headers, byte by byte, until it ends the stream.
async fn answer(server: &Server, headers: &[(String, String)]) -> String {
    let mut request = String::from(
        "GET /ws/v0/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    );
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    request.push_str("\r\n");
    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

#[tokio::test]
async fn a_refusal_is_a_whole_http_answer_by_the_servers_own_clock() {
    let server = serve().await;
    let mut events = server.events();
    let alice = key(Scheme::Ed25519, "//Alice");
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs();
    for (at, error) in [
        (now - 100, HeaderError::TooOld),
        (now + 100, HeaderError::TooNew),
    ] {
        let answer = answer(&server, &authentication_headers(&alice, at)).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
        let length = format!("content-length: {}", body.len());
        assert!(head.to_lowercase().contains(&length), "{head}");
        assert_eq!(body, format!("{error}\n"));
        assert_eq!(
            refused(&mut events).await,
            UpgradeRefusal::Unauthenticated(error)
        );
    }
}
