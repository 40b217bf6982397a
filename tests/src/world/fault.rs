//! What can go wrong, by name, and when it does. Values only: `inject` makes them happen, `profile` chooses them.

use std::fmt;
use std::time::Duration;

use facilitator_core::Timestamp;
use facilitator_core::facilitator::Memory;

use super::connect::ConnectFault;
use super::link::Direction;
use super::wire::Quality;

/// A fault and its moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// When.
    pub at: Timestamp,
    /// What.
    pub fault: Fault,
}

/// One thing that goes wrong. Clients and facilitators are numbered from 0; a fault of a client's link does nothing while
/// it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Something that concerns one client, or its link.
    Client(usize, ClientFault),
    /// Something that concerns one facilitator.
    Facilitator(usize, FacilitatorFault),
}

/// What can happen to a client, its link, its workers, its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientFault {
    /// The link breaks now. Of what is under way, so many bytes still arrive in each direction; a frame arrives whole
    /// or not at all.
    Cut {
        /// Bytes that still reach the facilitator.
        to_facilitator: u64,
        /// Bytes that still reach the client.
        to_client: u64,
        /// Whether the client sees a reset, or the end of the stream.
        reset: bool,
    },
    /// The link breaks when so many more bytes were sent in a direction.
    CutAfter {
        /// Where they go.
        direction: Direction,
        /// How many.
        bytes: u64,
    },
    /// Nothing arrives in this direction for a while, then all of it: lost packets that are sent again, a socket that
    /// is not read, writes that stall.
    Stall {
        /// Where it would go.
        direction: Direction,
        /// For how long; `None` for ever.
        time: Option<Duration>,
    },
    /// Half open: in this direction nothing arrives on this link any more, not even its end.
    Silence {
        /// Where it would go.
        direction: Direction,
    },
    /// The line of this link, and of those after it, is another one.
    Line(Quality),
    /// Connection attempts fail like this for a while.
    Connect {
        /// How.
        fault: ConnectFault,
        /// For how long.
        time: Duration,
    },
    /// The facilitator goes on handling what comes on this link, but sends nothing: no answer for ever.
    Mute,
    /// The facilitator's answers on this link wait; pings are answered.
    LateAnswers {
        /// For how long.
        time: Duration,
    },
    /// The handler crashes on the next status update that comes from this client, and on every repetition of it.
    Poison(Crash),
    /// The facilitator loses the oldest job of this client that is still open: `job.not_found`.
    LoseJob,
    /// The facilitator sends a job of this client once more.
    DuplicateJob,
    /// The next connection of this client begins with a job request, before the authentication is answered.
    EarlyJob,
    /// The facilitator sends something that is no message of the protocol.
    Noise(Noise),
    /// The facilitator pings so many times in a row.
    PingFlood {
        /// How many times.
        pings: u32,
    },
    /// The facilitator closes with 3001.
    ForcedDisconnect,
    /// The facilitator does not know this validator for a while.
    UnknownValidator {
        /// For how long.
        time: Duration,
    },
    /// The facilitator closes, and its answer to ours, take long.
    SlowClose {
        /// How long.
        time: Duration,
    },
    /// The client's process does nothing for a while.
    Suspend {
        /// For how long.
        time: Duration,
        /// Whether its clock goes on meanwhile.
        clock_runs: bool,
    },
    /// The client's clock jumps ahead.
    ClockJump {
        /// How far.
        by: Duration,
    },
    /// The client's next inputs carry a time in the past.
    ClockBehind {
        /// How far.
        by: Duration,
        /// How many inputs.
        inputs: u32,
    },
    /// So many ticks that nobody asked for.
    StrayTicks {
        /// How many.
        ticks: u32,
    },
    /// Workers crash: those who supervise them report `horde_failed` a while later.
    WorkersCrash,
    /// Workers go silent: nobody notices before their time is up.
    WorkersFallSilent,
    /// The operator stops the client gracefully, and starts it again later.
    Stop {
        /// How long after the stop was asked for, or when it has stopped, if that is later.
        restart_after: Duration,
    },
    /// The operator aborts the client, and starts it again later.
    Abort {
        /// How long after the abort.
        restart_after: Duration,
    },
    /// The process is replaced by another one, which is given what the first one owed.
    Replace {
        /// How long after the end of the first one the other one starts.
        restart_after: Duration,
    },
    /// The operator asks for what makes no sense: a second start, a second stop.
    Misuse,
}

/// What can happen to a facilitator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FacilitatorFault {
    /// It dies and comes back.
    Restart {
        /// Whether its record survives.
        memory: Memory,
        /// How long nobody listens.
        down: Duration,
    },
}

/// How a crash of the handler looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Crash {
    /// Whether the update is stored all the same.
    pub stored: bool,
    /// After what time the connection is closed with 1011; `None` drops it at once, without a close frame.
    pub close_after: Option<Duration>,
}

/// What is no message of the protocol, or one that means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Noise {
    /// Text that is no JSON.
    NoJson,
    /// A message of a type that nobody knows.
    UnknownType,
    /// A message that lacks a field.
    MissingField,
    /// A binary message of this many bytes.
    Binary(u32),
    /// A message of a type that nobody knows, with this many bytes of filler.
    Giant(u32),
    /// `auth.already_authenticated`: an answer to what was not asked.
    StrayResponse,
    /// An answer that cannot be read.
    GarbledResponse,
}

/// The kinds of faults, for counting.
pub const FAULT_KINDS: [&str; 29] = [
    "cut",
    "cut at a byte",
    "stall",
    "half-open silence",
    "slow line",
    "attempts fail",
    "attempts hang",
    "mute",
    "late answers",
    "poison",
    "lost job",
    "duplicate job",
    "early job",
    "noise",
    "ping flood",
    "forced disconnect",
    "unknown validator",
    "slow close",
    "suspend",
    "clock jump",
    "clock behind",
    "stray ticks",
    "workers crash",
    "workers silent",
    "operator stops",
    "operator aborts",
    "operator errs",
    "process replaced",
    "facilitator restarts",
];

impl Fault {
    /// Its place in [`FAULT_KINDS`].
    pub fn kind(&self) -> usize {
        let Self::Client(_, fault) = self else {
            return 28;
        };
        match fault {
            ClientFault::Cut { .. } => 0,
            ClientFault::CutAfter { .. } => 1,
            ClientFault::Stall { .. } => 2,
            ClientFault::Silence { .. } => 3,
            ClientFault::Line(_) => 4,
            ClientFault::Connect {
                fault: ConnectFault::Hangs,
                ..
            } => 6,
            ClientFault::Connect { .. } => 5,
            ClientFault::Mute => 7,
            ClientFault::LateAnswers { .. } => 8,
            ClientFault::Poison(_) => 9,
            ClientFault::LoseJob => 10,
            ClientFault::DuplicateJob => 11,
            ClientFault::EarlyJob => 12,
            ClientFault::Noise(_) => 13,
            ClientFault::PingFlood { .. } => 14,
            ClientFault::ForcedDisconnect => 15,
            ClientFault::UnknownValidator { .. } => 16,
            ClientFault::SlowClose { .. } => 17,
            ClientFault::Suspend { .. } => 18,
            ClientFault::ClockJump { .. } => 19,
            ClientFault::ClockBehind { .. } => 20,
            ClientFault::StrayTicks { .. } => 21,
            ClientFault::WorkersCrash => 22,
            ClientFault::WorkersFallSilent => 23,
            ClientFault::Stop { .. } => 24,
            ClientFault::Abort { .. } => 25,
            ClientFault::Misuse => 26,
            ClientFault::Replace { .. } => 27,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(client, ClientFault::Connect { fault, time }) => {
                write!(f, "client {client}: attempts meet {fault} for {time:?}")
            }
            Self::Client(client, fault) => write!(f, "client {client}: {fault:?}"),
            Self::Facilitator(facilitator, fault) => {
                write!(f, "facilitator {facilitator}: {fault:?}")
            }
        }
    }
}
