//! How much goes wrong, and what: plans of faults, drawn from a seed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use facilitator_core::facilitator::{FacilitatorConfig, Memory, Server};

use super::connect::ConnectFault;
use super::fault::{ClientFault, Crash, FacilitatorFault, Fault, Noise, Planned};
use super::link::Direction;
use super::queue::{Nanos, nanos, timestamp};
use super::settings::Settings;
use super::wire::Quality;

/// How much goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Nothing.
    None,
    /// Cuts and nothing else, each at a byte of its own: one every ten seconds for each client.
    Drops,
    /// What an ordinary week brings: something every ten minutes, nothing of it malicious.
    Gentle,
    /// Everything, every minute.
    Harsh,
    /// Everything, every three seconds.
    Hell,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::Drops,
        Self::Gentle,
        Self::Harsh,
        Self::Hell,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Drops => "drops",
            Self::Gentle => "gentle",
            Self::Harsh => "harsh",
            Self::Hell => "hell",
        }
    }

    /// The mean time between two faults of one client.
    const fn every(self) -> Option<Duration> {
        match self {
            Self::None => None,
            Self::Drops => Some(Duration::from_secs(10)),
            Self::Gentle => Some(Duration::from_mins(10)),
            Self::Harsh => Some(Duration::from_mins(1)),
            Self::Hell => Some(Duration::from_secs(3)),
        }
    }

    /// A world with this seed. For [`None`](Self::None) and [`Gentle`](Self::Gentle) it is the plain one; for the others,
    /// every seed has facilitators of another manner, and sessions with other bounds: narrow windows, small outboxes, large
    /// outputs.
    pub fn settings(self, seed: u64) -> Settings {
        let mut settings = Settings::new(seed);
        let mut random = fastrand::Rng::with_seed(seed ^ 0x5EED_0003);
        if matches!(self, Self::None | Self::Gentle) {
            return settings;
        }
        let server = if random.bool() {
            Server::Uvicorn
        } else {
            Server::Daphne
        };
        settings.facilitator = FacilitatorConfig {
            handling_time: Duration::from_millis(if random.bool() { 0 } else { 5 }),
            resend_unanswered: random.bool(),
            ..FacilitatorConfig::imitating(server)
        };
        let config = &mut settings.config;
        config.window = *random.choice(&[1, 2, 64, 64]).unwrap_or(&64);
        config.outbox_entries = *random.choice(&[2, 5, 20, 1000, 1000]).unwrap_or(&1000);
        config.specs_entries = *random.choice(&[1, 256]).unwrap_or(&256);
        config.job_margin = Duration::from_mins(1);
        config.open_jobs = *random.choice(&[1, 3, 1000]).unwrap_or(&1000);
        settings.workload.output = *random.choice(&[400, 400, 5000, 100_000]).unwrap_or(&400);
        settings
    }

    /// What goes wrong in a world with this seed until `end`, in the order of time.
    pub fn plan(
        self,
        seed: u64,
        clients: usize,
        facilitators: usize,
        end: Duration,
    ) -> Vec<Planned> {
        let Some(every) = self.every() else {
            return Vec::new();
        };
        let mut random = fastrand::Rng::with_seed(seed ^ 0x5EED_0004);
        let end = nanos(end);
        let mut plan = Vec::new();
        for client in 0..clients {
            let mut at = 0;
            loop {
                at += random.u64(0..=nanos(every).saturating_mul(2));
                if at >= end {
                    break;
                }
                // In hell nothing lasts, or nothing else would happen.
                let longest = nanos(Duration::from_mins(2));
                let left = match self {
                    Self::Hell => longest.min(end - at),
                    _ => end - at,
                };
                let fault = self.draw(&mut random, client, facilitators, left);
                plan.push(Planned {
                    at: timestamp(at),
                    fault,
                });
            }
        }
        plan.sort_by_key(|planned: &Planned| planned.at);
        plan
    }

    fn draw(
        self,
        random: &mut fastrand::Rng,
        client: usize,
        facilitators: usize,
        left: Nanos,
    ) -> Fault {
        match self {
            Self::None | Self::Drops => Fault::Client(client, cut(random)),
            Self::Gentle => gentle(random, client, facilitators, left),
            Self::Harsh | Self::Hell => {
                if random.u8(0..3) == 0 {
                    gentle(random, client, facilitators, left)
                } else {
                    malicious(random, client, facilitators, left)
                }
            }
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no profile's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownProfile(String);

impl fmt::Display for UnknownProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Profile::ALL
            .iter()
            .map(|profile| profile.as_str())
            .collect();
        write!(
            f,
            "{:?} is no fault profile; use one of {}",
            self.0,
            names.join(", ")
        )
    }
}

impl std::error::Error for UnknownProfile {}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.as_str() == name)
            .ok_or_else(|| UnknownProfile(name.chars().take(40).collect()))
    }
}

/// A time up to `most`, often a short one, that ends before the faults do.
fn time(random: &mut fastrand::Rng, most: Duration, left: Nanos) -> Duration {
    let most = nanos(most) >> random.u8(0..6);
    Duration::from_nanos(random.u64(0..=most.max(1)).min(left))
}

fn direction(random: &mut fastrand::Rng) -> Direction {
    if random.bool() {
        Direction::ToFacilitator
    } else {
        Direction::ToClient
    }
}

/// A cut: now, or at one of the next bytes.
fn cut(random: &mut fastrand::Rng) -> ClientFault {
    if random.u8(0..4) == 0 {
        ClientFault::Cut {
            to_facilitator: random.u64(0..=1000),
            to_client: random.u64(0..=1000),
            reset: random.bool(),
        }
    } else {
        ClientFault::CutAfter {
            direction: direction(random),
            bytes: random.u64(0..=1500) >> random.u8(0..8),
        }
    }
}

/// What happens to everybody.
fn gentle(random: &mut fastrand::Rng, client: usize, facilitators: usize, left: Nanos) -> Fault {
    let fault = match random.u8(0..10) {
        0..=2 => cut(random),
        3 => ClientFault::Stall {
            direction: direction(random),
            time: Some(time(random, Duration::from_mins(1), left)),
        },
        4 => ClientFault::Silence {
            direction: direction(random),
        },
        5 => ClientFault::Connect {
            fault: *random
                .choice(&[
                    ConnectFault::Dns,
                    ConnectFault::Refused,
                    ConnectFault::Unreachable,
                ])
                .unwrap_or(&ConnectFault::Refused),
            time: time(random, Duration::from_mins(10), left),
        },
        6 => ClientFault::DuplicateJob,
        7 => ClientFault::WorkersCrash,
        8 => ClientFault::Stop {
            restart_after: time(random, Duration::from_mins(1), left),
        },
        _ => {
            let facilitator = random.usize(0..facilitators.max(1));
            let down = time(random, Duration::from_mins(2), left);
            let memory = Memory::Kept;
            return Fault::Facilitator(facilitator, FacilitatorFault::Restart { memory, down });
        }
    };
    Fault::Client(client, fault)
}

/// What should happen to nobody.
fn malicious(random: &mut fastrand::Rng, client: usize, facilitators: usize, left: Nanos) -> Fault {
    let minutes = |random: &mut _, n| time(random, Duration::from_mins(n), left);
    let fault = match random.u8(0..29) {
        0 | 1 => cut(random),
        2 => ClientFault::Stall {
            direction: direction(random),
            time: random.bool().then(|| minutes(random, 5)),
        },
        3 => ClientFault::Line(Quality {
            latency: Duration::from_millis(random.u64(0..=2000) >> random.u8(0..8)),
            jitter: Duration::from_millis(random.u64(0..=1000) >> random.u8(0..8)),
            bandwidth: random.bool().then(|| random.u64(65_536..=1_000_000)),
        }),
        4 | 5 => ClientFault::Connect {
            fault: connect_fault(random),
            time: minutes(random, 5),
        },
        6 => ClientFault::Mute,
        7 | 8 => ClientFault::LateAnswers {
            time: minutes(random, 1),
        },
        9 | 10 => ClientFault::Poison(Crash {
            stored: random.bool(),
            close_after: random
                .bool()
                .then(|| Duration::from_millis(random.u64(0..=1000))),
        }),
        11 => ClientFault::LoseJob,
        12 => ClientFault::DuplicateJob,
        13 => ClientFault::EarlyJob,
        14..=16 => ClientFault::Noise(noise(random)),
        17 => ClientFault::PingFlood {
            pings: random.u32(1..=300),
        },
        18 => ClientFault::ForcedDisconnect,
        19 => ClientFault::UnknownValidator {
            time: minutes(random, 5),
        },
        20 => ClientFault::SlowClose {
            time: minutes(random, 1),
        },
        21 => ClientFault::Suspend {
            time: minutes(random, 30),
            clock_runs: random.bool(),
        },
        22 => ClientFault::ClockJump {
            by: Duration::from_secs(random.u64(0..=100_000) >> random.u8(0..16)),
        },
        23 => ClientFault::ClockBehind {
            by: Duration::from_secs(random.u64(0..=1000)),
            inputs: random.u32(1..=20),
        },
        24 => match random.u8(0..3) {
            0 => ClientFault::WorkersFallSilent,
            1 => ClientFault::Misuse,
            _ => ClientFault::StrayTicks {
                ticks: random.u32(1..=100),
            },
        },
        25 => ClientFault::Stop {
            restart_after: minutes(random, 1),
        },
        26 => ClientFault::Abort {
            restart_after: minutes(random, 1),
        },
        27 => ClientFault::Replace {
            restart_after: minutes(random, 1),
        },
        _ => {
            let memory = if random.u8(0..3) == 0 {
                Memory::Lost
            } else {
                Memory::Kept
            };
            let down = minutes(random, 2);
            let facilitator = random.usize(0..facilitators.max(1));
            return Fault::Facilitator(facilitator, FacilitatorFault::Restart { memory, down });
        }
    };
    Fault::Client(client, fault)
}

fn connect_fault(random: &mut fastrand::Rng) -> ConnectFault {
    match random.u8(0..8) {
        0 => ConnectFault::Dns,
        1 => ConnectFault::Refused,
        2 => ConnectFault::Unreachable,
        3 => ConnectFault::Hangs,
        4 => ConnectFault::Tls,
        5 => ConnectFault::Handshake,
        _ => ConnectFault::Http {
            status: *random
                .choice(&[301, 401, 403, 429, 500, 502, 503])
                .unwrap_or(&503),
            retry_after: random
                .bool()
                .then(|| Duration::from_secs(random.u64(0..=2000) >> random.u8(0..10))),
        },
    }
}

fn noise(random: &mut fastrand::Rng) -> Noise {
    match random.u8(0..7) {
        0 => Noise::NoJson,
        1 => Noise::UnknownType,
        2 => Noise::MissingField,
        3 => Noise::Binary(random.u32(0..=1000)),
        4 => Noise::Giant(random.u32(0..=200_000)),
        5 => Noise::StrayResponse,
        _ => Noise::GarbledResponse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::FAULT_KINDS;
    use facilitator_core::Timestamp;

    #[test]
    fn a_seed_has_one_plan_and_hell_knows_every_fault() {
        let hour = Duration::from_hours(1);
        assert_eq!(
            Profile::Hell.plan(7, 2, 1, hour),
            Profile::Hell.plan(7, 2, 1, hour)
        );
        assert_ne!(
            Profile::Hell.plan(7, 2, 1, hour),
            Profile::Hell.plan(8, 2, 1, hour)
        );
        let plan = Profile::Hell.plan(1, 1, 1, hour * 10);
        let end = Timestamp::from_duration(hour * 10);
        assert!(plan.is_sorted_by_key(|planned| planned.at));
        assert!(plan.iter().all(|planned| planned.at < end));
        for (kind, name) in FAULT_KINDS.iter().enumerate() {
            assert!(
                plan.iter().any(|planned| planned.fault.kind() == kind),
                "no {name}"
            );
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for profile in Profile::ALL {
            assert_eq!(profile.to_string().parse(), Ok(profile));
        }
        let error = "heaven".parse::<Profile>().unwrap_err().to_string();
        assert!(
            error.contains("heaven") && error.contains("harsh"),
            "{error}"
        );
    }
}
