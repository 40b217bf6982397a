//! A child process whose output is read line by line. Every wait has an end, and so has the process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child as Process, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A process that runs. It is killed when dropped.
#[derive(Debug)]
pub struct Child {
    process: Process,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
    seen: Vec<String>,
}

/// What a process that has ended left.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// Every line of its stdout.
    pub lines: Vec<String>,
    /// Its stderr.
    pub stderr: String,
}

impl Child {
    /// Starts it.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(command: &mut Command) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let stdin = process.stdin.take();
        let stdout = process.stdout.take();
        let stderr = process.stderr.take();
        let (sender, lines) = channel();
        thread::spawn(move || {
            let lines = stdout
                .into_iter()
                .flat_map(|out| BufReader::new(out).lines());
            for line in lines.map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let stderr = thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stderr) = stderr {
                let _ = stderr.read_to_end(&mut bytes);
            }
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Self {
            process,
            stdin,
            lines,
            stderr: Some(stderr),
            seen: Vec::new(),
        }
    }

    /// The next line of its stdout; `None` at the end.
    ///
    /// # Panics
    /// When none comes for a minute.
    pub fn line(&mut self) -> Option<&str> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.seen.push(line);
                self.seen.last().map(String::as_str)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!(
                    "nothing was printed for {PATIENCE:?}; before: {:#?}",
                    self.seen
                )
            }
        }
    }

    /// Writes to its stdin.
    ///
    /// # Panics
    /// When it does not read, or [`close_stdin`](Self::close_stdin) was called.
    pub fn write(&mut self, bytes: &[u8]) {
        let written = self.stdin.as_mut().map(|stdin| stdin.write_all(bytes));
        assert!(
            matches!(written, Some(Ok(()))),
            "it does not read: {written:?}"
        );
    }

    /// Ends its stdin.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Sends a signal by its name.
    ///
    /// # Panics
    /// When there is no `kill`, or the process is gone.
    pub fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.process.id());
        let status = Command::new("sh").args(["-c", &command]).status();
        assert!(
            status.as_ref().is_ok_and(ExitStatus::success),
            "{command}: {status:?}"
        );
    }

    /// Ends its stdin, and waits until it has ended.
    ///
    /// # Panics
    /// When it does not.
    pub fn end(mut self) -> Ended {
        self.close_stdin();
        while self.line().is_some() {}
        let stderr = self.stderr.take().map(JoinHandle::join);
        let Some(Ok(stderr)) = stderr else {
            panic!("its stderr cannot be read")
        };
        let status = self
            .process
            .wait()
            .unwrap_or_else(|error| panic!("it cannot be waited for: {error}"));
        Ended {
            status,
            lines: core::mem::take(&mut self.seen),
            stderr,
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
