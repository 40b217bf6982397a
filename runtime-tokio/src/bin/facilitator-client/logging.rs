//! Logs: lines on stderr, never on stdout, which belongs to JSON lines. What is shown and how is configured; what is
//! shown can change while the program runs.

use std::io::IsTerminal;

use tracing_subscriber::filter::EnvFilter;

use crate::config::{Log, LogFormat};
use crate::failure::Failure;

/// The log of this process, while it runs.
pub(crate) struct Logging {
    reload: Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>,
}

/// Starts the log of this process.
///
/// Records of the `log` crate are not taken in: the WebSocket library writes whole frames there, and the first frame
/// of a connection is a credential.
pub(crate) fn start(log: &Log) -> Result<Logging, Failure> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter(log).map_err(Failure::Usage)?)
        .with_writer(std::io::stderr)
        // Escape sequences are for terminals; a log in a file or a pipe is plain text.
        .with_ansi(log.format == LogFormat::Text && std::io::stderr().is_terminal())
        // It would report a closed stderr on stderr, and panic.
        .log_internal_errors(false);
    let reload: Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync> = match log.format {
        LogFormat::Text => {
            let lines = lines.with_filter_reloading();
            let handle = lines.reload_handle();
            lines.init();
            Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string()))
        }
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_filter_reloading();
            let handle = lines.reload_handle();
            lines.init();
            Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string()))
        }
    };
    Ok(Logging { reload })
}

impl Logging {
    /// Shows what this asks for from now on. Its format is not looked at.
    pub(crate) fn show(&self, log: &Log) -> Result<(), String> {
        (self.reload)(filter(log)?)
    }
}

fn filter(log: &Log) -> Result<EnvFilter, String> {
    EnvFilter::builder()
        .parse(&log.filter)
        .map_err(|error| format!("the log filter {:?}: {error}", log.filter))
}
