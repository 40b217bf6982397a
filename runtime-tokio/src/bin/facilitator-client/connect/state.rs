//! What is owed across a planned restart: a file that a stop writes and the next start takes up. What a snapshot holds
//! is the session's affair; here are the file, its owner, the ids of the commands, and which worker on the socket goes on
//! with which job.
//!
//! A start takes the file away, as `FILE.taken`, before anything is sent: used twice, it would bring back jobs that have
//! ended since. So after a crash there is none, and what the session knew is lost, as without such a file.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use facilitator_tokio::core::client::{Config, Snapshot};
use facilitator_tokio::core::message::{DecodeMode, JobStatus, V2JobRequest, parse_uuid};
use facilitator_tokio::{FacilitatorClient, PendingReceipt};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::{info, warn};
use uuid::Uuid;

use super::journal::Left;
use crate::failure::Failure;

/// The format that is written, and the only one that is read.
const VERSION: u32 = 1;
/// How long the end of the program waits for the disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the file holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    version: u32,
    /// What only we know of the messages of the snapshot, in their order; nothing when it was not known in time.
    messages: Vec<Message>,
    /// What workers on the socket go on with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    jobs: Vec<JobRecord>,
    snapshot: Snapshot,
}

/// What only we know of a message.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    /// That of its command.
    id: Option<Box<RawValue>>,
    automatic: bool,
}

/// A [`WorkersJob`] as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JobRecord {
    worker: String,
    statuses: Vec<String>,
    /// Of a job without its request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uuid: Option<String>,
    /// A job that its worker has adopted came without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<Box<RawValue>>,
}

/// What every version of the file has.
#[derive(Deserialize)]
struct Version {
    version: u32,
    snapshot: Option<SnapshotVersion>,
}

/// What every version of a snapshot has.
#[derive(Deserialize)]
struct SnapshotVersion {
    version: u32,
}

/// The file of this process: no other one has it at the same time.
pub(crate) struct StateFile {
    path: PathBuf,
    /// Held until the end of the process.
    _lock: File,
}

/// A message that is owed again.
pub(super) struct Taken {
    pub(super) receipt: PendingReceipt,
    pub(super) id: Option<Box<RawValue>>,
}

/// A job that a worker on the socket goes on with while this program is started anew.
#[derive(Clone, Debug)]
pub(super) struct WorkersJob {
    pub(super) id: Uuid,
    pub(super) worker: String,
    /// The statuses that were accepted, in their order.
    pub(super) given: Vec<JobStatus>,
    /// None of one that the worker has adopted.
    pub(super) request: Option<Arc<V2JobRequest>>,
}

/// All that the last stop has left.
#[derive(Default)]
pub(super) struct TakenUp {
    /// The messages, oldest first.
    pub(super) messages: Vec<Taken>,
    /// The jobs that are open still.
    pub(super) jobs: Vec<WorkersJob>,
}

impl JobRecord {
    fn of(job: &WorkersJob) -> serde_json::Result<Self> {
        let request = job.request.as_deref();
        let request = request.map(serde_json::value::to_raw_value).transpose()?;
        Ok(Self {
            worker: job.worker.clone(),
            statuses: job.given.iter().map(ToString::to_string).collect(),
            uuid: request.is_none().then(|| job.id.to_string()),
            request,
        })
    }

    fn read(self) -> Result<WorkersJob, String> {
        let request = self.request.map(|text| {
            let request = V2JobRequest::decode(text.get(), DecodeMode::Lenient);
            request.map_err(|error| format!("a job in it cannot be read: {error}"))
        });
        let request = request.transpose()?.map(|request| request.message);
        let uuid = request.as_ref().map(|request| &request.uuid);
        let id = uuid
            .or(self.uuid.as_ref())
            .and_then(|uuid| parse_uuid(uuid));
        let given = self.statuses.iter().map(|name| JobStatus::from_str(name));
        let given = given.collect::<Result<_, _>>();
        Ok(WorkersJob {
            id: id.ok_or("a job in it is damaged: it has no uuid")?,
            worker: self.worker,
            given: given.map_err(|error| format!("a job in it is damaged: {error}"))?,
            request: request.map(Arc::new),
        })
    }
}

impl StateFile {
    /// Makes sure that nobody else uses the file, and that one could be written.
    pub(super) fn open(path: PathBuf) -> Result<Self, String> {
        let lock = beside(&path, ".lock");
        let shown = lock.display();
        let file = private()
            .create(true)
            .truncate(false)
            .open(&lock)
            .map_err(|error| format!("{shown} beside it cannot be made: {error}; name a file in a folder that can be written"))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => format!(
                "{} is in use by another process; stop that one first, or name another file",
                path.display()
            ),
            TryLockError::Error(error) => format!("{shown} cannot be locked: {error}"),
        })?;
        Ok(Self { path, _lock: file })
    }

    /// Takes up what the last stop has left: its messages are owed again. Nothing happens when there is no file.
    pub(super) fn take_up(
        &self,
        client: &FacilitatorClient,
        config: &Config,
    ) -> Result<TakenUp, Failure> {
        let taken = beside(&self.path, ".taken");
        let Some(state) = self
            .read(longest(config))
            .map_err(|error| self.unusable(&error))?
        else {
            if taken.exists() {
                warn!(
                    "there is no state file, but {}: the last session did not end properly, and what it owed is lost",
                    taken.display()
                );
            }
            return Ok(TakenUp::default());
        };
        let jobs = state.jobs.into_iter().map(JobRecord::read);
        let jobs = jobs.collect::<Result<Vec<_>, _>>();
        let mut jobs = jobs.map_err(|error| self.unusable(&error))?;
        let restored = client
            .restore(&state.snapshot)
            .map_err(|error| self.unusable(&error.to_string()))?;
        fs::rename(&self.path, &taken).map_err(|error| {
            Failure::failed(format!(
                "the state file {} cannot be renamed: {error}",
                self.path.display()
            ))
        })?;
        let (owed, open_jobs) = (state.snapshot.owed(), state.snapshot.open_jobs());
        info!(owed, open_jobs, "took up what the last session has left");
        let known = state
            .messages
            .into_iter()
            .map(Some)
            .chain(std::iter::repeat_with(|| None));
        let messages = restored
            .into_iter()
            .zip(known)
            .filter_map(|((_, receipt), known)| {
                let known = known.unwrap_or_default();
                // Nobody waits for the receipt of what the session had sent by itself.
                (!known.automatic).then_some(Taken {
                    receipt,
                    id: known.id,
                })
            });
        let open = still_open(client);
        jobs.retain(|job| open.contains(&job.id));
        Ok(TakenUp {
            messages: messages.collect(),
            jobs,
        })
    }

    /// Keeps what the session has left, once with what the journal knows and once, earlier, without; and what workers on
    /// the socket go on with.
    pub(super) async fn keep(
        &self,
        client: &FacilitatorClient,
        left: Option<&Left>,
        jobs: &[WorkersJob],
    ) -> Result<(), String> {
        let message = |owed: &facilitator_tokio::core::client::Owed, left: &Left| Message {
            id: left.ids.get(&owed.id).cloned(),
            automatic: owed.automatic,
        };
        let messages = left.map(|left| left.owed.iter().map(|owed| message(owed, left)).collect());
        let jobs = jobs.iter().map(JobRecord::of);
        let jobs = jobs.collect::<Result<Vec<_>, _>>();
        let jobs = jobs.map_err(|error| self.unwritable(&error))?;
        let state = State {
            version: VERSION,
            messages: messages.unwrap_or_default(),
            jobs,
            snapshot: client.snapshot(),
        };
        let path = self.path.clone();
        let written = timeout(PATIENCE, spawn_blocking(move || write(&path, &state))).await;
        let what = match written {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the disk did not take it within {} s", PATIENCE.as_secs()),
        };
        Err(self.unwritable(&what))
    }

    fn unwritable(&self, what: &dyn fmt::Display) -> String {
        format!(
            "the state file {} cannot be written: {what}",
            self.path.display()
        )
    }

    fn read(&self, longest: u64) -> Result<Option<State>, String> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot be read: {error}")),
        };
        // What is no regular file can have no end.
        if !file.metadata().is_ok_and(|found| found.is_file()) {
            return Err("is no regular file".to_owned());
        }
        let mut text = String::new();
        let read = Read::by_ref(&mut file)
            .take(longest + 1)
            .read_to_string(&mut text);
        let read = read.map_err(|error| format!("cannot be read: {error}"))?;
        if read as u64 > longest {
            return Err(format!(
                "is longer than {longest} bytes; configure more room (`limits.outbox_bytes`)"
            ));
        }
        // The formats come first: what another one has need not be readable here.
        let Version { version, snapshot } = serde_json::from_str(&text).map_err(damaged)?;
        let of_snapshot = snapshot.map_or(Snapshot::VERSION, |snapshot| snapshot.version);
        for (what, found, readable) in [
            ("", version, VERSION),
            ("a snapshot of ", of_snapshot, Snapshot::VERSION),
        ] {
            if found != readable {
                return Err(another(
                    &format!("has {what}format {found}, readable is {readable}"),
                    found > readable,
                ));
            }
        }
        serde_json::from_str(&text).map(Some).map_err(damaged)
    }

    fn unusable(&self, what: &str) -> Failure {
        Failure::usage(format!(
            "the state file {}: {what}; it was left as it is: mend it, or move it away to start without what it holds",
            self.path.display()
        ))
    }
}

/// What is wrong with a file that does not parse. The errors of the parser name types, keys and places, and no values.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn damaged(error: serde_json::Error) -> String {
    let what = error.to_string();
    // serde's own words, for which it has no kind: a key too many is no damage, but what a newer version has to say.
    if error.is_data() && what.starts_with("unknown field") {
        another(
            &format!("holds what this version does not know ({what})"),
            true,
        )
    } else {
        format!("is damaged: {what}")
    }
}

/// What is wrong with a file that another version of this program has written.
fn another(what: &str, is_newer: bool) -> String {
    let age = if is_newer { "a newer" } else { "an older" };
    let own = env!("CARGO_PKG_VERSION");
    format!(
        "{what}: {age} version of this program has written it, this is {own}; start that version to deliver what it holds"
    )
}

/// The file is there whole, or as it was before.
fn write(path: &Path, state: &State) -> io::Result<()> {
    let new = beside(path, ".new");
    // One that was left behind can be anybody's.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = BufWriter::new(private().create_new(true).open(&new)?);
    serde_json::to_writer(&mut file, state)?;
    file.write_all(b"\n")?;
    file.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_all()?;
    fs::rename(&new, path)?;
    if let Some(folder) = path.parent() {
        // The name, too; where a folder cannot be opened, it comes with time.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    match fs::remove_file(beside(path, ".taken")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The jobs without a terminal status, as the session knows them.
pub(super) fn still_open(client: &FacilitatorClient) -> BTreeSet<Uuid> {
    let jobs = client.overview().jobs.into_iter();
    jobs.filter(|job| !job.underway.iter().any(|status| status.is_terminal()))
        .map(|job| job.uuid)
        .collect()
}

/// More than a session with this configuration can leave: every byte of a message escaped, and all jobs, each with its
/// request.
fn longest(config: &Config) -> u64 {
    let jobs = config.open_jobs.saturating_add(config.ended_jobs);
    let entries = config
        .outbox_entries
        .saturating_add(config.specs_entries)
        .saturating_add(jobs);
    let messages = config
        .outbox_bytes
        .saturating_add(config.message_bytes)
        .saturating_mul(6);
    let requests = config
        .open_jobs
        .saturating_mul(config.inbound_message_bytes);
    let bytes = messages.saturating_add(requests);
    u64::try_from(bytes.saturating_add(entries.saturating_mul(1024)))
        .map_or(u64::MAX - 1, |bytes| bytes + 4096)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// Files that only their owner can read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
