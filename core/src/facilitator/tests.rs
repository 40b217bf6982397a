//! Each rule of the simulated facilitator on its own. What the reference was seen to do is replayed in the workspace's
//! vector suite.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::message::{
    DecodeMode, ExecutorClass, Json, JsonMap, MinerResponse, StreamingServerDetails, V0JobCheated,
    V0JobStatusUpdate, V0MachineSpecsUpdate, V2JobRequest, ValidatorMessage,
};
use crate::signature::{Keypair, Scheme, authentication_request};

const SUCCESS: &str = r#"{"status":"success","errors":[]}"#;
const JOB: &str = "00000000-0000-4000-8000-000000000001";
const OTHER_JOB: &str = "00000000-0000-4000-8000-000000000002";
const A: ConnectionId = ConnectionId(1);
const B: ConnectionId = ConnectionId(2);

/// A facilitator, a clock, and what came out, sorted by kind.
struct Bench {
    facilitator: Facilitator,
    now: Timestamp,
    events: Vec<Event>,
}

impl Bench {
    fn new(config: FacilitatorConfig) -> Self {
        Self {
            facilitator: Facilitator::new(config),
            now: Timestamp::ZERO,
            events: Vec::new(),
        }
    }

    fn imitating(server: Server) -> Self {
        Self::new(FacilitatorConfig::imitating(server))
    }

    /// With a connection `A` that speaks for Alice.
    fn with_alice(config: FacilitatorConfig) -> Self {
        let mut bench = Self::new(config);
        bench.authenticate(A, "//Alice");
        bench
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    /// Sleeps as a driver does: wakes only when `poll_timeout` says so.
    fn sleep(&mut self, seconds: u64) -> Vec<String> {
        let until = self.now + Duration::from_secs(seconds);
        let mut seen = self.drain();
        while let Some(at) = self.facilitator.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.facilitator.handle_timeout(self.now);
            seen.extend(
                self.drain()
                    .into_iter()
                    .map(|output| format!("{} {output}", self.now)),
            );
        }
        self.now = until;
        seen
    }

    /// What came out, in order: a text as it is, a ping as `ping`, a disconnect as `close CODE` or `drop`.
    fn drain(&mut self) -> Vec<String> {
        let mut seen = Vec::new();
        while let Some(output) = self.facilitator.poll_output() {
            match output {
                Output::Transmit { conn, frame } => seen.push(match frame {
                    Frame::Text(text) => format!("{conn} {text}"),
                    Frame::Ping(_) => format!("{conn} ping"),
                    other => format!("{conn} {other:?}"),
                }),
                Output::Disconnect {
                    conn,
                    close: Some(close),
                } => seen.push(format!("{conn} close {}", close.code)),
                Output::Disconnect { conn, close: None } => seen.push(format!("{conn} drop")),
                Output::Event(event) => self.events.push(event),
            }
        }
        seen
    }

    fn text(&mut self, conn: ConnectionId, text: &str) -> Vec<String> {
        self.facilitator
            .handle_frame(self.now, conn, Frame::text(text));
        self.drain()
    }

    fn send(&mut self, conn: ConnectionId, message: &ValidatorMessage) -> Vec<String> {
        self.text(conn, &message.encode())
    }

    fn connect(&mut self, conn: ConnectionId) {
        self.facilitator.handle_connected(self.now, conn, &[]);
    }

    fn authenticate(&mut self, conn: ConnectionId, uri: &str) -> Vec<String> {
        self.connect(conn);
        self.send(
            conn,
            &ValidatorMessage::Authentication(authentication_request(&key(uri))),
        )
    }

    fn status(&mut self, conn: ConnectionId, uuid: &str, status: JobStatus) -> Vec<String> {
        self.send(conn, &ValidatorMessage::JobStatus(update(uuid, status)))
    }

    fn push(&mut self, uuid: &str) -> Delivery {
        self.facilitator.push_job(self.now, request(uuid)).unwrap()
    }

    fn stored(&self, uuid: &str) -> Vec<JobStatus> {
        let job = self.facilitator.job(uuid).unwrap();
        job.statuses().iter().map(|stored| stored.status).collect()
    }
}

fn key(uri: &str) -> Keypair {
    Keypair::from_uri(Scheme::Sr25519, uri).unwrap()
}

fn account(uri: &str) -> AccountId {
    key(uri).public().account()
}

fn request(uuid: &str) -> V2JobRequest {
    V2JobRequest::new(uuid, ExecutorClass::AlwaysOnTest, "python:3.11")
}

/// An update that the reference likes: with metadata where it insists on some.
fn update(uuid: &str, status: JobStatus) -> V0JobStatusUpdate {
    let update = V0JobStatusUpdate::new(uuid, status);
    match status {
        JobStatus::Completed => update.with_metadata(MinerResponse::default()),
        JobStatus::StreamingReady => update.with_metadata(StreamingServerDetails {
            streaming_server_cert: Some("c".to_string()),
            streaming_server_address: Some("a".to_string()),
            streaming_server_port: Some(1.into()),
        }),
        _ => update,
    }
}

fn specs(miner: &str, batch_id: &str) -> V0MachineSpecsUpdate {
    V0MachineSpecsUpdate {
        miner_hotkey: miner.to_string(),
        validator_hotkey: account("//Alice").to_ss58(),
        specs: [
            ("cpu", r#"{"count":8}"#),
            ("ram", "{}"),
            ("hard_disk", "{}"),
        ]
        .into_iter()
        .map(|(key, value)| (key, Json::parse(value).unwrap()))
        .collect::<JsonMap>(),
        batch_id: batch_id.to_string(),
    }
}

fn report(uuid: &str) -> V0JobCheated {
    V0JobCheated {
        signature: None,
        job_uuid: uuid.to_string(),
        trusted_job_uuid: OTHER_JOB.to_string(),
        details: Json::null(),
    }
}

/// The error types and the close in what came out.
fn kinds(seen: &[String]) -> Vec<String> {
    let kind = |line: &String| match line.split_once("\"type\":\"") {
        Some((_, rest)) => rest.split('"').next().unwrap().to_string(),
        None if line.ends_with(SUCCESS) => "success".to_string(),
        None => line.split_once(' ').unwrap().1.to_string(),
    };
    seen.iter().map(kind).collect()
}

mod authentication {
    use super::*;

    #[test]
    fn a_known_validator_gets_success() {
        let mut bench = Bench::new(FacilitatorConfig {
            validators: Known::only([account("//Alice")]),
            ..FacilitatorConfig::default()
        });
        assert_eq!(bench.authenticate(A, "//Alice"), [format!("#1 {SUCCESS}")]);
        let connections: Vec<_> = bench.facilitator.connections().collect();
        assert_eq!(connections, [(A, Some(account("//Alice")))]);
        assert_eq!(bench.facilitator.stats().authentications, 1);
    }

    #[test]
    fn an_unknown_validator_is_told_its_address_and_closed_with_3001() {
        let mut bench = Bench::new(FacilitatorConfig {
            validators: Known::only([account("//Alice")]),
            ..FacilitatorConfig::default()
        });
        let seen = bench.authenticate(A, "//Bob");
        assert_eq!(kinds(&seen), ["auth.validator_not_found", "close 3001"]);
        assert!(seen[0].contains(&account("//Bob").to_ss58()));
        assert_eq!(bench.facilitator.connections().count(), 0);
        // What comes later is ignored.
        assert!(bench.text(A, "{}").is_empty());
        assert_eq!(bench.facilitator.stats().stray_inputs, 1);
    }

    #[test]
    fn the_list_is_looked_up_before_the_signature() {
        let mut bench = Bench::new(FacilitatorConfig {
            validators: Known::only([account("//Alice")]),
            ..FacilitatorConfig::default()
        });
        bench.connect(A);
        let mut hello = authentication_request(&key("//Bob"));
        hello.signature = "poison".to_string();
        let seen = bench.send(A, &ValidatorMessage::Authentication(hello));
        assert_eq!(kinds(&seen), ["auth.validator_not_found", "close 3001"]);
    }

    #[test]
    fn a_wrong_signature_is_closed_with_3000() {
        let mut bench = Bench::imitating(Server::Uvicorn);
        bench.connect(A);
        let mut hello = authentication_request(&key("//Alice"));
        hello.signature = authentication_request(&key("//Bob")).signature;
        let seen = bench.send(A, &ValidatorMessage::Authentication(hello));
        assert_eq!(kinds(&seen), ["auth.signature_invalid", "close 3000"]);
    }

    #[test]
    fn poison_in_key_or_signature_crashes() {
        let good = authentication_request(&key("//Alice"));
        let bare = good.signature.trim_start_matches("0x").to_string();
        let cases = [
            (good.public_key.clone(), bare, Poison::Signature),
            (
                good.public_key.clone(),
                "0xabcd".to_string(),
                Poison::Signature,
            ),
            (
                format!("0x{}", good.public_key),
                good.signature.clone(),
                Poison::PublicKey,
            ),
            (
                good.public_key[2..].to_string(),
                good.signature.clone(),
                Poison::PublicKey,
            ),
            (
                format!("zz{}", &good.public_key[2..]),
                good.signature.clone(),
                Poison::PublicKey,
            ),
        ];
        for (public_key, signature, poison) in cases {
            let mut bench = Bench::imitating(Server::Uvicorn);
            bench.connect(A);
            let mut hello = good.clone();
            (hello.public_key, hello.signature) = (public_key, signature);
            assert_eq!(
                bench.send(A, &ValidatorMessage::Authentication(hello)),
                ["#1 drop"]
            );
            assert!(bench.events.iter().any(|event| matches!(
                event,
                Event::AuthenticationRefused { reason: AuthenticationRefusal::Crashed(found), .. } if *found == poison
            )));
        }
    }

    #[test]
    fn before_it_all_else_is_refused_and_a_second_one_too() {
        let mut bench = Bench::imitating(Server::Daphne);
        bench.connect(A);
        assert_eq!(
            kinds(&bench.send(A, &ValidatorMessage::Heartbeat)),
            ["auth.not_authenticated"]
        );
        assert_eq!(
            kinds(&bench.status(A, "nope", JobStatus::Received)),
            ["auth.not_authenticated"]
        );
        let hello = ValidatorMessage::Authentication(authentication_request(&key("//Alice")));
        assert_eq!(kinds(&bench.send(A, &hello)), ["success"]);
        assert_eq!(
            kinds(&bench.send(A, &hello)),
            ["auth.already_authenticated"]
        );
        assert!(bench.send(A, &ValidatorMessage::Heartbeat).is_empty());
        assert_eq!(bench.facilitator.stats().heartbeats, 1);
    }

    #[test]
    fn the_versions_of_the_headers_are_remembered_until_others_come() {
        let mut bench = Bench::imitating(Server::Uvicorn);
        let hello = ValidatorMessage::Authentication(authentication_request(&key("//Alice")));
        let headers = [
            ("x-VALIDATOR-version", "1.2.3"),
            ("X-Validator-Runner-Version", "r9"),
        ];
        bench.facilitator.handle_connected(bench.now, A, &headers);
        bench.send(A, &hello);
        bench
            .facilitator
            .handle_connected(bench.now, B, &[("X-Validator-Version", "1.2.4")]);
        bench.send(B, &hello);
        let (_, record) = bench.facilitator.validators().next().unwrap();
        assert_eq!(record.version.as_deref(), Some("1.2.4"));
        assert_eq!(record.runner_version.as_deref(), Some("r9"));
        assert_eq!(record.authentications, 2);
    }

    #[test]
    fn a_validator_taken_off_the_list_is_closed_with_3001() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.authenticate(B, "//Bob");
        bench
            .facilitator
            .set_validators(bench.now, Known::only([account("//Bob")]));
        assert_eq!(bench.drain(), ["#1 close 3001"]);
        assert_eq!(
            bench
                .facilitator
                .disconnect_validator(bench.now, account("//Bob")),
            1
        );
        assert_eq!(bench.drain(), ["#2 close 3001"]);
        assert_eq!(
            kinds(&bench.authenticate(ConnectionId(3), "//Bob")),
            ["success"]
        );
        assert_eq!(
            kinds(&bench.authenticate(ConnectionId(4), "//Alice")),
            ["auth.validator_not_found", "close 3001"]
        );
    }
}

mod statuses {
    use super::*;

    #[test]
    fn each_is_answered_once_and_stored_once() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.push(JOB);
        bench.drain();
        assert_eq!(
            kinds(&bench.status(A, JOB, JobStatus::Received)),
            ["success"]
        );
        assert_eq!(
            kinds(&bench.status(A, JOB, JobStatus::Received)),
            ["job.integrity_error"]
        );
        assert_eq!(
            kinds(&bench.status(A, OTHER_JOB, JobStatus::Received)),
            ["job.not_found"]
        );
        assert_eq!(bench.stored(JOB), [JobStatus::Sent, JobStatus::Received]);
        let job = bench.facilitator.job(JOB).unwrap();
        assert_eq!(
            (job.updates(), job.repetitions(), job.deliveries()),
            (2, 1, 1)
        );
        let stats = bench.facilitator.stats();
        assert_eq!(
            (
                stats.statuses_stored,
                stats.statuses_repeated,
                stats.statuses_unknown_job
            ),
            (1, 1, 1)
        );
        assert_eq!(stats.responses, 4);
    }

    #[test]
    fn the_newest_is_the_current_one_even_when_it_reopens_the_job() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.push(JOB);
        bench.status(A, JOB, JobStatus::Completed);
        assert_eq!(
            bench.facilitator.job(JOB).unwrap().current_status(),
            JobStatus::Completed
        );
        bench.wait(5);
        bench.status(A, JOB, JobStatus::Accepted);
        let job = bench.facilitator.job(JOB).unwrap();
        assert_eq!(job.current_status(), JobStatus::Accepted);
        let newest = job.statuses().last().unwrap();
        assert_eq!((newest.at, newest.conn), (bench.now, Some(A)));
    }

    #[test]
    fn an_unknown_one_is_stored_as_unknown_once_and_sent_is_taken() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.push(JOB);
        bench.drain();
        let frame = |status: &str| {
            format!(r#"{{"message_type":"V0JobStatusUpdate","uuid":"{JOB}","status":"{status}"}}"#)
        };
        assert_eq!(kinds(&bench.text(A, &frame("paused"))), ["success"]);
        assert_eq!(
            kinds(&bench.text(A, &frame("other"))),
            ["job.integrity_error"]
        );
        assert_eq!(
            kinds(&bench.text(A, &frame("sent"))),
            ["job.integrity_error"]
        );
        assert_eq!(bench.stored(JOB), [JobStatus::Sent, JobStatus::Unknown]);
    }

    #[test]
    fn any_spelling_of_the_uuid_and_any_validator_will_do() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.push(JOB);
        bench.authenticate(B, "//Bob");
        let spelling = JOB.replace('-', "");
        assert_eq!(
            kinds(&bench.status(B, &spelling, JobStatus::Received)),
            ["success"]
        );
        assert!(bench.facilitator.job(&format!("{{{JOB}}}")).is_some());
    }

    #[test]
    fn incomplete_streaming_details_get_an_integrity_error_and_are_stored() {
        for stored in [true, false] {
            let mut bench = Bench::with_alice(FacilitatorConfig {
                poison_is_stored: stored,
                ..FacilitatorConfig::default()
            });
            bench.push(JOB);
            bench.drain();
            let details = StreamingServerDetails {
                streaming_server_address: Some("h".to_string()),
                ..StreamingServerDetails::default()
            };
            let update =
                V0JobStatusUpdate::new(JOB, JobStatus::StreamingReady).with_metadata(details);
            let seen = bench.send(A, &ValidatorMessage::JobStatus(update));
            assert_eq!(kinds(&seen), ["job.integrity_error"]);
            assert_eq!(
                bench.stored(JOB).contains(&JobStatus::StreamingReady),
                stored
            );
        }
    }

    #[test]
    fn the_verdict_compares_both_books() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.push(JOB);
        bench.status(A, JOB, JobStatus::Accepted);
        bench.status(A, JOB, JobStatus::Received);
        let submitted = [
            JobStatus::Received,
            JobStatus::Accepted,
            JobStatus::Completed,
        ];
        let verdict = bench
            .facilitator
            .verdict([(JOB, &submitted[..]), (OTHER_JOB, &submitted[..1])]);
        assert_eq!(
            (verdict.lost, verdict.reordered, verdict.duplicates_applied),
            (2, 1, 0)
        );
    }
}

mod crashes {
    use super::*;

    /// Every poison that comes after authentication, with whether the database takes it.
    fn poisons() -> Vec<(String, bool)> {
        let status = |status, uuid: &str| {
            ValidatorMessage::JobStatus(V0JobStatusUpdate::new(uuid, status)).encode()
        };
        vec![
            (status(JobStatus::Received, "nope"), false),
            (status(JobStatus::Completed, JOB), true),
            (status(JobStatus::StreamingReady, JOB), true),
            (
                format!(
                    r#"{{"message_type":"V0JobStatusUpdate","uuid":"{JOB}","status":"failed","metadata":{{"x":"a\u0000b"}}}}"#
                ),
                false,
            ),
            (
                ValidatorMessage::MachineSpecs(specs("5X", "no batch")).encode(),
                false,
            ),
            (
                format!(
                    r#"{{"message_type":"V0MachineSpecsUpdate","miner_hotkey":"m","validator_hotkey":"v","specs":{{"cpu":1}},"batch_id":"{JOB}"}}"#
                ),
                false,
            ),
        ]
    }

    #[test]
    fn uvicorn_drops_the_socket_at_once() {
        for (frame, stored) in poisons() {
            let mut bench = Bench::with_alice(FacilitatorConfig::imitating(Server::Uvicorn));
            bench.push(JOB);
            bench.drain();
            assert_eq!(bench.text(A, &frame), ["#1 drop"], "{frame}");
            assert!(
                bench
                    .text(A, &ValidatorMessage::Heartbeat.encode())
                    .is_empty()
            );
            assert_eq!(bench.stored(JOB).len(), 1 + usize::from(stored), "{frame}");
            assert_eq!(bench.facilitator.stats().crashes, 1);
        }
    }

    #[test]
    fn daphne_stays_silent_for_a_second_and_closes_with_1011() {
        for (frame, _) in poisons() {
            let mut bench = Bench::with_alice(FacilitatorConfig::imitating(Server::Daphne));
            bench.push(JOB);
            bench.drain();
            assert!(bench.text(A, &frame).is_empty());
            // Neither this status nor this nonsense is answered any more, and no job is sent to a dead handler.
            assert!(bench.status(A, JOB, JobStatus::Received).is_empty());
            assert!(bench.text(A, "nonsense").is_empty());
            assert_eq!(bench.push(OTHER_JOB), Delivery::Waiting);
            assert_eq!(bench.sleep(30), ["1.000s #1 close 1011"], "{frame}");
            assert!(!bench.stored(JOB).contains(&JobStatus::Received));
        }
    }

    #[test]
    fn poison_that_was_stored_is_a_repetition_the_second_time() {
        let frame =
            ValidatorMessage::JobStatus(V0JobStatusUpdate::new(JOB, JobStatus::Completed)).encode();
        for (stored, second) in [(true, "job.integrity_error"), (false, "drop")] {
            let mut bench = Bench::with_alice(FacilitatorConfig {
                poison_is_stored: stored,
                ..FacilitatorConfig::default()
            });
            bench.push(JOB);
            bench.text(A, &frame);
            bench.authenticate(B, "//Alice");
            assert_eq!(kinds(&bench.text(B, &frame)), [second]);
        }
    }

    #[test]
    fn an_unknown_job_is_not_found_before_anything_can_crash() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        assert_eq!(
            kinds(&bench.send(
                A,
                &ValidatorMessage::JobStatus(V0JobStatusUpdate::new(JOB, JobStatus::Completed))
            )),
            ["job.not_found"]
        );
    }

    #[test]
    fn a_close_frame_ends_a_crashed_connection_early() {
        let mut bench = Bench::with_alice(FacilitatorConfig::imitating(Server::Daphne));
        bench.status(A, "nope", JobStatus::Received);
        bench
            .facilitator
            .handle_frame(bench.now, A, Frame::Close(None));
        assert_eq!(bench.drain(), ["#1 drop"]);
        assert_eq!(bench.facilitator.poll_timeout(), None);
    }
}

mod machine_specs {
    use super::*;

    #[test]
    fn of_known_miners_they_are_kept_without_an_answer() {
        let mut bench = Bench::with_alice(FacilitatorConfig {
            miners: Known::only([account("//Bob")]),
            ..FacilitatorConfig::default()
        });
        let bob = account("//Bob").to_ss58();
        assert!(
            bench
                .send(A, &ValidatorMessage::MachineSpecs(specs(&bob, JOB)))
                .is_empty()
        );
        let kept: Vec<_> = bench
            .facilitator
            .machine_specs()
            .map(|specs| &specs.update)
            .collect();
        assert_eq!(kept, [&specs(&bob, JOB)]);
        // Of others nothing is even looked at.
        assert!(
            bench
                .send(A, &ValidatorMessage::MachineSpecs(specs("5X", "no batch")))
                .is_empty()
        );
        let mut foreign = specs(&bob, "no batch");
        foreign.validator_hotkey = "5X".to_string();
        bench
            .facilitator
            .set_validators(bench.now, Known::only([account("//Alice")]));
        assert!(
            bench
                .send(A, &ValidatorMessage::MachineSpecs(foreign))
                .is_empty()
        );
        assert_eq!(bench.facilitator.machine_specs().len(), 1);
        assert_eq!(
            bench.send(A, &ValidatorMessage::MachineSpecs(specs(&bob, "no batch"))),
            ["#1 drop"]
        );
    }

    #[test]
    fn the_oldest_give_way() {
        let mut config = FacilitatorConfig::default();
        config.limits.machine_specs = 2;
        let mut bench = Bench::with_alice(config);
        for miner in ["1", "2", "3"] {
            bench.send(A, &ValidatorMessage::MachineSpecs(specs(miner, JOB)));
        }
        let miners: Vec<_> = bench
            .facilitator
            .machine_specs()
            .map(|specs| specs.update.miner_hotkey.clone())
            .collect();
        assert_eq!(miners, ["2", "3"]);
    }
}

mod pushing {
    use super::*;

    fn is_job(line: &str, conn: ConnectionId, uuid: &str) -> bool {
        let Some(text) = line.strip_prefix(&format!("{conn} ")) else {
            return false;
        };
        matches!(
            FacilitatorMessage::decode(text, DecodeMode::Strict).map(|decoded| decoded.message),
            Ok(FacilitatorMessage::JobRequest(request)) if request.uuid == uuid
        )
    }

    #[test]
    fn a_job_goes_to_every_connection_of_its_validator() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.authenticate(B, "//Alice");
        bench.connect(ConnectionId(3));
        let validator = account("//Alice");
        assert_eq!(
            bench.push(JOB),
            Delivery::Sent {
                validator,
                connections: 2
            }
        );
        let seen = bench.drain();
        assert!(
            seen.len() == 2 && is_job(&seen[0], A, JOB) && is_job(&seen[1], B, JOB),
            "{seen:?}"
        );
        assert_eq!(
            bench.facilitator.job(JOB).unwrap().validator(),
            Some(validator)
        );
    }

    #[test]
    fn validators_take_turns_and_a_target_is_kept() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.authenticate(B, "//Bob");
        let uuid = |n: u64| format!("00000000-0000-4000-8000-{n:012}");
        for n in 0..4 {
            bench.push(&uuid(n));
        }
        bench
            .facilitator
            .push_job_to(bench.now, account("//Bob"), request(&uuid(4)))
            .unwrap();
        let given: Vec<_> = bench
            .facilitator
            .jobs()
            .map(|job| job.validator().unwrap())
            .collect();
        let count = given
            .iter()
            .filter(|validator| **validator == account("//Bob"))
            .count();
        assert_eq!((given.len(), count), (5, 3));
        assert_ne!(given[0], given[1]);
        assert_eq!(given[4], account("//Bob"));
    }

    #[test]
    fn a_job_that_finds_nobody_waits_and_follows_the_authentication() {
        let mut bench = Bench::imitating(Server::Uvicorn);
        assert_eq!(bench.push(JOB), Delivery::Waiting);
        bench
            .facilitator
            .push_job_to(bench.now, account("//Bob"), request(OTHER_JOB))
            .unwrap();
        let seen = bench.authenticate(A, "//Alice");
        assert!(
            seen.len() == 2 && seen[0].ends_with(SUCCESS) && is_job(&seen[1], A, JOB),
            "{seen:?}"
        );
        let seen = bench.authenticate(B, "//Bob");
        assert!(
            seen.len() == 2 && is_job(&seen[1], B, OTHER_JOB),
            "{seen:?}"
        );
        assert_eq!(bench.authenticate(ConnectionId(3), "//Alice").len(), 1);
    }

    #[test]
    fn who_was_silent_for_three_minutes_gets_no_job_until_it_speaks() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.wait(180);
        assert!(matches!(bench.push(JOB), Delivery::Sent { .. }));
        bench.wait(1);
        // A status is no heartbeat.
        bench.status(A, JOB, JobStatus::Received);
        assert_eq!(bench.push(OTHER_JOB), Delivery::Waiting);
        let seen = bench.send(A, &ValidatorMessage::Heartbeat);
        assert!(
            seen.len() == 1 && is_job(&seen[0], A, OTHER_JOB),
            "{seen:?}"
        );
    }

    #[test]
    fn a_stale_connection_gets_the_job_along_with_the_one_that_was_heard() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.wait(200);
        bench.authenticate(B, "//Alice");
        let validator = account("//Alice");
        assert_eq!(
            bench.push(JOB),
            Delivery::Sent {
                validator,
                connections: 2
            }
        );
    }

    #[test]
    fn what_cannot_be_taken_on_is_refused_by_name() {
        let mut config = FacilitatorConfig {
            validators: Known::only([account("//Alice")]),
            ..FacilitatorConfig::default()
        };
        config.limits.jobs = 1;
        let mut bench = Bench::new(config);
        let now = bench.now;
        assert_eq!(
            bench.facilitator.push_job(now, request("nope")),
            Err(PushError::UuidInvalid {
                uuid: "nope".to_string()
            })
        );
        bench.push(JOB);
        assert_eq!(
            bench.facilitator.push_job(now, request(JOB)),
            Err(PushError::AlreadyPushed {
                uuid: JOB.to_string()
            })
        );
        assert_eq!(
            bench.facilitator.push_job(now, request(OTHER_JOB)),
            Err(PushError::Full { limit: 1 })
        );
        let validator = account("//Bob");
        assert_eq!(
            bench
                .facilitator
                .push_job_to(now, validator, request(OTHER_JOB)),
            Err(PushError::UnknownValidator { validator })
        );
        assert_eq!(
            bench.facilitator.push_again(now, "x"),
            Err(UnknownJob {
                uuid: "x".to_string()
            })
        );
        assert!(bench.facilitator.forget_job(JOB).is_some());
        assert!(bench.facilitator.forget_job(JOB).is_none());
        bench.push(OTHER_JOB);
        assert_eq!(bench.facilitator.jobs().count(), 1);
    }

    #[test]
    fn a_job_can_be_sent_again() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.push(JOB);
        bench.drain();
        let validator = account("//Alice");
        let again = bench.facilitator.push_again(bench.now, JOB);
        assert_eq!(
            again,
            Ok(Delivery::Sent {
                validator,
                connections: 1
            })
        );
        let seen = bench.drain();
        assert!(is_job(&seen[0], A, JOB));
        assert_eq!(bench.facilitator.job(JOB).unwrap().deliveries(), 2);
        // Without a connection it waits for its own validator.
        bench.facilitator.handle_disconnected(bench.now, A);
        assert_eq!(
            bench.facilitator.push_again(bench.now, JOB),
            Ok(Delivery::Waiting)
        );
        assert_eq!(bench.authenticate(B, "//Bob").len(), 1);
        assert_eq!(bench.authenticate(ConnectionId(3), "//Alice").len(), 2);
    }

    #[test]
    fn unanswered_jobs_are_sent_again_only_when_it_is_wanted() {
        for wanted in [false, true] {
            let mut bench = Bench::with_alice(FacilitatorConfig {
                resend_unanswered: wanted,
                ..FacilitatorConfig::default()
            });
            bench.push(JOB);
            bench.push(OTHER_JOB);
            bench.status(A, OTHER_JOB, JobStatus::Received);
            bench.facilitator.handle_disconnected(bench.now, A);
            let seen = bench.authenticate(B, "//Alice");
            assert_eq!(seen.len(), 1 + usize::from(wanted), "{seen:?}");
            assert_eq!(seen.iter().any(|line| is_job(line, B, JOB)), wanted);
        }
    }

    #[test]
    fn a_cheat_report_goes_where_the_job_went() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.push(JOB);
        bench.authenticate(B, "//Bob");
        bench.drain();
        let validator = account("//Alice");
        let sent = bench.facilitator.report_cheated_job(bench.now, report(JOB));
        assert_eq!(
            sent,
            Ok(Delivery::Sent {
                validator,
                connections: 1
            })
        );
        let seen = bench.drain();
        assert!(
            seen.len() == 1 && seen[0].starts_with("#1 {") && seen[0].contains("V0JobCheated"),
            "{seen:?}"
        );
        bench.facilitator.handle_disconnected(bench.now, A);
        assert_eq!(
            bench.facilitator.report_cheated_job(bench.now, report(JOB)),
            Ok(Delivery::Waiting)
        );
        let seen = bench.authenticate(ConnectionId(3), "//Alice");
        assert!(
            seen.len() == 2 && seen[1].contains("V0JobCheated"),
            "{seen:?}"
        );
        assert_eq!(bench.facilitator.stats().cheat_reports_sent, 2);
        assert_eq!(
            bench.facilitator.job(JOB).unwrap().cheat_report(),
            Some(&report(JOB))
        );
        assert!(
            bench
                .facilitator
                .report_cheated_job(bench.now, report("x"))
                .is_err()
        );
    }
}

mod time {
    use super::*;

    #[test]
    fn pings_go_out_every_20_seconds() {
        let mut bench = Bench::imitating(Server::Uvicorn);
        bench.connect(A);
        let mut seen = bench.sleep(21);
        bench
            .facilitator
            .handle_frame(bench.now, A, Frame::Pong(Arc::from([0_u8; 4].as_slice())));
        seen.extend(bench.sleep(24));
        assert_eq!(seen, ["20.000s #1 ping", "40.000s #1 ping"]);
    }

    #[test]
    fn a_peer_that_is_silent_after_a_ping_is_given_up() {
        for (server, last) in [
            (Server::Uvicorn, "40.000s #1 close 1011"),
            (Server::Daphne, "50.000s #1 drop"),
        ] {
            let mut bench = Bench::imitating(server);
            bench.connect(A);
            assert_eq!(bench.sleep(100).last().unwrap(), last);
        }
    }

    #[test]
    fn a_validator_without_heartbeats_is_closed_with_3001_after_10_minutes() {
        let config = FacilitatorConfig {
            ping_interval: None,
            ..FacilitatorConfig::default()
        };
        let mut bench = Bench::with_alice(config);
        bench.sleep(100);
        bench.send(A, &ValidatorMessage::Heartbeat);
        assert_eq!(bench.sleep(1000), ["700.000s #1 close 3001"]);
        assert_eq!(bench.facilitator.poll_timeout(), None);
    }

    #[test]
    fn while_output_is_queued_the_timeout_is_now() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.wait(7);
        bench
            .facilitator
            .handle_frame(bench.now, A, Frame::text("nonsense"));
        assert_eq!(bench.facilitator.poll_timeout(), Some(bench.now));
        bench.drain();
        assert_eq!(
            bench.facilitator.poll_timeout(),
            Some(Timestamp::ZERO + Duration::from_secs(20))
        );
    }

    #[test]
    fn early_late_and_repeated_ticks_change_nothing() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.facilitator.handle_timeout(Timestamp::ZERO);
        bench
            .facilitator
            .handle_timeout(Timestamp::ZERO + Duration::from_secs(19));
        assert!(bench.drain().is_empty());
        bench
            .facilitator
            .handle_timeout(Timestamp::ZERO + Duration::from_secs(35));
        bench
            .facilitator
            .handle_timeout(Timestamp::ZERO + Duration::from_secs(35));
        bench
            .facilitator
            .handle_timeout(Timestamp::ZERO + Duration::from_secs(1));
        assert_eq!(bench.drain(), ["#1 ping"]);
    }
}

mod queueing {
    use super::*;

    fn slow(server: Server) -> Bench {
        let mut bench = Bench::with_alice(FacilitatorConfig::imitating(server));
        bench.push(JOB);
        bench.drain();
        bench.facilitator.config.handling_time = Duration::from_millis(10);
        bench
    }

    fn pipeline(bench: &mut Bench, count: usize) {
        for n in 0..count {
            let text = format!(
                r#"{{"message_type":"V0JobStatusUpdate","uuid":"{JOB}","status":"received","x":{n}}}"#
            );
            bench
                .facilitator
                .handle_frame(bench.now, A, Frame::text(text));
        }
    }

    #[test]
    fn frames_are_handled_one_after_another() {
        let mut bench = slow(Server::Uvicorn);
        for status in [JobStatus::Received, JobStatus::Accepted] {
            bench.facilitator.handle_frame(
                bench.now,
                A,
                Frame::text(ValidatorMessage::JobStatus(update(JOB, status)).encode()),
            );
        }
        assert!(bench.drain().is_empty());
        let seen = bench.sleep(1);
        assert_eq!(
            seen,
            [
                format!("0.010s #1 {SUCCESS}"),
                format!("0.020s #1 {SUCCESS}")
            ]
        );
        let at: Vec<_> = bench
            .facilitator
            .job(JOB)
            .unwrap()
            .statuses()
            .iter()
            .map(|stored| stored.at)
            .collect();
        assert_eq!(
            at[1..],
            [10, 20].map(|ms| Timestamp::from_duration(Duration::from_millis(ms)))
        );
    }

    #[test]
    fn a_late_driver_sees_the_same_order_and_times() {
        let mut bench = slow(Server::Uvicorn);
        bench.authenticate(B, "//Alice");
        bench.sleep(1);
        let start = bench.now;
        pipeline(&mut bench, 2);
        bench.facilitator.handle_frame(
            start + Duration::from_millis(5),
            B,
            Frame::text("nonsense"),
        );
        bench
            .facilitator
            .handle_timeout(start + Duration::from_secs(1));
        let conns: Vec<String> = bench
            .drain()
            .iter()
            .map(|line| line[..2].to_string())
            .collect();
        assert_eq!(conns, ["#1", "#2", "#1"]);
    }

    /// What was handled of 100 frames when the connection broke after some answers.
    fn handled(server: Server, answers: u64, end: impl Fn(&mut Bench)) -> u64 {
        let mut bench = slow(server);
        pipeline(&mut bench, 100);
        bench.now = bench.now + Duration::from_millis(10 * answers + 1);
        bench.facilitator.handle_timeout(bench.now);
        end(&mut bench);
        bench.sleep(60);
        assert_eq!(bench.facilitator.connections().count(), 0);
        bench.facilitator.stats().malformed
    }

    #[test]
    fn uvicorn_forgets_what_a_lost_connection_left_unhandled_and_daphne_does_not() {
        let abort = |bench: &mut Bench| bench.facilitator.handle_disconnected(bench.now, A);
        assert_eq!(handled(Server::Uvicorn, 0, abort), 1);
        assert_eq!(handled(Server::Uvicorn, 50, abort), 51);
        assert_eq!(handled(Server::Daphne, 0, abort), 100);
        assert_eq!(handled(Server::Daphne, 50, abort), 100);
    }

    #[test]
    fn uvicorn_reads_a_close_frame_32_frames_ahead() {
        let close = |bench: &mut Bench| {
            bench
                .facilitator
                .handle_frame(bench.now, A, Frame::Close(Some(CloseFrame::new(1000))))
        };
        assert_eq!(handled(Server::Uvicorn, 0, close), 68);
        assert_eq!(handled(Server::Uvicorn, 90, close), 91);
        assert_eq!(handled(Server::Daphne, 0, close), 100);
    }

    #[test]
    fn what_is_handled_after_the_peer_went_ends_nothing() {
        let poison = ValidatorMessage::JobStatus(update("nope", JobStatus::Received)).encode();
        for server in [Server::Uvicorn, Server::Daphne] {
            for close in [false, true] {
                let mut bench = slow(server);
                bench
                    .facilitator
                    .handle_frame(bench.now, A, Frame::text(poison.clone()));
                if close {
                    bench.facilitator.handle_frame(
                        bench.now,
                        A,
                        Frame::Close(Some(CloseFrame::new(1000))),
                    );
                    assert_eq!(bench.drain(), ["#1 close 1000"]);
                } else {
                    bench.facilitator.handle_disconnected(bench.now, A);
                    assert!(bench.drain().is_empty());
                }
                assert_eq!(bench.facilitator.stats().crashes, 1);
                assert_eq!(bench.facilitator.connections().count(), 0);
            }
        }
    }

    #[test]
    fn a_push_comes_between_answers() {
        let mut bench = slow(Server::Daphne);
        pipeline(&mut bench, 100);
        bench.now = bench.now + Duration::from_millis(15);
        bench.facilitator.handle_timeout(bench.now);
        bench.push(OTHER_JOB);
        let seen = bench.sleep(5);
        assert_eq!(seen.len(), 101);
        assert!(seen[1].contains("V2JobRequest"));
    }

    #[test]
    fn a_crash_forgets_what_waits() {
        let mut bench = slow(Server::Daphne);
        bench.facilitator.handle_frame(
            bench.now,
            A,
            Frame::text(ValidatorMessage::JobStatus(update("nope", JobStatus::Received)).encode()),
        );
        pipeline(&mut bench, 5);
        assert_eq!(bench.sleep(10), ["1.010s #1 close 1011"]);
        assert_eq!(bench.facilitator.stats().malformed, 0);
    }

    #[test]
    fn an_inbox_has_an_end() {
        let mut bench = slow(Server::Daphne);
        bench.facilitator.config.limits.inbox_frames = 3;
        pipeline(&mut bench, 3);
        assert!(bench.drain().is_empty());
        pipeline(&mut bench, 1);
        assert_eq!(bench.drain(), ["#1 drop"]);
    }
}

mod lifecycle {
    use super::*;

    #[test]
    fn nothing_is_answered_on_connections_that_are_not_there() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.facilitator.handle_disconnected(bench.now, A);
        assert!(bench.drain().is_empty());
        assert!(bench.status(A, JOB, JobStatus::Received).is_empty());
        assert!(bench.text(B, "nonsense").is_empty());
        bench.facilitator.handle_disconnected(bench.now, B);
        assert!(bench.drain().is_empty());
        assert_eq!(bench.facilitator.stats().stray_inputs, 3);
        assert_eq!(bench.facilitator.poll_timeout(), None);
    }

    #[test]
    fn a_number_in_use_is_not_taken_twice() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.connect(A);
        assert!(bench.send(A, &ValidatorMessage::Heartbeat).is_empty());
    }

    #[test]
    fn a_close_frame_is_answered_with_its_own_code() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench
            .facilitator
            .handle_frame(bench.now, A, Frame::Close(Some(CloseFrame::new(1000))));
        assert_eq!(bench.drain(), ["#1 close 1000"]);
    }

    #[test]
    fn a_message_above_the_limit_is_closed_with_1009() {
        let mut config = FacilitatorConfig::default();
        config.limits.message_size = 100;
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.facilitator.config = config;
        assert_eq!(kinds(&bench.text(A, &" ".repeat(100))), ["json_invalid"]);
        assert_eq!(bench.text(A, &" ".repeat(101)), ["#1 close 1009"]);
    }

    #[test]
    fn connections_and_validators_have_a_bound() {
        let mut config = FacilitatorConfig::default();
        config.limits.connections = 2;
        config.limits.validators = 1;
        let mut bench = Bench::with_alice(config);
        assert_eq!(
            kinds(&bench.authenticate(B, "//Bob")),
            ["auth.validator_not_found", "close 3001"]
        );
        bench.connect(B);
        bench.connect(ConnectionId(3));
        assert_eq!(bench.drain(), ["#3 close 1013"]);
    }

    #[test]
    fn a_restart_drops_all_and_forgets_as_told() {
        for (memory, kind) in [(Memory::Kept, "success"), (Memory::Lost, "job.not_found")] {
            let mut bench = Bench::with_alice(FacilitatorConfig::default());
            bench.push(JOB);
            bench.connect(B);
            bench.drain();
            bench.facilitator.restart(bench.now, memory);
            assert_eq!(bench.drain(), ["#1 drop", "#2 drop"]);
            bench.authenticate(ConnectionId(3), "//Alice");
            assert_eq!(
                kinds(&bench.status(ConnectionId(3), JOB, JobStatus::Received)),
                [kind]
            );
        }
    }

    #[test]
    fn a_mute_connection_is_heard_and_hears_nothing() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.push(JOB);
        bench.drain();
        bench.facilitator.set_mute(A, true);
        assert!(bench.status(A, JOB, JobStatus::Received).is_empty());
        assert!(bench.sleep(20).is_empty());
        bench.facilitator.set_mute(A, false);
        assert_eq!(
            kinds(&bench.status(A, JOB, JobStatus::Accepted)),
            ["success"]
        );
        assert_eq!(
            bench.stored(JOB),
            [JobStatus::Sent, JobStatus::Received, JobStatus::Accepted]
        );
    }

    #[test]
    fn a_binary_frame_is_no_message() {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench
            .facilitator
            .handle_frame(bench.now, A, Frame::Binary(Arc::from(b"{}".as_slice())));
        assert_eq!(kinds(&bench.drain()), ["json_type"]);
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs() {
        let run = || {
            let mut bench = Bench::with_alice(FacilitatorConfig::imitating(Server::Daphne));
            bench.authenticate(B, "//Bob");
            bench.push(JOB);
            let mut seen = bench.drain();
            seen.extend(bench.status(B, JOB, JobStatus::Received));
            seen.extend(bench.text(A, "nonsense"));
            seen.extend(bench.status(B, "nope", JobStatus::Received));
            seen.extend(bench.sleep(120));
            (seen, bench.events, bench.facilitator)
        };
        assert!(run() == run());
    }
}
