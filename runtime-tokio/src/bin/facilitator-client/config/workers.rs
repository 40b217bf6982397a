//! What can be set about workers, with its defaults. A value without behaviour.

use std::path::PathBuf;
use std::time::Duration;

/// Who works on jobs, and within which bounds.
#[derive(Clone, Debug)]
pub(crate) struct Workers {
    /// A shell command that works on one job, in a process of its own.
    pub(crate) command: Option<String>,
    /// Where workers connect.
    pub(crate) socket: Option<PathBuf>,
    /// A shell command that is told of each cheat report.
    pub(crate) on_cheated: Option<String>,
    /// Jobs that may be held at once, those that wait for a worker included.
    pub(crate) max_jobs: usize,
    /// Processes at once; 0 for as many as `max_jobs`.
    pub(crate) parallel: usize,
    /// How long a job may wait for a worker.
    pub(crate) queue_time: Duration,
    /// What a job may take besides the limits of its request: finding a machine, starting an executor.
    pub(crate) margin: Duration,
    /// What a stage may take besides its limit.
    pub(crate) leeway: Duration,
    /// From the request to end, SIGTERM, to the end by force.
    pub(crate) grace: Duration,
    /// How long running jobs may go on once the program is asked to stop.
    pub(crate) stop_time: Duration,
    /// How long the jobs of a worker that went away wait for its return.
    pub(crate) absence: Duration,
    /// How long a worker may take nothing of what it is sent.
    pub(crate) stall: Duration,
}

impl Default for Workers {
    fn default() -> Self {
        Self {
            command: None,
            socket: None,
            on_cheated: None,
            max_jobs: 16,
            parallel: 0,
            queue_time: Duration::from_mins(1),
            margin: Duration::from_mins(5),
            leeway: Duration::from_secs(10),
            grace: Duration::from_secs(10),
            stop_time: Duration::from_secs(30),
            absence: Duration::from_secs(30),
            stall: Duration::from_secs(30),
        }
    }
}

impl Workers {
    /// Whether anybody but the reader of stdout works on jobs.
    pub(crate) const fn is_used(&self) -> bool {
        self.command.is_some() || self.socket.is_some()
    }
}
