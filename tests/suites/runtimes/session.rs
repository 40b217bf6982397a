//! A job from its request to its last receipt: with a cut in between, and with messages too large for any buffer.

use facilitator_core::client::{Config, LostReason, Outcome};
use facilitator_core::driver::{FacilitatorClient, Runtime};
use facilitator_core::facilitator::Event as Seen;
use facilitator_core::message::JobStatus::{
    self, Accepted, Completed, ExecutionDone, ExecutorReady, Received, VolumesReady,
};
use facilitator_core::message::{
    ExecutorClass, InlineVolume, JobStatusMetadata, MinerResponse, SingleVolume, V0JobStatusUpdate,
    V2JobRequest, Volume,
};
use facilitator_core::signature::{Keypair, sign_job_request, verify_job_request};
use facilitator_tokio::server::{Server, ServerEvent};

use crate::subject::Line;
use crate::talk::next_job;
use crate::{Subject, UnderTest, lost, signer};

const JOB: &str = "f4b1c4b2-5d3f-4a39-9c75-0a0c0de61d4b";
/// More than any buffer on the way holds, in bytes.
const LARGE: usize = 3 << 20;
/// What the application reports of it; `received` is the session's own.
pub(crate) const REPORTED: [JobStatus; 5] = [
    Accepted,
    ExecutorReady,
    VolumesReady,
    ExecutionDone,
    Completed,
];

pub(crate) fn a_job_survives_a_cut<R: UnderTest>(subject: &Subject<R>) {
    let Line { client, server } = subject.line();
    subject.block_on(through_a_cut(client, server));
}

pub(crate) fn a_large_message_passes_both_ways<R: UnderTest>(subject: &Subject<R>) {
    let Line { client, server } = subject.line();
    subject.block_on(large_messages(client, server));
}

pub(crate) fn the_upgrade_carries_the_headers<R: UnderTest>(subject: &Subject<R>) {
    let Line { client, server } = subject.line_with(|config| Config {
        validator_version: "1.2.3".into(),
        extra_headers: vec![("X-Rack".into(), "7".into())],
        ..config
    });
    subject.block_on(async move {
        let mut events = server.events();
        client.start().unwrap();
        let Some(ServerEvent::Connected { handshake, .. }) = events.next().await else {
            panic!("a connection comes first");
        };
        assert_eq!(handshake.path, "/ws/v0/");
        assert_eq!(handshake.header("X-Validator-Version"), Some("1.2.3"));
        assert_eq!(handshake.header("X-Rack"), Some("7"));
    });
}

pub(crate) fn a_message_above_the_limit_is_refused<R: UnderTest>(subject: &Subject<R>) {
    let Line { client, server } = subject.line_with(|config| Config {
        inbound_message_bytes: LARGE,
        ..config
    });
    subject.block_on(async move {
        server.push_job(large_job(&signer())).unwrap();
        client.start().unwrap();
        let reason = lost(&client).await;
        assert!(matches!(reason, LostReason::Protocol(_)), "{reason}");
    });
}

async fn through_a_cut<R: Runtime>(client: FacilitatorClient<R>, server: Server) {
    let signer = signer();
    server.push_job(job(&signer)).unwrap();
    cut_once_at(&server, ExecutorReady);

    client.start().unwrap();
    let request = next_job(&client).await;
    assert_eq!(request.uuid, JOB);
    assert_eq!(verify_job_request(&request).as_ref(), Ok(signer.public()));
    report_all(&client).await;
    assert_eq!(client.stop().await.unwrap().owed, []);
    assert_eq!(client.stats().sessions, 2, "one cut, one more session");

    let record = server.shutdown().await;
    let statuses = [&[Received], &REPORTED[..]].concat();
    let verdict = record.verdict([(JOB, &statuses[..])]);
    assert!(verdict.is_clean(), "{verdict:?}");
    // Whatever was answered in vain came once more: `executor_ready` for certain, what came before it maybe.
    let repeated = record.stats().statuses_repeated;
    assert!((1..=3).contains(&repeated), "{repeated}");
}

/// Sends all statuses in one burst, then looks at their receipts.
async fn report_all<R: Runtime>(client: &FacilitatorClient<R>) {
    let mut receipts = Vec::new();
    for status in REPORTED {
        receipts.push(
            client
                .send_job_status(update(status, "done"))
                .await
                .unwrap(),
        );
    }
    for (status, receipt) in REPORTED.into_iter().zip(receipts) {
        let outcome = receipt.await.outcome;
        match status {
            // Its answer was cut off, so it was sent again.
            ExecutorReady => assert_eq!(outcome, Outcome::AlreadyKnown),
            // Its answer may have been, with all that was still on its way.
            Accepted => assert!(outcome.is_delivered(), "{outcome:?}"),
            _ => assert_eq!(outcome, Outcome::Acknowledged, "{status}"),
        }
    }
}

/// Cuts the connection in the middle of the burst: the status is stored, and nobody learns it.
fn cut_once_at(server: &Server, status: JobStatus) {
    let mut armed = true;
    server.cut_when(move |event| {
        let hit =
            armed && matches!(event, Seen::JobStatus { update, .. } if update.status == status);
        armed &= !hit;
        hit
    });
}

async fn large_messages<R: Runtime>(client: FacilitatorClient<R>, server: Server) {
    let request = large_job(&signer());
    server.push_job(request.clone()).unwrap();
    client.start().unwrap();
    assert_eq!(next_job(&client).await, request);
    let completed = update(Completed, &"B".repeat(LARGE));
    let receipt = client.send_job_status(completed.clone()).await.unwrap();
    assert_eq!(receipt.await.outcome, Outcome::Acknowledged);
    assert_eq!(client.stop().await.unwrap().owed, []);

    let record = server.shutdown().await;
    let stored = record.job(JOB).unwrap().statuses().last().unwrap().clone();
    assert_eq!(stored.status, Completed);
    assert_eq!(stored.metadata, completed.metadata);
    assert_eq!(record.stats().connections, 1);
}

fn job(signer: &Keypair) -> V2JobRequest {
    let mut request = V2JobRequest::new(JOB, ExecutorClass::AlwaysOnTest, "python:3.11");
    request.args = ["python", "-c", "print('\u{17c}')"].map(Into::into).into();
    sign_job_request(&mut request, signer, 1);
    request
}

/// Its message is larger than [`LARGE`].
fn large_job(signer: &Keypair) -> V2JobRequest {
    let volume = InlineVolume {
        contents: "A".repeat(LARGE),
        relative_path: None,
    };
    let mut request = V2JobRequest {
        volume: Some(Volume::Single(SingleVolume::Inline(volume))),
        ..job(signer)
    };
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
