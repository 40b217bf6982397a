//! Decoding what a facilitator sends, against `serde_json` into derived types that own what they hold.
//!
//! ```text
//! cargo bench -p facilitator-core --bench decode            1000 rounds a line
//! cargo bench -p facilitator-core --bench decode -- 5000    more, for a busy machine
//! ```
//!
//! What three runs on a shared machine gave: the range of the medians; the middle half of each run lay within 3 % of
//! its median, single rounds far outside of it.
//!
//! | what | ratio | bar |
//! |---|---|---|
//! | a real job request, both find out what it is | 0.46 to 0.47 | 0.7 |
//! | the same, and the rival is told | 0.61 to 0.62 | 0.7 |
//! | strings only, both find out | 0.47 to 0.48 | 0.7 |
//! | strings only, and the rival is told | 0.85 to 0.86 | 0.7, missed: allocating the strings is half of both |
//! | the plain success | 0.09 | 0.1 |
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark stops where its own data are wrong, and prints what it finds"
)]

mod rival;
#[path = "../samples/mod.rs"]
mod samples;
mod strings;
#[path = "../versus/mod.rs"]
mod versus;

use std::hint::black_box;

use facilitator_core::message::{DecodeMode, FacilitatorMessage, Response};
use versus::Effort;

fn main() {
    let effort = Effort::of_arguments();
    job_requests(effort);
    responses(effort);
}

/// The rival is told what it reads, the decoder has to find out. Only in the lines called "by tag" both have to.
fn job_requests(effort: Effort) {
    const BAR: Option<f64> = Some(0.7);
    let real = samples::job_request();
    let plain = strings::only(samples::job_request());
    versus::heading("decoder", "serde_json");
    for (name, text) in [
        ("real, compact", real.encode()),
        ("real, as pushed", samples::pushed(&real)),
        ("no unions, compact", plain.encode()),
        ("no unions, as pushed", samples::pushed(&plain)),
        (
            "vector, each kind of volume",
            samples::vector("job/volume/multi_all/pyjson"),
        ),
        ("vector, signed", samples::vector("job/tamper/none")),
    ] {
        let name = format!("V2JobRequest, {} B: {name}", text.len());
        effort.compare(
            &name,
            BAR,
            || FacilitatorMessage::decode(black_box(&text), DecodeMode::Lenient),
            || serde_json::from_str::<rival::V2JobRequest>(black_box(&text)),
        );
        effort.compare(
            &format!("{name}, by tag"),
            BAR,
            || FacilitatorMessage::decode(black_box(&text), DecodeMode::Lenient),
            || serde_json::from_str::<rival::FacilitatorMessage>(black_box(&text)),
        );
    }
}

fn responses(effort: Effort) {
    const REFUSED: &str =
        r#"{"status":"error","errors":[{"msg":"job not found","type":"job.not_found","help":""}]}"#;
    let success = Response::success().encode();
    versus::heading("decoder", "serde_json");
    for (name, bar, text) in [
        ("Response, success", Some(0.1), success.as_str()),
        (
            "Response, success with spaces",
            None,
            r#"{"status": "success", "errors": []}"#,
        ),
        ("Response, error", None, REFUSED),
    ] {
        effort.compare(
            name,
            bar,
            || FacilitatorMessage::decode(black_box(text), DecodeMode::Lenient),
            || serde_json::from_str::<rival::Response>(black_box(text)),
        );
    }
}
