//! The machine's notion of time: a number that its caller hands in. No clock is read here or anywhere in this crate.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// A point in monotonic time, counted from an origin that the caller chose once.
///
/// The origin means nothing to the machine: a runtime takes the moment when it built the session,
/// a simulation takes zero. All inputs of one machine must share one origin.
///
/// ```
/// use core::time::Duration;
/// use facilitator_core::Timestamp;
///
/// let start = Timestamp::ZERO;
/// let later = start + Duration::from_secs(60);
/// assert_eq!(later.saturating_duration_since(start), Duration::from_secs(60));
/// assert_eq!(start.saturating_duration_since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(Duration);

impl Timestamp {
    /// The origin.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The point that lies `since_origin` after the origin.
    pub const fn from_duration(since_origin: Duration) -> Self {
        Self(since_origin)
    }

    /// The time since the origin.
    pub const fn as_duration(self) -> Duration {
        self.0
    }

    /// How long after `earlier` this point lies; zero when it does not.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// A [`Timestamp`] in half its room, for what there is a million of: whole nanoseconds. It ends after five centuries, and
/// whatever is later is then.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Moment(u64);

impl From<Timestamp> for Moment {
    #[inline]
    fn from(at: Timestamp) -> Self {
        Self(u64::try_from(at.0.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Moment> for Timestamp {
    #[inline]
    fn from(Moment(nanos): Moment) -> Self {
        Self(Duration::from_nanos(nanos))
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Timestamp::from(*self).fmt(f)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    /// Saturates at the end of time instead of overflowing: a deadline of `Duration::MAX` means "never".
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}s", self.0.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_its_time_for_five_centuries() {
        let centuries = Duration::from_hours(500 * 365 * 24);
        for time in [Duration::ZERO, Duration::from_nanos(1), centuries] {
            let at = Timestamp::from_duration(time);
            assert_eq!(Timestamp::from(Moment::from(at)), at);
        }
        let end = Moment::from(Timestamp::from_duration(Duration::MAX));
        assert!(Timestamp::from(end).as_duration() > centuries);
    }
}
