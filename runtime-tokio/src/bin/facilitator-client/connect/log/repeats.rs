//! How often the same may be said: a few times, then once in a while, with the number of those that were left out. It
//! knows no clock.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

/// Lines of one kind that are written in a row, as a rule.
pub(super) const BURST: u32 = 10;
/// Different things that are told apart; beyond, the one that was silent for longest is forgotten.
const MOST: usize = 32;
/// The first span in which only so many lines are written; spans double while the same goes on.
const SPAN: Duration = Duration::from_secs(30);
/// The longest span: whoever looks at the log sees that it goes on.
const LONGEST_SPAN: Duration = Duration::from_mins(15);

/// What was said, and how often lately.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    said: BTreeMap<String, Said>,
}

#[derive(Debug)]
struct Said {
    /// When the span began.
    since: Instant,
    span: Duration,
    lines: u32,
    left_out: u64,
}

impl Repeats {
    /// Whether to say this once more, where `burst` lines may be said in the first span and one in each later one. It
    /// holds how many were left out since the last that was said; `None` leaves this one out, too.
    pub(super) fn say(&mut self, what: &str, burst: u32, now: Instant) -> Option<u64> {
        let Some(said) = self.said.get_mut(what) else {
            self.make_room();
            let said = Said {
                since: now,
                span: SPAN,
                lines: 1,
                left_out: 0,
            };
            self.said.insert(what.to_owned(), said);
            return Some(0);
        };
        if now.saturating_duration_since(said.since) >= said.span {
            // Where nothing was left out, it is as new.
            let (span, lines) = match said.left_out {
                0 => (SPAN, 1),
                _ => (said.span.saturating_mul(2).min(LONGEST_SPAN), burst),
            };
            let left_out = said.left_out;
            *said = Said {
                since: now,
                span,
                lines,
                left_out: 0,
            };
            return Some(left_out);
        }
        if said.lines < burst {
            said.lines += 1;
            return Some(0);
        }
        said.left_out += 1;
        None
    }

    /// It is over: the next one is news.
    pub(super) fn forget(&mut self, is_over: impl Fn(&str) -> bool) {
        self.said.retain(|what, _| !is_over(what));
    }

    /// What was left out since it was said last.
    fn left_out(&self) -> impl Iterator<Item = (&str, u64)> {
        let said = self.said.iter().filter(|(_, said)| said.left_out > 0);
        said.map(|(what, said)| (what.as_str(), said.left_out))
    }

    /// Writes that to the log.
    pub(super) fn tell_left_out(&self) {
        for (what, count) in self.left_out() {
            info!(what, count, "left out of the log");
        }
    }

    fn make_room(&mut self) {
        if self.said.len() >= MOST
            && let Some(oldest) = self.said.iter().min_by_key(|(_, said)| said.since)
        {
            let (oldest, count) = (oldest.0.clone(), oldest.1.left_out);
            if count > 0 {
                info!(what = oldest, count, "left out of the log");
            }
            self.said.remove(&oldest);
        }
    }
}

/// The number of lines that were left out, where there are any.
pub(super) fn some(left_out: u64) -> Option<u64> {
    (left_out > 0).then_some(left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_said_less_and_less_and_nothing_goes_uncounted() {
        let (begin, mut repeats) = (Instant::now(), Repeats::default());
        let mut said = Vec::new();
        let mut counted = 0;
        for second in 0..7200 {
            let now = begin + Duration::from_secs(second);
            if let Some(left_out) = repeats.say("x", 2, now) {
                said.push(second);
                counted += 1 + left_out;
            }
        }
        counted += repeats.left_out().map(|(_, count)| count).sum::<u64>();
        assert_eq!(
            said,
            [
                0, 1, 30, 90, 210, 450, 930, 1830, 2730, 3630, 4530, 5430, 6330
            ]
        );
        assert_eq!(counted, 7200);
    }

    #[test]
    fn what_comes_seldom_is_always_said() {
        let (begin, mut repeats) = (Instant::now(), Repeats::default());
        for minute in 0..100 {
            let now = begin + Duration::from_mins(minute);
            assert_eq!(repeats.say("x", 1, now), Some(0), "{minute}");
        }
    }

    #[test]
    fn each_thing_counts_for_itself_and_the_memory_is_bounded() {
        let (now, mut repeats) = (Instant::now(), Repeats::default());
        for number in 0..1000 {
            assert_eq!(repeats.say(&number.to_string(), 1, now), Some(0));
        }
        assert_eq!(repeats.said.len(), MOST);
        assert_eq!(repeats.say("999", 1, now), None);
        repeats.forget(|what| what == "999");
        assert_eq!(repeats.say("999", 1, now), Some(0));
    }
}
