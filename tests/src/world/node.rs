//! One validator of a world: the session, the application around it, its clock, and what is wrong with it at the
//! moment. What happens to it is decided elsewhere.

use std::collections::VecDeque;

use facilitator_core::Timestamp;
use facilitator_core::client::FacilitatorClient;
use facilitator_core::message::JobStatus;
use facilitator_core::signature::AccountId;

use super::connect::ConnectFault;
use super::job::JobId;
use super::ledger::Ledger;
use super::link::LinkKey;
use super::queue::{Nanos, nanos, timestamp};
use super::watch::{Moment, Watch};
use super::wire::Quality;

/// What an application wants to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    Status(JobId, JobStatus),
    Specs(JobId),
}

impl Report {
    /// Whether this has to wait when that does.
    pub(super) fn comes_behind(self, other: Self) -> bool {
        match (self, other) {
            (Self::Status(job, _), Self::Status(waiting, _)) => job == waiting,
            (Self::Specs(_), Self::Specs(_)) => true,
            _ => false,
        }
    }
}

/// One validator.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) client: FacilitatorClient,
    pub(super) account: AccountId,
    pub(super) host: u32,
    pub(super) link: Option<LinkKey>,
    pub(super) quality: Quality,
    pub(super) clock: Clock,
    /// When the next tick stands in the world's queue.
    pub(super) tick_at: Option<Nanos>,
    pub(super) suspended_until: Nanos,
    /// When the clock or the process was last tampered with.
    pub(super) disturbed_at: Nanos,
    pub(super) connect_fault: Option<(ConnectFault, Nanos)>,
    /// Job requests with which its next connection begins.
    pub(super) early_jobs: u32,
    /// How long the facilitator takes for the next close.
    pub(super) slow_close: Nanos,
    /// What the session has not taken yet, in order.
    pub(super) backlog: VecDeque<Report>,
    pub(super) retry_awaited: bool,
    /// Whether the operator wants it to run.
    pub(super) wanted: bool,
    pub(super) stops: u32,
    /// Processes that it has been before.
    pub(super) process: u64,
    /// While one process is replaced by another.
    pub(super) replaced: bool,
    /// Jobs whose worker is not done.
    pub(super) works: u32,
    pub(super) ledger: Ledger,
    pub(super) watch: Watch,
}

impl Node {
    pub(super) fn new(
        client: FacilitatorClient,
        account: AccountId,
        host: u32,
        quality: Quality,
    ) -> Self {
        Self {
            client,
            account,
            host,
            link: None,
            quality,
            clock: Clock::default(),
            tick_at: None,
            suspended_until: 0,
            disturbed_at: 0,
            connect_fault: None,
            early_jobs: 0,
            slow_close: 0,
            backlog: VecDeque::new(),
            retry_awaited: false,
            wanted: false,
            stops: 0,
            process: 0,
            replaced: false,
            works: 0,
            ledger: Ledger::default(),
            watch: Watch::default(),
        }
    }

    /// When the session wants to be woken, by the world's time.
    pub(super) fn deadline(&self, now: Nanos) -> Option<Nanos> {
        let (at, _) = self.client.poll_timeout()?;
        Some(self.clock.in_the_world(nanos(at.as_duration())).max(now))
    }

    /// The attempt has failed: there is no connection any more.
    pub(super) fn watch_failed(&mut self, conn: facilitator_core::ConnectionId) {
        // The session still has to say so; the schedule goes by that.
        self.watch.gone(conn);
    }

    /// Whether its application has nothing more to do, and the session owes nothing.
    pub(super) fn is_settled(&self) -> bool {
        self.works == 0 && self.backlog.is_empty() && self.ledger.is_settled()
    }
}

/// The clock of one process: it runs as the world's does, but shows another time.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    ahead: Nanos,
    behind: Nanos,
    /// How far the next inputs lie in the past, and how many they are.
    slip: Option<(Nanos, u32)>,
    /// The latest time that an input has carried.
    latest: Nanos,
}

impl Clock {
    /// The time that the next input carries.
    pub(super) fn stamp(&mut self, now: Nanos) -> Timestamp {
        let shown = self.shows(now);
        let stamp = match &mut self.slip {
            Some((by, left)) if *left > 0 => {
                *left -= 1;
                shown.saturating_sub(*by)
            }
            _ => shown,
        };
        self.latest = self.latest.max(stamp);
        timestamp(stamp)
    }

    /// What the session goes by, and what the clock shows.
    pub(super) fn moment(&self, now: Nanos) -> Moment {
        Moment {
            seen: self.latest,
            shown: self.shows(now),
        }
    }

    /// What the clock shows.
    fn shows(&self, now: Nanos) -> Nanos {
        now.saturating_add(self.ahead).saturating_sub(self.behind)
    }

    /// When the clock will show this.
    fn in_the_world(&self, shown: Nanos) -> Nanos {
        shown.saturating_add(self.behind).saturating_sub(self.ahead)
    }

    pub(super) fn jump(&mut self, by: Nanos) {
        self.ahead = self.ahead.saturating_add(by);
    }

    pub(super) fn stand_still(&mut self, time: Nanos) {
        self.behind = self.behind.saturating_add(time);
    }

    pub(super) fn slip(&mut self, by: Nanos, inputs: u32) {
        self.slip = Some((by, inputs));
    }
}
