//! The signals that ask for the end, and the one that asks for the configuration to be read again.
//!
//! A task of its own takes the signals as they come, whatever the program is doing: when one came matters.

use std::io;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

/// The same signal again within this time is the same wish: `timeout`, for one, signals a process and then its group. Who
/// presses Ctrl-C twice takes longer.
const ECHO: Duration = Duration::from_millis(200);
/// Signals that wait to be acted upon. After the second one nothing is left to ask for.
const WAITING: usize = 8;

/// SIGINT and SIGTERM; elsewhere than on Unix, Ctrl-C.
pub(crate) struct Signals(mpsc::Receiver<&'static str>);

impl Signals {
    /// Takes the signals over: from now on they do not end the process by themselves.
    pub(crate) fn new() -> io::Result<Self> {
        let mut source = Source::new()?;
        let (sender, signals) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            let mut echoes = Echoes::default();
            loop {
                let signal = source.next().await;
                if echoes.is_wish(signal, Instant::now()) {
                    // When so many wait, one more says nothing new.
                    let _ = sender.try_send(signal);
                }
            }
        });
        Ok(Self(signals))
    }

    /// Waits for the next one and returns its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        match self.0.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }
}

/// Tells wishes from their echoes. It knows no clock.
#[derive(Debug, Default)]
struct Echoes {
    /// The last signal that counted, and when it came.
    last: Option<(&'static str, Instant)>,
}

impl Echoes {
    /// Whether a signal that has come now counts. One that is said without end counts again and again.
    fn is_wish(&mut self, signal: &'static str, now: Instant) -> bool {
        let is_echo = self
            .last
            .is_some_and(|(last, at)| last == signal && now.saturating_duration_since(at) < ECHO);
        if !is_echo {
            self.last = Some((signal, now));
        }
        !is_echo
    }
}

#[cfg(unix)]
struct Source {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Source {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            Some(()) = self.interrupt.recv() => "SIGINT",
            Some(()) = self.terminate.recv() => "SIGTERM",
            else => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
struct Source;

#[cfg(not(unix))]
impl Source {
    #[expect(clippy::unnecessary_wraps, reason = "on Unix it can fail")]
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            Err(_) => std::future::pending().await,
        }
    }
}

/// SIGHUP; elsewhere than on Unix it never comes.
pub(crate) struct Hangups {
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
}

impl Hangups {
    /// Takes the signal over: from now on it does not end the process.
    #[cfg(unix)]
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one. Several that come at once are one.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        if self.hangup.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "on Unix it can fail")]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_no_second_wish() {
        let begin = Instant::now();
        let mut echoes = Echoes::default();
        let mut says = |signal, at| echoes.is_wish(signal, begin + Duration::from_millis(at));
        assert!(says("SIGTERM", 0));
        assert!(!says("SIGTERM", 3));
        assert!(!says("SIGTERM", 199));
        // Said without a pause, it counts all the same.
        assert!(says("SIGTERM", 200));
        assert!(!says("SIGTERM", 399));
        assert!(says("SIGTERM", 400));
        // Another one is another wish.
        assert!(says("SIGINT", 401));
        assert!(!says("SIGINT", 402));
        assert!(says("SIGTERM", 403));
    }
}
