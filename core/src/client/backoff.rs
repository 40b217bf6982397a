//! When to try again: exponential backoff with full jitter. One schedule for a session, whatever failed.

use core::time::Duration;

use super::config::Config;

/// Why the next attempt has to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Retry {
    /// The schedule.
    Backoff,
    /// The server named a time.
    After(Duration),
    /// The authentication was refused: the facilitator's list may lag by minutes, hurrying is useless.
    Refused,
    /// There shall be no next attempt.
    Never,
}

/// The schedule and its randomness, which comes from a seed alone.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    random: fastrand::Rng,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            failures: 0,
        }
    }

    /// The session was good for long enough: the next failure starts the schedule anew.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait, after one more failure; `None` is for ever.
    pub(super) fn next_delay(&mut self, retry: Retry, config: &Config) -> Option<Duration> {
        let scheduled = self.scheduled(config);
        Some(match retry {
            Retry::Backoff => scheduled,
            // Jitter on top, so that all who were told the same second do not come in it.
            Retry::After(asked) => asked.min(config.retry_after_max).saturating_add(scheduled),
            Retry::Refused => config
                .refused_delay
                .saturating_add(self.uniform(config.refused_delay / 5)),
            Retry::Never => return None,
        })
    }

    fn scheduled(&mut self, config: &Config) -> Duration {
        let doubled = 2u32
            .checked_pow(self.failures)
            .and_then(|factor| config.backoff_initial.checked_mul(factor));
        let ceiling = doubled.map_or(config.backoff_max, |delay| delay.min(config.backoff_max));
        self.failures = self.failures.saturating_add(1);
        self.uniform(ceiling)
    }

    /// Uniform between nothing and `ceiling`.
    fn uniform(&mut self, ceiling: Duration) -> Duration {
        let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.random.u64(0..=nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Endpoint;

    fn config() -> Config {
        Config::new(Endpoint::public())
    }

    #[test]
    fn ceilings_double_up_to_the_maximum() {
        let config = config();
        let ceilings = [1u64, 2, 4, 8, 16, 32, 60, 60, 60];
        let mut highest = [Duration::ZERO; 9];
        for seed in 0..500 {
            let mut backoff = Backoff::new(seed);
            for (ceiling, highest) in ceilings.iter().zip(&mut highest) {
                let delay = backoff.next_delay(Retry::Backoff, &config).unwrap();
                assert!(delay <= Duration::from_secs(*ceiling));
                *highest = delay.max(*highest);
            }
        }
        for (ceiling, highest) in ceilings.iter().zip(highest) {
            assert!(
                highest > Duration::from_secs(*ceiling) * 9 / 10,
                "never near its ceiling of {ceiling} s"
            );
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_delays() {
        let config = config();
        let delays = |seed| {
            let mut backoff = Backoff::new(seed);
            core::array::from_fn::<_, 100, _>(|_| backoff.next_delay(Retry::Backoff, &config))
        };
        assert_eq!(delays(7), delays(7));
        assert_ne!(delays(7), delays(8));
    }

    #[test]
    fn a_server_that_names_a_time_is_heard_up_to_a_limit() {
        let config = config();
        let mut backoff = Backoff::new(1);
        let mut after = |asked| backoff.next_delay(Retry::After(asked), &config).unwrap();
        let delay = after(Duration::from_secs(30));
        assert!(delay >= Duration::from_secs(30) && delay <= Duration::from_secs(31));
        let delay = after(Duration::MAX);
        assert!(
            delay >= config.retry_after_max
                && delay <= config.retry_after_max + Duration::from_secs(2)
        );
    }

    #[test]
    fn a_refusal_waits_minutes() {
        let config = config();
        let delay = Backoff::new(3).next_delay(Retry::Refused, &config).unwrap();
        assert!(delay >= Duration::from_mins(5) && delay <= Duration::from_mins(6));
    }
}
