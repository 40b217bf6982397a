//! A client with a server of its own, both in processes of their own. Whatever a turn tells is checked first: the server
//! has to have seen exactly what the client says it has sent.

use std::num::NonZeroUsize;
use std::process::Command;
use std::time::Duration;

use super::Result;
use super::client::{Connected, Done, Rival, Turn};
use super::cores::Cores;
use super::process::{Process, this_program};
use super::python::{Manner, Python};
use super::server::{Listening, Seen};
use super::workload::{Tally, UPDATES_OF_A_JOB, Work};
use crate::role::WORD;

/// What the processes are called on the command line.
pub(super) const SERVER: &str = "wire-server";
pub(super) const CLIENT: &str = "wire-client";

/// Who runs on a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Runner<'a> {
    Rust(Rival),
    Python(&'a Python, Manner),
}

/// Jobs whose frames the raw client makes: their memory stays in the core's own caches, about.
const RAW_JOBS: u64 = 512;

/// A client, its server, and how far they are.
pub(crate) struct Lane {
    name: String,
    server: Process,
    client: Process,
    is_raw: bool,
    expected: Tally,
    next_job: u64,
    /// What a turn does, once it is known how long it takes.
    jobs: u64,
}

/// What a turn has cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) updates: f64,
    pub(crate) seconds: f64,
    /// CPU time of the client's process.
    pub(crate) client_cpu: f64,
    /// CPU time of the server's process.
    pub(crate) server_cpu: f64,
}

impl Cost {
    /// Acknowledged updates a second.
    pub(crate) fn rate(&self) -> f64 {
        self.updates / self.seconds
    }

    /// Nanoseconds of the client's CPU time for an acknowledged update.
    pub(crate) fn cpu(&self) -> f64 {
        1e9 * self.client_cpu / self.updates
    }

    /// Nanoseconds for an update: with one in flight, the round trip.
    pub(crate) fn each(&self) -> f64 {
        1e9 * self.seconds / self.updates
    }

    /// The part of the time that the server was busy.
    pub(crate) fn server_load(&self) -> f64 {
        self.server_cpu / self.seconds
    }
}

impl Lane {
    /// Starts both, and waits until the client is authenticated.
    pub(crate) fn open(runner: Runner<'_>, window: NonZeroUsize, cores: Cores) -> Result<Self> {
        let mut server = Process::start("the server", &mut role(SERVER, cores.server, &[])?)?;
        let Listening { port } = server.hear()?;
        let (name, mut command) = match runner {
            Runner::Rust(rival) => {
                let arguments = [rival.name().into(), port.to_string(), window.to_string()];
                (
                    rival.name().to_owned(),
                    role(CLIENT, cores.client, &arguments)?,
                )
            }
            Runner::Python(python, manner) => (
                "python".to_owned(),
                python.client(manner, port, window, cores.client)?,
            ),
        };
        let mut client = Process::start(&format!("the client {name}"), &mut command)?;
        let Connected { connected } = client.hear()?;
        if !connected {
            return Err(format!("the client {name} has not connected").into());
        }
        let is_raw = matches!(runner, Runner::Rust(Rival::Raw));
        Ok(Self {
            name,
            server,
            client,
            is_raw,
            expected: Tally::default(),
            next_job: 0,
            jobs: 64,
        })
    }

    /// Who it is.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Warms up, and finds out how many jobs a turn of about this length has.
    pub(crate) fn calibrate(&mut self, length: Duration) -> Result<()> {
        const MOST: u64 = 1 << 22;
        let wanted = length.as_secs_f64();
        loop {
            let cost = self.turn()?;
            if cost.seconds >= 0.5 * wanted || self.jobs >= MOST {
                self.jobs = scaled(self.jobs, wanted / cost.seconds).min(MOST);
                return Ok(());
            }
            self.jobs = scaled(self.jobs, (wanted / cost.seconds).clamp(1.5, 8.0)).min(MOST);
        }
    }

    /// Sends the updates of a turn, and checks that it did.
    pub(crate) fn turn(&mut self) -> Result<Cost> {
        let turn = if self.is_raw {
            let times = (self.jobs / RAW_JOBS).max(1);
            let first_job = 0;
            let jobs = self.jobs.min(RAW_JOBS);
            Turn {
                first_job,
                jobs,
                times,
            }
        } else {
            let first_job = self.next_job;
            self.next_job += self.jobs;
            Turn {
                first_job,
                jobs: self.jobs,
                times: 1,
            }
        };
        let before: Seen = self.server.ask(&())?;
        let done: Done = self.client.ask(&turn)?;
        let after: Seen = self.server.ask(&())?;
        let work = Work::new(turn.first_job, turn.jobs);
        for _ in 0..turn.times {
            self.expected.add(&work);
        }
        if after.tally != self.expected {
            let (name, expected, seen) = (&self.name, &self.expected, &after.tally);
            let what = format!(
                "the server has not seen what the client {name} should have sent: {expected:?} is right, {seen:?} came"
            );
            return Err(what.into());
        }
        #[expect(clippy::cast_precision_loss, reason = "a few million at most")]
        let updates = (turn.jobs * turn.times * UPDATES_OF_A_JOB) as f64;
        Ok(Cost {
            updates,
            seconds: done.seconds,
            client_cpu: done.cpu_seconds,
            server_cpu: after.cpu_seconds - before.cpu_seconds,
        })
    }
}

/// Whole groups of jobs, one at least.
fn scaled(jobs: u64, factor: f64) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few million at most"
    )]
    let jobs = (jobs as f64 * factor) as u64;
    (jobs / 8).max(1) * 8
}

/// This program, as one of its hidden roles.
fn role(name: &str, core: usize, arguments: &[String]) -> Result<Command> {
    let mut command = Command::new(this_program()?);
    command
        .args([WORD, name])
        .arg(core.to_string())
        .args(arguments);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_whole_groups_of_jobs() {
        assert_eq!(scaled(64, 0.01), 8);
        assert_eq!(scaled(64, 1.5), 96);
        assert_eq!(scaled(100, 1.0), 96);
    }
}
