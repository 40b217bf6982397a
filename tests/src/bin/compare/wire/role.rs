//! What the processes of a measurement have in common: lines of JSON from the parent, lines of JSON to it, and an end when
//! the parent has gone. What a role does is not known here.

use std::io::{self, BufRead as _, Write as _};
use std::process;
use std::thread;

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// What the parent asks for. The process ends when the parent ends, or says something that makes no sense.
pub(crate) fn commands<T: DeserializeOwned + Send + 'static>() -> UnboundedReceiver<T> {
    let (sender, receiver) = unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            let Ok(command) = serde_json::from_str(&line) else {
                process::exit(2);
            };
            if sender.send(command).is_err() {
                break;
            }
        }
        process::exit(0);
    });
    receiver
}

/// One line for the parent.
pub(crate) fn say(what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_string(what)?;
    line.push('\n');
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}

/// The CPU time that this process has used so far, all its threads and the system's work for them.
pub(crate) fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds and nanoseconds of a short life"
    )]
    let seconds = time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64;
    seconds
}
