//! Everything that can be set, with its defaults. A value without behaviour; what each field means stands with its key
//! in `keys`, or with the session's own `Config`.

use std::path::PathBuf;
use std::time::Duration;

use facilitator_tokio::{Config, Endpoint};

use super::workers::Workers;
use crate::monitor::Address;
use crate::webhook::Url;

/// What the program does.
#[derive(Clone)]
pub(crate) struct Settings {
    /// The session's own.
    pub(crate) config: Config,
    pub(crate) hotkey: Option<PathBuf>,
    pub(crate) allow_plaintext: bool,
    pub(crate) trust_file: Option<PathBuf>,
    pub(crate) state_file: Option<PathBuf>,
    pub(crate) record: Option<PathBuf>,
    pub(crate) line_bytes: usize,
    pub(crate) network: NetworkSettings,
    pub(crate) metrics: Metrics,
    pub(crate) workers: Workers,
    pub(crate) webhook: Webhook,
    pub(crate) log: Log,
}

/// Who is told of each authentication.
#[derive(Clone)]
pub(crate) struct Webhook {
    pub(crate) url: Option<Url>,
    pub(crate) timeout: Duration,
}

/// Who can watch the session.
#[derive(Clone, Default)]
pub(crate) struct Metrics {
    pub(crate) listen: Option<Address>,
    pub(crate) allow_remote: bool,
}

/// The way to the facilitator.
#[derive(Clone)]
pub(crate) struct NetworkSettings {
    pub(crate) roots: Roots,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) client_certificate: Option<PathBuf>,
    pub(crate) client_key: Option<PathBuf>,
    pub(crate) proxy: ProxyChoice,
    pub(crate) proxy_except: Option<Vec<String>>,
}

/// Whom to trust, besides the authorities of one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    /// Mozilla's programme.
    Public,
    /// The operating system's.
    System,
    /// Nobody.
    None,
}

/// Which proxy to go through. The URI can hold a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum ProxyChoice {
    Environment,
    None,
    Via(String),
}

/// What the log looks like.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) filter: String,
    pub(crate) format: LogFormat,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            config: Config::new(Endpoint::public()),
            hotkey: None,
            allow_plaintext: false,
            trust_file: None,
            state_file: None,
            record: None,
            // Three times the largest message, for text that is escaped all over.
            line_bytes: 48 << 20,
            network: NetworkSettings::default(),
            metrics: Metrics::default(),
            workers: Workers::default(),
            webhook: Webhook::default(),
            log: Log::default(),
        }
    }
}

impl Default for Webhook {
    fn default() -> Self {
        Self {
            url: None,
            timeout: Duration::from_secs(10),
        }
    }
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            roots: Roots::Public,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            proxy: ProxyChoice::Environment,
            proxy_except: None,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}
