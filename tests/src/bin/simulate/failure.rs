//! What went wrong: with the program itself, and with a seed.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::panic;
use std::path::{Path, PathBuf};

use facilitator_core::client::ConfigError;
use facilitator_tests::arguments::ArgumentError;
use facilitator_tests::world::{Promise, Scenario};

use super::arguments::Arguments;
use super::progress;

/// Why the program could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments are wrong.
    Arguments(ArgumentError),
    /// Stdout fails.
    Output(io::Error),
    /// A file cannot be written.
    File(PathBuf, io::Error),
    /// The sessions' configuration makes no sense.
    Config(ConfigError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments(error) => write!(f, "{error}"),
            Self::Output(error) => write!(f, "stdout cannot be written: {error}"),
            Self::File(path, error) => write!(f, "{} cannot be written: {error}", path.display()),
            Self::Config(error) => write!(f, "no session can be built: {error}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<ArgumentError> for Failure {
    fn from(error: ArgumentError) -> Self {
        Self::Arguments(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

/// Finds what a failure needs, and says how to see it again.
pub(crate) fn explain(
    out: &mut impl Write,
    arguments: &Arguments,
    seed: u64,
    promise: Promise,
) -> Result<(), Failure> {
    let scenario = arguments.scenario(seed);
    let kept = if arguments.shrink {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        let places = scenario.shrink(promise, |left| progress::shrinking(seed, left));
        panic::set_hook(hook);
        progress::clear();
        Some(places?)
    } else {
        None
    };
    let smallest = match &kept {
        Some(places) => scenario.keeping(places),
        None => scenario.clone(),
    };
    writeln!(
        out,
        "\nseed {seed} needs {} of {} faults:",
        smallest.plan.len(),
        scenario.plan.len()
    )?;
    for planned in &smallest.plan {
        writeln!(out, "  {}  {}", planned.at, planned.fault)?;
    }
    for violation in smallest.run()?.verdicts.violations().iter().take(3) {
        writeln!(out, "  -> {violation}")?;
    }
    let path = match &arguments.trace {
        Some(path) => path.clone(),
        None => format!("simulate-{seed}.trace").into(),
    };
    write_trace(&smallest, &path)?;
    writeln!(out, "trace: {}", path.display())?;
    // Places among the kept ones are not places in the plan.
    let places = kept.map(|places| match &arguments.keep {
        Some(given) => places
            .iter()
            .filter_map(|place| given.get(*place).copied())
            .collect(),
        None => places,
    });
    let places = places.or_else(|| arguments.keep.clone());
    writeln!(
        out,
        "replay: cargo run --release -p facilitator-tests --bin {}",
        arguments
            .command(seed, places.as_deref())
            .replacen(' ', " -- ", 1)
    )?;
    Ok(())
}

/// Runs a scenario once more, and writes down all that happens.
pub(crate) fn write_trace(scenario: &Scenario, path: &Path) -> Result<(), Failure> {
    let mut scenario = scenario.clone();
    scenario.settings.trace = true;
    let report = scenario.run()?;
    fs::write(path, report.trace.text()).map_err(|error| Failure::File(path.to_owned(), error))
}
