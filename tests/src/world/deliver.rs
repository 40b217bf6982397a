//! The network at work: attempts, arrivals, ticks, and the ends of links.

use facilitator_core::client::{ConnectFailure, ConnectFailureKind, Disconnected};
use facilitator_core::{CloseFrame, Frame};

use super::World;
use super::bound;
use super::connect::ConnectFault;
use super::fault::Crash;
use super::job::JobId;
use super::link::{Direction, Handler, LinkKey};
use super::queue::{Nanos, nanos, timestamp};
use super::step::Occurrence;
use super::trace::field;
use super::verdict::Promise;
use super::wire::{Parcel, Sending, Taken};

const SPECS: &str = r#"{"message_type":"V0MachineSpecsUpdate""#;

impl World {
    pub(super) fn client_tick(&mut self, client: u32) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(client as usize) else {
            return;
        };
        if node.tick_at.is_some_and(|at| at <= now) {
            node.tick_at = None;
        }
        if node.deadline(now).is_some_and(|at| at <= now) {
            self.trace.mix(now ^ u64::from(client) << 32);
            let stamp = node.clock.stamp(now);
            node.client.handle_timeout(stamp);
        }
        self.settle_client(client);
    }

    pub(super) fn host_tick(&mut self, host: u32) {
        let now = self.now;
        let Some(found) = self.hosts.get_mut(host as usize) else {
            return;
        };
        if found.tick_at.is_some_and(|at| at <= now) {
            found.tick_at = None;
        }
        if found.deadline(now).is_some_and(|at| at <= now) {
            found.facilitator.handle_timeout(timestamp(now));
        }
        self.settle_host(host);
    }

    /// An attempt comes to its end, one way or the other.
    pub(super) fn attempt(&mut self, key: LinkKey) {
        let now = self.now;
        let Some(link) = self.links.get_mut(key) else {
            return;
        };
        let (client, host, conn) = (link.client, link.host, link.conn);
        let (Some(node), Some(at)) = (
            self.nodes.get_mut(client as usize),
            self.hosts.get_mut(host as usize),
        ) else {
            return;
        };
        let fault = match node.connect_fault.filter(|(_, until)| *until > now) {
            Some((ConnectFault::Hangs, until)) => {
                return self.at(until, Occurrence::Attempt(key));
            }
            Some((fault, _)) => fault.failure(),
            None if at.down_until > now => ConnectFault::Refused.failure(),
            None => None,
        };
        let request = link.request.take();
        let headers: Vec<(&str, &str)> = request
            .iter()
            .flat_map(|request| &request.headers)
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let failure = fault.or_else(|| {
            let refusal = at
                .facilitator
                .judge_upgrade(timestamp(now), &headers)
                .err()?;
            let status = refusal.status();
            Some(ConnectFailure::new(ConnectFailureKind::Http { status }, ""))
        });
        let stamp = node.clock.stamp(now);
        if let Some(failure) = failure {
            self.trace
                .note(now, || format!("client {client} cannot connect: {failure}"));
            self.counts.attempts_failed += 1;
            node.watch_failed(conn);
            node.link = None;
            self.links.remove(key);
            node.client.handle_connect_failed(stamp, conn, failure);
            return self.settle_client(client);
        }
        self.trace
            .note(now, || format!("client {client} connects, {conn}"));
        self.counts.connections += 1;
        node.watch.opened();
        node.ledger.connected();
        let early = std::mem::take(&mut node.early_jobs);
        at.facilitator
            .handle_connected(timestamp(now), key.at_facilitator(), &headers);
        node.client.handle_connected(stamp, conn);
        self.settle_client(client);
        for _ in 0..early {
            self.push_early(key, client, host);
        }
        self.settle_host(host);
    }

    /// What was under way arrives.
    pub(super) fn arrival(&mut self, key: LinkKey, direction: Direction) {
        let now = self.now;
        let Some(link) = self.links.get_mut(key) else {
            return;
        };
        let taken = link.wire(direction).take(now);
        self.await_arrival(key, direction);
        let Taken::Parcel(parcel) = taken else {
            return;
        };
        match direction {
            Direction::ToFacilitator => self.reach_facilitator(key, parcel),
            Direction::ToClient => self.reach_client(key, parcel),
        }
    }

    /// Makes sure that the next arrival is in the queue.
    fn await_arrival(&mut self, key: LinkKey, direction: Direction) {
        if let Some(link) = self.links.get_mut(key)
            && let Some(at) = link.wire(direction).await_next()
        {
            self.at(at, Occurrence::Arrival(key, direction));
        }
    }

    pub(super) fn await_arrivals(&mut self, key: LinkKey) {
        self.await_arrival(key, Direction::ToFacilitator);
        self.await_arrival(key, Direction::ToClient);
    }

    /// Puts something on a wire.
    pub(super) fn send(&mut self, key: LinkKey, direction: Direction, parcel: Parcel) {
        let now = self.now;
        let Some(link) = self.links.get_mut(key) else {
            return;
        };
        let (quality, masked) = (link.quality, direction == Direction::ToFacilitator);
        match link
            .wire(direction)
            .send(now, parcel, masked, &quality, &mut self.network)
        {
            Sending::Done => self.await_arrival(key, direction),
            Sending::Closed => {}
            Sending::Broke => self.cut(key, Nanos::MAX, Nanos::MAX, true),
        }
    }

    /// The link breaks: so many of the bytes under way still arrive in each direction, then both sides are told.
    pub(super) fn cut(&mut self, key: LinkKey, to_facilitator: u64, to_client: u64, reset: bool) {
        let now = self.now;
        let Some(link) = self.links.get_mut(key) else {
            return;
        };
        let how = if reset {
            Disconnected::Io("connection reset by peer".into())
        } else {
            Disconnected::EndOfStream
        };
        let latency = nanos(link.quality.latency);
        link.to_facilitator
            .break_after(now, to_facilitator, latency, Disconnected::EndOfStream);
        link.to_client.break_after(now, to_client, latency, how);
        let client = link.client;
        self.trace
            .note(now, || format!("the link of client {client} breaks"));
        self.await_arrivals(key);
    }

    fn reach_facilitator(&mut self, key: LinkKey, parcel: Parcel) {
        let now = self.now;
        let Some(link) = self.links.get(key) else {
            return;
        };
        let (client, host, handler) = (link.client, link.host, link.handler);
        if link.host_gone {
            return;
        }
        let Some(at) = self.hosts.get_mut(host as usize) else {
            return;
        };
        let (stamp, conn) = (timestamp(now), key.at_facilitator());
        let frame = match parcel {
            Parcel::End(_) => {
                // What it still handled of this link is told while the link is known.
                at.facilitator.handle_disconnected(stamp, conn);
                self.settle_host(host);
                return self.host_gone(key);
            }
            Parcel::Frame(frame) => frame,
        };
        self.trace
            .frame(now, "reaches the facilitator with", client, &frame);
        if handler != Handler::Works {
            return;
        }
        if let (Frame::Text(text), Some(node)) = (&frame, self.nodes.get_mut(client as usize))
            && text.starts_with(SPECS)
            && let Some(batch) = field(text, "batch_id").and_then(JobId::parse)
        {
            node.ledger.specs_reached(batch);
        }
        match frame {
            Frame::Ping(payload) => {
                at.facilitator
                    .handle_frame(stamp, conn, Frame::Ping(payload.clone()));
                self.send(
                    key,
                    Direction::ToClient,
                    Parcel::Frame(Frame::Pong(payload)),
                );
            }
            Frame::Text(text) => match at.crashes_on(client, &text) {
                Some(crash) => return self.crash(key, crash, Frame::Text(text)),
                None => at.facilitator.handle_frame(stamp, conn, Frame::Text(text)),
            },
            frame => at.facilitator.handle_frame(stamp, conn, frame),
        }
        self.settle_host(host);
    }

    /// The handler crashes on a frame.
    fn crash(&mut self, key: LinkKey, crash: Crash, frame: Frame) {
        let now = self.now;
        let Some(link) = self.links.get_mut(key) else {
            return;
        };
        let host = link.host;
        link.handler = Handler::Crashing;
        self.counts.crashes += 1;
        if crash.stored {
            if let Some(at) = self.hosts.get_mut(host as usize) {
                at.facilitator
                    .handle_frame(timestamp(now), key.at_facilitator(), frame);
            }
            self.settle_host(host);
        }
        if let Some(at) = self.hosts.get_mut(host as usize) {
            at.facilitator
                .handle_disconnected(timestamp(now), key.at_facilitator());
        }
        // What it still handled of this link is told while the link is known.
        self.settle_host(host);
        if let Some(link) = self.links.get_mut(key) {
            link.handler = Handler::Crashed;
        }
        match crash.close_after {
            Some(time) => self.after(nanos(time), Occurrence::CrashClose(key)),
            None => self.end_by_facilitator(key, None),
        }
    }

    pub(super) fn close_crashed(&mut self, key: LinkKey) {
        self.end_by_facilitator(key, Some(CloseFrame::new(CloseFrame::INTERNAL_ERROR)));
    }

    /// The facilitator's side of a link ends, with a closing handshake or without.
    pub(super) fn end_by_facilitator(&mut self, key: LinkKey, close: Option<CloseFrame>) {
        let now = self.now;
        let Some(link) = self.links.get_mut(key) else {
            return;
        };
        if link.host_gone {
            return;
        }
        let how = match close {
            Some(close) => {
                let slow = self
                    .nodes
                    .get_mut(link.client as usize)
                    .map_or(0, |node| std::mem::take(&mut node.slow_close));
                if slow > 0 {
                    link.to_client.stall(now.saturating_add(slow));
                }
                let frame = Frame::Close(Some(close.clone()));
                self.send(key, Direction::ToClient, Parcel::Frame(frame));
                Disconnected::Closed(Some(close))
            }
            None => Disconnected::EndOfStream,
        };
        self.send(key, Direction::ToClient, Parcel::End(how));
        self.host_gone(key);
    }

    /// The client drops its transport: what it wrote may or may not still arrive, then the end.
    pub(super) fn end_by_client(&mut self, key: LinkKey) {
        let now = self.now;
        let Some(link) = self.links.get_mut(key) else {
            return;
        };
        link.client_gone = true;
        link.to_client.discard();
        if link.is_open() && !link.host_gone {
            let bytes = self.network.u64(0..=link.to_facilitator.bytes_under_way());
            let latency = nanos(link.quality.latency);
            link.to_facilitator
                .break_after(now, bytes, latency, Disconnected::EndOfStream);
            self.await_arrival(key, Direction::ToFacilitator);
        } else {
            self.links.remove(key);
        }
    }

    fn host_gone(&mut self, key: LinkKey) {
        if let Some(link) = self.links.get_mut(key) {
            link.host_gone = true;
            link.to_facilitator.discard();
            if link.client_gone {
                self.links.remove(key);
            }
        }
    }

    fn reach_client(&mut self, key: LinkKey, parcel: Parcel) {
        let now = self.now;
        let Some(link) = self.links.get_mut(key) else {
            return;
        };
        let (client, conn) = (link.client, link.conn);
        if link.client_gone {
            return;
        }
        let Some(node) = self.nodes.get_mut(client as usize) else {
            return;
        };
        let stamp = node.clock.stamp(now);
        match parcel {
            Parcel::End(how) => {
                self.trace
                    .note(now, || format!("client {client} sees the end: {how:?}"));
                self.trace.mix(now);
                node.watch.gone(conn);
                node.link = None;
                link.client_gone = true;
                if link.host_gone {
                    self.links.remove(key);
                } else {
                    // What it had written may still arrive.
                    self.end_by_client(key);
                }
                if let Some(node) = self.nodes.get_mut(client as usize) {
                    node.client.handle_disconnected(stamp, conn, how);
                }
            }
            Parcel::Frame(frame) => {
                self.trace.frame(now, "receives", client, &frame);
                let pong = match &frame {
                    Frame::Ping(payload) => Some(Frame::Pong(payload.clone())),
                    _ => None,
                };
                if let Frame::Text(text) = &frame {
                    node.watch.arrives(node.clock.moment(now), text);
                }
                node.client.handle_frame(stamp, conn, frame);
                if let Some(pong) = pong {
                    self.send(key, Direction::ToFacilitator, Parcel::Frame(pong));
                }
            }
        }
        self.settle_client(client);
    }

    /// The facilitator writes a text on a link, or keeps it for a while.
    pub(super) fn write(&mut self, key: LinkKey, frame: Frame) {
        let Some(link) = self.links.get_mut(key) else {
            return;
        };
        if link.handler != Handler::Works {
            return;
        }
        match &mut link.late {
            Some(late) if matches!(frame, Frame::Text(_)) => late.push_back(frame),
            _ => self.send(key, Direction::ToClient, Parcel::Frame(frame)),
        }
    }

    pub(super) fn release(&mut self, key: LinkKey) {
        let late = self.links.get_mut(key).and_then(|link| link.late.take());
        for frame in late.into_iter().flatten() {
            self.send(key, Direction::ToClient, Parcel::Frame(frame));
        }
    }

    pub(super) fn update_known(&mut self, host: u32) {
        let now = self.now;
        let accounts = self.nodes.iter().map(|node| node.account);
        if let Some(at) = self.hosts.get_mut(host as usize) {
            at.update_known(now, accounts);
        }
        self.settle_host(host);
    }

    /// A link that fell silent should be gone by now, as far as its client is concerned.
    pub(super) fn check_dead_link(&mut self, client: u32, key: LinkKey) {
        let given_up = self.links.get(key).is_none_or(|link| link.client_gone);
        let undisturbed = self.nodes.get(client as usize).is_some_and(|node| {
            let time = bound::notice(node.client.config(), &self.settings.workload);
            node.disturbed_at.saturating_add(time) < self.now
        });
        if !undisturbed {
            return;
        }
        self.verdicts
            .about(self.now, client)
            .check(Promise::DeadLinks, given_up, || {
                "a link that fell silent is still in use".into()
            });
    }
}
