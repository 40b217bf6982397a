//! What a signature signs, built from the protocol's description with the slow imitation of Python: the yardstick for
//! the core's payloads, with which it shares nothing but the messages' fields.

use facilitator_core::message::{
    AllowPatterns, Integer, OutputUpload, SingleFileUpload, SingleVolume, StringMap, V0JobCheated,
    V2JobRequest, Volume, ZipUpload,
};

use crate::python::{self, Node};

/// The payload of a job request: a string that holds JSON.
pub fn job_request(request: &V2JobRequest) -> String {
    python::quote(&signed_fields(request).dumps_compact())
}

/// The payload of a cheat report. `details` is its JSON, as it came.
///
/// # Panics
/// When `details` is no JSON.
pub fn job_cheated(report: &V0JobCheated, details: &str) -> String {
    let fields = [
        ("job_uuid", text(&report.job_uuid)),
        ("trusted_job_uuid", text(&report.trusted_job_uuid)),
        ("details", Node::parse(details)),
    ];
    object(fields).dumps_sorted()
}

fn text(text: &str) -> Node {
    Node::Text(text.into())
}

fn optional(value: Option<&String>) -> Node {
    value.map_or(Node::Null, |value| text(value))
}

fn map(map: &StringMap) -> Node {
    Node::Object(
        map.iter()
            .map(|(key, value)| (key.into(), text(value)))
            .collect(),
    )
}

fn object<const N: usize>(fields: [(&str, Node); N]) -> Node {
    Node::Object(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

fn volume_node(volume: &SingleVolume) -> Node {
    let archive = |kind, contents, relative_path: &Option<String>| {
        object([
            ("volume_type", text(kind)),
            ("contents", text(contents)),
            ("relative_path", optional(relative_path.as_ref())),
        ])
    };
    match volume {
        SingleVolume::Inline(v) => archive("inline", &v.contents, &v.relative_path),
        SingleVolume::ZipUrl(v) => archive("zip_url", &v.contents, &v.relative_path),
        SingleVolume::SingleFile(v) => object([
            ("volume_type", text("single_file")),
            ("url", text(&v.url)),
            ("relative_path", text(&v.relative_path)),
        ]),
        SingleVolume::Huggingface(v) => object([
            ("volume_type", text("huggingface_volume")),
            ("repo_id", text(&v.repo_id)),
            ("repo_type", optional(v.repo_type.as_ref())),
            ("revision", optional(v.revision.as_ref())),
            ("relative_path", optional(v.relative_path.as_ref())),
            (
                "allow_patterns",
                match &v.allow_patterns {
                    None => Node::Null,
                    Some(AllowPatterns::One(pattern)) => text(pattern),
                    Some(AllowPatterns::Many(patterns)) => {
                        Node::List(patterns.iter().map(|pattern| text(pattern)).collect())
                    }
                },
            ),
            ("token", optional(v.token.as_ref())),
        ]),
    }
}

fn file_node(file: &SingleFileUpload) -> Node {
    let headers = |map_: &Option<StringMap>| map_.as_ref().map_or(Node::Null, map);
    match file {
        SingleFileUpload::Post(u) => object([
            ("output_upload_type", text("single_file_post")),
            ("url", text(&u.url)),
            ("form_fields", headers(&u.form_fields)),
            ("relative_path", text(&u.relative_path)),
            ("signed_headers", headers(&u.signed_headers)),
        ]),
        SingleFileUpload::Put(u) => object([
            ("output_upload_type", text("single_file_put")),
            ("url", text(&u.url)),
            ("relative_path", text(&u.relative_path)),
            ("signed_headers", headers(&u.signed_headers)),
        ]),
    }
}

fn archive_node(archive: &ZipUpload) -> Node {
    match archive {
        ZipUpload::Post(u) => object([
            ("output_upload_type", text("zip_and_http_post")),
            ("url", text(&u.url)),
            (
                "form_fields",
                u.form_fields.as_ref().map_or(Node::Null, map),
            ),
        ]),
        ZipUpload::Put(u) => object([
            ("output_upload_type", text("zip_and_http_put")),
            ("url", text(&u.url)),
        ]),
    }
}

fn signed_fields(request: &V2JobRequest) -> Node {
    let integer = |integer: &Integer| Node::Number(integer.to_string());
    let volumes = match &request.volume {
        None => vec![],
        Some(Volume::Single(volume)) => vec![volume_node(volume)],
        Some(Volume::Multi(multi)) => multi.volumes.iter().map(volume_node).collect(),
    };
    let uploads = match &request.output_upload {
        None => vec![],
        Some(OutputUpload::SingleFile(file)) => vec![file_node(file)],
        Some(OutputUpload::Zip(archive)) => vec![archive_node(archive)],
        Some(OutputUpload::Multi(multi)) => multi.uploads.iter().map(file_node).collect(),
    };
    let streaming = request
        .streaming_details
        .as_ref()
        .map_or(Node::Null, |details| {
            object([
                ("public_key", text(&details.public_key)),
                ("executor_ip", optional(details.executor_ip.as_ref())),
            ])
        });
    object([
        ("executor_class", text(request.executor_class.as_str())),
        ("docker_image", text(&request.docker_image)),
        (
            "args",
            Node::List(request.args.iter().map(|arg| text(arg)).collect()),
        ),
        ("env", map(&request.env)),
        ("use_gpu", Node::Bool(request.use_gpu)),
        (
            "artifacts_dir",
            text(request.artifacts_dir.as_deref().unwrap_or("")),
        ),
        ("on_trusted_miner", Node::Bool(request.on_trusted_miner)),
        ("download_time_limit", integer(&request.download_time_limit)),
        (
            "execution_time_limit",
            integer(&request.execution_time_limit),
        ),
        ("upload_time_limit", integer(&request.upload_time_limit)),
        (
            "streaming_start_time_limit",
            integer(&request.streaming_start_time_limit),
        ),
        ("streaming_details", streaming),
        ("volumes", Node::List(volumes)),
        ("uploads", Node::List(uploads)),
    ])
}
