//! What happened in a world, in numbers.

use facilitator_core::client::Outcome;

use super::fault::FAULT_KINDS;

/// What happened in a world, or in several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Faults injected, by their place in [`FAULT_KINDS`].
    pub faults: [u64; FAULT_KINDS.len()],
    /// Connection attempts.
    pub attempts: u64,
    /// Those that failed.
    pub attempts_failed: u64,
    /// Connections that stood.
    pub connections: u64,
    /// Connections and attempts that were lost.
    pub losses: u64,
    /// Authentications that were refused.
    pub refusals: u64,
    /// Jobs that the facilitators pushed.
    pub jobs_pushed: u64,
    /// Jobs that were handed on to workers.
    pub jobs: u64,
    /// Job requests that were not.
    pub declined: u64,
    /// Jobs that a session ended since their time was over.
    pub overdue: u64,
    /// Status updates that sessions accepted.
    pub statuses: u64,
    /// Status updates that facilitators stored.
    pub stored: u64,
    /// Those that they had stored before.
    pub repeated: u64,
    /// Those for a job that they do not know.
    pub unknown_jobs: u64,
    /// Times that an application had to wait for room.
    pub full: u64,
    /// Receipts: acknowledged.
    pub acknowledged: u64,
    /// Receipts: known before.
    pub already_known: u64,
    /// Receipts: refused.
    pub refused: u64,
    /// Receipts: set aside.
    pub set_aside: u64,
    /// Receipts: handed back.
    pub handed_back: u64,
    /// Machine specs that facilitators stored.
    pub specs: u64,
    /// Heartbeats that facilitators heard.
    pub heartbeats: u64,
    /// Status updates sent that another connection had carried before.
    pub resent: u64,
    /// Crashes of the facilitator's handler.
    pub crashes: u64,
    /// Messages that meant nothing, and were survived.
    pub noise_survived: u64,
}

impl Counts {
    pub(super) fn receipt(&mut self, outcome: &Outcome) {
        let count = match outcome {
            Outcome::Acknowledged => &mut self.acknowledged,
            Outcome::AlreadyKnown => &mut self.already_known,
            Outcome::Refused(_) => &mut self.refused,
            Outcome::SetAside(_) => &mut self.set_aside,
            _ => &mut self.handed_back,
        };
        *count += 1;
    }

    /// The numbers with their names, faults apart.
    pub fn named(&self) -> [(&'static str, u64); 24] {
        [
            ("connection attempts", self.attempts),
            ("  failed", self.attempts_failed),
            ("connections", self.connections),
            ("connections and attempts lost", self.losses),
            ("authentications refused", self.refusals),
            ("jobs pushed", self.jobs_pushed),
            ("  taken on", self.jobs),
            ("  declined, repetitions included", self.declined),
            ("  overdue", self.overdue),
            ("statuses accepted", self.statuses),
            ("  stored by the facilitator", self.stored),
            ("  sent again", self.resent),
            ("  stored before", self.repeated),
            ("  of an unknown job", self.unknown_jobs),
            ("  waited for room", self.full),
            ("receipts: acknowledged", self.acknowledged),
            ("receipts: already known", self.already_known),
            ("receipts: refused", self.refused),
            ("receipts: set aside", self.set_aside),
            ("receipts: handed back", self.handed_back),
            ("machine specs stored", self.specs),
            ("heartbeats", self.heartbeats),
            ("handler crashes", self.crashes),
            ("noise survived", self.noise_survived),
        ]
    }

    /// Adds another world's.
    pub fn add(&mut self, other: &Self) {
        for (mine, others) in self.faults.iter_mut().zip(other.faults) {
            *mine += others;
        }
        let fields = [
            (&mut self.attempts, other.attempts),
            (&mut self.attempts_failed, other.attempts_failed),
            (&mut self.connections, other.connections),
            (&mut self.losses, other.losses),
            (&mut self.refusals, other.refusals),
            (&mut self.jobs_pushed, other.jobs_pushed),
            (&mut self.jobs, other.jobs),
            (&mut self.declined, other.declined),
            (&mut self.overdue, other.overdue),
            (&mut self.statuses, other.statuses),
            (&mut self.stored, other.stored),
            (&mut self.repeated, other.repeated),
            (&mut self.unknown_jobs, other.unknown_jobs),
            (&mut self.full, other.full),
            (&mut self.acknowledged, other.acknowledged),
            (&mut self.already_known, other.already_known),
            (&mut self.refused, other.refused),
            (&mut self.set_aside, other.set_aside),
            (&mut self.handed_back, other.handed_back),
            (&mut self.specs, other.specs),
            (&mut self.heartbeats, other.heartbeats),
            (&mut self.resent, other.resent),
            (&mut self.crashes, other.crashes),
            (&mut self.noise_survived, other.noise_survived),
        ];
        for (mine, others) in fields {
            *mine += others;
        }
    }
}
