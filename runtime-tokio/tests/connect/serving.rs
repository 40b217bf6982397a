//! The command `serve` as a process, and what it has told: the facilitator's own record, which no test can touch.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{SOON, bare_command, hotkey_file};

/// A simulated facilitator that pushes the jobs of a file. It is killed when a test fails half-way.
pub(crate) struct Serve {
    child: Child,
    lines: Receiver<Value>,
    address: SocketAddr,
    record: Record,
}

/// What it has stored and sent.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// The statuses of each job, in the order of their coming.
    pub(crate) stored: BTreeMap<String, Vec<String>>,
    /// Updates that it had already.
    pub(crate) repeated: usize,
    /// Job requests; those that a broken connection has swallowed were sent again.
    pub(crate) pushed: usize,
    pub(crate) authenticated: usize,
    /// What should never come, as it was told.
    pub(crate) wrong: Vec<Value>,
}

impl Serve {
    /// With these jobs, signed by the hotkey that all tests share.
    pub(crate) fn start(jobs: &Path) -> Self {
        let mut command = bare_command(&["serve", "--listen", "127.0.0.1:0", "--push-again"]);
        command.arg("--jobs").arg(jobs);
        command.arg("--sign-with").arg(hotkey_file());
        let mut child = command
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines() {
                let line = serde_json::from_str(&line.unwrap()).unwrap();
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let listening: Value = lines.recv_timeout(SOON).unwrap();
        let uri = listening["uri"].as_str().unwrap();
        let address = uri.trim_start_matches("ws://").split('/').next().unwrap();
        Self {
            child,
            lines,
            address: address.parse().unwrap(),
            record: Record::default(),
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next status that is stored; its job, and its name. `None` when there is none in time.
    pub(crate) fn next_stored(&mut self, deadline: Instant) -> Option<(String, String)> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).ok()?;
            if let Some(stored) = self.record.note(line) {
                return Some(stored);
            }
        }
    }

    /// Ends it, as a person would, and returns all that it has told.
    pub(crate) fn end(mut self) -> Record {
        let mut kill = Command::new("kill");
        let kill = kill.args(["-TERM", &self.child.id().to_string()]);
        assert!(kill.status().unwrap().success());
        let deadline = Instant::now() + SOON;
        while self.next_stored(deadline).is_some() {}
        assert!(Instant::now() < deadline, "it does not end");
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        std::mem::take(&mut self.record)
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Record {
    fn note(&mut self, line: Value) -> Option<(String, String)> {
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        match (text("event").as_str(), text("outcome").as_str()) {
            ("status_update", "stored") => {
                let (uuid, status) = (text("uuid"), text("status"));
                let statuses = self.stored.entry(uuid.clone()).or_default();
                statuses.push(status.clone());
                return Some((uuid, status));
            }
            ("status_update", "repeated") => self.repeated += 1,
            ("job_pushed", _) => self.pushed += 1,
            ("authenticated", _) => self.authenticated += 1,
            ("connected" | "disconnected" | "heartbeat" | "stopped", _) => {}
            _ => self.wrong.push(line),
        }
        None
    }
}

/// How long so many jobs may take on a busy machine.
pub(crate) fn patience(jobs: usize) -> Duration {
    Duration::from_secs(60 + 2 * jobs as u64)
}
