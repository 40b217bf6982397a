//! Temporary.
#![allow(warnings)]
#[path = "../benches/session/workload.rs"]
mod workload;
use workload::{Load, Session};
fn main() {
    let much = std::env::args().any(|a| a == "much");
    let load = if much {
        Load {
            jobs: 100_000,
            queued: 1_000_000,
            with_output: false,
        }
    } else {
        Load {
            jobs: 100,
            queued: 0,
            with_output: false,
        }
    };
    let mut s = Session::new(load);
    let n = if std::env::args().any(|a| a == "short") {
        200_000
    } else if much {
        5_000_000
    } else {
        20_000_000
    };
    let t = std::time::Instant::now();
    for _ in 0..n {
        s.cycle();
    }
    println!(
        "{:.1} ns, cycles {}",
        t.elapsed().as_secs_f64() * 1e9 / n as f64,
        (s.owed(), s.open_jobs()).0
    );
}
