//! `V2JobRequest`: a job that the facilitator wants done.

use alloc::string::String;
use alloc::vec::Vec;

use super::names::wire_names;
use super::{Integer, OutputUpload, SignatureInfo, StringMap, Volume};

wire_names! {
    /// The kind of machine a job needs. Strict: the reference refuses names that it does not know.
    "executor class" ExecutorClass {
        /// Spins up within 4 minutes, a GPU of 24 GB.
        SpinUp4MinGpu24Gb = "spin_up-4min.gpu-24gb",
        /// Always on, a GPU of 24 GB.
        AlwaysOnGpu24Gb = "always_on.gpu-24gb",
        /// Always on, an A6000 GPU for language models.
        AlwaysOnLlmA6000 = "always_on.llm.a6000",
        /// Always on, for tests.
        AlwaysOnTest = "always_on.test",
        /// Always on, 8 processor cores and 16 GB of memory.
        AlwaysOnCpu8C16Gb = "always_on.cpu.8c.16gb",
    }
}

/// A job to run: the reference's `V2JobRequest`.
///
/// The order of `env` and of the maps inside is part of what the signature covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V2JobRequest {
    /// Who asks; a validator runs nothing without one.
    pub signature: Option<SignatureInfo>,
    /// The job. The reference's model takes any text. No signature covers it.
    pub uuid: String,
    /// The caller's own grouping. No signature covers it.
    pub job_namespace: Option<String>,
    /// The kind of machine.
    pub executor_class: ExecutorClass,
    /// The image to run.
    pub docker_image: String,
    /// The process's arguments.
    pub args: Vec<String>,
    /// The process's environment. `Debug` shows the names only.
    pub env: StringMap,
    /// Whether the process gets the GPU; true when the wire does not say.
    pub use_gpu: bool,
    /// The input.
    pub volume: Option<Volume>,
    /// The output.
    pub output_upload: Option<OutputUpload>,
    /// The directory whose files are returned in the miner's response. Null is signed as an empty string.
    pub artifacts_dir: Option<String>,
    /// Whether only the validator's trusted miner may run it; false when the wire does not say.
    pub on_trusted_miner: bool,
    /// Seconds for the download of the volumes.
    pub download_time_limit: Integer,
    /// Seconds for the process.
    pub execution_time_limit: Integer,
    /// Seconds for the upload of the output.
    pub upload_time_limit: Integer,
    /// Seconds for the start of streaming.
    pub streaming_start_time_limit: Integer,
    /// Set when the job wants to be streamed to.
    pub streaming_details: Option<StreamingDetails>,
}

/// Who wants to stream to a job: the reference's `StreamingDetails`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamingDetails {
    /// The client's public key or certificate.
    pub public_key: String,
    /// The executor's address, once known.
    pub executor_ip: Option<String>,
}

impl V2JobRequest {
    /// A request with the reference's defaults: no arguments, no volumes, a GPU, and 0 for every limit.
    pub fn new(
        uuid: impl Into<String>,
        executor_class: ExecutorClass,
        docker_image: impl Into<String>,
    ) -> Self {
        Self {
            signature: None,
            uuid: uuid.into(),
            job_namespace: None,
            executor_class,
            docker_image: docker_image.into(),
            args: Vec::new(),
            env: StringMap::new(),
            use_gpu: true,
            volume: None,
            output_upload: None,
            artifacts_dir: None,
            on_trusted_miner: false,
            download_time_limit: Integer::ZERO,
            execution_time_limit: Integer::ZERO,
            upload_time_limit: Integer::ZERO,
            streaming_start_time_limit: Integer::ZERO,
            streaming_details: None,
        }
    }
}
