//! What is signed: the payloads of job requests and cheat reports, as Python's `json.dumps(sort_keys=True)` spells
//! them, and their digest.

use alloc::string::String;
use core::slice;

use blake2::{Blake2b512, Digest as _};

use crate::message::{
    OutputUpload, SignatureInfo, Sink, Style, V0JobCheated, V2JobRequest, Volume, Writer, ZipUpload,
};

/// A message that is signed: a job request or a cheat report.
#[derive(Clone, Copy, Debug)]
pub enum SignedMessage<'a> {
    /// The reference's `V2JobRequest`.
    JobRequest(&'a V2JobRequest),
    /// The reference's `V0JobCheated`.
    JobCheated(&'a V0JobCheated),
}

impl<'a> SignedMessage<'a> {
    /// The signature that the message carries.
    pub fn signature(self) -> Option<&'a SignatureInfo> {
        match self {
            Self::JobRequest(request) => request.signature.as_ref(),
            Self::JobCheated(report) => report.signature.as_ref(),
        }
    }

    /// The payload that is signed, as text: what the reference's `get_signed_payload` becomes under
    /// `json.dumps(sort_keys=True)`. For looking at; signing and verifying never hold it as a whole.
    ///
    /// ```
    /// use facilitator_core::message::{Json, V0JobCheated};
    /// use facilitator_core::signature::SignedMessage;
    ///
    /// let report = V0JobCheated {
    ///     signature: None,
    ///     job_uuid: "a".into(),
    ///     trusted_job_uuid: "b".into(),
    ///     details: Json::parse(r#"{"why":"ż","at":1e16}"#)?,
    /// };
    /// assert_eq!(
    ///     SignedMessage::from(&report).payload(),
    ///     r#"{"details": {"at": 1e+16, "why": "\u017c"}, "job_uuid": "a", "trusted_job_uuid": "b"}"#
    /// );
    /// # Ok::<(), facilitator_core::message::DecodeError>(())
    /// ```
    pub fn payload(self) -> String {
        let mut text = String::new();
        self.write_payload(&mut text);
        text
    }

    /// What a signature signs: BLAKE2b-512 of the timestamp (nanoseconds since the Unix epoch) as 8 bytes, big-endian, and
    /// the payload's bytes, as the reference's `hash_message_signature` computes it.
    pub fn digest(self, timestamp_ns: u64) -> [u8; 64] {
        let mut hash = Hash(Blake2b512::new().chain_update(timestamp_ns.to_be_bytes()));
        self.write_payload(&mut hash);
        hash.0.finalize().into()
    }

    fn write_payload(self, sink: &mut impl Sink) {
        match self {
            Self::JobRequest(request) => {
                // The payload is a string that holds JSON: written once as compact JSON, and escaped on its way.
                sink.push("\"");
                write_signed_fields(
                    request,
                    &mut Writer::new(&mut *sink, Style::CompactInPython),
                );
                sink.push("\"");
            }
            Self::JobCheated(report) => {
                Writer::new(sink, Style::PythonSorted).object(|w| {
                    w.field("details", &report.details);
                    w.field("job_uuid", &report.job_uuid);
                    w.field("trusted_job_uuid", &report.trusted_job_uuid);
                });
            }
        }
    }
}

impl<'a> From<&'a V2JobRequest> for SignedMessage<'a> {
    fn from(request: &'a V2JobRequest) -> Self {
        Self::JobRequest(request)
    }
}

impl<'a> From<&'a V0JobCheated> for SignedMessage<'a> {
    fn from(report: &'a V0JobCheated) -> Self {
        Self::JobCheated(report)
    }
}

/// The reference's `SignedFields`, in its order of declaration. Maps keep the order of the wire.
fn write_signed_fields<S: Sink>(request: &V2JobRequest, w: &mut Writer<S>) {
    w.object(|w| {
        w.field("executor_class", request.executor_class.as_str());
        w.field("docker_image", &request.docker_image);
        w.field("args", &request.args);
        w.field("env", &request.env);
        w.field("use_gpu", &request.use_gpu);
        w.field(
            "artifacts_dir",
            request.artifacts_dir.as_deref().unwrap_or_default(),
        );
        w.field("on_trusted_miner", &request.on_trusted_miner);
        w.field("download_time_limit", &request.download_time_limit);
        w.field("execution_time_limit", &request.execution_time_limit);
        w.field("upload_time_limit", &request.upload_time_limit);
        w.field(
            "streaming_start_time_limit",
            &request.streaming_start_time_limit,
        );
        w.field("streaming_details", &request.streaming_details);
        w.field(
            "volumes",
            request.volume.as_ref().map_or(&[] as &[_], Volume::parts),
        );
        match &request.output_upload {
            None => w.field("uploads", &[] as &[ZipUpload]),
            Some(OutputUpload::SingleFile(upload)) => w.field("uploads", slice::from_ref(upload)),
            Some(OutputUpload::Zip(upload)) => w.field("uploads", slice::from_ref(upload)),
            // `system_output` is not signed.
            Some(OutputUpload::Multi(multi)) => w.field("uploads", &multi.uploads),
        }
    });
}

struct Hash(Blake2b512);

impl Sink for Hash {
    fn push(&mut self, text: &str) {
        self.0.update(text);
    }
}
