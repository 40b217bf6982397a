//! Logs: human text on stderr, never on stdout, which belongs to JSON lines.

use std::io::IsTerminal;

use tracing_subscriber::filter::{EnvFilter, LevelFilter};

/// `FACILITATOR_LOG` takes a filter as `facilitator_tokio=debug`; the number of `-v` decides without it.
///
/// Records of the `log` crate are not taken in: the WebSocket library writes whole frames there, and the first frame
/// of a connection is a credential.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let filter = EnvFilter::builder()
        .with_default_directive(level.into())
        .with_env_var("FACILITATOR_LOG")
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Escape sequences are for terminals; a log in a file or a pipe is plain text.
        .with_ansi(std::io::stderr().is_terminal())
        // It would report a closed stderr on stderr, and panic.
        .log_internal_errors(false)
        .init();
}
