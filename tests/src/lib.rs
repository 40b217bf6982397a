//! What the suites share, for everybody's use: vectors, a virtual world, checks.
//!
#![doc = include_str!("../guide/testing.md")]
#![allow(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a harness fails a test by panicking, wherever it is"
)]

pub mod arguments;
pub mod bounded;
pub mod built;
pub mod check;
pub mod child;
pub mod compare;
pub mod conformance;
pub mod fuzz;
#[cfg(doctest)]
mod guides;
pub mod mended;
pub mod model;
pub mod pair;
pub mod proxy;
pub mod python;
pub mod signed;
pub mod solo;
pub mod vectors;
pub mod world;
