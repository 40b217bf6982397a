//! `V0JobStatusUpdate`: what a validator reports about a job, with all the metadata that can go along.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use super::names::wire_names;
use super::redact::{Redacted, redacted};
use super::{Integer, JsonMap, StringMap};

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

wire_names! {
    /// Who did or reported something, as the reference's `JobParticipantType` names it.
    "job participant" JobParticipant {
        /// A name that a reader does not know.
        Unknown = "unknown",
        /// The client library that asked for the job.
        Sdk = "sdk",
        /// The facilitator.
        Facilitator = "facilitator",
        /// The validator.
        Validator = "validator",
        /// The miner.
        Miner = "miner",
        /// The miner's executor.
        Executor = "executor",
    }
}

wire_names! {
    /// Why a job was not taken on.
    "job rejection reason" JobRejectionReason {
        /// A name that a reader does not know.
        Unknown = "unknown",
        /// No capacity.
        Busy = "busy",
        /// The request's signature is missing, wrong or not trusted.
        InvalidSignature = "invalid_signature",
        /// No miner offers the executor class.
        NoMinerForJob = "no_miner_for_job",
        /// The miner takes no jobs of this validator.
        ValidatorBlacklisted = "validator_blacklisted",
    }
}

wire_names! {
    /// Why a job failed.
    "job failure reason" JobFailureReason {
        /// A name that a reader does not know.
        Unknown = "unknown",
        /// A time limit passed.
        Timeout = "timeout",
        /// The job's process reported a failure.
        NonzeroReturnCode = "nonzero_return_code",
        /// A volume could not be downloaded.
        DownloadFailed = "download_failed",
        /// A result could not be uploaded.
        UploadFailed = "upload_failed",
    }
}

wire_names! {
    /// When a job failed.
    "job failure stage" JobFailureStage {
        /// A name that a reader does not know.
        Unknown = "unknown",
        /// While the executor started.
        ExecutorStartup = "executor_startup",
        /// While volumes were downloaded.
        VolumeDownload = "volume_download",
        /// While the streaming server started.
        StreamingStartup = "streaming_startup",
        /// While the job's process ran.
        Execution = "execution",
        /// While results were uploaded.
        ResultUpload = "result_upload",
    }
}

wire_names! {
    /// How ComputeHorde failed a job.
    "horde failure reason" HordeFailureReason {
        /// A name that a reader does not know.
        Unknown = "unknown",
        /// Nothing more precise fits.
        GenericError = "generic_error",
        /// An exception that nobody handled.
        UnhandledException = "unhandled_exception",
        /// A timeout that nobody handled.
        UnhandledTimeout = "unhandled_timeout",
        /// Streaming broke.
        StreamingFailed = "streaming_failed",
        /// The miner could not be reached.
        MinerConnectionFailed = "miner_connection_failed",
        /// The miner did not answer the job offer in time.
        InitialResponseTimedOut = "initial_response_timed_out",
        /// No word of the executor being ready in time.
        ExecutorReadinessResponseTimedOut = "executor_readiness_response_timed_out",
        /// No word of the volumes being ready in time.
        VolumesTimedOut = "volumes_timed_out",
        /// No word of the streaming server being ready in time.
        StreamingJobReadyTimedOut = "streaming_job_ready_timed_out",
        /// No word of the execution's end in time.
        ExecutionTimedOut = "execution_timed_out",
        /// No final word in time.
        FinalResponseTimedOut = "final_response_timed_out",
        /// The miner could not start an executor.
        ExecutorSpinupFailed = "executor_spinup_failed",
        /// The executor went away.
        ExecutorDisconnected = "executor_disconnected",
        /// The executor did not pass its security check.
        SecurityCheckFailed = "security_check_failed",
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

/// What goes along with a status: the reference's `JobStatusMetadata`. Everything is optional.
///
/// The details are boxed: most updates carry none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobStatusMetadata {
    /// What the miner answered; the facilitator needs it with `completed`.
    pub miner_response: Option<Box<MinerResponse>>,
    /// With `rejected`.
    pub job_rejection_details: Option<Box<JobRejectionDetails>>,
    /// With `failed`.
    pub job_failure_details: Option<Box<JobFailureDetails>>,
    /// With `horde_failed`.
    pub horde_failure_details: Option<Box<HordeFailureDetails>>,
    /// With `streaming_ready`.
    pub streaming_details: Option<Box<StreamingServerDetails>>,
    /// Keys that the protocol does not name; the reference allows and keeps them.
    pub extra: JsonMap,
}

/// The outcome of a job's process: the reference's `MinerResponse`. `Debug` shows sizes of the output only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct MinerResponse {
    /// What the process wrote to its standard error.
    pub docker_process_stderr: String,
    /// What the process wrote to its standard output.
    pub docker_process_stdout: String,
    /// File contents (base64) by path.
    pub artifacts: Option<StringMap>,
    /// Answers of the upload servers by file.
    pub upload_results: Option<StringMap>,
    /// Keys that the protocol does not name; the reference allows and keeps them.
    pub extra: JsonMap,
}

impl fmt::Debug for MinerResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MinerResponse")
            .field(
                "docker_process_stderr",
                &Redacted(&self.docker_process_stderr),
            )
            .field(
                "docker_process_stdout",
                &Redacted(&self.docker_process_stdout),
            )
            .field("artifacts", &self.artifacts)
            .field("upload_results", &self.upload_results)
            .field("extra", &self.extra)
            .finish()
    }
}

/// Why a job was rejected: the reference's `JobRejectionDetails`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRejectionDetails {
    /// Who refused.
    pub rejected_by: JobParticipant,
    /// The reason's name.
    pub reason: JobRejectionReason,
    /// The reason in words.
    pub message: String,
    /// More, for machines.
    pub context: Option<JsonMap>,
}

impl JobRejectionDetails {
    /// Details without context.
    pub fn new(
        rejected_by: JobParticipant,
        reason: JobRejectionReason,
        message: impl Into<String>,
    ) -> Self {
        Self {
            rejected_by,
            reason,
            message: message.into(),
            context: None,
        }
    }
}

/// Why a job failed: the reference's `JobFailureDetails`. `Debug` shows sizes of the output only.
#[derive(Clone, PartialEq, Eq)]
pub struct JobFailureDetails {
    /// The reason's name.
    pub reason: JobFailureReason,
    /// How far the job came.
    pub stage: JobFailureStage,
    /// The reason in words.
    pub message: String,
    /// More, for machines.
    pub context: Option<JsonMap>,
    /// The process's exit status.
    pub docker_process_exit_status: Option<Integer>,
    /// What the process wrote to its standard output.
    pub docker_process_stdout: Option<String>,
    /// What the process wrote to its standard error.
    pub docker_process_stderr: Option<String>,
}

impl JobFailureDetails {
    /// Details without context and without anything of the process.
    pub fn new(
        reason: JobFailureReason,
        stage: JobFailureStage,
        message: impl Into<String>,
    ) -> Self {
        Self {
            reason,
            stage,
            message: message.into(),
            context: None,
            docker_process_exit_status: None,
            docker_process_stdout: None,
            docker_process_stderr: None,
        }
    }
}

impl fmt::Debug for JobFailureDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobFailureDetails")
            .field("reason", &self.reason)
            .field("stage", &self.stage)
            .field("message", &self.message)
            .field("context", &self.context)
            .field(
                "docker_process_exit_status",
                &self.docker_process_exit_status,
            )
            .field(
                "docker_process_stdout",
                &redacted(self.docker_process_stdout.as_ref()),
            )
            .field(
                "docker_process_stderr",
                &redacted(self.docker_process_stderr.as_ref()),
            )
            .finish()
    }
}

/// How ComputeHorde failed a job: the reference's `HordeFailureDetails`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HordeFailureDetails {
    /// Who noticed.
    pub reported_by: JobParticipant,
    /// The reason's name.
    pub reason: HordeFailureReason,
    /// The reason in words.
    pub message: String,
    /// More, for machines.
    pub context: Option<JsonMap>,
}

impl HordeFailureDetails {
    /// Details without context.
    pub fn new(
        reported_by: JobParticipant,
        reason: HordeFailureReason,
        message: impl Into<String>,
    ) -> Self {
        Self {
            reported_by,
            reason,
            message: message.into(),
            context: None,
        }
    }
}

/// Where to reach a job's streaming server: the reference's `StreamingServerDetails`.
///
/// The facilitator answers a `streaming_ready` that misses one of the three with an integrity error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamingServerDetails {
    /// The server's certificate, PEM.
    pub streaming_server_cert: Option<String>,
    /// Its host name or IP address.
    pub streaming_server_address: Option<String>,
    /// Its port.
    pub streaming_server_port: Option<Integer>,
}

macro_rules! metadata_of {
    ($($details:ident $field:ident),*) => {$(
        impl From<$details> for JobStatusMetadata {
            fn from(details: $details) -> Self {
                Self { $field: Some(Box::new(details)), ..Self::default() }
            }
        }
    )*};
}
metadata_of!(
    MinerResponse miner_response,
    JobRejectionDetails job_rejection_details,
    JobFailureDetails job_failure_details,
    HordeFailureDetails horde_failure_details,
    StreamingServerDetails streaming_details
);
