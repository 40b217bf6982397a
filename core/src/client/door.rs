//! Poison is refused here, before it is queued: what is known to make the facilitator's handler crash, or to be
//! answered wrongly. Sources: the observed behaviour of the reference facilitator.

use alloc::string::String;
use alloc::sync::Arc;

use uuid::Uuid;

use super::error::SendError;
use crate::message::{
    JobStatus, V0JobStatusUpdate, V0MachineSpecsUpdate, ValidatorMessage, contains_nul,
    missing_specs_part, missing_streaming_detail, parse_uuid,
};

/// A status update that may be sent: its job, and its text on the wire.
///
/// The uuid goes out in the usual spelling, whatever spelling came in.
pub(super) fn check_status(
    update: V0JobStatusUpdate,
    limit: usize,
) -> Result<(Uuid, JobStatus, Arc<str>), SendError> {
    let status = update.status;
    let uuid = parse_uuid(&update.uuid).ok_or_else(|| SendError::InvalidUuid {
        found: shorten(&update.uuid),
    })?;
    if matches!(status, JobStatus::Sent | JobStatus::Unknown) {
        return Err(SendError::ReservedStatus { status });
    }
    if matches!(status, JobStatus::Completed | JobStatus::StreamingReady)
        && update.metadata.is_none()
    {
        return Err(SendError::MissingMetadata { status });
    }
    if status == JobStatus::StreamingReady {
        let details = update
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.streaming_details.as_ref());
        let missing = match details {
            None => Some("streaming_details"),
            Some(details) => missing_streaming_detail(details),
        };
        if let Some(missing) = missing {
            return Err(SendError::IncompleteStreamingDetails { missing });
        }
    }
    let update = V0JobStatusUpdate {
        uuid: alloc::format!("{}", uuid.hyphenated()),
        ..update
    };
    let text = check_text(&ValidatorMessage::JobStatus(update), limit)?;
    Ok((uuid, status, text))
}

/// Machine specs that may be sent: their batch, and their text on the wire.
pub(super) fn check_specs(
    specs: V0MachineSpecsUpdate,
    limit: usize,
) -> Result<(Uuid, Arc<str>), SendError> {
    let batch_id = parse_uuid(&specs.batch_id).ok_or_else(|| SendError::InvalidBatchId {
        found: shorten(&specs.batch_id),
    })?;
    if let Some(missing) = missing_specs_part(&specs) {
        return Err(SendError::UnreadableSpecs { missing });
    }
    let text = check_text(&ValidatorMessage::MachineSpecs(specs), limit)?;
    Ok((batch_id, text))
}

/// At most 64 characters of something that came from outside, for an error or an event.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

fn check_text(message: &ValidatorMessage, limit: usize) -> Result<Arc<str>, SendError> {
    let text = message.encode();
    if text.len() > limit {
        return Err(SendError::TooLarge {
            size: text.len(),
            limit,
        });
    }
    if contains_nul(&text) {
        return Err(SendError::NulCharacter);
    }
    Ok(Arc::from(text))
}
