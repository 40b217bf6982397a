//! A session that is kept busy.

use std::hint::black_box;

use facilitator_core::client::{
    Config, Endpoint, Event, FacilitatorClient, Outcome, Output, TrustPolicy,
};
use facilitator_core::message::Response;
use facilitator_core::signature::{Keypair, Scheme};
use facilitator_core::{ConnectionId, Frame, Timestamp};

use super::reports::{Load, Reports};

/// A session that is ready, with as much queued and open as the load says.
pub(crate) struct Session {
    pub(crate) client: FacilitatorClient,
    pub(crate) connection: ConnectionId,
    pub(crate) success: Frame,
    reports: Reports,
}

impl Session {
    pub(crate) fn new(load: Load) -> Self {
        Self::with_uuids(load, load.uuids())
    }

    /// Two loads whose lists of uuids are equally long pay the same for them.
    pub(crate) fn with_uuids(load: Load, uuids: usize) -> Self {
        let config = Config {
            outbox_entries: 1000 + load.queued + load.window + 2 * load.jobs,
            outbox_bytes: usize::MAX,
            open_jobs: 1000 + load.jobs,
            window: load.window,
            trust: TrustPolicy::unverified(),
            ..Config::new(Endpoint::public())
        };
        let keypair = Keypair::from_seed(Scheme::Ed25519, [7; 32]).expect("a key");
        let mut client = FacilitatorClient::new(config, &keypair, 42).expect("it makes sense");
        client
            .start(Timestamp::ZERO)
            .expect("it was not started before");
        let mut connection = None;
        while let Some(output) = client.poll_output() {
            if let Output::Connect(number, _) = output {
                connection = Some(number);
                client.handle_connected(Timestamp::ZERO, number);
            }
        }
        let connection = connection.expect("it connects");
        let success = Frame::text(Response::success().encode());
        client.handle_frame(Timestamp::ZERO, connection, success.clone());
        let mut session = Self {
            client,
            connection,
            reports: Reports::new(load, uuids),
            success,
        };
        session.drain();
        for _ in 0..load.queued {
            session.submit();
        }
        // Until as many jobs have ended as are remembered, and nothing has to grow any more.
        for _ in 0..7 * (load.jobs + 12_000) {
            session.cycle();
        }
        let held = (session.client.owed(), session.client.stats().open_jobs);
        assert_eq!(
            held,
            (load.queued, load.jobs),
            "it holds what the load says"
        );
        session
    }

    /// Submits, transmits, and takes an acknowledgement.
    pub(crate) fn cycle(&mut self) {
        self.submit();
        self.acknowledge();
    }

    /// Takes the acknowledgement of the oldest.
    pub(crate) fn acknowledge(&mut self) {
        self.client
            .handle_frame(Timestamp::ZERO, self.connection, self.success.clone());
        let acknowledged = self.drain();
        assert_eq!(acknowledged, 1, "one answer, one receipt");
    }

    /// Submits one more, and transmits it when it may go.
    pub(crate) fn submit(&mut self) {
        let update = self.reports.next();
        self.client
            .send_job_status(Timestamp::ZERO, update)
            .expect("there is room");
        self.drain();
    }

    /// Takes all output, as a driver does. Returns how many updates were acknowledged.
    fn drain(&mut self) -> usize {
        let mut acknowledged = 0;
        while let Some(output) = self.client.poll_output() {
            if let Output::Event(Event::Receipt(receipt)) = &output {
                acknowledged += usize::from(receipt.outcome == Outcome::Acknowledged);
            }
            black_box(output);
        }
        acknowledged
    }
}
