//! The program, run as a user runs it: a child process with pipes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of a test fail it by panicking"
)]

mod child;
mod demo;
mod manual;
mod serve;
