//! The golden vectors, every line of every file: made by the reference implementation, so what they say is right.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a suite fails by panicking, and says what it has counted"
)]

mod auth;
mod damage;
mod observed;
mod signed;
mod wire;
