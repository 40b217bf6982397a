//! What is sent: the statuses of jobs, several jobs at once, the same for every rival; and the models of it that a
//! program has which writes its own client. Nothing is sent here.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Jobs that run at the same time: their statuses come in turns.
const AT_ONCE: usize = 8;

/// Updates of a job, from the first status to the last.
pub(crate) const UPDATES_OF_A_JOB: u64 = Status::LIFE.len() as u64;

/// What the process of a job has written when it has ended.
pub(crate) const OUTPUT: &str = "epoch 1, loss 0.25\nepoch 2, loss 0.125\ndone\n";

/// The statuses of a job that ends well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Received,
    Accepted,
    ExecutorReady,
    VolumesReady,
    ExecutionDone,
    Completed,
}

impl Status {
    const LIFE: [Self; 6] = [
        Self::Received,
        Self::Accepted,
        Self::ExecutorReady,
        Self::VolumesReady,
        Self::ExecutionDone,
        Self::Completed,
    ];

    /// The beginning of its name, and the length of its message.
    fn shape(self) -> (u64, usize) {
        let shape = SHAPES.get(self as usize);
        shape.copied().unwrap_or_default()
    }
}

/// Jobs to be reported on. Their uuids are there before any clock runs: it is the facilitator who makes them.
#[derive(Debug)]
pub(crate) struct Work {
    uuids: Vec<String>,
}

impl Work {
    /// So many jobs, of all that there will ever be from this one on.
    pub(crate) fn new(first: u64, jobs: u64) -> Self {
        Self {
            uuids: (first..first + jobs).map(uuid).collect(),
        }
    }

    /// How many updates there are.
    pub(crate) fn len(&self) -> usize {
        self.uuids.len() * Status::LIFE.len()
    }

    /// Each update: its job and its status.
    pub(crate) fn updates(&self) -> impl Iterator<Item = (&str, Status)> {
        self.uuids.chunks(AT_ONCE).flat_map(|jobs| {
            let of_all = move |status| jobs.iter().map(move |job| (job.as_str(), status));
            Status::LIFE.into_iter().flat_map(of_all)
        })
    }
}

/// The uuid of a job: random to look at, and the same for every rival. `tests/python/incumbent.py` does the same.
fn uuid(job: u64) -> String {
    let word = |n: u64| {
        let state = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    };
    let (high, low) = (word(2 * job + 1), word(2 * job + 2));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFF,
        low >> 52,
        low & 0xFFFF_FFFF_FFFF
    )
}

/// A status update as a program models it that has its own client: what serde makes of it is what ours sends.
#[derive(Debug, Serialize)]
pub(crate) struct StatusUpdate {
    message_type: &'static str,
    pub(crate) uuid: String,
    pub(crate) status: Status,
    metadata: Option<Metadata>,
}

#[derive(Debug, Default, Serialize)]
struct Metadata {
    miner_response: Option<MinerResponse>,
    job_rejection_details: Option<serde_json::Value>,
    job_failure_details: Option<serde_json::Value>,
    horde_failure_details: Option<serde_json::Value>,
    streaming_details: Option<serde_json::Value>,
}

#[derive(Debug, Default, Serialize)]
struct MinerResponse {
    docker_process_stderr: String,
    docker_process_stdout: String,
    artifacts: Option<serde_json::Value>,
    upload_results: Option<serde_json::Value>,
}

impl StatusUpdate {
    pub(crate) fn new(uuid: &str, status: Status) -> Self {
        let metadata = (status == Status::Completed).then(|| Metadata {
            miner_response: Some(MinerResponse {
                docker_process_stdout: OUTPUT.into(),
                ..MinerResponse::default()
            }),
            ..Metadata::default()
        });
        Self {
            message_type: "V0JobStatusUpdate",
            uuid: uuid.into(),
            status,
            metadata,
        }
    }

    /// The message.
    pub(crate) fn encode(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// An answer, likewise.
#[derive(Debug, Deserialize)]
pub(crate) struct Response {
    status: Verdict,
    #[serde(default)]
    errors: Vec<ResponseError>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Success,
    Error,
}

#[derive(Debug, Deserialize)]
struct ResponseError {
    #[serde(rename = "type")]
    kind: String,
}

impl Response {
    /// Reads an answer, which has to be a success.
    pub(crate) fn success(text: &str) -> super::Result<()> {
        let response: Self = serde_json::from_str(text)?;
        if response.status == Verdict::Success {
            return Ok(());
        }
        let kinds: Vec<&str> = response.errors.iter().map(|e| e.kind.as_str()).collect();
        Err(format!("the server refused an update: {}", kinds.join(", ")).into())
    }
}

/// What has been sent, as far as a server can tell that looks at a few bytes of each message: how many updates, how long,
/// and of which jobs and statuses in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) updates: u64,
    pub(crate) bytes: u64,
    pub(crate) digest: u64,
}

/// Where the job's uuid and the status are in every message.
pub(crate) const UUID_AT: usize = r#"{"message_type":"V0JobStatusUpdate","uuid":""#.len();
pub(crate) const STATUS_AT: usize = UUID_AT + 36 + r#"","status":""#.len();

impl Tally {
    /// One more update, by the first eight bytes of its uuid and of its status.
    pub(crate) fn count(&mut self, uuid: u64, status: u64, bytes: usize) {
        self.updates += 1;
        self.bytes += bytes as u64;
        let both = uuid ^ status.rotate_left(32);
        self.digest = (self.digest ^ both)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(29);
    }

    /// All of these.
    pub(crate) fn add(&mut self, work: &Work) {
        for (uuid, status) in work.updates() {
            let (name, bytes) = status.shape();
            self.count(first_eight(uuid), name, bytes);
        }
    }
}

/// Of each status: the beginning of its name, and the length of its message.
static SHAPES: LazyLock<[(u64, usize); Status::LIFE.len()]> = LazyLock::new(|| {
    Status::LIFE.map(|status| {
        let text = StatusUpdate::new(&uuid(0), status).encode();
        let text = text.unwrap_or_default();
        let name = text.get(STATUS_AT..).unwrap_or_default();
        (first_eight(name), text.len())
    })
});

fn first_eight(text: &str) -> u64 {
    let first = text.as_bytes().first_chunk();
    u64::from_ne_bytes(first.copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::client::update_of_ours;
    use super::*;
    use std::collections::BTreeSet;

    /// Byte by byte: else the rivals would not do the same.
    #[test]
    fn everybody_sends_the_same_json() {
        for (uuid, status) in Work::new(5, 1).updates() {
            let theirs = StatusUpdate::new(uuid, status).encode().unwrap();
            assert_eq!(theirs, update_of_ours(uuid, status).encode());
            assert_eq!(&theirs[UUID_AT..UUID_AT + 36], uuid);
            assert!(theirs[STATUS_AT..].len() > 8 && status_name(status).len() >= 8);
            assert!(theirs[STATUS_AT..].starts_with(&status_name(status)));
        }
    }

    fn status_name(status: Status) -> String {
        let json = serde_json::to_string(&status).unwrap();
        json.trim_matches('"').to_owned()
    }

    #[test]
    fn jobs_are_all_different_and_go_through_their_statuses_in_order() {
        let work = Work::new(0, 1000);
        let jobs: BTreeSet<&str> = work.updates().map(|(job, _)| job).collect();
        assert_eq!((jobs.len(), work.updates().count()), (1000, work.len()));
        for job in jobs.iter().take(20) {
            let of_job = work.updates().filter(|(other, _)| other == job);
            let statuses: Vec<Status> = of_job.map(|(_, status)| status).collect();
            assert_eq!(statuses, Status::LIFE);
        }
    }

    #[test]
    fn what_is_missing_doubled_or_out_of_order_is_told() {
        let tally = |work: &[(&str, Status)]| {
            let mut tally = Tally::default();
            for (uuid, status) in work {
                let (name, bytes) = status.shape();
                tally.count(first_eight(uuid), name, bytes);
            }
            tally
        };
        let work = Work::new(0, 16);
        let all: Vec<_> = work.updates().collect();
        let mut whole = Tally::default();
        whole.add(&work);
        assert_eq!(tally(&all), whole);
        let mut doubled = all.clone();
        doubled[7] = doubled[6];
        let mut swapped = all.clone();
        swapped.swap(3, 4);
        for wrong in [&doubled, &swapped] {
            assert_ne!(tally(wrong).digest, whole.digest);
        }
        assert_ne!(tally(&all[1..]), whole);
    }
}
