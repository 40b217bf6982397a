//! What the reference's handler crashes on, as far as the message alone tells. What a crash looks like is decided
//! elsewhere.

use super::output::Poison;
use crate::message::{
    JobStatus, V0JobStatusUpdate, V0MachineSpecsUpdate, contains_nul, missing_specs_part,
    missing_streaming_detail, parse_uuid,
};

/// How a status update fails after it was accepted by the database.
pub(super) enum Afterwards {
    /// It does not.
    Fine,
    /// The database refuses the job's new values: answered with `job.integrity_error`.
    StreamingDetailsIncomplete,
    /// The handler crashes.
    Crash(Poison),
}

/// What the handler does with an update whose status is stored.
pub(super) fn after_storing(update: &V0JobStatusUpdate) -> Afterwards {
    match (update.status, &update.metadata) {
        (JobStatus::Completed, None) => Afterwards::Crash(Poison::CompletedWithoutMetadata),
        (JobStatus::StreamingReady, None) => {
            Afterwards::Crash(Poison::StreamingReadyWithoutMetadata)
        }
        (JobStatus::StreamingReady, Some(metadata)) => match &metadata.streaming_details {
            Some(details) if missing_streaming_detail(details).is_some() => {
                Afterwards::StreamingDetailsIncomplete
            }
            _ => Afterwards::Fine,
        },
        _ => Afterwards::Fine,
    }
}

/// Whether, and on what, the handler crashes with machine specs of a known miner. `text` is the frame.
pub(super) fn in_machine_specs(text: &str, update: &V0MachineSpecsUpdate) -> Option<Poison> {
    if contains_nul(text) {
        Some(Poison::NulCharacter)
    } else if parse_uuid(&update.batch_id).is_none() {
        Some(Poison::BatchId)
    } else {
        missing_specs_part(update).map(|_| Poison::Specs)
    }
}
