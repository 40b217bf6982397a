//! Two ends in memory: the session and the simulated facilitator, a link that can be cut at any frame, and a clock
//! that jumps to the next thing that happens.

use std::collections::VecDeque;
use std::time::Duration;

use facilitator_core::client::{
    AuthenticationMethod, Config, ConnectFailure, ConnectFailureKind, ConnectRequest, Disconnected,
    Event, Output, Signatories, TrustPolicy,
};
use facilitator_core::facilitator::{self, Facilitator, FacilitatorConfig, Known};
use facilitator_core::message::V2JobRequest;
use facilitator_core::message::{DecodeMode, FacilitatorMessage};
use facilitator_core::signature::{Keypair, Scheme, sign_job_request};
use facilitator_core::trace::Recorder;
use facilitator_core::{CloseFrame, ConnectionId, Frame, Timestamp};

use crate::solo::{Budget, job, job_request};

/// One direction of a link: what was sent, and when it arrives.
type Wire<T> = VecDeque<(Timestamp, T)>;

/// What travels.
#[derive(Clone, Debug)]
enum Parcel {
    Frame(Frame),
    End(Disconnected),
    /// The link breaks here: neither this nor anything behind it arrives.
    Cut,
}

/// An end of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The session.
    Client,
    /// The facilitator.
    Facilitator,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Facilitator];
}

/// One direction of the link.
#[derive(Debug, Default)]
struct Direction {
    wire: Wire<Parcel>,
    /// Bytes that were sent, on all links.
    bytes: u64,
    /// Bytes that may still be sent before the link breaks.
    until_cut: Option<u64>,
}

impl Direction {
    fn send(&mut self, arrival: Timestamp, frame: Frame, masked: bool) {
        let size = wire_size(&frame, masked);
        self.bytes += size;
        let parcel = match self.until_cut {
            Some(left) if size > left => {
                self.until_cut = None;
                Parcel::Cut
            }
            left => {
                self.until_cut = left.map(|left| left - size);
                Parcel::Frame(frame)
            }
        };
        self.wire.push_back((arrival, parcel));
    }
}

/// A session, a facilitator, and the link between them.
#[derive(Debug)]
pub struct Pair {
    /// The session. It is recorded, when somebody asks it to be.
    pub client: Recorder,
    /// The facilitator.
    pub facilitator: Facilitator,
    /// The time.
    pub now: Timestamp,
    /// The time that a frame takes.
    pub latency: Duration,
    /// While set, every connection attempt is refused.
    pub down: bool,
    /// What the session told.
    pub events: Vec<Event>,
    /// The key that signs job requests.
    pub signer: Keypair,
    link: Option<ConnectionId>,
    attempts: Wire<(ConnectionId, ConnectRequest)>,
    to_facilitator: Direction,
    to_client: Direction,
    budget: Budget,
}

impl Pair {
    /// Both ends, the session not started; the facilitator knows its key only.
    pub fn new(config: Config, seed: u64) -> Self {
        let (keypair, signer) = (key(1), key(2));
        let signatories = Signatories::OwnAnd([signer.account()].into());
        let config = Config {
            trust: TrustPolicy {
                signatories,
                ..TrustPolicy::default()
            },
            ..config
        };
        let known = FacilitatorConfig {
            validators: Known::only([keypair.account()]),
            // A request that a cut swallowed comes again, and so does one whose answer was swallowed.
            resend_unanswered: true,
            header_authentication: config.authentication == AuthenticationMethod::Headers,
            ..FacilitatorConfig::default()
        };
        let mut client =
            Recorder::new(config, &keypair, seed).unwrap_or_else(|error| panic!("{error}"));
        let mut facilitator = Facilitator::new(known);
        let unix = Duration::from_secs(1_795_432_324);
        client.set_wall_clock(Timestamp::ZERO, unix);
        facilitator.set_wall_clock(Timestamp::ZERO, unix);
        Self {
            client,
            facilitator,
            now: Timestamp::ZERO,
            latency: Duration::from_millis(10),
            down: false,
            events: Vec::new(),
            signer,
            link: None,
            attempts: VecDeque::new(),
            to_facilitator: Direction::default(),
            to_client: Direction::default(),
            budget: Budget::default(),
        }
    }

    /// Starts the session.
    pub fn start(&mut self) {
        self.client
            .start(self.now)
            .unwrap_or_else(|error| panic!("{error}"));
        self.settle();
    }

    /// The facilitator pushes the n-th job, signed. Returns its uuid.
    pub fn push_job(&mut self, n: u128) -> String {
        let uuid = job(n);
        let mut request = parse_request(&job_request(&uuid));
        sign_job_request(&mut request, &self.signer, 1_700_000_000_000_000_000);
        if let Err(error) = self.facilitator.push_job(self.now, request) {
            panic!("{error}");
        }
        self.settle();
        uuid
    }

    /// Cuts the link. Of what is under way, the oldest `delivered` frames to the facilitator still arrive; nothing
    /// else does, in either direction.
    pub fn cut(&mut self, delivered: usize) {
        let Some(conn) = self.link.take() else { return };
        for (_, parcel) in self
            .to_facilitator
            .wire
            .drain(..)
            .take(delivered)
            .collect::<Vec<_>>()
        {
            if let Parcel::Frame(frame) = parcel {
                self.facilitator.handle_frame(self.now, conn, frame);
            }
        }
        self.to_client.wire.clear();
        self.facilitator.handle_disconnected(self.now, conn);
        self.client
            .handle_disconnected(self.now, conn, Disconnected::EndOfStream);
        self.settle();
    }

    /// Cuts the link, once, within the frame that holds the byte number `byte` (counted from 0, now) of what `side`
    /// sends: what it sent before arrives, that frame and all behind it does not, nor does what the other side has under
    /// way then.
    pub fn cut_at_byte(&mut self, side: Side, byte: u64) {
        self.direction(side).until_cut = Some(byte);
    }

    /// Bytes that `side` has sent, WebSocket headers included, upgrades not.
    pub fn bytes_sent(&mut self, side: Side) -> u64 {
        self.direction(side).bytes
    }

    fn direction(&mut self, from: Side) -> &mut Direction {
        match from {
            Side::Client => &mut self.to_facilitator,
            Side::Facilitator => &mut self.to_client,
        }
    }

    /// Frames that are under way to the facilitator.
    pub fn under_way(&self) -> usize {
        self.to_facilitator.wire.len()
    }

    /// Whether there is a link.
    pub fn is_linked(&self) -> bool {
        self.link.is_some()
    }

    /// Goes on until nothing is owed, or for `bound` at the most; returns whether nothing is owed.
    pub fn settle_debts(&mut self, bound: Duration) -> bool {
        let end = self.now + bound;
        while self.client.owed() > 0 && self.now < end {
            if !self.step() {
                break;
            }
        }
        self.client.owed() == 0
    }

    /// Lets time pass.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.next_time().is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = self.now.max(end);
    }

    /// Goes to the next thing that happens, and lets it happen. Returns whether there was one.
    pub fn step(&mut self) -> bool {
        let Some(at) = self.next_time() else {
            return false;
        };
        self.budget.spend();
        self.now = self.now.max(at);
        let now = self.now;
        if let Some((conn, request)) = take_due(&mut self.attempts, now) {
            self.attempt(conn, &request);
        }
        if let (Some(conn), Some(parcel)) =
            (self.link, take_due(&mut self.to_facilitator.wire, now))
        {
            match parcel {
                Parcel::Frame(Frame::Ping(payload)) => {
                    // The WebSocket layer answers pings by itself.
                    self.facilitator
                        .handle_frame(now, conn, Frame::Ping(payload.clone()));
                    self.send(Side::Facilitator, Frame::Pong(payload));
                }
                Parcel::Frame(Frame::Close(close)) => {
                    self.facilitator
                        .handle_frame(now, conn, Frame::Close(close.clone()));
                    let end = Parcel::End(Disconnected::Closed(close));
                    self.to_client.wire.push_back((now + self.latency, end));
                }
                Parcel::Frame(frame) => self.facilitator.handle_frame(now, conn, frame),
                Parcel::End(_) => self.facilitator.handle_disconnected(now, conn),
                Parcel::Cut => self.cut(0),
            }
        }
        self.settle();
        if let (Some(conn), Some(parcel)) = (self.link, take_due(&mut self.to_client.wire, now)) {
            match parcel {
                Parcel::Frame(Frame::Ping(payload)) => {
                    self.client
                        .handle_frame(now, conn, Frame::Ping(payload.clone()));
                    self.send(Side::Client, Frame::Pong(payload));
                }
                Parcel::Frame(frame) => self.client.handle_frame(now, conn, frame),
                Parcel::End(how) => {
                    self.link = None;
                    self.facilitator.handle_disconnected(now, conn);
                    self.client.handle_disconnected(now, conn, how);
                }
                Parcel::Cut => self.cut(0),
            }
        }
        if self.client.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.client.handle_timeout(now);
        }
        if self.facilitator.poll_timeout().is_some_and(|at| at <= now) {
            self.facilitator.handle_timeout(now);
        }
        self.settle();
        true
    }

    /// A connection attempt arrives.
    fn attempt(&mut self, conn: ConnectionId, request: &ConnectRequest) {
        let headers: Vec<(&str, &str)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let failure = if self.down {
            Some(ConnectFailureKind::Refused)
        } else {
            let refusal = self.facilitator.judge_upgrade(self.now, &headers).err();
            refusal.map(|refusal| ConnectFailureKind::Http {
                status: refusal.status(),
            })
        };
        if let Some(kind) = failure {
            let failure = ConnectFailure::new(kind, "");
            self.client.handle_connect_failed(self.now, conn, failure);
        } else {
            self.link = Some(conn);
            self.facilitator.handle_connected(self.now, conn, &headers);
            self.client.handle_connected(self.now, conn);
        }
    }

    /// When the next thing happens.
    fn next_time(&self) -> Option<Timestamp> {
        let times = [
            self.attempts.front().map(|(at, _)| *at),
            self.to_facilitator.wire.front().map(|(at, _)| *at),
            self.to_client.wire.front().map(|(at, _)| *at),
            self.client.poll_timeout().map(|(at, _)| at),
            self.facilitator.poll_timeout(),
        ];
        times.into_iter().flatten().min()
    }

    /// Carries out what both ends ask for.
    pub fn settle(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Connect(conn, request) => {
                    self.attempts
                        .push_back((self.now + self.latency, (conn, request)));
                }
                Output::Transmit(conn, frame) if self.link == Some(conn) => {
                    self.send(Side::Client, frame);
                }
                Output::Disconnect(conn, Some(close)) if self.link == Some(conn) => {
                    self.send(Side::Client, Frame::Close(Some(close)));
                }
                Output::Disconnect(conn, None) => self.drop_link(conn),
                Output::Event(event) => self.events.push(event),
                // For a connection that is gone.
                _ => {}
            }
        }
        while let Some(output) = self.facilitator.poll_output() {
            match output {
                facilitator::Output::Transmit { conn, frame } if self.link == Some(conn) => {
                    self.send(Side::Facilitator, frame);
                }
                facilitator::Output::Disconnect { conn, close } if self.link == Some(conn) => {
                    self.end_by_facilitator(close);
                }
                _ => {}
            }
        }
    }

    fn send(&mut self, from: Side, frame: Frame) {
        let arrival = self.now + self.latency;
        // RFC 6455, section 5.3: what a client sends is masked.
        self.direction(from)
            .send(arrival, frame, from == Side::Client);
    }

    fn end_by_facilitator(&mut self, close: Option<CloseFrame>) {
        let at = self.now + self.latency;
        let how = match close {
            Some(close) => {
                self.send(Side::Facilitator, Frame::Close(Some(close.clone())));
                Disconnected::Closed(Some(close))
            }
            None => Disconnected::EndOfStream,
        };
        self.to_client.wire.push_back((at, Parcel::End(how)));
        self.to_facilitator.wire.clear();
    }

    fn drop_link(&mut self, conn: ConnectionId) {
        self.attempts.retain(|(_, (attempt, _))| *attempt != conn);
        if self.link == Some(conn) {
            self.link = None;
            self.to_client.wire.clear();
            self.to_facilitator.wire.clear();
            self.facilitator.handle_disconnected(self.now, conn);
        }
    }
}

/// What a frame takes on the wire: RFC 6455, section 5.2.
fn wire_size(frame: &Frame, masked: bool) -> u64 {
    let payload = match frame {
        Frame::Text(text) => text.len(),
        Frame::Binary(bytes) | Frame::Ping(bytes) | Frame::Pong(bytes) => bytes.len(),
        Frame::Close(close) => close.as_ref().map_or(0, |close| 2 + close.reason.len()),
    };
    let header = match payload {
        0..126 => 2,
        126..65_536 => 4,
        _ => 10,
    };
    (header + if masked { 4 } else { 0 } + payload) as u64
}

/// The n-th key of a test.
pub fn key(n: u8) -> Keypair {
    Keypair::from_seed(Scheme::Sr25519, [n; 32])
        .unwrap_or_else(|error| panic!("a seed is always a key: {error}"))
}

fn parse_request(json: &str) -> V2JobRequest {
    match FacilitatorMessage::decode(json, DecodeMode::Strict).map(|decoded| decoded.message) {
        Ok(FacilitatorMessage::JobRequest(request)) => *request,
        other => panic!("no job request: {other:?}"),
    }
}

fn take_due<T>(wire: &mut Wire<T>, now: Timestamp) -> Option<T> {
    if wire.front().is_some_and(|(at, _)| *at <= now) {
        wire.pop_front().map(|(_, parcel)| parcel)
    } else {
        None
    }
}
