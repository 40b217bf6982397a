//! The lines that only workers bring about, on stdout and on sockets: what each looks like.

use std::borrow::Cow;

use serde_json::value::RawValue;

use facilitator_tokio::core::message::{JobStatus, V2JobRequest};

/// One line. Those of sessions are in `events`.
#[derive(serde::Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Telling<'a> {
    /// A process works on a job.
    WorkerStarted { uuid: &'a str, pid: u32 },
    /// The process of a job is gone; `status` is the terminal one that it gave, if it gave one.
    WorkerEnded {
        uuid: &'a str,
        exit: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<&'static str>,
    },
    /// A worker has connected; `resumed` jobs are its own from before.
    WorkerJoined {
        worker: &'a str,
        jobs: usize,
        resumed: usize,
    },
    /// A worker is gone; its `jobs` wait for its return.
    WorkerLeft {
        worker: &'a str,
        jobs: usize,
        reason: &'a str,
    },
    /// A worker has got a job, or has adopted one.
    JobAssigned { uuid: &'a str, worker: &'a str },
    /// The program has ended a job in place of its worker.
    JobEnded {
        uuid: &'a str,
        status: &'static str,
        reason: &'a str,
    },
    /// To a worker: the answer to its `hello`.
    Welcome {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RawValue>,
        worker: &'a str,
        jobs: u64,
        /// Its jobs from before; their requests follow.
        resumed: Vec<Cow<'a, str>>,
    },
    /// To a worker: the answer to its `capacity`.
    Capacity {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RawValue>,
        jobs: u64,
    },
    /// To a worker: one of its jobs from before, and the statuses that were accepted of it.
    #[serde(rename = "job_request")]
    JobResumed {
        uuid: &'a str,
        request: &'a V2JobRequest,
        resumed: bool,
        statuses: Vec<&'static str>,
    },
    /// To a worker: one of its jobs from before that it had adopted, and the statuses that were accepted of it.
    #[serde(rename = "job_adopted")]
    AdoptedResumed {
        uuid: &'a str,
        resumed: bool,
        statuses: Vec<&'static str>,
    },
    /// To a worker: the last line before its connection is cut.
    Error { error: &'a str },
    /// To a worker: no more jobs come, and those that it has should end.
    Stopping {},
}

impl<'a> Telling<'a> {
    /// A job that has ended as `horde_failed`.
    pub(super) const fn ended(uuid: &'a str, reason: &'a str) -> Self {
        Self::JobEnded {
            uuid,
            status: JobStatus::HordeFailed.as_str(),
            reason,
        }
    }
}
