//! The program under test: started, fed, read and ended. No checks of its own, save that every line on stdout is a
//! JSON object and that nothing takes for ever.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use facilitator_tokio::Keypair;
use facilitator_tokio::core::signature::hotkey;
use serde_json::Value;

/// How long anything may take that should happen soon, on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A key that the files of [`hotkey_file`] hold.
pub(crate) fn keypair() -> Keypair {
    Keypair::from_seed(
        facilitator_tokio::core::signature::Scheme::Sr25519,
        [42; 32],
    )
    .unwrap()
}

/// A file with this content, in the folder of this process.
pub(crate) fn file(name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = crate::folder::path(name);
    fs::write(&path, content).unwrap();
    path
}

/// The hotkey file of [`keypair`], which all tests share.
pub(crate) fn hotkey_file() -> PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    let write = || file("hotkey.json", hotkey::to_json(&keypair()).as_bytes());
    FILE.get_or_init(write).clone()
}

/// `facilitator-client connect` with these arguments, and pauses between attempts that suit a test.
pub(crate) fn command(uri: &str, arguments: &[&str]) -> Command {
    let mut command = bare_command(&["connect", "--uri", uri, "--hotkey"]);
    command.arg(hotkey_file());
    if !arguments.contains(&"--backoff-max") {
        command.args(["--backoff-initial", "50ms", "--backoff-max", "200ms"]);
    }
    command.args(arguments);
    command
}

/// The program with these arguments, and an environment that says nothing.
pub(crate) fn bare_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_facilitator-client"));
    command
        .args(arguments)
        .env_remove("VALIDATOR_VERSION")
        .env_remove("VALIDATOR_RUNNER_VERSION")
        .env_remove("FACILITATOR_LOG")
        // The file of whoever runs the tests is not asked: this one is empty.
        .env("FACILITATOR_CONFIG", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The program while it runs. It is killed when a test fails half-way.
pub(crate) struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Option<Receiver<String>>,
    stdout: Option<ChildStdout>,
    stderr: Receiver<String>,
    /// The lines of stderr, while it runs.
    log: Receiver<String>,
    raw: Vec<String>,
    events: Vec<Value>,
}

/// How it ended, and all that it said.
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) events: Vec<Value>,
    pub(crate) raw: Vec<String>,
    pub(crate) stderr: String,
}

impl Program {
    pub(crate) fn start(uri: &str, arguments: &[&str]) -> Self {
        let mut program = Self::start_unread(command(uri, arguments));
        program.read_stdout();
        program
    }

    /// As a program that serves its metrics; with it, where.
    pub(crate) fn start_watched(uri: &str, arguments: &[&str]) -> (Self, String) {
        let arguments = [arguments, &["--metrics", "0"]].concat();
        let program = Self::start(uri, &arguments);
        let line = program.expect_log("metrics and status page");
        let (_, address) = line.split_once("http://").unwrap();
        let address = address.trim_end().trim_end_matches('/').to_owned();
        (program, address)
    }

    /// As a program whose output nobody reads, until [`read_stdout`](Self::read_stdout).
    pub(crate) fn start_unread(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (sender, receiver) = channel();
        let (log_sender, log) = channel();
        thread::spawn(move || {
            let mut text = String::new();
            for line in BufReader::new(stderr).lines() {
                let line = line.unwrap() + "\n";
                text.push_str(&line);
                let _ = log_sender.send(line);
            }
            let _ = sender.send(text);
        });
        Self {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            child,
            lines: None,
            stderr: receiver,
            log,
            raw: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(crate) fn read_stdout(&mut self) {
        let stdout = self.stdout.take().unwrap();
        let (sender, receiver) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                if sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        self.lines = Some(receiver);
    }

    /// Closes the reading end of its stdout.
    pub(crate) fn close_stdout(&mut self) {
        self.stdout.take().unwrap();
    }

    pub(crate) fn take_stdin(&mut self) -> ChildStdin {
        self.stdin.take().unwrap()
    }

    pub(crate) fn send(&mut self, line: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(line.as_ref()).unwrap();
        stdin.write_all(b"\n").unwrap();
    }

    /// A status without metadata, under the id `UUID/STATUS`.
    pub(crate) fn send_status(&mut self, uuid: &str, status: &str) {
        self.send(status_line(uuid, status));
    }

    /// Its process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let mut kill = Command::new("kill");
        kill.arg(format!("-{signal}"))
            .arg(self.child.id().to_string());
        assert!(kill.status().unwrap().success());
    }

    /// Sends a signal again and again, until the program has ended: one that comes too soon after another does not count.
    pub(crate) fn insist(&mut self, signal: &str) {
        let deadline = Instant::now() + SOON;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it does not end");
            self.signal(signal);
        }
    }

    /// Kibibytes in memory, as the system counts them.
    pub(crate) fn resident_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The next line of the log with this text.
    pub(crate) fn expect_log(&self, text: &str) -> String {
        let deadline = Instant::now() + SOON;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("{text:?} is not in the log"));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Reads until a line for which `is_it` holds.
    pub(crate) fn expect(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + SOON;
        loop {
            match self.next_before(deadline) {
                Some(event) if is_it(&event) => return event,
                Some(_) => {}
                None => {
                    let log: String = self.log.try_iter().collect();
                    panic!("no {what} came; what came is {:#?}, and {log}", self.raw)
                }
            }
        }
    }

    /// The line that was read last, as it was written.
    pub(crate) fn last_line(&self) -> &str {
        self.raw.last().unwrap()
    }

    pub(crate) fn expect_event(&mut self, name: &str) -> Value {
        self.expect(name, |event| event["event"] == name)
    }

    pub(crate) fn expect_phase(&mut self, phase: &str) -> Value {
        self.expect(phase, |event| {
            event["event"] == "phase" && event["phase"] == phase
        })
    }

    /// The receipts of this many commands, in the order of their coming.
    pub(crate) fn expect_receipts(&mut self, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.expect_event("receipt")).collect()
    }

    fn next_before(&mut self, deadline: Instant) -> Option<Value> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.lines.as_ref().unwrap().recv_timeout(left) {
            Ok(line) => {
                let event: Value = serde_json::from_str(&line).unwrap();
                crate::schema::check_event(&event)
                    .unwrap_or_else(|error| panic!("{line} is not as documented: {error}"));
                self.raw.push(line);
                self.events.push(event.clone());
                Some(event)
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Waits for its end; its stdin is closed with it.
    pub(crate) fn wait(mut self) -> Ended {
        let deadline = Instant::now() + SOON;
        if self.lines.is_some() {
            while self.next_before(deadline).is_some() {}
        }
        // Its stderr ends when it does.
        let left = deadline.saturating_duration_since(Instant::now());
        let stderr = self.stderr.recv_timeout(left);
        let stderr = stderr.unwrap_or_else(|_| panic!("it does not end; it said {:#?}", self.raw));
        let status = self.child.wait().unwrap();
        Ended {
            status: status.code().unwrap_or(-1),
            events: std::mem::take(&mut self.events),
            raw: std::mem::take(&mut self.raw),
            stderr,
        }
    }

    /// Closes its input and waits for its end.
    pub(crate) fn close(mut self) -> Ended {
        self.stdin = None;
        self.wait()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    pub(crate) fn of(&self, name: &str) -> Vec<&Value> {
        self.events
            .iter()
            .filter(|event| event["event"] == name)
            .collect()
    }

    /// The last line, of which there is one.
    pub(crate) fn stopped(&self) -> &Value {
        assert_eq!(self.of("stopped").len(), 1, "{:#?}", self.raw);
        let last = self.events.last().unwrap();
        assert_eq!(last["event"], "stopped", "{:#?}", self.raw);
        last
    }

    /// What the program itself said about its failure, besides the log.
    pub(crate) fn complaint(&self) -> &str {
        let last = self.stderr.lines().last().unwrap_or_default();
        last.strip_prefix("facilitator-client: ")
            .unwrap_or_default()
    }
}

/// A job's uuid.
pub(crate) fn uuid(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

pub(crate) fn status_line(uuid: &str, status: &str) -> String {
    format!(
        r#"{{"command":"job_status","id":"{uuid}/{status}","uuid":"{uuid}","status":"{status}"}}"#
    )
}
