//! Logs: lines on stderr, never on stdout, which belongs to JSON lines. What is shown and how is configured.

use std::io::IsTerminal;

use tracing_subscriber::filter::EnvFilter;

use crate::config::{Log, LogFormat};
use crate::failure::Failure;

/// Starts the log of this process.
///
/// Records of the `log` crate are not taken in: the WebSocket library writes whole frames there, and the first frame
/// of a connection is a credential.
pub(crate) fn start(log: &Log) -> Result<(), Failure> {
    let filter = EnvFilter::builder()
        .parse(&log.filter)
        .map_err(|error| Failure::usage(format!("the log filter {:?}: {error}", log.filter)))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Escape sequences are for terminals; a log in a file or a pipe is plain text.
        .with_ansi(log.format == LogFormat::Text && std::io::stderr().is_terminal())
        // It would report a closed stderr on stderr, and panic.
        .log_internal_errors(false);
    match log.format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}
