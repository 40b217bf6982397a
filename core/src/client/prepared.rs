//! A message that has passed the door, and is not queued yet: checked and encoded once, however often it is given.

use alloc::borrow::Cow;
use alloc::string::ToString;
use core::fmt;

use uuid::Uuid;

use super::door::Door;
use super::error::SendError;
use super::event::Subject;
use super::outbox::Specs;
use super::text::StatusText;
use crate::message::{JobStatus, JsonMap, V0JobStatusUpdate, V0MachineSpecsUpdate};

/// A message that can be given again and again until the outbox has room for it, without being encoded again.
///
/// [`FacilitatorClient::prepare_job_status`](super::FacilitatorClient::prepare_job_status) and
/// [`prepare_machine_specs`](super::FacilitatorClient::prepare_machine_specs) make one,
/// [`send`](super::FacilitatorClient::send) queues it. Clones share the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Prepared(pub(super) Message);

/// What it is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Message {
    Status {
        uuid: Uuid,
        status: JobStatus,
        text: StatusText,
    },
    Specs(Specs),
}

impl Prepared {
    /// A status update that may be sent.
    pub(crate) fn job_status(update: &V0JobStatusUpdate, limit: usize) -> Result<Self, SendError> {
        let (uuid, text) = Door::default().check_status(update, limit)?;
        let status = update.status;
        Ok(Self(Message::Status { uuid, status, text }))
    }

    /// Machine specs that may be sent, of the validator with this hotkey.
    pub(crate) fn machine_specs(
        hotkey: &str,
        miner_hotkey: &str,
        batch_id: &str,
        specs: JsonMap,
        limit: usize,
    ) -> Result<Self, SendError> {
        let update = V0MachineSpecsUpdate {
            miner_hotkey: miner_hotkey.into(),
            validator_hotkey: hotkey.into(),
            specs,
            batch_id: batch_id.into(),
        };
        let (batch_id, text) = Door::default().check_specs(&update, limit)?;
        Ok(Self(Message::Specs(Specs { batch_id, text })))
    }

    /// What it is about.
    pub const fn subject(&self) -> Subject {
        match &self.0 {
            Message::Status { uuid, status, .. } => Subject::JobStatus {
                uuid: *uuid,
                status: *status,
            },
            Message::Specs(specs) => specs.subject(),
        }
    }

    /// How long it is on the wire, in bytes.
    pub(super) fn len(&self) -> usize {
        match &self.0 {
            Message::Status { status, text, .. } => text.len(*status),
            Message::Specs(specs) => specs.text.len(),
        }
    }

    /// The message as it stands on the wire: JSON. A status without metadata is written for this call.
    pub fn as_json(&self) -> Cow<'_, str> {
        match &self.0 {
            Message::Status {
                text: StatusText::Whole(text),
                ..
            } => Cow::Borrowed(text),
            Message::Status {
                uuid,
                status,
                text: StatusText::Bare,
            } => Cow::Owned(V0JobStatusUpdate::new(uuid.to_string(), *status).encode()),
            Message::Specs(specs) => Cow::Borrowed(&specs.text),
        }
    }
}

impl fmt::Debug for Prepared {
    /// Without the text, which holds customers' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("subject", &self.subject())
            .field("bytes", &self.len())
            .finish_non_exhaustive()
    }
}
