//! The session against the reference model: random scripts, and the ones that once found something.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a suite fails by panicking, and says what it has counted"
)]

mod found;
mod random;
mod schedule;
