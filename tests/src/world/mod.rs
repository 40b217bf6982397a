//! A world in a box: validators, facilitators, the network between them, their clocks and all that goes wrong with
//! them, in one thread, out of one seed.
//!
//! The sessions are the real ones, and so are the facilitators: those of `facilitator_core`. The world brings what a
//! runtime would: time, connections, and people who report, stop and start. A simulated year of one validator takes
//! seconds, and what fails once fails every time.
//!
//! ```
//! use std::time::Duration;
//! use facilitator_tests::world::{ClientFault, Direction, Fault, Settings, World};
//!
//! // A validator and its facilitator across an ocean, a job a minute.
//! let mut world = World::new(Settings::new(42))?;
//! world.start();
//! world.run_for(Duration::from_mins(10));
//!
//! // From here on nothing reaches the validator any more, and nobody tells it.
//! let direction = Direction::ToClient;
//! world.inject(Fault::Client(0, ClientFault::Silence { direction }));
//! world.run_for(Duration::from_mins(10));
//! assert_eq!(world.counts().connections, 2, "it noticed, and connected anew");
//!
//! // Nothing new goes wrong: within an hour, all that is owed is delivered.
//! world.calm();
//! world.settle(Duration::from_hours(1));
//! assert!(world.verdicts().violations().is_empty());
//! # Ok::<(), facilitator_core::client::ConfigError>(())
//! ```
//!
//! A [`World`] can be cloned at any moment, and the clone goes on as the original would: search, bisect, branch.
//! [`Scenario`] makes a whole run of a seed and a [`Profile`] of faults, and finds the few faults that a failure needs.
//! The program `simulate` does that for any number of seeds:
//!
//! ```text
//! cargo run --release -p facilitator-tests --bin simulate -- --seeds 0..10000 --hours 1 --faults harsh
//! ```
//!
//! # What is checked
//!
//! Every [`Promise`], after every step in which it can break, against books of the world's own: what applications handed
//! over and got back, what facilitators stored, what went over the wires. The books never look into a session. Liveness
//! is checked at the end: once nothing new goes wrong, everything must be settled within a bound that is computed from the
//! configuration alone ([`Scenario::bound`]).
//!
//! # How real it is
//!
//! * A link is a pipe of bytes in each direction. Latency, jitter and bandwidth decide when a byte arrives; order is
//!   kept. A frame has its size on the wire, header and mask included, and arrives when its last byte does. A link that
//!   breaks at a byte delivers the frames before it and loses the one that the byte is in. Packets, congestion control
//!   and TLS records are not simulated, and since WebSocket messages arrive whole or not at all, neither is their
//!   fragmentation: no state of a session depends on it.
//! * Each side of a link can be gone, mute, deaf or asleep without the other one knowing. A stalled direction delivers
//!   late, as packets that are sent again do; a silent one never does.
//! * What a session writes is taken at once: a socket whose buffer is full is a runtime's concern, and tested there.
//! * A client's process can sleep, its clock can stand still, jump ahead, or show times of the past.
//! * Jobs are not signed unless [`World::sign_with`] is called; what the signatures are worth is tested elsewhere.
//!
mod apply;
mod bound;
mod connect;
mod counts;
mod deliver;
mod fault;
mod host;
mod inject;
mod job;
mod ledger;
mod link;
mod node;
mod profile;
mod queue;
mod scenario;
mod settings;
mod step;
mod trace;
mod verdict;
mod watch;
mod wire;
mod work;
mod worker;

use facilitator_core::client::{ConfigError, FacilitatorClient, Phase};
use facilitator_core::facilitator::Facilitator;
use facilitator_core::message::JsonMap;
use facilitator_core::signature::{Keypair, Scheme};

pub use self::connect::ConnectFault;
pub use self::counts::Counts;
pub use self::fault::{ClientFault, Crash, FAULT_KINDS, FacilitatorFault, Fault, Noise, Planned};
pub use self::job::JobId;
pub use self::link::Direction;
pub use self::profile::{Profile, UnknownProfile};
pub use self::scenario::{Report, Scenario};
pub use self::settings::{Settings, Workload};
pub use self::trace::Trace;
pub use self::verdict::{Promise, Verdicts, Violation};
pub use self::wire::Quality;

use self::host::Host;
use self::link::Links;
use self::node::Node;
use self::queue::{Nanos, Queue};
use self::step::Occurrence;
use self::worker::Works;

/// A world. The [module](self) says what it is for.
#[derive(Clone, Debug)]
pub struct World {
    settings: Settings,
    now: Nanos,
    queue: Queue<Occurrence>,
    nodes: Vec<Node>,
    hosts: Vec<Host>,
    links: Links,
    works: Works,
    faults: Vec<Fault>,
    /// Numbers given to jobs and batches.
    jobs: u64,
    /// Whether the faults and the jobs have ended.
    calm: bool,
    specs: JsonMap,
    signer: Option<Keypair>,
    /// Chance in what people and workers do, and in what the network does: apart, so that a fault less changes as
    /// little as possible.
    chance: fastrand::Rng,
    network: fastrand::Rng,
    verdicts: Verdicts,
    counts: Counts,
    trace: Trace,
}

impl World {
    /// A world in which nothing has happened. Its clients are not started.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], when the configuration of the sessions makes no sense.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        let hosts = settings.facilitators.max(1);
        let mut nodes = Vec::with_capacity(settings.clients);
        for number in 0..settings.clients {
            let keypair = key(number);
            let seed = settings.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number as u64;
            let client = FacilitatorClient::new(settings.config.clone(), &keypair, seed)?;
            let host = u32::try_from(number % hosts).unwrap_or(0);
            nodes.push(Node::new(client, keypair.account(), host, settings.quality));
        }
        let mut facilitator = settings.facilitator.clone();
        let needed = settings.clients.saturating_mul(2);
        facilitator.limits.connections = facilitator.limits.connections.max(needed);
        facilitator.limits.validators = facilitator.limits.validators.max(needed);
        Ok(Self {
            now: 0,
            queue: Queue::default(),
            nodes,
            hosts: (0..hosts)
                .map(|_| Host::new(Facilitator::new(facilitator.clone())))
                .collect(),
            links: Links::default(),
            works: Works::default(),
            faults: Vec::new(),
            jobs: 0,
            calm: false,
            specs: work::machine_specs(),
            signer: None,
            chance: fastrand::Rng::with_seed(settings.seed ^ 0x5EED_0001),
            network: fastrand::Rng::with_seed(settings.seed ^ 0x5EED_0002),
            verdicts: Verdicts::default(),
            counts: Counts::default(),
            trace: Trace::new(settings.trace),
            settings,
        })
    }

    /// Starts every client, and the work.
    pub fn start(&mut self) {
        for client in 0..u32::try_from(self.nodes.len()).unwrap_or(u32::MAX) {
            self.start_client(client);
            self.at(self.now, Occurrence::Job(client));
            self.at(self.now, Occurrence::Specs(client));
        }
    }

    /// Signs every job request from now on. The sessions' trust has to know the signer.
    pub fn sign_with(&mut self, signer: Keypair) {
        self.signer = Some(signer);
    }

    /// A client's session.
    pub fn client(&self, client: usize) -> Option<&FacilitatorClient> {
        self.nodes.get(client).map(|node| &node.client)
    }

    /// A facilitator.
    pub fn facilitator(&self, facilitator: usize) -> Option<&Facilitator> {
        self.hosts.get(facilitator).map(|host| &host.facilitator)
    }

    /// How many clients there are.
    pub fn clients(&self) -> usize {
        self.nodes.len()
    }

    /// Whether every application has nothing more to do, and every session owes nothing.
    pub fn is_settled(&self) -> bool {
        self.nodes.iter().all(Node::is_settled)
    }

    /// Whether, besides, every session is ready.
    pub(super) fn is_quiet(&self) -> bool {
        self.nodes
            .iter()
            .all(|node| node.is_settled() && node.client.phase() == Phase::Ready)
    }

    /// All should be settled by now.
    pub(super) fn judge_the_end(&mut self) {
        for (client, node) in (0..).zip(&self.nodes) {
            let verdicts = self.verdicts.about(self.now, client);
            let phase = node.client.phase();
            verdicts.check(Promise::Settles, phase == Phase::Ready, || {
                format!("it is {phase} although nothing is wrong any more")
            });
            let (works, backlog) = (node.works, &node.backlog);
            verdicts.check(Promise::Settles, works == 0 && backlog.is_empty(), || {
                format!("{works} jobs are not done, {backlog:?} was not taken")
            });
            node.ledger.settled_in_the_end(verdicts);
        }
    }

    /// A session panicked: what is left of the world is not to be trusted.
    pub(super) fn note_panic(&mut self, message: &str) {
        self.verdicts
            .check(Promise::Total, false, || format!("it panicked: {message}"));
    }

    /// Takes the trace out.
    pub fn into_trace(self) -> Trace {
        self.trace
    }

    /// What it is made of.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What was checked so far, and what came of it.
    pub fn verdicts(&self) -> &Verdicts {
        &self.verdicts
    }

    /// What happened, step by step.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// What happened, in numbers.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

/// The key of a client. The reference facilitator verifies sr25519 only.
fn key(number: usize) -> Keypair {
    let mut seed = [7; 32];
    for (to, from) in seed.iter_mut().zip(number.to_be_bytes()) {
        *to = from;
    }
    // A seed of 32 bytes is a key, whatever it holds: this comes to an end at once.
    loop {
        if let Ok(key) = Keypair::from_seed(Scheme::Sr25519, seed) {
            return key;
        }
        seed = seed.map(|byte| byte.wrapping_add(1));
    }
}
