//! The promises that a world checks, how often it did, and what was broken. What is checked when is in `ledger`.

use std::fmt;

use super::queue::{Nanos, timestamp};
use facilitator_core::Timestamp;

/// A promise of the session, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// What was accepted gets exactly one receipt, or is handed back; what is acknowledged is on record.
    NothingLost,
    /// The facilitator sees a job's statuses in the order given.
    Order,
    /// Applied once; after a reconnect no more than a window is sent again in vain.
    AppliedOnce,
    /// A receipt says what the facilitator did with that very message.
    Matched,
    /// Only what three connections broke on is set aside.
    SetAside,
    /// Queues keep to their bounds.
    Bounded,
    /// A job is handed on once and ends once.
    JobsEndOnce,
    /// A link that is dead is given up in time.
    DeadLinks,
    /// Attempts keep to the schedule; a server that names a time is heard.
    Polite,
    /// A stop ends by its deadline, an abort at once.
    Stops,
    /// Heartbeats come one at a time, the first right after authentication.
    Heartbeats,
    /// No panic, no endless output, no error where the caller did nothing wrong.
    Total,
    /// The first frame of a connection authenticates, and nothing is sent before its success; one connection at a time.
    Handshake,
    /// Once the faults have ended, everything owed is delivered in time.
    Settles,
}

impl Promise {
    /// All promises.
    pub const ALL: [Self; 14] = [
        Self::NothingLost,
        Self::Order,
        Self::AppliedOnce,
        Self::Matched,
        Self::SetAside,
        Self::Bounded,
        Self::JobsEndOnce,
        Self::DeadLinks,
        Self::Polite,
        Self::Stops,
        Self::Heartbeats,
        Self::Total,
        Self::Handshake,
        Self::Settles,
    ];

    /// The promise in a few words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NothingLost => "nothing accepted is lost",
            Self::Order => "order is kept",
            Self::AppliedOnce => "applied once",
            Self::Matched => "responses are matched",
            Self::SetAside => "only poison is set aside",
            Self::Bounded => "queues are bounded",
            Self::JobsEndOnce => "jobs run and end once",
            Self::DeadLinks => "dead links are noticed",
            Self::Polite => "reconnects are polite",
            Self::Stops => "stops end in time",
            Self::Heartbeats => "heartbeats never queue",
            Self::Total => "every input is survived",
            Self::Handshake => "authentication first",
            Self::Settles => "all is settled in the end",
        }
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// When it was noticed.
    pub at: Timestamp,
    /// By which client.
    pub client: usize,
    /// How.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at {}, client {}: {}",
            self.promise, self.at, self.client, self.what
        )
    }
}

/// Violations that are kept; a session that is broken breaks its promises again and again.
const KEPT: usize = 20;

/// What was checked, and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Verdicts {
    checked: [u64; Promise::ALL.len()],
    violations: Vec<Violation>,
    now: Nanos,
    client: usize,
}

impl Verdicts {
    /// How often a promise was checked.
    pub fn checked(&self, promise: Promise) -> u64 {
        self.checked.get(promise as usize).copied().unwrap_or(0)
    }

    /// The first violations, 20 at the most.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Whether this promise was broken.
    pub fn breaks(&self, promise: Promise) -> bool {
        self.violations
            .iter()
            .any(|violation| violation.promise == promise)
    }

    /// Adds what another world has found.
    pub fn add(&mut self, other: &Self) {
        for (mine, others) in self.checked.iter_mut().zip(other.checked) {
            *mine += others;
        }
        let room = KEPT.saturating_sub(self.violations.len());
        self.violations
            .extend(other.violations.iter().take(room).cloned());
    }

    /// What follows is about this client, now.
    pub(super) fn about(&mut self, now: Nanos, client: u32) -> &mut Self {
        self.now = now;
        self.client = client as usize;
        self
    }

    /// One check; `what` tells what is wrong when it fails.
    pub(super) fn check(&mut self, promise: Promise, holds: bool, what: impl FnOnce() -> String) {
        if let Some(checked) = self.checked.get_mut(promise as usize) {
            *checked += 1;
        }
        if !holds && self.violations.len() < KEPT {
            self.violations.push(Violation {
                promise,
                at: timestamp(self.now),
                client: self.client,
                what: what(),
            });
        }
    }
}
