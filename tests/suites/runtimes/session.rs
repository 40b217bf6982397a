//! A whole session: jobs, receipts, a cut in between, a stop and a second start.

use facilitator_core::client::{Event, LifecycleError, Outcome, Phase};
use facilitator_core::driver::{EventError, FacilitatorClient, Runtime};
use facilitator_core::facilitator::{self, StatusOutcome};
use facilitator_core::message::JobStatus::{
    self, Accepted, Completed, ExecutionDone, ExecutorReady, Received, VolumesReady,
};
use facilitator_core::message::{
    ExecutorClass, InlineVolume, JobStatusMetadata, MinerResponse, SingleVolume, V0JobStatusUpdate,
    V2JobRequest, Volume,
};
use facilitator_core::signature::{Keypair, Scheme, sign_job_request, verify_job_request};
use facilitator_tokio::server::Server;

use crate::{Subject, certificates, client, peers, reach};

const JOB: &str = "f4b1c4b2-5d3f-4a39-9c75-0a0c0de61d4b";

pub(crate) fn a_job_survives_a_cut<R: Runtime + Clone>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let uri = server.uri();
    subject.block_on(through_a_cut(client(subject.usual.clone(), &uri), server));
}

pub(crate) fn a_job_survives_a_cut_over_tls<R: Runtime + Clone>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let uri = secure(&server);
    subject.block_on(through_a_cut(client(subject.trusting.clone(), &uri), server));
}

pub(crate) fn a_large_message_passes_both_ways<R: Runtime + Clone>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let uri = server.uri();
    subject.block_on(large_messages(client(subject.usual.clone(), &uri), server));
}

pub(crate) fn a_large_message_passes_both_ways_over_tls<R: Runtime + Clone>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let uri = secure(&server);
    subject.block_on(large_messages(client(subject.trusting.clone(), &uri), server));
}

/// `localhost` has an IPv6 address too, at which nobody listens.
fn secure(server: &Server) -> String {
    let port = peers::tls_in_front_of(server.local_addr(), certificates::signed_for("localhost"));
    format!("wss://localhost:{port}/ws/v0/")
}

async fn through_a_cut<R: Runtime>(client: FacilitatorClient<R>, server: Server) {
    let signer = Keypair::from_uri(Scheme::Sr25519, "//Facilitator").unwrap();
    server.push_job(job(&signer)).unwrap();
    // Once, in the middle of the burst: the status is stored, and nobody learns it.
    let mut armed = true;
    server.cut_when(move |event| {
        let facilitator::Event::JobStatus { update, outcome, .. } = event else {
            return false;
        };
        let now = armed && update.status == ExecutorReady && *outcome == StatusOutcome::Stored;
        armed &= !now;
        now
    });

    assert_eq!(client.next_event().await, Err(EventError::NotStarted));
    client.start().unwrap();
    let request = next_job(&client).await;
    assert_eq!(request.uuid, JOB);
    assert_eq!(verify_job_request(&request).as_ref(), Ok(signer.public()));

    let submitted = [Accepted, ExecutorReady, VolumesReady, ExecutionDone, Completed];
    let mut receipts = Vec::new();
    for status in submitted {
        receipts.push(client.send_job_status(update(status, "done")).await.unwrap());
    }
    for (status, receipt) in submitted.into_iter().zip(receipts) {
        let outcome = receipt.await.outcome;
        match status {
            // Its answer was cut off, so it was sent again.
            ExecutorReady => assert_eq!(outcome, Outcome::AlreadyKnown),
            // Its answer may have been.
            Accepted => assert!(outcome.is_delivered(), "{outcome:?}"),
            _ => assert_eq!(outcome, Outcome::Acknowledged, "{status}"),
        }
    }
    let report = client.stop().await.unwrap();
    assert_eq!(report.owed, []);
    assert_eq!(client.stats().sessions, 2, "one cut");
    let mut last = None;
    while let Ok(event) = client.next_event().await {
        last = Some(event);
    }
    assert_eq!(last, Some(Event::Stopped { owed: Vec::new() }));
    assert_eq!(client.next_event().await, Err(EventError::Stopped));
    assert_eq!(client.stop().await, Err(LifecycleError::NotStarted));

    client.start().unwrap();
    reach(&client, Phase::Ready).await;
    client.stop().await.unwrap();

    let record = server.shutdown().await;
    let statuses = [&[Received], &submitted[..]].concat();
    let verdict = record.verdict([(JOB, &statuses[..])]);
    assert!(verdict.is_clean(), "{verdict:?}");
    assert_eq!(record.stats().authentications, 3);
    assert_eq!(record.stats().statuses_repeated, 1);
}

async fn large_messages<R: Runtime>(client: FacilitatorClient<R>, server: Server) {
    const SIZE: usize = 3 << 20;
    let signer = Keypair::from_uri(Scheme::Sr25519, "//Facilitator").unwrap();
    let mut request = V2JobRequest {
        volume: Some(Volume::Single(SingleVolume::Inline(InlineVolume {
            contents: "A".repeat(SIZE),
            relative_path: None,
        }))),
        ..job(&signer)
    };
    sign_job_request(&mut request, &signer, 1);
    server.push_job(request.clone()).unwrap();

    client.start().unwrap();
    assert_eq!(next_job(&client).await, request);
    let receipt = client.send_job_status(update(Completed, &"B".repeat(SIZE))).await.unwrap();
    assert_eq!(receipt.await.outcome, Outcome::Acknowledged);
    assert_eq!(client.stop().await.unwrap().owed, []);

    let record = server.shutdown().await;
    let stored = record.job(JOB).unwrap().statuses().last().unwrap().clone();
    assert_eq!(stored.status, Completed);
    assert_eq!(stored.metadata, update(Completed, &"B".repeat(SIZE)).metadata);
    assert_eq!(record.stats().connections, 1);
}

fn job(signer: &Keypair) -> V2JobRequest {
    let mut request = V2JobRequest::new(JOB, ExecutorClass::AlwaysOnTest, "python:3.11");
    request.args = ["python", "-c", "print('\u{17c}')"].map(Into::into).into();
    sign_job_request(&mut request, signer, 1);
    request
}

fn update(status: JobStatus, output: &str) -> V0JobStatusUpdate {
    let update = V0JobStatusUpdate::new(JOB, status);
    if status != Completed {
        return update;
    }
    update.with_metadata(JobStatusMetadata {
        miner_response: Some(Box::new(MinerResponse::new("", output))),
        ..JobStatusMetadata::default()
    })
}

async fn next_job<R: Runtime>(client: &FacilitatorClient<R>) -> V2JobRequest {
    loop {
        if let Event::JobRequested(request) = client.next_event().await.unwrap() {
            return *request;
        }
    }
}
