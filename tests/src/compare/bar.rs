//! What a ratio has to reach, and whether it does.

use std::fmt;

use serde::Serialize;

/// What a ratio, ours to theirs, has to reach, and what it is meant to reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Bar {
    /// More is better, as of updates a second.
    AtLeast {
        /// Must hold.
        bar: f64,
        /// Is wanted.
        aim: Option<f64>,
    },
    /// Less is better, as of seconds or bytes.
    AtMost {
        /// Must hold.
        bar: f64,
        /// Is wanted.
        aim: Option<f64>,
    },
}

/// What came of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The aim is reached.
    Aim,
    /// The bar holds; the aim, if there is one, is not reached.
    Holds,
    /// The bar is missed.
    Missed,
}

impl Bar {
    /// More is better.
    pub const fn at_least(bar: f64, aim: f64) -> Self {
        Self::AtLeast {
            bar,
            aim: Some(aim),
        }
    }

    /// Less is better.
    pub const fn at_most(bar: f64, aim: f64) -> Self {
        Self::AtMost {
            bar,
            aim: Some(aim),
        }
    }

    /// The verdict on a ratio. One that is no number misses every bar.
    pub fn judge(self, ratio: f64) -> Verdict {
        if !self.reaches(ratio, self.bar()) {
            Verdict::Missed
        } else if self.aim().is_some_and(|aim| self.reaches(ratio, aim)) {
            Verdict::Aim
        } else {
            Verdict::Holds
        }
    }

    fn reaches(self, ratio: f64, wanted: f64) -> bool {
        match self {
            Self::AtLeast { .. } => ratio >= wanted,
            Self::AtMost { .. } => ratio <= wanted,
        }
    }

    /// How good a ratio is, measured from the bar: 1 at the bar, 2 when it is twice as good, whichever way is better.
    pub fn score(self, ratio: f64) -> f64 {
        match self {
            Self::AtLeast { bar, .. } => ratio / bar,
            Self::AtMost { bar, .. } => bar / ratio,
        }
    }

    /// What must hold.
    pub const fn bar(self) -> f64 {
        match self {
            Self::AtLeast { bar, .. } | Self::AtMost { bar, .. } => bar,
        }
    }

    /// What is wanted.
    pub const fn aim(self) -> Option<f64> {
        match self {
            Self::AtLeast { aim, .. } | Self::AtMost { aim, .. } => aim,
        }
    }

    /// The sign between a ratio and what it has to reach.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::AtLeast { .. } => "≥",
            Self::AtMost { .. } => "≤",
        }
    }
}

impl Verdict {
    /// One word, as in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aim => "aim",
            Self::Holds => "holds",
            Self::Missed => "MISSED",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_are_judged() {
        let more = Bar::at_least(0.85, 1.10);
        assert_eq!(more.judge(0.849), Verdict::Missed);
        assert_eq!(more.judge(0.85), Verdict::Holds);
        assert_eq!(more.judge(1.10), Verdict::Aim);
        let less = Bar::at_most(3.0, 1.5);
        assert_eq!(less.judge(3.01), Verdict::Missed);
        assert_eq!(less.judge(3.0), Verdict::Holds);
        assert_eq!(less.judge(1.5), Verdict::Aim);
        for bar in [more, less] {
            assert_eq!(bar.judge(f64::NAN), Verdict::Missed);
        }
        let bare = Bar::AtMost {
            bar: 2.0,
            aim: None,
        };
        assert_eq!(bare.judge(0.1), Verdict::Holds);
        assert_eq!(bare.judge(2.0), Verdict::Holds);
        assert_eq!(bare.judge(2.1), Verdict::Missed);
    }

    #[test]
    fn better_scores_more() {
        for (bar, ratio) in [
            (Bar::at_least(2.0, 2.4), 4.0),
            (Bar::at_most(2.0, 1.0), 1.0),
        ] {
            assert!((bar.score(ratio) - 2.0).abs() < 1e-9, "{bar:?}");
        }
    }
}
