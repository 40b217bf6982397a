//! What a simulated facilitator imitates and how much it takes on: values only, no behaviour.

use alloc::collections::BTreeSet;
use core::time::Duration;

use crate::signature::AccountId;

/// The ASGI server in front of the facilitator's handler. It decides how a crash, an oversized message
/// and a lost connection look from outside.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Server {
    /// A crash drops the socket at once, without a close frame. A message above 16 MiB is refused with 1009.
    /// What a lost connection leaves unhandled is forgotten, except for the one frame in hand.
    #[default]
    Uvicorn,
    /// A crash closes with 1011 after a delay, in which frames go unanswered. Large messages pass.
    /// What a lost connection leaves unhandled is handled all the same.
    Daphne,
}

/// Who is known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Known {
    /// Everybody.
    #[default]
    Any,
    /// These, and nobody else.
    Only(BTreeSet<AccountId>),
}

impl Known {
    /// Only these accounts are known.
    pub fn only(accounts: impl IntoIterator<Item = AccountId>) -> Self {
        Self::Only(accounts.into_iter().collect())
    }

    /// Whether this account is known.
    pub fn contains(&self, account: AccountId) -> bool {
        match self {
            Self::Any => true,
            Self::Only(accounts) => accounts.contains(&account),
        }
    }

    /// Whether whoever calls itself by this text, which should be an SS58 address, is known.
    pub(super) fn contains_name(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(accounts) => {
                AccountId::from_ss58(name).is_ok_and(|account| accounts.contains(&account))
            }
        }
    }
}

/// Everything that can be chosen about a simulated facilitator.
///
/// ```
/// use core::time::Duration;
/// use facilitator_core::facilitator::{FacilitatorConfig, Known, Server};
///
/// let config = FacilitatorConfig {
///     validators: Known::only(["5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY".parse()?]),
///     ..FacilitatorConfig::imitating(Server::Daphne)
/// };
/// assert_eq!(config.routing_timeout, Duration::from_secs(180));
/// # Ok::<(), facilitator_core::signature::ss58::Ss58Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FacilitatorConfig {
    /// The server whose manners are imitated.
    pub server: Server,
    /// The validators that may authenticate. Default: any.
    pub validators: Known,
    /// The miners whose machine specs are looked at; those of others are dropped without a word, poison included.
    /// Default: any.
    pub miners: Known,
    /// A validator gets new jobs only while one of its connections was heard from (authentication or heartbeat)
    /// this recently. Default: 3 minutes.
    pub routing_timeout: Duration,
    /// A connection not heard from for this long is closed with 3001. Default: 10 minutes.
    pub drop_timeout: Duration,
    /// Time between two WebSocket pings on a connection; `None` sends none. Default: 20 s.
    pub ping_interval: Option<Duration>,
    /// How long after a ping the peer may stay silent before its connection is taken for dead; `None` waits for ever.
    /// Default: 20 s with [`Server::Uvicorn`], 30 s with [`Server::Daphne`].
    pub pong_timeout: Option<Duration>,
    /// How long the handler takes for one frame. With zero, the default, a frame is handled while it is handed in;
    /// with more, frames queue behind each other, and a lost connection can find some unhandled.
    pub handling_time: Duration,
    /// Time from a crash to its close. Default: none with [`Server::Uvicorn`], 1 s with [`Server::Daphne`].
    pub crash_delay: Duration,
    /// Whether the status that makes the handler crash (or answer `job.integrity_error` wrongly) is stored all the same.
    /// The reference stores it and crashes afterwards, except where the database itself refuses it (a NUL character).
    /// Default: true.
    pub poison_is_stored: bool,
    /// Whether a validator that authenticates is sent again every job of its that has no status from it yet.
    /// The reference never does that: a job pushed into a dead connection is lost. Default: false.
    pub resend_unanswered: bool,
    /// Whether validators authenticate in the headers of the upgrade request, as a drafted successor of the protocol
    /// has it, and no longer in the first frame. Default: false, as today.
    pub header_authentication: bool,
    /// Bounds on memory.
    pub limits: Limits,
}

impl FacilitatorConfig {
    /// The reference's own values behind this server.
    pub fn imitating(server: Server) -> Self {
        let (pong_timeout, crash_delay) = match server {
            Server::Uvicorn => (Duration::from_secs(20), Duration::ZERO),
            Server::Daphne => (Duration::from_secs(30), Duration::from_secs(1)),
        };
        Self {
            server,
            validators: Known::Any,
            miners: Known::Any,
            routing_timeout: Duration::from_mins(3),
            drop_timeout: Duration::from_mins(10),
            ping_interval: Some(Duration::from_secs(20)),
            pong_timeout: Some(pong_timeout),
            handling_time: Duration::ZERO,
            crash_delay,
            poison_is_stored: true,
            resend_unanswered: false,
            header_authentication: false,
            limits: Limits::imitating(server),
        }
    }
}

impl Default for FacilitatorConfig {
    /// As [`FacilitatorConfig::imitating`] the default server.
    fn default() -> Self {
        Self::imitating(Server::default())
    }
}

/// Bounds on what a simulated facilitator keeps in memory. All but `message_size` are its own, not the reference's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    /// The largest message, in bytes; a larger one closes the connection with 1009.
    /// Default: 16 MiB with [`Server::Uvicorn`], 64 MiB with [`Server::Daphne`], which itself has no limit.
    pub message_size: usize,
    /// Connections at one time; one more is closed with 1013 (try again later). Default: 1,024.
    pub connections: usize,
    /// Validators on record; one more is treated as unknown. Default: 1,024.
    pub validators: usize,
    /// Jobs on record; pushing one more is an error. Default: 100,000.
    pub jobs: usize,
    /// Machine specs on record; the oldest gives way. Default: 1,000.
    pub machine_specs: usize,
    /// Frames of one connection that wait to be handled; one more drops the connection. Default: 10,000.
    pub inbox_frames: usize,
    /// Bytes of one connection that wait to be handled; more drop the connection. Default: 64 MiB.
    pub inbox_bytes: usize,
}

impl Limits {
    const fn imitating(server: Server) -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            message_size: match server {
                Server::Uvicorn => 16 * MIB,
                Server::Daphne => 64 * MIB,
            },
            connections: 1024,
            validators: 1024,
            jobs: 100_000,
            machine_specs: 1000,
            inbox_frames: 10_000,
            inbox_bytes: 64 * MIB,
        }
    }
}
