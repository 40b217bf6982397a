//! A process in a group of its own: started, asked to end, ended, with all that it has started itself.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use crate::service;

/// A running command. Dropping it ends the whole group at once.
#[derive(Debug)]
pub(super) struct Group {
    child: Child,
    /// The group has the number of its first process. The system gives no number away again while it is the number of
    /// a group that has a member.
    id: Option<Pid>,
}

/// Its three streams.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

impl Group {
    /// Has the shell run a command.
    pub(super) fn start(
        command: &str,
        environment: &[(&str, &str)],
    ) -> std::io::Result<(Self, Streams)> {
        let mut child = Command::new("/bin/sh");
        // A worker does not speak for this program to whoever has started it.
        for variable in service::VARIABLES {
            child.env_remove(variable);
        }
        let mut child = child
            .arg("-c")
            .arg(command)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let id = id.and_then(Pid::from_raw);
        let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = streams else {
            return Err(std::io::Error::other("a stream of the process is missing"));
        };
        let streams = Streams {
            stdin,
            stdout,
            stderr,
        };
        Ok((Self { child, id }, streams))
    }

    /// The number of its first process, while it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Asks all of it to end.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends all of it.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Waits for the end of the first process, and ends the rest; how it ended, in words. Can be dropped and called
    /// again.
    pub(super) async fn wait(&mut self) -> String {
        let ended = self.child.wait().await;
        self.kill();
        self.id = None;
        match ended {
            // As "exit status: 1" or "signal: 9 (SIGKILL)".
            Ok(status) => status.to_string(),
            Err(error) => format!("its end is not known: {error}"),
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id {
            // It is gone already: that is what was wanted.
            let _ = kill_process_group(id, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
