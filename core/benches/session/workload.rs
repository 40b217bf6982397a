//! A session that is kept busy, and a queue that does the least that could be called the same.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::hint::black_box;

use facilitator_core::client::{
    Config, Endpoint, Event, FacilitatorClient, Outcome, Output, TrustPolicy,
};
use facilitator_core::message::{
    JobStatus, JobStatusMetadata, MinerResponse, Response, V0JobStatusUpdate,
};
use facilitator_core::signature::{Keypair, Scheme};
use facilitator_core::{ConnectionId, Frame, Timestamp};

/// How much there is at any time.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Jobs without a terminal status.
    pub(crate) jobs: usize,
    /// Status updates without an answer.
    pub(crate) queued: usize,
    /// Whether jobs end with what their process wrote, or with a bare status.
    pub(crate) with_output: bool,
}

impl Load {
    /// The usual: a hundred jobs on their way, and answers that come at once.
    pub(crate) const FEW: Self = Self {
        jobs: 100,
        queued: 0,
        with_output: false,
    };

    /// How many jobs there must be in turn, so that none comes again while it is open, queued or remembered.
    pub(crate) const fn uuids(self) -> usize {
        let remembered = 10_000;
        2 * self.jobs + self.queued + remembered
    }
}

/// The statuses that a job goes through before its terminal one.
const ON_THE_WAY: [JobStatus; 5] = [
    JobStatus::Received,
    JobStatus::Accepted,
    JobStatus::ExecutorReady,
    JobStatus::VolumesReady,
    JobStatus::ExecutionDone,
];

/// What an application reports, for ever: each job's statuses, and its end when as many others have begun as are open.
pub(crate) struct Reports {
    uuids: Vec<String>,
    load: Load,
    job: usize,
    step: usize,
    end: JobStatusMetadata,
}

impl Reports {
    /// With so many jobs in turn, at least as many as the load needs.
    pub(crate) fn new(load: Load, uuids: usize) -> Self {
        let count = uuids.max(load.uuids());
        let mut state = 1_u64;
        let mut word = move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB)
        };
        let mut uuid = || {
            let (high, low) = (word(), word());
            format!(
                "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
                high >> 32,
                (high >> 16) & 0xFFFF,
                high & 0xFFF,
                low >> 52,
                low & 0xFFFF_FFFF_FFFF
            )
        };
        Self {
            uuids: (0..count).map(|_| uuid()).collect(),
            load,
            job: 0,
            step: 0,
            end: MinerResponse::new("", "epoch 1, loss 0.25\nepoch 2, loss 0.125\ndone\n").into(),
        }
    }

    pub(crate) fn next(&mut self) -> V0JobStatusUpdate {
        if let Some(&status) = ON_THE_WAY.get(self.step) {
            self.step += 1;
            return V0JobStatusUpdate::new(self.uuid(self.job), status);
        }
        self.step = 0;
        self.job += 1;
        let Some(ending) = self.job.checked_sub(self.load.jobs) else {
            return self.next();
        };
        let uuid = self.uuid(ending);
        if self.load.with_output {
            V0JobStatusUpdate::new(uuid, JobStatus::Completed).with_metadata(self.end.clone())
        } else {
            V0JobStatusUpdate::new(uuid, JobStatus::Failed)
        }
    }

    fn uuid(&self, job: usize) -> &str {
        &self.uuids[job % self.uuids.len()]
    }
}

/// A session that is ready, with as much queued and open as the load says.
pub(crate) struct Session {
    client: FacilitatorClient,
    connection: ConnectionId,
    reports: Reports,
    success: Frame,
}

impl Session {
    pub(crate) fn new(load: Load) -> Self {
        Self::with_uuids(load, load.uuids())
    }

    /// Two loads whose lists of uuids are equally long pay the same for them.
    pub(crate) fn with_uuids(load: Load, uuids: usize) -> Self {
        let config = Config {
            outbox_entries: 1000 + load.queued + 2 * load.jobs,
            outbox_bytes: usize::MAX,
            open_jobs: 1000 + load.jobs,
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
        session
    }

    /// Submits, transmits, and takes an acknowledgement.
    pub(crate) fn cycle(&mut self) {
        self.submit();
        self.client
            .handle_frame(Timestamp::ZERO, self.connection, self.success.clone());
        let acknowledged = self.drain();
        assert_eq!(acknowledged, 1, "one answer, one receipt");
    }

    fn submit(&mut self) {
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

    pub(crate) fn owed(&self) -> usize {
        self.client.owed()
    }

    pub(crate) fn open_jobs(&self) -> usize {
        self.client.stats().open_jobs
    }
}

/// The rival: it formats, queues, copies what is to be written, and forgets the oldest when an answer comes.
pub(crate) struct Toy {
    queue: VecDeque<String>,
    reports: Reports,
    sent: usize,
    success: Frame,
}

impl Toy {
    pub(crate) fn new(load: Load) -> Self {
        Self::with_uuids(load, load.uuids())
    }

    /// As of a session.
    pub(crate) fn with_uuids(load: Load, uuids: usize) -> Self {
        let mut toy = Self {
            queue: VecDeque::new(),
            reports: Reports::new(load, uuids),
            sent: 0,
            success: Frame::text(Response::success().encode()),
        };
        for _ in 0..load.queued {
            toy.submit();
        }
        for _ in 0..1000 {
            toy.cycle();
        }
        toy
    }

    pub(crate) fn cycle(&mut self) {
        self.submit();
        self.transmit();
        let answer = self.success.clone();
        if answer == self.success {
            black_box(self.queue.pop_front());
            self.sent -= 1;
        }
        self.transmit();
    }

    fn submit(&mut self) {
        let V0JobStatusUpdate {
            uuid,
            status,
            metadata,
        } = self.reports.next();
        let metadata = metadata.map_or(Cow::Borrowed("null"), |metadata| metadata.encode().into());
        self.queue.push_back(format!(
            r#"{{"message_type":"V0JobStatusUpdate","uuid":"{uuid}","status":"{status}","metadata":{metadata}}}"#
        ));
    }

    fn transmit(&mut self) {
        const WINDOW: usize = 64;
        if self.sent < WINDOW
            && let Some(text) = self.queue.get(self.sent)
        {
            black_box(text.clone());
            self.sent += 1;
        }
    }
}
