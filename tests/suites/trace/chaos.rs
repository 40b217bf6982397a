//! A session that is told anything, in any order: every frame of the vectors, every failure, clocks that jump. Whatever
//! it makes of it, a replay makes the same of it.

use std::time::Duration;

use facilitator_core::client::{
    Config, ConnectFailure, ConnectFailureKind, Disconnected, Output, Signatories, TrustPolicy,
    WhenJobsWait,
};
use facilitator_core::message::{DecodeMode, FacilitatorMessage, ValidatorMessage};
use facilitator_core::signature::{Keypair, sign_job_request};
use facilitator_core::trace::Recorder;
use facilitator_core::{CloseFrame, ConnectionId, Frame, Timestamp};
use facilitator_tests::pair::key;
use facilitator_tests::solo::{self, SUCCESS, error, error_at, job, job_request, keypair};
use facilitator_tests::vectors;

use crate::diary::Diary;

/// What a peer can say.
struct Phrases(Vec<String>);

impl Phrases {
    fn all() -> Self {
        let mut phrases = Vec::new();
        for file in ["wire_accept.jsonl", "wire_edge.jsonl"] {
            for vector in vectors::nodes(file) {
                let json = vector.get("json").as_text();
                phrases.extend(json.map(String::from));
            }
        }
        assert!(phrases.len() > 300, "{} vectors", phrases.len());
        for n in 0..40 {
            let request = |signer: &Keypair| signed(n, signer);
            phrases.extend([request(&keypair()), request(&key(9)), job_request(&job(n))]);
            phrases.push(request(&keypair()).replace("python:3.11", "python:3.12"));
        }
        for kind in [
            "job.not_found",
            "job.integrity_error",
            "job.of_its_own",
            "auth.not_authenticated",
            "auth.of_its_own",
            "auth.signature_invalid",
            "auth.validator_not_found",
            "else",
        ] {
            phrases.push(error(kind));
        }
        for loc in [
            r#"["V0JobStatusUpdate","uuid"]"#,
            r#"["V0MachineSpecsUpdate","specs"]"#,
            r#"["V0Heartbeat","x"]"#,
            r#"["else"]"#,
            "null",
        ] {
            // As often as the other phrases are many.
            phrases.extend((0..10).map(|_| error_at("missing", loc)));
        }
        phrases.extend(["", "{", r#"{"status":7}"#, r#"{"status":"error"}"#].map(String::from));
        Self(phrases)
    }

    fn any(&self, random: &mut fastrand::Rng) -> &str {
        &self.0[random.usize(0..self.0.len())]
    }
}

fn signed(n: u128, signer: &Keypair) -> String {
    let decoded = FacilitatorMessage::decode(&job_request(&job(n)), DecodeMode::Strict).unwrap();
    let FacilitatorMessage::JobRequest(mut request) = decoded.message else {
        panic!("no request")
    };
    sign_job_request(&mut request, signer, 1_795_432_324_000_000_000);
    FacilitatorMessage::JobRequest(request).encode_python()
}

struct Chaos {
    random: fastrand::Rng,
    session: Recorder,
    now: Timestamp,
    connection: ConnectionId,
    ping: Option<Frame>,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let config = Config {
            decode_mode: if random.bool() {
                DecodeMode::Strict
            } else {
                DecodeMode::Lenient
            },
            window: random.usize(1..5),
            outbox_entries: random.usize(2..60),
            outbox_bytes: random.usize(10_000..100_000),
            message_bytes: random.usize(1024..10_000),
            open_jobs: random.usize(1..30),
            waiting_job_bytes: 10_000,
            when_jobs_wait: if random.bool() {
                WhenJobsWait::Ignore
            } else {
                WhenJobsWait::Reject
            },
            ended_jobs: random.usize(0..5),
            trust: TrustPolicy {
                verifications_per_second: random.u32(1..4),
                max_age: random.bool().then_some(Duration::from_mins(1)),
                ..TrustPolicy::default()
            },
            ..solo::config()
        };
        Self {
            session: Recorder::new(config, &keypair(), seed).unwrap(),
            random,
            now: Timestamp::ZERO,
            connection: ConnectionId(0),
            ping: None,
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Connect(connection, _) => self.connection = connection,
                Output::Transmit(_, Frame::Ping(payload)) => {
                    self.ping = Some(Frame::Pong(payload));
                }
                _ => {}
            }
        }
    }

    fn frame(&mut self, frame: Frame) {
        let stale = self.random.u8(0..30) == 0;
        let connection = ConnectionId(self.connection.0.saturating_sub(stale.into()));
        self.session.handle_frame(self.now, connection, frame);
    }

    fn failure(&mut self) -> ConnectFailure {
        let kinds = [
            ConnectFailureKind::Dns,
            ConnectFailureKind::Refused,
            ConnectFailureKind::Io,
            ConnectFailureKind::Tls,
            ConnectFailureKind::Http { status: 401 },
            ConnectFailureKind::Http { status: 503 },
            ConnectFailureKind::Proxy { status: None },
            ConnectFailureKind::Proxy { status: Some(407) },
            ConnectFailureKind::Handshake,
            ConnectFailureKind::Timeout,
        ];
        ConnectFailure {
            retry_after: self.random.bool().then_some(Duration::from_secs(100)),
            ..ConnectFailure::new(kinds[self.random.usize(0..kinds.len())], "s3cret")
        }
    }

    fn close(&mut self) -> Option<CloseFrame> {
        let codes = [1000, 1001, 1009, 1011, 1012, 3000, 3001, 4000];
        self.random.bool().then(|| CloseFrame {
            code: codes[self.random.usize(0..codes.len())],
            reason: "s3cret".into(),
        })
    }

    /// One thing that happens.
    fn happen(&mut self, phrases: &Phrases) {
        let (now, connection) = (self.now, self.connection);
        match self.random.u8(0..32) {
            0..=5 => self.frame(Frame::text(SUCCESS)),
            6..=9 => {
                let text = phrases.any(&mut self.random);
                self.frame(Frame::text(text));
                // Several at once: not all signatures can be verified then.
                for _ in 0..self.random.usize(0..12).saturating_sub(8) {
                    let n = self.random.u128(0..1000);
                    self.frame(Frame::text(signed(n, &keypair())));
                }
            }
            10..=14 => self.session.handle_connected(now, connection),
            15 => {
                let failure = self.failure();
                self.session.handle_connect_failed(now, connection, failure);
            }
            16 => {
                let how = match self.random.u8(0..4) {
                    0 => Disconnected::Closed(self.close()),
                    1 => Disconnected::EndOfStream,
                    2 => Disconnected::Io("s3cret".into()),
                    _ => Disconnected::Protocol("s3cret".into()),
                };
                self.session.handle_disconnected(now, connection, how);
            }
            19 => {
                // So much that nothing may wait beside it, or nothing at all.
                let bytes = if self.random.bool() { 9_990 } else { 0 };
                self.session.set_waiting_jobs(bytes);
            }
            17..=18 => {
                if let Some(pong) = self.ping.take() {
                    self.frame(pong);
                }
            }
            20 => {
                let frame = match self.random.u8(0..4) {
                    0 => Frame::Binary([7; 10].into()),
                    1 => Frame::Ping([7; 5].into()),
                    2 => Frame::Pong([7; 8].into()),
                    _ => Frame::Close(self.close()),
                };
                self.frame(frame);
            }
            21..=24 => self.say(phrases),
            25 => {
                let left = Duration::from_secs(self.random.u64(0..1000));
                let uuid = job(self.random.u128(0..60));
                let _ = self.session.adopt_job(now, &uuid, left);
            }
            26 => {
                let unix = Duration::from_secs(self.random.u64(1_795_432_000..1_795_433_000));
                self.session.set_wall_clock(now, unix);
            }
            27 => {
                let signatories = Signatories::OwnAnd([key(9).account()].into());
                self.session.set_trust(TrustPolicy {
                    signatories,
                    ..TrustPolicy::default()
                });
            }
            28 if self.random.u8(0..4) == 0 => drop(self.session.stop(now)),
            29 if self.random.u8(0..4) == 0 => {
                let _ = self.session.abort(now);
                let kept = self.session.snapshot(now);
                let _ = self.session.restore(now, &kept);
            }
            _ => drop(self.session.start(now)),
        }
    }

    /// The application reports something: whatever the vectors have.
    fn say(&mut self, phrases: &Phrases) {
        let now = self.now;
        for _ in 0..20 {
            let text = phrases.any(&mut self.random);
            let Ok(decoded) = ValidatorMessage::decode(text, DecodeMode::Lenient) else {
                continue;
            };
            match decoded.message {
                ValidatorMessage::JobStatus(mut update) => {
                    if self.random.bool() {
                        update.uuid = job(self.random.u128(0..60));
                    }
                    if self.random.bool() {
                        let _ = self.session.send_job_status(now, update);
                    } else if let Ok(message) = self.session.prepare_job_status(&update) {
                        // The same message twice.
                        let _ = self.session.send(now, &message);
                        let _ = self.session.send(now, &message);
                    }
                    return;
                }
                ValidatorMessage::MachineSpecs(update) => {
                    let mut specs = solo::specs();
                    for (key, value) in update.specs.iter() {
                        specs.insert(key, value.clone());
                    }
                    let hotkey = &update.miner_hotkey;
                    let batch = job(self.random.u128(0..60));
                    let _ = self.session.send_machine_specs(now, hotkey, &batch, specs);
                    return;
                }
                _ => {}
            }
        }
    }

    fn pass(&mut self) {
        match self.random.u8(0..8) {
            // As a good driver, or as one that oversleeps.
            0 => {
                if let Some((at, _)) = self.session.poll_timeout() {
                    self.now = self.now.max(at);
                    self.session.handle_timeout(self.now);
                }
            }
            3 if self.random.u8(0..6) == 0 => {
                self.now = self.now + Duration::from_millis(self.random.u64(0..300_000));
                self.session.handle_timeout(self.now);
            }
            // The caller's clocks can be a little behind each other.
            4 => self.session.handle_timeout(Timestamp::ZERO),
            _ => self.now = self.now + Duration::from_micros(self.random.u64(0..10_000)),
        }
    }
}

#[test]
fn whatever_happens_a_replay_is_the_same() {
    let phrases = Phrases::all();
    let (mut inputs, mut outputs, mut seen) = (0, 0, String::new());
    for seed in 0..80 {
        let mut chaos = Chaos::new(seed);
        let diary = Diary::of(&mut chaos.session);
        let _ = chaos.session.start(chaos.now);
        for _ in 0..400 {
            // Inputs in the middle of a drain are legal.
            if chaos.random.u8(0..4) > 0 {
                chaos.drain();
            }
            chaos.happen(&phrases);
            chaos.pass();
        }
        let replayed = diary.check(&format!("seed {seed}"));
        inputs += replayed.inputs;
        outputs += replayed.outputs;
        let text = diary.lines().join("\n");
        assert!(!text.contains("s3cret"), "seed {seed}");
        seen.push_str(&text);
    }
    println!("{inputs} inputs led to {outputs} equal outputs");
    for sign in [
        "malformed",
        r#""response":true"#,
        r#""verdict":"unsigned""#,
        r#""verdict":"mismatch""#,
        r#""verdict":"busy""#,
        r#""verdict":{"too_"#,
        "set_aside",
        "handed_back",
        "job_overdue",
        "job_declined",
        "cheat",
        "ambiguous_response",
        "not_authenticated",
        "authentication_refused",
        "unexpected_binary",
        "unexpected_response",
        "heartbeat_refused",
        "wall_clock",
        "job.<10>",
        "waiting_jobs",
        r#""backlog""#,
        r#""ignored""#,
    ] {
        assert!(seen.contains(sign), "no {sign}");
    }
}
