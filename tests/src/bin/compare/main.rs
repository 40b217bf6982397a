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
    Ok(ExitCode::from(status(
        arguments.check,
        report.failed(),
        report.missed(),
    )))
}

/// What the shell gets to know.
const fn status(check: bool, failed: usize, missed: usize) -> u8 {
    match (failed, missed) {
        (1.., _) => 2,
        (0, 1..) if check => 1,
        (0, _) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn a_missed_bar_counts_when_it_is_checked() {
        assert_eq!([status(false, 0, 0), status(true, 0, 0)], [0, 0]);
        assert_eq!([status(false, 0, 2), status(true, 0, 2)], [0, 1]);
        assert_eq!([status(false, 1, 0), status(true, 1, 2)], [2, 2]);
    }
}
