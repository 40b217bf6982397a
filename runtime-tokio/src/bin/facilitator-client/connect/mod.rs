//! The command `connect`: a session with any facilitator, JSON lines in and out. This file starts the tasks and waits
//! for their end; what a line means is in `commands`, what is told in `events`, who ends it and how in `ending`.

mod arguments;
mod commands;
mod ending;
mod events;
mod input;
mod journal;
mod lines;
mod log;
mod recording;
mod reload;
mod state;
mod watchers;
#[cfg(unix)]
mod workers;

use std::sync::Arc;

use facilitator_tokio::{FacilitatorClient, Tokio};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinError;
use tracing::{info, warn};

pub(crate) use self::arguments::{Arguments, Settings};
use self::ending::Ending;
use self::events::Line;
use self::input::{End, Input};
use self::journal::{Journal, Left, Promise};
use self::lines::Lines;
use self::recording::Recording;
use self::reload::Source;
use self::state::{StateFile, TakenUp, WorkersJob};
use self::watchers::Watchers;
use crate::failure::Failure;
use crate::logging::Logging;
use crate::monitor::Monitor;
use crate::output::Output;
use crate::service::Service;
use crate::signals::{Hangups, Signals};

/// A session that runs, and what goes along with it to its end.
struct Running {
    client: FacilitatorClient,
    output: Output,
    ending: Ending,
    watchers: Watchers,
    recording: Option<Recording>,
    state: Option<StateFile>,
    /// What the last session has left.
    taken: TakenUp,
}

pub(crate) async fn run(settings: Settings, logging: Logging) -> Result<(), Failure> {
    let uncaught = |error| Failure::failed(format!("signals cannot be caught: {error}"));
    let signals = Signals::new().map_err(uncaught)?;
    let hangups = Hangups::new().map_err(uncaught)?;
    let service = Service::of_environment();
    let ending = Ending::new(signals, service.clone());
    let line_bytes = settings.line_bytes;
    #[cfg(unix)]
    let workers = settings
        .workers
        .is_used()
        .then(|| workers::Ready::new(settings.workers.clone(), line_bytes))
        .transpose()?;
    let shares = input::share_bytes(&settings.config, line_bytes);
    let (running, source) = start(settings, ending, &service).await?;
    let client = running.client.clone();
    let reloading = reload::reload(source, hangups, client.clone(), logging, service.clone());
    tokio::spawn(reloading);
    service.begin(&client);
    let hotkey = client.hotkey();
    running.output.print(&Line::hello(None, &hotkey)).await;
    #[cfg(unix)]
    if let Some(workers) = workers {
        return with_workers(running, workers).await;
    }
    with_input(running, line_bytes, shares).await
}

/// Starts the session. With it, where its configuration comes from.
async fn start(
    settings: Settings,
    mut ending: Ending,
    service: &Service,
) -> Result<(Running, Source), Failure> {
    let Settings {
        config,
        network,
        keypair,
        record,
        state,
        metrics,
        webhook,
        source,
        ..
    } = settings;
    let client = FacilitatorClient::with_runtime(config.clone(), &keypair, Tokio::new(network))
        .map_err(|error| Failure::usage(error.to_string()))?;
    drop(keypair);
    let monitor = match metrics {
        Some(address) => Some(Monitor::start(address, &client, &config).await?),
        None => None,
    };
    ending.tell(monitor.as_ref());
    // Its file must be new: one that a failed start has left would be in the way of the next.
    let recording = record
        .map(|path| Recording::begin(&client, &path))
        .transpose()?;
    // Last of all: what fails after this costs what the file held.
    let taken = match &state {
        Some(state) => state.take_up(&client, &config)?,
        None => TakenUp::default(),
    };
    let (host, port) = (config.endpoint.host(), config.endpoint.port());
    info!(host, port, hotkey = client.hotkey(), "starting");
    client
        .start()
        .map_err(|error| Failure::failed(error.to_string()))?;
    let running = Running {
        client,
        output: Output::new(tokio::io::stdout()),
        ending,
        watchers: Watchers::new(monitor, service.clone(), webhook),
        recording,
        state,
        taken,
    };
    Ok((running, source))
}

/// Jobs are for workers, to their end.
#[cfg(unix)]
async fn with_workers(running: Running, workers: workers::Ready) -> Result<(), Failure> {
    let Running {
        client,
        output,
        mut ending,
        watchers,
        recording,
        state,
        taken,
    } = running;
    let across = workers::Across {
        keeps: state.is_some(),
        left: taken.jobs,
    };
    let mut working = workers
        .run(&client, &output, &mut ending, across, watchers)
        .await;
    let kept = state.map(|file| (file, working.take_left()));
    let end = async { Ok((End::Stopping, working.last_lines().await)) };
    finish(ending, &client, &output, kept, recording, end).await
}

/// Jobs are for the reader of stdout, and stdin says what becomes of them.
async fn with_input(running: Running, line_bytes: usize, shares: usize) -> Result<(), Failure> {
    let Running {
        client,
        output,
        mut ending,
        watchers,
        recording,
        state,
        taken,
    } = running;
    let (promises, to_keep) = mpsc::unbounded_channel();
    for message in taken.messages {
        // Whoever waits for promises begins below.
        let _ = promises.send(Promise::taken(message));
    }
    let (stopping, stop_seen) = watch::channel(false);
    let input = Input {
        client: client.clone(),
        output: output.clone(),
        promises,
        shares: Arc::new(Semaphore::new(shares)),
        stopping: stop_seen,
    };
    let mut input = tokio::spawn(input.run(Lines::new(tokio::io::stdin(), line_bytes)));
    let (journal, session_ended) = Journal::new(client.clone(), output.clone(), to_keep, watchers);
    let journal = tokio::spawn(journal.keep());

    let mut end = None;
    tokio::select! {
        biased;
        () = ending.signal() => {}
        () = output.failed() => warn!("stopping: stdout cannot be written"),
        // Nobody has asked it to.
        Ok(()) = session_ended => ending.refused(),
        result = &mut input => {
            info!("stopping: the input has ended");
            end = Some(result.map_err(lost_task)?);
        }
    }
    stopping.send_replace(true);
    ending.stop(&client).await;
    let end = async {
        let left = journal.await.map_err(lost_task)?;
        let end = match end {
            Some(end) => end,
            None => input.await.map_err(lost_task)?,
        };
        Ok((end, left))
    };
    // Nobody takes up the jobs of workers here; a later start may.
    let kept = state.map(|file| (file, taken.jobs));
    finish(ending, &client, &output, kept, recording, end).await
}

/// What follows the end of the session: what is owed is kept and told. `end` resolves to who has asked for the end, and
/// what is left, once all other lines were printed.
async fn finish(
    mut ending: Ending,
    client: &FacilitatorClient,
    output: &Output,
    state: Option<(StateFile, Vec<WorkersJob>)>,
    recording: Option<Recording>,
    end: impl Future<Output = Result<(End, Left), Failure>>,
) -> Result<(), Failure> {
    // Before anybody is waited for who might not read the last words.
    let kept = match &state {
        Some((state, jobs)) => Some(state.keep(client, None, jobs).await),
        None => None,
    };

    let is_kept = matches!(kept, Some(Ok(())));
    let last_words = async {
        let (end, left) = end.await?;
        output
            .print(&Line::stopped(end.stop_id(), &left, is_kept))
            .await;
        Ok::<_, Failure>((end, left))
    };
    let told = ending.wait_for(last_words, output).await.transpose()?;
    let kept = match (&state, &told, kept) {
        (Some((state, jobs)), Some((_, left)), Some(Ok(()))) if !left.owed.is_empty() => {
            Some(state.keep(client, Some(left), jobs).await)
        }
        (.., kept) => kept,
    };
    let unrecorded = match recording {
        Some(recording) => recording.finish().await,
        None => None,
    };
    let told = told.map(|(end, left)| (end, left.owed.len()));
    ending.verdict(output, told, kept, unrecorded)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn lost_task(error: JoinError) -> Failure {
    Failure::failed(format!("a task of the program was lost: {error}"))
}
