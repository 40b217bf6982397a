//! Every end that is asked for comes, and leaves nothing behind.

use std::time::{Duration, Instant};

use facilitator_core::client::{Config, Event, LifecycleError, Outcome, Phase, SendError};
use facilitator_core::driver::{EventError, Runtime};
use facilitator_core::facilitator::{EndCause, Event as Seen};
use facilitator_core::message::{JobStatus, JobStatusMetadata, MinerResponse, V0JobStatusUpdate};
use facilitator_tests::solo::job;
use facilitator_tokio::server::ServerEvent;
use futures_util::future::join;

use crate::peers::{Hangs, Manners, hanging};
use crate::subject::Line;
use crate::{Subject, UnderTest, client, config, peers, reach};

/// What a busy machine may add. Every other deadline of a session is longer.
const SLACK: Duration = Duration::from_secs(2);

pub(crate) fn a_stopped_session_starts_again<R: UnderTest>(subject: &Subject<R>) {
    let Line { client, server } = subject.line();
    subject.block_on(async move {
        assert_eq!(client.next_event().await, Err(EventError::NotStarted));
        for _ in 0..2 {
            client.start().unwrap();
            reach(&client, Phase::Ready).await;
            assert_eq!(client.stop().await.unwrap().owed, []);
            let mut last = None;
            while let Ok(event) = client.next_event().await {
                last = Some(event);
            }
            assert_eq!(last, Some(Event::Stopped { owed: Vec::new() }));
            assert_eq!(client.next_event().await, Err(EventError::Stopped));
        }
        assert_eq!(client.stop().await, Err(LifecycleError::NotStarted));
        assert_eq!(server.shutdown().await.stats().authentications, 2);
    });
}

/// One case of a stop that has to wait for its deadline: until where the client comes, and what is still owed then.
struct Case {
    name: &'static str,
    uri: String,
    reaches: Phase,
    /// Bytes of output of each status that is sent, none for statuses without one.
    outputs: &'static [usize],
}

pub(crate) fn stop_ends_within_its_deadline_whatever_hangs<R: UnderTest>(subject: &Subject<R>) {
    let on = |port| format!("ws://127.0.0.1:{port}/ws/v0/");
    let server = peers::facilitator_that_ends(peers::facilitator_config());
    let dead = server.uri();
    drop(server);
    // More than the buffers of a connection hold.
    let large = &[8 << 20, 8 << 20, 8 << 20];
    let cases = [
        (
            "no upgrade",
            on(peers::stranger(Manners::Mute)),
            Phase::Connecting,
            &[0][..],
        ),
        ("nobody", on(peers::nobody()), Phase::Waiting, &[0]),
        ("a dead server", dead, Phase::Waiting, &[0]),
        (
            "no authentication",
            on(hanging(Hangs::Unauthenticated)),
            Phase::Authenticating,
            &[0],
        ),
        (
            "a stalled read",
            on(hanging(Hangs::NeverAnswers)),
            Phase::Ready,
            &[0],
        ),
        (
            "a stalled write",
            on(hanging(Hangs::NeverReads)),
            Phase::Ready,
            large,
        ),
        (
            "a stalled close",
            on(hanging(Hangs::NeverReads)),
            Phase::Ready,
            &[],
        ),
    ];
    let runtime = subject.usual.clone();
    subject.block_on(async move {
        for (name, uri, reaches, outputs) in cases {
            let case = Case {
                name,
                uri,
                reaches,
                outputs,
            };
            stop_in(runtime.clone(), &case).await;
        }
    });
}

async fn stop_in<R: Runtime>(runtime: R, case: &Case) {
    let name = case.name;
    let drain_timeout = Duration::from_millis(100);
    let config = Config {
        drain_timeout,
        // With the slots for the terminal statuses, all are taken.
        outbox_entries: 2 * case.outputs.len().max(1),
        backoff_initial: Duration::from_secs(30),
        backoff_max: Duration::from_secs(30),
        ..config(&case.uri)
    };
    let client = client(runtime, config);
    client.start().unwrap();
    reach(&client, case.reaches).await;
    let mut receipts = Vec::new();
    for (n, bytes) in (0..).zip(case.outputs) {
        let update = V0JobStatusUpdate::new(job(n), JobStatus::VolumesReady);
        let output = Box::new(MinerResponse::new("", "x".repeat(*bytes)));
        let update = update.with_metadata(JobStatusMetadata {
            miner_response: (*bytes > 0).then_some(output),
            ..JobStatusMetadata::default()
        });
        receipts.push(client.send_job_status(update).await.unwrap());
    }
    // The queue is full, and one more stands before it.
    let one_more = async {
        if !case.outputs.is_empty() {
            let refused = client.send_status(&job(9), JobStatus::Accepted).await;
            // Told during the stop or after it, whenever it looked.
            let told = matches!(refused, Err(SendError::Stopping | SendError::Stopped));
            assert!(told, "{name}: {refused:?}");
        }
    };
    let begin = Instant::now();
    let ((), report) = join(one_more, client.stop()).await;
    assert!(
        begin.elapsed() < drain_timeout + SLACK,
        "{name}: {:?}",
        begin.elapsed()
    );
    assert!(!client.is_running(), "{name}");
    let owed = report.unwrap().owed;
    assert_eq!(owed.len(), receipts.len(), "{name}");
    for (receipt, owed) in receipts.into_iter().zip(owed) {
        let outcome = receipt.await.outcome;
        assert_eq!(outcome, Outcome::HandedBack(owed), "{name}");
    }
}

pub(crate) fn the_last_handle_ends_the_connection<R: UnderTest>(subject: &Subject<R>) {
    let Line { client, server } = subject.line();
    subject.block_on(async move {
        let mut events = server.events();
        client.start().unwrap();
        reach(&client, Phase::Ready).await;
        drop(client);
        let cause = loop {
            if let ServerEvent::Facilitator(Seen::Ended { cause, .. }) =
                events.next().await.unwrap()
            {
                break cause;
            }
        };
        assert_eq!(cause, EndCause::Disconnected);
    });
}
