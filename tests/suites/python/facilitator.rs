//! The library as a facilitator, for the clients of all runtimes.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use facilitator_async_std::async_std::AsyncStd;
use facilitator_async_std::smol::Smol;
use facilitator_core::CloseFrame;
use facilitator_core::client::{
    Config, Endpoint, Event, LostReason, Outcome, Phase, Refusal, Signatories, TrustPolicy,
};
use facilitator_core::driver::{FacilitatorClient, PendingReceipt, Runtime};
use facilitator_core::message::JobStatus::{
    self, Accepted, Completed, ExecutionDone, ExecutorReady, VolumesReady,
};
use facilitator_core::message::{
    ExecutorClass, InlineVolume, JobStatusMetadata, MinerResponse, SingleVolume, V0JobStatusUpdate,
    V2JobRequest, Volume,
};
use facilitator_core::signature::{Keypair, Scheme, sign_job_request};
use facilitator_tests::bounded::bounded;
use facilitator_tests::child::{Child, Ended};
use facilitator_tests::solo::job;
use facilitator_tests::{built, vectors};
use facilitator_tokio::Tokio;
use serde_json::{Value, json};

use crate::environment::{self, script};
use crate::{FLAVOURS, TemporaryFile, expect, said};

const LIMIT: Duration = Duration::from_mins(3);
/// More than any buffer on the way holds, in bytes.
const LARGE: usize = 2 << 20;
/// The uuid of every vector. No signature covers it.
const VECTORS_UUID: &str = "f4b1c4b2-5d3f-4a39-9c75-0a0c0de61d4b";
/// What is reported of a job; `received` is the session's own.
const REPORTED: [JobStatus; 5] = [
    Accepted,
    ExecutorReady,
    VolumesReady,
    ExecutionDone,
    Completed,
];

type BlockOn = fn(Pin<Box<dyn Future<Output = ()>>>);

macro_rules! every_runtime {
    ($($name:ident: $runtime:ty, $block_on:expr;)*) => {$(
        mod $name {
            use super::*;

            fn check<F>(test: impl Fn($runtime, &'static str) -> F + Send + 'static)
            where
                F: Future<Output = ()> + 'static,
            {
                if !environment::is_there() {
                    return;
                }
                bounded(LIMIT, move || {
                    for flavour in FLAVOURS {
                        let block_on: BlockOn = $block_on;
                        block_on(Box::pin(test(<$runtime>::default(), flavour)));
                    }
                });
            }

            #[test]
            fn jobs_live_through_drops_and_closes() {
                check(super::jobs_live_through_drops_and_closes);
            }

            #[test]
            fn each_close_is_answered_in_kind() {
                check(super::each_close_is_answered_in_kind);
            }

            #[test]
            fn an_unknown_validator_is_told_so() {
                check(super::an_unknown_validator_is_told_so);
            }

            #[test]
            fn what_is_too_large_for_the_peer_is_set_aside() {
                check(super::what_is_too_large_for_the_peer_is_set_aside);
            }

            #[test]
            fn an_abort_says_nothing() {
                check(super::an_abort_says_nothing);
            }
        }
    )*};
}

every_runtime! {
    tokio: Tokio, |test| ::tokio::runtime::Runtime::new().unwrap().block_on(test);
    smol: Smol, ::smol::block_on;
    async_std: AsyncStd, ::async_std::task::block_on;
}

async fn jobs_live_through_drops_and_closes<R: Runtime>(runtime: R, flavour: &'static str) {
    let (mut jobs, refused) = golden();
    jobs.push(large_job((jobs.len() + refused.len()) as u128));
    let plan = [
        json!({"after": 3, "how": "drop"}),
        json!({"after": 10, "how": "close", "code": 1012, "reason": "restart"}),
        json!({"after": 7, "how": "close", "code": 1001, "reason": "za\u{17c}\u{f3}\u{142}\u{107}"}),
        json!({"after": 40, "how": "drop"}),
    ];
    let facilitator = Facilitator::start(
        flavour,
        &keypair(flavour),
        &[jobs.clone(), refused.clone()].concat(),
        &plan,
        &[],
    );
    let client = client(runtime, &facilitator, flavour);
    client.start().unwrap();
    let receipts = run_all(&client, jobs.len(), refused.len()).await;
    for receipt in receipts {
        let receipt = receipt.await;
        assert!(receipt.outcome.is_delivered(), "{receipt:?}");
    }
    assert_eq!(client.stop().await.unwrap().owed, []);

    let ended = facilitator.end();
    let mut expected = BTreeMap::new();
    let whole = ["received"]
        .into_iter()
        .chain(REPORTED.iter().map(|status| status.as_str()));
    let whole: Vec<&str> = whole.collect();
    for text in &jobs {
        expected.insert(uuid(text), whole.clone());
    }
    for text in &refused {
        expected.insert(uuid(text), vec!["rejected"]);
    }
    assert_eq!(stored(&ended), to_text(expected));
    assert_eq!(said(&ended, "pong").len(), 15, "three on each connection");
    assert_eq!(said(&ended, "heartbeat").len(), 5, "one on each connection");
    connected_well(&ended, &client, 5);

    let closed = said(&ended, "closed");
    assert!(
        closed.iter().any(|line| line["keepalive"] == true),
        "{closed:?}"
    );
    for (closed, plan) in closed.iter().zip(&plan) {
        let frame = match plan["how"].as_str() {
            Some("close") => json!([plan["code"], plan["reason"]]),
            _ => Value::Null,
        };
        assert_eq!(closed["sent"], frame);
        assert_eq!(closed["received"], frame, "the answer has the same code");
    }
    // The client's own goodbye.
    let last = closed.last().unwrap();
    assert_eq!(last["received"][0], 1000);
    assert_eq!(last["sent"][0], 1000);
    assert_eq!(last["peer_first"], true);
}

async fn each_close_is_answered_in_kind<R: Runtime>(runtime: R, flavour: &'static str) {
    let codes = [
        1000, 1001, 1003, 1007, 1008, 1011, 1012, 1013, 3000, 3001, 4000, 4999,
    ];
    let plan = codes.map(|code| {
        let reason = format!("reason of {code}");
        json!({"after": 0, "how": "close", "code": code, "reason": reason})
    });
    let facilitator = Facilitator::start(flavour, &keypair(flavour), &[], &plan, &[]);
    let client = client(runtime, &facilitator, flavour);
    client.start().unwrap();
    for code in codes {
        let reason = lost(&client).await;
        let frame = CloseFrame {
            code,
            reason: format!("reason of {code}"),
        };
        assert_eq!(reason, LostReason::Closed(Some(frame)));
    }
    reach(&client, Phase::Ready).await;
    assert_eq!(client.stop().await.unwrap().owed, []);

    let ended = facilitator.end();
    connected_well(&ended, &client, codes.len() + 1);
    for (closed, code) in said(&ended, "closed").iter().zip(codes) {
        let frame = json!([code, format!("reason of {code}")]);
        assert_eq!(closed["sent"], frame);
        assert_eq!(closed["received"], frame);
        assert_eq!(closed["peer_first"], false);
        // The library gives a peer ten seconds.
        assert!(closed["took"].as_f64().unwrap() < 5.0, "{closed}");
    }
}

async fn an_unknown_validator_is_told_so<R: Runtime>(runtime: R, flavour: &'static str) {
    let other = Keypair::from_uri(Scheme::Sr25519, "//Bob").unwrap();
    let facilitator = Facilitator::start(flavour, &other, &[], &[], &[]);
    let client = client(runtime, &facilitator, flavour);
    client.start().unwrap();
    let expected = LostReason::AuthenticationRefused(Refusal::ValidatorNotFound);
    assert_eq!(lost(&client).await, expected);
    client.abort().unwrap();
    let ended = facilitator.end();
    assert_eq!(said(&ended, "authenticated"), [] as [Value; 0]);
    let closed = &said(&ended, "closed")[0];
    // The client ends such a connection too, and may be faster.
    let code = if closed["peer_first"] == true {
        1000
    } else {
        3001
    };
    assert_eq!(closed["sent"][0], code, "{closed}");
}

async fn what_is_too_large_for_the_peer_is_set_aside<R: Runtime>(
    runtime: R,
    flavour: &'static str,
) {
    let (jobs, _) = golden();
    let jobs = &jobs[..1];
    let limit = ["--max-size", "65536"];
    let facilitator = Facilitator::start(flavour, &keypair(flavour), jobs, &[], &limit);
    let client = client(runtime, &facilitator, flavour);
    client.start().unwrap();
    let job = uuid(&jobs[0]);
    let mut outcomes = Vec::new();
    for (status, bytes) in [
        (Accepted, 0),
        (VolumesReady, 65_536),
        (ExecutionDone, 0),
        (Completed, 0),
    ] {
        let receipt = client.send_job_status(update(&job, status, bytes)).await;
        outcomes.push(receipt.unwrap());
    }
    for (receipt, delivered) in outcomes.into_iter().zip([true, false, true, true]) {
        let outcome = receipt.await.outcome;
        assert_eq!(outcome.is_delivered(), delivered, "{outcome:?}");
        assert!(
            delivered || matches!(outcome, Outcome::SetAside(_)),
            "{outcome:?}"
        );
    }
    assert_eq!(client.stop().await.unwrap().owed, []);

    let ended = facilitator.end();
    let too_large = said(&ended, "closed");
    let too_large = too_large.iter().filter(|closed| closed["sent"][0] == 1009);
    // Three times for itself, and at first perhaps for one before it whose answer was on its way.
    assert!((3..=5).contains(&too_large.count()), "{:?}", ended.lines);
}

async fn an_abort_says_nothing<R: Runtime>(runtime: R, flavour: &'static str) {
    let facilitator = Facilitator::start(flavour, &keypair(flavour), &[], &[], &[]);
    let client = client(runtime, &facilitator, flavour);
    client.start().unwrap();
    reach(&client, Phase::Ready).await;
    client.abort().unwrap();
    let mut facilitator = facilitator;
    let closed = expect(&mut facilitator.child, "closed");
    assert_eq!(
        (&closed["received"], &closed["sent"]),
        (&Value::Null, &Value::Null)
    );
    facilitator.end();
}

/// The script while it runs.
struct Facilitator {
    child: Child,
    port: u64,
    _jobs: TemporaryFile,
}

impl Facilitator {
    fn start(
        flavour: &str,
        validator: &Keypair,
        jobs: &[String],
        plan: &[Value],
        more: &[&str],
    ) -> Self {
        let mut command = script("facilitator.py");
        let jobs = TemporaryFile::new(jobs.join("\n"));
        command
            .args(["--flavour", flavour, "--program"])
            .arg(built::program("facilitator-client"))
            .args(["--validator", &validator.public().to_ss58(), "--jobs"])
            .arg(&jobs)
            .args(["--plan", &json!(plan).to_string()])
            .args(more);
        let mut child = Child::start(&mut command);
        let port = expect(&mut child, "listening")["port"].as_u64().unwrap();
        Self {
            child,
            port,
            _jobs: jobs,
        }
    }

    /// Nothing that it saw was wrong.
    fn end(self) -> Ended {
        let ended = self.child.end();
        assert_eq!(said(&ended, "wrong"), [] as [Value; 0], "{}", ended.stderr);
        assert!(ended.status.success(), "{ended:?}");
        ended
    }
}

/// Every signed job request of the vectors, each with a uuid of its own: what is to run, and what nobody has signed.
fn golden() -> (Vec<String>, Vec<String>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (n, line) in (0..).zip(vectors::lines("signed.jsonl")) {
        let vector: Value = serde_json::from_str(&line).unwrap();
        if vector["model"] == "V2JobRequest" {
            let text = vector["json"].as_str().unwrap();
            assert!(text.contains(VECTORS_UUID), "{}", vector["name"]);
            let list = if vector["verdict"] == "accept" {
                &mut good
            } else {
                &mut bad
            };
            list.push(text.replace(VECTORS_UUID, &job(n)));
        }
    }
    assert!(
        good.len() > 20 && bad.len() > 20,
        "{}, {}",
        good.len(),
        bad.len()
    );
    (good, bad)
}

/// Larger than any buffer on the way.
fn large_job(n: u128) -> String {
    let signer = Keypair::from_uri(Scheme::Sr25519, "//Customer").unwrap();
    let mut request = V2JobRequest::new(job(1000 + n), ExecutorClass::AlwaysOnTest, "python:3.11");
    request.volume = Some(Volume::Single(SingleVolume::Inline(InlineVolume {
        contents: "A".repeat(LARGE),
        relative_path: None,
    })));
    sign_job_request(&mut request, &signer, 1);
    request.encode()
}

/// One flavour is for each scheme.
fn keypair(flavour: &str) -> Keypair {
    let scheme = match flavour {
        "asyncio" => Scheme::Ed25519,
        _ => Scheme::Sr25519,
    };
    Keypair::from_seed(scheme, [7; 32]).unwrap()
}

fn client<R: Runtime>(
    runtime: R,
    facilitator: &Facilitator,
    flavour: &str,
) -> FacilitatorClient<R> {
    let uri = format!("ws://127.0.0.1:{}/ws/v0/", facilitator.port);
    let config = Config {
        validator_version: "1.2.3".into(),
        trust: TrustPolicy {
            signatories: Signatories::Anyone,
            verifications_per_second: 10_000,
            ..TrustPolicy::default()
        },
        backoff_initial: Duration::from_millis(10),
        backoff_max: Duration::from_millis(50),
        refused_delay: Duration::from_millis(10),
        ..Config::new(Endpoint::parse(&uri).unwrap())
    };
    FacilitatorClient::with_runtime(config, &keypair(flavour), runtime).unwrap()
}

/// Takes every job once, reports all of it, and returns the promises of receipts.
async fn run_all<R: Runtime>(
    client: &FacilitatorClient<R>,
    jobs: usize,
    refused: usize,
) -> Vec<PendingReceipt> {
    let mut receipts = Vec::new();
    let (mut taken, mut rejected) = (Vec::new(), 0);
    while taken.len() < jobs || rejected < refused {
        match client.next_event().await.unwrap() {
            Event::JobRequested(request) => {
                assert!(
                    !taken.contains(&request.uuid),
                    "{} runs twice",
                    request.uuid
                );
                for status in REPORTED {
                    let update = update(&request.uuid, status, LARGE / 50);
                    receipts.push(client.send_job_status(update).await.unwrap());
                }
                taken.push(request.uuid);
            }
            Event::JobRefused { .. } => rejected += 1,
            _ => {}
        }
    }
    receipts
}

/// `completed` has a result, and so has what is to have so many bytes of it.
fn update(job: &str, status: JobStatus, bytes: usize) -> V0JobStatusUpdate {
    let update = V0JobStatusUpdate::new(job, status);
    if status != Completed && status != VolumesReady {
        return update;
    }
    update.with_metadata(JobStatusMetadata {
        miner_response: Some(Box::new(MinerResponse::new("", "ż".repeat(bytes / 2)))),
        ..JobStatusMetadata::default()
    })
}

async fn reach<R: Runtime>(client: &FacilitatorClient<R>, phase: Phase) {
    loop {
        let event = client.next_event().await.unwrap();
        if matches!(event, Event::Phase(change) if change.phase == phase) {
            return;
        }
    }
}

async fn lost<R: Runtime>(client: &FacilitatorClient<R>) -> LostReason {
    loop {
        if let Event::ConnectionLost { reason, .. } = client.next_event().await.unwrap() {
            return reason;
        }
    }
}

fn uuid(job: &str) -> String {
    let job: Value = serde_json::from_str(job).unwrap();
    job["uuid"].as_str().unwrap().to_owned()
}

fn to_text(statuses: BTreeMap<String, Vec<&str>>) -> BTreeMap<String, Vec<String>> {
    let owned = |statuses: Vec<&str>| statuses.into_iter().map(String::from).collect();
    statuses
        .into_iter()
        .map(|(job, statuses)| (job, owned(statuses)))
        .collect()
}

/// What was stored of each job, in order.
fn stored(ended: &Ended) -> BTreeMap<String, Vec<String>> {
    let mut jobs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in said(ended, "status") {
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        assert_ne!(line["outcome"], "unknown", "{line}");
        if line["outcome"] == "stored" {
            jobs.entry(text("job")).or_default().push(text("status"));
        }
    }
    jobs
}

/// What every upgrade request has, and what none has.
fn connected_well<R: Runtime>(ended: &Ended, client: &FacilitatorClient<R>, connections: usize) {
    let connected = said(ended, "connected");
    assert_eq!(connected.len(), connections);
    assert_eq!(client.stats().sessions, connections as u64);
    for line in connected {
        assert_eq!(line["path"], "/ws/v0/");
        assert_eq!(line["extensions"], json!([]), "nothing is negotiated");
        let headers = line["headers"].as_array().unwrap();
        let header = |name: &str| {
            let values = headers.iter().filter(|header| header[0] == name);
            values
                .map(|header| header[1].as_str().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(header("x-validator-version"), ["1.2.3"]);
        assert_eq!(header("x-validator-runner-version"), ["unknown"]);
        assert_eq!(header("sec-websocket-version"), ["13"]);
        assert_eq!(header("sec-websocket-extensions"), [] as [&str; 0]);
        assert_eq!(header("host").len(), 1);
    }
}
