//! Guides that stand beside the packages, so that their Rust is compiled and run. Their other commands are run by the
//! suite `guides`; this package's own guide is its documentation.

#[doc = include_str!("../../runtime-tokio/guide/embedding.md")]
struct Embedding;

#[doc = include_str!("../../runtime-tokio/guide/operators.md")]
struct Operators;
