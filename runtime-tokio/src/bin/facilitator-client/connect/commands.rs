//! What a line of the input says. Nothing is sent here.
//!
//! Values stay as they were written until they are read as what they should be: the `id` goes back as it came, and
//! metadata and specs keep their numbers and the order of their keys.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use facilitator_tokio::core::client::SendError;
use facilitator_tokio::core::message::{
    DecodeError, DecodeMode, HordeFailureReason, JobFailureReason, JobFailureStage, JobParticipant,
    JobRejectionReason, JobStatus, JobStatusMetadata, Json, JsonMap, UnknownName,
    V0JobStatusUpdate,
};
use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What a line may be, in words.
pub(super) const ACCEPTED: &str =
    r#"a JSON object on one line, as {"command":"job_status","uuid":"..","status":"accepted"}"#;

/// A job that may run longer than a year was hardly meant.
const LONGEST: Duration = Duration::from_hours(24 * 366);

/// Names are repeated in errors up to this many characters.
const SHOWN: usize = 64;

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
    let fields = Fields {
        job: Some(job.to_owned()),
        ..Fields::default()
    };
    read(line, fields)
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

/// The keys of all commands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Command,
    Id,
    Uuid,
    Status,
    Metadata,
    Reason,
    Message,
    MinerHotkey,
    BatchId,
    Specs,
    TimeLeft,
    Protocol,
    Worker,
    Jobs,
}

impl Key {
    const ALL: [Self; 14] = [
        Self::Command,
        Self::Id,
        Self::Uuid,
        Self::Status,
        Self::Metadata,
        Self::Reason,
        Self::Message,
        Self::MinerHotkey,
        Self::BatchId,
        Self::Specs,
        Self::TimeLeft,
        Self::Protocol,
        Self::Worker,
        Self::Jobs,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Id => "id",
            Self::Uuid => "uuid",
            Self::Status => "status",
            Self::Metadata => "metadata",
            Self::Reason => "reason",
            Self::Message => "message",
            Self::MinerHotkey => "miner_hotkey",
            Self::BatchId => "batch_id",
            Self::Specs => "specs",
            Self::TimeLeft => "time_left_s",
            Self::Protocol => "protocol",
            Self::Worker => "worker",
            Self::Jobs => "jobs",
        }
    }
}

/// The values of a line, as they were written.
#[derive(Default)]
struct Fields<'a> {
    values: [Option<&'a RawValue>; Key::ALL.len()],
    /// The first key that no command has.
    stranger: Option<String>,
    /// The first key that stood there twice.
    repeated: Option<Key>,
    /// The job that is meant where none is named.
    job: Option<String>,
}

impl<'a> Fields<'a> {
    fn get(&self, key: Key) -> Option<&'a RawValue> {
        let position = Key::ALL.iter().position(|known| *known == key)?;
        self.values.get(position).copied().flatten()
    }

    /// The id for the answers, each of which has to stay one line that everybody can read.
    fn id(&self) -> Result<Option<Box<RawValue>>, String> {
        let is_plain = self.repeated != Some(Key::Id);
        let Some(id) = self.get(Key::Id).filter(|_| is_plain) else {
            return Ok(None);
        };
        if let Err(error) = serde_json::from_str::<serde_json::Value>(id.get()) {
            let what = without_place(&error);
            return Err(format!(
                "`id` could not be read back: {what}; accepted is any other JSON"
            ));
        }
        // Inside of a string a carriage return is escaped: this one is white space.
        let text = id.get().replace('\r', " ");
        RawValue::from_string(text)
            .map(Some)
            .map_err(|error| error.to_string())
    }

    /// Takes the line apart. What was found before a fault stays.
    fn read(&mut self, line: &'a str) -> Result<(), Wrong> {
        if !line.trim_ascii_start().starts_with('{') {
            let what = format!("the line is no JSON object; accepted is {ACCEPTED}");
            return Err(what.into());
        }
        let mut deserializer = serde_json::Deserializer::from_str(line);
        self.deserialize(&mut deserializer)
            .and_then(|()| deserializer.end())
            .map_err(|error| {
                let (what, column) = (without_place(&error), error.column());
                format!("the line is no JSON: {what} (column {column}); accepted is {ACCEPTED}")
                    .into()
            })
    }

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

    fn text(&self, key: Key) -> Result<String, Wrong> {
        let name = key.as_str();
        let wrong = |what| Wrong::in_field(name, what);
        let raw = self
            .get(key)
            .ok_or_else(|| wrong(format!("`{name}` is missing; a string is needed")))?;
        if !raw.get().starts_with('"') {
            let found = kind_of(raw);
            return Err(wrong(format!("`{name}` must be a string, found {found}")));
        }
        serde_json::from_str(raw.get()).map_err(|_| {
            wrong(format!(
                "`{name}` holds half a surrogate pair; accepted is Unicode text"
            ))
        })
    }

    fn seconds(&self, key: Key) -> Result<Duration, Wrong> {
        let name = key.as_str();
        let wrong = |what| Wrong::in_field(name, what);
        let raw = self.get(key).ok_or_else(|| {
            wrong(format!(
                "`{name}` is missing; a number of seconds is needed"
            ))
        })?;
        serde_json::from_str(raw.get())
            .ok()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|time| !time.is_zero() && *time <= LONGEST)
            .ok_or_else(|| {
                let (found, longest) = (shorten(raw.get()), LONGEST.as_secs());
                wrong(format!(
                    "`{name}` must be a number of seconds above 0, up to {longest}, found {found}"
                ))
            })
    }

    fn number(&self, key: Key) -> Result<u64, Wrong> {
        let name = key.as_str();
        let wrong = |what| Wrong::in_field(name, what);
        let raw = self
            .get(key)
            .ok_or_else(|| wrong(format!("`{name}` is missing; a whole number is needed")))?;
        serde_json::from_str(raw.get()).map_err(|_| {
            let found = shorten(raw.get());
            wrong(format!(
                "`{name}` must be a whole number from 0, found {found}"
            ))
        })
    }

    fn object(&self, key: Key) -> Result<JsonMap, Wrong> {
        let name = key.as_str();
        let wrong = |what| Wrong::in_field(name, what);
        let raw = self
            .get(key)
            .ok_or_else(|| wrong(format!("`{name}` is missing; an object is needed")))?;
        Json::parse(raw.get())
            .map_err(|error| wrong(format!("`{name}`: {error}")))?
            .to_map()
            .ok_or_else(|| {
                let found = kind_of(raw);
                wrong(format!("`{name}` must be an object, found {found}"))
            })
    }
}

impl<'de> DeserializeSeed<'de> for &mut Fields<'de> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Fields<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value::<&RawValue>()?;
            let slot = Key::ALL
                .into_iter()
                .zip(&mut self.values)
                .find(|(key, _)| key.as_str() == name);
            match slot {
                Some((_, slot @ None)) => *slot = Some(value),
                Some((key, Some(_))) => self.repeated = self.repeated.or(Some(key)),
                None => {
                    self.stranger.get_or_insert_with(|| shorten(&name));
                }
            }
        }
        Ok(())
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

fn name_of<T: FromStr<Err = UnknownName>>(name: &str) -> Result<T, String> {
    name.parse()
        .map_err(|error: UnknownName| error.to_string().trim_end().to_owned())
}

/// Reads metadata as strictly as the facilitator does, and more: a name that it would take for `unknown` is a mistake
/// when it was written here.
fn metadata_of(text: &str) -> Result<JobStatusMetadata, Wrong> {
    let metadata = JobStatusMetadata::decode(text, DecodeMode::Strict)
        .map_err(|error| Wrong::in_field(place_of(&error), format!("`metadata`: {error}")))?
        .message;
    let has_names = metadata.job_rejection_details.is_some()
        || metadata.job_failure_details.is_some()
        || metadata.horde_failure_details.is_some();
    if has_names {
        check_names(text)?;
    }
    Ok(metadata)
}

/// The first wrong place in the metadata.
fn place_of(error: &DecodeError) -> String {
    let mut place = String::from("metadata");
    for segment in error.issues().iter().take(1).flat_map(|issue| &issue.loc) {
        place.push('.');
        place.push_str(&segment.to_string());
    }
    place
}

/// That every name in the details is one.
fn check_names(metadata: &str) -> Result<(), Wrong> {
    let found = Json::parse(metadata).ok().and_then(|json| json.to_map());
    let name_in = |details: &str, field: &str| {
        let details = found.as_ref()?.get(details)?.to_map()?;
        details.get(field)?.to_text()
    };
    let check = |details: &str, field: &str, verdict: fn(&str) -> Result<(), String>| {
        let name = name_in(details, field);
        name.map_or(Ok(()), |name| verdict(&name)).map_err(|error| {
            Wrong::in_field(
                format!("metadata.{details}.{field}"),
                format!("`metadata`: {details}.{field}: {error}"),
            )
        })
    };
    check(
        "job_rejection_details",
        "rejected_by",
        is_name::<JobParticipant>,
    )?;
    check(
        "job_rejection_details",
        "reason",
        is_name::<JobRejectionReason>,
    )?;
    check("job_failure_details", "reason", is_name::<JobFailureReason>)?;
    check("job_failure_details", "stage", is_name::<JobFailureStage>)?;
    check(
        "horde_failure_details",
        "reported_by",
        is_name::<JobParticipant>,
    )?;
    check(
        "horde_failure_details",
        "reason",
        is_name::<HordeFailureReason>,
    )?;
    Ok(())
}

fn is_name<T: FromStr<Err = UnknownName>>(name: &str) -> Result<(), String> {
    name_of::<T>(name).map(drop)
}

/// The type of a JSON value, by how it begins.
fn kind_of(raw: &RawValue) -> &'static str {
    match raw.get().bytes().next() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a truth value",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The error without its line and column: what is read is always one line.
fn without_place(error: &serde_json::Error) -> String {
    let (text, place) = (
        error.to_string(),
        format!(" at line 1 column {}", error.column()),
    );
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => text.split_at(end).0.to_owned() + "..",
        None => text.to_owned(),
    }
}
