//! Poison is refused here, before it is queued: what is known to make the facilitator's handler crash, or to be
//! answered wrongly. Sources: the observed behaviour of the reference facilitator.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use uuid::Uuid;

use super::error::SendError;
use super::text::StatusText;
use crate::message::{
    Encode, JobStatus, Style, V0JobStatusUpdate, V0MachineSpecsUpdate, Writer, contains_nul,
    is_within_limits, missing_specs_part, missing_streaming_detail, parse_usual_uuid, parse_uuid,
    scrub,
};

/// Room that is kept for the next message's text; the rare larger one is written in room of its own.
const KEPT: usize = 64 * 1024;

/// The length of a text with some output of a job, in bytes.
const TYPICAL: usize = 512;

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
    /// A status update that may be sent: its job, and what has to be kept of its text on the wire.
    ///
    /// The uuid goes out in the usual spelling, whatever spelling came in.
    pub(super) fn check_status(
        &mut self,
        update: &V0JobStatusUpdate,
        limit: usize,
    ) -> Result<(Uuid, StatusText), SendError> {
        let status = update.status;
        let uuid = match parse_usual_uuid(&update.uuid) {
            Some(uuid) => uuid,
            None => job_uuid(&update.uuid)?,
        };
        if !status.is_sendable() {
            return Err(SendError::ReservedStatus { status });
        }
        let Some(metadata) = &update.metadata else {
            // Nothing in it is of others, and no limit is as low as its length: `Config::check` sees to that.
            return match status {
                JobStatus::Completed | JobStatus::StreamingReady => {
                    Err(SendError::MissingMetadata { status })
                }
                _ => Ok((uuid, StatusText::Bare)),
            };
        };
        if status == JobStatus::StreamingReady {
            let missing = match &metadata.streaming_details {
                None => Some("streaming_details"),
                Some(details) => missing_streaming_detail(details),
            };
            if let Some(missing) = missing {
                return Err(SendError::IncompleteStreamingDetails { missing });
            }
        }
        let text = self.write(limit, |text| {
            V0JobStatusUpdate::write_for(uuid, status, metadata, text);
        })?;
        Ok((uuid, StatusText::Whole(text)))
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
        let text = self.write(limit, |text| {
            specs.write(&mut Writer::new(text, Style::Compact));
        })?;
        Ok((batch_id, text))
    }

    fn write(
        &mut self,
        limit: usize,
        encode: impl FnOnce(&mut String),
    ) -> Result<Arc<str>, SendError> {
        self.scratch.clear();
        // Most texts fit: without it, each would be moved several times while it grows.
        self.scratch.reserve(TYPICAL);
        encode(&mut self.scratch);
        let text = self.scratch.as_str();
        let checked = if text.len() > limit {
            Err(SendError::TooLarge {
                size: text.len(),
                limit,
            })
        } else if contains_nul(text) {
            Err(SendError::NulCharacter)
        } else if !is_within_limits(text) {
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
