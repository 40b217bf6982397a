//! One run of a world, from a seed and a plan of faults to a verdict; and of a plan that fails, the part that does.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use facilitator_core::client::ConfigError;

use super::bound;
use super::counts::Counts;
use super::fault::{ClientFault, Fault, Planned};
use super::profile::Profile;
use super::settings::Settings;
use super::verdict::{Promise, Verdicts, Violation};
use super::{Trace, World};

/// A world, what goes wrong in it, and for how long.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The world.
    pub settings: Settings,
    /// What goes wrong, in the order of time.
    pub plan: Vec<Planned>,
    /// How long there are jobs and faults. What is owed then is delivered afterwards.
    pub time: Duration,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was checked, and what failed.
    pub verdicts: Verdicts,
    /// What happened.
    pub counts: Counts,
    /// What happened, step by step.
    pub trace: Trace,
    /// How long it took until all was settled, in the world's time.
    pub time: Duration,
}

impl Report {
    /// Whether every promise was kept.
    pub fn is_clean(&self) -> bool {
        self.verdicts.violations().is_empty()
    }

    /// The first promise that was broken.
    pub fn first(&self) -> Option<&Violation> {
        self.verdicts.violations().first()
    }
}

impl Scenario {
    /// A world with this seed and what this profile plans for it.
    pub fn new(
        seed: u64,
        profile: Profile,
        clients: usize,
        facilitators: usize,
        time: Duration,
    ) -> Self {
        Self {
            settings: Settings {
                clients,
                facilitators,
                ..profile.settings(seed)
            },
            plan: profile.plan(seed, clients, facilitators, time),
            time,
        }
    }

    /// Runs it: jobs and faults for its time, then calm until all is settled, or should be. A panic of a session is
    /// a broken promise like any other.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], when the configuration of the sessions makes no sense.
    pub fn run(&self) -> Result<Report, ConfigError> {
        self.run_watched(1, |_| {})
    }

    /// As [`run`](Self::run), in so many slices of its time: after each, `watch` has a look at the world.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_watched(
        &self,
        slices: u32,
        mut watch: impl FnMut(&World),
    ) -> Result<Report, ConfigError> {
        let mut world = World::new(self.settings.clone())?;
        for planned in &self.plan {
            world.plan(planned.at, planned.fault);
        }
        let slice = self.time / slices.max(1);
        let run = AssertUnwindSafe(|| {
            world.start();
            for _ in 0..slices.max(1) {
                world.run_for(slice);
                watch(&world);
            }
            world.calm();
            world.settle(self.bound());
        });
        if let Err(payload) = catch_unwind(run) {
            world.note_panic(message(&*payload));
        }
        Ok(Report {
            verdicts: world.verdicts().clone(),
            counts: world.counts().clone(),
            time: world.now().as_duration(),
            trace: world.into_trace(),
        })
    }

    /// How long all may take to be settled once the faults have ended.
    pub fn bound(&self) -> Duration {
        let poison = self
            .plan
            .iter()
            .filter(|planned| matches!(planned.fault, Fault::Client(_, ClientFault::Poison(_))));
        let (config, workload) = (&self.settings.config, &self.settings.workload);
        bound::settle(config, workload, poison.count() as u64)
    }

    /// The same with these faults of the plan only, by their places.
    #[must_use]
    pub fn keeping(&self, places: &[usize]) -> Self {
        Self {
            settings: self.settings.clone(),
            plan: places
                .iter()
                .filter_map(|place| self.plan.get(*place).copied())
                .collect(),
            time: self.time,
        }
    }

    /// The places of the fewest faults that were found to break the same promise: without halves of the plan, then
    /// quarters, and so on down to single faults. `progress` is told how many are left.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], as [`run`](Self::run).
    pub fn shrink(
        &self,
        promise: Promise,
        mut progress: impl FnMut(usize),
    ) -> Result<Vec<usize>, ConfigError> {
        let mut places: Vec<usize> = (0..self.plan.len()).collect();
        let mut chunk = places.len();
        while chunk > 0 {
            let mut from = 0;
            let before = places.len();
            while from < places.len() {
                let to = (from + chunk).min(places.len());
                let mut fewer = places.clone();
                fewer.drain(from..to);
                if self.keeping(&fewer).run()?.verdicts.breaks(promise) {
                    places = fewer;
                    progress(places.len());
                } else {
                    from = to;
                }
            }
            // Single faults once more, as long as that helps: one can have needed another that is gone now.
            if chunk > 1 || places.len() == before {
                chunk /= 2;
            }
        }
        Ok(places)
    }
}

/// What a panic said.
fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a word")
}

impl World {
    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.now() + time);
    }

    /// After [`calm`](Self::calm): lets time pass until all is settled and every session is ready, or `bound` is over,
    /// which breaks a promise.
    pub fn settle(&mut self, bound: Duration) {
        let end = self.now() + bound;
        self.run_while(end, |world| !world.is_quiet());
        self.judge_the_end();
    }
}
