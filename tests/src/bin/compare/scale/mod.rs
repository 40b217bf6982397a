//! The rows about what a session costs while nothing happens, about many sessions in one process, and about the end.

mod certificate;
mod crowd;
mod linear;
mod memory;
mod open_files;
mod server;
mod stopping;

use std::env;
use std::path::Path;
use std::process::Command;

use facilitator_tests::compare::{Row, Unmeasured};

use super::role::{Role, WORD};
use crate::wire::Result;
use crate::wire::cores::{self, Cores};
use crate::wire::process::Process;

pub(crate) const ROWS: &[Row] = &[
    memory::ROW,
    linear::CPU,
    linear::MEMORY,
    linear::RECONNECT,
    stopping::ROW,
];

pub(crate) const ROLES: &[Role] = &[
    Role {
        name: "scale-server",
        play: |words| play(words, |words| server::serve(words == ["tls"])),
    },
    Role {
        name: "scale-crowd",
        play: |words| play(words, crowd::play),
    },
];

/// Plays a role on the core that the first word names.
fn play(words: &[String], role: fn(&[String]) -> Result<()>) -> core::result::Result<(), String> {
    let (core, words) = words.split_first().ok_or("on which core?")?;
    cores::pin(core.parse().map_err(|_| "a core has a number")?);
    role(words).map_err(|error| error.to_string())
}

/// The server of these rows, in a process of its own, and where it listens.
struct Server {
    process: Process,
    listening: server::Listening,
}

impl Server {
    fn start(words: &[&str]) -> Result<Self> {
        let mut process = role("scale-server", Cores::choose().server, words)?;
        let listening = process.hear()?;
        Ok(Self { process, listening })
    }

    fn ask(&mut self, command: server::Command) -> Result<server::Seen> {
        self.process.ask(&command)
    }

    /// The port, which is the same at all addresses.
    fn port(&self) -> u16 {
        let first = self.listening.addresses.first();
        first.map_or(0, std::net::SocketAddr::port)
    }
}

/// This program in one of its roles.
fn role(name: &str, core: usize, words: &[&str]) -> Result<Process> {
    // It is there on Linux even when cargo has put another one in its place meanwhile.
    let running = Path::new("/proc/self/exe");
    let program = if running.exists() {
        running.to_owned()
    } else {
        env::current_exe()?
    };
    let mut command = Command::new(program);
    command.args([WORD, name, &core.to_string()]).args(words);
    Process::start(name, &mut command)
}

fn failed(error: impl std::fmt::Display) -> Unmeasured {
    Unmeasured::failed(error.to_string())
}
