//! Bytes as frames into a live session, in every phase, with the network and the application in between. Afterwards
//! the session has to work: a peer that behaves gets all that is owed, and a new job comes to its end.
//!
//! The first byte chooses the [`Stage`] to begin in, the second one the configuration. The rest is pieces between bytes
//! of 255, which no text holds; a piece's first byte says what it is, see `Sitting::take`.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::LazyLock;
use std::time::Duration;

use facilitator_core::client::{
    AuthenticationMethod, Config, ConnectFailure, ConnectFailureKind, Disconnected, Event,
    OnSignatureInvalid, Outcome, Phase, SendError, Signatories, Subject, TrustPolicy, UpdateId,
};
use facilitator_core::message::{DecodeMode, JobStatus, V0JobStatusUpdate};
use facilitator_core::{CloseFrame, ConnectionId, Frame};

use crate::solo::{self, Outputs, SUCCESS, Solo};

/// Pieces of one input; what follows is left out.
const PIECES: usize = 64;

/// What a session may put out at one input, besides what the input itself and the outbox are the reason of.
const OUTPUTS: usize = 32;

/// Bytes of text that the events of one input may hold, besides what the input brought.
const EVENT_TEXT: usize = 16 * 1024;

/// What a byte of a frame may become in an event's text: escapes, and the names of fields.
const TEXT_PER_BYTE: usize = 40;

/// What a session may hold when all is done, besides what a fresh one holds: for anything, and for each job.
const LEFT: usize = 1024;
const LEFT_PER_JOB: usize = 512;

/// Where a session is when the first frame comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Never started.
    New,
    /// The first attempt is under way.
    Connecting,
    /// The authentication is on its way.
    Authenticating,
    /// With nothing to do.
    Ready,
    /// With more to do than the window lets through.
    Busy,
    /// With the oldest update alone on its way, after a break.
    Suspicious,
    /// Between two attempts.
    Waiting,
    /// Stopping, with something to deliver.
    Draining,
    /// Stopping, with something to deliver and without a connection.
    Stranded,
    /// In a closing handshake that the peer began.
    Closing,
    /// In a closing handshake of its own, to stop.
    Ending,
    /// Aborted.
    Aborted,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::New,
        Self::Connecting,
        Self::Authenticating,
        Self::Ready,
        Self::Busy,
        Self::Suspicious,
        Self::Waiting,
        Self::Draining,
        Self::Stranded,
        Self::Closing,
        Self::Ending,
        Self::Aborted,
    ];
}

/// What an input has reached.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Where it began.
    pub stage: Stage,
    /// The phases in which frames came.
    pub phases: BTreeSet<Phase>,
    /// The frames.
    pub frames: usize,
}

/// Does to a session what `data` says, and has it work afterwards. Nothing when `data` is too short.
///
/// # Panics
/// When the session breaks its bounds, says anything before it is authenticated, hands on a job twice, gives an update
/// no receipt or two, or does not recover.
pub fn session(data: &[u8]) -> Option<Visit> {
    let [stage, switches, pieces @ ..] = data else {
        return None;
    };
    let stage = *Stage::ALL.get(usize::from(*stage) % Stage::ALL.len())?;
    let mut sitting = Sitting::new(config(*switches), stage);
    sitting.reach(stage);
    for piece in pieces.split(|byte| *byte == 255).take(PIECES) {
        sitting.take(piece);
    }
    sitting.recovers(data);
    let left = sitting.held();
    let jobs = sitting.jobs + sitting.open.len();
    assert!(
        left <= *FRESH + LEFT + LEFT_PER_JOB * jobs,
        "{left} bytes of state are left after {jobs} jobs, a fresh session has {}",
        *FRESH
    );
    Some(sitting.visit)
}

/// What a session holds that has done nothing but recover.
static FRESH: LazyLock<usize> = LazyLock::new(|| {
    let mut sitting = Sitting::new(config(0), Stage::New);
    sitting.recovers(&[]);
    sitting.held()
});

fn config(switches: u8) -> Config {
    let on = |bit: u8| switches & (1 << bit) != 0;
    let signatories = match switches & 3 {
        0 | 1 => Signatories::Unverified,
        2 => Signatories::Anyone,
        _ => Signatories::OwnAnd(BTreeSet::new()),
    };
    let plain = Config {
        trust: TrustPolicy {
            signatories,
            ..TrustPolicy::default()
        },
        decode_mode: if on(2) {
            DecodeMode::Strict
        } else {
            DecodeMode::Lenient
        },
        authentication: if on(3) {
            AuthenticationMethod::Headers
        } else {
            AuthenticationMethod::FirstFrame
        },
        on_signature_invalid: if on(4) {
            OnSignatureInvalid::Stop
        } else {
            OnSignatureInvalid::Retry
        },
        window: if on(5) { 1 } else { 3 },
        outbox_entries: 40,
        specs_entries: 4,
        open_jobs: 8,
        message_bytes: 4096,
        outbox_bytes: 16_384,
        ..solo::config()
    };
    if on(6) {
        Config {
            outbox_entries: 6,
            specs_entries: 1,
            open_jobs: 2,
            ..plain
        }
    } else {
        plain
    }
}

/// A session, and the books about it.
struct Sitting {
    solo: Solo,
    config: Config,
    /// Updates without a receipt.
    unsettled: BTreeSet<UpdateId>,
    /// Updates that the facilitator acknowledged.
    acknowledged: BTreeSet<UpdateId>,
    /// Jobs that were handed on, ever.
    requested: BTreeSet<String>,
    /// Jobs that the application has to end.
    open: BTreeSet<String>,
    /// Jobs that the session had to do with.
    jobs: usize,
    /// Connections on which the session has said something.
    spoken: BTreeSet<ConnectionId>,
    heartbeats: usize,
    /// What a peer that behaves would answer, on which connection.
    answers: VecDeque<(ConnectionId, Frame)>,
    visit: Visit,
}

impl Sitting {
    fn new(config: Config, stage: Stage) -> Self {
        Self {
            solo: Solo::new(config.clone()),
            config,
            unsettled: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            requested: BTreeSet::new(),
            open: BTreeSet::new(),
            jobs: 0,
            spoken: BTreeSet::new(),
            heartbeats: 0,
            answers: VecDeque::new(),
            visit: Visit {
                stage,
                phases: BTreeSet::new(),
                frames: 0,
            },
        }
    }

    /// Brings the session to where the frames are to come.
    fn reach(&mut self, stage: Stage) {
        if stage == Stage::New {
            return;
        }
        self.solo.start();
        match stage {
            Stage::New | Stage::Connecting => {}
            Stage::Authenticating => self.solo.connect(),
            Stage::Ready => self.solo.become_ready(),
            Stage::Waiting => self.solo.refuse(),
            _ => {
                self.solo.become_ready();
                if stage != Stage::Ending {
                    self.give_work();
                }
            }
        }
        match stage {
            Stage::Suspicious => {
                self.solo.cut();
                self.solo.reconnect();
            }
            Stage::Draining | Stage::Ending => self.stop(),
            Stage::Stranded => {
                self.solo.cut();
                self.solo.wait_for_attempt();
                self.stop();
            }
            Stage::Closing => self.solo.receive_frame(Frame::Close(None)),
            Stage::Aborted => self.abort(),
            _ => {}
        }
        self.look(usize::MAX);
    }

    /// More than fits into the window.
    fn give_work(&mut self) {
        for job in 0..2 {
            self.give(job, JobStatus::Accepted);
            self.give(job, JobStatus::ExecutorReady);
        }
        self.give(0, JobStatus::Completed);
        self.give_specs(0);
    }

    /// One piece: a byte that says what, and the rest. A piece that begins otherwise is a text as a whole.
    fn take(&mut self, piece: &[u8]) {
        let Some((what, rest)) = piece.split_first() else {
            return;
        };
        let number = rest.first().copied().unwrap_or_default();
        let second = rest.get(1).copied().unwrap_or_default();
        let now = self.solo.now;
        match what {
            b't' => self.hear_text(rest),
            b'b' => self.hear(Frame::Binary(rest.into())),
            b'p' => self.hear(Frame::Ping(control(rest).into())),
            b'o' => self.hear(Frame::Pong(control(rest).into())),
            b'c' => self.hear(Frame::Close(close(rest))),
            // The facilitator is content, so many times.
            b's' => (0..number % 8).for_each(|_| self.hear(Frame::text(SUCCESS))),
            // A facilitator that answers what it was sent.
            b'a' => {
                for (conn, answer) in std::mem::take(&mut self.answers) {
                    if conn == self.solo.conn {
                        self.hear(answer);
                    }
                }
            }
            b'e' => {
                let how = disconnected(number, rest.get(1..).unwrap_or_default());
                let conn = self.solo.conn;
                self.solo.client.handle_disconnected(now, conn, how);
                self.look(piece.len());
            }
            b'k' => {
                self.solo.connect();
                self.look(piece.len());
            }
            b'f' => {
                let conn = self.solo.conn;
                let failure = failure(number, second);
                self.solo.client.handle_connect_failed(now, conn, failure);
                self.look(piece.len());
            }
            // Of the connection before.
            b'y' => {
                let conn = ConnectionId(self.solo.conn.0.saturating_sub(1));
                let text = String::from_utf8_lossy(rest);
                let frame = Frame::text(text.as_ref());
                self.solo.client.handle_frame(now, conn, frame);
                let outputs = self.solo.take();
                let silence = outputs == Outputs::default();
                assert!(silence, "a frame of an old connection led to {outputs:?}");
            }
            b'w' => {
                if let Some((at, _)) = self.solo.next_timer() {
                    let wait = at.saturating_duration_since(now);
                    self.pass(wait);
                }
            }
            b'l' => self.pass(Duration::from_millis(u64::from(number).pow(2))),
            b'u' => {
                self.solo.suspend(Duration::from_secs(number.into()));
                self.look(usize::MAX);
            }
            b'g' => {
                let place = usize::from(second) % JobStatus::ALL.len();
                if let Some(status) = JobStatus::ALL.get(place) {
                    self.give(number, *status);
                }
            }
            b'm' => self.give_specs(number),
            b'j' => {
                let job = solo::job(u128::from(number % 8));
                let left = Duration::from_secs(second.into());
                if self.solo.client.adopt_job(now, &job, left).is_ok() {
                    self.jobs += 1;
                    self.open.insert(job);
                }
                self.look(piece.len());
            }
            b'x' => self.stop(),
            b'z' => self.abort(),
            b'r' => {
                // It may run already.
                let _ = self.solo.client.start(now);
                self.look(piece.len());
            }
            _ => self.hear_text(piece),
        }
    }

    fn hear_text(&mut self, bytes: &[u8]) {
        match core::str::from_utf8(bytes) {
            Ok(text) => self.hear(Frame::text(text)),
            // So says the WebSocket layer.
            Err(error) => {
                let (now, conn) = (self.solo.now, self.solo.conn);
                let how = Disconnected::Protocol(error.to_string());
                self.solo.client.handle_disconnected(now, conn, how);
                self.look(0);
            }
        }
    }

    fn hear(&mut self, frame: Frame) {
        self.visit.frames += 1;
        self.visit.phases.insert(self.solo.client.phase());
        let length = frame.len();
        let (now, conn) = (self.solo.now, self.solo.conn);
        self.solo.client.handle_frame(now, conn, frame);
        self.look(length);
    }

    fn pass(&mut self, time: Duration) {
        self.solo.pass(time);
        self.look(usize::MAX);
    }

    fn stop(&mut self) {
        // It may have stopped already.
        let _ = self.solo.client.stop(self.solo.now);
        self.look(usize::MAX);
    }

    fn abort(&mut self) {
        let _ = self.solo.client.abort(self.solo.now);
        assert!(!self.solo.client.is_running(), "it runs on");
        self.look(usize::MAX);
    }

    fn give(&mut self, job: u8, status: JobStatus) {
        // Refusals are the application's to see.
        let _ = self.send(&solo::job(u128::from(job % 8)), status);
    }

    fn send(&mut self, job: &str, status: JobStatus) -> Result<UpdateId, SendError> {
        let mut update: V0JobStatusUpdate = solo::update(job, status);
        update.uuid = job.into();
        let id = self.solo.client.send_job_status(self.solo.now, update)?;
        self.jobs += 1;
        if status.is_terminal() {
            self.open.remove(job);
        } else {
            self.open.insert(job.into());
        }
        assert!(self.unsettled.insert(id), "the number {id} comes twice");
        self.look(usize::MAX);
        Ok(id)
    }

    fn give_specs(&mut self, batch: u8) {
        let batch = solo::job(0xb000 + u128::from(batch));
        let now = self.solo.now;
        let client = &mut self.solo.client;
        if let Ok(id) = client.send_machine_specs(now, "miner", &batch, solo::specs()) {
            assert!(self.unsettled.insert(id), "the number {id} comes twice");
        }
        self.look(usize::MAX);
    }

    /// Looks at all that was put out since the last time. `cause` is the size of the only input since then; the largest
    /// number when there were several.
    fn look(&mut self, cause: usize) {
        let owed = self.solo.client.owed() + self.unsettled.len();
        let outputs = self.solo.take();
        if cause < usize::MAX {
            let count = outputs.frames.len() + outputs.events.len();
            let most = OUTPUTS + 4 * (owed + self.config.window);
            assert!(count <= most, "{count} outputs at one input: {outputs:?}");
            let text = |event: &Event| format!("{event:?}").len();
            let length: usize = outputs.events.iter().map(text).sum();
            let most = EVENT_TEXT + TEXT_PER_BYTE * cause;
            assert!(
                length <= most,
                "events of {length} bytes at one input of {cause}"
            );
        }
        self.look_at_frames(&outputs);
        for event in &outputs.events {
            self.look_at_event(event);
        }
        let (stats, config) = (self.solo.client.stats(), &self.config);
        for (name, found, bound) in [
            ("in_flight", stats.in_flight, config.window),
            ("outbox_length", stats.outbox_length, config.outbox_entries),
            ("specs_length", stats.specs_length, config.specs_entries),
            // A job whose end was refused or handed back is open again, whatever was taken on meanwhile.
            (
                "open_jobs",
                stats.open_jobs,
                config.open_jobs + config.outbox_entries,
            ),
            // The end of an open job is taken beyond the bytes.
            (
                "outbox_bytes",
                stats.outbox_bytes,
                config.outbox_bytes + config.outbox_entries * config.message_bytes,
            ),
        ] {
            assert!(found <= bound, "`{name}` is {found}, its bound is {bound}");
        }
        let running = self.solo.client.is_running();
        let wakes = self.solo.next_timer().is_some();
        assert!(
            wakes || !running,
            "it runs, and wants to be woken at no time"
        );
    }

    fn look_at_frames(&mut self, outputs: &Outputs) {
        let in_headers = self.config.authentication == AuthenticationMethod::Headers;
        for (conn, frame) in &outputs.frames {
            match frame {
                Frame::Text(text) => {
                    let first = self.spoken.insert(*conn);
                    let is = |kind| text.starts_with(&format!(r#"{{"message_type":"{kind}""#));
                    let authenticates = is("V0AuthenticationRequest");
                    assert_eq!(
                        authenticates,
                        first && !in_headers,
                        "the first frame of a connection authenticates, and no other one: {text}"
                    );
                    self.heartbeats += usize::from(is("V0Heartbeat"));
                    if authenticates || is("V0JobStatusUpdate") {
                        self.answers.push_back((*conn, Frame::text(SUCCESS)));
                    }
                }
                Frame::Ping(payload) => {
                    self.answers
                        .push_back((*conn, Frame::Pong(payload.clone())));
                }
                _ => {}
            }
        }
    }

    fn look_at_event(&mut self, event: &Event) {
        match event {
            Event::Receipt(receipt) => {
                let known = self.unsettled.remove(&receipt.id);
                assert!(
                    known || receipt.automatic,
                    "a receipt for nothing: {receipt:?}"
                );
                if receipt.outcome == Outcome::Acknowledged {
                    self.acknowledged.insert(receipt.id);
                }
                // A job whose end did not arrive is open again, unless the facilitator does not know it.
                if let Subject::JobStatus { uuid, status } = &receipt.subject
                    && status.is_terminal()
                    && !receipt.outcome.is_delivered()
                {
                    self.open.insert(uuid.to_string());
                }
            }
            Event::JobRequested(request) => {
                self.jobs += 1;
                let job = request.uuid.clone();
                assert!(self.requested.insert(job.clone()), "{job} runs twice");
                self.open.insert(job);
            }
            Event::JobDeclined { .. } | Event::JobRefused { .. } => self.jobs += 1,
            Event::JobOverdue { uuid } => {
                self.open.remove(&uuid.to_string());
            }
            Event::Stopped { .. } => {
                let unsettled = &self.unsettled;
                assert!(unsettled.is_empty(), "{unsettled:?} have no receipt");
            }
            _ => {}
        }
    }

    /// What the session holds, as the text that it would fill.
    fn held(&self) -> usize {
        format!("{:?}", self.solo.client).len()
    }

    /// A peer that behaves: the session reconnects, delivers what it owes, and brings a new job to its end.
    fn recovers(&mut self, data: &[u8]) {
        // Whatever ends, has ended by then.
        self.pass(self.config.drain_timeout + self.config.close_timeout);
        if !self.solo.client.is_running() {
            self.solo.start();
        }
        self.solo.client.set_trust(TrustPolicy::unverified());
        self.solo.cut();
        self.solo.wait_for_attempt();
        self.look(usize::MAX);
        self.heartbeats = 0;
        self.solo.connect();
        self.deliver();
        assert!(self.heartbeats > 0, "no heartbeat after the authentication");

        // A job that was lost on the way counts again, and can have to wait until the others are ended.
        for last in [false, true] {
            for job in self.open.clone() {
                match self.send(&job, JobStatus::Failed) {
                    Err(SendError::JobEnded { .. }) => {
                        self.open.remove(&job);
                    }
                    Err(error) if last => panic!("{job} cannot be ended: {error}"),
                    _ => {}
                }
                self.deliver();
            }
        }
        assert_eq!(self.solo.client.stats().open_jobs, 0);

        // No input holds the hash of itself.
        let mut hasher = DefaultHasher::new();
        data.hash(&mut hasher);
        let job = solo::job(u128::from(hasher.finish() >> 16));
        self.solo.receive(&solo::job_request(&job));
        self.deliver();
        assert!(self.open.contains(&job), "a new job is not handed on");
        let end = self.send(&job, JobStatus::Completed);
        self.deliver();
        match end {
            Ok(id) => assert!(self.acknowledged.contains(&id), "the end is not delivered"),
            Err(error) => panic!("a new job cannot be ended: {error}"),
        }
        assert_eq!(self.solo.client.stats().open_jobs, 0);
    }

    /// Answers until nothing is owed.
    fn deliver(&mut self) {
        for _ in 0..1000 {
            self.look(usize::MAX);
            if let Some((conn, answer)) = self.answers.pop_front() {
                if conn == self.solo.conn {
                    self.solo.receive_frame(answer);
                }
            } else if self.solo.client.owed() > 0 {
                // Specs wait for the answer to the next ping.
                self.solo.pass(Duration::from_secs(1));
            } else {
                break;
            }
        }
        let (client, unsettled) = (&self.solo.client, &self.unsettled);
        assert_eq!(client.phase(), Phase::Ready, "after all was answered");
        assert_eq!(client.owed(), 0, "after all was answered");
        assert!(unsettled.is_empty(), "{unsettled:?} have no receipt");
    }
}

/// What a control frame carries at the most (RFC 6455, section 5.5).
fn control(bytes: &[u8]) -> &[u8] {
    bytes.get(..125).unwrap_or(bytes)
}

fn close(bytes: &[u8]) -> Option<CloseFrame> {
    let (code, reason) = control(bytes).split_first_chunk()?;
    Some(CloseFrame {
        code: u16::from_be_bytes(*code),
        // What is no text would break the protocol.
        reason: core::str::from_utf8(reason).unwrap_or_default().into(),
    })
}

fn disconnected(how: u8, rest: &[u8]) -> Disconnected {
    let detail = || String::from_utf8_lossy(control(rest)).into_owned();
    match how % 4 {
        0 => Disconnected::EndOfStream,
        1 => Disconnected::Closed(close(rest)),
        2 => Disconnected::Io(detail()),
        _ => Disconnected::Protocol(detail()),
    }
}

fn failure(kind: u8, retry_after: u8) -> ConnectFailure {
    let kind = match kind {
        0 => ConnectFailureKind::Dns,
        1 => ConnectFailureKind::Refused,
        2 => ConnectFailureKind::Io,
        3 => ConnectFailureKind::Tls,
        4 => ConnectFailureKind::Handshake,
        5 => ConnectFailureKind::Timeout,
        _ => ConnectFailureKind::Http {
            status: 300 + u16::from(kind),
        },
    };
    ConnectFailure {
        // Up to more than a month.
        retry_after: match retry_after {
            0 => None,
            seconds => Some(Duration::from_secs(u64::from(seconds).pow(3))),
        },
        ..ConnectFailure::new(kind, "")
    }
}
