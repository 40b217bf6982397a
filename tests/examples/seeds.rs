//! Writes the fuzz targets' seeds into `fuzz/corpus/`, or another folder, anew from the golden vectors:
//! `cargo run -p facilitator-tests --example seeds -- [FOLDER]`. What has another name there, a fuzzer has found.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use facilitator_tests::fuzz::Stage;
use facilitator_tests::solo;
use serde::Deserialize;

/// One line of each kind: every message, every variant of a union, and each way of being wrong.
const SEEDS: [&str; 45] = [
    "auth/ok",
    "auth/sig_list",
    "cheated/details_float",
    "cheated/details_null",
    "cheated/full",
    "cheated/full/pyjson",
    "cheated/min",
    "cheated/raw_details_nan",
    "heartbeat/extra/union",
    "heartbeat/ok/union",
    "job/full",
    "job/full/pyjson",
    "job/env_int_value",
    "job/limit_frac",
    "job/limit_huge",
    "job/limit_str_underscore",
    "job/signature_null",
    "job/sig_b64_ws",
    "job/sig_ts_over_u64",
    "job/streaming/ip_null",
    "job/upload/multi_sysout_post",
    "job/upload/multi_sysout_put",
    "job/upload/single_put",
    "job/upload/zip_post_fields",
    "job/use_gpu_yes",
    "job/volume/huggingface_full",
    "job/volume/huggingface_pattern_str",
    "job/volume/inline_path",
    "job/volume/multi_all",
    "job/volume/zip_url_path",
    "job/vol_bad_tag",
    "job/vol_extra_ignored",
    "response/error_many/pyjson",
    "response/raw_bigint",
    "response/raw_deep_nesting_150",
    "response/raw_dup_key_last_wins_ok",
    "response/raw_lone_surrogate",
    "response/success",
    "response/unicode/pyjson",
    "specs/ok",
    "status/all_metadata/union",
    "status/completed/miner_response_extra",
    "status/horde_failed/unknown/generic_error",
    "status/stream_port_str_coerced/union",
    "union/int_tag",
];

#[derive(Deserialize)]
struct Vector {
    name: String,
    json: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = env::args_os()
        .nth(1)
        .map_or_else(|| tests.join("../fuzz/corpus"), PathBuf::from);
    for target in ["decode", "canonical", "session"] {
        fs::create_dir_all(corpus.join(target))?;
    }
    write_vectors(tests, &corpus)?;
    for (number, stage) in (0..).zip(Stage::ALL) {
        fs::write(
            corpus.join(format!("session/{stage:?}").to_lowercase()),
            conversation(number),
        )?;
    }
    Ok(())
}

/// What is signed goes to `canonical`, too.
fn write_vectors(tests: &Path, corpus: &Path) -> Result<(), Box<dyn Error>> {
    let mut wanted = SEEDS.to_vec();
    for file in ["wire_accept.jsonl", "wire_edge.jsonl"] {
        for line in fs::read_to_string(tests.join("vectors").join(file))?.lines() {
            let vector: Vector = serde_json::from_str(line)?;
            let Some(place) = wanted.iter().position(|name| *name == vector.name) else {
                continue;
            };
            let json = vector.json.ok_or("a seed must be text")?;
            let name = vector.name.replace('/', "-");
            fs::write(corpus.join("decode").join(&name), &json)?;
            if name.starts_with("job") || name.starts_with("cheated") {
                fs::write(corpus.join("canonical").join(&name), &json)?;
            }
            wanted.swap_remove(place);
        }
    }
    if wanted.is_empty() {
        Ok(())
    } else {
        Err(format!("not among the vectors: {wanted:?}").into())
    }
}

/// A bit of everything, in this stage. A byte of 255 stands between two pieces.
fn conversation(stage: u8) -> Vec<u8> {
    let request = format!("t{}", solo::job_request(&solo::job(2)));
    let known = format!("t{}", solo::error("job.integrity_error"));
    let pieces: [&[u8]; 14] = [
        request.as_bytes(),
        b"s\x02",
        known.as_bytes(),
        request.as_bytes(),
        b"t{\"message_type\": \"V9Unknown\"}",
        b"bytes",
        b"ping",
        b"opong",
        b"g\x02\x04",
        b"a",
        b"t{\"status\": \"error\"}",
        b"w",
        b"k",
        b"c\x0b\xb9unknown",
    ];
    // The stage, then one of the configurations.
    [[stage, stage * 8].as_slice(), &pieces.join(&255)].concat()
}
