//! What scenarios say and wait for: the validator, its configuration, and the events that they look for.

use std::sync::LazyLock;
use std::time::Duration;

use facilitator_core::client::{
    Config, ConnectFailure, Endpoint, Event, LostReason, Phase, PhaseChange, Signatories,
    TrustPolicy,
};
use facilitator_core::driver::{FacilitatorClient, Runtime};
use facilitator_core::message::{ExecutorClass, V2JobRequest};
use facilitator_core::signature::{Keypair, Scheme, sign_job_request};
use facilitator_tests::solo::job;

/// The validator of all tests.
pub(crate) fn keypair() -> Keypair {
    Keypair::from_seed(Scheme::Sr25519, [7; 32]).unwrap()
}

/// Who signs the jobs.
pub(crate) fn signer() -> Keypair {
    // To derive it takes thousands of hashes, unoptimised.
    static SIGNER: LazyLock<Keypair> =
        LazyLock::new(|| Keypair::from_uri(Scheme::Sr25519, "//Customer").unwrap());
    SIGNER.clone()
}

/// The request of the n-th job, signed.
pub(crate) fn signed_job(n: u128) -> V2JobRequest {
    let mut request = V2JobRequest::new(job(n), ExecutorClass::AlwaysOnTest, "python:3.11");
    sign_job_request(&mut request, &signer(), 1);
    request
}

/// A configuration that trusts the signer and tries again soon.
pub(crate) fn config(uri: &str) -> Config {
    let trust = TrustPolicy {
        signatories: Signatories::OwnAnd([signer().account()].into()),
        ..TrustPolicy::default()
    };
    Config {
        trust,
        backoff_initial: Duration::from_millis(10),
        backoff_max: Duration::from_millis(50),
        ..Config::new(Endpoint::parse(uri).unwrap())
    }
}

/// A client that has not been started.
pub(crate) fn client<R: Runtime>(runtime: R, config: Config) -> FacilitatorClient<R> {
    FacilitatorClient::with_runtime(config, &keypair(), runtime).unwrap()
}

/// Waits until the session is in this phase.
pub(crate) async fn reach<R: Runtime>(client: &FacilitatorClient<R>, phase: Phase) {
    loop {
        let event = client.next_event().await.unwrap();
        if matches!(event, Event::Phase(change) if change.phase == phase) {
            return;
        }
    }
}

/// Waits until a connection, or the attempt at one, is lost.
pub(crate) async fn lost<R: Runtime>(client: &FacilitatorClient<R>) -> LostReason {
    loop {
        let event = client.next_event().await.unwrap();
        if let Event::ConnectionLost { reason, .. } = event {
            return reason;
        }
    }
}

/// Waits until an attempt has failed, and says how.
pub(crate) async fn failure<R: Runtime>(client: &FacilitatorClient<R>) -> ConnectFailure {
    match lost(client).await {
        LostReason::ConnectFailed(failure) => failure,
        other => panic!("the attempt succeeded, then: {other}"),
    }
}

/// Waits until the session waits for its next attempt, and says why and for how long.
pub(crate) async fn waiting<R: Runtime>(client: &FacilitatorClient<R>) -> (LostReason, Duration) {
    loop {
        if let Event::Phase(PhaseChange {
            phase: Phase::Waiting,
            reason,
            retry_in,
            ..
        }) = client.next_event().await.unwrap()
        {
            return (reason.unwrap(), retry_in.unwrap());
        }
    }
}

/// Waits for the next job.
pub(crate) async fn next_job<R: Runtime>(client: &FacilitatorClient<R>) -> V2JobRequest {
    loop {
        match client.next_event().await.unwrap() {
            Event::JobRequested(request) => return *request,
            Event::JobDeclined { reason, .. } => panic!("{reason}"),
            _ => {}
        }
    }
}
