//! What a line of the input says. Nothing is sent here. How a line is taken apart is in `fields`, what metadata has to be
//! in `metadata`.
//!
//! Values stay as they were written until they are read as what they should be: the `id` goes back as it came, and
//! metadata and specs keep their numbers and the order of their keys.

mod fields;
mod metadata;

use std::str::FromStr as _;
use std::time::Duration;

use facilitator_tokio::core::client::SendError;
use facilitator_tokio::core::message::{JobRejectionReason, JobStatus, JsonMap, V0JobStatusUpdate};
use serde_json::value::RawValue;

use self::fields::{Fields, Key, shorten};
use self::metadata::{metadata_of, name_of};

/// What a line may be, in words.
pub(super) const ACCEPTED: &str =
    r#"a JSON object on one line, as {"command":"job_status","uuid":"..","status":"accepted"}"#;

/// A line that was read.
pub(super) struct Parsed {
    /// As it was written; also of most lines that hold no good command.
    pub(super) id: Option<Box<RawValue>>,
    /// The command, or what is wrong with it.
    pub(super) command: Result<Command, Wrong>,
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The key, with the keys that it stands in, as `metadata.job_failure_details.reason`; `None` when it is the whole
    /// line.
    pub(super) field: Option<String>,
    /// In words, with what is accepted.
    pub(super) what: String,
}

impl Wrong {
    pub(super) fn in_field(field: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            what: what.into(),
        }
    }

    /// What the session says of a command that it has not taken.
    pub(super) fn refused(error: &SendError, what: String) -> Self {
        let field = match error {
            SendError::InvalidUuid { .. } | SendError::JobEnded { .. } => Some("uuid"),
            SendError::InvalidBatchId { .. } => Some("batch_id"),
            SendError::UnreadableSpecs { .. } => Some("specs"),
            SendError::ReservedStatus { .. } => Some("status"),
            SendError::MissingMetadata { .. } => Some("metadata"),
            SendError::IncompleteStreamingDetails { .. } => Some("metadata.streaming_details"),
            _ => None,
        };
        Self {
            field: field.map(str::to_owned),
            what,
        }
    }
}

impl From<String> for Wrong {
    fn from(what: String) -> Self {
        Self { field: None, what }
    }
}

/// What can be asked for.
pub(super) enum Command {
    JobStatus(V0JobStatusUpdate),
    RejectJob {
        uuid: String,
        reason: JobRejectionReason,
        message: String,
    },
    MachineSpecs {
        miner_hotkey: String,
        batch_id: String,
        specs: JsonMap,
    },
    AdoptJob {
        uuid: String,
        time_left: Duration,
    },
    /// Which lines are spoken, and on a socket by whom.
    Hello {
        protocol: u64,
        worker: Option<String>,
        jobs: Option<u64>,
    },
    /// How many jobs a worker takes from now on.
    Capacity {
        jobs: u64,
    },
    Stop,
}

/// Reads one line.
pub(super) fn parse(line: &str) -> Parsed {
    read(line, Fields::default())
}

/// Reads one line of a worker that has only this job: it need not say that it speaks of its status, nor of which job.
pub(super) fn parse_of_job(line: &str, job: &str) -> Parsed {
    read(line, Fields::of_job(job))
}

fn read<'a>(line: &'a str, mut fields: Fields<'a>) -> Parsed {
    let read = fields.read(line);
    let (id, read) = match fields.id() {
        Ok(id) => (id, read),
        Err(error) => (None, read.and(Err(Wrong::in_field("id", error)))),
    };
    Parsed {
        id,
        command: read.and_then(|()| fields.command()),
    }
}

/// Which keys a command has, and what it makes of them.
impl Fields<'_> {
    fn command(&self) -> Result<Command, Wrong> {
        if let Some(key) = self.repeated {
            let key = key.as_str();
            return Err(Wrong::in_field(
                key,
                format!("`{key}` stands there twice; leave one"),
            ));
        }
        let name = match self.get(Key::Command) {
            Some(_) => self.text(Key::Command)?,
            None if self.job.is_some() => "job_status".to_owned(),
            None => {
                return Err(Wrong::in_field(
                    "command",
                    format!("`command` is missing; accepted are {COMMANDS}"),
                ));
            }
        };
        let keys: &[Key] = match name.as_str() {
            "job_status" => &[Key::Uuid, Key::Status, Key::Metadata],
            "reject_job" => &[Key::Uuid, Key::Reason, Key::Message],
            "machine_specs" => &[Key::MinerHotkey, Key::BatchId, Key::Specs],
            "adopt_job" => &[Key::Uuid, Key::TimeLeft],
            "hello" => &[Key::Protocol, Key::Worker, Key::Jobs],
            "capacity" => &[Key::Jobs],
            "stop" => &[],
            other => {
                let other = shorten(other);
                return Err(Wrong::in_field(
                    "command",
                    format!("`{other}` is no command; accepted are {COMMANDS}"),
                ));
            }
        };
        self.check_keys(&name, keys)?;
        match name.as_str() {
            "job_status" => self.job_status(),
            "hello" => self.hello(),
            "capacity" => Ok(Command::Capacity {
                jobs: self.number(Key::Jobs)?,
            }),
            "reject_job" => Ok(Command::RejectJob {
                uuid: self.uuid()?,
                reason: name_of(&self.text(Key::Reason)?)
                    .map_err(|error| Wrong::in_field("reason", error))?,
                message: self.text(Key::Message)?,
            }),
            "machine_specs" => Ok(Command::MachineSpecs {
                miner_hotkey: self.text(Key::MinerHotkey)?,
                batch_id: self.text(Key::BatchId)?,
                specs: self.object(Key::Specs)?,
            }),
            "adopt_job" => Ok(Command::AdoptJob {
                uuid: self.text(Key::Uuid)?,
                time_left: self.seconds(Key::TimeLeft)?,
            }),
            _ => Ok(Command::Stop),
        }
    }

    /// That no key but these is there: a misspelt one would be lost silently.
    fn check_keys(&self, name: &str, keys: &[Key]) -> Result<(), Wrong> {
        let is_accepted = |key: &Key| matches!(key, Key::Command | Key::Id) || keys.contains(key);
        let misplaced = Key::ALL
            .into_iter()
            .find(|key| self.get(*key).is_some() && !is_accepted(key))
            .map(Key::as_str);
        let Some(found) = self.stranger.as_deref().or(misplaced) else {
            return Ok(());
        };
        let accepted: Vec<String> = [Key::Command, Key::Id]
            .iter()
            .chain(keys)
            .map(|key| format!("`{}`", key.as_str()))
            .collect();
        let accepted = accepted.join(", ");
        Err(Wrong::in_field(
            found,
            format!("`{found}` is no key of {name}; accepted are {accepted}"),
        ))
    }

    fn hello(&self) -> Result<Command, Wrong> {
        let given = |key| self.get(key).is_some();
        let worker = given(Key::Worker).then(|| self.text(Key::Worker));
        let jobs = given(Key::Jobs).then(|| self.number(Key::Jobs));
        Ok(Command::Hello {
            protocol: self.number(Key::Protocol)?,
            worker: worker.transpose()?,
            jobs: jobs.transpose()?,
        })
    }

    /// The job that is spoken of.
    fn uuid(&self) -> Result<String, Wrong> {
        let job = self.job.as_ref();
        match job.filter(|_| self.get(Key::Uuid).is_none()) {
            Some(job) => Ok(job.clone()),
            None => self.text(Key::Uuid),
        }
    }

    fn job_status(&self) -> Result<Command, Wrong> {
        let uuid = self.uuid()?;
        let status = status_of(&self.text(Key::Status)?)
            .map_err(|error| Wrong::in_field("status", error))?;
        let mut update = V0JobStatusUpdate::new(uuid, status);
        if let Some(raw) = self.get(Key::Metadata).filter(|raw| raw.get() != "null") {
            update = update.with_metadata(metadata_of(raw.get())?);
        }
        Ok(Command::JobStatus(update))
    }
}

const COMMANDS: &str = "job_status, reject_job, machine_specs, adopt_job, hello, capacity and stop";

fn status_of(name: &str) -> Result<JobStatus, String> {
    JobStatus::from_str(name).map_err(|_| {
        let accepted: Vec<&str> = JobStatus::ALL
            .iter()
            .filter(|status| status.is_sendable())
            .map(|status| status.as_str())
            .collect();
        let (found, accepted) = (shorten(name), accepted.join(", "));
        format!("`{found}` is no job status; accepted are {accepted}")
    })
}
