//! How long a job may take, from its request and from what its worker says: pure, without a clock.
//!
//! The limits of a request are for stages: download, streaming start, execution, upload. A stage's time runs from the
//! status that begins it, and what one leaves over is for the next. A worker that does not say where it is has all of
//! them together. Before the executor is ready, the request limits nothing; the margin does.

use std::time::{Duration, Instant};

use facilitator_tokio::core::message::{Integer, JobFailureStage, JobStatus, V2JobRequest};

/// The time beyond which "never" is meant, and which every clock can bear.
const NEVER: Duration = Duration::from_hours(24 * 366);

/// What a job may take.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    download: Duration,
    streaming: Duration,
    execution: Duration,
    upload: Duration,
    streams: bool,
    margin: Duration,
    leeway: Duration,
}

/// Where a job is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    started: Instant,
    ready: Option<Instant>,
    stage: JobFailureStage,
}

impl Progress {
    /// At its beginning.
    pub(super) const fn new(started: Instant) -> Self {
        Self {
            started,
            ready: None,
            stage: JobFailureStage::Unknown,
        }
    }

    /// The stage that it is in; unknown until the worker says so.
    pub(super) const fn stage(&self) -> JobFailureStage {
        self.stage
    }
}

impl Limits {
    /// Those of this request. `margin` is for all together, `leeway` for its stages.
    pub(super) fn of(request: &V2JobRequest, margin: Duration, leeway: Duration) -> Self {
        Self {
            download: seconds(&request.download_time_limit),
            streaming: seconds(&request.streaming_start_time_limit),
            execution: seconds(&request.execution_time_limit),
            upload: seconds(&request.upload_time_limit),
            streams: request.streaming_details.is_some(),
            margin,
            leeway,
        }
    }

    /// Takes note of a status of the job.
    pub(super) fn note(&self, progress: &mut Progress, status: JobStatus, now: Instant) {
        use JobFailureStage as Stage;
        let stage = match status {
            JobStatus::ExecutorReady => Stage::VolumeDownload,
            JobStatus::VolumesReady if self.streams => Stage::StreamingStartup,
            JobStatus::VolumesReady | JobStatus::StreamingReady => Stage::Execution,
            JobStatus::ExecutionDone => Stage::ResultUpload,
            _ => return,
        };
        progress.ready.get_or_insert(now);
        // Statuses can come in another order; time that was given is not taken back.
        if rank(stage) > rank(progress.stage) {
            progress.stage = stage;
        }
    }

    /// When its time is over.
    pub(super) fn deadline(&self, progress: &Progress) -> Instant {
        let total = self.up_to(JobFailureStage::ResultUpload);
        let whole = progress.started + total.saturating_add(self.margin).min(NEVER);
        let stage = progress.ready.map(|ready| {
            ready
                + self
                    .up_to(progress.stage)
                    .saturating_add(self.leeway)
                    .min(NEVER)
        });
        stage.map_or(whole, |stage| stage.min(whole))
    }

    /// The limits of all stages up to this one.
    fn up_to(&self, stage: JobFailureStage) -> Duration {
        let streaming = if self.streams {
            self.streaming
        } else {
            Duration::ZERO
        };
        [self.download, streaming, self.execution, self.upload]
            .into_iter()
            .take(rank(stage))
            .fold(Duration::ZERO, Duration::saturating_add)
    }
}

/// How many limits belong to a stage and those before it.
const fn rank(stage: JobFailureStage) -> usize {
    match stage {
        JobFailureStage::Unknown | JobFailureStage::ExecutorStartup => 0,
        JobFailureStage::VolumeDownload => 1,
        JobFailureStage::StreamingStartup => 2,
        JobFailureStage::Execution => 3,
        JobFailureStage::ResultUpload => 4,
    }
}

/// Limits are integers of any size and sign.
fn seconds(limit: &Integer) -> Duration {
    if limit.is_negative() {
        return Duration::ZERO;
    }
    limit.as_u64().map_or(NEVER, Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use facilitator_tokio::core::message::{ExecutorClass, StreamingDetails};

    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn request() -> V2JobRequest {
        let mut request = V2JobRequest::new("u", ExecutorClass::AlwaysOnTest, "image");
        request.download_time_limit = Integer::from(10_u64);
        request.streaming_start_time_limit = Integer::from(1000_u64);
        request.execution_time_limit = Integer::from(100_u64);
        request.upload_time_limit = Integer::from(20_u64);
        request
    }

    /// When the job's time is over after these statuses, in seconds from its start, and in which stage.
    fn after(request: &V2JobRequest, statuses: &[(JobStatus, u64)]) -> (u64, JobFailureStage) {
        let limits = Limits::of(request, s(300), s(5));
        let start = Instant::now();
        let mut progress = Progress::new(start);
        for (status, at) in statuses {
            limits.note(&mut progress, *status, start + s(*at));
        }
        let deadline = limits.deadline(&progress) - start;
        (deadline.as_secs(), progress.stage())
    }

    #[test]
    fn a_stage_has_its_limit_and_what_the_ones_before_left() {
        use JobFailureStage as Stage;
        use JobStatus::{Accepted, ExecutionDone, ExecutorReady, StreamingReady, VolumesReady};
        let plain = request();
        assert_eq!(after(&plain, &[]), (430, Stage::Unknown));
        assert_eq!(after(&plain, &[(Accepted, 1)]), (430, Stage::Unknown));
        let ready = (ExecutorReady, 40);
        assert_eq!(after(&plain, &[ready]), (55, Stage::VolumeDownload));
        assert_eq!(
            after(&plain, &[ready, (VolumesReady, 41)]),
            (155, Stage::Execution)
        );
        let done = [ready, (VolumesReady, 41), (ExecutionDone, 60)];
        assert_eq!(after(&plain, &done), (175, Stage::ResultUpload));
        // Left out, or in another order.
        assert_eq!(
            after(&plain, &[(ExecutionDone, 60)]),
            (195, Stage::ResultUpload)
        );
        let odd = [(ExecutionDone, 60), ready];
        assert_eq!(after(&plain, &odd), (195, Stage::ResultUpload));
        let mut streaming = request();
        streaming.streaming_details = Some(StreamingDetails {
            public_key: "k".into(),
            executor_ip: None,
        });
        let started = [ready, (VolumesReady, 41)];
        assert_eq!(after(&streaming, &started), (1055, Stage::StreamingStartup));
        let streams = [ready, (VolumesReady, 41), (StreamingReady, 50)];
        assert_eq!(after(&streaming, &streams), (1155, Stage::Execution));
        // The whole is never longer than all limits and the margin.
        assert_eq!(
            after(&plain, &[(ExecutionDone, 420)]),
            (430, Stage::ResultUpload)
        );
    }

    #[test]
    fn limits_of_any_size_and_sign_are_borne() {
        let mut request = request();
        request.execution_time_limit = Integer::from(u64::MAX);
        request.download_time_limit = Integer::from(-5);
        let year = NEVER.as_secs();
        assert_eq!(after(&request, &[]).0, year);
        let ready = [(JobStatus::ExecutorReady, 1)];
        assert_eq!(after(&request, &ready).0, 6);
    }
}
