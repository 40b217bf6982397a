//! What can happen in a world, and the clock that goes from one thing to the next. What comes of each is in `deliver`
//! (the network), `apply` (what the machines put out), `work` (applications and operators) and `inject` (faults).

use super::World;
use super::fault::Fault;
use super::link::{Direction, LinkKey};
use super::queue::{Nanos, nanos, timestamp};
use facilitator_core::Timestamp;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Occurrence {
    /// A session wanted to be woken.
    ClientTick(u32),
    /// A facilitator wanted to be woken.
    HostTick(u32),
    /// A connection attempt comes to its end.
    Attempt(LinkKey),
    /// Something arrives.
    Arrival(LinkKey, Direction),
    /// The end of late answers.
    Release(LinkKey),
    /// A connection whose handler crashed is closed.
    CrashClose(LinkKey),
    /// A validator may be known again.
    Known(u32),
    /// A worker reports.
    Work(u32),
    /// The facilitator has another job for a client.
    Job(u32),
    /// A client has other machine specs.
    Specs(u32),
    /// An application tries again what had no room.
    Retry(u32),
    /// The operator starts a client.
    Start(u32),
    /// A fault, by its place in the plan.
    Fault(u32),
    /// By now a dead link should have been given up.
    DeadLink { client: u32, link: LinkKey },
    /// By now a stop should have ended.
    StopDeadline { client: u32, stop: u32 },
}

impl World {
    /// The time.
    pub fn now(&self) -> Timestamp {
        timestamp(self.now)
    }

    /// Goes to the next thing that happens and lets it happen. Returns whether there was one.
    pub fn step(&mut self) -> bool {
        let Some((at, what)) = self.queue.pop() else {
            return false;
        };
        self.now = self.now.max(at);
        self.dispatch(what);
        true
    }

    /// Lets time pass until this moment.
    pub fn run_until(&mut self, end: Timestamp) {
        let end = nanos(end.as_duration());
        while self.queue.next_at().is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = self.now.max(end);
    }

    /// Lets time pass while `unfinished` returns true, but not beyond `end`. Returns whether it was finished by then.
    pub fn run_while(&mut self, end: Timestamp, mut unfinished: impl FnMut(&Self) -> bool) -> bool {
        let end = nanos(end.as_duration());
        while unfinished(self) {
            if self.queue.next_at().is_none_or(|at| at > end) {
                self.now = self.now.max(end);
                return !unfinished(self);
            }
            self.step();
        }
        true
    }

    /// Plans a fault.
    pub fn plan(&mut self, at: Timestamp, fault: Fault) {
        let place = u32::try_from(self.faults.len()).unwrap_or(u32::MAX);
        self.faults.push(fault);
        self.queue
            .push(nanos(at.as_duration()), Occurrence::Fault(place));
    }

    pub(super) fn at(&mut self, at: Nanos, what: Occurrence) {
        self.queue.push(at.max(self.now), what);
    }

    pub(super) fn after(&mut self, time: Nanos, what: Occurrence) {
        self.queue.push(self.now.saturating_add(time), what);
    }

    fn dispatch(&mut self, what: Occurrence) {
        if let Some(client) = self.client_of(what)
            && let Some(until) = self.suspended(client)
        {
            self.at(until, what);
            return;
        }
        self.trace.count();
        match what {
            Occurrence::ClientTick(client) => self.client_tick(client),
            Occurrence::HostTick(host) => self.host_tick(host),
            Occurrence::Attempt(key) => self.attempt(key),
            Occurrence::Arrival(key, direction) => self.arrival(key, direction),
            Occurrence::Release(key) => self.release(key),
            Occurrence::CrashClose(key) => self.close_crashed(key),
            Occurrence::Known(host) => self.update_known(host),
            Occurrence::Work(place) => self.work(place),
            Occurrence::Job(client) => self.next_job(client),
            Occurrence::Specs(client) => self.next_specs(client),
            Occurrence::Retry(client) => self.retry(client),
            Occurrence::Start(client) => self.start_client(client),
            Occurrence::Fault(place) => {
                if let Some(fault) = self.faults.get(place as usize).copied() {
                    self.inject(fault);
                }
            }
            Occurrence::DeadLink { client, link } => self.check_dead_link(client, link),
            Occurrence::StopDeadline { client, stop } => self.check_stop(client, stop),
        }
    }

    /// The client in whose process this would happen.
    fn client_of(&mut self, what: Occurrence) -> Option<u32> {
        match what {
            Occurrence::ClientTick(client)
            | Occurrence::Specs(client)
            | Occurrence::Retry(client)
            | Occurrence::Start(client) => Some(client),
            Occurrence::Attempt(key) | Occurrence::Arrival(key, Direction::ToClient) => {
                self.links.get(key).map(|link| link.client)
            }
            Occurrence::Work(place) => self.works.get_mut(place).map(|work| work.client),
            _ => None,
        }
    }

    fn suspended(&self, client: u32) -> Option<Nanos> {
        let until = self.nodes.get(client as usize)?.suspended_until;
        (until > self.now).then_some(until)
    }
}
