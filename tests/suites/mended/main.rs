//! What the predecessors got wrong, shown mended in virtual time. `README.md` beside this file says which test shows
//! which row.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a suite fails by panicking, and says what it has counted"
)]

mod bounds;
mod connection;
mod cuts;
mod heartbeats;
mod inbound;
mod outage;
mod poison;
mod stopping;

#[test]
fn the_table_names_tests_that_exist() {
    facilitator_tests::mended::check("mended");
}
