//! `serve`: what it tells, what it pushes, what it refuses, and how it ends.

use std::future::Future;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use facilitator_tokio::core::client::{AuthenticationMethod, TrustPolicy};
use facilitator_tokio::core::message::{
    DecodeMode, ExecutorClass, JobStatus, JsonMap, V2JobRequest,
};
use facilitator_tokio::core::signature::{
    Scheme, authentication_request, hotkey, sign_job_request, verify_job_request,
};
use facilitator_tokio::{Config, Endpoint, Event, FacilitatorClient, Keypair, Outcome};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use crate::child::{Program, TemporaryFile, assert_refused};

const PATIENCE: Duration = Duration::from_mins(1);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it takes too long")
}

fn key(uri: &str) -> Keypair {
    Keypair::from_uri(Scheme::Sr25519, uri).unwrap()
}

fn uuid(number: u128) -> String {
    let digits = format!(
        "{:032x}",
        0xf4b1_c4b2_5d3f_4a39_9c75_0a0c_0de6_1d40 + number
    );
    let (a, rest) = digits.split_at(8);
    format!(
        "{a}-{}-{}-{}-{}",
        &rest[..4],
        &rest[4..8],
        &rest[8..12],
        &rest[12..]
    )
}

fn request(number: u128) -> V2JobRequest {
    V2JobRequest::new(uuid(number), ExecutorClass::AlwaysOnTest, "alpine")
}

/// A server that listens, and its URI.
fn serve(arguments: &[&str]) -> (Program, String) {
    let mut server = Program::start(&[&["serve"], arguments].concat());
    let listening = server.line().expect("it listens");
    assert_eq!(listening["event"], "listening");
    let uri = listening["uri"].as_str().unwrap().to_owned();
    (server, uri)
}

fn client(uri: &str, keypair: &Keypair) -> FacilitatorClient {
    let config = Config {
        backoff_initial: Duration::from_millis(20),
        backoff_max: Duration::from_millis(200),
        // Jobs of these tests are signed by many, and by nobody.
        trust: TrustPolicy::unverified(),
        ..Config::new(Endpoint::parse(uri).unwrap())
    };
    let client = FacilitatorClient::new(config, keypair).unwrap();
    client.start().unwrap();
    client
}

async fn next_job(client: &FacilitatorClient) -> V2JobRequest {
    loop {
        if let Event::JobRequested(request) = soon(client.next_event()).await.unwrap() {
            return *request;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_happens_is_told() {
    let alice = key("//Alice");
    let jobs = TemporaryFile::new(format!("\n{}\n\n", request(1).encode()));
    let (mut server, uri) = serve(&["--listen", "127.0.0.1:0", "--jobs", jobs.path()]);
    assert!(
        uri.starts_with("ws://127.0.0.1:") && uri.ends_with("/ws/v0/"),
        "{uri}"
    );
    let client = client(&uri, &alice);
    assert_eq!(next_job(&client).await, request(1));
    assert_eq!(server.event("connected")["validator_version"], "unknown");
    assert_eq!(server.line().unwrap()["event"], "authenticated");
    assert_eq!(
        server.line().unwrap(),
        json!({"event": "job_pushed", "connection": 1, "uuid": uuid(1)})
    );
    assert_eq!(
        server.line().unwrap(),
        json!({"event": "heartbeat", "connection": 1})
    );
    let update = json!({"event": "status_update", "connection": 1, "uuid": uuid(1), "status": "received",
                        "metadata": null, "outcome": "stored"});
    assert_eq!(server.line().unwrap(), update);
    let specs: JsonMap = [
        ("cpu", r#"{"count":8}"#),
        ("ram", "{}"),
        ("hard_disk", "{}"),
    ]
    .into_iter()
    .map(|(key, value)| (key, value.parse().unwrap()))
    .collect();
    soon(client.send_machine_specs(&key("//Miner").public().to_ss58(), &uuid(7), specs))
        .await
        .unwrap()
        .await;
    let line = server.line().unwrap();
    assert_eq!(
        (&line["event"], &line["outcome"]),
        (&json!("machine_specs"), &json!("stored"))
    );
    assert_eq!(
        (&line["specs"]["cpu"]["count"], &line["batch_id"]),
        (&json!(8), &json!(uuid(7)))
    );
    // The same job is known here, but not to the server: it answers so.
    let receipt = soon(client.send_status(&uuid(2), JobStatus::Accepted))
        .await
        .unwrap();
    assert!(matches!(soon(receipt).await.outcome, Outcome::Refused(_)));
    assert_eq!(server.line().unwrap()["outcome"], "unknown_job");
    soon(client.stop()).await.unwrap();
    let gone = server.line().unwrap();
    assert_eq!(
        (&gone["event"], &gone["cause"]),
        (&json!("disconnected"), &json!("closed_by_peer"))
    );
    assert_eq!(gone["code"], 1000);
    server.signal("TERM");
    let finished = server.finish();
    assert_eq!(finished.status, Some(0));
    assert_eq!(
        finished.stdout.lines().last(),
        Some(r#"{"event":"stopped"}"#)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_named_validators_may_come_in() {
    let (alice, bob) = (key("//Alice"), key("//Bob"));
    let address = alice.public().to_ss58();
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--validator",
        &address,
        "--imitate",
        "daphne",
    ];
    let (mut server, uri) = serve(&arguments);
    let client_of_bob = client(&uri, &bob);
    let refused = server.event("authentication_refused");
    assert_eq!(refused["reason"], "validator_not_found");
    assert_eq!(refused["validator"], bob.public().to_ss58());
    let client_of_alice = client(&uri, &alice);
    assert_eq!(server.event("authenticated")["validator"], address);
    client_of_bob.abort().unwrap();
    server.signal("INT");
    let finished = server.finish();
    assert_eq!(finished.status, Some(0));
    client_of_alice.abort().unwrap();
}

/// The server is killed and started again in between; the client goes on as if nothing was.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_server_is_killed_and_started_again() {
    let lines: Vec<String> = (1..=3).map(|number| request(number).encode()).collect();
    let jobs = TemporaryFile::new(lines.join("\n"));
    let arguments = |address: &str| ["--listen", address, "--jobs", jobs.path()].map(String::from);
    let start = |address: &str| {
        let arguments = arguments(address);
        serve(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let (mut first, uri) = start("127.0.0.1:0");
    let client = client(&uri, &key("//Alice"));
    for number in 1..=3 {
        assert_eq!(next_job(&client).await.uuid, uuid(number));
    }
    let send = async |status: JobStatus| {
        let mut receipts = Vec::new();
        for number in 1..=3 {
            receipts.push(
                soon(client.send_status(&uuid(number), status))
                    .await
                    .unwrap(),
            );
        }
        receipts
    };
    for receipt in send(JobStatus::Accepted).await {
        assert_eq!(soon(receipt).await.outcome, Outcome::Acknowledged);
    }
    let mut stored = Vec::new();
    while stored.len() < 6 {
        stored.push(first.event("status_update"));
    }
    first.signal("KILL");
    assert_eq!(first.finish().status, None);
    // While nobody listens.
    let mut receipts = send(JobStatus::ExecutorReady).await;
    receipts.extend(send(JobStatus::VolumesReady).await);
    let address = uri
        .strip_prefix("ws://")
        .unwrap()
        .strip_suffix("/ws/v0/")
        .unwrap();
    let (second, again) = start(address);
    assert_eq!(again, uri);
    receipts.extend(send(JobStatus::ExecutionDone).await);
    for receipt in receipts {
        assert_eq!(soon(receipt).await.outcome, Outcome::Acknowledged);
    }
    assert!(soon(client.stop()).await.unwrap().owed.is_empty());
    second.signal("TERM");
    let finished = second.finish();
    assert_eq!(finished.status, Some(0));
    let statuses = |uuid: &str| -> Vec<String> {
        let lines = finished
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter(|line| line["event"] == "status_update" && line["uuid"] == uuid)
            .inspect(|line| assert_eq!(line["outcome"], "stored"))
            .map(|line| line["status"].as_str().unwrap().to_owned())
            .collect()
    };
    for number in 1..=3 {
        assert_eq!(
            statuses(&uuid(number)),
            ["executor_ready", "volumes_ready", "execution_done"]
        );
    }
}

/// Every job request that the reference signed, through a file, the server and a session.
#[tokio::test(flavor = "multi_thread")]
async fn signed_job_requests_arrive_complete() {
    let vectors = include_str!("../../../tests/vectors/signed.jsonl");
    let vectors: Vec<Value> = vectors
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let valid =
        |vector: &&Value| vector["verdict"] == "accept" && vector["model"] == "V2JobRequest";
    let requests: Vec<&str> = vectors
        .iter()
        .filter(valid)
        .map(|vector| vector["json"].as_str().unwrap())
        .collect();
    assert!(requests.len() > 20);
    let jobs = TemporaryFile::new(requests.join("\r\n"));
    let (mut server, uri) = serve(&["--listen", "127.0.0.1:0", "--jobs", jobs.path()]);
    let client = client(&uri, &key("//Alice"));
    for text in &requests {
        let mut sent = V2JobRequest::decode(text, DecodeMode::Strict)
            .unwrap()
            .message;
        let received = next_job(&client).await;
        verify_job_request(&received).unwrap();
        // They all have the same uuid, and no signature covers it.
        sent.uuid.clone_from(&received.uuid);
        assert_eq!(received, sent);
    }
    soon(client.stop()).await.unwrap();
    let mut uuids: Vec<Value> = requests
        .iter()
        .map(|_| server.event("job_pushed")["uuid"].take())
        .collect();
    uuids.sort_by_key(ToString::to_string);
    uuids.dedup();
    assert_eq!(uuids.len(), requests.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_without_a_signature_are_signed_and_the_key_is_never_shown() {
    let signer = Keypair::from_seed(Scheme::Sr25519, *b"a seed that nobody should ever s").unwrap();
    let file = hotkey::to_json(&signer);
    let hotkey_file = TemporaryFile::new(file.as_bytes());
    let other = key("//Other");
    let mut other_request = request(2);
    sign_job_request(&mut other_request, &other, 17);
    let jobs = TemporaryFile::new([request(1).encode(), other_request.encode()].join("\n"));
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--jobs",
        jobs.path(),
        "--sign-with",
        hotkey_file.path(),
        "-vv",
    ];
    let (server, uri) = serve(&arguments);
    let alice = key("//Alice");
    let client = client(&uri, &alice);
    let first = next_job(&client).await;
    assert_eq!(verify_job_request(&first).as_ref(), Ok(signer.public()));
    assert_eq!(next_job(&client).await, other_request);
    soon(client.stop()).await.unwrap();
    server.signal("TERM");
    let finished = server.finish();
    assert_eq!(finished.status, Some(0));
    let secrets = [
        "a seed that nobody should".to_owned(),
        "6120736565642074686174206e6f626f6479".to_owned(),
        authentication_request(&alice).signature,
        "V0AuthenticationRequest".to_owned(),
    ];
    assert!(file.contains(&secrets[1]));
    for secret in secrets {
        assert!(
            !finished.stdout.contains(&secret),
            "{secret} in {}",
            finished.stdout
        );
        assert!(
            !finished.stderr.contains(&secret),
            "{secret} in {}",
            finished.stderr
        );
    }
}

/// A connection that takes the answer to its authentication, and lives until it is dropped.
fn authenticated(uri: &str, keypair: &Keypair) -> WebSocket<TcpStream> {
    let address = uri.trim_start_matches("ws://").split('/').next().unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut socket, _) = tungstenite::client(uri, stream).unwrap();
    let request = authentication_request(keypair).encode();
    socket.send(Message::text(request)).unwrap();
    assert!(text(&mut socket).contains("success"));
    socket
}

fn text(socket: &mut WebSocket<TcpStream>) -> String {
    loop {
        if let Message::Text(text) = socket.read().unwrap() {
            return text.to_string();
        }
    }
}

/// A request that was lost with its connection comes again only when that is asked for: the facilitator of today
/// leaves it at once.
#[test]
fn a_job_without_a_status_is_pushed_again_on_demand() {
    let alice = key("//Alice");
    let jobs = TemporaryFile::new(request(1).encode());
    for again in [false, true] {
        let mut arguments = vec!["--listen", "127.0.0.1:0", "--jobs", jobs.path()];
        arguments.extend(again.then_some("--push-again"));
        let (mut server, uri) = serve(&arguments);
        let mut first = authenticated(&uri, &alice);
        assert!(text(&mut first).contains(&uuid(1)));
        drop(first);
        server.event("disconnected");
        let mut second = authenticated(&uri, &alice);
        // Answers come in order: what is not before this one was not sent.
        second.send(Message::text("{}")).unwrap();
        assert_eq!(text(&mut second).contains(&uuid(1)), again);
        // With a status, it stays away.
        let update = format!(
            r#"{{"message_type":"V0JobStatusUpdate","uuid":"{}","status":"received","metadata":null}}"#,
            uuid(1)
        );
        second.send(Message::text(update)).unwrap();
        server.event("status_update");
        let mut third = authenticated(&uri, &alice);
        third.send(Message::text("{}")).unwrap();
        assert!(!text(&mut third).contains(&uuid(1)));
    }
}

#[test]
fn wrong_arguments_are_one_line() {
    assert_refused(&["serve"], 2, &["--listen"]);
    for address in [
        "",
        "8000",
        "localhost",
        ":8000",
        "127.0.0.1:",
        "127.0.0.1:65536",
    ] {
        assert_refused(
            &["serve", "--listen", address],
            2,
            &["--listen", address, "HOST:PORT"],
        );
    }
    let with = |more: &[&str], words: &[&str]| {
        assert_refused(
            &[&["serve", "--listen", "127.0.0.1:0"], more].concat(),
            2,
            words,
        );
    };
    with(&["--validator", "5Nope"], &["--validator", "5Nope", "SS58"]);
    with(
        &["--imitate", "nginx"],
        &["--imitate", "nginx", "uvicorn and daphne"],
    );
    with(&["--sign-with", "x"], &["--jobs"]);
    with(
        &["--jobs", "no-such-file"],
        &["no-such-file", "cannot be read", "job request"],
    );
}

#[test]
fn wrong_files_are_one_line_that_names_the_place() {
    let good = request(1).encode();
    let refused = |content: &[u8], words: &[&str]| {
        let jobs = TemporaryFile::new(content);
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--jobs", jobs.path()];
        assert_refused(&arguments, 2, &[&[jobs.path()], words].concat());
    };
    refused(format!("{good}\n\n{{").as_bytes(), &["line 3"]);
    refused(b"\xff", &["line 1", "utf-8"]);
    refused(b"{}", &["line 1", "message_type"]);
    refused(
        br#"{"message_type":"V0Heartbeat"}"#,
        &["line 1", "V0Heartbeat"],
    );
    refused(
        good.replace("\"args\":[]", "\"args\":[1]").as_bytes(),
        &["line 1", "args", "string"],
    );
    refused(
        good.replace("\"args\":", "\"arg\":").as_bytes(),
        &["line 1", "arg"],
    );
    refused(
        good.replace(&uuid(1), "nope").as_bytes(),
        &["line 1", "nope", "UUID"],
    );
    refused(
        good.replace("always_on.test", "a\\nb").as_bytes(),
        &["line 1", "executor_class"],
    );

    let jobs = TemporaryFile::new(&good);
    for (content, words) in [
        ("", "key file"),
        ("{}", "secretSeed"),
        ("$NACLxyz", "encrypted"),
        (r#"{"secretSeed":"0xcanary"}"#, "secretSeed"),
    ] {
        let key = TemporaryFile::new(content);
        let arguments = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--jobs",
            jobs.path(),
            "--sign-with",
            key.path(),
            "-vv",
        ];
        assert_refused(&arguments, 2, &[key.path(), words]);
    }
    let arguments = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--jobs",
        jobs.path(),
        "--sign-with",
        "no-such-key",
    ];
    assert_refused(&arguments, 2, &["no-such-key", "cannot be read"]);
}

#[test]
fn an_address_that_is_taken_is_a_failure() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_refused(
        &["serve", "--listen", &address],
        1,
        &[&address, "cannot listen"],
    );
    assert_refused(
        &["serve", "--listen", "host.invalid:1"],
        1,
        &["host.invalid:1", "cannot listen"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn validators_authenticate_in_headers_where_it_is_asked_for() {
    let alice = key("//Alice");
    let address = alice.public().to_ss58();
    let listen = ["--listen", "127.0.0.1:0"];
    let arguments = ["--authentication", "headers", "--validator", &address];
    let arguments = [&listen[..], &arguments].concat();
    let (mut server, uri) = serve(&arguments);
    let connect = |keypair: &Keypair| {
        let config = Config {
            authentication: AuthenticationMethod::Headers,
            ..Config::new(Endpoint::parse(&uri).unwrap())
        };
        let client = FacilitatorClient::new(config, keypair).unwrap();
        client.start().unwrap();
        client
    };
    let bob = key("//Bob");
    let unknown = connect(&bob);
    let refused = server.event("upgrade_refused");
    assert_eq!(refused["status"], 403);
    assert_eq!(refused["path"], "/ws/v0/");
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.contains(&bob.public().to_ss58()), "{reason}");
    drop(unknown);

    let known = connect(&alice);
    assert_eq!(server.event("authenticated")["validator"], address);
    soon(known.stop()).await.unwrap();
    server.signal("TERM");
    assert_eq!(server.finish().status, Some(0));
}
