//! The world of one script: the real session, its network, its facilitator, its application and its clock. It carries
//! out steps and has everything that comes of them checked; it decides nothing about what is right.

mod link;
mod time;

use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use facilitator_core::client::{
    AuthenticationMethod, Config, DeclineReason, Endpoint, Event, FacilitatorClient,
    OnSignatureInvalid, Output, PhaseChange, TrustPolicy, UpdateId,
};
use facilitator_core::message::DecodeMode;
use facilitator_core::signature::Keypair;
use facilitator_core::{Frame, Timestamp};

use super::application;
use super::checks::{
    Asked, Batch, Call, Input, Moment, Rest, Scene, Violation, ask_all, is_oddity,
};
use super::coverage::Coverage;
use super::ledger::{Ledger, Link, Predicted, Standing};
use super::meet;
use super::network::Network;
use super::peer::{self, Manners, Record};
use super::said::Said;
use super::script::{Setup, Step};
use crate::solo;

/// Whether all went as it should.
pub type Went = Result<(), Violation>;

/// Rounds after which something that should come to rest never will.
const FOREVER: usize = 20_000;

/// One script's world.
#[derive(Clone, Debug)]
pub struct World {
    /// The session.
    pub client: FacilitatorClient,
    /// Another one that gets the same inputs.
    pub twin: Option<FacilitatorClient>,
    /// The time.
    pub now: Timestamp,
    /// The model of the session.
    pub ledger: Ledger,
    /// What the facilitator has.
    pub record: Record,
    /// How the facilitator behaves.
    pub manners: Manners,
    /// The network.
    pub network: Network,
    /// What was met on the way.
    pub coverage: Coverage,
    /// The waits that chance alone decides: how long, and how long at the most.
    pub waits: Vec<(Duration, Duration)>,
    /// The jobs that a script's numbers stand for now.
    slots: [u32; 8],
    batch: Batch,
    hold: bool,
    ago: Duration,
    seed: u64,
}

impl World {
    /// A world in which nothing has happened, or in which a session is ready.
    ///
    /// # Errors
    ///
    /// The broken invariant, if the session does not even become ready.
    pub fn new(setup: &Setup) -> Result<Self, Violation> {
        let config = config(setup);
        let session = || session(&config, setup.seed);
        let mut world = Self {
            client: session(),
            twin: setup.twin.then(session),
            now: Timestamp::ZERO,
            ledger: Ledger::new(config.clone(), true),
            record: Record::default(),
            manners: Manners::default(),
            network: Network::default(),
            coverage: Coverage::default(),
            waits: Vec::new(),
            slots: std::array::from_fn(|slot| u32::try_from(slot).unwrap_or_default()),
            batch: Batch::default(),
            hold: false,
            ago: Duration::ZERO,
            seed: setup.seed,
        };
        if setup.ready {
            world.take(Step::Start)?;
            world.take(Step::Flow)?;
        }
        Ok(world)
    }

    /// Takes a step.
    ///
    /// # Errors
    ///
    /// The first invariant that it breaks.
    pub fn take(&mut self, step: Step) -> Went {
        match step {
            Step::Start | Step::Stop | Step::Abort => self.lifecycle(step),
            Step::Give(..)
            | Step::GiveLarge(..)
            | Step::Advance(_)
            | Step::Finish(..)
            | Step::GiveBad(_)
            | Step::Adopt(..)
            | Step::Restart(_)
            | Step::Specs(_)
            | Step::LargeSpecs(..) => {
                self.flush()?;
                application::act(self, step)
            }
            Step::Trust(everybody) => self.trust(everybody),
            Step::Connect => self.connect(),
            Step::Fail(failure) => self.fail(failure),
            Step::Read(frames) => {
                self.read(usize::from(frames));
                Ok(())
            }
            Step::Deliver(parcels) => self.deliver(usize::from(parcels)),
            Step::Flow => self.flow(),
            Step::Cut(read, delivered, how) => self.cut(read, delivered, how),
            Step::PeerCloses(code) => {
                self.on_wire(|wire| peer::close_with(&mut wire.ear, code, &mut wire.down));
                Ok(())
            }
            Step::PeerEnds => {
                self.on_wire(|wire| peer::end(&mut wire.ear, &mut wire.down));
                Ok(())
            }
            Step::Push(_) | Step::Cheat(_) | Step::Say(_) => {
                self.say(step);
                Ok(())
            }
            Step::Mangle(mangle) => {
                self.manners.mangles.truncate(3);
                self.manners.mangles.push_back(mangle);
                Ok(())
            }
            Step::Poison(slot, status, how) => {
                let job = self.job(slot);
                self.manners.poison.push((job, status, how));
                Ok(())
            }
            Step::PoisonSpecs(batch, how) => {
                self.manners.poison_specs.push((u32::from(batch), how));
                Ok(())
            }
            Step::Hang => {
                self.on_wire(|wire| wire.ear.hung = true);
                Ok(())
            }
            Step::Resume => {
                self.resume();
                Ok(())
            }
            Step::Backwards(millis) => {
                self.ago = Duration::from_millis(millis.into());
                Ok(())
            }
            Step::Authentication(manner) => {
                self.manners.authentication = manner;
                Ok(())
            }
            Step::Stale(late) => self.stale(late),
            Step::Hold => {
                self.hold = true;
                Ok(())
            }
            Step::Pass(millis) => self.pass(Duration::from_millis(millis.into()), false),
            Step::Live(millis) => self.pass(Duration::from_millis(millis.into()), true),
            Step::Wake => self.wake(),
            Step::Suspend(seconds) => self.suspend(Duration::from_secs(seconds.into())),
            Step::Tick(millis) => self.tick(Duration::from_millis(millis.into())),
        }
    }

    /// The job that a slot stands for. What the session may have forgotten gets another number.
    pub fn job(&mut self, slot: u8) -> u32 {
        let Some(job) = self.slots.get_mut(usize::from(slot % 8)) else {
            return 0;
        };
        while self.ledger.is_forgettable(*job) {
            *job += 8;
        }
        *job
    }

    /// Another session of the same configuration takes the place of one that has ended.
    pub(super) fn renew(&mut self) {
        self.client = session(&self.ledger.config, self.seed);
        self.twin = self
            .twin
            .take()
            .map(|_| session(&self.ledger.config, self.seed));
    }

    fn lifecycle(&mut self, step: Step) -> Went {
        self.flush()?;
        let now = self.tell(Duration::ZERO);
        let (down, stopping) = (
            self.ledger.link == Link::Down,
            self.ledger.draining.is_some(),
        );
        let wrong = match step {
            Step::Start if stopping => Some("AlreadyStopping"),
            Step::Start => (!down).then_some("AlreadyStarted"),
            _ if down => Some("NotStarted"),
            Step::Stop => stopping.then_some("AlreadyStopping"),
            _ => None,
        };
        let result = match step {
            Step::Start => self.input(Input::Call, |client| client.start(now))?,
            Step::Stop => self.input(Input::Call, |client| client.stop(now))?,
            _ => self.input(Input::Call, |client| client.abort(now))?,
        };
        let call = Call {
            what: format!("{step:?}"),
            predicted: wrong.map_or(Predicted::Queued, Predicted::Refused),
            unsure: false,
            got: result.map(|()| 0).map_err(|error| error_name(&error)),
        };
        self.ask(Moment::Call(&call))?;
        if call.got.is_ok() {
            match step {
                Step::Start => {
                    self.ledger.standing = Standing::Good;
                    self.batch.asked = Some(Asked::Start);
                    self.ledger.started_before = true;
                    self.ledger.failures = 0;
                }
                Step::Stop => {
                    let deadline = now + self.ledger.config.drain_timeout;
                    self.ledger.draining = Some(deadline);
                    if self.client.owed() > 0 {
                        self.coverage.note("stopped with something owed");
                    }
                }
                _ => self.batch.asked = Some(Asked::Abort),
            }
        }
        self.flush()
    }

    fn trust(&mut self, everybody: bool) -> Went {
        self.flush()?;
        self.ledger.trusting = everybody;
        self.input(Input::Call, |client| {
            client.set_trust(if everybody {
                TrustPolicy::unverified()
            } else {
                TrustPolicy::default()
            });
        })?;
        self.flush()
    }

    /// Does something to the session, and to its twin.
    ///
    /// # Errors
    ///
    /// When the two answer differently.
    pub(super) fn input<R: PartialEq + fmt::Debug>(
        &mut self,
        input: Input,
        act: impl Fn(&mut FacilitatorClient) -> R,
    ) -> Result<R, Violation> {
        if self.batch.inputs.is_empty() {
            self.batch.owed_before = self.client.owed();
            self.batch.ready_before = self.ledger.is_ready();
        } else {
            self.batch.should_tell = None;
            self.coverage.note("inputs before the outputs were taken");
        }
        self.batch.inputs.push(input);
        let result = act(&mut self.client);
        if let Some(twin) = &mut self.twin {
            let second = act(twin);
            if second != result {
                return Err(differs(&result, &second));
            }
        }
        Ok(result)
    }

    /// Asks every invariant about something of now.
    ///
    /// # Errors
    ///
    /// The first that is broken.
    pub(super) fn ask(&self, moment: Moment<'_>) -> Went {
        ask_all(&Scene {
            ledger: &self.ledger,
            record: &self.record,
            batch: &self.batch,
            moment,
        })
    }

    /// Takes the outputs, unless they are to be left where they are.
    fn settle(&mut self) -> Went {
        if std::mem::take(&mut self.hold) {
            return Ok(());
        }
        self.flush()
    }

    /// Takes the outputs, and looks at what there is then.
    ///
    /// # Errors
    ///
    /// The first invariant that is broken.
    pub fn flush(&mut self) -> Went {
        while let Some(output) = self.client.poll_output() {
            if let Some(twin) = &mut self.twin {
                let second = twin.poll_output();
                if !second
                    .as_ref()
                    .is_some_and(|second| is_same(&output, second))
                {
                    return Err(differs(&output, &second));
                }
            }
            self.ask(Moment::Output(&output))?;
            self.meet(&output);
            self.ledger.absorb(&output);
            self.carry_out(output)?;
        }
        let rest = Rest {
            phase: self.client.phase(),
            health: self.client.health(),
            running: self.client.is_running(),
            owed: self.client.owed(),
            stats: self.client.stats(),
            wake: self.client.poll_timeout(),
        };
        if let Some(twin) = &mut self.twin {
            let second = (
                twin.poll_output().map(|_| ()),
                twin.stats(),
                twin.poll_timeout(),
            );
            if second != (None, rest.stats, rest.wake) {
                return Err(differs(&rest, &second));
            }
        }
        self.ask(Moment::Rest(&rest))?;
        self.batch = Batch::default();
        Ok(())
    }

    /// Does what the session wants.
    fn carry_out(&mut self, output: Output) -> Went {
        match output {
            Output::Connect(conn, _) => {
                if self.network.attempt.is_some() || self.network.wire.is_some() {
                    return Err(Violation {
                        invariant: "alive or replaced",
                        what: format!("two connections at once: {:?}", self.network),
                    });
                }
                self.network.attempt = Some(conn);
            }
            Output::Transmit(conn, frame) => self.network.write(conn, frame),
            Output::Disconnect(conn, None) => self.network.drop_connection(conn),
            Output::Disconnect(conn, close) => self.network.write(conn, Frame::Close(close)),
            _ => {}
        }
        Ok(())
    }

    /// Takes note of an output, for the checks and for the coverage.
    fn meet(&mut self, output: &Output) {
        self.batch.outputs += 1;
        if let Output::Transmit(_, Frame::Text(text)) = output {
            let heartbeat = Said::read(text) == Some(Said::Heartbeat);
            self.batch.heartbeats += usize::from(heartbeat);
        }
        if let Output::Event(event) = output {
            self.batch.oddities += usize::from(is_oddity(event));
            self.batch.lost |= matches!(event, Event::ConnectionLost { .. });
            self.batch.told.extend(told_of_a_request(event));
            if let Event::Phase(change) = event {
                self.waits.extend(wait_by_chance(&self.ledger, change));
            }
        }
        meet::output(&mut self.coverage, &self.ledger, &self.batch, output);
    }
}

/// What an event says of a job request.
fn told_of_a_request(event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::JobRequested(_) => "Requested",
        Event::JobRefused { .. } => "Refused",
        Event::JobDeclined { reason, .. } => match reason {
            DeclineReason::Duplicate => "Duplicate",
            DeclineReason::InvalidUuid => "InvalidUuid",
            DeclineReason::Busy => "Busy",
            DeclineReason::Stopping => "Stopping",
            DeclineReason::Closing => "Closing",
            _ => "OutboxFull",
        },
        _ => return None,
    })
}

/// A wait that chance alone decides.
fn wait_by_chance(ledger: &Ledger, change: &PhaseChange) -> Option<(Duration, Duration)> {
    let (reason, delay) = (change.reason.as_ref()?, change.retry_in?);
    let (least, greatest) = ledger.allowed_delay(reason);
    least.is_zero().then_some((delay, greatest))
}

fn seconds(count: usize) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or(u64::MAX))
}

/// A session of this configuration, which was never started.
pub(super) fn session(config: &Config, seed: u64) -> FacilitatorClient {
    static KEYPAIR: LazyLock<Keypair> = LazyLock::new(solo::keypair);
    FacilitatorClient::new(config.clone(), &KEYPAIR, seed).unwrap_or_else(|error| panic!("{error}"))
}

fn config(setup: &Setup) -> Config {
    let authentication = if setup.headers {
        AuthenticationMethod::Headers
    } else {
        AuthenticationMethod::FirstFrame
    };
    let decode_mode = if setup.strict {
        DecodeMode::Strict
    } else {
        DecodeMode::Lenient
    };
    Config {
        authentication,
        decode_mode,
        trust: TrustPolicy::unverified(),
        window: setup.window,
        outbox_entries: setup.outbox_entries,
        specs_entries: setup.specs_entries,
        message_bytes: setup.message_bytes,
        outbox_bytes: setup.outbox_bytes,
        open_jobs: setup.open_jobs,
        ended_jobs: setup.ended_jobs,
        job_margin: seconds(setup.job_margin),
        adopted_job_limit: seconds(setup.adopted_job_limit),
        on_signature_invalid: if setup.gives_up {
            OnSignatureInvalid::Stop
        } else {
            OnSignatureInvalid::Retry
        },
        ..Config::new(Endpoint::public())
    }
}

/// The name of an error's variant.
pub(super) fn error_name(error: &impl fmt::Debug) -> String {
    let text = format!("{error:?}");
    let end = text.find(|c: char| !c.is_alphanumeric());
    text.get(..end.unwrap_or(text.len()))
        .unwrap_or_default()
        .to_owned()
}

/// A result as the checks know it.
pub(super) fn result_of<E: fmt::Debug>(result: &Result<UpdateId, E>) -> Result<u64, String> {
    match result {
        Ok(id) => Ok(id.as_u64()),
        Err(error) => Err(error_name(error)),
    }
}

fn differs(first: &impl fmt::Debug, second: &impl fmt::Debug) -> Violation {
    Violation {
        invariant: "the same inputs give the same outputs",
        what: format!("{first:?} and {second:?}"),
    }
}

/// Whether two outputs are the same, to the last byte.
fn is_same(first: &Output, second: &Output) -> bool {
    match (first, second) {
        (Output::Connect(a, b), Output::Connect(c, d)) => (a, b) == (c, d),
        (Output::Transmit(a, b), Output::Transmit(c, d)) => (a, b) == (c, d),
        (Output::Disconnect(a, b), Output::Disconnect(c, d)) => (a, b) == (c, d),
        (Output::Event(a), Output::Event(b)) => a == b,
        _ => false,
    }
}
