//! A job request that is strings and numbers only.

use facilitator_core::message::{ExecutorClass, V2JobRequest};

/// What is easiest for a derived reader: strings and numbers, no union to look ahead for.
pub(super) fn only(mut request: V2JobRequest) -> V2JobRequest {
    (request.volume, request.output_upload) = (None, None);
    request.executor_class = ExecutorClass::AlwaysOnGpu24Gb;
    for n in 0..8 {
        request.args.push(format!("--option-{n}=some value"));
        request
            .env
            .insert(format!("VARIABLE_{n}"), format!("/a/path/of/number/{n}"));
    }
    request
}
