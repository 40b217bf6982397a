//! The command `replay`: a recorded session through the core again, shown on a time line. Reading lines is `lines`'
//! business, comparing two files `diff`'s; what a line means is known to the core only.

mod diff;
mod lines;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use facilitator_tokio::core::Timestamp;
use facilitator_tokio::core::trace::{Player, ReplayError};

use self::lines::{Lines, ReadError};
use crate::failure::Failure;

const HELP: &str = "\
A trace is what `connect --record FILE` has written. Its inputs are given to a new session, at their
times, and what that session does is compared with what was recorded. Each line of the time line
tells the time in seconds since the recording began, who did something, and what: `=>` was told to
the session, `<=` is what it did.

With --diff, nothing is replayed: two traces are compared line by line, and shown is where they
part. Lines that differ only in their times are counted, and are no difference.

EXIT STATUS: 0 when the outputs are equal, or the traces do not part; 1 when not, or when a recording
was interrupted; 2 when the arguments are wrong or a file is no trace.";

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Arguments {
    /// The trace
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Stop before the first input that came later than this, counted from the beginning
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_hyphen_values = true)]
    until: Option<Duration>,
    /// Show where this trace and another one part
    #[arg(long, value_name = "OTHER")]
    diff: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "accepted are seconds from 0, as 10 or 0.5".to_owned())
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let result = match &arguments.diff {
        None => replay(&arguments.file, arguments.until, &mut out),
        Some(other) => diff::run(&arguments.file, other, arguments.until, &mut out),
    };
    // What was shown before something went wrong is shown before it is said.
    out.flush().map_err(|error| unwritable(&error)).and(result)
}

fn replay(path: &Path, until: Option<Duration>, out: &mut impl Write) -> Result<(), Failure> {
    let mut lines = open(path)?;
    let mut player = Player::new();
    if let Some(until) = until {
        player = player.until(Timestamp::from_duration(until));
    }
    let wrong = |error: ReplayError| {
        let text = format!("{}: {error}", path.display());
        match error {
            ReplayError::Difference(_) | ReplayError::Truncated { .. } => Failure::failed(text),
            _ => Failure::usage(text),
        }
    };
    let mut cut = false;
    loop {
        match lines.next() {
            Ok(Some(line)) => match player.feed(line).map_err(wrong)? {
                Some(shown) => writeln!(out, "{shown}").map_err(|error| unwritable(&error))?,
                None => break,
            },
            Ok(None) => break,
            Err(ReadError::Cut) => {
                cut = true;
                break;
            }
            Err(error) => return Err(unreadable(path, &lines, &error)),
        }
    }
    let number = lines.number();
    let replayed = match player.finish() {
        Ok(replayed) if !cut => replayed,
        Ok(_) | Err(ReplayError::Truncated { .. }) if cut => {
            return Err(Failure::failed(format!(
                "{}: the trace ends in the middle of line {number}: its recording was interrupted; all before agrees",
                path.display()
            )));
        }
        Ok(replayed) => replayed,
        // The only line has no end: any other file without line breaks.
        Err(ReplayError::Empty) if cut => return Err(wrong(ReplayError::NoSession)),
        Err(error) => return Err(wrong(error)),
    };
    writeln!(
        out,
        "{} inputs led to the same {} outputs as they did",
        replayed.inputs, replayed.outputs
    )
    .map_err(|error| unwritable(&error))
}

fn open(path: &Path) -> Result<Lines<BufReader<File>>, Failure> {
    let file = File::open(path)
        .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display())))?;
    Ok(Lines::new(BufReader::new(file)))
}

fn unreadable<R>(path: &Path, lines: &Lines<R>, error: &ReadError) -> Failure {
    let (path, number) = (path.display(), lines.number());
    Failure::usage(format!("{path}: line {number} of the trace {error}"))
}

fn unwritable(error: &io::Error) -> Failure {
    Failure::failed(format!("stdout cannot be written: {error}"))
}
