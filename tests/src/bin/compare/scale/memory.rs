//! What an idle session holds, against an idle connection without a session. The counting is done by a program of its own,
//! `idle-sessions`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, process};

use facilitator_tests::built;
use facilitator_tests::compare::{Bar, Detail, Measured, Plan, Row};
use serde::Deserialize;

use super::{Server, certificate, failed};
use crate::wire::Result;

pub(crate) const ROW: Row = Row {
    id: "idle-memory",
    title: "idle memory a session / tokio-tungstenite default",
    explanation: "Live heap of one more authenticated, idle session on tokio, over plain TCP: core, driver, both tasks, \
                  queues, buffers; against one more authenticated connection with a task that reads. Ours has pinged \
                  before. Counted by the allocator over 1,000 of each, less what the first one pays for all.",
    bar: Bar::at_most(1.0 / 12.0, 1.0 / 20.0),
    measure: |plan| measure(plan).map_err(failed),
};

/// What one connection holds, in bytes, as `idle-sessions` prints it.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Held {
    heap: f64,
    blocks: f64,
    resident: Option<f64>,
}

fn measure(plan: &Plan) -> Result<Measured> {
    plan.tell("building idle-sessions");
    let program = built::program_alone("facilitator-tests", "idle-sessions")?;
    let count = plan.pick(1000, 10);
    plan.tell("sessions over TCP");
    let server = Server::start(&[])?;
    let uri = format!("ws://127.0.0.1:{}/", server.port());
    let hold = |side| hold(&program, side, count, &uri, None);
    let (ours, theirs) = (hold("ours")?, hold("bare")?);
    plan.tell("sessions over TLS");
    let (our_tls, their_tls) = over_tls(&program, count)?;
    let mut measured = Measured::once(
        ("ours", ours.heap),
        ("tokio-tungstenite", theirs.heap),
        "bytes",
    );
    if let (Some(ours), Some(theirs)) = (ours.resident, theirs.resident) {
        measured = measured
            .with(Measured::once(("", ours), ("", theirs), "").into_detail(
                "as the system sees it: growth of the resident memory, what the allocator wastes included",
            ))
            .with(Detail::figure("resident memory of ours", ours, "bytes"));
    }
    Ok(measured
        .with(
            Measured::once(("", our_tls.heap), ("", their_tls.heap), "").into_detail(
                "over TLS, the rival with tokio-rustls: heap; most of it is rustls, on both sides",
            ),
        )
        .with(Detail::figure(
            "heap of ours over TLS",
            our_tls.heap,
            "bytes",
        ))
        .with(Detail::figure(
            "heap of theirs over TLS",
            their_tls.heap,
            "bytes",
        ))
        .with(Detail::figure("blocks of ours, over TCP", ours.blocks, "")))
}

fn over_tls(program: &Path, count: u32) -> Result<(Held, Held)> {
    let server = Server::start(&["tls"])?;
    let authority = server.listening.authority.as_deref().unwrap_or_default();
    let path = env::temp_dir().join(format!("compare-authority-{}.der", process::id()));
    fs::write(&path, authority)?;
    let file = Temporary(path);
    let uri = format!("wss://{}:{}/", certificate::NAME, server.port());
    let hold = |side| hold(program, side, count, &uri, Some(&file.0));
    Ok((hold("ours")?, hold("bare")?))
}

/// A file that is removed in the end.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn hold(
    program: &Path,
    side: &str,
    count: u32,
    uri: &str,
    authority: Option<&Path>,
) -> Result<Held> {
    let output = Command::new(program)
        .args([side, &count.to_string(), uri])
        .args(authority)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("idle-sessions has ended: {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
