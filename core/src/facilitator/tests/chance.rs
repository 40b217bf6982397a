//! Long random histories: what must hold whatever happens, in whatever order.

use alloc::collections::BTreeSet;

use super::*;

/// A random history, checked at each step; what came out of it, and the facilitator at its end.
struct History {
    facilitator: Facilitator,
    random: fastrand::Rng,
    now: Timestamp,
    open: BTreeSet<ConnectionId>,
    next_conn: u64,
    outputs: Vec<Output>,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let server = if random.bool() {
            Server::Uvicorn
        } else {
            Server::Daphne
        };
        let mut config = FacilitatorConfig {
            handling_time: Duration::from_millis(random.u64(0..3) * 50),
            poison_is_stored: random.bool(),
            resend_unanswered: random.bool(),
            validators: Known::only([account("alice"), account("bob")]),
            ..FacilitatorConfig::imitating(server)
        };
        config.limits.connections = 4;
        config.limits.inbox_frames = 20;
        config.limits.jobs = 12;
        Self {
            facilitator: Facilitator::new(config),
            random,
            now: Timestamp::ZERO,
            open: BTreeSet::new(),
            next_conn: 0,
            outputs: Vec::new(),
        }
    }

    /// An open connection, mostly.
    fn any_conn(&mut self) -> ConnectionId {
        let open: Vec<ConnectionId> = self.open.iter().copied().collect();
        match self.random.choice(open) {
            Some(conn) if self.random.u8(0..10) > 0 => conn,
            _ => ConnectionId(self.random.u64(0..=self.next_conn)),
        }
    }

    fn any_uuid(&mut self) -> String {
        format!("00000000-0000-4000-8000-{:012}", self.random.u64(0..15))
    }

    fn any_frame(&mut self, hellos: &[String]) -> Frame {
        let uuid = self.any_uuid();
        let status = JobStatus::ALL[self.random.usize(0..JobStatus::ALL.len())];
        let text = match self.random.u8(0..40) {
            0 => hellos[self.random.usize(0..hellos.len())].clone(),
            1..=4 => ValidatorMessage::Heartbeat.encode(),
            5..=7 => ValidatorMessage::MachineSpecs(specs("m", &uuid)).encode(),
            8 => "nonsense".to_string(),
            9 => ValidatorMessage::JobStatus(V0JobStatusUpdate::new("nope", status)).encode(),
            10 => ValidatorMessage::JobStatus(V0JobStatusUpdate::new(uuid, status)).encode(),
            11 if self.random.bool() => return Frame::Close(None),
            _ => ValidatorMessage::JobStatus(update(&uuid, status)).encode(),
        };
        Frame::text(text)
    }

    fn step(&mut self, hellos: &[String]) {
        self.now = self.now + Duration::from_millis(self.random.u64(0..100));
        let conn = self.any_conn();
        match self.random.u8(0..20) {
            0 => {
                self.next_conn += 1;
                let conn = ConnectionId(self.next_conn);
                self.facilitator.handle_connected(self.now, conn, &[]);
                self.open.insert(conn);
                if self.random.u8(0..4) > 0 {
                    let hello = hellos[self.random.usize(0..2)].as_str();
                    self.facilitator
                        .handle_frame(self.now, conn, Frame::text(hello));
                }
            }
            1 if self.random.u8(0..3) == 0 => {
                // What is due by now, and what is queued, may be for this very connection.
                self.facilitator.handle_timeout(self.now);
                self.drain();
                self.facilitator.handle_disconnected(self.now, conn);
                self.open.remove(&conn);
            }
            4..=5 => {
                let request = request(&self.any_uuid());
                let _ = self.facilitator.push_job(self.now, request);
            }
            6 => {
                let uuid = self.any_uuid();
                let _ = self.facilitator.push_again(self.now, &uuid);
            }
            7 => {
                let report = report(&self.any_uuid());
                let _ = self.facilitator.report_cheated_job(self.now, report);
            }
            8 if self.random.u8(0..5) == 0 => self.facilitator.restart(self.now, Memory::Kept),
            8 => self.now = self.now + Duration::from_secs(self.random.u64(0..300)),
            9 => self.facilitator.handle_timeout(self.now),
            _ => {
                let frame = self.any_frame(hellos);
                self.facilitator.handle_frame(self.now, conn, frame);
            }
        }
        if self.random.bool() {
            self.drain();
        }
    }

    /// Nothing is sent on a connection that is over, and each ends once.
    fn drain(&mut self) {
        while let Some(output) = self.facilitator.poll_output() {
            match &output {
                Output::Transmit { conn, .. } => {
                    assert!(self.open.contains(conn), "{conn} is over");
                }
                Output::Disconnect { conn, .. } => {
                    assert!(self.open.remove(conn), "{conn} is over");
                }
                Output::Event(_) => {}
            }
            self.outputs.push(output);
        }
    }

    fn check_record(&self) {
        assert!(self.facilitator.jobs().count() <= 12);
        for job in self.facilitator.jobs() {
            let statuses: Vec<JobStatus> =
                job.statuses().iter().map(|stored| stored.status).collect();
            let unique: BTreeSet<&JobStatus> = statuses.iter().collect();
            assert_eq!(unique.len(), statuses.len(), "{statuses:?}");
            assert_eq!(statuses[0], JobStatus::Sent);
            assert!(job.statuses().is_sorted_by_key(|stored| stored.at));
            assert!(job.updates() >= job.repetitions());
            assert_eq!(job.deliveries() == 0, job.validator().is_none());
        }
    }
}

impl Stats {
    fn add(&mut self, other: &Self) {
        self.authentications += other.authentications;
        self.authentications_refused += other.authentications_refused;
        self.statuses_stored += other.statuses_stored;
        self.statuses_repeated += other.statuses_repeated;
        self.crashes += other.crashes;
        self.jobs_sent += other.jobs_sent;
        self.heartbeats += other.heartbeats;
    }
}

fn hellos() -> Vec<String> {
    let frame =
        |name| ValidatorMessage::Authentication(authentication_request(&key(name))).encode();
    ["alice", "bob", "eve"].map(frame).into()
}

#[test]
fn what_must_hold_holds() {
    let hellos = hellos();
    let mut total = Stats::default();
    for seed in 0..60 {
        let mut history = History::new(seed);
        for _ in 0..400 {
            history.step(&hellos);
        }
        history.drain();
        history.check_record();
        total.add(history.facilitator.stats());
        // Left alone, every connection ends or only pings: waking at `poll_timeout` alone gets there.
        let mut wakes = 0;
        while let Some(at) = history.facilitator.poll_timeout().filter(|_| wakes < 1000) {
            assert!(
                at >= history.now || !history.outputs.is_empty(),
                "seed {seed}"
            );
            history.now = history.now.max(at);
            history.facilitator.handle_timeout(history.now);
            history.drain();
            wakes += 1;
        }
        assert!(wakes < 1000, "seed {seed}: it never comes to rest");
        assert_eq!(history.facilitator.connections().count(), 0, "seed {seed}");
    }
    // Otherwise the histories prove little.
    assert!(
        total.authentications > 100 && total.authentications_refused > 100,
        "{total:?}"
    );
    assert!(
        total.statuses_stored > 100 && total.statuses_repeated > 100,
        "{total:?}"
    );
    assert!(
        total.crashes > 100 && total.jobs_sent > 100 && total.heartbeats > 100,
        "{total:?}"
    );
}

#[test]
fn a_clone_goes_on_as_its_original() {
    let hellos = hellos();
    for seed in 0..10 {
        let mut history = History::new(seed);
        for _ in 0..200 {
            history.step(&hellos);
        }
        let mut other = History {
            facilitator: history.facilitator.clone(),
            random: history.random.clone(),
            open: history.open.clone(),
            outputs: history.outputs.clone(),
            ..history
        };
        for _ in 0..200 {
            history.step(&hellos);
            other.step(&hellos);
        }
        assert!(history.outputs == other.outputs, "seed {seed}");
        assert!(history.facilitator == other.facilitator, "seed {seed}");
    }
}
