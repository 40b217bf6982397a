//! Plans by seed. The same seed and profile give the same plan, in every run and on every machine.

use std::time::Duration;

use fastrand::Rng;

use super::plan::{Action, Course, Cut, Entry, Merge, Plan, Split, Step};
use crate::pair::Side;

/// What random plans may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What happens at a byte happens within the first so many of a direction.
    pub bytes: u64,
    /// The longest delay, pause or stall, one by one.
    pub longest: Duration,
    /// Whether connections may end before their time.
    pub breaks: bool,
    /// Whether connections may fall silent for good. Whoever waits for the other side needs a deadline then.
    pub silences: bool,
}

impl Profile {
    /// Everything.
    pub fn all(bytes: u64, longest: Duration) -> Self {
        Self {
            bytes,
            longest,
            breaks: true,
            silences: true,
        }
    }

    /// A bad line that nevertheless delivers everything, in the end.
    pub fn gentle(bytes: u64, longest: Duration) -> Self {
        Self {
            breaks: false,
            silences: false,
            ..Self::all(bytes, longest)
        }
    }
}

impl Plan {
    /// The plan of this seed. One in four passes everything on, so that whoever is tested gets on.
    #[must_use]
    pub fn random(seed: u64, profile: &Profile) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut plan = Self {
            seed,
            ..Self::default()
        };
        if rng.u8(..4) == 0 {
            return plan;
        }
        plan.entry = entry(&mut rng, profile);
        for side in Side::BOTH {
            *plan.course_mut(side) = course(&mut rng, profile);
        }
        if let Some(action) = ending(&mut rng, profile) {
            let side = if rng.bool() {
                Side::Client
            } else {
                Side::Facilitator
            };
            let step = Step {
                after: rng.u64(..=profile.bytes),
                action,
            };
            plan.course_mut(side).steps.push(step);
        }
        plan
    }
}

fn entry(rng: &mut Rng, profile: &Profile) -> Entry {
    match rng.u8(..32) {
        0 if profile.breaks => Entry::HangUp,
        1 if profile.breaks => Entry::Reset,
        2 if profile.silences => Entry::Mute,
        _ => Entry::Carry,
    }
}

fn course(rng: &mut Rng, profile: &Profile) -> Course {
    let mut course = Course::default();
    if rng.u8(..4) == 0 {
        course.delay = up_to(rng, profile.longest);
        course.jitter = up_to(rng, profile.longest);
    }
    if rng.u8(..8) == 0 {
        course.bytes_per_second = Some(rng.u32(50_000..1_000_000));
    }
    if rng.bool() {
        let max = 1 << rng.u32(..12);
        // The small ones follow each other at once: a thousand pauses would be a long time.
        let gap = if max > 256 {
            up_to(rng, profile.longest / 16)
        } else {
            Duration::ZERO
        };
        course.split = Some(Split { min: 1, max, gap });
    }
    if rng.u8(..8) == 0 {
        course.merge = Some(Merge {
            bytes: 1 << rng.u32(4..12),
            wait: up_to(rng, profile.longest),
        });
    }
    for _ in 0..rng.u8(..3) {
        course.steps.push(Step {
            after: rng.u64(..=profile.bytes),
            action: Action::Stall(Some(up_to(rng, profile.longest))),
        });
    }
    course
}

fn ending(rng: &mut Rng, profile: &Profile) -> Option<Action> {
    match rng.u8(..8) {
        0..=2 if profile.breaks => Some(Action::Cut(Cut::Close)),
        3..=5 if profile.breaks => Some(Action::Cut(Cut::Reset)),
        6 if profile.silences => Some(if rng.bool() {
            Action::Silence
        } else {
            Action::Swallow
        }),
        _ => None,
    }
}

fn up_to(rng: &mut Rng, longest: Duration) -> Duration {
    let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(rng.u64(..=micros))
}
