//! The session in virtual time: a file per promise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a suite fails by panicking, and says what it has counted"
)]

mod authentication;
mod exposition;
mod health;
mod heartbeat;
mod inbound;
mod jobs;
mod keepalive;
mod lifecycle;
mod metrics;
mod misuse;
mod outbox;
mod poison;
mod reconnect;
mod responses;
mod snapshot;
mod specs;
mod stats;
mod stop;
mod transitions;
mod trust;
mod watchdog;
mod words;
