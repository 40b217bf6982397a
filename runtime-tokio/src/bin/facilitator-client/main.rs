//! The program `facilitator-client`: parse the arguments, run one command, say in one line what went wrong.
//! Each command is a module of its own.

mod connect;
mod demo;
mod failure;
mod logging;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::failure::Failure;

/// The validator's side of the ComputeHorde facilitator protocol.
#[derive(Debug, Parser)]
#[command(name = "facilitator-client", version, about, propagate_version = true)]
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
    Connect(connect::Arguments),
    /// Serves a simulated facilitator, for development.
    Serve(serve::Arguments),
}

fn main() -> ExitCode {
    // clap prints usage errors itself, and exits with 2.
    let arguments = Arguments::parse();
    logging::start(arguments.verbose);
    let result = run(arguments.command);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("no tokio runtime could be started: {error}")))?;
    let result = runtime.block_on(async {
        match command {
            Command::Demo(arguments) => demo::run(arguments).await,
            Command::Connect(arguments) => connect::run(arguments).await,
            Command::Serve(arguments) => serve::run(arguments).await,
        }
    });
    // A read of stdin cannot be cancelled, and nobody shall wait for it.
    runtime.shutdown_background();
    result
}
