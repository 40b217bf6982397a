//! The text of a status update: kept as it was written, or written again each time it is asked for. It knows neither
//! queues nor jobs.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use uuid::Uuid;

use crate::message::{JobStatus, V0JobStatusUpdate};

/// What is kept of a status update besides its job and its status. Most updates have nothing to add to these: a queue of
/// a million of them holds no text, and a text is as new as the frame that carries it.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum StatusText {
    /// The update has no metadata.
    Bare,
    /// The whole text, which can be large.
    Whole(Arc<str>),
}

impl StatusText {
    /// How long the text is, in bytes.
    #[inline]
    pub(super) fn len(&self, status: JobStatus) -> usize {
        match self {
            Self::Bare => V0JobStatusUpdate::bare_len(status),
            Self::Whole(text) => text.len(),
        }
    }

    /// The text, of this status of this job.
    pub(super) fn to_shared(&self, uuid: Uuid, status: JobStatus) -> Arc<str> {
        match self {
            Self::Bare => {
                let mut text = String::with_capacity(self.len(status));
                V0JobStatusUpdate::write_bare(uuid, status, &mut text);
                text.into()
            }
            Self::Whole(text) => Arc::clone(text),
        }
    }
}

impl fmt::Debug for StatusText {
    /// Without the text, which holds customers' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bare => "Bare",
            Self::Whole(_) => "Whole",
        })
    }
}
