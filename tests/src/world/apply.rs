//! What the machines put out, carried out: frames go on wires, connections begin and end, events reach applications
//! and books.

use facilitator_core::client::{Event, LostReason, Outcome, Output, Subject};
use facilitator_core::facilitator::{self, SpecsOutcome, StatusOutcome};
use facilitator_core::message::JobStatus;
use facilitator_core::{ConnectionId, Frame};

use super::World;
use super::job::JobId;
use super::link::{Direction, Link, LinkKey};
use super::node::Report;
use super::queue::{nanos, timestamp};
use super::step::Occurrence;
use super::trace::field;
use super::verdict::Promise;
use super::wire::Parcel;

/// More than this comes of no input: the largest outbox, several times over.
const ENDLESS: u32 = 100_000;

impl World {
    /// Carries out what a session asks for, and has it woken when it wants to be.
    pub(super) fn settle_client(&mut self, client: u32) {
        let mut outputs = 0;
        while let Some(output) = self
            .nodes
            .get_mut(client as usize)
            .and_then(|node| node.client.poll_output())
        {
            outputs += 1;
            if outputs > ENDLESS {
                self.verdicts
                    .about(self.now, client)
                    .check(Promise::Total, false, || "the output never ends".into());
                return;
            }
            self.client_output(client, output);
        }
        let now = self.now;
        let Some(node) = self.nodes.get_mut(client as usize) else {
            return;
        };
        if let Some(at) = node.deadline(now).map(|at| at.max(node.suspended_until))
            && node.tick_at.is_none_or(|awaited| at < awaited)
        {
            node.tick_at = Some(at);
            self.at(at, Occurrence::ClientTick(client));
        }
    }

    fn client_output(&mut self, client: u32, output: Output) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(client as usize) else {
            return;
        };
        let moment = node.clock.moment(now);
        let verdicts = self.verdicts.about(now, client);
        match output {
            Output::Connect(conn, request) => {
                self.trace.mix(conn.0);
                self.counts.attempts += 1;
                node.watch.connect(moment, conn, verdicts);
                let link = Link::new(client, node.host, conn, request, node.quality);
                // TCP, TLS and the upgrade take three ways there and back.
                let takes = nanos(node.quality.latency).saturating_mul(6);
                let key = self.links.insert(link);
                node.link = Some(key);
                self.after(takes, Occurrence::Attempt(key));
            }
            Output::Transmit(conn, frame) => {
                let config = node.client.config();
                if !node.watch.transmit(moment, conn, &frame, config, verdicts) {
                    return;
                }
                if let Frame::Text(text) = &frame
                    && text.starts_with(r#"{"message_type":"V0JobStatusUpdate""#)
                    && let Some(job) = field(text, "uuid").and_then(JobId::parse)
                    && let Some(status) = field(text, "status").and_then(|name| name.parse().ok())
                {
                    let connection = node.process << 32 | conn.0;
                    let again = node.ledger.status_sent(job, status, connection, verdicts);
                    self.counts.resent += u64::from(again);
                }
                self.trace.frame(now, "sends", client, &frame);
                if let Some(key) = node.link {
                    self.send(key, Direction::ToFacilitator, Parcel::Frame(frame));
                }
            }
            Output::Disconnect(conn, close) => {
                let Some(key) = node.link else {
                    return;
                };
                if self.links.get(key).is_none_or(|link| link.conn != conn) {
                    return;
                }
                if let Some(close) = close {
                    let frame = Frame::Close(Some(close));
                    self.send(key, Direction::ToFacilitator, Parcel::Frame(frame));
                } else {
                    node.watch.gone(conn);
                    node.link = None;
                    self.end_by_client(key);
                }
            }
            Output::Event(event) => self.client_event(client, event),
            _ => {}
        }
    }

    fn client_event(&mut self, client: u32, event: Event) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(client as usize) else {
            return;
        };
        let moment = node.clock.moment(now);
        let verdicts = self.verdicts.about(now, client);
        match event {
            Event::Phase(change) => {
                self.trace.mix(change.phase as u64);
                self.trace
                    .note(now, || format!("client {client} is {}", change.phase));
            }
            Event::ConnectionLost { reason, owed, .. } => {
                self.trace.mix(owed as u64);
                self.trace.note(now, || {
                    format!("client {client} lost its connection: {reason}")
                });
                self.counts.losses += 1;
                if matches!(reason, LostReason::AuthenticationRefused(_)) {
                    self.counts.refusals += 1;
                }
                let config = node.client.config();
                node.watch.lost(moment, &reason, config);
            }
            Event::JobRequested(request) => {
                self.counts.jobs += 1;
                if let Some(job) = JobId::parse(&request.uuid) {
                    node.ledger.job_requested(job, moment, verdicts);
                    self.take_on(client, job);
                }
            }
            Event::JobDeclined { uuid, reason } => {
                use facilitator_core::client::DeclineReason::{Busy, Stopping};
                self.counts.declined += 1;
                if matches!(reason, Busy | Stopping)
                    && let Some(job) = JobId::parse(&uuid)
                {
                    node.ledger.automatic(job, JobStatus::Rejected);
                }
            }
            Event::JobOverdue { uuid } => {
                let job = JobId::from_number(uuid.as_u128());
                self.trace
                    .note(now, || format!("client {client}: {job} is overdue"));
                self.counts.overdue += 1;
                let margin = node.client.config().job_margin;
                node.ledger.overdue(job, moment, margin, verdicts);
                self.give_up_work(client, job);
            }
            Event::JobRefused { request, .. } => {
                if let Some(job) = JobId::parse(&request.uuid) {
                    node.ledger.automatic(job, JobStatus::Rejected);
                }
            }
            Event::Receipt(receipt) => {
                self.trace
                    .mix(receipt.id.as_u64() ^ receipt.outcome.as_str().len() as u64);
                self.trace.note(now, || {
                    let (id, outcome) = (receipt.id, receipt.outcome.as_str());
                    format!("client {client}: number {id} is {outcome}")
                });
                self.counts.receipt(&receipt.outcome);
                node.ledger.receipt(&receipt, verdicts);
                if !receipt.automatic {
                    self.replace_end(client, &receipt.subject, &receipt.outcome);
                }
                self.retry_soon(client, 0);
            }
            Event::Malformed(_) | Event::Unexpected(_) => self.counts.noise_survived += 1,
            Event::Stopped { owed } => {
                self.trace.note(now, || {
                    format!("client {client} has stopped, {} handed back", owed.len())
                });
                node.watch.stopped(moment, verdicts);
                node.ledger.stopped(&owed, verdicts);
                if node.replaced {
                    return;
                }
                // What was handed back is older than what the session never had.
                let back: Vec<Report> = owed.iter().map(|owed| report(&owed.subject)).collect();
                for report in back.into_iter().rev() {
                    node.backlog.push_front(report);
                }
            }
            _ => {}
        }
    }

    /// A terminal status of the application's that was taken out leaves its job open: it is ended in another way, while
    /// there is one left. One of the session's own ends its job all the same.
    fn replace_end(&mut self, client: u32, subject: &Subject, outcome: &Outcome) {
        let (Subject::JobStatus { uuid, status }, Outcome::SetAside(_)) = (subject, outcome) else {
            return;
        };
        let Some(node) = self
            .nodes
            .get_mut(client as usize)
            .filter(|_| status.is_terminal())
        else {
            return;
        };
        let job = JobId::from_number(uuid.as_u128());
        if let Some(other) = node.ledger.another_end(job) {
            node.backlog.push_back(Report::Status(job, other));
        }
    }

    /// Carries out what a facilitator asks for, and has it woken when it wants to be.
    pub(super) fn settle_host(&mut self, host: u32) {
        while let Some(output) = self
            .hosts
            .get_mut(host as usize)
            .and_then(|host| host.facilitator.poll_output())
        {
            match output {
                facilitator::Output::Transmit { conn, frame } => {
                    self.write(LinkKey::from_facilitator(conn), frame);
                }
                facilitator::Output::Disconnect { conn, close } => {
                    self.end_by_facilitator(LinkKey::from_facilitator(conn), close);
                }
                facilitator::Output::Event(event) => self.host_event(event),
            }
        }
        let now = self.now;
        let Some(at) = self.hosts.get_mut(host as usize) else {
            return;
        };
        if let Some(deadline) = at.deadline(now)
            && at.tick_at.is_none_or(|awaited| deadline < awaited)
        {
            at.tick_at = Some(deadline);
            self.at(deadline, Occurrence::HostTick(host));
        }
    }

    fn host_event(&mut self, event: facilitator::Event) {
        let now = self.now;
        let client_on = |links: &super::link::Links, conn: ConnectionId| {
            let link = links.get(LinkKey::from_facilitator(conn));
            link.map(|link| link.client)
        };
        match event {
            facilitator::Event::JobStatus {
                conn,
                update,
                outcome,
            } => {
                let Some(client) = client_on(&self.links, conn) else {
                    return;
                };
                let (Some(job), Some(node)) = (
                    JobId::parse(&update.uuid),
                    self.nodes.get_mut(client as usize),
                ) else {
                    return;
                };
                let verdicts = self.verdicts.about(now, client);
                self.trace.mix(update.status as u64);
                match outcome {
                    StatusOutcome::Stored => {
                        self.counts.stored += 1;
                        node.ledger.stored(job, update.status, verdicts);
                    }
                    StatusOutcome::Repeated => {
                        self.counts.repeated += 1;
                        let config = node.client.config();
                        node.ledger.repeated(job, update.status, config, verdicts);
                    }
                    StatusOutcome::UnknownJob => {
                        self.counts.unknown_jobs += 1;
                        node.ledger.disowned(job);
                    }
                    other => verdicts.check(Promise::Total, false, || {
                        format!(
                            "{} of the job {job} was let through: {other:?}",
                            update.status
                        )
                    }),
                }
            }
            facilitator::Event::MachineSpecs { outcome, .. } => {
                self.counts.specs += u64::from(outcome == SpecsOutcome::Stored);
            }
            facilitator::Event::Heartbeat { .. } => self.counts.heartbeats += 1,
            _ => {}
        }
    }

    /// A job request that comes before the authentication is answered.
    pub(super) fn push_early(&mut self, key: LinkKey, client: u32, host: u32) {
        let job = self.new_job(client);
        let request = super::job::request(job);
        let message =
            facilitator_core::message::FacilitatorMessage::JobRequest(Box::new(request.clone()));
        let frame = Frame::text(message.encode_python());
        self.write(key, frame);
        let account = self.nodes.get(client as usize).map(|node| node.account);
        if let (Some(at), Some(account)) = (self.hosts.get_mut(host as usize), account)
            && at
                .facilitator
                .push_job_to(timestamp(self.now), account, request)
                .is_ok()
        {
            at.jobs.push_back((job, client));
        }
    }
}

fn report(subject: &Subject) -> Report {
    match subject {
        Subject::JobStatus { uuid, status } => {
            Report::Status(JobId::from_number(uuid.as_u128()), *status)
        }
        Subject::MachineSpecs { batch_id } => Report::Specs(JobId::from_number(batch_id.as_u128())),
    }
}
