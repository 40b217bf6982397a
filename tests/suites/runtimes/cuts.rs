//! The link breaks: at every byte of a job's life, from both sides; or without a word.

use std::time::Duration;

use facilitator_core::client::{Config, Event, LostReason, Phase, TrustPolicy};
use facilitator_core::driver::{FacilitatorClient, Runtime};
use facilitator_core::message::{ExecutorClass, JobStatus, V2JobRequest};
use facilitator_core::signature::{Keypair, sign_job_request};
use facilitator_tests::pair::Side;
use facilitator_tests::proxy::Proxy;
use facilitator_tests::solo::{job, update};
use facilitator_tokio::server::Server;

use crate::session::REPORTED;
use crate::{Subject, UnderTest, client, config, lost, peers, reach, signer};

/// A client, its facilitator, and what stands between them.
struct Line<R: Runtime> {
    client: FacilitatorClient<R>,
    proxy: Proxy,
    server: Server,
    signer: Keypair,
}

impl<R: UnderTest> Line<R> {
    fn new(subject: &Subject<R>, change: impl FnOnce(Config) -> Config) -> Self {
        let server = peers::facilitator();
        let front = subject.transport.front(server.local_addr());
        let proxy = Proxy::in_front_of(front).unwrap();
        let uri = subject.transport.uri(proxy.address());
        let client = client(subject.runtime(), change(config(&uri)));
        Self {
            client,
            proxy,
            server,
            signer: signer(),
        }
    }

    /// The facilitator pushes the n-th job, and the client carries it to its end.
    async fn live(&self, n: u128) {
        let uuid = job(n);
        let mut request = V2JobRequest::new(&*uuid, ExecutorClass::AlwaysOnTest, "python:3.11");
        sign_job_request(&mut request, &self.signer, 1);
        self.server.push_job(request).unwrap();
        loop {
            match self.client.next_event().await.unwrap() {
                Event::JobRequested(request) if request.uuid == uuid => break,
                Event::JobRequested(request) => panic!("{} runs twice", request.uuid),
                _ => {}
            }
        }
        let mut receipts = Vec::new();
        for status in REPORTED {
            let sent = self.client.send_job_status(update(&uuid, status)).await;
            receipts.push(sent.unwrap());
        }
        for receipt in receipts {
            let receipt = receipt.await;
            assert!(receipt.outcome.is_delivered(), "{receipt:?}");
        }
    }
}

pub(crate) fn a_cut_at_any_byte_of_a_job_loses_and_reorders_nothing<R: UnderTest>(
    subject: &Subject<R>,
) {
    let line = Line::new(subject, |config| Config {
        backoff_initial: Duration::from_millis(1),
        backoff_max: Duration::from_millis(1),
        outbox_entries: 10_000,
        trust: TrustPolicy {
            verifications_per_second: 10_000,
            ..config.trust
        },
        ..config
    });
    subject.block_on(async move {
        line.client.start().unwrap();
        line.live(0).await;
        let mut jobs = 1;
        for side in Side::BOTH {
            let bytes = line.proxy.bytes_sent(side);
            assert!(bytes > 1000, "a job takes more than {bytes} bytes");
            for byte in 0..bytes {
                line.proxy.cut_next_at(side, byte);
                line.proxy.cut_all();
                line.live(jobs).await;
                jobs += 1;
            }
            // One whole life, for its bytes.
            line.proxy.cut_all();
            line.live(jobs).await;
            jobs += 1;
        }
        assert_eq!(line.client.stop().await.unwrap().owed, []);
        let stats = line.client.stats();
        assert_eq!(stats.statuses_set_aside, 0);
        assert!(stats.statuses_resent > 1000, "{stats:?}");

        let record = line.server.shutdown().await;
        let submitted = [&[JobStatus::Received], &REPORTED[..]].concat();
        let uuids: Vec<String> = (0..jobs).map(job).collect();
        let verdict = record.verdict(uuids.iter().map(|uuid| (uuid.as_str(), &submitted[..])));
        assert!(verdict.is_clean(), "{verdict:?}");
    });
}

pub(crate) fn a_link_that_drops_everything_is_noticed<R: UnderTest>(subject: &Subject<R>) {
    let line = Line::new(subject, |config| Config {
        ping_interval: Duration::from_millis(50),
        pong_timeout: Duration::from_millis(200),
        ..config
    });
    subject.block_on(async move {
        line.client.start().unwrap();
        reach(&line.client, Phase::Ready).await;
        line.proxy.swallow(true);
        assert_eq!(lost(&line.client).await, LostReason::PongTimeout);
        line.proxy.swallow(false);
        line.live(1).await;
    });
}
