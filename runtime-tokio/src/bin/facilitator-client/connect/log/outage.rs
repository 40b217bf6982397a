//! What led to a lost connection and what follows, from events that come one after the other, put together to one line.
//! It writes none itself.

use std::time::Duration;

use facilitator_tokio::core::client::{LostReason, Phase, PhaseChange};
use tokio::time::Instant;

/// A connection that lasted for so long was a good one: its end is news, whatever was said before.
const GOOD: Duration = Duration::from_mins(1);

/// A lost connection, or a failed attempt at one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) reason: LostReason,
    /// How long it had lasted, if there was one.
    pub(super) lasted: Option<Duration>,
    /// Messages that are owed.
    pub(super) owed: usize,
    /// The time until the next attempt, if there is to be one.
    pub(super) retry_in: Option<Duration>,
}

impl Lost {
    /// Whether it had been good.
    pub(super) fn is_news(&self) -> bool {
        self.lasted.is_some_and(|lasted| lasted >= GOOD)
    }
}

/// A time without a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Over {
    pub(super) lasted: Duration,
    /// Connections and attempts that failed.
    pub(super) failures: u32,
    /// Whether the log has a line for the last of them.
    pub(super) is_told: bool,
}

/// The connection as the events have told of it.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// When the connection was there.
    connected: Option<Instant>,
    /// It was lost, and what follows is not known yet.
    lost: Option<Lost>,
    /// Since when there is none that is good for anything, and how many were lost since.
    since: Option<(Instant, u32)>,
    is_told: bool,
    /// The session stops: no phase tells what follows.
    draining: bool,
}

impl Outage {
    /// A connection is gone. What is returned is complete: the one before, or this one where nothing follows.
    pub(super) fn lost(&mut self, reason: &LostReason, owed: usize, now: Instant) -> Option<Lost> {
        let connected = self.connected.take();
        let (_, failures) = self.since.get_or_insert((now, 0));
        *failures = failures.saturating_add(1);
        let lost = Lost {
            reason: reason.clone(),
            lasted: connected.map(|connected| now.saturating_duration_since(connected)),
            owed,
            retry_in: None,
        };
        if self.draining {
            return Some(lost);
        }
        self.lost.replace(lost)
    }

    /// The session is in another phase. It tells the rest of the connection that was lost.
    pub(super) fn phase(&mut self, change: &PhaseChange, now: Instant) -> Option<Lost> {
        self.draining = change.phase == Phase::Draining;
        match change.phase {
            Phase::Authenticating | Phase::Ready => {
                self.connected.get_or_insert(now);
            }
            // What follows comes after it.
            Phase::Closing => return None,
            _ => {}
        }
        let mut lost = self.lost.take()?;
        lost.retry_in = change.retry_in;
        Some(lost)
    }

    /// Nothing follows any more.
    pub(super) fn end(&mut self) -> Option<Lost> {
        self.lost.take()
    }

    /// Whether the line of the last loss was written.
    pub(super) fn note(&mut self, is_told: bool) {
        self.is_told = is_told;
    }

    /// The session is ready: what that has ended.
    pub(super) fn over(&mut self, now: Instant) -> Option<Over> {
        let (since, failures) = self.since.take()?;
        Some(Over {
            lasted: now.saturating_duration_since(since),
            failures,
            is_told: self.is_told,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(phase: Phase, retry_in: Option<Duration>) -> PhaseChange {
        PhaseChange {
            phase,
            reason: None,
            next_attempt: None,
            retry_in,
        }
    }

    #[test]
    fn a_loss_is_told_once_with_what_came_before_and_after() {
        let (begin, mut outage) = (Instant::now(), Outage::default());
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(outage.phase(&change(Phase::Connecting, None), at(0)), None);
        assert_eq!(
            outage.phase(&change(Phase::Authenticating, None), at(1)),
            None
        );
        assert_eq!(outage.phase(&change(Phase::Ready, None), at(2)), None);
        assert_eq!(outage.over(at(2)), None, "there was no outage");
        assert_eq!(outage.lost(&LostReason::PongTimeout, 7, at(101)), None);
        assert_eq!(outage.phase(&change(Phase::Closing, None), at(101)), None);
        let retry_in = Some(Duration::from_secs(4));
        let lost = outage
            .phase(&change(Phase::Waiting, retry_in), at(103))
            .unwrap();
        assert!(lost.is_news());
        let expected = Lost {
            reason: LostReason::PongTimeout,
            lasted: Some(Duration::from_secs(100)),
            owed: 7,
            retry_in,
        };
        assert_eq!(lost, expected);
        outage.note(true);
        // An attempt that fails had no connection.
        assert_eq!(
            outage.phase(&change(Phase::Connecting, None), at(107)),
            None
        );
        assert_eq!(outage.lost(&LostReason::EndOfStream, 7, at(108)), None);
        let lost = outage
            .phase(&change(Phase::Waiting, retry_in), at(108))
            .unwrap();
        assert_eq!((lost.lasted, lost.is_news()), (None, false));
        outage.note(false);
        assert_eq!(outage.phase(&change(Phase::Ready, None), at(112)), None);
        let over = Over {
            lasted: Duration::from_secs(11),
            failures: 2,
            is_told: false,
        };
        assert_eq!(outage.over(at(112)), Some(over));
        assert_eq!(outage.end(), None);
    }

    #[test]
    fn a_loss_at_the_end_is_told_too() {
        let (now, mut outage) = (Instant::now(), Outage::default());
        assert_eq!(outage.lost(&LostReason::EndOfStream, 1, now), None);
        let earlier = outage.lost(&LostReason::PongTimeout, 2, now);
        assert_eq!(earlier.map(|lost| lost.owed), Some(1));
        assert_eq!(outage.end().map(|lost| lost.owed), Some(2));
        assert_eq!(outage.phase(&change(Phase::Draining, None), now), None);
        let lost = outage.lost(&LostReason::PongTimeout, 3, now);
        assert_eq!(lost.map(|lost| lost.owed), Some(3));
        assert_eq!(outage.end(), None);
    }
}
