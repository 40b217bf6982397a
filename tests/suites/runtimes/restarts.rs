//! The facilitator restarts, again and again, at the same address.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use facilitator_core::CloseFrame;
use facilitator_core::client::{Event, LostReason};
use facilitator_core::facilitator::{Event as Seen, Facilitator};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{job, update};
use facilitator_tokio::server::{Events, Server, ServerEvent};
use tokio::time::sleep;

use crate::session::REPORTED;
use crate::talk::{next_job, signed_job};
use crate::{Subject, UnderTest, peers};

/// An address of the loopback network at which nobody else listens, and no connection begins: its ports stay free
/// between the end of a facilitator and the beginning of the next one.
fn address_of_its_own() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(2);
    ([127, 0, 0, NEXT.fetch_add(1, Ordering::Relaxed)], 0).into()
}

/// Another test may start a process at this moment, which holds copies of all sockets until it is a program of its own:
/// so long, the address is still taken.
async fn restarted(address: SocketAddr, record: Facilitator) -> Server {
    let begin = Instant::now();
    loop {
        match Server::bind_with(address, record.clone()).await {
            Err(error)
                if error.kind() == ErrorKind::AddrInUse
                    && begin.elapsed() < Duration::from_secs(10) =>
            {
                sleep(Duration::from_millis(10)).await;
            }
            bound => return bound.unwrap(),
        }
    }
}

async fn heartbeat(events: &mut Events) {
    while !matches!(
        events.next().await,
        Some(ServerEvent::Facilitator(Seen::Heartbeat { .. }))
    ) {}
}

pub(crate) fn three_restarts_of_the_facilitator_are_survived<R: UnderTest>(subject: &Subject<R>) {
    let first = Server::bind(address_of_its_own(), peers::facilitator_config());
    let mut server = peers::wait(first).unwrap();
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
            server = peers::wait(restarted(address, record));
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
