//! What one cycle of a session asks of the allocator, beside the queue that does the least. Counting makes every
//! allocation slower, so the times are measured elsewhere, by the bench `session`.
//!
//! ```text
//! cargo bench -p facilitator-core --bench allocations
//! ```
//!
//! The payload is what both columns share: the update that the application makes, its text, and the queue's copy of
//! that for the socket, for which the session shares one text instead. Everything beyond it is the session's own.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark stops where its own data are wrong, and prints what it finds"
)]

#[path = "../session/workload.rs"]
mod workload;

use allocation_counter::{AllocationInfo, measure};
use workload::{Load, Session, Toy};

/// A multiple of the cycles of one job.
const CYCLES: u32 = 6 * 10_000;

fn main() {
    println!(
        "{:<34} {:>10} {:>10} {:>10} {:>10}",
        "in one cycle", "session", "queue", "session", "queue"
    );
    for (name, with_output) in [
        ("statuses only", false),
        ("and jobs that end with output", true),
    ] {
        let load = Load {
            with_output,
            ..Load::FEW
        };
        let mut session = Session::new(load);
        assert_eq!((session.owed(), session.open_jobs()), (0, load.jobs));
        let ours = measure(|| (0..CYCLES).for_each(|_| session.cycle()));
        let mut toy = Toy::new(load);
        let theirs = measure(|| (0..CYCLES).for_each(|_| toy.cycle()));
        let each = |total: u64| {
            let hundredths = total * 100 / u64::from(CYCLES);
            format!("{}.{:02}", hundredths / 100, hundredths % 100)
        };
        println!(
            "{name:<34} {:>10} {:>10} {:>8} B {:>8} B",
            each(ours.count_total),
            each(theirs.count_total),
            each(ours.bytes_total),
            each(theirs.bytes_total),
        );
        grows_not(ours);
    }
}

/// In the steady state what is allocated is freed again.
fn grows_not(info: AllocationInfo) {
    let kept = info.bytes_current.unsigned_abs();
    assert!(kept < 64 << 10, "{kept} bytes more or less than before");
}
