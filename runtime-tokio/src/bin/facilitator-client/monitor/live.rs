//! The page while it is open: what has changed, as server-sent events. Each open page asks for the next one when it has
//! taken the last, so a slow one gets fewer of them, and nothing piles up.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Shared;
use super::answer::Body;
use super::page::{self, Section};

pub(super) const CONTENT_TYPE: &str = "text/event-stream";

/// What nobody tells of is looked for this often: queues, and statuses of jobs.
const LOOK: Duration = Duration::from_secs(1);
/// The least time between two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// Something is sent this often, so that both sides notice when the other one is gone.
const SILENCE: Duration = Duration::from_secs(10);

/// One open page.
struct Live {
    shared: Arc<Shared>,
    changes: watch::Receiver<u64>,
    /// What the page shows.
    shown: Vec<Section>,
    /// When something was sent; nothing was, before the first time.
    sent: Option<Instant>,
    _place: OwnedSemaphorePermit,
}

/// What is sent.
#[derive(Serialize)]
struct Update<'a> {
    /// Milliseconds since the start of the program; ages count from it.
    now: u64,
    title: &'a str,
    /// Those that have changed.
    sections: Vec<&'a Section>,
}

/// The events, until the page is closed. `None` when too many pages are open.
pub(super) fn body(shared: &Arc<Shared>) -> Option<Body> {
    let place = Arc::clone(&shared.live).try_acquire_owned().ok()?;
    let live = Live {
        shared: Arc::clone(shared),
        changes: shared.changes.subscribe(),
        shown: Vec::new(),
        sent: None,
        _place: place,
    };
    let events = stream::unfold(live, |mut live| async move {
        let event = live.next().await;
        Some((Ok::<_, Infallible>(Frame::data(event)), live))
    });
    Some(StreamBody::new(events).boxed_unsync())
}

impl Live {
    async fn next(&mut self) -> Bytes {
        loop {
            if let Some(sent) = self.sent {
                sleep_until(sent + PAUSE).await;
                // Whoever has changed what does not matter: all is looked at.
                let _ = timeout(LOOK, self.changes.changed()).await;
            }
            if let Some(event) = self.look() {
                return event;
            }
            sleep(PAUSE).await;
        }
    }

    /// What has changed since the last look, if anything has.
    fn look(&mut self) -> Option<Bytes> {
        let view = page::live(&self.shared);
        let changed = view
            .sections
            .iter()
            .filter(|section| !self.shown.contains(section));
        let update = Update {
            now: view.now,
            title: &view.title,
            sections: changed.collect(),
        };
        let silent = self.sent.is_none_or(|sent| sent.elapsed() >= SILENCE);
        if update.sections.is_empty() && !silent {
            return None;
        }
        // Texts and numbers always can be written; and as JSON they are one line.
        let json = serde_json::to_string(&update).unwrap_or_default();
        self.shown = view.sections;
        self.sent = Some(Instant::now());
        Some(format!("data: {json}\n\n").into())
    }
}
