//! What the facilitator remembers of jobs, machine specs and validators: its database. Who may write what, and what is
//! answered, is decided elsewhere.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use uuid::Uuid;

use crate::message::{
    JobStatus, JobStatusMetadata, V0JobCheated, V0MachineSpecsUpdate, V2JobRequest,
};
use crate::signature::AccountId;
use crate::{ConnectionId, Timestamp};

/// One stored status of a job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredStatus {
    /// The status. A value that the reference does not know is stored as `unknown`.
    pub status: JobStatus,
    /// What came with it.
    pub metadata: Option<JobStatusMetadata>,
    /// When it was stored.
    pub at: Timestamp,
    /// The connection that it came on; `None` for the facilitator's own `sent`.
    pub conn: Option<ConnectionId>,
}

/// A job and all that is known of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobRecord {
    pub(super) key: Uuid,
    pub(super) request: Arc<V2JobRequest>,
    pub(super) uuid: Arc<str>,
    pub(super) target: Option<AccountId>,
    pub(super) validator: Option<AccountId>,
    pub(super) statuses: Vec<StoredStatus>,
    pub(super) repetitions: u64,
    pub(super) updates: u64,
    pub(super) deliveries: u64,
    /// To be sent as soon as there is somebody to send it to.
    pub(super) waits: bool,
    pub(super) cheat_report: Option<Arc<V0JobCheated>>,
    pub(super) cheat_report_waits: bool,
}

impl JobRecord {
    pub(super) fn new(
        now: Timestamp,
        key: Uuid,
        request: V2JobRequest,
        target: Option<AccountId>,
    ) -> Self {
        Self {
            key,
            uuid: Arc::from(request.uuid.as_str()),
            request: Arc::new(request),
            target,
            validator: None,
            statuses: Vec::from([StoredStatus {
                status: JobStatus::Sent,
                metadata: None,
                at: now,
                conn: None,
            }]),
            repetitions: 0,
            updates: 0,
            deliveries: 0,
            waits: false,
            cheat_report: None,
            cheat_report_waits: false,
        }
    }

    /// The job's uuid, as its request spells it.
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// The request as it was pushed.
    pub fn request(&self) -> &V2JobRequest {
        &self.request
    }

    /// The validator that it was given to; `None` while none was found.
    pub fn validator(&self) -> Option<AccountId> {
        self.validator
    }

    /// Every stored status in order of arrival, the facilitator's own `sent` first.
    pub fn statuses(&self) -> &[StoredStatus] {
        &self.statuses
    }

    /// The newest stored status. The reference takes it for the job's state, so an update that comes late reopens a
    /// finished job.
    pub fn current_status(&self) -> JobStatus {
        self.statuses
            .last()
            .map_or(JobStatus::Sent, |newest| newest.status)
    }

    /// How many updates were refused because their status was stored before.
    pub fn repetitions(&self) -> u64 {
        self.repetitions
    }

    /// How many updates arrived for this job, whatever became of them.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// How many times the request was handed to a connection.
    pub fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// The newest cheat report about this job.
    pub fn cheat_report(&self) -> Option<&V0JobCheated> {
        self.cheat_report.as_deref()
    }

    /// Whether the validator reported nothing about it yet.
    pub fn is_unanswered(&self) -> bool {
        self.statuses.iter().all(|stored| stored.conn.is_none())
    }

    pub(super) fn has(&self, status: JobStatus) -> bool {
        self.statuses.iter().any(|stored| stored.status == status)
    }
}

/// All jobs, by number in the order of their pushing and by uuid.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Jobs {
    records: BTreeMap<u64, JobRecord>,
    numbers: BTreeMap<Uuid, u64>,
    next: u64,
}

impl Jobs {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &JobRecord> {
        self.records.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut JobRecord> {
        self.records.values_mut()
    }

    pub(super) fn contains(&self, uuid: &Uuid) -> bool {
        self.numbers.contains_key(uuid)
    }

    pub(super) fn get(&self, uuid: &Uuid) -> Option<&JobRecord> {
        self.records.get(self.numbers.get(uuid)?)
    }

    pub(super) fn get_mut(&mut self, uuid: &Uuid) -> Option<&mut JobRecord> {
        self.records.get_mut(self.numbers.get(uuid)?)
    }

    pub(super) fn insert(&mut self, record: JobRecord) {
        let number = self.next;
        self.next += 1;
        if let Some(old) = self.numbers.insert(record.key, number) {
            self.records.remove(&old);
        }
        self.records.insert(number, record);
    }

    pub(super) fn remove(&mut self, uuid: &Uuid) -> Option<JobRecord> {
        self.records.remove(&self.numbers.remove(uuid)?)
    }
}

/// Machine specs as they arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredSpecs {
    /// The message.
    pub update: V0MachineSpecsUpdate,
    /// When it was stored.
    pub at: Timestamp,
    /// The connection that it came on.
    pub conn: ConnectionId,
}

/// The newest machine specs, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct SpecsLog {
    entries: VecDeque<StoredSpecs>,
}

impl SpecsLog {
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &StoredSpecs> + ExactSizeIterator {
        self.entries.iter()
    }

    pub(super) fn push(&mut self, specs: StoredSpecs, limit: usize) {
        while self.entries.len() >= limit.max(1) {
            self.entries.pop_front();
        }
        self.entries.push_back(specs);
    }
}

/// What is remembered of a validator that authenticated.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ValidatorRecord {
    /// The newest `X-Validator-Version` that it sent.
    pub version: Option<String>,
    /// The newest `X-Validator-Runner-Version` that it sent.
    pub runner_version: Option<String>,
    /// How many times it authenticated.
    pub authentications: u64,
    /// How many heartbeats it sent.
    pub heartbeats: u64,
    /// When the newest heartbeat came.
    pub last_heartbeat: Option<Timestamp>,
    /// When it was last given a job, counted in jobs: the one with the smallest number is the next to get one.
    pub(super) last_job: u64,
}

/// Counters since the start, or since a restart without memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Connections that were opened.
    pub connections: u64,
    /// Authentications that succeeded.
    pub authentications: u64,
    /// Authentications that were refused with an answer.
    pub authentications_refused: u64,
    /// Heartbeats of authenticated connections.
    pub heartbeats: u64,
    /// Status updates that were stored and answered with success.
    pub statuses_stored: u64,
    /// Status updates that were stored before, and so refused with `job.integrity_error`.
    pub statuses_repeated: u64,
    /// Status updates for a job that is not on record.
    pub statuses_unknown_job: u64,
    /// Machine specs that were stored.
    pub machine_specs: u64,
    /// Frames that were no message of a validator.
    pub malformed: u64,
    /// Messages that came before authentication.
    pub not_authenticated: u64,
    /// Crashes of the handler.
    pub crashes: u64,
    /// Job requests handed to connections.
    pub jobs_sent: u64,
    /// Cheat reports handed to connections.
    pub cheat_reports_sent: u64,
    /// `Response`s sent.
    pub responses: u64,
    /// Inputs for connections that are over or never were.
    pub stray_inputs: u64,
}
