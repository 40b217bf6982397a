//! Who ends a session and how: signals, patience with the reader of stdout, the exit status.

use std::time::Duration;

use facilitator_tokio::FacilitatorClient;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::input::End;
use crate::failure::Failure;
use crate::monitor::Monitor;
use crate::output::Output;
use crate::service::Service;
use crate::signals::Signals;

/// After a signal, a reader of stdout that takes nothing for so long is not waited for any more.
const STALL: Duration = Duration::from_secs(1);

/// The way to the end, and what went wrong on it.
pub(super) struct Ending {
    signals: Signals,
    service: Service,
    monitor: Option<Monitor>,
    interrupted: bool,
    aborted: bool,
    refused: bool,
}

impl Ending {
    pub(super) fn new(signals: Signals, service: Service) -> Self {
        Self {
            signals,
            service,
            monitor: None,
            interrupted: false,
            aborted: false,
            refused: false,
        }
    }

    /// Those who watch by this are told of the end from now on.
    pub(super) fn tell(&mut self, monitor: Option<&Monitor>) {
        self.monitor = monitor.cloned();
    }

    /// To say so twice does no harm.
    fn stopping(&self) {
        self.service.stopping();
        if let Some(monitor) = &self.monitor {
            monitor.stopping();
        }
    }

    /// Waits for a signal. The first one asks for a graceful stop, every further one for an end at once.
    pub(super) async fn signal(&mut self) {
        let signal = self.signals.next().await;
        if self.interrupted {
            warn!(signal, "aborting");
            self.aborted = true;
        } else {
            info!(signal, "stopping; a second signal aborts");
            self.interrupted = true;
            self.stopping();
        }
    }

    /// The session has ended by itself: it was told to, should the facilitator refuse the signature.
    pub(super) fn refused(&mut self) {
        error!("stopped: the facilitator refuses the signature");
        self.refused = true;
    }

    /// Whether a second signal was seen.
    #[cfg(unix)]
    pub(super) const fn is_aborted(&self) -> bool {
        self.aborted
    }

    /// Ends the session. Its events tell what is left.
    pub(super) async fn stop(&mut self, client: &FacilitatorClient) {
        // Not every end is asked for by a signal.
        self.stopping();
        let stopped = client.stop();
        tokio::pin!(stopped);
        while !self.aborted {
            tokio::select! {
                biased;
                // Nobody else stops it: an error means that it has ended by itself.
                _ = &mut stopped => return,
                () = self.signal() => {}
            }
        }
        let _ = client.abort();
    }

    /// Lets the last lines be printed, however slowly, until somebody asks for the end of the process by a signal:
    /// then only as long as the reader of stdout takes any. `None` when it does not.
    pub(super) async fn wait_for<T>(
        &mut self,
        last_words: impl Future<Output = T>,
        output: &Output,
    ) -> Option<T> {
        tokio::pin!(last_words);
        loop {
            let (written, hurried, aborted) = (output.written(), self.interrupted, self.aborted);
            tokio::select! {
                biased;
                told = &mut last_words => return Some(told),
                () = sleep(STALL), if hurried => if output.written() == written { return None },
                () = self.signal() => if aborted { return None },
            }
        }
    }

    /// The exit status; what went wrong, in one line.
    pub(super) fn verdict(
        self,
        output: &Output,
        told: Option<(End, usize)>,
        kept: Option<Result<(), String>>,
        unrecorded: Option<String>,
    ) -> Result<(), Failure> {
        let mut reasons = Vec::new();
        if self.refused {
            reasons.push(
                "the facilitator refuses the signature; look at the hotkey and the endpoint"
                    .to_owned(),
            );
        }
        if self.aborted {
            reasons.push("aborted by a second signal".to_owned());
        }
        match (output.failure(), told) {
            (None, None) => reasons.push("stdout is not read any more, events were lost".into()),
            (failure, None) => reasons.extend(failure),
            (failure, Some((end, owed))) => {
                if let End::Failed(error) = end {
                    reasons.push(format!("stdin cannot be read: {error}"));
                }
                if owed > 0 && matches!(kept, Some(Ok(()))) {
                    info!(owed, "what is owed was kept; the next start sends it");
                } else if owed > 0 {
                    let where_to = match failure {
                        None => "`stopped` holds them",
                        Some(_) => "they could not be printed",
                    };
                    reasons.push(format!("messages not delivered: {owed}, {where_to}"));
                }
                reasons.extend(failure);
            }
        }
        reasons.extend(kept.and_then(Result::err));
        reasons.extend(unrecorded);
        if reasons.is_empty() {
            Ok(())
        } else {
            Err(Failure::failed(reasons.join("; ")))
        }
    }
}
