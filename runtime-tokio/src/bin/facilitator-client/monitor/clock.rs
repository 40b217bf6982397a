//! The time of what is shown: how long ago it was, and what the clocks said then. No time zones: a browser knows its own.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use facilitator_tokio::core::Timestamp;

/// Measures as the session does, from its origin on.
pub(super) struct Clock {
    started: Instant,
    /// What the session's time was then.
    origin: Duration,
}

/// A moment, in both times: milliseconds since the session's origin, which never jump, and since 1970, which people read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) elapsed: u64,
    pub(super) unix: u64,
}

impl Clock {
    /// `now` is the session's time.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            started: Instant::now(),
            origin: now.as_duration(),
        }
    }

    pub(super) fn now(&self) -> Moment {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Moment {
            elapsed: millis(self.origin + self.started.elapsed()),
            unix: unix.map_or(0, millis),
        }
    }
}

/// Whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A length of time in its two largest units. The script of the page writes it in the same way.
pub(crate) struct Length(pub(crate) u64);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{seconds} s"),
            (0, 0, _) => write!(f, "{minutes} min {} s", seconds % 60),
            (0, ..) => write!(f, "{hours} h {} min", minutes % 60),
            _ => write!(f, "{days} d {} h", hours % 24),
        }
    }
}

/// Milliseconds since 1970, as a date and time in UTC by ISO 8601.
pub(crate) struct Utc(pub(crate) u64);

impl Utc {
    /// The time of day alone.
    pub(crate) fn time_of_day(&self) -> String {
        let seconds = self.0 / 1000 % 86_400;
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Days in years that begin in March, so that a leap day is the last of its year; 400 years are one round.
        let days = self.0 / 86_400_000 + 719_468;
        let (round, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let year = year + round * 400 + u64::from(month >= 10);
        let month = if month < 10 { month + 3 } else { month - 9 };
        write!(f, "{year:04}-{month:02}-{day:02}T{}Z", self.time_of_day())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_in_two_units() {
        let told = |seconds: u64| Length(seconds * 1000 + 999).to_string();
        assert_eq!(told(0), "0 s");
        assert_eq!(told(59), "59 s");
        assert_eq!(told(60), "1 min 0 s");
        assert_eq!(told(3599), "59 min 59 s");
        assert_eq!(told(3600), "1 h 0 min");
        assert_eq!(told(86_399), "23 h 59 min");
        assert_eq!(told(90_000), "1 d 1 h");
    }

    /// Checked with `date -u -d @SECONDS`.
    #[test]
    fn dates_are_right_around_leap_days_and_ends_of_years() {
        for (seconds, told) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_735_689_600, "2025-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Utc(seconds * 1000).to_string(), told);
        }
    }
}
