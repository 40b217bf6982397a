//! An application's loggers: one for `tracing`, one for `log`, both without a filter. They keep what they hear.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use log::{Level, LevelFilter, Log, Metadata, Record};
use tracing_subscriber::fmt;

/// A record, or a line.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) level: Level,
    pub(crate) target: String,
    pub(crate) text: String,
    /// What the peer's own libraries say: the peer knows the secret.
    pub(crate) by_peer: bool,
}

/// The peers' threads.
pub(crate) const PEER: &str = "peer";

fn by_peer() -> bool {
    thread::current().name() == Some(PEER)
}

static HEARD: Mutex<Vec<Heard>> = Mutex::new(Vec::new());

fn all() -> MutexGuard<'static, Vec<Heard>> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Ears;

impl Log for Ears {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        all().push(Heard {
            level: record.level(),
            target: record.target().to_owned(),
            text: record.args().to_string(),
            by_peer: by_peer(),
        });
    }

    fn flush(&self) {}
}

impl io::Write for Ears {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        all().push(Heard {
            level: Level::Error,
            target: "tracing".to_owned(),
            text: String::from_utf8_lossy(bytes).into_owned(),
            by_peer: by_peer(),
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// From now on everything is heard.
pub(crate) fn open() {
    log::set_logger(&Ears).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let subscriber = fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(fmt::format::FmtSpan::FULL)
        .with_writer(|| Ears)
        .finish();
    tracing_subscriber::util::SubscriberInitExt::try_init(subscriber).unwrap();
}

/// What was heard of the clients.
pub(crate) fn heard() -> Vec<Heard> {
    let all = all();
    all.iter().filter(|heard| !heard.by_peer).cloned().collect()
}
