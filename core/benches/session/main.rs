//! A session that is kept busy: the time and the allocations of a cycle, beside those of a queue that does the least.
//!
//! ```text
//! cargo bench -p facilitator-core --bench session
//! ```
//!
//! Counting makes every allocation a little slower, on both sides. The ratio is measured without it, and interleaved, by
//! the program `compare` of `facilitator-tests`, with this very workload.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops where its own data are wrong"
)]

#[path = "../workload/reports.rs"]
mod reports;
#[path = "../workload/session.rs"]
mod session;
#[path = "../workload/toy.rs"]
mod toy;

use divan::{AllocProfiler, Bencher};
use reports::Load;
use session::Session;
use toy::Toy;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const LOADS: [Load; 3] = [
    Load::FEW,
    Load {
        with_output: true,
        ..Load::FEW
    },
    Load {
        queued: 10_000,
        ..Load::FEW
    },
];

/// Submits a status, transmits it and takes its acknowledgement.
#[divan::bench(args = LOADS, sample_size = 1000)]
fn cycle(bencher: Bencher<'_, '_>, load: Load) {
    let mut session = Session::new(load);
    bencher.bench_local(|| session.cycle());
}

/// The rival formats it, queues it, copies it for the socket, forgets it.
#[divan::bench(args = LOADS, sample_size = 1000)]
fn cycle_of_the_queue(bencher: Bencher<'_, '_>, load: Load) {
    let mut toy = Toy::new(load);
    bencher.bench_local(|| toy.cycle());
}
