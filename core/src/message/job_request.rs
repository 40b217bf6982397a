//! `V2JobRequest`: a job that the facilitator wants done.

use alloc::string::String;
use alloc::vec::Vec;

use super::error::IssueKind;
use super::json::{Encode, Sink, Value, Writer};
use super::names::wire_names;
use super::reader::{Read, Reader};
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
    /// A request with nothing beside this: no arguments, no environment, no input and output, no signature. It gets the
    /// GPU, as by the reference's default. Every time limit is 0 seconds: set what the job needs, the reference has no
    /// default for them.
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

/// The `message_type`.
pub(super) const TAG: &str = "V2JobRequest";

const FIELDS: [&str; 19] = [
    "signature",
    "type",
    "message_type",
    "uuid",
    "job_namespace",
    "executor_class",
    "docker_image",
    "args",
    "env",
    "use_gpu",
    "volume",
    "output_upload",
    "artifacts_dir",
    "on_trusted_miner",
    "download_time_limit",
    "execution_time_limit",
    "upload_time_limit",
    "streaming_start_time_limit",
    "streaming_details",
];

impl V2JobRequest {
    /// The reference knows one type of job request, and still tells it by its tag.
    pub(super) fn read_tagged<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        const TYPES: &str = "'V2JobRequest'";
        let tag = r.tag(value, "message_type", TYPES)?;
        if tag == TAG {
            Self::read(r, value)
        } else {
            Err(r.unknown_tag(value, "message_type", &tag, TYPES))
        }
    }
}

impl V2JobRequest {
    /// What is known to be a job request by its tag.
    pub(super) fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        r.within(TAG, value, Self::read_fields)
    }

    fn read_fields<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        const EXECUTOR_CLASS: IssueKind = IssueKind::Enum {
            expected: "'spin_up-4min.gpu-24gb', 'always_on.gpu-24gb', 'always_on.llm.a6000', 'always_on.test' \
                       or 'always_on.cpu.8c.16gb'",
        };
        let (fields, rest) = r.model(value, &FIELDS)?;
        let [signature, kind, _, uuid, job_namespace, fields @ ..] = fields;
        let [
            executor_class,
            docker_image,
            args,
            env,
            use_gpu,
            volume,
            output_upload,
            fields @ ..,
        ] = fields;
        let [artifacts_dir, on_trusted_miner, fields @ ..] = fields;
        let [
            download_time_limit,
            execution_time_limit,
            upload_time_limit,
            fields @ ..,
        ] = fields;
        let [streaming_start_time_limit, streaming_details] = fields;

        let signature = r.optional(signature, SignatureInfo::read);
        let kind = r.constant(kind, "job.new", "'job.new'");
        let uuid = r.required(uuid, Reader::string);
        let job_namespace = r.optional(job_namespace, Reader::string);
        let executor_class = r.required(executor_class, |r, value| {
            r.strict_name(value, ExecutorClass::from_name, EXECUTOR_CLASS)
        });
        let docker_image = r.required(docker_image, Reader::string);
        let args = r.required(args, Reader::strings);
        let env = r.required(env, Reader::string_map);
        let use_gpu = r.or(use_gpu, true, Reader::boolean);
        let volume = r.optional(volume, Volume::read);
        let output_upload = r.optional(output_upload, OutputUpload::read);
        let artifacts_dir = r.optional(artifacts_dir, Reader::string);
        let on_trusted_miner = r.or(on_trusted_miner, false, Reader::boolean);
        let download_time_limit = r.required(download_time_limit, Reader::integer);
        let execution_time_limit = r.required(execution_time_limit, Reader::integer);
        let upload_time_limit = r.required(upload_time_limit, Reader::integer);
        let streaming_start_time_limit = r.required(streaming_start_time_limit, Reader::integer);
        let streaming_details = r.optional(streaming_details, StreamingDetails::read);
        r.forbid(&rest);
        kind?;
        Ok(Self {
            signature: signature?,
            uuid: uuid?,
            job_namespace: job_namespace?,
            executor_class: executor_class?,
            docker_image: docker_image?,
            args: args?,
            env: env?,
            use_gpu: use_gpu?,
            volume: volume?,
            output_upload: output_upload?,
            artifacts_dir: artifacts_dir?,
            on_trusted_miner: on_trusted_miner?,
            download_time_limit: download_time_limit?,
            execution_time_limit: execution_time_limit?,
            upload_time_limit: upload_time_limit?,
            streaming_start_time_limit: streaming_start_time_limit?,
            streaming_details: streaming_details?,
        })
    }
}

impl StreamingDetails {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([public_key, executor_ip], rest) = r.model(value, &["public_key", "executor_ip"])?;
        let public_key = r.required(public_key, Reader::string);
        let executor_ip = r.optional(executor_ip, Reader::string);
        r.ignore(&rest);
        Ok(Self {
            public_key: public_key?,
            executor_ip: executor_ip?,
        })
    }
}

impl Encode for V2JobRequest {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| {
            w.field("signature", &self.signature);
            w.field("type", "job.new");
            w.field("message_type", TAG);
            w.field("uuid", &self.uuid);
            w.field("job_namespace", &self.job_namespace);
            w.field("executor_class", self.executor_class.as_str());
            w.field("docker_image", &self.docker_image);
            w.field("args", &self.args);
            w.field("env", &self.env);
            w.field("use_gpu", &self.use_gpu);
            w.field("volume", &self.volume);
            w.field("output_upload", &self.output_upload);
            w.field("artifacts_dir", &self.artifacts_dir);
            w.field("on_trusted_miner", &self.on_trusted_miner);
            w.field("download_time_limit", &self.download_time_limit);
            w.field("execution_time_limit", &self.execution_time_limit);
            w.field("upload_time_limit", &self.upload_time_limit);
            w.field(
                "streaming_start_time_limit",
                &self.streaming_start_time_limit,
            );
            w.field("streaming_details", &self.streaming_details);
        });
    }
}

impl Encode for StreamingDetails {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| {
            w.field("public_key", &self.public_key);
            w.field("executor_ip", &self.executor_ip);
        });
    }
}
