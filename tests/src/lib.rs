//! What the suites share: vectors, a virtual world, checks.
#![allow(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a harness fails a test by panicking, wherever it is"
)]

pub mod fuzz;
pub mod mended;
pub mod model;
pub mod pair;
pub mod proxy;
pub mod python;
pub mod solo;
pub mod vectors;
pub mod world;
