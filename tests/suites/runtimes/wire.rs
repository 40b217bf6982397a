//! A client, its facilitator, and the fault proxy between them. Which faults there are is the scenarios' business.

use std::cell::Cell;
use std::env;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use facilitator_core::client::{Config, Event, TrustPolicy};
use facilitator_core::driver::{FacilitatorClient, Runtime};
use facilitator_core::message::JobStatus;
use facilitator_tests::proxy::{Cut, Proxy};
use facilitator_tests::solo::{job, update};
use facilitator_tokio::server::Server;

use crate::session::REPORTED;
use crate::talk::signed_job;
use crate::{Subject, UnderTest, client, config, peers};

/// See there: one runtime, one transport, one scenario.
pub(crate) struct Wire<R: Runtime> {
    pub(crate) client: FacilitatorClient<R>,
    pub(crate) proxy: Proxy,
    pub(crate) server: Server,
    jobs: Cell<u128>,
}

/// Tries again at once, and verifies as fast as jobs come: nothing is waited for that is not the fault's doing.
pub(crate) fn quick(config: Config) -> Config {
    Config {
        backoff_initial: Duration::from_millis(1),
        backoff_max: Duration::from_millis(1),
        outbox_entries: 10_000,
        trust: TrustPolicy {
            verifications_per_second: 10_000,
            ..config.trust
        },
        ..config
    }
}

impl<R: UnderTest> Wire<R> {
    /// With the proxy between the client and all that the transport is made of: it sees the bytes that are on the wire.
    pub(crate) fn new(subject: &Subject<R>, change: impl FnOnce(Config) -> Config) -> Self {
        let (server, proxy, uri) = Self::parts(subject);
        Self::of(subject.runtime(), server, proxy, change(config(&uri)))
    }

    /// As [`new`](Self::new), by a host name, on another runtime than the subject's.
    pub(crate) fn by_name(
        subject: &Subject<R>,
        runtime: R,
        change: impl FnOnce(Config) -> Config,
    ) -> Self {
        let (server, proxy, uri) = Self::parts(subject);
        let uri = uri.replace("127.0.0.1", "localhost");
        Self::of(runtime, server, proxy, change(config(&uri)))
    }

    fn parts(subject: &Subject<R>) -> (Server, Proxy, String) {
        let server = peers::facilitator();
        let front = subject.transport.front(server.local_addr());
        let proxy = Proxy::in_front_of(front).unwrap();
        let uri = subject.transport.uri(proxy.address());
        (server, proxy, uri)
    }

    /// With the proxy right before the server: TLS goes well, whatever happens behind it.
    pub(crate) fn within(subject: &Subject<R>, change: impl FnOnce(Config) -> Config) -> Self {
        let server = peers::facilitator();
        let proxy = Proxy::in_front_of(server.local_addr()).unwrap();
        let front = subject.transport.front(proxy.address());
        let uri = subject.transport.uri(front);
        Self::of(subject.runtime(), server, proxy, change(config(&uri)))
    }

    fn of(runtime: R, server: Server, proxy: Proxy, config: Config) -> Self {
        Self {
            client: client(runtime, config),
            proxy,
            server,
            jobs: Cell::new(0),
        }
    }

    /// The facilitator pushes a new job. Returns its uuid.
    pub(crate) fn push(&self) -> String {
        let n = self.jobs.replace(self.jobs.get() + 1);
        self.server.push_job(signed_job(n)).unwrap();
        job(n)
    }

    /// The client takes the request of this job, and of no other.
    pub(crate) async fn take(&self, uuid: &str) {
        loop {
            match self.client.next_event().await.unwrap() {
                Event::JobRequested(request) if request.uuid == uuid => return,
                Event::JobRequested(request) => panic!("{} runs twice", request.uuid),
                _ => {}
            }
        }
    }

    /// The client reports all statuses of this job, and each is delivered.
    pub(crate) async fn report(&self, uuid: &str) {
        let mut receipts = Vec::new();
        for status in REPORTED {
            let sent = self.client.send_job_status(update(uuid, status)).await;
            receipts.push(sent.unwrap());
        }
        for receipt in receipts {
            let receipt = receipt.await;
            assert!(receipt.outcome.is_delivered(), "{receipt:?}");
        }
    }

    /// A job's whole life.
    pub(crate) async fn live(&self) {
        let uuid = self.push();
        self.take(&uuid).await;
        self.report(&uuid).await;
    }

    /// Ends, and asks the facilitator's record: every status of every job is there, once, in the order given.
    pub(crate) async fn conclude(self) {
        assert_eq!(self.client.stop().await.unwrap().owed, []);
        assert_eq!(self.client.stats().statuses_set_aside, 0);
        // The facilitator would wait for connections of which only it believes that they are there.
        self.proxy.cut_all(Cut::Reset);
        let record = self.server.shutdown().await;
        let submitted = [&[JobStatus::Received], &REPORTED[..]].concat();
        let uuids: Vec<String> = (0..self.jobs.get()).map(job).collect();
        let verdict = record.verdict(uuids.iter().map(|uuid| (uuid.as_str(), &submitted[..])));
        assert!(verdict.is_clean(), "{verdict:?}");
    }
}

/// The seed of a test: its name, and the environment variable `FAULT_SEED`, if there is one.
pub(crate) fn seed_of(test: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (test, env_number("FAULT_SEED")).hash(&mut hasher);
    hasher.finish()
}

/// The value of an environment variable that is a number.
pub(crate) fn env_number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap())
}
