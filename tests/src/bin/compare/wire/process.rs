//! A child process that takes lines of JSON and answers with lines of JSON. Every wait has an end, and so has the process.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Result;

/// Longer than any answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// A process that runs. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Process {
    /// Starts it; what it says on stderr goes where ours goes.
    pub(crate) fn start(name: &str, command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| format!("{name} does not start: {error}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let (sender, lines) = channel();
        thread::spawn(move || {
            let lines = stdout
                .into_iter()
                .flat_map(|out| BufReader::new(out).lines());
            for line in lines.map_while(core::result::Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            name: name.into(),
            child,
            stdin,
            lines,
        })
    }

    /// What it says next.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> Result<T> {
        let name = &self.name;
        let line = match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!("{name} has said nothing for {PATIENCE:?}").into());
            }
            Err(RecvTimeoutError::Disconnected) => {
                // Its stdin ends with this one; then it ends, if it has not.
                self.stdin = None;
                let status = self.child.wait()?;
                return Err(format!("{name} has ended: {status}").into());
            }
        };
        serde_json::from_str(&line)
            .map_err(|error| format!("{name} says {line:?}, which makes no sense: {error}").into())
    }

    /// Tells it something, and waits for the answer.
    pub(crate) fn ask<T: DeserializeOwned>(&mut self, what: &impl Serialize) -> Result<T> {
        let mut line = serde_json::to_string(what)?;
        line.push('\n');
        if let Some(stdin) = &mut self.stdin {
            let name = &self.name;
            stdin
                .write_all(line.as_bytes())
                .map_err(|error| format!("{name} does not listen: {error}"))?;
        }
        self.hear()
    }
}

/// The program that runs. On Linux it is there even when cargo has put another one in its place meanwhile.
pub(crate) fn this_program() -> Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        return Ok(running.to_owned());
    }
    Ok(env::current_exe()?)
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
