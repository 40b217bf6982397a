//! What a session owes, as a value: taken out of one session, kept anywhere, put into another one. What is in it is
//! checked like any other input; nothing else decides here.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::event::{Subject, UpdateId};
use super::jobs::Record;
use super::{FacilitatorClient, Link, SendError, door};
use crate::Timestamp;
use crate::message::{
    DecodeError, DecodeMode, JobStatus, V0JobStatusUpdate, ValidatorMessage, parse_uuid,
};

/// What a session owes: the messages that it has not delivered, in order, and its jobs, the ended ones that it
/// remembers included.
///
/// It is taken with [`FacilitatorClient::snapshot`], and put into a session with [`FacilitatorClient::restore`]. In
/// between it can be kept in any format that serde knows. It holds no key, but all that the messages hold: what jobs have
/// printed, for instance. `Debug` shows numbers only.
// Other formats may have other fields: the version shall tell of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    version: u32,
    /// Whose it is.
    hotkey: String,
    /// When it was taken, as far as the wall clock was known.
    taken_unix_ms: Option<u64>,
    /// The ended ones first, oldest first.
    jobs: Vec<JobRecord>,
    /// Statuses in their order, then machine specs in theirs.
    pub(super) owed: Vec<OwedRecord>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JobRecord {
    uuid: String,
    /// Statuses that the facilitator has.
    delivered: Vec<String>,
    /// The terminal status, when the job has ended and nothing of it is owed.
    ended: Option<String>,
    /// Until the job must have ended.
    time_left_ms: u64,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OwedRecord {
    /// As it stands on the wire.
    pub(super) message: Arc<str>,
    transmissions: u32,
    automatic: bool,
}

impl Snapshot {
    /// The format that is written, and the only one that is read: the field `version`.
    pub const VERSION: u32 = 1;

    /// Messages that were not delivered.
    pub fn owed(&self) -> usize {
        self.owed.len()
    }

    /// Jobs that had not ended. That includes those whose terminal status is owed.
    pub fn open_jobs(&self) -> usize {
        let open = self.jobs.iter().filter(|job| job.ended.is_none());
        open.count()
    }

    /// Whether a session that gets this owes nothing, and waits for nothing.
    pub fn is_settled(&self) -> bool {
        self.owed.is_empty() && self.open_jobs() == 0
    }
}

impl fmt::Debug for Snapshot {
    /// Without the messages, which hold customers' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("hotkey", &self.hotkey)
            .field("owed", &self.owed.len())
            .field("jobs", &self.jobs.len())
            .finish_non_exhaustive()
    }
}

/// A message that is owed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Its number in this session; its receipt carries it.
    pub id: UpdateId,
    /// What it is about.
    pub subject: Subject,
}

/// A snapshot that was not put into a session. The session is as it was; keep the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The session runs.
    #[error("the session runs; call `restore` before `start`, nothing was restored")]
    Running,
    /// Something was restored before.
    #[error(
        "the session owes {owed} messages of another snapshot; start it to deliver them, nothing was restored"
    )]
    Occupied {
        /// How many messages.
        owed: usize,
    },
    /// Another version of this software has written it.
    #[error(
        "the snapshot has format {found}, readable is {}; nothing was restored",
        Snapshot::VERSION
    )]
    Version {
        /// Its format.
        found: u32,
    },
    /// It is another validator's.
    #[error(
        "the snapshot belongs to the validator {found:?}, not to this one; nothing was restored"
    )]
    Validator {
        /// Its hotkey, cut to a readable length.
        found: String,
    },
    /// A job in it is damaged.
    #[error(
        "job {index} of the snapshot has no valid uuid or status, or two ends; nothing was restored"
    )]
    Job {
        /// Its place, from 0.
        index: usize,
    },
    /// A message in it is damaged.
    #[error("message {index} of the snapshot cannot be read ({error}); nothing was restored")]
    Unreadable {
        /// Its place, from 0.
        index: usize,
        /// Why.
        error: DecodeError,
    },
    /// A message in it is none that is ever owed.
    #[error(
        "message {index} of the snapshot is neither a status nor machine specs; nothing was restored"
    )]
    Foreign {
        /// Its place, from 0.
        index: usize,
    },
    /// A message in it is not accepted: it is damaged, or this session sends none of its size.
    #[error("message {index} of the snapshot is not accepted ({error}); nothing was restored")]
    Message {
        /// Its place, from 0.
        index: usize,
        /// Why.
        error: SendError,
    },
    /// There is no room for all of it.
    #[error("the snapshot does not fit ({0}); configure more room, nothing was restored")]
    NoRoom(SendError),
}

/// Across a restart.
impl FacilitatorClient {
    /// What is owed, and every job that is known, as a value. Nothing changes.
    ///
    /// Taken while the session runs, it can hold what is delivered a moment later: then the facilitator is told twice and
    /// applies it once. After the end of a session it holds what was handed back, until the next start
    /// or [`restore`](Self::restore).
    ///
    /// ```
    /// # use facilitator_core::client::{Config, Endpoint, FacilitatorClient, SendError};
    /// # use facilitator_core::message::{JobStatus, V0JobStatusUpdate};
    /// # use facilitator_core::signature::{Keypair, Scheme};
    /// # use facilitator_core::Timestamp;
    /// # let keypair = Keypair::from_seed(Scheme::Ed25519, [7; 32])?;
    /// # let config = Config::new(Endpoint::public());
    /// # let now = Timestamp::ZERO;
    /// # let mut client = FacilitatorClient::new(config.clone(), &keypair, 42)?;
    /// # client.start(now)?;
    /// # let uuid = "f4b1c4b2-5d3f-4a39-9c75-0a0c0de61d4b";
    /// client.send_job_status(now, V0JobStatusUpdate::new(uuid, JobStatus::Accepted))?;
    /// client.abort(now)?;
    /// let kept = serde_json::to_string(&client.snapshot(now))?;
    ///
    /// // Later, in another process.
    /// let mut client = FacilitatorClient::new(config, &keypair, 43)?;
    /// client.restore(now, &serde_json::from_str(&kept)?)?;
    /// assert_eq!(client.owed(), 1);
    /// client.start(now)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn snapshot(&self, now: Timestamp) -> Snapshot {
        let now = self.now.max(now);
        let job = |job: Record| JobRecord {
            uuid: job.uuid.to_string(),
            delivered: job
                .delivered
                .iter()
                .map(|status| status.to_string())
                .collect(),
            ended: job.ended.map(|status| status.to_string()),
            time_left_ms: milliseconds(job.deadline.saturating_duration_since(now)),
        };
        // A job with something in the outbox is known.
        let uuid = |job| self.jobs.uuid(job).unwrap_or_default();
        let owed = self.outbox.all(uuid).chain(self.left.iter().cloned());
        let owed = owed.map(|owed| OwedRecord {
            message: owed.text,
            transmissions: owed.transmissions,
            automatic: owed.automatic,
        });
        Snapshot {
            version: Snapshot::VERSION,
            hotkey: self.hotkey.to_string(),
            taken_unix_ms: self.unix_at(now).map(milliseconds),
            jobs: self.jobs.records().map(job).collect(),
            owed: owed.collect(),
        }
    }

    /// Puts in what another session owed, or this one before its end: its messages will be sent, oldest first, and its
    /// jobs go on. Jobs that this session knows already stay as they are.
    ///
    /// A session takes its own snapshot back until it is started again; an older one may hold what has ended since, which
    /// is an error then.
    ///
    /// The time that a job has left goes on meanwhile, if both sessions know the wall clock.
    ///
    /// Returns the messages that are owed again, in their order. They have numbers of this session.
    ///
    /// # Errors
    ///
    /// [`RestoreError`]; nothing was put in then.
    pub fn restore(
        &mut self,
        now: Timestamp,
        snapshot: &Snapshot,
    ) -> Result<Vec<Restored>, RestoreError> {
        if !matches!(self.link, Link::Down) {
            return Err(RestoreError::Running);
        }
        if !self.outbox.is_empty() {
            return Err(RestoreError::Occupied {
                owed: self.outbox.len(),
            });
        }
        // All or nothing: what fails half-way leaves a copy behind.
        let mut restored = self.clone();
        restored.advance(now);
        let messages = restored.put_in(snapshot)?;
        *self = restored;
        Ok(messages)
    }

    fn put_in(&mut self, snapshot: &Snapshot) -> Result<Vec<Restored>, RestoreError> {
        if snapshot.version != Snapshot::VERSION {
            return Err(RestoreError::Version {
                found: snapshot.version,
            });
        }
        if *snapshot.hotkey != *self.hotkey {
            return Err(RestoreError::Validator {
                found: door::shorten(&snapshot.hotkey),
            });
        }
        let taken = snapshot.taken_unix_ms.map(Duration::from_millis);
        let elapsed = match (taken, self.unix_at(self.now)) {
            (Some(taken), Some(now)) => now.saturating_sub(taken),
            _ => Duration::ZERO,
        };
        for (index, job) in snapshot.jobs.iter().enumerate() {
            let left = Duration::from_millis(job.time_left_ms).saturating_sub(elapsed);
            let deadline = self.now + left;
            let record = read_job(job, deadline).ok_or(RestoreError::Job { index })?;
            if let Some(open) = self.jobs.restore(record, self.now, self.config.ended_jobs) {
                self.watchdog.watch(open, deadline);
            }
        }
        // They come in anew.
        self.left.clear();
        // Terminal statuses are taken beyond the bound, here as everywhere; what came before them must not be refused
        // since it comes after them now. So bytes are counted at the end.
        let capacity = core::mem::replace(&mut self.config.outbox_bytes, usize::MAX);
        let messages = snapshot.owed.iter().enumerate();
        let messages = messages.map(|(index, owed)| self.put_in_message(index, owed));
        let messages = messages.collect::<Result<_, _>>()?;
        self.config.outbox_bytes = capacity;
        let owed = self.outbox.bounded_bytes();
        if owed > capacity {
            return Err(RestoreError::NoRoom(SendError::FullBytes {
                owed,
                capacity,
            }));
        }
        // Not by `open_jobs`, which is about new ones: jobs whose terminal status was handed back are beyond it.
        self.check_room(0).map_err(RestoreError::NoRoom)?;
        Ok(messages)
    }

    fn put_in_message(
        &mut self,
        index: usize,
        owed: &OwedRecord,
    ) -> Result<Restored, RestoreError> {
        let message = ValidatorMessage::decode(&owed.message, DecodeMode::Strict)
            .map_err(|error| RestoreError::Unreadable { index, error })?;
        let before = self.outbox.len();
        let accepted = match message.message {
            ValidatorMessage::JobStatus(update) => self.put_in_status(&update, owed.automatic),
            ValidatorMessage::MachineSpecs(specs) => self.queue_specs(&specs),
            _ => return Err(RestoreError::Foreign { index }),
        };
        let (id, subject) = accepted.map_err(|error| match error {
            error if error.is_full() => RestoreError::NoRoom(error),
            error => RestoreError::Message { index, error },
        })?;
        if self.outbox.len() > before {
            self.outbox.set_transmissions(&subject, owed.transmissions);
        }
        Ok(Restored { id, subject })
    }

    fn put_in_status(
        &mut self,
        update: &V0JobStatusUpdate,
        automatic: bool,
    ) -> Result<(UpdateId, Subject), SendError> {
        let uuid = door::job_uuid(&update.uuid)?;
        let id = self.submit_status(update, automatic, self.config.adopted_job_limit)?;
        let status = update.status;
        Ok((id, Subject::JobStatus { uuid, status }))
    }
}

/// A job as it was written; `None` when it is damaged.
fn read_job(job: &JobRecord, deadline: Timestamp) -> Option<Record> {
    let status = |name: &String| name.parse::<JobStatus>().ok();
    let ended = match &job.ended {
        Some(name) => Some(status(name).filter(|status| status.is_terminal())?),
        None => None,
    };
    let delivered = job.delivered.iter().map(|name| {
        // A job whose terminal status is delivered has ended with it: open, it could never end again.
        status(name).filter(|status| !status.is_terminal() || ended == Some(*status))
    });
    Some(Record {
        uuid: parse_uuid(&job.uuid)?,
        deadline,
        delivered: delivered.collect::<Option<_>>()?,
        ended,
    })
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
