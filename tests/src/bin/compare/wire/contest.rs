//! Lanes that take turns, and what a row makes of their figures. What a turn does is a lane's affair.

use std::num::NonZeroUsize;
use std::time::Duration;

use facilitator_tests::compare::{
    Detail, Field, Measured, Plan, Samples, Side, Turn, Unmeasured, field,
};

use super::cores::Cores;
use super::lane::{Cost, Lane, Runner};

/// The length of a turn: long against what it takes to ask for it, short enough for many of them.
const TURN: Duration = Duration::from_millis(250);

/// Rounds of a row.
const ROUNDS: usize = 15;

/// What several runners gave, round by round.
pub(super) struct Contest {
    field: Field,
    names: Vec<String>,
    /// What part of our turns the server was busy.
    server_load: Vec<f64>,
    cores: Cores,
}

impl Contest {
    /// Lets them all take turns. The first is ours.
    pub(super) fn hold(
        plan: &Plan,
        window: NonZeroUsize,
        runners: &[Runner<'_>],
        figure: fn(&Cost) -> f64,
    ) -> Result<Self, Unmeasured> {
        let failed = |error: Box<dyn core::error::Error + Send + Sync>| {
            Unmeasured::failed(error.to_string())
        };
        let cores = Cores::choose();
        let mut lanes = Vec::new();
        for runner in runners {
            let mut lane = Lane::open(*runner, window, cores).map_err(failed)?;
            plan.tell(&format!("warming up {}", lane.name()));
            lane.calibrate(plan.pick(TURN, Duration::from_millis(2)))
                .map_err(failed)?;
            lanes.push(lane);
        }
        let names = lanes.iter().map(|lane| lane.name().to_owned()).collect();
        let mut loads = vec![Vec::new(); lanes.len()];
        let mut turns: Vec<_> = lanes
            .iter_mut()
            .zip(&mut loads)
            .map(|(lane, loads)| {
                move || {
                    let cost = lane.turn().map_err(failed)?;
                    loads.push(cost.server_load());
                    Ok(figure(&cost))
                }
            })
            .collect();
        let mut turns: Vec<Turn<'_>> = turns.iter_mut().map(|turn| turn as Turn<'_>).collect();
        let field = field(plan, ROUNDS, &mut turns)?;
        Ok(Self {
            field,
            names,
            server_load: loads.swap_remove(0),
            cores,
        })
    }

    /// The first to the second.
    pub(super) fn measured(&self, unit: &'static str) -> Measured {
        self.compare(0, 1, unit)
    }

    /// The lowest to the highest, and the figures of all.
    pub(super) fn extremes(&self, unit: &'static str) -> Measured {
        let (lowest, highest) = self.field.extremes();
        let measured = self.compare(lowest, highest, unit);
        let all = self.names.iter().enumerate();
        all.fold(measured, |measured, (runner, name)| {
            measured.with(self.figures(runner, name, unit))
        })
    }

    /// One runner's own figures.
    pub(super) fn figures(&self, runner: usize, text: &str, unit: &'static str) -> Detail {
        Detail::figures(text, self.field.figures(runner), unit)
    }

    fn compare(&self, ours: usize, theirs: usize, unit: &'static str) -> Measured {
        let side = |runner: usize| {
            let name = self.names.get(runner).cloned().unwrap_or_default();
            Side::new(name, self.field.figures(runner))
        };
        let measured = Measured {
            ratios: self.field.ratios(ours, theirs),
            ours: side(ours),
            theirs: side(theirs),
            unit,
            details: Vec::new(),
        };
        let load = Samples::new(self.server_load.clone());
        measured
            .with(Detail::figures(
                "part of our turns that the server was busy",
                load,
                "",
            ))
            .with(Detail::note(self.cores.to_string()))
    }
}
