//! A test that does not end has failed. Nothing else is here.

use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Runs a test on a thread of its own, and fails it when it does not end in time.
///
/// # Panics
/// When it does not end, and as the test does.
pub fn bounded(limit: Duration, test: impl FnOnce() + Send + 'static) {
    let (sender, ended) = channel();
    let name = thread::current().name().unwrap_or("test").to_owned();
    let thread = thread::Builder::new().name(name).spawn(move || {
        test();
        let _ = sender.send(());
    });
    let thread = thread.unwrap_or_else(|error| panic!("no thread for the test: {error}"));
    match ended.recv_timeout(limit) {
        Ok(()) => {}
        Err(RecvTimeoutError::Timeout) => panic!("the test did not end within {limit:?}"),
        Err(RecvTimeoutError::Disconnected) => {
            if let Err(panic) = thread.join() {
                resume_unwind(panic);
            }
        }
    }
}
