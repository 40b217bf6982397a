//! What an application reports: the statuses of jobs that come and end.

use std::fmt;

use facilitator_core::message::{JobStatus, JobStatusMetadata, MinerResponse, V0JobStatusUpdate};

/// How much there is at any time.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Jobs without a terminal status.
    pub(crate) jobs: usize,
    /// Status updates without an answer.
    pub(crate) queued: usize,
    /// How many of them may be on their way.
    pub(crate) window: usize,
    /// Whether jobs end with what their process wrote, or with a bare status.
    pub(crate) with_output: bool,
}

impl Load {
    /// The usual: a hundred jobs on their way, and answers that come at once.
    pub(crate) const FEW: Self = Self {
        jobs: 100,
        queued: 0,
        window: 64,
        with_output: false,
    };

    /// How many jobs there must be in turn, so that none comes again while it is open, queued, on its way or remembered.
    pub(crate) const fn uuids(self) -> usize {
        let remembered = 10_000;
        2 * self.jobs + self.queued + self.window + remembered
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} jobs, {} queued", self.jobs, self.queued)?;
        if self.with_output {
            f.write_str(", with output")?;
        }
        Ok(())
    }
}

/// The statuses that a job goes through before its terminal one.
const ON_THE_WAY: [JobStatus; 5] = [
    JobStatus::Received,
    JobStatus::Accepted,
    JobStatus::ExecutorReady,
    JobStatus::VolumesReady,
    JobStatus::ExecutionDone,
];

/// What an application reports, for ever: each job's statuses, and its end when as many others have begun as are open.
pub(crate) struct Reports {
    uuids: Vec<String>,
    load: Load,
    job: usize,
    step: usize,
    end: JobStatusMetadata,
}

impl Reports {
    /// With so many jobs in turn, at least as many as the load needs.
    pub(crate) fn new(load: Load, uuids: usize) -> Self {
        let count = uuids.max(load.uuids());
        let mut state = 1_u64;
        let mut word = move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB)
        };
        let mut uuid = || {
            let (high, low) = (word(), word());
            format!(
                "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
                high >> 32,
                (high >> 16) & 0xFFFF,
                high & 0xFFF,
                low >> 52,
                low & 0xFFFF_FFFF_FFFF
            )
        };
        Self {
            uuids: (0..count).map(|_| uuid()).collect(),
            load,
            job: 0,
            step: 0,
            end: MinerResponse::new("", "epoch 1, loss 0.25\nepoch 2, loss 0.125\ndone\n").into(),
        }
    }

    pub(crate) fn next(&mut self) -> V0JobStatusUpdate {
        if let Some(&status) = ON_THE_WAY.get(self.step) {
            self.step += 1;
            return V0JobStatusUpdate::new(self.uuid(self.job), status);
        }
        self.step = 0;
        self.job += 1;
        let Some(ending) = self.job.checked_sub(self.load.jobs) else {
            return self.next();
        };
        let uuid = self.uuid(ending);
        if self.load.with_output {
            V0JobStatusUpdate::new(uuid, JobStatus::Completed).with_metadata(self.end.clone())
        } else {
            V0JobStatusUpdate::new(uuid, JobStatus::Failed)
        }
    }

    fn uuid(&self, job: usize) -> &str {
        &self.uuids[job % self.uuids.len()]
    }
}
