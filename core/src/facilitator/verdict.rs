//! Did what a validator reported arrive as it was reported? A pure comparison of both ends' books.

use alloc::vec::Vec;
use core::iter::Sum;
use core::ops::{Add, AddAssign};

use super::record::JobRecord;
use crate::message::JobStatus;

/// What went wrong between a validator's submissions and the facilitator's record, in statuses.
///
/// ```
/// use facilitator_core::facilitator::Verdict;
/// use facilitator_core::message::JobStatus::{Accepted, Completed, Received};
///
/// let submitted = [Received, Accepted, Completed];
/// assert!(Verdict::of(&submitted, &submitted).is_clean());
///
/// let verdict = Verdict::of(&submitted, &[Accepted, Received, Received]);
/// assert_eq!(verdict.lost, 1);
/// assert_eq!(verdict.reordered, 1);
/// assert_eq!(verdict.duplicates_applied, 1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Verdict {
    /// Submitted and never stored.
    pub lost: u64,
    /// Stored after a status that was submitted later.
    pub reordered: u64,
    /// Stored a second time, and more.
    pub duplicates_applied: u64,
    /// Stored but never submitted.
    pub unexpected: u64,
}

impl Verdict {
    /// Judges one job: the statuses that its validator submitted, in that order, against those stored, in order of
    /// arrival. A status means the same however often it was submitted, so repetitions there do not count.
    pub fn of(submitted: &[JobStatus], stored: &[JobStatus]) -> Self {
        let mut verdict = Self::default();
        let mut arrived: Vec<bool> = submitted.iter().map(|_| false).collect();
        let mut furthest = None;
        for status in stored {
            let Some(place) = submitted.iter().position(|candidate| candidate == status) else {
                verdict.unexpected += 1;
                continue;
            };
            let before = arrived
                .get_mut(place)
                .is_some_and(|place| core::mem::replace(place, true));
            if before {
                verdict.duplicates_applied += 1;
            } else if furthest > Some(place) {
                verdict.reordered += 1;
            } else {
                furthest = Some(place);
            }
        }
        verdict.lost = submitted
            .iter()
            .zip(arrived)
            .enumerate()
            .filter(|(place, (status, arrived))| {
                !arrived && submitted.iter().position(|first| first == *status) == Some(*place)
            })
            .count() as u64;
        verdict
    }

    /// Judges one job against its record, which may be missing: then everything is lost.
    /// The facilitator's own `sent` does not count.
    pub fn of_job(submitted: &[JobStatus], record: Option<&JobRecord>) -> Self {
        let stored: Vec<JobStatus> = record
            .map(JobRecord::statuses)
            .unwrap_or_default()
            .iter()
            .filter(|stored| stored.conn.is_some())
            .map(|stored| stored.status)
            .collect();
        Self::of(submitted, &stored)
    }

    /// Whether everything arrived, once, in order, and nothing else did.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

impl Add for Verdict {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            lost: self.lost + other.lost,
            reordered: self.reordered + other.reordered,
            duplicates_applied: self.duplicates_applied + other.duplicates_applied,
            unexpected: self.unexpected + other.unexpected,
        }
    }
}

impl AddAssign for Verdict {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Verdict {
    fn sum<I: Iterator<Item = Self>>(verdicts: I) -> Self {
        verdicts.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use JobStatus::{Accepted, Completed, ExecutorReady, Failed, Received};

    fn verdict(submitted: &[JobStatus], stored: &[JobStatus]) -> (u64, u64, u64, u64) {
        let v = Verdict::of(submitted, stored);
        (v.lost, v.reordered, v.duplicates_applied, v.unexpected)
    }

    #[test]
    fn each_fault_is_counted_by_its_name() {
        let all = [Received, Accepted, ExecutorReady, Completed];
        assert_eq!(verdict(&all, &all), (0, 0, 0, 0));
        assert_eq!(verdict(&all, &[]), (4, 0, 0, 0));
        assert_eq!(
            verdict(&all, &[Received, Accepted, Completed]),
            (1, 0, 0, 0)
        );
        assert_eq!(
            verdict(&all, &[Received, ExecutorReady, Accepted, Completed]),
            (0, 1, 0, 0)
        );
        assert_eq!(
            verdict(&all, &[Completed, Received, Accepted, ExecutorReady]),
            (0, 3, 0, 0)
        );
        assert_eq!(
            verdict(
                &all,
                &[Received, Received, Accepted, ExecutorReady, Completed]
            ),
            (0, 0, 1, 0)
        );
        assert_eq!(
            verdict(
                &all,
                &[Received, Accepted, ExecutorReady, Completed, Failed]
            ),
            (0, 0, 0, 1)
        );
        assert_eq!(verdict(&[], &[]), (0, 0, 0, 0));
        assert_eq!(verdict(&[Received, Received], &[Received]), (0, 0, 0, 0));
        assert_eq!(verdict(&[Received, Received], &[]), (1, 0, 0, 0));
    }

    #[test]
    fn verdicts_add_up() {
        let total: Verdict = [
            Verdict::of(&[Received], &[]),
            Verdict::of(&[Received], &[Received, Received]),
            Verdict::of(&[], &[Failed]),
        ]
        .into_iter()
        .sum();
        assert_eq!(
            (total.lost, total.duplicates_applied, total.unexpected),
            (1, 1, 1)
        );
        assert!(!total.is_clean());
    }
}
