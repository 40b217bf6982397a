//! The instructions that the hot paths take, counted by callgrind: the same on a busy machine, and compared with what is
//! committed beside this file.
//!
//! ```text
//! cargo bench -p facilitator-core --bench instructions             fails when a path takes over 3 % more than committed
//! cargo bench -p facilitator-core --bench instructions -- --bless  writes down what they take now
//! cargo bench -p facilitator-core --bench instructions -- --native runs them without callgrind, once, to see that they work
//! ```
//!
//! It needs valgrind and nothing else. The counts depend on the compiler: with another one than they were written down
//! with, only what goes beyond 15 % fails, and the table says so. Then check out the commit that wrote them, bless that
//! with the new compiler, and compare again: what still moves is ours. Another C library moves them a little, by the
//! variants of `memcpy`; which variant a processor would choose is fixed here. Other processor families have none yet.
//! Signatures are not counted: their arithmetic is not ours.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark stops where its own data are wrong, and prints what it finds"
)]

mod baseline;
mod callgrind;
#[path = "../samples/every.rs"]
mod every;
mod paths;
#[path = "../workload/reports.rs"]
mod reports;
#[path = "../samples/mod.rs"]
mod samples;
#[path = "../workload/session.rs"]
mod session;

use std::process::ExitCode;

use baseline::Baseline;

fn main() -> ExitCode {
    let said = |word: &str| std::env::args().any(|argument| argument == word);
    // `cargo test --benches` asks only whether it still works; `cargo bench` says `--bench`.
    if said("--native") || said(callgrind::INSIDE) || !said("--bench") {
        let is_alone = said(callgrind::INSIDE);
        let paths = paths::all().into_iter();
        paths
            .filter(|path| !is_alone || said(&path.name))
            .for_each(paths::Path::take);
        return ExitCode::SUCCESS;
    }
    let paths = paths::all();
    let counts = match callgrind::count(&paths) {
        Ok(counts) => counts,
        Err(error) => {
            eprintln!("instructions: {error}");
            return ExitCode::from(2);
        }
    };
    let now = Baseline::new(counts);
    baseline::prove_that_it_can_fail(&now);
    if said("--bless") {
        now.write();
        print!("{now}");
        return ExitCode::SUCCESS;
    }
    let Some(before) = Baseline::read() else {
        println!(
            "{now}\nNOTHING IS COMPARED: this processor family has no counts yet. `-- --bless` writes them down."
        );
        return ExitCode::SUCCESS;
    };
    let (table, is_fine) = baseline::compare(&before, &now);
    print!("{table}");
    if is_fine {
        ExitCode::SUCCESS
    } else {
        println!(
            "\nIf this is meant: cargo bench -p facilitator-core --bench instructions -- --bless"
        );
        ExitCode::FAILURE
    }
}
