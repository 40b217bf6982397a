//! The network and the facilitator at work: attempts, what is read and heard, breaks, and what comes too late.

use std::time::Duration;

use facilitator_core::client::{
    AuthenticationMethod, ConnectFailure, ConnectFailureKind, Disconnected,
};
use facilitator_core::{CloseFrame, ConnectionId, Frame};

use super::super::checks::{Input, Violation};
use super::super::network::Wire;
use super::super::peer::{self, Cause, Parcel};
use super::super::said::name;
use super::super::script::{Babble, Break, Failure, Late, Step};
use super::{FOREVER, Went, World};
use crate::solo;

impl World {
    pub(super) fn connect(&mut self) -> Went {
        let headers = self.ledger.config.authentication == AuthenticationMethod::Headers;
        let Some(conn) = self.network.connect(headers) else {
            return Ok(());
        };
        let now = self.told();
        self.input(Input::Connected(conn), |client| {
            client.handle_connected(now, conn);
        })?;
        self.settle()
    }

    pub(super) fn fail(&mut self, failure: Failure) -> Went {
        let Some(conn) = self.network.attempt.take() else {
            return Ok(());
        };
        let (kind, retry_after) = match failure {
            Failure::Refused => (ConnectFailureKind::Refused, None),
            Failure::Dns => (ConnectFailureKind::Dns, None),
            Failure::Io => (ConnectFailureKind::Io, None),
            Failure::Tls => (ConnectFailureKind::Tls, None),
            Failure::Handshake => (ConnectFailureKind::Handshake, None),
            Failure::Http(status) => (ConnectFailureKind::Http { status }, None),
            Failure::RetryAfter(status, seconds) => (
                ConnectFailureKind::Http { status },
                Some(Duration::from_secs(seconds.into())),
            ),
        };
        let mut failure = ConnectFailure::new(kind, "");
        failure.retry_after = retry_after;
        let now = self.told();
        self.input(Input::ConnectFailed, |client| {
            client.handle_connect_failed(now, conn, failure.clone());
        })?;
        self.settle()
    }

    /// The facilitator reads.
    pub(super) fn read(&mut self, frames: usize) {
        let Some(wire) = self.network.wire.as_mut() else {
            return;
        };
        for _ in 0..frames {
            let Some((index, frame)) = wire.up.pop_front() else {
                return;
            };
            peer::read(
                &mut self.record,
                &mut self.manners,
                &mut wire.ear,
                (index, &frame),
                &mut wire.down,
            );
        }
    }

    /// The facilitator's handler goes on.
    pub(in super::super) fn resume(&mut self) {
        let Some(wire) = self.network.wire.as_mut() else {
            return;
        };
        wire.ear.hung = false;
        while let Some((index, frame)) = wire.ear.backlog.pop_front() {
            peer::read(
                &mut self.record,
                &mut self.manners,
                &mut wire.ear,
                (index, &frame),
                &mut wire.down,
            );
        }
    }

    /// The session hears.
    pub(super) fn deliver(&mut self, parcels: usize) -> Went {
        let first = self.network.wire.as_ref().map(|wire| wire.conn);
        for _ in 0..parcels {
            if self.network.wire.as_ref().map(|wire| wire.conn) != first {
                return Ok(());
            }
            let Some((conn, parcel)) = self.network.next_down() else {
                return Ok(());
            };
            match parcel {
                Parcel::Frame(frame, cause) => self.hear(conn, &frame, cause)?,
                Parcel::End(how) => {
                    self.network.wire = None;
                    self.end(conn, &how)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn hear(&mut self, conn: ConnectionId, frame: &Frame, cause: Cause) -> Went {
        let answers_nothing = cause == Cause::Unsolicited;
        if answers_nothing {
            // With anything unanswered, nobody could tell: the protocol has no ids.
            self.flush()?;
            if !self.ledger.is_ready() || self.ledger.statuses.in_flight() > 0 {
                return Ok(());
            }
        }
        if self.batch.inputs.is_empty()
            && let Cause::Request(job) = cause
        {
            self.batch.should_tell = self.ledger.predict_request(job);
        }
        let now = self.told();
        self.ledger.heard = self.ledger.now;
        self.input(Input::Heard(conn, cause), |client| {
            client.handle_frame(now, conn, frame.clone());
        })?;
        self.settle()
    }

    pub(super) fn end(&mut self, conn: ConnectionId, how: &Disconnected) -> Went {
        let now = self.told();
        self.input(Input::Disconnected, |client| {
            client.handle_disconnected(now, conn, how.clone());
        })?;
        self.settle()
    }

    pub(super) fn flow(&mut self) -> Went {
        for _ in 0..FOREVER {
            self.connect()?;
            self.flush()?;
            let Some(wire) = &self.network.wire else {
                return Ok(());
            };
            if wire.up.is_empty() && wire.down.is_empty() {
                return Ok(());
            }
            self.read(usize::MAX);
            self.deliver(usize::MAX)?;
        }
        Err(Violation {
            invariant: "total",
            what: "the two talk without an end".into(),
        })
    }

    pub(super) fn cut(&mut self, read: u8, delivered: u8, how: Break) -> Went {
        let cut = self.network.wire.as_ref().map(|wire| wire.conn);
        self.read(usize::from(read));
        self.deliver(usize::from(delivered))?;
        let Some(wire) = self.network.wire.take_if(|wire| Some(wire.conn) == cut) else {
            return Ok(());
        };
        let how = match how {
            Break::Ends => Disconnected::EndOfStream,
            Break::Io => Disconnected::Io("reset".into()),
            Break::Protocol => Disconnected::Protocol("nonsense".into()),
            Break::Closed => Disconnected::Closed(None),
        };
        self.end(wire.conn, &how)
    }

    pub(super) fn on_wire(&mut self, act: impl FnOnce(&mut Wire)) {
        if let Some(wire) = self.network.wire.as_mut().filter(|wire| !wire.ear.deaf) {
            act(wire);
        }
    }

    /// The facilitator says something of its own accord.
    pub(super) fn say(&mut self, step: Step) {
        let text = |text: &str| Frame::text(text);
        let (frame, cause) = match step {
            Step::Push(slot) => {
                let job = self.job(slot);
                if self.network.wire.is_some() {
                    self.record.pushed.insert(job);
                }
                (text(&solo::job_request(&name(job))), Cause::Request(job))
            }
            Step::Cheat(slot) => {
                let job = name(self.job(slot));
                let report = format!(
                    r#"{{"message_type": "V0JobCheated", "type": "job.cheated", "job_uuid": "{job}", "trusted_job_uuid": "{job}", "details": null}}"#
                );
                (text(&report), Cause::Other)
            }
            Step::Say(Babble::NoJson) => (text("{\"status\":"), Cause::Malformed(false)),
            Step::Say(Babble::NoMessage) => (text("[1,2]"), Cause::Malformed(false)),
            Step::Say(Babble::UnknownType) => (
                text(r#"{"message_type":"V9Surprise","status":"success"}"#),
                Cause::Malformed(false),
            ),
            Step::Say(Babble::Giant) => (text(&"x".repeat(20_000)), Cause::Malformed(false)),
            Step::Say(Babble::Binary) => (Frame::Binary([1, 2, 3].into()), Cause::Malformed(false)),
            Step::Say(Babble::Ping) => (Frame::Ping([7].into()), Cause::Other),
            Step::Say(Babble::Pong) => (Frame::Pong([7].into()), Cause::Other),
            Step::Say(Babble::JobWithoutUuid) => (text(&solo::job_request("nobody")), Cause::Other),
            Step::Say(Babble::BrokenResponse) => (text(peer::GARBLED), Cause::Malformed(true)),
            Step::Say(Babble::AlreadyAuthenticated) => (
                text(&solo::error("auth.already_authenticated")),
                Cause::Other,
            ),
            Step::Say(Babble::NotAuthenticated) => {
                (text(&solo::error("auth.not_authenticated")), Cause::Other)
            }
            _ => (text(solo::SUCCESS), Cause::Unsolicited),
        };
        self.on_wire(|wire| wire.down.push_back(Parcel::Frame(frame, cause)));
    }

    /// Something of an old connection.
    pub(super) fn stale(&mut self, late: Late) -> Went {
        self.flush()?;
        let newest = self.ledger.last_connection;
        let is_old = self.network.attempt.is_none() && self.network.wire.is_none();
        let conn = ConnectionId(if is_old {
            newest
        } else {
            newest.saturating_sub(1)
        });
        let now = self.tell(Duration::ZERO);
        let frame = match late {
            Late::Success => Some(Frame::text(solo::SUCCESS)),
            Late::Job => Some(Frame::text(solo::job_request(&name(1)))),
            Late::Close => Some(Frame::Close(Some(CloseFrame::new(3001)))),
            Late::Connected | Late::Failed | Late::Ended => None,
        };
        self.input(Input::Stale, |client| match (late, &frame) {
            (_, Some(frame)) => client.handle_frame(now, conn, frame.clone()),
            (Late::Connected, _) => client.handle_connected(now, conn),
            (Late::Failed, _) => {
                let failure = ConnectFailure::new(ConnectFailureKind::Refused, "");
                client.handle_connect_failed(now, conn, failure);
            }
            _ => client.handle_disconnected(now, conn, Disconnected::EndOfStream),
        })?;
        self.coverage.note("stale inputs");
        self.flush()
    }
}
