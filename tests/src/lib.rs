//! What the suites share: vectors, a virtual world, checks.

pub mod python;
pub mod vectors;
