//! Job requests to decode and to verify: golden vectors, and one of them grown to the size of a real one.

use facilitator_core::message::{
    DecodeMode, FacilitatorMessage, MultiUpload, OutputUpload, SingleFileUpload, SingleVolume,
    V2JobRequest, Volume,
};
use serde::Deserialize;

const ACCEPTED: &str = include_str!("../../../tests/vectors/wire_accept.jsonl");
const SIGNED: &str = include_str!("../../../tests/vectors/signed.jsonl");

#[derive(Deserialize)]
struct Vector<'a> {
    name: &'a str,
    json: String,
}

/// The text of a golden vector.
pub(crate) fn vector(name: &str) -> String {
    let mut lines = ACCEPTED.lines().chain(SIGNED.lines());
    lines
        .find_map(|line| {
            let vector: Vector<'_> = serde_json::from_str(line).ok()?;
            (vector.name == name).then_some(vector.json)
        })
        .expect("the vector is there")
}

/// A signed vector with every kind of field, its addresses and its archive as long as they are in life: 1.7 KB.
pub(crate) fn job_request() -> V2JobRequest {
    let text = vector("job/tamper/none");
    let mut request = V2JobRequest::decode(&text, DecodeMode::Strict)
        .expect("the vector is accepted")
        .message;
    let address = |path: &str| {
        format!(
            "https://bucket.storage.example/{path}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=3600&X-Amz-Date=20260123T101500Z"
        )
    };
    let Some(Volume::Multi(volumes)) = &mut request.volume else {
        panic!("the vector has several volumes");
    };
    for volume in &mut volumes.volumes {
        match volume {
            SingleVolume::SingleFile(file) => file.url = address("input.json"),
            SingleVolume::Inline(inline) => {
                inline.contents = String::from("UEsDBBQAAAAIAEJeLlkAAAAA");
            }
            SingleVolume::ZipUrl(_) | SingleVolume::Huggingface(_) => {}
        }
    }
    let Some(OutputUpload::Multi(MultiUpload { uploads, .. })) = &mut request.output_upload else {
        panic!("the vector has several uploads");
    };
    for upload in uploads {
        if let SingleFileUpload::Put(file) = upload {
            file.url = address("output.bin");
        }
    }
    request
}

/// As the facilitator pushes it: spaces behind separators, ASCII only.
pub(crate) fn pushed(request: &V2JobRequest) -> String {
    FacilitatorMessage::JobRequest(Box::new(request.clone())).encode_python()
}
