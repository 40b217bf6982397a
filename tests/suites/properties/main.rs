//! Properties: what must hold for every input, tried with random ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a suite fails by panicking, and says what it has counted"
)]

mod canonical;
mod keys;
mod messages;
