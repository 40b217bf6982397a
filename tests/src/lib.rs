//! What the suites share: vectors, a virtual world, checks.
#![allow(clippy::panic, reason = "a harness fails a test by panicking")]

pub mod fuzz;
pub mod pair;

pub mod python;
pub mod solo;
pub mod vectors;
