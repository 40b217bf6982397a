//! The same messages as anybody would write them with serde's derive: owned fields, unions by their tag. It reads less
//! than ours does: no base64, no integers beyond 64 bits, no coercion, no list of unknown fields.
#![allow(
    dead_code,
    clippy::struct_field_names,
    clippy::enum_variant_names,
    reason = "it is only read into, and the names are the wire's"
)]

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(tag = "message_type")]
pub(crate) enum FacilitatorMessage {
    V2JobRequest(Box<V2JobRequest>),
    V0JobCheated(Box<V0JobCheated>),
}

#[derive(Deserialize)]
pub(crate) struct V2JobRequest {
    signature: Option<Signature>,
    uuid: String,
    job_namespace: Option<String>,
    executor_class: ExecutorClass,
    docker_image: String,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    #[serde(default = "yes")]
    use_gpu: bool,
    volume: Option<Volume>,
    output_upload: Option<OutputUpload>,
    artifacts_dir: Option<String>,
    #[serde(default)]
    on_trusted_miner: bool,
    download_time_limit: i64,
    execution_time_limit: i64,
    upload_time_limit: i64,
    streaming_start_time_limit: i64,
    streaming_details: Option<StreamingDetails>,
}

const fn yes() -> bool {
    true
}

#[derive(Deserialize)]
pub(crate) struct V0JobCheated {
    job_uuid: String,
    trusted_job_uuid: String,
    details: serde_json::Value,
    signature: Option<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    signature_type: String,
    signatory: String,
    timestamp_ns: i64,
    signature: String,
    signature_scope: SignatureScope,
}

#[derive(Deserialize)]
enum SignatureScope {
    SignedFields,
    FullRequest,
}

#[derive(Deserialize)]
enum ExecutorClass {
    #[serde(rename = "spin_up-4min.gpu-24gb")]
    SpinUp4MinGpu24Gb,
    #[serde(rename = "always_on.gpu-24gb")]
    AlwaysOnGpu24Gb,
    #[serde(rename = "always_on.llm.a6000")]
    AlwaysOnLlmA6000,
    #[serde(rename = "always_on.test")]
    AlwaysOnTest,
    #[serde(rename = "always_on.cpu.8c.16gb")]
    AlwaysOnCpu8C16Gb,
}

#[derive(Deserialize)]
struct StreamingDetails {
    public_key: String,
    executor_ip: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "volume_type", rename_all = "snake_case")]
enum Volume {
    Inline {
        contents: String,
        relative_path: Option<String>,
    },
    ZipUrl {
        contents: String,
        relative_path: Option<String>,
    },
    SingleFile {
        url: String,
        relative_path: String,
    },
    HuggingfaceVolume {
        repo_id: String,
        repo_type: Option<String>,
        revision: Option<String>,
        relative_path: Option<String>,
        allow_patterns: Option<AllowPatterns>,
        token: Option<String>,
    },
    MultiVolume {
        volumes: Vec<Self>,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum AllowPatterns {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
#[serde(tag = "output_upload_type", rename_all = "snake_case")]
enum OutputUpload {
    ZipAndHttpPost {
        url: String,
        form_fields: Option<BTreeMap<String, String>>,
    },
    ZipAndHttpPut {
        url: String,
    },
    SingleFilePost {
        url: String,
        form_fields: Option<BTreeMap<String, String>>,
        relative_path: String,
        signed_headers: Option<BTreeMap<String, String>>,
    },
    SingleFilePut {
        url: String,
        relative_path: String,
        signed_headers: Option<BTreeMap<String, String>>,
    },
    MultiUpload {
        uploads: Vec<Self>,
        system_output: Option<Box<Self>>,
    },
}

#[derive(Deserialize)]
pub(crate) struct Response {
    status: Status,
    #[serde(default)]
    errors: Vec<Error>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Success,
    Error,
}

#[derive(Deserialize)]
struct Error {
    msg: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    help: String,
    #[serde(flatten)]
    extra: BTreeMap<String, serde_json::Value>,
}
