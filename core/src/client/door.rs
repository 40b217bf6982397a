//! Poison is refused here, before it is queued: what is known to make the facilitator's handler crash, or to be
//! answered wrongly. Sources: the observed behaviour of the reference facilitator.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use uuid::Uuid;

use super::error::SendError;
use crate::message::{
    Encode, JobStatus, Style, V0JobStatusUpdate, V0MachineSpecsUpdate, Writer, contains_nul,
    is_within_limits, missing_specs_part, missing_streaming_detail, parse_usual_uuid, parse_uuid,
    scrub,
};

/// Room that is kept for the next message's text; the rare larger one is written in room of its own.
const KEPT: usize = 64 * 1024;

/// The door. It keeps the room in which it writes, so that a message costs one allocation: that of its shared text.
#[derive(Clone, Default)]
pub(super) struct Door {
    scratch: String,
}

impl fmt::Debug for Door {
    /// Without what was written last: it holds customers' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door")
    }
}

impl Door {
    /// A status update that may be sent: its job, and its text on the wire.
    ///
    /// The uuid goes out in the usual spelling, whatever spelling came in.
    pub(super) fn check_status(
        &mut self,
        update: &V0JobStatusUpdate,
        limit: usize,
    ) -> Result<(Uuid, Arc<str>), SendError> {
        let status = update.status;
        let mut buffer = Uuid::encode_buffer();
        let (uuid, spelled) = if let Some(uuid) = parse_usual_uuid(&update.uuid) {
            (uuid, update.uuid.as_str())
        } else {
            let uuid = job_uuid(&update.uuid)?;
            (uuid, &*uuid.hyphenated().encode_lower(&mut buffer))
        };
        if !status.is_sendable() {
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
        // Only metadata holds texts and values of others.
        let of_others = update.metadata.is_some();
        let text = self.write(limit, of_others, |text| update.encode_for(spelled, text))?;
        Ok((uuid, text))
    }

    /// Machine specs that may be sent: their batch, and their text on the wire.
    pub(super) fn check_specs(
        &mut self,
        specs: &V0MachineSpecsUpdate,
        limit: usize,
    ) -> Result<(Uuid, Arc<str>), SendError> {
        let batch_id = parse_uuid(&specs.batch_id).ok_or_else(|| SendError::InvalidBatchId {
            found: shorten(&specs.batch_id),
        })?;
        if let Some(missing) = missing_specs_part(specs) {
            return Err(SendError::UnreadableSpecs { missing });
        }
        let text = self.write(limit, true, |text| {
            specs.write(&mut Writer::new(text, Style::Compact));
        })?;
        Ok((batch_id, text))
    }

    fn write(
        &mut self,
        limit: usize,
        of_others: bool,
        encode: impl FnOnce(&mut String),
    ) -> Result<Arc<str>, SendError> {
        self.scratch.clear();
        encode(&mut self.scratch);
        let text = self.scratch.as_str();
        let checked = if text.len() > limit {
            Err(SendError::TooLarge {
                size: text.len(),
                limit,
            })
        } else if of_others && contains_nul(text) {
            Err(SendError::NulCharacter)
        } else if of_others && !is_within_limits(text) {
            Err(SendError::TooComplex)
        } else {
            Ok(Arc::from(text))
        };
        if self.scratch.capacity() > KEPT {
            self.scratch = String::new();
        }
        checked
    }
}

/// The uuid of a job, in any spelling that is one.
pub(super) fn job_uuid(text: &str) -> Result<Uuid, SendError> {
    parse_uuid(text).ok_or_else(|| SendError::InvalidUuid {
        found: shorten(text),
    })
}

/// At most 64 characters of something that came from outside, for an error or an event, and no signature in it.
pub(super) fn shorten(text: &str) -> String {
    let ahead: String = text.chars().take(256).collect();
    scrub(&ahead).chars().take(64).collect()
}
