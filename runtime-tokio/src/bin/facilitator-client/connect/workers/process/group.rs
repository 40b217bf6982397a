//! A process in a group of its own: started, asked to end, ended, with all that it has started itself.

use std::fmt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::guardian::Guardian;
use crate::{config, service};

/// A running command. Dropping it ends the whole group at once.
#[derive(Debug)]
pub(super) struct Group {
    child: Child,
    /// The group has the number of its first process. The system gives no number away again while it is the number of
    /// a group that has a member.
    id: Option<Pid>,
    guardian: Guardian,
}

/// Its three streams.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// How a process ended, or why there was none.
#[derive(Clone, Debug)]
pub(super) struct Exit {
    pub(super) is_success: bool,
    /// As "exit status: 1" or "signal: 9 (SIGKILL)".
    text: String,
}

impl Exit {
    pub(super) fn failed(why: impl fmt::Display) -> Self {
        Self {
            is_success: false,
            text: why.to_string(),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

/// Variables that mean this process and not those that it starts: what its service manager says, and what configures it,
/// secrets among them.
pub(super) fn not_for_others() -> impl Iterator<Item = String> {
    let manager = service::VARIABLES.into_iter().map(str::to_owned);
    manager.chain(config::variables())
}

impl Group {
    /// Has the shell run a command.
    pub(super) fn start(
        command: &str,
        environment: &[(&str, &str)],
        guardian: &Guardian,
    ) -> std::io::Result<(Self, Streams)> {
        let mut shell = Command::new("/bin/sh");
        for variable in not_for_others() {
            shell.env_remove(variable);
        }
        let mut child = shell
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
        if let Some(id) = id {
            guardian.watch(id);
        }
        let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // From here on its end is seen to.
        let group = Self {
            child,
            id,
            guardian: guardian.clone(),
        };
        let (Some(stdin), Some(stdout), Some(stderr)) = streams else {
            return Err(std::io::Error::other("a stream of the process is missing"));
        };
        let streams = Streams {
            stdin,
            stdout,
            stderr,
        };
        Ok((group, streams))
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

    /// Waits for the end of the first process, and ends the rest; how it ended. Can be dropped and called again.
    pub(super) async fn wait(&mut self) -> Exit {
        let ended = self.child.wait().await;
        self.end();
        match ended {
            Ok(status) => Exit {
                is_success: status.success(),
                text: status.to_string(),
            },
            Err(error) => Exit::failed(format_args!("its end is not known: {error}")),
        }
    }

    fn end(&mut self) {
        self.kill();
        if let Some(id) = self.id.take() {
            self.guardian.forget(id);
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
        self.end();
    }
}
