//! Every end that is asked for comes, and leaves nothing behind.

use std::time::Duration;

use facilitator_core::client::{Config, Event, LifecycleError, Outcome, Phase};
use facilitator_core::driver::{EventError, Runtime};
use facilitator_core::facilitator::{EndCause, Event as Seen};
use facilitator_core::message::JobStatus;
use facilitator_tokio::server::ServerEvent;

use crate::peers::Manners;
use crate::{Subject, client, config, peers, reach};

pub(crate) fn a_stopped_session_starts_again<R: Runtime + Clone>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let client = client(subject.usual.clone(), config(&server.uri()));
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

pub(crate) fn stop_ends_an_attempt_that_hangs<R: Runtime + Clone>(subject: &Subject<R>) {
    let port = peers::stranger(Manners::Mute);
    let config = Config {
        drain_timeout: Duration::from_millis(100),
        ..config(&format!("ws://127.0.0.1:{port}/"))
    };
    let client = client(subject.usual.clone(), config);
    subject.block_on(async move {
        client.start().unwrap();
        let job = "f4b1c4b2-5d3f-4a39-9c75-0a0c0de61d4b";
        let receipt = client.send_status(job, JobStatus::Accepted).await.unwrap();
        let report = client.stop().await.unwrap();
        assert!(!client.is_running());
        let [owed] = report.owed.try_into().unwrap();
        assert_eq!(receipt.await.outcome, Outcome::HandedBack(owed));
    });
}

pub(crate) fn the_last_handle_ends_the_connection<R: Runtime + Clone>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let client = client(subject.usual.clone(), config(&server.uri()));
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
