//! A process that embeds a session is told to go: it delivers what it owes, or hands it back when its time is over.

use std::time::{Duration, Instant};

use facilitator_core::client::{Config, Outcome, Phase};
use facilitator_core::facilitator::{EndCause, Event as Seen};
use facilitator_core::message::JobStatus::{Accepted, Received};
use facilitator_tests::solo::{job, update};
use facilitator_tokio::server::ServerEvent;
use rustix::process::Signal;

use crate::child::{self, Process};
use crate::peers::{Hangs, hanging};
use crate::session::REPORTED;
use crate::talk::{next_job, signed_job};
use crate::{Subject, UnderTest, client, config, peers, reach};

/// More than enough for what is owed where somebody answers.
const DRAIN: Duration = Duration::from_secs(10);
/// Where nobody does.
const SHORT_DRAIN: Duration = Duration::from_millis(300);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(5);

pub(crate) fn a_signal_stops_the_session_that_a_process_embeds<R: UnderTest>(subject: &Subject<R>) {
    match child::told()
        .as_deref()
        .and_then(|told| told.split_once(' '))
    {
        Some(("answers", uri)) => subject.block_on(deliver(subject, uri)),
        Some((_, uri)) => subject.block_on(hand_back(subject, uri)),
        None => {
            for signal in [Signal::TERM, Signal::INT] {
                stop_by(subject, signal);
                stop_in_vain_by(subject, signal);
            }
        }
    }
}

/// The facilitator answers: all is delivered, and the connection is closed properly.
fn stop_by<R: UnderTest>(subject: &Subject<R>, signal: Signal) {
    let server = peers::facilitator();
    server.push_job(signed_job(1)).unwrap();
    let mut process = Process::start(subject.test, &format!("answers {}", server.uri()));
    process.wait_until_here();
    process.signal(signal);
    process.finish();

    let mut events = server.events();
    let (record, cause) = peers::wait(async move {
        let cause = loop {
            if let Some(ServerEvent::Facilitator(Seen::Ended { cause, .. })) = events.next().await {
                break cause;
            }
        };
        (server.shutdown().await, cause)
    });
    assert!(
        matches!(&cause, EndCause::ClosedByPeer(Some(close)) if close.code == 1000),
        "{cause:?}"
    );
    let statuses = [&[Received], &REPORTED[..]].concat();
    let verdict = record.verdict([(&*job(1), &statuses[..])]);
    assert!(verdict.is_clean(), "{signal:?}: {verdict:?}");
}

/// Nobody answers any more: the process is gone soon all the same.
fn stop_in_vain_by<R: UnderTest>(subject: &Subject<R>, signal: Signal) {
    let port = hanging(Hangs::NeverAnswers);
    let told = format!("hangs ws://127.0.0.1:{port}/");
    let mut process = Process::start(subject.test, &told);
    process.wait_until_here();
    let begin = Instant::now();
    process.signal(signal);
    process.finish();
    let took = begin.elapsed();
    assert!(took < SHORT_DRAIN + SLACK, "{signal:?}: {took:?}");
}

/// The child: it has most to say when it is told to go.
async fn deliver<R: UnderTest>(subject: &Subject<R>, uri: &str) {
    let signalled = R::signalled();
    let config = Config {
        drain_timeout: DRAIN,
        ..config(uri)
    };
    let client = client(subject.runtime(), config);
    client.start().unwrap();
    next_job(&client).await;
    let receipt = client.send_status(&job(1), Accepted).await.unwrap();
    assert!(receipt.await.outcome.is_delivered());
    child::say_here();
    signalled.await;
    let later = REPORTED.iter().filter(|status| **status != Accepted);
    let receipts: Vec<_> = later
        .map(|status| {
            client
                .try_send_job_status(update(&job(1), *status))
                .unwrap()
        })
        .collect();
    assert_eq!(client.stop().await.unwrap().owed, []);
    for receipt in receipts {
        assert_eq!(receipt.await.outcome, Outcome::Acknowledged);
    }
}

/// The child: it is told to go while nobody listens to it.
async fn hand_back<R: UnderTest>(subject: &Subject<R>, uri: &str) {
    let signalled = R::signalled();
    let config = Config {
        drain_timeout: SHORT_DRAIN,
        ..config(uri)
    };
    let client = client(subject.runtime(), config);
    client.start().unwrap();
    let receipt = client.send_status(&job(1), Accepted).await.unwrap();
    reach(&client, Phase::Ready).await;
    child::say_here();
    signalled.await;
    let owed = client.stop().await.unwrap().owed;
    assert_eq!(owed.len(), 1);
    let handed_back = owed.into_iter().map(Outcome::HandedBack).next();
    assert_eq!(Some(receipt.await.outcome), handed_back);
}
