//! One run of a world, from a seed and a plan of faults to a verdict; and of a plan that fails, the part that does.

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
    pub fn new(seed: u64, profile: Profile, clients: usize, facilitators: usize, time: Duration) -> Self {
        Self {
            settings: Settings {
                clients,
                facilitators,
                facilitator: profile.facilitator(seed),
                ..Settings::new(seed)
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
        let mut world = World::new(self.settings.clone())?;
        for planned in &self.plan {
            world.plan(planned.at, planned.fault);
        }
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            world.start();
            world.run_for(self.time);
            world.calm();
            let poison = self.plan.iter().filter(|planned| {
                matches!(planned.fault, Fault::Client(_, ClientFault::Poison(_)))
            });
            let settings = &self.settings;
            let bound = bound::settle(&settings.config, &settings.workload, poison.count() as u64);
            world.settle(bound);
        }))
        .is_err();
        if panicked {
            world.note_panic();
        }
        Ok(Report {
            verdicts: world.verdicts().clone(),
            counts: world.counts(),
            time: world.now().as_duration(),
            trace: world.into_trace(),
        })
    }

    /// The smallest part of the plan that was found to break the same promise: without halves, quarters and so on
    /// down to single faults. `progress` is told how many faults are left.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], as [`run`](Self::run).
    pub fn shrink(
        &self,
        promise: Promise,
        mut progress: impl FnMut(usize),
    ) -> Result<Self, ConfigError> {
        let mut smallest = self.clone();
        let mut chunk = smallest.plan.len();
        while chunk > 0 {
            let mut from = 0;
            while from < smallest.plan.len() {
                let mut fewer = smallest.clone();
                let to = (from + chunk).min(fewer.plan.len());
                fewer.plan.drain(from..to);
                let report = fewer.run()?;
                if report
                    .verdicts
                    .violations()
                    .iter()
                    .any(|violation| violation.promise == promise)
                {
                    smallest = fewer;
                    progress(smallest.plan.len());
                } else {
                    from = to;
                }
            }
            chunk /= 2;
        }
        Ok(smallest)
    }
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
