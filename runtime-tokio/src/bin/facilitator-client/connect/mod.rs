//! The command `connect`: a session with any facilitator, JSON lines in and out. This file starts the tasks and waits
//! for their end; what a line means is in `commands`, what is told in `events`, who ends it and how in `ending`.

mod arguments;
mod commands;
mod ending;
mod events;
mod input;
mod journal;
mod lines;
mod recording;

use std::sync::Arc;

use facilitator_tokio::FacilitatorClient;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinError;
use tracing::{info, warn};

pub(crate) use self::arguments::Arguments;
use self::arguments::Settings;
use self::ending::Ending;
use self::events::Line;
use self::input::Input;
use self::journal::Journal;
use self::lines::Lines;
use self::recording::Recording;
use crate::failure::Failure;
use crate::output::Output;
use crate::signals::Signals;

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Settings {
        config,
        keypair,
        line_bytes,
        record,
    } = arguments.settings()?;
    let signals = Signals::new()
        .map_err(|error| Failure::failed(format!("signals cannot be caught: {error}")))?;
    let mut ending = Ending::new(signals);
    let (host, port) = (config.endpoint.host().to_owned(), config.endpoint.port());
    let shares = Semaphore::new(input::share_bytes(&config, line_bytes));
    let client = FacilitatorClient::new(config, &keypair)
        .map_err(|error| Failure::usage(error.to_string()))?;
    drop(keypair);
    let recording = record
        .map(|path| Recording::begin(&client, &path))
        .transpose()?;
    info!(host, port, hotkey = client.hotkey(), "starting");
    client
        .start()
        .map_err(|error| Failure::failed(error.to_string()))?;

    let output = Output::new(tokio::io::stdout());
    output.print(&Line::hello(None, &client.hotkey())).await;
    let (stopping, stop_seen) = watch::channel(false);
    let (promises, to_keep) = mpsc::unbounded_channel();
    let input = Input {
        client: client.clone(),
        output: output.clone(),
        promises,
        shares: Arc::new(shares),
        stopping: stop_seen,
    };
    let mut input = tokio::spawn(input.run(Lines::new(tokio::io::stdin(), line_bytes)));
    let journal = tokio::spawn(Journal::new(client.clone(), output.clone(), to_keep).keep());

    let mut end = None;
    tokio::select! {
        biased;
        () = ending.signal() => {}
        () = output.failed() => warn!("stopping: stdout cannot be written"),
        result = &mut input => {
            info!("stopping: the input has ended");
            end = Some(result.map_err(lost_task)?);
        }
    }
    stopping.send_replace(true);
    ending.stop(&client).await;

    let last_words = async {
        let left = journal.await.map_err(lost_task)?;
        let end = match end {
            Some(end) => end,
            None => input.await.map_err(lost_task)?,
        };
        output.print(&Line::stopped(end.stop_id(), &left)).await;
        Ok((end, left.owed.len()))
    };
    let told = ending.wait_for(last_words, &output).await.transpose()?;
    let unrecorded = match recording {
        Some(recording) => recording.finish().await,
        None => None,
    };
    ending.verdict(&output, told, unrecorded)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn lost_task(error: JoinError) -> Failure {
    Failure::failed(format!("a task of the program was lost: {error}"))
}
