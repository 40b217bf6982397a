//! The program `conformance`: reads what the suite `runtimes` printed, in one run or in many, and prints it as a table of
//! scenarios by runtimes. It fails when a test has failed, or has not run every time.
//!
//! ```text
//! for run in $(seq 50); do cargo test --workspace --all-features --test runtimes; done |
//!     cargo run -p facilitator-tests --bin conformance
//! ```

use std::io::{self, Write as _};
use std::process::ExitCode;

use facilitator_tests::conformance::Results;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // With stderr gone too, there is nobody left to tell.
            let _nobody_reads = writeln!(io::stderr(), "conformance: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether all is well.
fn run() -> io::Result<bool> {
    let mut results = Results::default();
    for line in io::stdin().lines() {
        results.read(&line?);
    }
    write!(io::stdout().lock(), "{results}")?;
    Ok(results.are_good())
}
