//! The facilitator restarts, again and again, at the same address.

use facilitator_core::CloseFrame;
use facilitator_core::client::{Event, LostReason};
use facilitator_core::facilitator::Event as Seen;
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{job, update};
use facilitator_tokio::server::{Events, ServerEvent};

use crate::session::REPORTED;
use crate::talk::{next_job, signed_job};
use crate::{Subject, UnderTest, peers};

async fn heartbeat(events: &mut Events) {
    while !matches!(
        events.next().await,
        Some(ServerEvent::Facilitator(Seen::Heartbeat { .. }))
    ) {}
}

pub(crate) fn three_restarts_of_the_facilitator_are_survived<R: UnderTest>(subject: &Subject<R>) {
    let mut server = peers::facilitator_that_ends(peers::facilitator_config());
    let address = server.local_addr();
    let client = subject.client(address, |config| config);
    subject.block_on(async {
        client.start().unwrap();
        heartbeat(&mut server.events()).await;
        server.push_job(signed_job(1)).unwrap();
        assert_eq!(next_job(&client).await, signed_job(1));
        let mut statuses = REPORTED.into_iter();
        let mut report = async || {
            let update = update(&job(1), statuses.next().unwrap());
            let receipt = client.send_job_status(update).await.unwrap();
            assert!(receipt.await.outcome.is_delivered());
        };
        report().await;
        for _ in 0..3 {
            let record = server.shutdown().await;
            // Whatever is sent now waits.
            server = peers::restarted(address, record);
            heartbeat(&mut server.events()).await;
            report().await;
        }
        report().await;
        assert_eq!(client.stop().await.unwrap().owed, []);
        let stats = client.stats();
        assert_eq!(stats.sessions, 4, "{stats:?}");

        let record = server.shutdown().await;
        let submitted = [&[JobStatus::Received], &REPORTED[..]].concat();
        let verdict = record.verdict([(&*job(1), &submitted[..])]);
        assert!(verdict.is_clean(), "{verdict:?}");
        let mut restarts = 0;
        while let Ok(event) = client.next_event().await {
            let Event::ConnectionLost { reason, .. } = event else {
                continue;
            };
            restarts += u32::from(reason == LostReason::Closed(Some(CloseFrame::new(1012))));
        }
        assert_eq!(restarts, 3);
    });
}
