//! Every deadline of a session, by name, in one table. What happens at one is decided in `connection`.

use core::fmt;

use crate::Timestamp;

/// What a session waits for. [`poll_timeout`](super::FacilitatorClient::poll_timeout) names the next one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// Output is queued: it is due now.
    Output,
    /// The end of the closing handshake; then the connection is dropped.
    Close,
    /// The end of a graceful stop; then what is left is handed back.
    Drain,
    /// The connection attempt took too long.
    Connect,
    /// The facilitator did not answer the authentication.
    Authentication,
    /// The facilitator did not answer a status update.
    Acknowledgement,
    /// The peer sent nothing after a ping.
    Pong,
    /// The next connection attempt.
    Reconnect,
    /// The next heartbeat.
    Heartbeat,
    /// The next ping.
    Ping,
    /// The time of an open job is over; then it ends as `horde_failed`.
    Watchdog,
}

impl Timer {
    /// All that can be armed, in the order in which simultaneous ones are handled: what ends something comes first.
    const ALL: [Self; 10] = [
        Self::Close,
        Self::Drain,
        Self::Connect,
        Self::Authentication,
        Self::Acknowledgement,
        Self::Pong,
        Self::Reconnect,
        Self::Heartbeat,
        Self::Ping,
        Self::Watchdog,
    ];

    /// The name, in `snake_case`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Close => "close",
            Self::Drain => "drain",
            Self::Connect => "connect",
            Self::Authentication => "authentication",
            Self::Acknowledgement => "acknowledgement",
            Self::Pong => "pong",
            Self::Reconnect => "reconnect",
            Self::Heartbeat => "heartbeat",
            Self::Ping => "ping",
            Self::Watchdog => "watchdog",
        }
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The table.
#[derive(Clone, Debug, Default)]
pub(super) struct TimerTable {
    /// By the timer's own number; the place of [`Timer::Output`] stays empty.
    deadlines: [Option<Timestamp>; Timer::ALL.len() + 1],
}

impl TimerTable {
    pub(super) fn arm(&mut self, timer: Timer, at: Timestamp) {
        if let Some(slot) = self.slot(timer) {
            *slot = Some(at);
        }
    }

    pub(super) fn disarm(&mut self, timer: Timer) {
        if let Some(slot) = self.slot(timer) {
            *slot = None;
        }
    }

    /// Disarms everything except what outlives connections: the drain deadline and the jobs'.
    pub(super) fn disarm_connection(&mut self) {
        for timer in Timer::ALL {
            if !matches!(timer, Timer::Drain | Timer::Watchdog) {
                self.disarm(timer);
            }
        }
    }

    pub(super) fn disarm_all(&mut self) {
        self.deadlines = Default::default();
    }

    pub(super) fn get(&self, timer: Timer) -> Option<Timestamp> {
        self.deadlines.get(timer as usize).copied().flatten()
    }

    /// The nearest deadline; of equal ones the first in the order of handling.
    pub(super) fn next(&self) -> Option<(Timestamp, Timer)> {
        Timer::ALL
            .into_iter()
            .filter_map(|timer| Some((self.get(timer)?, timer)))
            .min_by_key(|(at, _)| *at)
    }

    /// The timers that are due, disarmed: one that is armed anew while they are handled waits for the next call.
    pub(super) fn take_due(&mut self, now: Timestamp) -> impl Iterator<Item = Timer> + use<> {
        let mut due = [None; Timer::ALL.len()];
        for (timer, due) in Timer::ALL.into_iter().zip(&mut due) {
            if self.get(timer).is_some_and(|at| at <= now) {
                self.disarm(timer);
                *due = Some(timer);
            }
        }
        due.into_iter().flatten()
    }

    fn slot(&mut self, timer: Timer) -> Option<&mut Option<Timestamp>> {
        self.deadlines.get_mut(timer as usize)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_duration(Duration::from_secs(seconds))
    }

    #[test]
    fn the_nearest_deadline_comes_first_and_fires_once() {
        let mut table = TimerTable::default();
        assert_eq!(table.next(), None);
        table.arm(Timer::Ping, at(20));
        table.arm(Timer::Heartbeat, at(60));
        table.arm(Timer::Acknowledgement, at(20));
        assert_eq!(table.next(), Some((at(20), Timer::Acknowledgement)));
        assert!(table.take_due(at(19)).next().is_none());
        assert!(
            table
                .take_due(at(25))
                .eq([Timer::Acknowledgement, Timer::Ping])
        );
        assert!(table.take_due(at(25)).next().is_none());
        assert_eq!(table.next(), Some((at(60), Timer::Heartbeat)));
    }

    #[test]
    fn the_deadlines_of_a_stop_and_of_jobs_outlive_a_connection() {
        let mut table = TimerTable::default();
        table.arm(Timer::Drain, at(10));
        table.arm(Timer::Watchdog, at(20));
        table.arm(Timer::Pong, at(5));
        table.disarm_connection();
        assert!(table.take_due(at(30)).eq([Timer::Drain, Timer::Watchdog]));
        table.arm(Timer::Watchdog, at(20));
        table.disarm_all();
        assert_eq!(table.next(), None);
    }
}
