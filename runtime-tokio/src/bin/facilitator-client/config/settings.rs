//! Everything that can be set, with its defaults. A value without behaviour; what each field means stands with its key
//! in `keys`, or with the session's own `Config`.

use std::path::PathBuf;

use facilitator_tokio::{Config, Endpoint};

use super::workers::Workers;

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
    pub(crate) workers: Workers,
    pub(crate) log: Log,
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
            workers: Workers::default(),
            log: Log::default(),
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
