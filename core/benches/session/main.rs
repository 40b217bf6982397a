//! One cycle of a session (submit a status, transmit it, take its acknowledgement), against a queue that does only that.
//!
//! ```text
//! cargo bench -p facilitator-core --bench session            1000 rounds a line
//! cargo bench -p facilitator-core --bench session -- 5000    more, for a busy machine
//! ```
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark stops where its own data are wrong, and prints what it finds"
)]

#[path = "../versus/mod.rs"]
mod versus;
mod workload;

use versus::Effort;
use workload::{Load, Session, Toy};

fn main() {
    let effort = Effort::of_arguments();
    let usual = Load::FEW;
    versus::heading("session", "queue");
    let mut few = Session::new(usual);
    let mut toy = Toy::new(usual);
    effort.compare("statuses only", Some(3.0), || few.cycle(), || toy.cycle());

    let with_output = Load {
        with_output: true,
        ..usual
    };
    let mut session = Session::new(with_output);
    let mut toy = Toy::new(with_output);
    effort.compare(
        "and jobs that end with output",
        Some(3.0),
        || session.cycle(),
        || toy.cycle(),
    );

    if !effort.is_thorough {
        return;
    }
    let much = Load {
        jobs: 100_000,
        queued: 1_000_000,
        with_output: false,
    };
    let mut session = Session::new(much);
    let mut toy = Toy::new(much);
    let name = format!(
        "{} queued, {} jobs open",
        session.owed(),
        session.open_jobs()
    );
    effort.compare(&name, Some(3.0), || session.cycle(), || toy.cycle());
    versus::heading("much", "few");
    effort.compare(
        "the session with much and with few",
        None,
        || session.cycle(),
        || few.cycle(),
    );
}
