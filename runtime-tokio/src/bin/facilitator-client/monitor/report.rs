//! The state of a session as JSON, for programs and for other machines' eyes: written at `/status.json`, and read back by
//! the commands `status` and `watch`. Fields may be added; what is there keeps its meaning.

use facilitator_tokio::core::client::JobOverview;
use facilitator_tokio::core::message::JobStatus;
use serde::{Deserialize, Serialize};

use super::Shared;
use super::clock::{Moment, millis};
use super::telling::Weight;

/// Jobs that are named; of the others, their number.
const JOBS: usize = 1000;

/// A session at one moment. Ages and times left are in milliseconds.
#[derive(Serialize, Deserialize)]
pub(crate) struct Report {
    /// The program's.
    pub(crate) version: String,
    pub(crate) facilitator: String,
    pub(crate) hotkey: String,
    pub(crate) phase: String,
    /// Messages flow, and no stop was asked for.
    pub(crate) is_ready: bool,
    /// A stop was asked for: running jobs have some time left, then the session drains.
    #[serde(default)]
    pub(crate) is_stopping: bool,
    pub(crate) health: String,
    pub(crate) reason: Option<String>,
    pub(crate) retry_in_ms: Option<u64>,
    pub(crate) phase_for_ms: Option<u64>,
    pub(crate) running_for_ms: u64,
    pub(crate) queues: Vec<Queue>,
    pub(crate) counts: Counts,
    /// The oldest first.
    pub(crate) jobs: Vec<Job>,
    pub(crate) jobs_left_out: usize,
    /// The newest first, as the events.
    pub(crate) connections: Vec<Connection>,
    pub(crate) events: Vec<Entry>,
}

/// Something that fills up.
#[derive(Serialize, Deserialize)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) length: usize,
    pub(crate) bound: usize,
}

/// Since the start of the program.
#[derive(Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) statuses_delivered: u64,
    pub(crate) statuses_resent: u64,
    pub(crate) statuses_refused: u64,
    pub(crate) set_aside: u64,
    pub(crate) jobs_received: u64,
    pub(crate) jobs_overdue: u64,
    pub(crate) connections_lost: u64,
    pub(crate) heartbeats_sent: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) uuid: String,
    pub(crate) age_ms: u64,
    pub(crate) left_ms: u64,
    /// Statuses that the facilitator has.
    pub(crate) delivered: Vec<String>,
    /// Statuses on their way.
    pub(crate) underway: Vec<String>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Connection {
    pub(crate) number: u64,
    pub(crate) began_unix_ms: u64,
    pub(crate) is_open: bool,
    pub(crate) was_ready: bool,
    pub(crate) lasted_ms: u64,
    pub(crate) reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) unix_ms: u64,
    /// good, plain, odd or bad
    pub(crate) weight: String,
    pub(crate) text: String,
    pub(crate) times: u64,
}

/// The report as it is served.
pub(super) fn text(shared: &Shared) -> String {
    // Texts and numbers always can be written.
    serde_json::to_string(&report(shared)).unwrap_or_default() + "\n"
}

fn report(shared: &Shared) -> Report {
    let overview = shared.overview();
    let chronicle = shared.chronicle();
    let (about, stats) = (&shared.about, &overview.stats);
    let now = millis(overview.now.as_duration());
    let since = |at: u64| now.saturating_sub(at);
    let queue = |name: &str, length, bound| Queue {
        name: name.to_owned(),
        length,
        bound,
    };
    let mut jobs: Vec<&JobOverview> = overview.jobs.iter().collect();
    jobs.sort_unstable_by_key(|job| (job.taken_up, job.uuid));
    let connections = chronicle.connections().map(|connection| {
        let Moment { elapsed, unix } = connection.began;
        Connection {
            number: connection.number,
            began_unix_ms: unix,
            is_open: connection.ended.is_none(),
            was_ready: connection.ready.is_some(),
            lasted_ms: connection.ended.unwrap_or(now).saturating_sub(elapsed),
            reason: connection.reason.clone(),
        }
    });
    let events = chronicle.entries().map(|entry| Entry {
        unix_ms: entry.at.unix,
        weight: weight(entry.weight).to_owned(),
        text: entry.text.clone(),
        times: entry.times,
    });
    Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        facilitator: format!("{}:{}", about.host, about.port),
        hotkey: about.hotkey.clone(),
        phase: overview.phase.to_string(),
        is_ready: shared.is_ready(&overview),
        is_stopping: shared.is_stopping(),
        health: overview.health.to_string(),
        reason: overview.reason.as_ref().map(ToString::to_string),
        retry_in_ms: overview.retry_in().map(millis),
        phase_for_ms: chronicle.phase_since(overview.phase).map(since),
        running_for_ms: millis(stats.uptime),
        queues: vec![
            queue("statuses owed", stats.outbox_length, about.outbox_entries),
            queue("sent, unanswered", stats.in_flight, about.window),
            queue("specs owed", stats.specs_length, about.specs_entries),
            queue("open jobs", stats.open_jobs, about.open_jobs),
            queue("bytes owed", stats.outbox_bytes, about.outbox_bytes),
        ],
        counts: Counts {
            statuses_delivered: stats.statuses_acknowledged + stats.statuses_already_known,
            statuses_resent: stats.statuses_resent,
            statuses_refused: stats.statuses_refused,
            set_aside: stats.statuses_set_aside + stats.specs_set_aside,
            jobs_received: stats.jobs_received,
            jobs_overdue: stats.jobs_overdue,
            connections_lost: stats.connections_lost,
            heartbeats_sent: stats.heartbeats_sent,
        },
        jobs_left_out: jobs.len().saturating_sub(JOBS),
        jobs: jobs.into_iter().take(JOBS).map(|it| job(it, now)).collect(),
        connections: connections.collect(),
        events: events.collect(),
    }
}

fn job(job: &JobOverview, now: u64) -> Job {
    let names = |list: &[JobStatus]| list.iter().map(ToString::to_string).collect();
    Job {
        uuid: job.uuid.to_string(),
        age_ms: now.saturating_sub(millis(job.taken_up.as_duration())),
        left_ms: millis(job.deadline.as_duration()).saturating_sub(now),
        delivered: names(&job.delivered),
        underway: names(&job.underway),
    }
}

const fn weight(weight: Weight) -> &'static str {
    match weight {
        Weight::Good => "good",
        Weight::Plain => "plain",
        Weight::Odd => "odd",
        Weight::Bad => "bad",
    }
}
