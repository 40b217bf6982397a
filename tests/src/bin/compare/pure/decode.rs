//! Decoding what a facilitator sends, against `serde_json` into derived types that own what they hold.

use std::hint::black_box;

use facilitator_core::message::{DecodeMode, FacilitatorMessage, Response};
use facilitator_tests::compare::{Measured, Plan, timed};

use super::{ROUNDS, rival, samples, strings};

pub(super) fn job_request(plan: &Plan) -> Measured {
    let real = samples::job_request();
    let text_only = strings::only(samples::job_request());
    let mut measured = told(plan, &samples::pushed(&real));
    for (name, text) in [
        ("compact", real.encode()),
        ("strings only, as pushed", samples::pushed(&text_only)),
        (
            "each kind of volume",
            samples::vector("job/volume/multi_all/pyjson"),
        ),
        (
            "the smallest that is signed",
            samples::vector("job/tamper/none"),
        ),
    ] {
        let name = format!("{name}, {} B", text.len());
        measured = measured.with(told(plan, &text).into_detail(name));
    }
    let text = samples::pushed(&real);
    let both = timed(
        plan,
        ROUNDS,
        ("", || decode(&text)),
        ("", || {
            serde_json::from_str::<rival::FacilitatorMessage>(black_box(&text))
        }),
    );
    measured
        .with(both.into_detail("the row's text, when the rival has to find out what it is, too"))
}

/// The rival is told what it reads.
fn told(plan: &Plan, text: &str) -> Measured {
    timed(
        plan,
        ROUNDS,
        ("decoder", || decode(text)),
        ("serde_json", || {
            serde_json::from_str::<rival::V2JobRequest>(black_box(text))
        }),
    )
}

pub(super) fn success(plan: &Plan) -> Measured {
    const REFUSED: &str =
        r#"{"status":"error","errors":[{"msg":"job not found","type":"job.not_found","help":""}]}"#;
    const SPACED: &str = r#"{"status": "success", "errors": []}"#;
    response(plan, &Response::success().encode())
        .with(response(plan, SPACED).into_detail("with spaces"))
        .with(response(plan, REFUSED).into_detail("an error"))
}

fn response(plan: &Plan, text: &str) -> Measured {
    timed(
        plan,
        ROUNDS,
        ("decoder", || decode(text)),
        ("serde_json", || {
            serde_json::from_str::<rival::Response>(black_box(text))
        }),
    )
}

fn decode(text: &str) -> impl Sized {
    FacilitatorMessage::decode(black_box(text), DecodeMode::Lenient)
}
