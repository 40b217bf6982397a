//! Who ends the process groups when this program cannot: a shell that is told of each, and acts when the pipe from us
//! ends, as it does when we are killed. It is a group of its own, so that what a terminal sends does not reach it.

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Pid;
use tracing::warn;

const SCRIPT: &str = include_str!("guardian.sh");
/// What it is called where processes are listed.
const NAME: &str = "facilitator-guardian";

/// The guardian, shared by all who start processes. It ends when nobody has it any more.
#[derive(Clone, Debug)]
pub(in crate::connect::workers) struct Guardian(Arc<Mutex<Option<Pipe>>>);

#[derive(Debug)]
struct Pipe {
    lines: ChildStdin,
    /// Nobody waits for its end: with ours, it ends by itself.
    _shell: Child,
}

impl Guardian {
    /// Starts one that gives groups this time from SIGTERM to SIGKILL. Without one, processes are run all the same.
    pub(in crate::connect::workers) fn start(grace: Duration) -> Self {
        let pipe = spawn(grace);
        let pipe = pipe.inspect_err(|error| {
            warn!(%error, "no guardian could be started: should this program be killed, its processes go on");
        });
        Self(Arc::new(Mutex::new(pipe.ok())))
    }

    /// A group was started.
    pub(super) fn watch(&self, group: Pid) {
        self.tell('+', group);
    }

    /// A group has ended.
    pub(super) fn forget(&self, group: Pid) {
        self.tell('-', group);
    }

    fn tell(&self, sign: char, group: Pid) {
        // A pipe is never half-done.
        let mut pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("{sign} {}\n", group.as_raw_nonzero());
        if let Some(told) = pipe
            .as_mut()
            .map(|pipe| pipe.lines.write_all(line.as_bytes()))
            && let Err(error) = told
        {
            warn!(%error, "the guardian does not listen any more: should this program be killed, its processes go on");
            *pipe = None;
        }
    }
}

fn spawn(grace: Duration) -> io::Result<Pipe> {
    let seconds = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
    let mut shell = Command::new("/bin/sh");
    for variable in super::group::not_for_others() {
        shell.env_remove(variable);
    }
    let mut shell = shell
        .args(["-c", SCRIPT, NAME, &seconds.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    let lines = shell.stdin.take();
    let lines = lines.ok_or_else(|| io::Error::other("its stdin is missing"))?;
    // Should it hang, nobody shall wait for it.
    rustix::io::ioctl_fionbio(&lines, true)?;
    Ok(Pipe {
        lines,
        _shell: shell,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A process in a group of its own, which a polite request does not end.
    fn stubborn() -> (Child, Pid) {
        let mut shell = Command::new("/bin/sh");
        let shell = shell
            .args(["-c", "trap '' TERM; echo; while :; do sleep 1; done"])
            .stdout(Stdio::piped())
            .process_group(0);
        let mut child = shell.spawn().unwrap();
        // It says when it is ready.
        let mut stdout = child.stdout.take().unwrap();
        io::Read::read_exact(&mut stdout, &mut [0]).unwrap();
        let id = i32::try_from(child.id()).unwrap();
        (child, Pid::from_raw(id).unwrap())
    }

    #[test]
    fn what_is_left_when_we_are_gone_is_ended_and_what_had_ended_is_left_alone() {
        let guardian = Guardian::start(Duration::from_millis(1));
        let [(mut left, first), (mut ended, second)] = [stubborn(), stubborn()];
        // The one that is forgotten would be ended before the other.
        guardian.watch(second);
        guardian.watch(first);
        guardian.forget(second);
        let other = guardian.clone();
        drop(guardian);
        assert!(left.try_wait().unwrap().is_none(), "somebody is here still");
        // The pipe ends, as it does with this process.
        let began = Instant::now();
        drop(other);
        while left.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < Duration::from_secs(30), "it goes on");
            std::thread::yield_now();
        }
        // Its number can be another's by now.
        assert!(ended.try_wait().unwrap().is_none());
        rustix::process::kill_process_group(second, rustix::process::Signal::KILL).unwrap();
        ended.wait().unwrap();
    }
}
