//! The test program once more, as a process of its own, for scenarios about a whole process: the test starts itself, and
//! learns from its environment which of the two it is.

use std::env;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::process::{ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

const TOLD: &str = "CONFORMANCE_CHILD_TOLD";
/// What a child writes when it has come to where its parent waits.
const HERE: &str = "child: here";
/// Longer than any child takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the parent has told this process, when it is such a child.
pub(crate) fn told() -> Option<String> {
    env::var(TOLD).ok()
}

/// Tells the parent that it need not wait any longer.
pub(crate) fn say_here() {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "\n{HERE}")
        .and_then(|()| stdout.flush())
        .unwrap();
}

/// A child while it runs. It is killed when this is dropped.
pub(crate) struct Process {
    pid: Pid,
    stdout: BufReader<ChildStdout>,
    ended: Receiver<ExitStatus>,
}

impl Process {
    /// Runs this test, and nothing else, in a new process.
    pub(crate) fn start(test: &str, told: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(TOLD, told)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, ended) = channel();
        thread::spawn(move || {
            let _ = sender.send(child.wait().unwrap());
        });
        Self { pid, stdout, ended }
    }

    /// Waits until the child [says](say_here) that it has come that far.
    pub(crate) fn wait_until_here(&mut self) {
        let mut line = String::new();
        while line.trim_end() != HERE {
            line.clear();
            assert!(
                self.stdout.read_line(&mut line).unwrap() > 0,
                "the child has ended"
            );
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    /// Waits for the end of the child; fails when the child fails.
    pub(crate) fn finish(mut self) {
        let status = self.ended.recv_timeout(PATIENCE).unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert!(status.success(), "the child: {status}\n{rest}");
        assert!(rest.contains("1 passed"), "the child ran no test\n{rest}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended was waited for, so its number may be another's by now.
        if self
            .ended
            .try_recv()
            .is_err_and(|error| error == std::sync::mpsc::TryRecvError::Empty)
        {
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }
}
