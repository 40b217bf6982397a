//! The guide that stands beside another package, so that its Rust is compiled and run. What guides tell a reader to
//! type is run by the suite `guides`; this package's own guide is its documentation.

#[doc = include_str!("../../runtime-tokio/guide/embedding.md")]
struct Embedding;
