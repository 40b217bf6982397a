//! The shared driver and its handle, over in-memory WebSockets and tokio's paused clock: real framing, no sockets, no
//! waiting. What needs real sockets is in `runtimes`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a suite fails by panicking, and says what it has counted"
)]

mod cancellation;
mod crowd;
mod dropped;
mod events;
mod fairness;
mod handle;
mod leaks;
mod memory;
mod pressure;
mod restart;
mod transports;
mod writing;

#[test]
fn the_table_names_tests_that_exist() {
    facilitator_tests::mended::check("driver");
}
