//! Bytes as a plan of faults: the real client against the simulated facilitator, for a few minutes of work, then calm
//! until all is settled.

use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use facilitator_core::Timestamp;
use facilitator_core::facilitator::Memory;

use crate::world::{
    ClientFault, ConnectFault, Counts, Crash, Direction, FacilitatorFault, Fault, Noise, Planned,
    Profile, Quality, Scenario, Settings, Workload,
};

/// The most faults of a plan.
const FAULTS: usize = 40;

impl<'a> Arbitrary<'a> for Scenario {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        // The seed chooses the bounds of the sessions and the facilitator's manners, too.
        let seed: u16 = u.arbitrary()?;
        let settings = Settings {
            clients: 1 + usize::from(u.ratio(1, 4)?),
            workload: Workload {
                jobs_every: Some(Duration::from_secs(u.int_in_range(2..=60)?)),
                specs_every: Some(Duration::from_secs(u.int_in_range(2..=60)?)),
                step: Duration::from_secs(u.int_in_range(1..=10)?),
                output: *u.choose(&[400, 400, 5000, 100_000])?,
                ..Workload::default()
            },
            ..Profile::Hell.settings(seed.into())
        };
        let time = Duration::from_secs(u.int_in_range(20..=180)?);
        let mut plan = Vec::new();
        while !u.is_empty() && plan.len() < FAULTS {
            let at = within(u, time)?;
            let client = u.choose_index(settings.clients)?;
            let fault = fault(u, client, time.saturating_sub(at))?;
            let at = Timestamp::from_duration(at);
            plan.push(Planned { at, fault });
        }
        plan.sort_by_key(|planned: &Planned| planned.at);
        Ok(Self {
            settings,
            plan,
            time,
        })
    }
}

/// A time up to `most`.
fn within(u: &mut Unstructured<'_>, most: Duration) -> Result<Duration> {
    Ok(most.mul_f64(f64::from(u.arbitrary::<u16>()?) / f64::from(u16::MAX)))
}

fn direction(u: &mut Unstructured<'_>) -> Result<Direction> {
    Ok(*u.choose(&[Direction::ToFacilitator, Direction::ToClient])?)
}

/// A fault that is over when the faults are.
fn fault(u: &mut Unstructured<'_>, client: usize, left: Duration) -> Result<Fault> {
    let minute = left.min(Duration::from_mins(1));
    let fault = match u.int_in_range(0..=31_u8)? {
        0..=4 => ClientFault::CutAfter {
            direction: direction(u)?,
            bytes: u.int_in_range(0..=2000)?,
        },
        5 => ClientFault::Cut {
            to_facilitator: u.int_in_range(0..=1000)?,
            to_client: u.int_in_range(0..=1000)?,
            reset: u.arbitrary()?,
        },
        6 => ClientFault::Stall {
            direction: direction(u)?,
            time: Some(within(u, left)?),
        },
        7 => ClientFault::Silence {
            direction: direction(u)?,
        },
        8 => ClientFault::Line(Quality {
            latency: Duration::from_millis(u.int_in_range(0..=2000)?),
            jitter: Duration::from_millis(u.int_in_range(0..=1000)?),
            bandwidth: *u.choose(&[None, Some(65_536), Some(1_000_000)])?,
        }),
        9 => ClientFault::Connect {
            fault: connect_fault(u)?,
            time: within(u, left)?,
        },
        10 => ClientFault::Mute,
        11 => ClientFault::LateAnswers {
            time: within(u, minute)?,
        },
        12 | 13 => ClientFault::Poison(Crash {
            stored: u.arbitrary()?,
            close_after: match u.int_in_range(0..=1000)? {
                0 => None,
                millis => Some(Duration::from_millis(millis)),
            },
        }),
        14 => ClientFault::LoseJob,
        15 => ClientFault::DuplicateJob,
        16 => ClientFault::EarlyJob,
        17 => ClientFault::Noise(noise(u)?),
        18 => ClientFault::Replace {
            restart_after: within(u, minute)?,
        },
        19 => ClientFault::PingFlood {
            pings: u.int_in_range(1..=100)?,
        },
        20 => ClientFault::ForcedDisconnect,
        21 => ClientFault::UnknownValidator {
            time: within(u, left)?,
        },
        22 => ClientFault::SlowClose {
            time: within(u, minute)?,
        },
        23 => ClientFault::Suspend {
            time: within(u, left)?,
            clock_runs: u.arbitrary()?,
        },
        24 => ClientFault::ClockJump {
            by: Duration::from_secs(u.int_in_range(0..=100_000)?),
        },
        25 => ClientFault::ClockBehind {
            by: Duration::from_secs(u.int_in_range(0..=1000)?),
            inputs: u.int_in_range(1..=20)?,
        },
        26 => ClientFault::WorkersFallSilent,
        27 => ClientFault::WorkersCrash,
        28 => match u.int_in_range(0..=100)? {
            0 => ClientFault::Misuse,
            ticks => ClientFault::StrayTicks { ticks },
        },
        29 => ClientFault::Stop {
            restart_after: within(u, minute)?,
        },
        30 => ClientFault::Abort {
            restart_after: within(u, minute)?,
        },
        _ => {
            let memory = *u.choose(&[Memory::Kept, Memory::Kept, Memory::Lost])?;
            let down = within(u, left)?;
            let fault = FacilitatorFault::Restart { memory, down };
            return Ok(Fault::Facilitator(0, fault));
        }
    };
    Ok(Fault::Client(client, fault))
}

fn connect_fault(u: &mut Unstructured<'_>) -> Result<ConnectFault> {
    Ok(match u.int_in_range(0..=7_u8)? {
        0 => ConnectFault::Dns,
        1 => ConnectFault::Refused,
        2 => ConnectFault::Unreachable,
        3 => ConnectFault::Hangs,
        4 => ConnectFault::Tls,
        5 => ConnectFault::Handshake,
        _ => ConnectFault::Http {
            status: *u.choose(&[301, 401, 403, 429, 500, 502, 503])?,
            retry_after: match u.int_in_range(0..=2000)? {
                0 => None,
                seconds => Some(Duration::from_secs(seconds)),
            },
        },
    })
}

fn noise(u: &mut Unstructured<'_>) -> Result<Noise> {
    Ok(match u.int_in_range(0..=6_u8)? {
        0 => Noise::NoJson,
        1 => Noise::UnknownType,
        2 => Noise::MissingField,
        3 => Noise::Binary(u.int_in_range(0..=1000)?),
        4 => Noise::Giant(u.int_in_range(0..=20_000)?),
        5 => Noise::StrayResponse,
        _ => Noise::GarbledResponse,
    })
}

/// Runs the plan that `data` stands for.
///
/// # Panics
/// When a promise is broken. The plan goes with it.
pub fn world(data: &[u8]) -> Counts {
    let Ok(scenario) = Scenario::arbitrary(&mut Unstructured::new(data)) else {
        return Counts::default();
    };
    let report = scenario.run().unwrap_or_else(|error| panic!("{error}"));
    if let Some(violation) = report.first() {
        panic!("{violation}\n\n{scenario:#?}");
    }
    report.counts
}
