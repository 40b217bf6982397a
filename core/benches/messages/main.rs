//! Every kind of message that is read or written: time and allocations.
//!
//! ```text
//! cargo bench -p facilitator-core --bench messages
//! ```
//!
//! How reading compares with `serde_json` is told by the program `compare` of `facilitator-tests`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark stops where its own data are wrong"
)]

#[path = "../samples/every.rs"]
mod every;
#[path = "../samples/mod.rs"]
mod samples;

use std::hint::black_box;

use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher};
use facilitator_core::message::{DecodeMode, FacilitatorMessage};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

fn names<T>(messages: Vec<(&'static str, T)>) -> Vec<&'static str> {
    messages.into_iter().map(|(name, _)| name).collect()
}

fn find<T>(messages: Vec<(&'static str, T)>, name: &str) -> T {
    let mut messages = messages.into_iter();
    let found = messages.find(|(known, _)| *known == name);
    found.expect("the name is one of them").1
}

#[divan::bench(args = names(every::inbound()))]
fn decode(bencher: Bencher<'_, '_>, name: &str) {
    let text = find(every::inbound(), name);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| FacilitatorMessage::decode(black_box(&text), DecodeMode::Lenient));
}

#[divan::bench(args = names(every::outbound()))]
fn encode(bencher: Bencher<'_, '_>, name: &str) {
    let message = find(every::outbound(), name);
    bencher
        .counter(BytesCount::of_str(&message.encode()))
        .bench(|| black_box(&message).encode());
}
