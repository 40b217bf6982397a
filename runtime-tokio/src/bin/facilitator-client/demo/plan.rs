//! What a demonstration is made of: which jobs are pushed, and at which statuses the connection is cut. All of it
//! follows from the seed; nothing here runs anything.

use std::collections::BTreeMap;

use facilitator_tokio::core::message::{ExecutorClass, Integer, JobStatus, V2JobRequest};
use fastrand::Rng;
use uuid::Builder;

/// The statuses of a job, as positions: the last one stands for whichever terminal status it comes to.
pub(super) const STATUSES: [&str; 6] = [
    "received",
    "accepted",
    "executor_ready",
    "volumes_ready",
    "execution_done",
    "the terminal status",
];
/// The second of three statuses that are submitted in one go: a cut here is in the middle of a burst.
const IN_BURST: usize = 2;
/// Seconds that a job's process may take.
const TIME_LIMIT: u32 = 20;

/// Where the connection is cut: when, of all jobs, the `nth` arrival of the status at this position is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    /// From 1.
    pub(super) nth: usize,
    pub(super) position: usize,
}

/// Everything that the seed decides.
pub(super) struct Plan {
    pub(super) jobs: Vec<V2JobRequest>,
    /// Sorted, all different: each will come exactly once.
    pub(super) cuts: Vec<Moment>,
}

impl Plan {
    /// `jobs` jobs, and `cuts` moments, or as many as there are statuses.
    pub(super) fn new(seed: u64, jobs: usize, cuts: usize) -> Self {
        let mut random = Rng::with_seed(seed);
        Self {
            jobs: (1..=jobs).map(|number| job(number, &mut random)).collect(),
            cuts: moments(jobs, cuts, &mut random),
        }
    }
}

/// A moment out of each of `cuts` equal parts of the whole course, one of them inside a burst.
fn moments(jobs: usize, cuts: usize, random: &mut Rng) -> Vec<Moment> {
    let statuses = jobs * STATUSES.len();
    let cuts = cuts.min(statuses);
    let moment = |index: usize| Moment {
        nth: index / STATUSES.len() + 1,
        position: index % STATUSES.len(),
    };
    let mut moments: Vec<Moment> = (0..cuts)
        .map(|part| moment(random.usize(part * statuses / cuts..(part + 1) * statuses / cuts)))
        .collect();
    if !moments.iter().any(|moment| moment.position == IN_BURST) {
        let chosen = random.usize(..moments.len().max(1));
        if let Some(moment) = moments.get_mut(chosen) {
            moment.position = IN_BURST;
        }
    }
    moments.sort_unstable();
    moments
}

/// Which arrivals were seen so far, and which are still to be cut.
pub(super) struct Schedule {
    left: Vec<Moment>,
    seen: BTreeMap<usize, usize>,
}

impl Schedule {
    pub(super) fn new(cuts: &[Moment]) -> Self {
        Self {
            left: cuts.to_vec(),
            seen: BTreeMap::new(),
        }
    }

    /// A status was stored. The moment, if this is one.
    pub(super) fn stored(&mut self, status: JobStatus) -> Option<Moment> {
        let position = position_of(status)?;
        let nth = self.seen.entry(position).or_default();
        *nth += 1;
        let moment = Moment {
            nth: *nth,
            position,
        };
        let place = self.left.iter().position(|planned| *planned == moment)?;
        Some(self.left.remove(place))
    }
}

fn position_of(status: JobStatus) -> Option<usize> {
    if status.is_terminal() {
        return Some(STATUSES.len() - 1);
    }
    STATUSES.iter().position(|name| *name == status.as_str())
}

/// A job whose process says something, and sometimes fails.
fn job(number: usize, random: &mut Rng) -> V2JobRequest {
    let uuid = Builder::from_random_bytes(random.u128(..).to_be_bytes()).into_uuid();
    let mut request = V2JobRequest::new(
        uuid.to_string(),
        ExecutorClass::AlwaysOnTest,
        "local-process",
    );
    // The first few show each kind once, whatever the seed is.
    let kind = if number <= KINDS.len() {
        number - 1
    } else {
        random.usize(..KINDS.len())
    };
    request.args = KINDS
        .get(kind)
        .map(|script| shell(script))
        .unwrap_or_default();
    request.env.insert("JOB", number.to_string());
    request
        .env
        .insert("COUNT", random.usize(3..200).to_string());
    request.use_gpu = false;
    request.download_time_limit = Integer::from(5_u32);
    request.execution_time_limit = Integer::from(TIME_LIMIT);
    request.upload_time_limit = Integer::from(5_u32);
    request
}

#[cfg(not(windows))]
fn shell(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(String::from).to_vec()
}

/// Scripts that every POSIX shell runs by itself.
#[cfg(not(windows))]
const KINDS: [&str; 5] = [
    r#"echo "hello from job $JOB""#,
    r#"n=0; sum=0; while [ $n -lt $COUNT ]; do n=$((n + 1)); sum=$((sum + n)); done; echo "1 + .. + $COUNT = $sum""#,
    r#"echo "job $JOB gives up" >&2; exit 3"#,
    r#"n=0; while [ $n -lt $COUNT ]; do n=$((n + 1)); echo "line $n of $COUNT"; done"#,
    r#"echo "half of the work"; echo "job $JOB: no space left" >&2; exit $((COUNT % 100 + 1))"#,
];

#[cfg(windows)]
fn shell(script: &str) -> Vec<String> {
    ["cmd", "/C", script].map(String::from).to_vec()
}

/// Scripts that the command interpreter runs by itself.
#[cfg(windows)]
const KINDS: [&str; 5] = [
    "echo hello from job %JOB%",
    "echo %COUNT% things were counted",
    "echo job %JOB% gives up>&2& exit /b 3",
    "for /L %i in (1,1,%COUNT%) do @echo line %i of %COUNT%",
    "echo half of the work& echo job %JOB%: no space left>&2& exit /b 7",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_seed_decides_everything() {
        let plan = |seed| {
            let plan = Plan::new(seed, 25, 5);
            (plan.jobs, plan.cuts)
        };
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7).1, plan(8).1);
        assert_ne!(plan(7).0, plan(8).0);
    }

    #[test]
    fn there_are_as_many_different_moments_as_asked_for_and_possible() {
        for seed in 0..50 {
            for (jobs, cuts) in [
                (1, 1),
                (1, 5),
                (1, 6),
                (1, 7),
                (25, 0),
                (25, 5),
                (25, 149),
                (25, 1000),
                (200, 40),
            ] {
                let plan = Plan::new(seed, jobs, cuts);
                let different: BTreeSet<_> = plan.cuts.iter().collect();
                assert_eq!(
                    different.len(),
                    cuts.min(6 * jobs),
                    "seed {seed}, {jobs} jobs, {cuts} cuts"
                );
                assert!(plan.cuts.is_sorted());
                let in_bounds =
                    |moment: &Moment| (1..=jobs).contains(&moment.nth) && moment.position < 6;
                assert!(plan.cuts.iter().all(in_bounds));
                assert_eq!(
                    plan.cuts.iter().any(|moment| moment.position == IN_BURST),
                    cuts > 0
                );
                let uuids: BTreeSet<_> = plan.jobs.iter().map(|job| &job.uuid).collect();
                assert_eq!(uuids.len(), jobs);
            }
        }
    }

    #[test]
    fn every_moment_comes_once() {
        let plan = Plan::new(3, 4, 24);
        let mut schedule = Schedule::new(&plan.cuts);
        let mut cuts = 0;
        for _ in 0..4 {
            for name in [
                "received",
                "accepted",
                "executor_ready",
                "volumes_ready",
                "execution_done",
                "failed",
            ] {
                cuts += usize::from(schedule.stored(name.parse().unwrap()).is_some());
            }
        }
        assert_eq!(cuts, 24);
        assert_eq!(schedule.stored(JobStatus::Received), None);
        assert_eq!(schedule.stored(JobStatus::StreamingReady), None);
    }
}
