//! Times in a trace: `[seconds, nanoseconds]`, exact and readable.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A duration, or a time since the session's origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "(u64, u32)", into = "(u64, u32)")]
pub(super) struct Span(Duration);

impl TryFrom<(u64, u32)> for Span {
    type Error = &'static str;

    fn try_from((seconds, nanos): (u64, u32)) -> Result<Self, Self::Error> {
        if nanos < 1_000_000_000 {
            Ok(Self(Duration::new(seconds, nanos)))
        } else {
            Err("a second has a thousand million nanoseconds")
        }
    }
}

impl From<Span> for (u64, u32) {
    fn from(Span(duration): Span) -> Self {
        (duration.as_secs(), duration.subsec_nanos())
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl From<Span> for Duration {
    fn from(Span(duration): Span) -> Self {
        duration
    }
}

impl From<Timestamp> for Span {
    fn from(at: Timestamp) -> Self {
        Self(at.as_duration())
    }
}

impl From<Span> for Timestamp {
    fn from(Span(duration): Span) -> Self {
        Self::from_duration(duration)
    }
}
