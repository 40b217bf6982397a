//! The program `check`: explores all runs within given bounds, and says how many states there are and what it found. What a
//! state is, and what is checked in it, is the library's business.

mod arguments;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;

use facilitator_tests::check::{Progress, Report, replay, search, verify};

use self::arguments::{Arguments, HELP, Wish};

fn main() -> ExitCode {
    let mut out = io::stdout().lock();
    let wish = match Arguments::parse(std::env::args().skip(1)) {
        Ok(wish) => wish,
        Err(wrong) => {
            // With stderr gone too, there is nobody left to tell.
            let _nobody_reads = writeln!(io::stderr(), "check: {wrong}");
            return ExitCode::from(2);
        }
    };
    let done = match wish {
        Wish::Help => write!(out, "{HELP}").map(|()| true),
        Wish::Run(arguments) => run(&mut out, &arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _nobody_reads = writeln!(io::stderr(), "check: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether every promise was kept, in every state.
fn run(out: &mut impl Write, arguments: &Arguments) -> io::Result<bool> {
    let bounds = &arguments.bounds;
    if let Some(script) = &arguments.script {
        let broken = replay(bounds, script);
        match &broken {
            Some(script) => writeln!(out, "{script}")?,
            None => writeln!(out, "the script breaks no promise")?,
        }
        return Ok(broken.is_none());
    }
    writeln!(out, "check {}", bounds.to_arguments())?;
    let began = Instant::now();
    let report = if arguments.verify {
        verify(bounds, arguments.threads, arguments.most)
    } else {
        search(bounds, arguments.threads, arguments.most, show)
    };
    clear();
    let seconds = began.elapsed().as_secs_f64();
    writeln!(out, "{report}, {seconds:.1} s")?;
    conclude(out, &report)
}

fn conclude(out: &mut impl Write, report: &Report) -> io::Result<bool> {
    match &report.violation {
        Some(script) => writeln!(out, "\n{script}")?,
        None if report.cut_short => writeln!(
            out,
            "no promise is broken as far as it went; --most lets it go further"
        )?,
        None => writeln!(
            out,
            "every promise is kept in every state, and every run ends"
        )?,
    }
    Ok(report.violation.is_none() && !report.cut_short)
}

/// A line that is written over again and again, where somebody watches.
fn show(progress: Progress) {
    let mut err = io::stderr();
    if err.is_terminal() {
        let Progress {
            depth,
            width,
            states,
        } = progress;
        let _nobody_reads = write!(err, "\rdepth {depth}, {width} wide, {states} states ");
    }
}

fn clear() {
    let mut err = io::stderr();
    if err.is_terminal() {
        let _nobody_reads = write!(err, "\r\x1b[K");
    }
}
