//! Faults, made to happen, and made to end.

use std::collections::VecDeque;

use facilitator_core::Frame;
use facilitator_core::facilitator::Memory;

use super::World;
use super::fault::{ClientFault, FacilitatorFault, Fault, Noise};
use super::link::{Direction, LinkKey};
use super::queue::{Nanos, nanos, timestamp};
use super::step::Occurrence;
use super::wire::Parcel;
use super::worker::Mood;

impl World {
    /// Lets something go wrong, now.
    pub fn inject(&mut self, fault: Fault) {
        // Nobody can ask anything of a process that does nothing.
        if let Some(until) = self.answers_from(fault) {
            return self.plan(timestamp(until), fault);
        }
        if let Some(count) = self.counts.faults.get_mut(fault.kind()) {
            *count += 1;
        }
        self.trace.mix(self.now ^ (fault.kind() as u64) << 48);
        self.trace.note(self.now, || format!("fault: {fault}"));
        match fault {
            Fault::Client(client, fault) => {
                let Ok(client) = u32::try_from(client) else {
                    return;
                };
                let link = self
                    .nodes
                    .get(client as usize)
                    .and_then(|node| node.link)
                    .filter(|key| self.links.get(*key).is_some_and(super::link::Link::is_open));
                if let Some(key) = link {
                    self.inject_link(client, key, fault);
                }
                self.inject_client(client, fault);
            }
            Fault::Facilitator(host, fault) => self.inject_facilitator(host, fault),
        }
    }

    /// When the process wakes up that would have to take part in this, if it sleeps.
    fn answers_from(&self, fault: Fault) -> Option<Nanos> {
        let Fault::Client(
            client,
            ClientFault::Stop { .. }
            | ClientFault::Abort { .. }
            | ClientFault::Replace { .. }
            | ClientFault::Misuse
            | ClientFault::StrayTicks { .. },
        ) = fault
        else {
            return None;
        };
        let until = self.nodes.get(client)?.suspended_until;
        (until > self.now).then_some(until)
    }

    /// Ends all that is wrong and would go on: nothing new goes wrong from here, no new jobs come, and every client is
    /// wanted to run. What is broken stays broken until somebody notices: silent links stay silent.
    pub fn calm(&mut self) {
        self.calm = true;
        for link in self.links.iter_mut() {
            link.to_facilitator.never_break();
            link.to_client.never_break();
        }
        for client in 0..u32::try_from(self.nodes.len()).unwrap_or(u32::MAX) {
            let quality = self.settings.quality;
            let Some(node) = self.nodes.get_mut(client as usize) else {
                return;
            };
            node.connect_fault = None;
            node.early_jobs = 0;
            node.slow_close = 0;
            node.quality = quality;
            if !node.wanted {
                self.at(self.now, Occurrence::Start(client));
            }
        }
        for host in 0..u32::try_from(self.hosts.len()).unwrap_or(u32::MAX) {
            if let Some(at) = self.hosts.get_mut(host as usize) {
                at.heal();
                at.down_until = 0;
                at.unknown.clear();
            }
            self.update_known(host);
        }
    }

    /// A link of a client is about to be in trouble.
    fn inject_link(&mut self, client: u32, key: LinkKey, fault: ClientFault) {
        let now = self.now;
        let Some(link) = self.links.get_mut(key) else {
            return;
        };
        let host = link.host;
        match fault {
            ClientFault::Cut {
                to_facilitator,
                to_client,
                reset,
            } => self.cut(key, to_facilitator, to_client, reset),
            ClientFault::CutAfter { direction, bytes } => link.wire(direction).break_later(bytes),
            ClientFault::Stall { direction, time } => {
                let until = time.map_or(Nanos::MAX, |time| now.saturating_add(nanos(time)));
                link.wire(direction).stall(until);
            }
            ClientFault::Silence { direction } => {
                if !link.to_facilitator.is_silent() && !link.to_client.is_silent() {
                    link.wire(direction).fall_silent();
                    self.expect_notice(client, key);
                } else {
                    link.wire(direction).fall_silent();
                }
            }
            ClientFault::Line(quality) => link.quality = quality,
            ClientFault::Mute => {
                if let Some(at) = self.hosts.get_mut(host as usize) {
                    at.facilitator.set_mute(key.at_facilitator(), true);
                }
            }
            ClientFault::LateAnswers { time } if link.late.is_none() => {
                link.late = Some(VecDeque::new());
                self.after(nanos(time), Occurrence::Release(key));
            }
            ClientFault::Noise(noise) => self.write(key, noise_frame(noise)),
            ClientFault::PingFlood { pings } => {
                for n in 0..pings {
                    let payload = n.to_be_bytes().as_slice().into();
                    self.send(
                        key,
                        Direction::ToClient,
                        Parcel::Frame(Frame::Ping(payload)),
                    );
                }
            }
            _ => {}
        }
    }

    /// A link has fallen silent: its client has to notice in time.
    fn expect_notice(&mut self, client: u32, key: LinkKey) {
        let Some(node) = self.nodes.get(client as usize) else {
            return;
        };
        let time = super::bound::notice(node.client.config(), &self.settings.workload);
        let link = key;
        self.after(time, Occurrence::DeadLink { client, link });
    }

    fn inject_client(&mut self, client: u32, fault: ClientFault) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(client as usize) else {
            return;
        };
        match fault {
            ClientFault::Line(quality) => node.quality = quality,
            ClientFault::Connect { fault, time } => {
                node.connect_fault = Some((fault, now.saturating_add(nanos(time))));
            }
            ClientFault::EarlyJob => node.early_jobs = 1,
            ClientFault::SlowClose { time } => node.slow_close = nanos(time),
            ClientFault::Suspend { time, clock_runs } => {
                node.watch.disturb();
                let from = node.suspended_until.max(now);
                let until = now.saturating_add(nanos(time)).max(from);
                node.suspended_until = until;
                node.disturbed_at = until;
                if !clock_runs {
                    node.clock.stand_still(until - from);
                }
            }
            ClientFault::ClockJump { by } => {
                node.watch.disturb();
                node.disturbed_at = node.disturbed_at.max(now);
                node.clock.jump(nanos(by));
                self.settle_client(client);
            }
            ClientFault::ClockBehind { by, inputs } => node.clock.slip(nanos(by), inputs),
            ClientFault::StrayTicks { ticks } => {
                for _ in 0..ticks {
                    let stamp = node.clock.stamp(now);
                    node.client.handle_timeout(stamp);
                }
                self.settle_client(client);
            }
            ClientFault::WorkersCrash | ClientFault::WorkersFallSilent => {
                let mood = match fault {
                    ClientFault::WorkersCrash => Mood::Crashed,
                    _ => Mood::Silent,
                };
                for work in self.works.of_client(client) {
                    work.mood = mood;
                }
            }
            ClientFault::Stop { restart_after } => self.stop_client(client, nanos(restart_after)),
            ClientFault::Abort { restart_after } => self.abort_client(client, nanos(restart_after)),
            ClientFault::Replace { restart_after } => {
                self.replace_client(client, nanos(restart_after));
            }
            ClientFault::Misuse => self.misuse(client),
            fault => self.inject_at_facilitator(client, fault),
        }
    }

    /// What the facilitator does to one client.
    fn inject_at_facilitator(&mut self, client: u32, fault: ClientFault) {
        let now = self.now;
        let Some(node) = self.nodes.get(client as usize) else {
            return;
        };
        let (host, account) = (node.host, node.account);
        let Some(at) = self.hosts.get_mut(host as usize) else {
            return;
        };
        match fault {
            ClientFault::Poison(crash) => at.poison_next(client, crash),
            ClientFault::LoseJob => {
                let open = at
                    .jobs
                    .iter()
                    .position(|(job, whose)| *whose == client && !node.ledger.is_over(*job));
                if let Some((job, _)) = open.and_then(|place| at.jobs.remove(place)) {
                    at.forget(job);
                }
            }
            ClientFault::DuplicateJob => {
                let mine: Vec<String> = at
                    .jobs
                    .iter()
                    .filter(|(_, whose)| *whose == client)
                    .map(|(job, _)| job.to_string())
                    .collect();
                if let Some(job) = self.chance.choice(&mine) {
                    // It is on record, unless the facilitator lost its memory.
                    let _sent_or_not = at.facilitator.push_again(timestamp(now), job);
                }
                self.settle_host(host);
            }
            ClientFault::ForcedDisconnect => {
                at.facilitator.disconnect_validator(timestamp(now), account);
                self.settle_host(host);
            }
            ClientFault::UnknownValidator { time } => {
                let until = now.saturating_add(nanos(time));
                at.unknown.insert(account, until);
                self.at(until, Occurrence::Known(host));
                self.update_known(host);
            }
            _ => {}
        }
    }

    fn inject_facilitator(&mut self, host: usize, fault: FacilitatorFault) {
        let now = self.now;
        let Some(at) = self.hosts.get_mut(host) else {
            return;
        };
        match fault {
            FacilitatorFault::Restart { memory, down } => {
                at.down_until = now.saturating_add(nanos(down));
                at.facilitator.restart(timestamp(now), memory);
                if memory == Memory::Lost {
                    at.jobs.clear();
                }
                self.settle_host(u32::try_from(host).unwrap_or(u32::MAX));
            }
        }
    }
}

/// What is no message of the protocol, or means nothing.
fn noise_frame(noise: Noise) -> Frame {
    let text = match noise {
        Noise::NoJson => "<html>502 Bad Gateway</html>".into(),
        Noise::UnknownType => r#"{"message_type": "V9Telepathy", "uuid": 7}"#.into(),
        Noise::MissingField => r#"{"message_type": "V2JobRequest", "type": "job.new"}"#.into(),
        Noise::Binary(bytes) => return Frame::Binary(vec![7; bytes as usize].into()),
        Noise::Giant(bytes) => {
            let filler = "y".repeat(bytes as usize);
            format!(r#"{{"message_type": "V9Telepathy", "filler": "{filler}"}}"#)
        }
        Noise::StrayResponse => {
            r#"{"status":"error","errors":[{"msg":"m","type":"auth.already_authenticated","help":""}]}"#
                .into()
        }
        Noise::GarbledResponse => r#"{"status":"succ"#.into(),
    };
    Frame::text(text)
}
