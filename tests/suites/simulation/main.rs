//! Worlds, seed after seed: every promise is kept whatever goes wrong; equal seeds are equal worlds; what failed once
//! is run for ever. The program `simulate` runs more of the same.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]

mod determinism;
mod regressions;
mod scripted;
mod seeds;
mod storm;
