//! Jobs that processes and workers on a socket work on, in place of the reader of stdout. This file starts the parts,
//! carries events between them, and brings them to their end.
//!
//! On the way to the end, first no more jobs are taken; then those that are worked on have `stop_time` to end; then
//! processes get SIGTERM and, after `grace`, SIGKILL, and jobs without a terminal status end as `horde_failed`; then the
//! session delivers what is owed. A second signal skips what is left of it. Where there is a state file, workers on the
//! socket go on with their jobs: the file says who has which.

mod hall;
mod news;
mod process;
mod roster;
mod settling;
mod socket;
mod telling;

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use facilitator_tokio::FacilitatorClient;
use facilitator_tokio::core::client::{Event, Owed};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{info, warn};

use self::hall::Hall;
use self::news::{News, Printer};
use self::socket::Listening;
use super::ending::Ending;
use super::events::Line;
use super::journal::Left;
use super::state::WorkersJob;
use super::watchers::Watchers;
use crate::config::Workers;
use crate::failure::Failure;
use crate::output::Output;

/// After SIGKILL, a process is gone at once; the rest is the time that its streams may take to end.
const AFTER_KILL: Duration = Duration::from_secs(5);
/// How long connections may take to end when the program does.
const FAREWELL: Duration = Duration::from_secs(2);

/// Whoever works on jobs, ready to begin.
pub(super) struct Ready {
    settings: Workers,
    listening: Option<Listening>,
    line_bytes: usize,
}

impl Ready {
    /// Makes the socket, so that what is wrong with it is said before anything else happens.
    pub(super) fn new(settings: Workers, line_bytes: usize) -> Result<Self, Failure> {
        let listening = settings.socket.as_deref().map(Listening::at).transpose();
        let listening =
            listening.map_err(|error| Failure::usage(format!("the socket: {error}")))?;
        Ok(Self {
            settings,
            listening,
            line_bytes,
        })
    }

    /// Works until a signal, or until the session ends by itself. The session has ended when this returns, what is left
    /// is returned, and nothing of the workers runs any more.
    pub(super) async fn run(
        self,
        client: &FacilitatorClient,
        output: &Output,
        ending: &mut Ending,
        across: Across,
        watchers: Watchers,
    ) -> Working {
        let (news, printer) = news::news(output.clone());
        let printing = tokio::spawn(Printer::print(printer));
        let settings = &self.settings;
        let hall = Hall::new(
            client.clone(),
            settings,
            self.line_bytes,
            across.keeps,
            across.left,
            news.clone(),
        );
        let (leaving, is_leaving) = watch::channel(false);
        let serving = self.listening.map(|listening| {
            let (hall, jobs) = (hall.clone(), settings.max_jobs);
            let serve = socket::serve(
                listening,
                hall,
                self.line_bytes,
                jobs,
                settings.stall,
                is_leaving,
            );
            tokio::spawn(serve)
        });
        let mut telling = tokio::spawn(tell(client.clone(), hall.clone(), news, watchers));

        let mut owed = None;
        tokio::select! {
            biased;
            () = ending.signal() => {}
            () = tend(&hall) => {}
            // Nobody has asked it to.
            left = &mut telling => {
                ending.refused();
                owed = Some(left.unwrap_or_default());
            }
        }
        hall.close();
        if owed.is_none() {
            wind_down(&hall, settings, ending).await;
            let patience = patience(settings, ending);
            let enough = async {
                tokio::select! {
                    biased;
                    () = ending.signal() => {}
                    () = sleep(patience) => {}
                }
            };
            hall.finish_reports(enough).await;
            ending.stop(client).await;
        } else {
            // Nobody can be told any more what becomes of jobs.
            hall.kill().await;
            hall.finish_reports(sleep(settings.grace)).await;
        }
        let owed = match owed {
            Some(owed) => owed,
            None => telling.await.unwrap_or_default(),
        };
        leaving.send_replace(true);
        if let Some(serving) = serving
            && timeout(FAREWELL, serving).await.is_err()
        {
            warn!("a worker did not let its connection end");
        }
        hall.limit().tell_left_out();
        let left = hall.left_to_workers();
        drop(hall);
        Working {
            owed,
            left,
            printing,
        }
    }
}

/// What goes from one start of the program to the next.
pub(super) struct Across {
    /// Whether anything does.
    pub(super) keeps: bool,
    /// The jobs that workers on the socket went on with after the last stop.
    pub(super) left: Vec<WorkersJob>,
}

/// What is left when everybody has stopped working.
pub(super) struct Working {
    owed: Vec<Owed>,
    /// The jobs that workers on the socket go on with.
    left: Vec<WorkersJob>,
    printing: tokio::task::JoinHandle<()>,
}

impl Working {
    /// The jobs that workers on the socket go on with, until the next start.
    pub(super) fn take_left(&mut self) -> Vec<WorkersJob> {
        std::mem::take(&mut self.left)
    }

    /// Waits for the lines that are still to be printed; what is left of the session.
    pub(super) async fn last_lines(self) -> Left {
        // It cannot fail, and would only be missing some lines.
        let _ = self.printing.await;
        Left::without_ids(self.owed)
    }
}

/// Gives everybody their time to end, less and less of it.
async fn wind_down(hall: &Hall, settings: &Workers, ending: &mut Ending) {
    let idle = async {
        tokio::select! {
            () = hall.idle() => {}
            // Those whose time is over end as always.
            () = tend(hall) => {}
        }
    };
    let mut idle = pin!(idle);
    tokio::select! {
        biased;
        () = &mut idle => return,
        () = ending.signal() => {}
        () = sleep(settings.stop_time) => info!("running jobs are ended: the time to stop is over"),
    }
    hall.dismiss();
    let patience = patience(settings, ending);
    tokio::select! {
        biased;
        () = &mut idle => return,
        () = ending.signal(), if !ending.is_aborted() => {}
        () = sleep(patience) => {}
    }
    warn!("not all workers have ended in their time");
    hall.kill().await;
}

/// How long those may take that were asked to end.
fn patience(settings: &Workers, ending: &Ending) -> Duration {
    if ending.is_aborted() {
        Duration::ZERO
    } else {
        settings.grace.saturating_add(AFTER_KILL)
    }
}

/// Hands events on: to those who watch, to stdout, to the hall. What the session still owed in the end.
async fn tell(
    client: FacilitatorClient,
    hall: Hall,
    news: News,
    mut watchers: Watchers,
) -> Vec<Owed> {
    while let Ok(event) = client.next_event().await {
        watchers.observe(&event);
        if let Event::Stopped { owed } = event {
            return owed;
        }
        if let Event::Receipt(receipt) = &event
            && !receipt.automatic
        {
            news.tell(&Line::receipt(receipt, None));
        } else if let Some(line) = Line::of(&event) {
            news.tell(&line);
        }
        hall.take(event);
    }
    Vec::new()
}

/// Ends what was waited for in vain, for ever.
async fn tend(hall: &Hall) {
    let mut changes = hall.changes();
    loop {
        hall.tend();
        let due = hall.next_due();
        let waiting = async {
            match due {
                Some(due) => sleep_until(Instant::from_std(due)).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = waiting => {}
            // The sender is here.
            _ = changes.changed() => {}
        }
    }
}
