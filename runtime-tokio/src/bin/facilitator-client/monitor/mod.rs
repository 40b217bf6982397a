//! What an operator sees of a running session: metrics, health checks, a status page. Here the parts meet: the session,
//! what is remembered of it (`chronicle`), and the server that shows both.
//!
//! It only watches: nothing that is asked for here changes the session, and nothing waits for whoever asks.

pub(crate) mod address;
mod answer;
mod chronicle;
pub(crate) mod clock;
mod live;
mod page;
mod patience;
pub(crate) mod report;
mod server;
mod telling;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use facilitator_tokio::core::client::{Event, Overview, Phase};
use facilitator_tokio::{Config, FacilitatorClient};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tracing::info;

pub(crate) use self::address::Address;
use self::chronicle::Chronicle;
use self::clock::Clock;
use crate::failure::Failure;

/// Pages that may be live at once; each holds a connection, and the metrics need some, too.
const LIVE: usize = 16;

/// The watcher of one session.
#[derive(Clone)]
pub(crate) struct Monitor(Arc<Shared>);

struct Shared {
    client: FacilitatorClient,
    about: About,
    clock: Clock,
    chronicle: Mutex<Chronicle>,
    /// Rises with every event.
    changes: watch::Sender<u64>,
    live: Arc<Semaphore>,
    /// A stop was asked for. The session hears of it only when the running jobs have had their time.
    stopping: AtomicBool,
    /// Whether the server is for this machine only.
    local: bool,
}

/// What does not change while the session runs. No header, no path: they can hold credentials.
struct About {
    hotkey: String,
    host: String,
    port: u16,
    window: usize,
    outbox_entries: usize,
    outbox_bytes: usize,
    specs_entries: usize,
    open_jobs: usize,
}

impl Monitor {
    /// Listens, and serves until the end of the process.
    pub(crate) async fn start(
        address: Address,
        client: &FacilitatorClient,
        config: &Config,
    ) -> Result<Self, Failure> {
        let cannot =
            |error| Failure::failed(format!("metrics cannot be served at {address}: {error}"));
        let listener = TcpListener::bind(address.socket()).await.map_err(cannot)?;
        let found = listener.local_addr().map_err(cannot)?;
        info!(url = %format_args!("http://{found}/"), "metrics and status page");
        let shared = Arc::new(Shared::new(client, config, found.ip().is_loopback()));
        tokio::spawn(server::serve(listener, Arc::clone(&shared)));
        Ok(Self(shared))
    }

    /// Takes note of an event.
    pub(crate) fn observe(&self, event: &Event) {
        let now = self.0.clock.now();
        self.0.chronicle().observe(now, event);
        self.changed();
    }

    /// Takes note that a stop was asked for.
    pub(crate) fn stopping(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
        self.changed();
    }

    fn changed(&self) {
        self.0
            .changes
            .send_modify(|changes| *changes = changes.wrapping_add(1));
    }
}

impl Shared {
    fn new(client: &FacilitatorClient, config: &Config, local: bool) -> Self {
        Self {
            client: client.clone(),
            about: About {
                hotkey: client.hotkey(),
                host: config.endpoint.host().to_owned(),
                port: config.endpoint.port(),
                window: config.window,
                outbox_entries: config.outbox_entries,
                outbox_bytes: config.outbox_bytes,
                specs_entries: config.specs_entries,
                open_jobs: config.open_jobs,
            },
            clock: Clock::new(client.overview().now),
            chronicle: Mutex::new(Chronicle::default()),
            changes: watch::Sender::new(0),
            live: Arc::new(Semaphore::new(LIVE)),
            stopping: AtomicBool::new(false),
            local,
        }
    }

    fn overview(&self) -> Overview {
        self.client.overview()
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Whether new work is welcome.
    fn is_ready(&self, overview: &Overview) -> bool {
        overview.phase == Phase::Ready && !self.is_stopping()
    }

    /// What is going on, in one word: the phase, or that a stop is under way of which the session has not heard yet.
    fn state(&self, overview: &Overview) -> &'static str {
        match overview.phase {
            Phase::Idle | Phase::Draining | Phase::Closing => overview.phase.as_str(),
            _ if self.is_stopping() => "stopping",
            phase => phase.as_str(),
        }
    }

    /// A panic while this was held can have left nothing but an odd entry behind.
    fn chronicle(&self) -> MutexGuard<'_, Chronicle> {
        self.chronicle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
