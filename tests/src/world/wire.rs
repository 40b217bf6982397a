//! One direction of a link: a pipe of bytes that keeps their order, as TCP does. What is sent arrives when the line had
//! time for all of its bytes, and all that were sent before; a frame arrives when its last byte has. What a frame
//! means is not known here.

use std::collections::VecDeque;
use std::time::Duration;

use facilitator_core::Frame;
use facilitator_core::client::Disconnected;

use super::queue::{Nanos, nanos};

/// Bytes of a WebSocket header without its extended length and mask (RFC 6455, section 5.2).
const HEADER: u64 = 2;

/// How good a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quality {
    /// The time that a byte takes at least.
    pub latency: Duration,
    /// Up to as much is added at random, frame by frame; order is kept all the same.
    pub jitter: Duration,
    /// Bytes that the line carries in a second, in either direction; `None` is as many as there are.
    pub bandwidth: Option<u64>,
}

impl Quality {
    /// No delay at all.
    pub const PERFECT: Self = Self {
        latency: Duration::ZERO,
        jitter: Duration::ZERO,
        bandwidth: None,
    };

    /// Across an ocean: 40 ms, 20 ms of jitter, 100 Mbit/s.
    pub const OCEAN: Self = Self {
        latency: Duration::from_millis(40),
        jitter: Duration::from_millis(20),
        bandwidth: Some(12_500_000),
    };
}

impl Default for Quality {
    /// [`OCEAN`](Self::OCEAN).
    fn default() -> Self {
        Self::OCEAN
    }
}

/// What travels.
#[derive(Clone, Debug)]
pub(super) enum Parcel {
    Frame(Frame),
    /// The end of the stream; what it looks like to a client.
    End(Disconnected),
}

#[derive(Clone, Debug)]
struct Sent {
    arrives: Nanos,
    /// Bytes that the wire has carried before this one, and with it.
    first_byte: u64,
    last_byte: u64,
    parcel: Parcel,
}

/// What an arrival brings.
#[derive(Debug)]
pub(super) enum Taken {
    Nothing,
    Parcel(Parcel),
}

/// One direction of a link.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire {
    sent: VecDeque<Sent>,
    /// Bytes that were ever sent.
    written: u64,
    /// When the line has sent what it has taken.
    free_at: Nanos,
    last_arrival: Nanos,
    stalled_until: Nanos,
    /// Nothing arrives any more, and nobody is told.
    silent: bool,
    /// Nothing can be sent any more.
    closed: bool,
    cut_at: Option<u64>,
    /// Whether an arrival stands in the world's queue.
    awaited: bool,
}

/// What sending led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// It is under way.
    Done,
    /// The wire is closed, nothing was sent.
    Closed,
    /// The wire was to break at a byte of this frame: what came before is under way, the frame is lost.
    Broke,
}

impl Wire {
    pub(super) fn send(
        &mut self,
        now: Nanos,
        parcel: Parcel,
        masked: bool,
        quality: &Quality,
        random: &mut fastrand::Rng,
    ) -> Sending {
        if self.closed {
            return Sending::Closed;
        }
        let size = match &parcel {
            Parcel::Frame(frame) => size_on_wire(frame, masked),
            Parcel::End(_) => 0,
        };
        let last_byte = self.written + size;
        if self.cut_at.is_some_and(|cut_at| last_byte > cut_at) && size > 0 {
            self.cut_at = None;
            return Sending::Broke;
        }
        let first_byte = self.written;
        self.written = last_byte;
        let takes = quality.bandwidth.map_or(0, |bytes_per_second| {
            size.saturating_mul(1_000_000_000) / bytes_per_second.max(1)
        });
        self.free_at = self.free_at.max(now).saturating_add(takes);
        let jitter = match nanos(quality.jitter) {
            0 => 0,
            most => random.u64(0..=most),
        };
        let arrives = self
            .free_at
            .saturating_add(nanos(quality.latency) + jitter)
            .max(self.last_arrival);
        self.last_arrival = arrives;
        self.closed = matches!(parcel, Parcel::End(_));
        self.sent.push_back(Sent {
            arrives,
            first_byte,
            last_byte,
            parcel,
        });
        Sending::Done
    }

    /// When the next arrival is to be looked for, unless it is being looked for already.
    pub(super) fn await_next(&mut self) -> Option<Nanos> {
        if self.awaited {
            return None;
        }
        let next = self.sent.front()?;
        if self.stalled_until == Nanos::MAX {
            return None;
        }
        self.awaited = true;
        Some(next.arrives.max(self.stalled_until))
    }

    /// An arrival that was awaited is due.
    pub(super) fn take(&mut self, now: Nanos) -> Taken {
        self.awaited = false;
        let due =
            self.stalled_until <= now && self.sent.front().is_some_and(|sent| sent.arrives <= now);
        match self.sent.pop_front_if(|_| due) {
            Some(sent) if !self.silent => Taken::Parcel(sent.parcel),
            _ => Taken::Nothing,
        }
    }

    /// Breaks the wire: of the bytes under way, the first `bytes` still arrive, the frames in them if they are whole,
    /// then the end.
    pub(super) fn break_after(
        &mut self,
        now: Nanos,
        bytes: u64,
        latency: Nanos,
        how: Disconnected,
    ) {
        if self.closed && self.sent.is_empty() {
            return;
        }
        let first = self
            .sent
            .front()
            .map_or(self.written, |sent| sent.first_byte);
        let last = first.saturating_add(bytes);
        while self
            .sent
            .pop_back_if(|sent| sent.last_byte > last || matches!(sent.parcel, Parcel::End(_)))
            .is_some()
        {}
        self.last_arrival = self
            .sent
            .back()
            .map_or(now + latency, |sent| sent.arrives.max(now + latency));
        self.sent.push_back(Sent {
            arrives: self.last_arrival,
            first_byte: last,
            last_byte: last,
            parcel: Parcel::End(how),
        });
        self.closed = true;
        self.cut_at = None;
    }

    /// Breaks the wire when that many more bytes were sent.
    pub(super) fn break_later(&mut self, bytes: u64) {
        self.cut_at = Some(self.written.saturating_add(bytes));
    }

    pub(super) fn never_break(&mut self) {
        self.cut_at = None;
    }

    /// Nothing arrives before this moment; all of it does then.
    pub(super) fn stall(&mut self, until: Nanos) {
        self.stalled_until = self.stalled_until.max(until);
    }

    /// Nothing arrives any more.
    pub(super) fn fall_silent(&mut self) {
        self.silent = true;
    }

    pub(super) fn is_silent(&self) -> bool {
        self.silent
    }

    /// Nobody reads this any more.
    pub(super) fn discard(&mut self) {
        self.sent.clear();
        self.closed = true;
    }

    /// Bytes under way.
    pub(super) fn bytes_under_way(&self) -> u64 {
        let first = self
            .sent
            .front()
            .map_or(self.written, |sent| sent.first_byte);
        self.written.saturating_sub(first)
    }
}

/// Bytes that a frame takes on the wire: header, extended length, mask, payload (RFC 6455, section 5.2).
fn size_on_wire(frame: &Frame, masked: bool) -> u64 {
    let length = frame.len() as u64;
    let extended = match length {
        0..=125 => 0,
        126..=65_535 => 2,
        _ => 8,
    };
    HEADER + extended + if masked { 4 } else { 0 } + length
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Nanos = 1_000_000;

    fn text(bytes: usize) -> Parcel {
        Parcel::Frame(Frame::text("x".repeat(bytes)))
    }

    fn line(latency_ms: u64, bandwidth: Option<u64>) -> Quality {
        Quality {
            latency: Duration::from_millis(latency_ms),
            jitter: Duration::ZERO,
            bandwidth,
        }
    }

    fn arrivals(wire: &mut Wire) -> Vec<(Nanos, usize)> {
        let mut arrivals = Vec::new();
        while let Some(at) = wire.await_next() {
            match wire.take(at) {
                Taken::Parcel(Parcel::Frame(frame)) => arrivals.push((at / MS, frame.len())),
                Taken::Parcel(Parcel::End(_)) => arrivals.push((at / MS, 0)),
                Taken::Nothing => {}
            }
        }
        arrivals
    }

    #[test]
    fn latency_and_bandwidth_decide_when_a_frame_arrives() {
        let (mut wire, mut random) = (Wire::default(), fastrand::Rng::with_seed(1));
        // 100 bytes of payload are 102 on the wire: 102 ms at 1000 bytes a second, one after the other.
        let line = line(10, Some(1000));
        for _ in 0..2 {
            assert_eq!(
                wire.send(0, text(100), false, &line, &mut random),
                Sending::Done
            );
        }
        assert_eq!(arrivals(&mut wire), [(112, 100), (214, 100)]);
    }

    #[test]
    fn jitter_never_reorders() {
        let (mut wire, mut random) = (Wire::default(), fastrand::Rng::with_seed(1));
        let line = Quality {
            jitter: Duration::from_millis(50),
            ..line(1, None)
        };
        for n in 1..100 {
            wire.send(0, text(n), false, &line, &mut random);
        }
        let arrivals = arrivals(&mut wire);
        assert!(arrivals.iter().map(|(_, n)| *n).eq(1..100));
        assert!(arrivals.is_sorted_by_key(|(at, _)| *at));
    }

    #[test]
    fn a_break_delivers_whole_frames_only() {
        // Two frames of 12 bytes on the wire each.
        for (bytes, whole) in [(0, 0), (11, 0), (12, 1), (23, 1), (24, 2), (1000, 2)] {
            let (mut wire, mut random) = (Wire::default(), fastrand::Rng::with_seed(1));
            for _ in 0..2 {
                wire.send(0, text(10), false, &line(5, None), &mut random);
            }
            wire.break_after(0, bytes, 5 * MS, Disconnected::EndOfStream);
            let arrived = arrivals(&mut wire);
            assert_eq!(
                arrived.iter().filter(|(_, n)| *n == 10).count(),
                whole,
                "{bytes} bytes"
            );
            assert_eq!(arrived.last(), Some(&(5, 0)));
            assert_eq!(
                wire.send(0, text(1), false, &Quality::PERFECT, &mut random),
                Sending::Closed
            );
        }
    }

    #[test]
    fn a_later_break_loses_the_frame_that_it_meets() {
        let (mut wire, mut random) = (Wire::default(), fastrand::Rng::with_seed(1));
        wire.break_later(12 + 5);
        assert_eq!(
            wire.send(0, text(10), false, &Quality::PERFECT, &mut random),
            Sending::Done
        );
        assert_eq!(
            wire.send(0, text(10), false, &Quality::PERFECT, &mut random),
            Sending::Broke
        );
    }

    #[test]
    fn a_stalled_wire_delivers_late_and_a_silent_one_never() {
        let (mut wire, mut random) = (Wire::default(), fastrand::Rng::with_seed(1));
        wire.stall(100 * MS);
        wire.send(0, text(10), false, &Quality::PERFECT, &mut random);
        assert_eq!(arrivals(&mut wire), [(100, 10)]);
        wire.fall_silent();
        wire.send(0, text(10), false, &Quality::PERFECT, &mut random);
        assert_eq!(arrivals(&mut wire), []);
    }

    #[test]
    fn sizes_are_those_of_the_websocket_framing() {
        for (payload, masked, size) in [
            (0, false, 2),
            (125, false, 127),
            (126, false, 130),
            (65_535, false, 65_539),
            (65_536, false, 65_546),
            (10, true, 16),
        ] {
            let frame = Frame::text("x".repeat(payload));
            assert_eq!(size_on_wire(&frame, masked), size, "{payload} bytes");
        }
    }
}
