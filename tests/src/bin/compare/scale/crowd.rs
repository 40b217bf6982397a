//! Many sessions in one process, on one thread of tokio: a role. It tells what they cost whenever the parent asks.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use facilitator_tokio::core::signature::Scheme;
use facilitator_tokio::{Config, Endpoint, FacilitatorClient, Keypair, Phase};
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use super::open_files;
use crate::wire::Result;
use crate::wire::role::{commands, cpu_seconds, say};

/// Time between two heartbeats of a session, and between two pings: shortened, so that a measurement of seconds has both.
/// As a rule it is a minute, and 20 s.
pub(super) const PERIOD: Duration = Duration::from_secs(4);
/// How many heartbeats and pings a session has in a second.
pub(super) const BEATS: f64 = 2.0 / 4.0;
/// Longer than it ever takes until all are connected.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often those are looked at that are awaited.
const LOOK: Duration = Duration::from_millis(2);

/// What the parent asks for. Each is answered with [`Cost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Command {
    /// Starts all, and waits until they are ready.
    Start,
    /// Nothing, for so many milliseconds.
    Idle { millis: u64 },
    /// Remembers where each session stands: they are going to be cut.
    Remember,
    /// Waits until all are ready again, on a connection that they had not been on.
    Return,
}

/// What a command has cost.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Cost {
    pub(super) seconds: f64,
    /// Of the whole process since the last command ended.
    pub(super) cpu: f64,
    /// Memory that the system has given to this process beyond what it had before there were sessions, in bytes.
    pub(super) resident: f64,
    /// Attempts that failed, of all sessions so far.
    pub(super) failures: u64,
}

/// `COUNT ADDRESS ..`, until the parent has gone.
pub(super) fn play(words: &[String]) -> Result<()> {
    let [count, addresses @ ..] = words else {
        return Err("how many sessions, and where to?".into());
    };
    open_files::raise();
    let addresses = addresses.iter().map(|address| address.parse());
    let addresses: Vec<SocketAddr> = addresses.collect::<core::result::Result<_, _>>()?;
    let count = count.parse()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut crowd = Crowd::new(count, addresses);
        let mut commands = commands();
        while let Some(command) = commands.recv().await {
            say(&crowd.obey(command).await?)?;
        }
        Ok(())
    })
}

struct Crowd {
    count: usize,
    addresses: Vec<SocketAddr>,
    sessions: Vec<FacilitatorClient>,
    /// How often each session had been authenticated.
    authenticated: Vec<u64>,
    cpu: f64,
    resident_before: f64,
}

impl Crowd {
    fn new(count: usize, addresses: Vec<SocketAddr>) -> Self {
        Self {
            count,
            addresses,
            sessions: Vec::new(),
            authenticated: vec![0; count],
            cpu: 0.0,
            resident_before: resident(),
        }
    }

    async fn obey(&mut self, command: Command) -> Result<Cost> {
        let begin = Instant::now();
        if command == Command::Start {
            self.cpu = cpu_seconds();
        }
        match command {
            Command::Start => {
                self.start()?;
                timeout(PATIENCE, self.all_back()).await?;
            }
            Command::Idle { millis } => sleep(Duration::from_millis(millis)).await,
            Command::Remember => {
                let sessions = self.sessions.iter();
                self.authenticated = sessions.map(|session| session.stats().sessions).collect();
            }
            Command::Return => timeout(PATIENCE, self.all_back()).await?,
        }
        let seconds = begin.elapsed().as_secs_f64();
        let cpu = cpu_seconds();
        let mut cost = Cost {
            seconds,
            cpu: cpu - self.cpu,
            resident: resident() - self.resident_before,
            ..Cost::default()
        };
        for session in &self.sessions {
            cost.failures += session.stats().connect_failures;
        }
        self.cpu = cpu_seconds();
        Ok(cost)
    }

    fn start(&mut self) -> Result<()> {
        let keypair = Keypair::from_seed(Scheme::Sr25519, [7; 32])?;
        let places = self.addresses.iter().cycle();
        for address in places.take(self.count) {
            let config = Config {
                heartbeat_interval: PERIOD,
                ping_interval: PERIOD,
                ..Config::new(Endpoint::parse(&format!("ws://{address}/"))?)
            };
            let session = FacilitatorClient::new(config, &keypair)?;
            session.start()?;
            let events = session.clone();
            tokio::spawn(async move { while events.next_event().await.is_ok() {} });
            self.sessions.push(session);
        }
        Ok(())
    }

    /// Until every session is ready that has been authenticated more often than is remembered of it.
    async fn all_back(&self) {
        for (session, before) in self.sessions.iter().zip(&self.authenticated) {
            while session.phase() != Phase::Ready || session.stats().sessions <= *before {
                sleep(LOOK).await;
            }
        }
    }
}

/// What the system has given to this process that is backed by no file, in bytes. 0 where Linux's `/proc` is missing.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0
}
