//! A session alone: the test plays the network, the facilitator and the clock, frame by frame.

use std::time::Duration;

use facilitator_core::client::{
    Config, ConnectFailure, ConnectFailureKind, Disconnected, Endpoint, Event, FacilitatorClient,
    Outcome, Output, Owed, Phase, Receipt, Timer, TrustPolicy, UpdateId,
};
use facilitator_core::message::{
    JobStatus, JobStatusMetadata, Json, JsonMap, MinerResponse, V0JobStatusUpdate,
};
use facilitator_core::signature::{Keypair, Scheme};
use facilitator_core::{CloseFrame, ConnectionId, Frame, Timestamp};

/// The answer of a facilitator that is content.
pub const SUCCESS: &str = r#"{"status":"success","errors":[]}"#;

/// A configuration for tests: the defaults, with an endpoint that nobody connects to, and jobs that need no signature.
pub fn config() -> Config {
    Config {
        trust: TrustPolicy::unverified(),
        ..Config::new(Endpoint::public())
    }
}

/// The key of the session under test.
pub fn keypair() -> Keypair {
    Keypair::from_seed(Scheme::Ed25519, [7; 32])
        .unwrap_or_else(|error| panic!("a seed is always a key: {error}"))
}

/// An error `Response`.
pub fn error(kind: &str) -> String {
    format!(r#"{{"status":"error","errors":[{{"msg":"m","type":"{kind}","help":""}}]}}"#)
}

/// An error `Response` as the validator library words it for a message that does not parse.
pub fn error_at(kind: &str, loc: &str) -> String {
    format!(
        r#"{{"status":"error","errors":[{{"msg":"m","type":"{kind}","help":"","loc":{loc},"input":1}}]}}"#
    )
}

/// The uuid of the n-th job.
pub fn job(n: u128) -> String {
    uuid_text(0x0a00_0000_0000_4000_8000_0000_0000_0000 + n)
}

fn uuid_text(n: u128) -> String {
    let hex = format!("{n:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}

/// A job request for this uuid.
pub fn job_request(uuid: &str) -> String {
    format!(
        r#"{{"message_type": "V2JobRequest", "type": "job.new", "uuid": "{uuid}", "executor_class": "always_on.test", "docker_image": "python:3.11", "args": [], "env": {{}}, "download_time_limit": 1, "execution_time_limit": 1, "upload_time_limit": 1, "streaming_start_time_limit": 1}}"#
    )
}

/// A status of a job; with `completed` goes the output that it needs.
pub fn update(uuid: &str, status: JobStatus) -> V0JobStatusUpdate {
    let update = V0JobStatusUpdate::new(uuid, status);
    if status != JobStatus::Completed {
        return update;
    }
    update.with_metadata(JobStatusMetadata {
        miner_response: Some(Box::new(MinerResponse::new("", "done"))),
        ..JobStatusMetadata::default()
    })
}

/// Machine specs that the facilitator can read.
pub fn specs() -> JsonMap {
    let json = |text| Json::parse(text).unwrap_or_else(|error| panic!("{error}"));
    [
        ("cpu", json(r#"{"count":8}"#)),
        ("ram", json("{}")),
        ("hard_disk", json("{}")),
    ]
    .into_iter()
    .collect()
}

/// What a session has put out since it was last asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    /// Connection attempts.
    pub connects: Vec<ConnectionId>,
    /// Frames, with their connection.
    pub frames: Vec<(ConnectionId, Frame)>,
    /// Ends of connections.
    pub disconnects: Vec<(ConnectionId, Option<CloseFrame>)>,
    /// Events.
    pub events: Vec<Event>,
}

impl Outputs {
    /// Adds what came later.
    pub fn append(&mut self, later: Self) {
        self.connects.extend(later.connects);
        self.frames.extend(later.frames);
        self.disconnects.extend(later.disconnects);
        self.events.extend(later.events);
    }

    /// The text frames.
    pub fn texts(&self) -> Vec<String> {
        let text = |frame: &Frame| match frame {
            Frame::Text(text) => Some(text.to_string()),
            _ => None,
        };
        self.frames
            .iter()
            .filter_map(|(_, frame)| text(frame))
            .collect()
    }

    /// The statuses among the text frames, as `uuid` and `status`.
    pub fn statuses(&self) -> Vec<(String, String)> {
        self.json("V0JobStatusUpdate")
            .into_iter()
            .map(|m| (field(&m, "uuid"), field(&m, "status")))
            .collect()
    }

    /// How many heartbeats there are.
    pub fn heartbeats(&self) -> usize {
        self.json("V0Heartbeat").len()
    }

    /// How many machine specs there are.
    pub fn specs(&self) -> usize {
        self.json("V0MachineSpecsUpdate").len()
    }

    /// The payloads of the pings.
    pub fn pings(&self) -> Vec<std::sync::Arc<[u8]>> {
        let ping = |frame: &Frame| match frame {
            Frame::Ping(payload) => Some(payload.clone()),
            _ => None,
        };
        self.frames
            .iter()
            .filter_map(|(_, frame)| ping(frame))
            .collect()
    }

    /// The phases that were announced.
    pub fn phases(&self) -> Vec<Phase> {
        let phase = |event: &Event| match event {
            Event::Phase(change) => Some(change.phase),
            _ => None,
        };
        self.events.iter().filter_map(phase).collect()
    }

    /// The receipts.
    pub fn receipts(&self) -> Vec<&Receipt> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Receipt(receipt) => Some(receipt),
                _ => None,
            })
            .collect()
    }

    /// The outcome of one message, by its receipt; fails when it has not exactly one.
    pub fn outcome(&self, id: UpdateId) -> &Outcome {
        let found: Vec<_> = self
            .receipts()
            .into_iter()
            .filter(|receipt| receipt.id == id)
            .collect();
        match found.as_slice() {
            [receipt] => &receipt.outcome,
            other => panic!("{} receipts for {id}, expected one", other.len()),
        }
    }

    /// What the end of the session left; fails when it has not ended.
    pub fn stopped(&self) -> &[Owed] {
        match self.events.last() {
            Some(Event::Stopped { owed }) => owed,
            other => panic!("the last event is {other:?}, not the end of the session"),
        }
    }

    fn json(&self, message_type: &str) -> Vec<serde_json::Value> {
        self.texts()
            .iter()
            .filter_map(|text| serde_json::from_str::<serde_json::Value>(text).ok())
            .filter(|message| {
                message.get("message_type").and_then(|t| t.as_str()) == Some(message_type)
            })
            .collect()
    }
}

fn field(message: &serde_json::Value, name: &str) -> String {
    message
        .get(name)
        .and_then(|value| value.as_str())
        .unwrap_or_default()
        .to_owned()
}

/// How much a test may do until it counts as one that goes round in circles: virtual time alone ends no loop.
#[derive(Clone, Debug)]
pub(crate) struct Budget(u64);

impl Default for Budget {
    fn default() -> Self {
        Self(5_000_000)
    }
}

impl Budget {
    pub(crate) fn spend(&mut self) {
        assert!(self.0 > 0, "five million steps, and the test has not ended");
        self.0 -= 1;
    }
}

/// A session and its virtual clock.
#[derive(Debug)]
pub struct Solo {
    /// The session.
    pub client: FacilitatorClient,
    /// The time.
    pub now: Timestamp,
    /// The newest connection that was asked for.
    pub conn: ConnectionId,
    /// What was put out while time passed.
    seen: Outputs,
    budget: Budget,
}

impl Solo {
    /// A session that has not been started.
    pub fn new(config: Config) -> Self {
        let client =
            FacilitatorClient::new(config, &keypair(), 1).unwrap_or_else(|error| panic!("{error}"));
        Self {
            client,
            now: Timestamp::ZERO,
            conn: ConnectionId(0),
            seen: Outputs::default(),
            budget: Budget::default(),
        }
    }

    /// A session that is ready; what it sent until then is forgotten.
    pub fn ready(config: Config) -> Self {
        let mut solo = Self::new(config);
        solo.start();
        solo.become_ready();
        solo.take();
        solo
    }

    /// The same session in the same state, twice.
    #[must_use]
    pub fn client_clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            now: self.now,
            conn: self.conn,
            seen: Outputs::default(),
            budget: Budget::default(),
        }
    }

    /// Starts the session.
    pub fn start(&mut self) {
        self.client
            .start(self.now)
            .unwrap_or_else(|error| panic!("{error}"));
        self.drain();
    }

    /// Connects and authenticates the attempt that is under way.
    pub fn become_ready(&mut self) {
        self.connect();
        self.receive(SUCCESS);
        assert_eq!(self.client.phase(), Phase::Ready);
    }

    /// Waits for the next attempt, and makes it succeed.
    pub fn reconnect(&mut self) {
        self.wait_for_attempt();
        self.become_ready();
    }

    /// Lets time pass until a connection attempt is under way.
    pub fn wait_for_attempt(&mut self) {
        for _ in 0..1000 {
            if self.client.phase() == Phase::Connecting {
                return;
            }
            let Some((at, _)) = self.client.poll_timeout() else {
                break;
            };
            let wait = at.saturating_duration_since(self.now);
            self.pass(wait);
        }
        panic!(
            "no connection attempt; the session is {}",
            self.client.phase()
        );
    }

    /// The attempt succeeds.
    pub fn connect(&mut self) {
        self.client.handle_connected(self.now, self.conn);
        self.drain();
    }

    /// The attempt fails.
    pub fn refuse(&mut self) {
        let failure = ConnectFailure::new(ConnectFailureKind::Refused, "");
        self.client
            .handle_connect_failed(self.now, self.conn, failure);
        self.drain();
    }

    /// The facilitator says something.
    pub fn receive(&mut self, text: &str) {
        self.receive_frame(Frame::text(text));
    }

    /// Any frame arrives.
    pub fn receive_frame(&mut self, frame: Frame) {
        self.client.handle_frame(self.now, self.conn, frame);
        self.drain();
    }

    /// The connection breaks.
    pub fn cut(&mut self) {
        self.client
            .handle_disconnected(self.now, self.conn, Disconnected::EndOfStream);
        self.drain();
    }

    /// Gives a status; fails when it is refused.
    pub fn send(&mut self, uuid: &str, status: JobStatus) -> UpdateId {
        let id = self
            .client
            .send_job_status(self.now, update(uuid, status))
            .unwrap_or_else(|error| panic!("{error}"));
        self.drain();
        id
    }

    /// Lets time pass. The session is ticked when it asks to be, and at no other time.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..1_000_000 {
            self.drain();
            match self.client.poll_timeout() {
                Some((at, _)) if at <= end => {
                    self.now = self.now.max(at);
                    self.client.handle_timeout(self.now);
                }
                _ => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("the session asks to be ticked again and again without an end");
    }

    /// Time passes without a tick: a suspended machine. Then one tick.
    pub fn suspend(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.client.handle_timeout(self.now);
        self.drain();
    }

    /// The next deadline.
    pub fn next_timer(&self) -> Option<(Timestamp, Timer)> {
        self.client.poll_timeout()
    }

    /// Everything that was put out since the last call.
    pub fn take(&mut self) -> Outputs {
        self.drain();
        std::mem::take(&mut self.seen)
    }

    /// Takes the session's outputs.
    pub fn drain(&mut self) {
        self.budget.spend();
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Connect(conn, _) => {
                    self.conn = conn;
                    self.seen.connects.push(conn);
                }
                Output::Transmit(conn, frame) => self.seen.frames.push((conn, frame)),
                Output::Disconnect(conn, close) => self.seen.disconnects.push((conn, close)),
                Output::Event(event) => self.seen.events.push(event),
                other => panic!("an output that this harness does not know: {other:?}"),
            }
        }
    }
}
