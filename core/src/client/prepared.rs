//! A message that has passed the door, and is not queued yet: checked and encoded once, however often it is given.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use super::door::Door;
use super::error::SendError;
use super::event::Subject;
use crate::message::{JsonMap, V0JobStatusUpdate, V0MachineSpecsUpdate};

/// A message that can be given again and again until the outbox has room for it, without being encoded again.
///
/// [`FacilitatorClient::prepare_job_status`](super::FacilitatorClient::prepare_job_status) and
/// [`prepare_machine_specs`](super::FacilitatorClient::prepare_machine_specs) make one,
/// [`send`](super::FacilitatorClient::send) queues it. Clones share the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Prepared {
    pub(super) subject: Subject,
    pub(super) text: Arc<str>,
}

impl Prepared {
    /// A status update that may be sent.
    pub(crate) fn job_status(update: &V0JobStatusUpdate, limit: usize) -> Result<Self, SendError> {
        let (uuid, text) = Door::default().check_status(update, limit)?;
        let status = update.status;
        let subject = Subject::JobStatus { uuid, status };
        Ok(Self { subject, text })
    }

    /// Machine specs that may be sent, of the validator with this hotkey.
    pub(crate) fn machine_specs(
        hotkey: String,
        miner_hotkey: &str,
        batch_id: &str,
        specs: JsonMap,
        limit: usize,
    ) -> Result<Self, SendError> {
        let update = V0MachineSpecsUpdate {
            miner_hotkey: miner_hotkey.into(),
            validator_hotkey: hotkey,
            specs,
            batch_id: batch_id.into(),
        };
        let (batch_id, text) = Door::default().check_specs(&update, limit)?;
        let subject = Subject::MachineSpecs { batch_id };
        Ok(Self { subject, text })
    }

    /// What it is about.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The message as it stands on the wire: JSON.
    pub fn as_json(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Prepared {
    /// Without the text, which holds customers' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("subject", &self.subject)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}
