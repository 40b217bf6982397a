//! The program `facilitator-client`: parse the arguments, run one command, say in one line what went wrong.
//! Each command is a module of its own.

mod config;
mod connect;
mod demo;
mod doctor;
mod failure;
mod hotkey_file;
mod key;
mod logging;
mod manual;
mod monitor;
mod output;
mod replay;
mod schema;
mod serve;
mod service;
mod signals;
mod status;
mod webhook;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use self::failure::Failure;

/// The validator's side of the ComputeHorde facilitator protocol.
#[derive(Debug, Parser)]
#[command(name = "facilitator-client", version, propagate_version = true, after_long_help = failure::EXIT_STATUS)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// More logs on stderr; twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs signed jobs against an embedded facilitator, cuts the connection, and checks that nothing was lost.
    Demo(demo::Arguments),
    /// Keeps a session with a facilitator; JSON lines on stdin and stdout.
    Connect(Box<connect::Arguments>),
    /// Connects once, step by step, and says what to do about the step that fails.
    Doctor(Box<doctor::Arguments>),
    /// Asks a running `connect` how it is, at its --metrics address.
    Status(status::Arguments),
    /// Shows a running `connect` in the terminal, until Ctrl-C.
    Watch(status::WatchArguments),
    /// Replays a session that `connect --record` has recorded, or compares two of them.
    Replay(replay::Arguments),
    /// Serves a simulated facilitator, for development.
    Serve(serve::Arguments),
    /// Prints the JSON Schema of the lines that `connect` reads and writes.
    Schema,
    /// Makes and shows keys; signs and verifies with them.
    Key(key::Arguments),
    /// Prints what a shell needs to complete the arguments of this program.
    Completions(manual::Completions),
    /// Prints the manual, or writes its pages to a folder.
    Man(manual::Pages),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    match run(arguments.command, arguments.verbose) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Prints the help that was asked for; or what is wrong with the arguments, in one line.
fn usage(error: &clap::Error) -> ExitCode {
    let is_help =
        !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if is_help {
        // Whether anybody reads it changes nothing.
        let _ = error.print();
        return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
    }
    // The text goes on with the whole usage, or where to find it.
    let text = error.render().to_string();
    let what = text.split("\n\nUsage:").next().unwrap_or_default();
    let what = what.split("\n\nFor more").next().unwrap_or_default();
    let words: Vec<&str> = what.split_whitespace().collect();
    let line = words.join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    Failure::usage(format!("{line}; --help tells more")).report()
}

fn run(command: Command, verbose: u8) -> Result<(), Failure> {
    // `connect` is configured, in everything; the others listen to the environment about their log.
    let log = || logging::start(&config::log_of_environment(verbose)?).map(drop);
    match command {
        Command::Connect(arguments) => match arguments.settings(verbose)? {
            Some(settings) => {
                let logging = logging::start(&settings.log)?;
                block_on(connect::run(settings, logging))
            }
            None => Ok(()),
        },
        Command::Doctor(arguments) => {
            let patient = arguments.patient(verbose)?;
            logging::start(&patient.log)?;
            block_on(doctor::run(patient))
        }
        Command::Status(arguments) => block_on(status::run(arguments)),
        Command::Watch(arguments) => block_on(status::watch(arguments)),
        Command::Demo(arguments) => log().and_then(|()| block_on(demo::run(arguments))),
        Command::Serve(arguments) => log().and_then(|()| block_on(serve::run(arguments))),
        Command::Replay(arguments) => log().and_then(|()| replay::run(&arguments)),
        Command::Schema => schema::run(),
        Command::Key(arguments) => log().and_then(|()| key::run(&arguments)),
        Command::Completions(shell) => manual::complete(&shell, Arguments::command()),
        Command::Man(pages) => manual::write(&pages, Arguments::command()),
    }
}

fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("no tokio runtime could be started: {error}")))?;
    let result = runtime.block_on(command);
    // A read of stdin cannot be cancelled, and nobody shall wait for it.
    runtime.shutdown_background();
    result
}
