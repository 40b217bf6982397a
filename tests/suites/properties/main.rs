//! Properties: what must hold for every input, tried with random ones.

mod canonical;
mod keys;
