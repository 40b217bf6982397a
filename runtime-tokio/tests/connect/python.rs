//! The worker that we ship, in Python, run as it would be: whether it can be run here, and how.

use std::env;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The example.
pub(crate) fn worker() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/worker.py")
}

/// As a shell command. `None` where there is no Python, which is said loudly; under `CI`, there must be one.
pub(crate) fn command() -> Option<String> {
    let found = Command::new("python3")
        .args(["-c", "import json, socket, threading"])
        .stdin(Stdio::null())
        .status();
    if found.is_ok_and(|status| status.success()) {
        return Some(format!("exec python3 '{}'", worker().display()));
    }
    assert!(
        env::var_os("CI").is_none(),
        "there is no python3, and CI needs it"
    );
    // Past the capture of the test's output.
    let _ = writeln!(
        io::stderr(),
        "!!! SKIPPED: there is no python3 here, so the worker in Python was not tested"
    );
    None
}
