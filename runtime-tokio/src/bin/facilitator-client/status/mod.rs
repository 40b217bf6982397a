//! The commands `status` and `watch`: how a running instance is, asked at its --metrics address. Asking is in `ask`, what a
//! report looks like in `view`, the terminal in `screen`.

mod ask;
mod screen;
mod view;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;

use self::ask::ask;
use self::screen::Screen;
use crate::config::{Flags, Loaded};
use crate::failure::Failure;
use crate::monitor::Address;
use crate::signals::Signals;

/// Time between two looks.
const PACE: Duration = Duration::from_secs(1);

/// Where the instance is.
#[derive(Debug, clap::Args)]
struct Instance {
    /// Where it serves its metrics: an IP address with a port, or a port alone [default: --metrics of the configuration]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    at: Option<Address>,
    /// The configuration file of the instance
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

const STATUS_HELP: &str = "EXIT STATUS: 0 when the instance is ready; 1 when it is not, or does not answer; 2 when the \
address is wrong or none.";

#[derive(Debug, clap::Args)]
#[command(after_long_help = STATUS_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    instance: Instance,
    /// Print the report as it came: one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WatchArguments {
    #[command(flatten)]
    instance: Instance,
}

fn address(text: &str) -> Result<Address, String> {
    let wrong = |()| format!("accepted is {}", crate::monitor::address::ACCEPTED);
    text.parse().map_err(wrong)
}

impl Instance {
    fn address(&self) -> Result<Address, Failure> {
        let address = match self.at {
            Some(address) => Some(address),
            None => Loaded::new(&Flags::of_file(self.config.clone()), 0)?.metrics(),
        };
        let address = address.ok_or_else(|| {
            Failure::usage(
                "it is not known where to ask: name the instance's --metrics address with --at, or its configuration file with --config",
            )
        })?;
        if address.socket().port() == 0 {
            return Err(Failure::usage(
                "port 0 is any: the log of the instance says which one it has; name that with --at",
            ));
        }
        Ok(address)
    }
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let address = arguments.instance.address()?;
    let (report, text) = ask(address).await?;
    let shown = if arguments.json {
        text
    } else {
        view::lines(&report, usize::MAX).join("\n") + "\n"
    };
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(shown.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::failed(format!("stdout cannot be written: {error}")))?;
    if report.is_ready {
        return Ok(());
    }
    let state = if report.is_stopping {
        "stopping"
    } else {
        &report.phase
    };
    Err(Failure::failed(format!(
        "the instance is not ready: {state}"
    )))
}

pub(crate) async fn watch(arguments: WatchArguments) -> Result<(), Failure> {
    let address = arguments.instance.address()?;
    if !io::stdout().is_terminal() {
        return Err(Failure::usage(
            "`watch` draws on a terminal, and stdout is none; `status --json` is for programs",
        ));
    }
    let mut signals = Signals::new()
        .map_err(|error| Failure::failed(format!("signals cannot be caught: {error}")))?;
    let cannot = |error| Failure::failed(format!("the terminal cannot be written: {error}"));
    let mut screen = Screen::enter().map_err(cannot)?;
    loop {
        // A signal does not wait for an instance that does not answer.
        let drawn = tokio::select! {
            _ = signals.next() => return Ok(()),
            asked = ask(address) => asked,
        };
        let (rows, columns) = screen::size();
        let lines = match drawn {
            Ok((report, _)) => view::lines(&report, rows.saturating_sub(1)),
            // It may come back.
            Err(failure) => vec![view::plain(&failure.to_string())],
        };
        screen.draw(&lines, rows, columns).map_err(cannot)?;
        tokio::select! {
            _ = signals.next() => return Ok(()),
            () = sleep(PACE) => {}
        }
    }
}
