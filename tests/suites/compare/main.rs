//! How `compare` judges and tells, and that all it measures still runs. No figure is judged here: machines differ.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod program;
mod report;
