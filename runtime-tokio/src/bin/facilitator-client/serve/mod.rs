//! The command `serve`: the simulated facilitator on a socket. What is served is decided in `arguments` and `jobs`, how
//! it is told in `lines`.

mod arguments;
mod jobs;
mod lines;

use std::time::Duration;

use facilitator_tokio::server::{Events, Server};
use tokio::time::timeout;
use tracing::{info, warn};

pub(crate) use self::arguments::Arguments;
use self::arguments::Settings;
use self::lines::Line;
use crate::failure::Failure;
use crate::output::Output;
use crate::signals::Signals;

/// After a signal, a reader of stdout that takes nothing for so long is not waited for any more.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Settings {
        address,
        facilitator,
        jobs,
        imitates,
    } = arguments.settings()?;
    let mut signals = Signals::new()
        .map_err(|error| Failure::failed(format!("signals cannot be caught: {error}")))?;
    let known = facilitator.config().validators.clone();
    let server = Server::bind_with(&address, facilitator)
        .await
        .map_err(|error| Failure::failed(format!("cannot listen at {address}: {error}")))?;
    if !server.local_addr().ip().is_loopback() {
        warn!(
            "{} can be reached from other machines, in plain text: let no hotkey of value authenticate here",
            server.local_addr()
        );
    }
    let output = Output::new(tokio::io::stdout());
    let (uri, events) = (server.uri(), server.events().lossless());
    let listening = Line::listening(&uri, &known, jobs, imitates);
    let told = async {
        output.print(&listening).await;
        tell(events, &output).await;
        output.print(&Line::Stopped {}).await;
    };
    let mut told = std::pin::pin!(told);
    tokio::select! {
        biased;
        signal = signals.next() => info!(signal, "stopping"),
        () = output.failed() => {}
        // The server ends only below.
        () = &mut told => return Ok(()),
    }
    let ended = async {
        // The events of the end are told while it is under way.
        let shutdown = server.shutdown();
        let read = async {
            loop {
                let written = output.written();
                match timeout(PATIENCE, &mut told).await {
                    Ok(()) => return Ok(()),
                    Err(_) if output.written() == written => {
                        return Err(Failure::failed(
                            "stdout is not read any more, events were lost",
                        ));
                    }
                    Err(_) => {}
                }
            }
        };
        tokio::join!(shutdown, read).1
    };
    tokio::select! {
        biased;
        () = output.failed() => {}
        signal = signals.next() => info!(signal, "stopped at once"),
        read = ended => read?,
    }
    output
        .failure()
        .map_or(Ok(()), |failure| Err(Failure::failed(failure)))
}

/// Prints everything that happens, until the server is gone.
async fn tell(mut events: Events, output: &Output) {
    while let Some(event) = events.next().await {
        if let Some(line) = Line::of(&event) {
            output.print(&line).await;
        }
    }
}
