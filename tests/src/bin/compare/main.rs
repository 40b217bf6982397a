//! The program `compare`: how fast and how small we are, side by side with others, in one run on whatever machine. How
//! rounds are made, judged and told is the library's business; the rows are here, by what they need.

mod arguments;
mod output;
mod pure;
mod role;
mod scale;
mod wire;

use std::io::{self, Write as _};
use std::process::ExitCode;

use facilitator_tests::compare::{Machine, Report, Row, table};

use self::arguments::{Arguments, HELP, Wish};
use self::output::Failure;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    if words.next_if(|word| word == role::WORD).is_some() {
        return role::play(&words.collect::<Vec<_>>());
    }
    match Arguments::parse(words).and_then(|wish| run(&wish)) {
        Ok(code) => code,
        Err(failure) => {
            // With stderr gone too, there is nobody left to tell.
            let _nobody_reads = writeln!(io::stderr(), "compare: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Every row, in the order of the table.
fn rows() -> Vec<Row> {
    [wire::ROWS, pure::ROWS, scale::ROWS].concat()
}

fn run(wish: &Wish) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    let arguments = match wish {
        Wish::Help => {
            write!(out, "{HELP}")?;
            return Ok(ExitCode::SUCCESS);
        }
        Wish::List => {
            for row in rows() {
                writeln!(out, "{:<24} {}", row.id, row.title)?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        Wish::Run(arguments) => arguments,
    };
    let rows = arguments.choose(&rows())?;
    let machine = Machine::here(&output::workspace());
    let report = Report::measure(machine, &arguments.plan(), &rows);
    output::clear();
    write!(out, "{}", table(&report))?;
    for path in output::write(&report, arguments)? {
        writeln!(out, "written: {}", path.display())?;
    }
    Ok(if report.failed() > 0 {
        ExitCode::from(2)
    } else if arguments.check && report.missed() > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
