//! What a service manager is told: ready, stopping, reloading, alive. The protocol is that of `sd_notify(3)`: lines in a
//! datagram to the socket that `NOTIFY_SOCKET` names. Without that variable, nobody is told anything.

use std::sync::Arc;
use std::time::Duration;

use facilitator_tokio::FacilitatorClient;
use facilitator_tokio::core::client::Phase;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, warn};

/// Where the manager listens.
const SOCKET: &str = "NOTIFY_SOCKET";
/// How many microseconds may pass between two signs of life.
const WATCHDOG: &str = "WATCHDOG_USEC";
/// Whose signs of life are meant.
const WATCHDOG_PROCESS: &str = "WATCHDOG_PID";
/// What is meant for this process only, and not for those that it starts.
#[cfg(unix)]
pub(crate) const VARIABLES: [&str; 3] = [SOCKET, WATCHDOG, WATCHDOG_PROCESS];

/// The service manager that has started this process, or nobody.
#[derive(Clone, Default)]
pub(crate) struct Service {
    socket: Option<Arc<Socket>>,
    /// How often it wants a sign of life.
    watchdog: Option<Duration>,
}

impl Service {
    /// Whoever the environment names.
    pub(crate) fn of_environment() -> Self {
        let Some(name) = std::env::var_os(SOCKET).filter(|name| !name.is_empty()) else {
            return Self::default();
        };
        let socket = match Socket::to(&name) {
            Ok(socket) => socket,
            Err(error) => {
                warn!(%error, "the service manager cannot be told anything: {SOCKET}");
                return Self::default();
            }
        };
        let text = |name| std::env::var(name).ok();
        let process = std::process::id().to_string();
        let is_meant = text(WATCHDOG_PROCESS).is_none_or(|meant| meant == process);
        let watchdog = text(WATCHDOG).and_then(|text| text.parse().ok());
        let watchdog = watchdog.filter(|time| is_meant && *time > 0);
        Self {
            socket: Some(Arc::new(socket)),
            watchdog: watchdog.map(Duration::from_micros),
        }
    }

    /// The program has started; whether the facilitator can be reached is another matter. Signs of life are given from
    /// now on.
    pub(crate) fn begin(&self, client: &FacilitatorClient) {
        self.live(client);
        self.ready();
    }

    /// The program works, after its start or after a reload.
    pub(crate) fn ready(&self) {
        self.tell("READY=1");
    }

    /// The configuration is being read again; `ready` ends it.
    pub(crate) fn reloading(&self) {
        self.tell("RELOADING=1");
    }

    /// The program is on its way to its end.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// What the session is doing.
    pub(crate) fn tell_phase(&self, phase: Phase) {
        self.tell(&format!("STATUS={phase}"));
    }

    /// Gives signs of life, twice as often as is asked for, until the end of the program. Each proves that tasks are run
    /// and that the session can be asked.
    fn live(&self, client: &FacilitatorClient) {
        let Some(period) = self.watchdog else { return };
        let (service, client) = (self.clone(), client.clone());
        tokio::spawn(async move {
            let mut ticks = interval((period / 2).max(Duration::from_millis(1)));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                // Whoever holds the session for ever holds this, too.
                let _ = client.phase();
                service.tell("WATCHDOG=1");
            }
        });
    }

    fn tell(&self, what: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(what)
        {
            // It is full, or gone: neither is a reason to do anything else than before.
            debug!(%error, what, "the service manager was not told");
        }
    }
}

#[cfg(unix)]
use unix::Socket;

#[cfg(unix)]
mod unix {
    //! The datagrams.

    use std::ffi::OsStr;
    use std::io;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    pub(super) struct Socket(UnixDatagram);

    impl Socket {
        /// A path, or after an `@` a name of Linux's abstract ones.
        pub(super) fn to(name: &OsStr) -> io::Result<Self> {
            let socket = UnixDatagram::unbound()?;
            socket.connect_addr(&address(name.as_bytes())?)?;
            socket.set_nonblocking(true)?;
            Ok(Self(socket))
        }

        pub(super) fn send(&self, what: &str) -> io::Result<()> {
            self.0.send(what.as_bytes()).map(drop)
        }
    }

    fn address(name: &[u8]) -> io::Result<SocketAddr> {
        match name {
            #[cfg(target_os = "linux")]
            [b'@', name @ ..] => {
                <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
            }
            [b'/', ..] => SocketAddr::from_pathname(OsStr::from_bytes(name)),
            _ => {
                let what = "neither an absolute path nor a name that begins with @";
                Err(io::Error::new(io::ErrorKind::InvalidInput, what))
            }
        }
    }
}

#[cfg(not(unix))]
use elsewhere::Socket;

#[cfg(not(unix))]
mod elsewhere {
    //! There is no such thing.

    use std::ffi::OsStr;
    use std::io;

    pub(super) struct Socket;

    impl Socket {
        pub(super) fn to(_: &OsStr) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) fn send(&self, _: &str) -> io::Result<()> {
            Ok(())
        }
    }
}
