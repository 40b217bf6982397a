//! The live view on stderr, when that is a terminal. It shows; it knows nothing that others do not tell it.

use std::cell::Cell;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use facilitator_tokio::FacilitatorClient;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tracing::info;

/// Time between two pictures.
const REFRESH: Duration = Duration::from_millis(80);

/// Three lines: the session, what it carries, the jobs.
pub(super) struct View {
    lines: MultiProgress,
    session: ProgressBar,
    load: ProgressBar,
    jobs: ProgressBar,
    is_live: bool,
}

impl View {
    pub(super) fn new(jobs: usize) -> Self {
        // Logs and a picture do not mix: whoever asks for many logs wants those.
        let is_live = io::stderr().is_terminal() && !tracing::enabled!(tracing::Level::DEBUG);
        let target = if is_live {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let lines = MultiProgress::with_draw_target(target);
        let line = |template: &str, bar: ProgressBar| {
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = lines.add(bar);
            bar.set_style(style);
            bar
        };
        let jobs = u64::try_from(jobs).unwrap_or(u64::MAX);
        Self {
            session: line("{spinner} {msg}", ProgressBar::new_spinner()),
            load: line("  {msg}", ProgressBar::new_spinner()),
            jobs: line("  jobs {bar:40} {pos}/{len}", ProgressBar::new(jobs)),
            lines,
            is_live,
        }
    }

    /// Shows what happens, for ever; each remark is a line that stays.
    pub(super) async fn show(
        &self,
        client: &FacilitatorClient,
        remarks: &mut mpsc::UnboundedReceiver<String>,
        ended: &Cell<u64>,
    ) {
        let mut tick = interval(REFRESH);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(remark) = remarks.recv() => self.say(&remark),
                _ = tick.tick() => if self.is_live { self.refresh(client, ended.get()) },
            }
        }
    }

    fn refresh(&self, client: &FacilitatorClient, ended: u64) {
        let stats = client.stats();
        self.session.set_message(format!(
            "{:<14} reconnects {:<4} open jobs {}",
            client.phase().as_str(),
            stats.sessions.saturating_sub(1),
            stats.open_jobs
        ));
        self.load.set_message(format!(
            "queued {:<4} in flight {:<4} acknowledged {:<6} resent {}",
            stats.outbox_length.saturating_sub(stats.in_flight),
            stats.in_flight,
            stats.statuses_acknowledged + stats.statuses_already_known,
            stats.statuses_resent
        ));
        self.jobs.set_position(ended);
        self.session.tick();
        self.load.tick();
    }

    /// One line that stays.
    pub(super) fn say(&self, line: &str) {
        if self.is_live {
            // A terminal that is gone does not have to be told.
            let _ = self.lines.println(line);
        } else {
            info!("{line}");
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        for line in [&self.session, &self.load, &self.jobs] {
            line.finish_and_clear();
        }
    }
}
