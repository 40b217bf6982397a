//! The worker's own book: what it submitted for each job, in order, and what became of each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use facilitator_tokio::core::message::{JobStatus, JobStatusMetadata};

/// A status that was submitted.
#[derive(Clone, Debug)]
pub(super) struct Submission {
    pub(super) status: JobStatus,
    pub(super) metadata: Option<JobStatusMetadata>,
    /// The names of the outcomes of its receipts: one, when all is well.
    pub(super) outcomes: Vec<&'static str>,
}

/// The book. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Book(Arc<Mutex<Pages>>);

/// What stands in the book.
#[derive(Clone, Default)]
pub(super) struct Pages {
    /// By the job's uuid.
    pub(super) jobs: BTreeMap<String, Vec<Submission>>,
    /// What should not have happened, in words.
    pub(super) surprises: Vec<String>,
}

/// Surprises that are kept; one is enough to fail.
const SURPRISES: usize = 100;

impl Book {
    /// A status is submitted from here on.
    pub(super) fn submitted(
        &self,
        uuid: &str,
        status: JobStatus,
        metadata: Option<JobStatusMetadata>,
    ) {
        let submission = Submission {
            status,
            metadata,
            outcomes: Vec::new(),
        };
        self.lock()
            .jobs
            .entry(uuid.to_owned())
            .or_default()
            .push(submission);
    }

    /// A receipt came.
    pub(super) fn receipt(&self, uuid: &str, status: JobStatus, outcome: &'static str) {
        let mut pages = self.lock();
        let submission = pages.jobs.get_mut(uuid).and_then(|job| {
            job.iter_mut()
                .find(|submission| submission.status == status)
        });
        match submission {
            Some(submission) => submission.outcomes.push(outcome),
            None => pages.surprise(format!(
                "a receipt came for {status} of job {uuid}, which was not submitted"
            )),
        }
    }

    /// Something went wrong.
    pub(super) fn surprise(&self, what: String) {
        self.lock().surprise(what);
    }

    /// A copy of everything.
    pub(super) fn pages(&self) -> Pages {
        self.lock().clone()
    }

    /// Every change is one call, so a panic elsewhere left nothing half done.
    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn surprise(&mut self, what: String) {
        if self.surprises.len() < SURPRISES {
            self.surprises.push(what);
        }
    }
}
