//! What two real servers were seen to do, replayed against the simulated facilitator that imitates them.
//!
//! The observations of one server share one database, so they are replayed in their order on one facilitator, each on
//! connections of its own. The world they were made in: Alice is an active validator, Bob an active miner.
#![cfg(test)]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use facilitator_core::facilitator::{
    Delivery, EndCause, Event, Facilitator, FacilitatorConfig, JobRecord, Known, Output, Server,
};
use facilitator_core::message::{
    DecodeMode, ExecutorClass, FacilitatorMessage, V2JobRequest, ValidatorMessage,
};
use facilitator_core::signature::{Keypair, Scheme, authentication_request};
use facilitator_core::{CloseFrame, ConnectionId, Frame, Timestamp};
use facilitator_tests::vectors::{self, Tally};
use serde_json::{Value, json};

const SUCCESS: &str = r#"{"status":"success","errors":[]}"#;
/// How long after a crash the slower server closes.
const CRASH_DELAY: Duration = Duration::from_secs(1);
/// How long the simulated handler takes for a frame where the observation is about frames that wait.
const HANDLING_TIME: Duration = Duration::from_millis(7);

/// A facilitator with a clock, in the world of the observations.
struct World {
    facilitator: Facilitator,
    now: Timestamp,
    connections: u64,
    crashed: bool,
}

/// What one step made the facilitator do.
#[derive(Default, Debug)]
struct Seen {
    texts: Vec<Arc<str>>,
    pings: usize,
    /// How it ended, as the observations write it: code and reason, or null for a dropped transport.
    closed: Option<Value>,
}

impl World {
    fn new(server: Server, handling_time: Duration) -> Self {
        let facilitator = Facilitator::new(FacilitatorConfig {
            validators: Known::only([ALICE.public().account()]),
            miners: Known::only([BOB.public().account()]),
            handling_time,
            ..FacilitatorConfig::imitating(server)
        });
        Self {
            facilitator,
            now: Timestamp::ZERO,
            connections: 0,
            crashed: false,
        }
    }

    fn connect(&mut self, headers: &[(&str, &str)]) -> ConnectionId {
        self.connections += 1;
        let conn = ConnectionId(self.connections);
        self.facilitator.handle_connected(self.now, conn, headers);
        conn
    }

    /// A connection on which Alice has authenticated.
    fn authenticated(&mut self, headers: &[(&str, &str)]) -> ConnectionId {
        let conn = self.connect(headers);
        let hello = ValidatorMessage::Authentication(authentication_request(&ALICE));
        self.facilitator
            .handle_frame(self.now, conn, Frame::text(hello.encode()));
        let seen = self.pass(self.facilitator.config().handling_time, conn);
        assert_eq!(texts(&seen), [SUCCESS], "the authentication");
        conn
    }

    /// Lets time pass as a driver does, and gathers what happens on one connection.
    fn pass(&mut self, time: Duration, conn: ConnectionId) -> Seen {
        let until = self.now + time;
        let mut seen = Seen::default();
        self.drain(conn, &mut seen);
        while let Some(at) = self.facilitator.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.facilitator.handle_timeout(self.now);
            self.drain(conn, &mut seen);
        }
        self.now = until;
        seen
    }

    fn drain(&mut self, wanted: ConnectionId, seen: &mut Seen) {
        while let Some(output) = self.facilitator.poll_output() {
            match output {
                Output::Transmit {
                    conn,
                    frame: Frame::Text(text),
                } if conn == wanted => seen.texts.push(text),
                Output::Transmit {
                    conn,
                    frame: Frame::Ping(payload),
                } => {
                    self.facilitator
                        .handle_frame(self.now, conn, Frame::Pong(payload));
                    seen.pings += usize::from(conn == wanted);
                }
                Output::Disconnect { conn, close } if conn == wanted => {
                    seen.closed = Some(json!(close.map(|close| (close.code, close.reason))));
                }
                Output::Event(Event::Ended {
                    cause: EndCause::Crashed,
                    ..
                }) => self.crashed = true,
                _ => {}
            }
        }
    }

    fn push(&mut self, uuid: &str) {
        let request = V2JobRequest::new(uuid, ExecutorClass::AlwaysOnTest, "python:3.11");
        self.facilitator
            .push_job(self.now, request)
            .expect("a fresh job");
    }
}

static ALICE: LazyLock<Keypair> = LazyLock::new(|| development_key("//Alice"));
static BOB: LazyLock<Keypair> = LazyLock::new(|| development_key("//Bob"));

fn development_key(uri: &str) -> Keypair {
    Keypair::from_uri(Scheme::Sr25519, uri).expect("a development key")
}

fn texts(seen: &Seen) -> Vec<&str> {
    seen.texts.iter().map(|text| &**text).collect()
}

/// The frame that a step sent. Long ones are abbreviated in the file: their end is made up again.
fn frame(sent: &str) -> Frame {
    if let Some(hex) = sent.strip_prefix("bytes:") {
        let digits = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| std::str::from_utf8(pair).expect("hex"));
        let bytes: Vec<u8> = digits
            .map(|pair| u8::from_str_radix(pair, 16).expect("hex"))
            .collect();
        return Frame::Binary(bytes.into());
    }
    let abbreviated = sent
        .strip_suffix(" chars)")
        .and_then(|rest| rest.rsplit_once("...("));
    let Some((start, length)) = abbreviated else {
        return Frame::text(sent);
    };
    let length: usize = length.parse().expect("a number of characters");
    if let Some((start, _)) = start.split_once(r#""specs": "#) {
        let specs = json!({"cpu": {"model": "x", "count": 8}, "ram": {"total": 1}, "hard_disk": {"total": 1}});
        // The abbreviated ones are of an unknown miner, or have a batch id that is no UUID.
        return Frame::text(format!(
            r#"{start}"specs": {specs}, "batch_id": "no uuid"}}"#
        ));
    }
    let end = r#""}}"#;
    let padding = "x".repeat(length - start.len() - end.len());
    Frame::text([start, &padding, end].concat())
}

/// Answers must be equal. Of other vectors than ours, those that quote the validation library may word it differently.
fn assert_answer(case: &str, expected: &str, found: &str) {
    if expected == found {
        return;
    }
    assert!(
        !vectors::are_our_own(),
        "{case}:\nexpected {expected}\n   found {found}"
    );
    let parse = |text: &str| serde_json::from_str::<Value>(text).expect("an answer is JSON");
    let (mut expected_value, mut found_value) = (parse(expected), parse(found));
    for value in [&mut expected_value, &mut found_value] {
        for error in value["errors"].as_array_mut().expect("a list of errors") {
            if error.get("url").is_some() {
                error["msg"] = Value::Null;
                if let Some(context) = error.get_mut("ctx") {
                    *context = Value::Null;
                }
            }
        }
    }
    assert_eq!(
        expected_value, found_value,
        "{case}:\nexpected {expected}\n   found {found}"
    );
}

/// The job of a status frame that the server must have had on record.
fn known_job(step: &Value) -> Option<String> {
    let Frame::Text(text) = frame(step["sent"].as_str()?) else {
        return None;
    };
    let unknown = step["received"]
        .as_array()?
        .iter()
        .any(|text| text.to_string().contains("job.not_found"));
    match ValidatorMessage::decode(&text, DecodeMode::Strict)
        .ok()?
        .message
    {
        ValidatorMessage::JobStatus(update) if !unknown && update.uuid != "nope" => {
            Some(update.uuid)
        }
        _ => None,
    }
}

fn replay_steps(world: &mut World, name: &str, case: &Value) {
    let steps = case["steps"].as_array().expect("steps");
    let conn = match case["auth_response"].as_str() {
        Some(answer) => {
            assert_eq!(answer, SUCCESS, "{name}");
            world.authenticated(&[])
        }
        None => world.connect(&[]),
    };
    for uuid in steps.iter().filter_map(known_job) {
        if world.facilitator.job(&uuid).is_none() {
            world.push(&uuid);
        }
    }
    world.pass(Duration::ZERO, conn);

    let (mut expected, mut found): (Vec<&str>, Vec<Arc<str>>) = (Vec::new(), Vec::new());
    let mut closed = None;
    for step in steps {
        let sent = step["sent"].as_str().expect("a frame");
        expected.extend(
            step["received"]
                .as_array()
                .expect("answers")
                .iter()
                .filter_map(Value::as_str),
        );
        world.facilitator.handle_frame(world.now, conn, frame(sent));
        let mut seen = world.pass(Duration::ZERO, conn);
        found.append(&mut seen.texts);
        closed = closed.or(seen.closed);
        // The observer waited for a moment only, so an answer may have been seen a step later than it is given here.
        assert!(
            found.len() >= expected.len(),
            "{name}: no answer to {sent:.200}, expected {expected:?}"
        );
        match &step["closed"] {
            Value::Null => assert_eq!(closed, None, "{name}: closed after {sent:.200}"),
            close => {
                closed = closed.or(world.pass(CRASH_DELAY, conn).closed);
                assert_eq!(
                    closed.as_ref(),
                    Some(&close["rcvd"]),
                    "{name}: after {sent:.200}"
                );
            }
        }
    }
    assert_eq!(
        found.len(),
        expected.len(),
        "{name}: {found:?}, expected {expected:?}"
    );
    for (expected, found) in expected.iter().zip(&found) {
        assert_answer(name, expected, found);
    }
    if closed.is_none() {
        world.crashed = false;
        let seen = world.pass(CRASH_DELAY, conn);
        assert!(seen.texts.is_empty(), "{name}: {:?}", seen.texts);
        // Nothing ends by itself, but for a crash whose close came too late for the observer.
        assert_eq!(seen.closed.is_some(), world.crashed, "{name}");
        assert!(
            !world.crashed || expected.is_empty(),
            "{name}: crashed after an answer"
        );
        world.facilitator.handle_disconnected(world.now, conn);
    }
}

/// Hands in 100 statuses of 100 jobs at once, on a server whose handler takes its time.
fn pipelined(server: Server) -> (World, ConnectionId) {
    let mut world = World::new(server, HANDLING_TIME);
    let conn = world.authenticated(&[]);
    for n in 0..100 {
        world.push(&uuid(n));
    }
    world.pass(Duration::ZERO, conn);
    for n in 0..100 {
        world
            .facilitator
            .handle_frame(world.now, conn, Frame::text(status(&uuid(n))));
    }
    (world, conn)
}

fn uuid(n: u64) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

fn status(uuid: &str) -> String {
    format!(
        r#"{{"message_type":"V0JobStatusUpdate","uuid":"{uuid}","status":"received","metadata":null}}"#
    )
}

/// The time at which so many answers are out and the next frame is in hand.
fn after(answers: &Value) -> Duration {
    let answers = u32::try_from(answers.as_u64().unwrap_or(0)).expect("a small number");
    HANDLING_TIME * answers + HANDLING_TIME / 2
}

fn replay_lost_connection(server: Server, case: &Value, close: Option<CloseFrame>) {
    let (mut world, conn) = pipelined(server);
    let answers = world.pass(after(&case["acks_read"]), conn).texts.len();
    assert_eq!(answers as u64, case["acks_read"].as_u64().unwrap_or(0));
    match close {
        Some(close) => world
            .facilitator
            .handle_frame(world.now, conn, Frame::Close(Some(close))),
        None => world.facilitator.handle_disconnected(world.now, conn),
    }
    world.pass(HANDLING_TIME * 200, conn);
    assert_eq!(
        world.facilitator.stats().statuses_stored,
        case["stored_of_100"].as_u64().expect("a count"),
        "{case}"
    );
}

fn replay_pattern(server: Server, case: &Value) {
    let pattern = |key: &str| -> Vec<&str> {
        case[key]
            .as_array()
            .expect("a pattern")
            .iter()
            .filter_map(Value::as_str)
            .collect()
    };
    let mut world = World::new(server, HANDLING_TIME);
    let conn = world.authenticated(&[]);
    let sent = pattern("sent_pattern");
    for (n, _) in (0..).zip(&sent) {
        world.push(&uuid(n));
    }
    world.pass(Duration::ZERO, conn);
    for (n, kind) in (0..).zip(&sent) {
        let text = match *kind {
            "ok" => status(&uuid(n)),
            "err" => status(&uuid(1_000_000 + n)),
            "bad" => "{".to_string(),
            other => panic!("an unknown kind of frame: {other}"),
        };
        world
            .facilitator
            .handle_frame(world.now, conn, Frame::text(text));
    }
    let seen = world.pass(HANDLING_TIME * 200, conn);
    let kind = |text: &Arc<str>| match &**text {
        SUCCESS => "ok",
        text if text.contains("job.not_found") => "err",
        _ => "bad",
    };
    let answers: Vec<&str> = seen.texts.iter().map(kind).collect();
    assert_eq!(answers, pattern("response_pattern"));
}

fn replay_push(world: &mut World, case: &Value) {
    let conn = world.authenticated(&[]);
    for text in case["received"]
        .as_array()
        .expect("pushed frames")
        .iter()
        .filter_map(Value::as_str)
    {
        let delivery = match FacilitatorMessage::decode(text, DecodeMode::Strict)
            .expect("a message")
            .message
        {
            FacilitatorMessage::JobRequest(request) => world
                .facilitator
                .push_job(world.now, *request)
                .expect("a fresh job"),
            FacilitatorMessage::JobCheated(report) => world
                .facilitator
                .report_cheated_job(world.now, *report)
                .expect("a known job"),
            FacilitatorMessage::Response(_) => panic!("a response was pushed"),
        };
        assert!(
            matches!(delivery, Delivery::Sent { connections: 1, .. }),
            "{delivery:?}"
        );
        let seen = world.pass(Duration::ZERO, conn);
        assert_eq!(texts(&seen), [text]);
    }
    world.facilitator.handle_disconnected(world.now, conn);
}

fn replay_interleaving(server: Server, case: &Value) {
    let (mut world, conn) = pipelined(server);
    let mut seen = world.pass(after(&case["push_position"]), conn).texts;
    world.push(&uuid(1000));
    seen.extend(world.pass(HANDLING_TIME * 200, conn).texts);
    assert_eq!(seen.len() as u64, case["total"].as_u64().expect("a count"));
    let position = seen.iter().position(|text| text.contains("V2JobRequest"));
    assert_eq!(position.map(|at| at as u64), case["push_position"].as_u64());
}

fn replay_record(world: &World, case: &Value) {
    let expected = case["statuses"].as_array().expect("statuses");
    let history = |job: &JobRecord| -> Vec<Value> {
        let statuses = job.statuses().iter();
        statuses
            .map(|stored| {
                json!([
                    stored.status.as_str(),
                    stored.metadata.as_ref().map_or("{}", |_| "some")
                ])
            })
            .collect()
    };
    let expected: Vec<Value> = expected
        .iter()
        .map(|status| json!([status[0], status[1].to_string()]))
        .collect();
    // The file does not say which job it was; one of those replayed so far must have this history.
    assert!(
        world.facilitator.jobs().any(|job| history(job) == expected),
        "no job was stored as {expected:?}"
    );
}

fn replay_headers(world: &mut World, case: &Value) {
    let (version, runner) = (case["version"].as_str(), case["runner"].as_str());
    let headers = [
        ("X-Validator-Version", version.expect("a version")),
        ("X-Validator-Runner-Version", runner.expect("a version")),
    ];
    let conn = world.authenticated(&headers);
    let (_, record) = world.facilitator.validators().next().expect("Alice");
    assert_eq!(
        (record.version.as_deref(), record.runner_version.as_deref()),
        (version, runner)
    );
    world.facilitator.handle_disconnected(world.now, conn);
}

fn replay_forced_disconnect(world: &mut World, case: &Value) {
    let conn = world.authenticated(&[]);
    assert_eq!(
        world
            .facilitator
            .disconnect_validator(world.now, ALICE.public().account()),
        1
    );
    let seen = world.pass(Duration::ZERO, conn);
    assert_eq!(seen.closed.as_ref(), Some(&case["closed"]["rcvd"]));
    assert!(seen.texts.is_empty());
}

fn replay_idle(server: Server, case: &Value) {
    let mut world = World::new(server, Duration::ZERO);
    let conn = world.connect(&[]);
    // The close at the end is the observer's own.
    let frames = case["frames"]
        .as_array()
        .expect("frames")
        .iter()
        .filter(|frame| frame[1] == "PING");
    for (n, frame) in frames.enumerate() {
        let at = frame[0].as_f64().expect("a time");
        let until = Timestamp::from_duration(Duration::from_secs_f64(at));
        let seen = world.pass(until.saturating_duration_since(world.now), conn);
        assert_eq!((seen.pings, seen.closed), (1, None), "ping {n} by {at} s");
        assert!(seen.texts.is_empty());
    }
}

/// Replays one case and says of which class it is.
fn replay(world: &mut World, server: Server, case: &Value) -> &'static str {
    let name = case["case"].as_str().expect("a name");
    match name {
        _ if case.get("steps").is_some() => {
            replay_steps(world, &format!("{server:?} {name}"), case);
            "steps"
        }
        "client_aborts_tcp_after_sending_100_no_acks_read" | "client_abort_after_100_pipelined" => {
            replay_lost_connection(server, case, None);
            "lost connection"
        }
        "client_graceful_close_after_100_pipelined" => {
            replay_lost_connection(server, case, Some(CloseFrame::new(CloseFrame::NORMAL)));
            "lost connection"
        }
        "pipelined_100_status_updates_plus_10_malformed" => {
            replay_pattern(server, case);
            "pipelining"
        }
        "push_interleaves_with_acks" => {
            replay_interleaving(server, case);
            "pipelining"
        }
        "push_V2JobRequest" | "push_V0JobCheated" => {
            replay_push(world, case);
            "push"
        }
        "db_statuses_of_job_j" => {
            replay_record(world, case);
            "record"
        }
        "headers_stored" => {
            replay_headers(world, case);
            "record"
        }
        "server_forced_disconnect" => {
            replay_forced_disconnect(world, case);
            "forced disconnect"
        }
        "server_initiated_frames_in_45s_idle_unauthenticated" => {
            replay_idle(server, case);
            "pings"
        }
        _ => "not covered",
    }
}

#[test]
fn server_observed() {
    let mut worlds = BTreeMap::new();
    let mut tally = Tally::default();
    for line in vectors::lines("server_observed.jsonl") {
        let case: Value = serde_json::from_str(&line).expect("a line is JSON");
        let name = case["server"].as_str().expect("a server").to_owned();
        let server = match &*name {
            "uvicorn" => Server::Uvicorn,
            "daphne" => Server::Daphne,
            other => panic!("an unknown server: {other}"),
        };
        let world = worlds
            .entry(name.clone())
            .or_insert_with(|| World::new(server, Duration::ZERO));
        let class = replay(world, server, &case);
        tally.count(format!("{name}: {class}"));
    }
    println!("server_observed.jsonl\n{tally}");
    if vectors::are_our_own() {
        assert_eq!(tally.total(), 106);
        assert!(!tally.has("uvicorn: not covered") && !tally.has("daphne: not covered"));
    }
}
