//! Each rule of the simulated facilitator on its own. What the reference was seen to do is replayed in the workspace's
//! vector suite.
#![cfg(feature = "sr25519")]

mod authentication;
mod chance;
mod crashes;
mod lifecycle;
mod machine_specs;
mod pushing;
mod queueing;
mod statuses;
mod time;

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
        bench.authenticate(A, "alice");
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

    fn authenticate(&mut self, conn: ConnectionId, name: &str) -> Vec<String> {
        self.connect(conn);
        self.send(
            conn,
            &ValidatorMessage::Authentication(authentication_request(&key(name))),
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

/// A key for each name. The names are only short for seeds, which cost less than URIs.
fn key(name: &str) -> Keypair {
    let mut seed = [0; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    Keypair::from_seed(Scheme::Sr25519, seed).unwrap()
}

fn account(name: &str) -> AccountId {
    key(name).public().account()
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
        validator_hotkey: account("alice").to_ss58(),
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
