//! The metadata of a status update: what the miner answered, and why a job did not end well.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use super::json::{Encode, Sink, Value, Writer};
use super::names::wire_names;
use super::reader::{Read, Reader};
use super::redact::{Redacted, redacted};
use super::{Integer, JsonMap, StringMap};

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

impl MinerResponse {
    /// What the process wrote, without artifacts and upload results.
    pub fn new(stderr: impl Into<String>, stdout: impl Into<String>) -> Self {
        Self {
            docker_process_stderr: stderr.into(),
            docker_process_stdout: stdout.into(),
            ..Self::default()
        }
    }
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

/// Reads a name of one of the open enumerations above.
macro_rules! open {
    ($names:ident) => {
        |_: &mut Reader<'t>, value| Ok(Reader::open_name(value, $names::from_name, $names::Unknown))
    };
}

impl JobStatusMetadata {
    pub(super) fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([response, rejection, failure, horde_failure, streaming], rest) = r.model(
            value,
            &[
                "miner_response",
                "job_rejection_details",
                "job_failure_details",
                "horde_failure_details",
                "streaming_details",
            ],
        )?;
        let miner_response = r.optional(response, MinerResponse::read);
        let job_rejection_details = r.optional(rejection, JobRejectionDetails::read);
        let job_failure_details = r.optional(failure, JobFailureDetails::read);
        let horde_failure_details = r.optional(horde_failure, HordeFailureDetails::read);
        let streaming_details = r.optional(streaming, StreamingServerDetails::read);
        let extra = r.keep(&rest);
        Ok(Self {
            miner_response: miner_response?.map(Box::new),
            job_rejection_details: job_rejection_details?.map(Box::new),
            job_failure_details: job_failure_details?.map(Box::new),
            horde_failure_details: horde_failure_details?.map(Box::new),
            streaming_details: streaming_details?.map(Box::new),
            extra,
        })
    }
}

impl MinerResponse {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([stderr, stdout, artifacts, upload_results], rest) = r.model(
            value,
            &[
                "docker_process_stderr",
                "docker_process_stdout",
                "artifacts",
                "upload_results",
            ],
        )?;
        let stderr = r.required(stderr, Reader::string);
        let stdout = r.required(stdout, Reader::string);
        let artifacts = r.optional(artifacts, Reader::string_map);
        let upload_results = r.optional(upload_results, Reader::string_map);
        let extra = r.keep(&rest);
        Ok(Self {
            docker_process_stderr: stderr?,
            docker_process_stdout: stdout?,
            artifacts: artifacts?,
            upload_results: upload_results?,
            extra,
        })
    }
}

impl JobRejectionDetails {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([rejected_by, reason, message, context], rest) =
            r.model(value, &["rejected_by", "reason", "message", "context"])?;
        let rejected_by = r.required(rejected_by, open!(JobParticipant));
        let reason = r.required(reason, open!(JobRejectionReason));
        let message = r.required(message, Reader::string);
        let context = r.optional(context, Reader::json_map);
        r.ignore(&rest);
        Ok(Self {
            rejected_by: rejected_by?,
            reason: reason?,
            message: message?,
            context: context?,
        })
    }
}

impl JobFailureDetails {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([reason, stage, message, context, exit_status, stdout, stderr], rest) = r.model(
            value,
            &[
                "reason",
                "stage",
                "message",
                "context",
                "docker_process_exit_status",
                "docker_process_stdout",
                "docker_process_stderr",
            ],
        )?;
        let reason = r.required(reason, open!(JobFailureReason));
        let stage = r.required(stage, open!(JobFailureStage));
        let message = r.required(message, Reader::string);
        let context = r.optional(context, Reader::json_map);
        let exit_status = r.optional(exit_status, Reader::integer);
        let stdout = r.optional(stdout, Reader::string);
        let stderr = r.optional(stderr, Reader::string);
        r.ignore(&rest);
        Ok(Self {
            reason: reason?,
            stage: stage?,
            message: message?,
            context: context?,
            docker_process_exit_status: exit_status?,
            docker_process_stdout: stdout?,
            docker_process_stderr: stderr?,
        })
    }
}

impl HordeFailureDetails {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([reported_by, reason, message, context], rest) =
            r.model(value, &["reported_by", "reason", "message", "context"])?;
        let reported_by = r.required(reported_by, open!(JobParticipant));
        let reason = r.required(reason, open!(HordeFailureReason));
        let message = r.required(message, Reader::string);
        let context = r.optional(context, Reader::json_map);
        r.ignore(&rest);
        Ok(Self {
            reported_by: reported_by?,
            reason: reason?,
            message: message?,
            context: context?,
        })
    }
}

impl StreamingServerDetails {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([cert, address, port], rest) = r.model(
            value,
            &[
                "streaming_server_cert",
                "streaming_server_address",
                "streaming_server_port",
            ],
        )?;
        let cert = r.optional(cert, Reader::string);
        let address = r.optional(address, Reader::string);
        let port = r.optional(port, Reader::integer);
        r.forbid(&rest);
        Ok(Self {
            streaming_server_cert: cert?,
            streaming_server_address: address?,
            streaming_server_port: port?,
        })
    }
}

impl Encode for JobStatusMetadata {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| {
            w.field("miner_response", &self.miner_response);
            w.field("job_rejection_details", &self.job_rejection_details);
            w.field("job_failure_details", &self.job_failure_details);
            w.field("horde_failure_details", &self.horde_failure_details);
            w.field("streaming_details", &self.streaming_details);
            w.fields(&self.extra);
        });
    }
}

impl Encode for MinerResponse {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| {
            w.field("docker_process_stderr", &self.docker_process_stderr);
            w.field("docker_process_stdout", &self.docker_process_stdout);
            w.field("artifacts", &self.artifacts);
            w.field("upload_results", &self.upload_results);
            w.fields(&self.extra);
        });
    }
}

impl Encode for JobRejectionDetails {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| {
            w.field("rejected_by", self.rejected_by.as_str());
            w.field("reason", self.reason.as_str());
            w.field("message", &self.message);
            w.field("context", &self.context);
        });
    }
}

impl Encode for JobFailureDetails {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| {
            w.field("reason", self.reason.as_str());
            w.field("stage", self.stage.as_str());
            w.field("message", &self.message);
            w.field("context", &self.context);
            w.field(
                "docker_process_exit_status",
                &self.docker_process_exit_status,
            );
            w.field("docker_process_stdout", &self.docker_process_stdout);
            w.field("docker_process_stderr", &self.docker_process_stderr);
        });
    }
}

impl Encode for HordeFailureDetails {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| {
            w.field("reported_by", self.reported_by.as_str());
            w.field("reason", self.reason.as_str());
            w.field("message", &self.message);
            w.field("context", &self.context);
        });
    }
}

impl Encode for StreamingServerDetails {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| {
            w.field("streaming_server_cert", &self.streaming_server_cert);
            w.field("streaming_server_address", &self.streaming_server_address);
            w.field("streaming_server_port", &self.streaming_server_port);
        });
    }
}
