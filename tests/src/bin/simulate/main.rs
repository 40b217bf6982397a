//! The program `simulate`: runs worlds, seed after seed, and says what it found. What a world is, and what is checked
//! in it, is the library's business.

mod arguments;
mod failure;
mod memory;
mod progress;
mod table;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use facilitator_tests::world::{Counts, Report, Scenario, Verdicts};

use self::arguments::{Arguments, Wish};
use self::failure::Failure;
use self::memory::Memory;
use self::progress::Progress;

fn main() -> ExitCode {
    let mut out = io::stdout().lock();
    match run(&mut out) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            // With stderr gone too, there is nobody left to tell.
            let _nobody_reads = writeln!(io::stderr(), "simulate: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Whether every promise was kept.
fn run(out: &mut impl Write) -> Result<bool, Failure> {
    let arguments = match Arguments::parse(std::env::args().skip(1))? {
        Wish::Help => {
            write!(out, "{}", arguments::HELP)?;
            return Ok(true);
        }
        Wish::Run(arguments) => arguments,
    };
    let mut sum = Sum::default();
    let mut progress = Progress::new(arguments.seeds.end - arguments.seeds.start);
    let began = Instant::now();
    let mut first = None;
    for seed in arguments.seeds.clone() {
        let scenario = arguments.scenario(seed);
        let report = sum.run(&scenario, &mut progress)?;
        if report.is_clean() {
            continue;
        }
        progress::clear();
        if let Some(violation) = report.first() {
            writeln!(out, "seed {seed}: {violation}")?;
            first = first.or(Some((seed, violation.promise)));
        }
        if !arguments.keep_going {
            break;
        }
    }
    progress::clear();
    sum.print(out, began.elapsed())?;
    if let Some((seed, promise)) = first {
        failure::explain(out, &arguments, seed, promise)?;
    } else if let Some(path) = &arguments.trace {
        let seed = arguments.seeds.end - 1;
        failure::write_trace(&arguments.scenario(seed), path)?;
        writeln!(out, "\ntrace of seed {seed}: {}", path.display())?;
    }
    Ok(first.is_none())
}

/// All runs together.
#[derive(Default)]
struct Sum {
    seeds: u64,
    failed: u64,
    events: u64,
    time: Duration,
    digest: u64,
    counts: Counts,
    verdicts: Verdicts,
    memory: Memory,
}

/// Parts of a run after which memory is looked at.
const SLICES: u32 = 20;

impl Sum {
    fn run(&mut self, scenario: &Scenario, progress: &mut Progress) -> Result<Report, Failure> {
        let done = self.seeds;
        let mut slice = 0;
        let report = scenario.run_watched(SLICES, |_| {
            slice += 1;
            progress.show(done, slice, SLICES, self.failed);
            self.memory.look();
        })?;
        self.seeds += 1;
        self.failed += u64::from(!report.is_clean());
        self.events += report.trace.events();
        self.time += report.time;
        self.digest = self.digest.rotate_left(1) ^ report.trace.digest();
        self.counts.add(&report.counts);
        self.verdicts.add(&report.verdicts);
        Ok(report)
    }

    fn print(&self, out: &mut impl Write, took: Duration) -> io::Result<()> {
        table::faults(out, &self.counts)?;
        table::counts(out, &self.counts)?;
        table::promises(out, &self.verdicts)?;
        let seconds = took.as_secs_f64().max(1e-9);
        let simulated = self.time.as_secs_f64();
        writeln!(
            out,
            "\n{} seeds, {} failed; {} events in {seconds:.3} s: {} a second",
            self.seeds,
            self.failed,
            table::grouped(self.events),
            table::rounded(table::as_f64(self.events) / seconds),
        )?;
        writeln!(
            out,
            "{:.1} hours simulated, {} times real time; digest {:016x}",
            simulated / 3600.0,
            table::rounded(simulated / seconds),
            self.digest,
        )?;
        self.memory.print(out)
    }
}
