//! The handle: calls at the wrong time, stops that deliver, aborts that hand back, restarts, and every way to use it.

use std::future::{pending, ready};
use std::pin::pin;
use std::time::Duration;

use facilitator_core::client::{
    Config, Event, Health, LifecycleError, Outcome, Phase, SendError, Stats,
};
use facilitator_core::driver::{EventError, FacilitatorClient, Runtime, StartError};
use facilitator_core::facilitator::{EndCause, Event as Seen};
use facilitator_core::message::{
    HordeFailureDetails, HordeFailureReason, JobFailureDetails, JobFailureReason, JobFailureStage,
    JobParticipant, JobRejectionReason, JobStatus,
};
use facilitator_tests::solo::{job, specs, update};
use facilitator_tokio::server::ServerEvent;
use futures_util::StreamExt as _;
use futures_util::future::{join, select};
use tokio::sync::oneshot;

use crate::peers::{Hangs, hanging};
use crate::session::REPORTED;
use crate::subject::Line;
use crate::talk::{next_job, signed_job};
use crate::{Subject, UnderTest, reach};

/// What every way of sending says.
async fn refusals<R: Runtime>(client: &FacilitatorClient<R>) -> Vec<SendError> {
    let uuid = &job(1);
    let accepted = || update(uuid, JobStatus::Accepted);
    let failure = JobFailureDetails::new(
        JobFailureReason::Timeout,
        JobFailureStage::Execution,
        "too slow",
    );
    let horde_failure = HordeFailureDetails::new(
        JobParticipant::Validator,
        HordeFailureReason::GenericError,
        "lost",
    );
    let busy = JobRejectionReason::Busy;
    let results = [
        client.send_job_status(accepted()).await.map(drop),
        client.try_send_job_status(accepted()).map(drop),
        client
            .send_status(uuid, JobStatus::Accepted)
            .await
            .map(drop),
        client.reject_job(uuid, busy, "full").await.map(drop),
        client.fail_job(uuid, failure).await.map(drop),
        client.fail_horde(uuid, horde_failure).await.map(drop),
        client
            .send_machine_specs("5X", uuid, specs())
            .await
            .map(drop),
        client.adopt_job(uuid, Duration::from_secs(1)),
    ];
    results.map(Result::unwrap_err).into()
}

/// All that a caller can see of it, besides the time.
fn seen<R: Runtime>(client: &FacilitatorClient<R>) -> (bool, Phase, Health, Stats) {
    let mut stats = client.stats();
    stats.uptime = Duration::ZERO;
    (client.is_running(), client.phase(), client.health(), stats)
}

pub(crate) fn each_call_at_the_wrong_time_is_named_and_changes_nothing<R: UnderTest>(
    subject: &Subject<R>,
) {
    let port = hanging(Hangs::NeverAnswers);
    let client = subject.client(([127, 0, 0, 1], port).into(), |config| Config {
        drain_timeout: Duration::from_millis(200),
        ..config
    });
    subject.block_on(async {
        let before = seen(&client);
        assert_eq!(
            (before.0, before.1, before.2),
            (false, Phase::Idle, Health::Stopped)
        );
        assert_eq!(refusals(&client).await, vec![SendError::NotStarted; 8]);
        assert_eq!(client.stop().await, Err(LifecycleError::NotStarted));
        assert_eq!(client.abort(), Err(LifecycleError::NotStarted));
        assert_eq!(client.next_event().await, Err(EventError::NotStarted));
        assert_eq!(client.events().next().await, None);
        assert_eq!(seen(&client), before);

        client.start().unwrap();
        reach(&client, Phase::Ready).await;
        let running = seen(&client);
        let again = StartError::Lifecycle(LifecycleError::AlreadyStarted);
        assert_eq!(client.start(), Err(again));
        assert_eq!(client.run(async |_| ()).await, Err(again));
        assert_eq!(seen(&client), running);

        // Nobody answers this: the stop takes its whole time.
        let owed = client
            .send_status(&job(2), JobStatus::Accepted)
            .await
            .unwrap();
        let misuse = async {
            while client.phase() != Phase::Draining {
                client.next_event().await.unwrap();
            }
            let stopping = seen(&client);
            let twice = LifecycleError::AlreadyStopping;
            assert_eq!(client.start(), Err(StartError::Lifecycle(twice)));
            assert_eq!(client.stop().await, Err(twice));
            assert_eq!(refusals(&client).await, vec![SendError::Stopping; 8]);
            assert_eq!(seen(&client), stopping);
        };
        let (report, ()) = join(client.stop(), misuse).await;
        let Outcome::HandedBack(owed) = owed.await.outcome else {
            panic!("nobody answers");
        };
        assert_eq!(report.unwrap().owed, [owed]);

        let after = seen(&client);
        assert_eq!(
            (after.0, after.1, after.2),
            (false, Phase::Idle, Health::Stopped)
        );
        assert_eq!(refusals(&client).await, vec![SendError::Stopped; 8]);
        assert_eq!(client.stop().await, Err(LifecycleError::NotStarted));
        assert_eq!(client.abort(), Err(LifecycleError::NotStarted));
        while client.next_event().await != Err(EventError::Stopped) {}
        assert_eq!(seen(&client), after);
    });
}

pub(crate) fn a_stop_delivers_what_is_owed<R: UnderTest>(subject: &Subject<R>) {
    const JOBS: u128 = 30;
    let Line { client, server } = subject.line();
    subject.block_on(async {
        let mut events = server.events();
        client.start().unwrap();
        for n in 0..JOBS {
            server.push_job(signed_job(n)).unwrap();
        }
        for _ in 0..JOBS {
            next_job(&client).await;
        }
        let mut receipts = Vec::new();
        for status in REPORTED {
            for n in 0..JOBS {
                receipts.push(client.try_send_job_status(update(&job(n), status)).unwrap());
            }
        }
        assert_eq!(client.stop().await.unwrap().owed, []);
        for receipt in receipts {
            assert_eq!(receipt.await.outcome, Outcome::Acknowledged);
        }
        // It was a goodbye.
        let cause = loop {
            if let Some(ServerEvent::Facilitator(Seen::Ended { cause, .. })) = events.next().await {
                break cause;
            }
        };
        let EndCause::ClosedByPeer(Some(close)) = cause else {
            panic!("{cause:?}");
        };
        assert_eq!(close.code, 1000);

        let record = server.shutdown().await;
        let submitted = [&[JobStatus::Received], &REPORTED[..]].concat();
        let uuids: Vec<String> = (0..JOBS).map(job).collect();
        let verdict = record.verdict(uuids.iter().map(|uuid| (uuid.as_str(), &submitted[..])));
        assert!(verdict.is_clean(), "{verdict:?}");
        assert_eq!(record.stats().connections, 1);
    });
}

pub(crate) fn an_abort_hands_back_and_another_session_delivers_it<R: UnderTest>(
    subject: &Subject<R>,
) {
    let silent = ([127, 0, 0, 1], hanging(Hangs::NeverAnswers)).into();
    let Line { client, server } = subject.line();
    subject.block_on(async {
        let first = subject.client(silent, |config| config);
        first.start().unwrap();
        reach(&first, Phase::Ready).await;
        let mut receipts = Vec::new();
        for status in REPORTED {
            receipts.push(
                first
                    .send_job_status(update(&job(1), status))
                    .await
                    .unwrap(),
            );
        }
        let owed = first.abort().unwrap().owed;
        assert!(!first.is_running());
        assert_eq!(owed.len(), receipts.len());
        for (receipt, owed) in receipts.into_iter().zip(&owed) {
            assert_eq!(receipt.await.outcome, Outcome::HandedBack(owed.clone()));
        }

        server.push_job(signed_job(1)).unwrap();
        let restored = client.restore(&first.snapshot()).unwrap();
        assert_eq!(restored.len(), owed.len());
        client.start().unwrap();
        for (message, receipt) in restored {
            assert_eq!(receipt.await.outcome, Outcome::Acknowledged, "{message:?}");
        }
        assert_eq!(client.stop().await.unwrap().owed, []);
        let verdict = server.shutdown().await.verdict([(&*job(1), &REPORTED[..])]);
        assert!(verdict.is_clean(), "{verdict:?}");
    });
}

/// `run`, clones, the stream, sending without waiting, receipts: one handle, whatever it runs on.
pub(crate) fn one_handle_serves_every_use<R: UnderTest>(subject: &Subject<R>) {
    let Line { client, server } = subject.line_with(|config| Config {
        outbox_entries: 4,
        ..config
    });
    subject.block_on(async {
        server.push_job(signed_job(1)).unwrap();
        let worker = client.clone();
        let work = client.run(async |session| {
            let mut jobs = session.events().filter_map(|event| {
                ready(match event {
                    Event::JobRequested(request) => Some(request),
                    _ => None,
                })
            });
            let request = jobs.next().await.unwrap();
            for status in REPORTED {
                let update = || update(&request.uuid, status);
                // There may be no room for now: then it is waited for.
                let receipt = match worker.try_send_job_status(update()) {
                    Err(error) if error.is_full() => worker.send_job_status(update()).await,
                    tried => tried,
                };
                let receipt = receipt.unwrap();
                let id = receipt.id();
                let receipt = receipt.await;
                assert_eq!((receipt.id, receipt.outcome), (id, Outcome::Acknowledged));
            }
            request.uuid
        });
        let (uuid, report) = work.await.unwrap();
        assert_eq!((uuid, report.owed), (job(1), Vec::new()));
        assert!(!worker.is_running());

        // A scope may stop by itself; one that is left early leaves nothing running.
        let left = client.run(async |session| {
            reach(session, Phase::Ready).await;
            assert_eq!(session.stop().await.unwrap().owed, []);
        });
        left.await.unwrap();
        let (reached, is_ready) = oneshot::channel();
        let never = client.run(async |session| {
            reach(session, Phase::Ready).await;
            reached.send(()).unwrap();
            pending::<()>().await;
        });
        drop(select(pin!(never), is_ready).await);
        assert!(!client.is_running());
        let record = server.shutdown().await;
        let status = record.job(&job(1)).unwrap().current_status();
        assert_eq!(status, JobStatus::Completed);
    });
}
