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
