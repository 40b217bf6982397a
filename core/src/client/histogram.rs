//! How long something took, over all times: counts in fixed classes. Values only.

use core::time::Duration;

/// A histogram of durations, in the classes of the reference's own: from a millisecond to ten seconds.
///
/// It is what Prometheus calls a histogram, before it is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// One class for each bound, and one for what is above all of them. Not added up.
    classes: [u64; Self::BOUNDS.len() + 1],
    sum: Duration,
}

impl Histogram {
    /// The upper bounds of the classes, the bound included; one more class has none.
    pub const BOUNDS: &[Duration] = &[
        Duration::from_millis(1),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(50),
        Duration::from_millis(75),
        Duration::from_millis(100),
        Duration::from_millis(250),
        Duration::from_millis(500),
        Duration::from_millis(750),
        Duration::from_secs(1),
        Duration::from_secs(2),
        Duration::from_secs(3),
        Duration::from_secs(5),
        Duration::from_secs(10),
    ];

    pub(super) fn observe(&mut self, duration: Duration) {
        let class = Self::BOUNDS.iter().take_while(|bound| duration > **bound);
        if let Some(count) = self.classes.get_mut(class.count()) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(duration);
    }

    /// How many durations there were.
    pub fn count(&self) -> u64 {
        self.classes.iter().sum()
    }

    /// All durations together.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// Each bound, with how many durations were not above it. Those above all bounds are in [`count`](Self::count) only.
    pub fn cumulative(&self) -> impl Iterator<Item = (Duration, u64)> {
        let mut sum = 0;
        Self::BOUNDS
            .iter()
            .zip(self.classes)
            .map(move |(bound, count)| {
                sum += count;
                (*bound, sum)
            })
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_duration_counts_from_its_own_bound_on() {
        let mut histogram = Histogram::default();
        for millis in [0, 1, 2, 700, 10_000, 10_001, 3_600_000] {
            histogram.observe(Duration::from_millis(millis));
        }
        let found: Vec<u64> = histogram.cumulative().map(|(_, count)| count).collect();
        assert_eq!(found, [2, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5]);
        assert_eq!(histogram.count(), 7);
        assert_eq!(histogram.sum(), Duration::from_millis(3_620_704));
    }

    #[test]
    fn bounds_rise() {
        assert!(Histogram::BOUNDS.is_sorted_by(|a, b| a < b));
    }
}
