//! The clock: what the session is told of it, and when it is ticked.

use std::time::Duration;

use facilitator_core::Timestamp;

use super::super::checks::{Input, Violation};
use super::{FOREVER, Went, World};

impl World {
    /// The time that the network's next input carries.
    pub(super) fn told(&mut self) -> Timestamp {
        // What is done to one batch of outputs is done at one time: the model could not tell which is which.
        let ago = if self.hold || !self.batch.inputs.is_empty() {
            Duration::ZERO
        } else {
            std::mem::take(&mut self.ago)
        };
        self.tell(ago)
    }

    /// The session is told that it is so long ago. It believes the latest time that it was told.
    pub(in super::super) fn tell(&mut self, ago: Duration) -> Timestamp {
        let told = Timestamp::from_duration(self.now.as_duration().saturating_sub(ago));
        self.ledger.now = self.ledger.now.max(told);
        told
    }

    /// Time passes, in silence or while everything flows.
    pub(in super::super) fn pass(&mut self, duration: Duration, flowing: bool) -> Went {
        self.flush()?;
        let end = self.now + duration;
        for _ in 0..FOREVER {
            if flowing {
                self.flow()?;
            }
            match self.client.poll_timeout() {
                Some((at, _)) if at <= end => {
                    self.advance(at);
                    self.tick(Duration::ZERO)?;
                }
                _ => {
                    self.advance(end);
                    return Ok(());
                }
            }
        }
        Err(Violation {
            invariant: "total",
            what: format!(
                "it asks to be ticked again and again: {:?}",
                self.client.poll_timeout()
            ),
        })
    }

    pub(super) fn wake(&mut self) -> Went {
        self.flush()?;
        let Some((wake, _)) = self.client.poll_timeout() else {
            return Ok(());
        };
        self.advance(wake);
        self.tick(Duration::ZERO)
    }

    pub(super) fn advance(&mut self, at: Timestamp) {
        self.now = self.now.max(at);
    }

    pub(super) fn suspend(&mut self, duration: Duration) -> Went {
        self.flush()?;
        let late = self.client.poll_timeout().is_some();
        self.advance(self.now + duration);
        if late {
            // What was due in between could not be noticed.
            self.ledger.heard = self.now;
            self.coverage.note("suspended while running");
        }
        self.tick(Duration::ZERO)
    }

    pub(super) fn tick(&mut self, ago: Duration) -> Went {
        let at = self.tell(ago);
        let wake = self.client.poll_timeout();
        let asked = wake.is_some_and(|(wake, _)| wake <= self.ledger.now);
        self.input(Input::Tick(asked), |client| client.handle_timeout(at))?;
        self.settle()
    }
}
