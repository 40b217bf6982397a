//! When to believe that the peer is gone: pings, and what proves that it lives.

use alloc::sync::Arc;

use crate::Frame;

/// The pings of one connection. At most one is unanswered at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Keepalive {
    sent: u64,
    /// The number of the unanswered ping, and how many frames of ours were sent before it.
    unanswered: Option<(u64, u64)>,
}

impl Keepalive {
    /// A ping, unless one is unanswered.
    pub(super) fn ping(&mut self, frames_before: u64) -> Option<Frame> {
        if self.unanswered.is_some() {
            return None;
        }
        self.sent += 1;
        self.unanswered = Some((self.sent, frames_before));
        Some(Frame::Ping(Arc::from(self.sent.to_be_bytes())))
    }

    /// How many of our frames the peer has read for certain, when `payload` answers the current ping.
    pub(super) fn pong(&mut self, payload: &[u8]) -> Option<u64> {
        let (number, frames_before) = self.unanswered?;
        if payload != number.to_be_bytes() {
            return None;
        }
        self.unanswered = None;
        Some(frames_before)
    }

    /// A new connection knows nothing of the old one's pings, and its numbers differ.
    pub(super) fn reset(&mut self) {
        self.unanswered = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pong_of_the_current_ping_counts() {
        let mut keepalive = Keepalive::default();
        let Some(Frame::Ping(first)) = keepalive.ping(3) else {
            panic!("no ping")
        };
        assert!(
            keepalive.ping(4).is_none(),
            "a second ping while one is unanswered"
        );
        assert_eq!(keepalive.pong(b"unsolicited"), None);
        assert_eq!(keepalive.pong(&first), Some(3));
        assert_eq!(keepalive.pong(&first), None, "answered twice");
        keepalive.ping(5);
        keepalive.reset();
        let Some(Frame::Ping(third)) = keepalive.ping(0) else {
            panic!("no ping")
        };
        assert_ne!(first, third);
        assert_eq!(keepalive.pong(&third), Some(0));
    }
}
