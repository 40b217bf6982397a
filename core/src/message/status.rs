//! `V0JobStatusUpdate`: what a validator reports about a job.

use alloc::string::String;

use uuid::Uuid;

use super::JobStatusMetadata;
use super::json::{Encode, Sink, Style, Value, Writer};
use super::names::wire_names;
use super::reader::{Read, Reader};

wire_names! {
    /// Where a job is, as the reference's `JobStatus` names it.
    "job status" JobStatus {
        /// A name that a reader does not know. Never sent.
        Unknown = "unknown",
        /// The facilitator's own first status. Never sent by a validator.
        Sent = "sent",
        /// The validator has the request and believes it.
        Received = "received",
        /// A miner took the job.
        Accepted = "accepted",
        /// An executor is up.
        ExecutorReady = "executor_ready",
        /// The executor's streaming server is up.
        StreamingReady = "streaming_ready",
        /// The volumes are downloaded.
        VolumesReady = "volumes_ready",
        /// The job's process has ended, uploads go on.
        ExecutionDone = "execution_done",
        /// Done. Terminal.
        Completed = "completed",
        /// Not taken on. Terminal.
        Rejected = "rejected",
        /// The job itself failed. Terminal.
        Failed = "failed",
        /// ComputeHorde failed the job. Terminal.
        HordeFailed = "horde_failed",
    }
}

impl JobStatus {
    /// Whether nothing can follow it.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Rejected | Self::Failed | Self::HordeFailed
        )
    }

    /// Whether a validator may send it: all but [`Unknown`](Self::Unknown) and [`Sent`](Self::Sent).
    pub const fn is_sendable(self) -> bool {
        !matches!(self, Self::Unknown | Self::Sent)
    }
}

/// A job's new status: the reference's `V0JobStatusUpdate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V0JobStatusUpdate {
    /// The job. The reference's model takes any text; its handler crashes on what is no UUID.
    pub uuid: String,
    /// The status.
    pub status: JobStatus,
    /// What there is to say about it.
    pub metadata: Option<JobStatusMetadata>,
}

impl V0JobStatusUpdate {
    /// An update without metadata.
    pub fn new(uuid: impl Into<String>, status: JobStatus) -> Self {
        Self {
            uuid: uuid.into(),
            status,
            metadata: None,
        }
    }

    /// The same update with `metadata`.
    #[must_use]
    pub fn with_metadata(mut self, metadata: impl Into<JobStatusMetadata>) -> Self {
        self.metadata = Some(metadata.into());
        self
    }
}

/// The pieces around what an update without metadata says: its uuid in the usual spelling, and its status. A session
/// writes nothing as often as these, and nothing in them has to be escaped.
const BEFORE_UUID: &str = r#"{"message_type":"V0JobStatusUpdate","uuid":""#;
const BEFORE_STATUS: &str = r#"","status":""#;
const BEFORE_METADATA: &str = r#"","metadata":"#;
const BEHIND_STATUS: &str = r#"","metadata":null}"#;

/// How long they are together with a uuid.
const BARE_LEN: usize = BEFORE_UUID.len() + 36 + BEFORE_STATUS.len() + BEHIND_STATUS.len();

impl V0JobStatusUpdate {
    /// How long an update without metadata is, as `encode` writes it.
    pub(crate) const fn bare_len(status: JobStatus) -> usize {
        BARE_LEN + status.as_str().len()
    }

    /// Appends what `encode` writes of an update without metadata.
    pub(crate) fn write_bare(uuid: Uuid, status: JobStatus, text: &mut String) {
        text.push_str(BEFORE_UUID);
        text.push_str(uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        text.push_str(BEFORE_STATUS);
        text.push_str(status.as_str());
        text.push_str(BEHIND_STATUS);
    }

    /// Appends what `encode` writes of an update with metadata.
    pub(crate) fn write_for(
        uuid: Uuid,
        status: JobStatus,
        metadata: &JobStatusMetadata,
        text: &mut String,
    ) {
        text.push_str(BEFORE_UUID);
        text.push_str(uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        text.push_str(BEFORE_STATUS);
        text.push_str(status.as_str());
        text.push_str(BEFORE_METADATA);
        metadata.write(&mut Writer::new(&mut *text, Style::Compact));
        text.push('}');
    }
}

/// The `message_type`.
pub(super) const TAG: &str = "V0JobStatusUpdate";

impl V0JobStatusUpdate {
    pub(super) fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([message_type, uuid, status, metadata], rest) =
            r.model(value, &["message_type", "uuid", "status", "metadata"])?;
        let message_type = r.constant(message_type, TAG, "'V0JobStatusUpdate'");
        let uuid = r.required(uuid, Reader::string);
        let status = r.required(status, |_, value| {
            Ok(Reader::open_name(
                value,
                JobStatus::from_name,
                JobStatus::Unknown,
            ))
        });
        let metadata = r.optional(metadata, JobStatusMetadata::read);
        r.forbid(&rest);
        message_type?;
        Ok(Self {
            uuid: uuid?,
            status: status?,
            metadata: metadata?,
        })
    }
}

impl Encode for V0JobStatusUpdate {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| {
            w.field("message_type", TAG);
            w.field("uuid", &self.uuid);
            w.field("status", self.status.as_str());
            w.field("metadata", &self.metadata);
        });
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::message::MinerResponse;

    #[test]
    fn written_in_pieces_is_written_alike() {
        let uuid = Uuid::from_u128(0x6e96_1534_25df_494f_8fb9_a530_d7a1_87d7);
        for status in JobStatus::ALL {
            let bare = V0JobStatusUpdate::new(uuid.to_string(), *status);
            let mut text = String::new();
            V0JobStatusUpdate::write_bare(uuid, *status, &mut text);
            assert_eq!(text, bare.encode());
            assert_eq!(text.len(), V0JobStatusUpdate::bare_len(*status));

            let output = MinerResponse::new("\0", "a \"quoted\" line\n\u{17c}");
            let whole = bare.with_metadata(output);
            let metadata = whole.metadata.as_ref().unwrap();
            let mut text = String::from("before ");
            V0JobStatusUpdate::write_for(uuid, *status, metadata, &mut text);
            assert_eq!(text.strip_prefix("before "), Some(&*whole.encode()));
        }
    }
}
