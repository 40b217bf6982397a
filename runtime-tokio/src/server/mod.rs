//! The simulated facilitator on a real socket (feature `server`), for everybody who tests a validator, or anything that
//! talks to one.
//!
//! [`Server`] listens on a TCP port and speaks the facilitator's side of the protocol, with all its manners:
//! [`facilitator_core::facilitator`] decides what is answered, recorded and crashed on; this module carries frames. It
//! adds what only a test has: cutting connections hard, at a chosen moment ([`Server::cut_when`]) or at once.
//!
//! ```
//! use facilitator_core::facilitator::FacilitatorConfig;
//! use facilitator_core::message::{ExecutorClass, JobStatus, V2JobRequest};
//! use facilitator_core::signature::{Scheme, sign_job_request};
//! use facilitator_tokio::server::Server;
//! use facilitator_tokio::{Config, Endpoint, Event, FacilitatorClient, Keypair};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! // What is tested: here the client of this crate.
//! # if !cfg!(feature = "sr25519") { return Ok(()); }
//! let keypair = Keypair::from_uri(Scheme::Sr25519, "//Alice")?;
//! let server = Server::bind("127.0.0.1:0", FacilitatorConfig::default()).await?;
//! let client = FacilitatorClient::new(Config::new(Endpoint::parse(&server.uri())?), &keypair)?;
//!
//! let uuid = "f4b1c4b2-5d3f-4a39-9c75-0a0c0de61d4b";
//! let mut request = V2JobRequest::new(uuid, ExecutorClass::AlwaysOnTest, "alpine");
//! // By the validator's own key: the one that it trusts without being told.
//! sign_job_request(&mut request, &keypair, 1_795_432_324_334_542_202);
//! server.push_job(request)?;
//!
//! client.start()?;
//! while !matches!(client.next_event().await?, Event::JobRequested(_)) {}
//! client.send_status(uuid, JobStatus::Accepted).await?.await;
//! client.stop().await?;
//!
//! let facilitator = server.shutdown().await;
//! let statuses = facilitator.job(uuid).expect("it was pushed").statuses();
//! let statuses: Vec<JobStatus> = statuses.iter().map(|stored| stored.status).collect();
//! assert_eq!(statuses, [JobStatus::Sent, JobStatus::Received, JobStatus::Accepted]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod connection;
mod event;
mod listen;
mod shared;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use facilitator_core::facilitator::{
    Delivery, Event, Facilitator, FacilitatorConfig, JobRecord, Memory, PushError, UnknownJob,
};
use facilitator_core::message::{V0JobCheated, V2JobRequest};
use facilitator_core::{ConnectionId, Timestamp};
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::task::JoinHandle;

pub use self::event::{Events, Handshake, ServerEvent};
use self::shared::Shared;

/// A simulated facilitator that listens on a TCP port. The [module](self) shows it at work.
///
/// All methods may be called from any task or thread and return at once. Dropping the server ends it as
/// [`cut_all`](Self::cut_all) does; [`shutdown`](Self::shutdown) says goodbye first.
///
/// It serves plain `ws://`, on any path of the URI, and what it keeps in memory is bounded by the configuration's
/// [`Limits`](facilitator_core::facilitator::Limits). A handshake has to end within 10 seconds. A validator that does not
/// read what is pushed to it is cut off once more than 256 MiB wait for it, or 16,384 frames beside one for each job that
/// [may be on record](facilitator_core::facilitator::Limits::jobs).
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens at `address`; with port 0 at a free port, see [`local_addr`](Self::local_addr).
    ///
    /// # Errors
    ///
    /// The system's, when it cannot listen there.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with IO and time enabled.
    pub async fn bind(address: impl ToSocketAddrs, config: FacilitatorConfig) -> io::Result<Self> {
        Self::bind_with(address, Facilitator::new(config)).await
    }

    /// As [`bind`](Self::bind), with a facilitator that knows jobs already when the first validator comes: because they
    /// were pushed before, or because it served another server. Connections that it still has are dropped.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    ///
    /// # Panics
    ///
    /// As [`bind`](Self::bind).
    pub async fn bind_with(
        address: impl ToSocketAddrs,
        facilitator: Facilitator,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(facilitator));
        let task = tokio::spawn(listen::run(Arc::clone(&shared), listener));
        Ok(Self {
            shared,
            address,
            task,
        })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What a validator on this machine connects to, as `ws://127.0.0.1:PORT/ws/v0/`: the address that it listens at, and
    /// for an unspecified one (`0.0.0.0`, `[::]`) the loopback.
    pub fn uri(&self) -> String {
        let mut address = self.address;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        format!("ws://{address}/ws/v0/")
    }

    /// Pushes a job, or makes it wait until a validator comes; see [`Facilitator::push_job`].
    ///
    /// # Errors
    ///
    /// [`PushError`]; nothing changed then.
    pub fn push_job(&self, request: V2JobRequest) -> Result<Delivery, PushError> {
        self.with(|facilitator, now| facilitator.push_job(now, request))
    }

    /// Reports that a job was a fraud; see [`Facilitator::report_cheated_job`].
    ///
    /// # Errors
    ///
    /// [`UnknownJob`], when it was never pushed.
    pub fn report_cheated_job(&self, report: V0JobCheated) -> Result<Delivery, UnknownJob> {
        self.with(|facilitator, now| facilitator.report_cheated_job(now, report))
    }

    /// What is on record of a job by now.
    pub fn job(&self, uuid: &str) -> Option<JobRecord> {
        self.with(|facilitator, _| facilitator.job(uuid).cloned())
    }

    /// Visits the facilitator itself: its whole record, and all its commands, which want the time that is handed in.
    /// What they lead to is sent when the visit is over.
    ///
    /// Everything stands still meanwhile: do not block in there, and call no method of this server.
    pub fn with<R>(&self, visit: impl FnOnce(&mut Facilitator, Timestamp) -> R) -> R {
        self.shared.visit(0, visit)
    }

    /// Everything that happens, as a stream. Each call gives a stream of its own: the first one begins with the server,
    /// the others with the call.
    pub fn events(&self) -> Events {
        Events::new(Arc::clone(&self.shared))
    }

    /// Cuts a connection hard: the socket is reset, without a close frame, and what was not read or written by then is
    /// lost. Whether there was such a connection.
    pub fn cut(&self, connection: ConnectionId) -> bool {
        self.shared.cut(connection)
    }

    /// [Cuts](Self::cut) all connections. Returns how many there were.
    pub fn cut_all(&self) -> usize {
        self.shared.cut_all()
    }

    /// [Cuts](Self::cut) a connection at the very event for which `rule` returns true, before anything that follows from
    /// it: at a stored status, the answer is not sent, and frames behind that status are not read. It replaces an
    /// earlier rule.
    ///
    /// The rule sees the events of all connections, in order. It must not block, nor call a method of this server.
    ///
    /// ```
    /// # use facilitator_core::facilitator::{Event, FacilitatorConfig, StatusOutcome};
    /// # use facilitator_tokio::server::Server;
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # let server = runtime.block_on(Server::bind("127.0.0.1:0", FacilitatorConfig::default()))?;
    /// // Every terminal status is stored, and none is answered: a validator has to send it again.
    /// server.cut_when(|event| {
    ///     let Event::JobStatus { update, outcome: StatusOutcome::Stored, .. } = event else { return false };
    ///     update.status.is_terminal()
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn cut_when(&self, rule: impl FnMut(&Event) -> bool + Send + 'static) {
        self.shared.cut_when(Box::new(rule));
    }

    /// Plays a restart of the facilitator: every connection is dropped without a close frame, and with
    /// [`Memory::Lost`] the record is empty from then on. It goes on listening.
    pub fn restart(&self, memory: Memory) {
        self.with(|facilitator, now| facilitator.restart(now, memory));
    }

    /// Stops listening, closes every connection (1012, as a server does that restarts), waits for at most two seconds
    /// for the others to agree, and returns the facilitator with its whole record.
    pub async fn shutdown(mut self) -> Facilitator {
        self.shared.stop();
        // It ends by itself; that it was cancelled or panicked changes nothing about the record.
        let _ = (&mut self.task).await;
        self.shared.close_events();
        self.with(|facilitator, _| facilitator.clone())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Reset, not closed: whoever is connected shall notice at once.
        self.shared.cut_all();
        self.task.abort();
        self.shared.close_events();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
