//! What the application gave and was told, and what went over the wire: the book that the session is held against. It
//! knows the protocol's rules and none of the session's code.

use std::collections::VecDeque;
use std::fmt::Write;

use facilitator_core::client::{DeclineReason, Event, Outcome, Output, Receipt, Subject, UpdateId};
use facilitator_core::message::JobStatus;
use facilitator_core::{ConnectionId, Frame, Timestamp};

use super::promise::{Broken, Promise};
use super::said::Said;
use crate::solo::job;

/// Breaks after which the oldest unanswered update is set aside.
const BREAKS: u8 = 3;

/// What became of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Delivered,
    SetAside,
    HandedBack,
}

/// An update that was given.
#[derive(Clone, Debug)]
pub(super) struct Update {
    pub(super) status: JobStatus,
    /// Its number; of what the session itself gives, not known before its receipt.
    id: Option<UpdateId>,
    pub(super) fate: Option<Fate>,
    /// Connections that were lost while it was the oldest unanswered one.
    breaks: u8,
}

/// A job.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    /// How often the application was asked to run it.
    requested: u8,
    /// In the order given.
    pub(super) given: Vec<Update>,
}

impl Account {
    /// The terminal status that counts: one that was not handed back or set aside.
    fn has_ended(&self) -> bool {
        let ends = |update: &Update| {
            update.status.is_terminal() && matches!(update.fate, None | Some(Fate::Delivered))
        };
        self.given.iter().any(ends)
    }
}

/// An update, by its job's number and its place there.
type Place = (u8, u8);

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Fresh,
    Introduced,
    Accepted,
    Beating,
}

/// A connection, as seen on the wire.
#[derive(Clone, Debug)]
struct Wire {
    conn: ConnectionId,
    stage: Stage,
    /// Sent, and not answered; oldest first.
    unanswered: VecDeque<Place>,
}

/// Why the session has put something out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It has read the answer to this update.
    Answer(Place),
    /// It has read something that belongs to a lost connection.
    Stale,
    /// Anything else.
    Other,
}

/// The book.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    pub(super) accounts: Vec<Account>,
    wire: Option<Wire>,
    /// When a stop that was asked for has to be over.
    pub(super) stop_by: Option<Timestamp>,
    pub(super) stopped: bool,
}

impl Ledger {
    pub(super) fn new(jobs: usize) -> Self {
        Self {
            accounts: vec![Account::default(); jobs],
            wire: None,
            stop_by: None,
            stopped: false,
        }
    }

    /// The next status of a job that the application has to give.
    pub(super) fn next(&self, job: u8, plan: &[JobStatus]) -> Option<JobStatus> {
        let account = self.accounts.get(usize::from(job))?;
        if account.requested == 0 || account.has_ended() || self.stop_by.is_some() {
            return None;
        }
        plan.get(account.given.len()).copied()
    }

    /// The session accepted a status.
    pub(super) fn gave(&mut self, job: u8, status: JobStatus, id: Option<UpdateId>) {
        if let Some(account) = self.accounts.get_mut(usize::from(job)) {
            account.given.push(Update {
                status,
                id,
                fate: None,
                breaks: 0,
            });
        }
    }

    /// Updates without a receipt.
    pub(super) fn owed(&self) -> usize {
        let updates = self.accounts.iter().flat_map(|account| &account.given);
        updates.filter(|update| update.fate.is_none()).count()
    }

    /// Whether every job was given its terminal status, and every update has its receipt.
    pub(super) fn is_settled(&self) -> bool {
        self.accounts.iter().all(Account::has_ended) && self.owed() == 0
    }

    /// Jobs that were requested, or taken up, and have no terminal status.
    fn open(&self) -> usize {
        let is_open = |account: &&Account| account.requested > 0 && !account.has_ended();
        self.accounts.iter().filter(is_open).count()
    }

    /// A new connection stands.
    pub(super) fn connected(&mut self, conn: ConnectionId) {
        self.wire = Some(Wire {
            conn,
            stage: Stage::Fresh,
            unanswered: VecDeque::new(),
        });
    }

    /// The connection is gone from the session's sight.
    pub(super) fn disconnected(&mut self) {
        self.wire = None;
    }

    /// The session is about to read a text of the connection that stands.
    pub(super) fn reads(&mut self, said: &Said) -> Cause {
        let Some(wire) = self.wire.as_mut().filter(|_| said.is_response()) else {
            return Cause::Other;
        };
        if wire.stage == Stage::Introduced {
            if *said == Said::Success {
                wire.stage = Stage::Accepted;
            }
            return Cause::Other;
        }
        wire.unanswered
            .pop_front()
            .map_or(Cause::Other, Cause::Answer)
    }

    /// Takes note of all that the session has put out after one input, in its order, and checks it.
    pub(super) fn take(
        &mut self,
        now: Timestamp,
        outputs: &[Output],
        cause: Cause,
    ) -> Result<(), Broken> {
        if cause == Cause::Stale {
            return Promise::StaleIsIgnored.check(outputs.is_empty(), || {
                format!("a frame of a lost connection led to {outputs:?}")
            });
        }
        let broke = self.note_break(outputs);
        let mut expected = match cause {
            Cause::Answer(place) => Some(place),
            Cause::Stale | Cause::Other => None,
        };
        for output in outputs {
            Promise::StopEnds.check(!self.stopped, || {
                format!("{output:?} came after the end of the session")
            })?;
            match output {
                Output::Transmit(conn, Frame::Text(text)) => self.transmits(*conn, text)?,
                Output::Event(event) => self.told(event, &mut expected)?,
                Output::Disconnect(conn, Some(_)) if !broke => self.check_close(now, *conn)?,
                _ => {}
            }
        }
        self.check_breaks()
    }

    /// What was unanswered at a break will be sent again; the oldest is its suspect. Whether there was a break.
    fn note_break(&mut self, outputs: &[Output]) -> bool {
        let Some(wire) = &mut self.wire else {
            return false;
        };
        let lost = outputs.iter().any(|output| {
            matches!(output, Output::Event(Event::ConnectionLost { connection, .. }) if *connection == wire.conn)
        });
        if !lost {
            return false;
        }
        let oldest = wire.unanswered.front().copied();
        wire.unanswered.clear();
        if let Some(update) = oldest.and_then(|place| self.update_mut(place)) {
            update.breaks = (update.breaks + 1).min(BREAKS);
        }
        true
    }

    /// A session that stops leaves a good connection when nothing is owed any more, or when its time is over.
    fn check_close(&self, now: Timestamp, conn: ConnectionId) -> Result<(), Broken> {
        let in_time = self.stop_by.is_some_and(|by| now < by);
        let owed = self.owed();
        Promise::StopEnds.check(!in_time || owed == 0, || {
            format!("{conn} is closed at {now}, before the deadline, and {owed} updates are owed")
        })
    }

    fn check_breaks(&self) -> Result<(), Broken> {
        for (place, update) in self.updates() {
            Promise::ThreeBreaks.check(update.breaks < BREAKS || update.fate.is_some(), || {
                format!(
                    "{} has broken the connection three times and is still owed",
                    self.name(place)
                )
            })?;
        }
        Ok(())
    }

    fn transmits(&mut self, conn: ConnectionId, text: &str) -> Result<(), Broken> {
        let said = Said::of(text);
        let Some(wire) = self.wire.as_mut().filter(|wire| wire.conn == conn) else {
            return Err(
                Promise::OneConnection.broken(format!("{said} goes to {conn}, which is not there"))
            );
        };
        let stage = wire.stage;
        let (in_place, next) = match (&said, stage) {
            (Said::Authentication, Stage::Fresh) => (true, Stage::Introduced),
            (Said::Heartbeat, Stage::Accepted | Stage::Beating)
            | (Said::Status(..), Stage::Beating) => (true, Stage::Beating),
            _ => (false, stage),
        };
        wire.stage = next;
        Promise::AuthenticationFirst.check(in_place, || {
            format!("{said} went out on {conn}, which is {stage:?}")
        })?;
        match said {
            Said::Status(job, status) => self.transmits_status(job, &status),
            _ => Ok(()),
        }
    }

    fn transmits_status(&mut self, job: u8, status: &str) -> Result<(), Broken> {
        let account = self.accounts.get(usize::from(job));
        let given = account.map_or(&[][..], |account| &account.given);
        let found = (0u8..)
            .zip(given)
            .find(|(_, update)| update.status.as_str() == status);
        let Some((place, _)) = found.map(|(n, update)| ((job, n), update)) else {
            let what = format!("job {job} {status} was sent, and nobody has given it");
            return Err(Promise::NothingIsLost.broken(what));
        };
        let unanswered = self.wire.as_ref().map(|wire| &wire.unanswered);
        let on_the_way = |place| unanswered.is_some_and(|unanswered| unanswered.contains(&place));
        let settled = self
            .update(place)
            .is_none_or(|update| update.fate.is_some());
        Promise::OldestFirst.check(!settled && !on_the_way(place), || {
            format!("{} was sent again", self.name(place))
        })?;
        for (n, before) in (0u8..).zip(given).take(usize::from(place.1)) {
            let in_order = before.fate.is_some() || on_the_way((job, n));
            Promise::OldestFirst.check(in_order, || {
                format!(
                    "{} was sent before {}",
                    self.name(place),
                    self.name((job, n))
                )
            })?;
        }
        if let Some(wire) = &mut self.wire {
            wire.unanswered.push_back(place);
        }
        self.check_suspect()
    }

    /// What breaks connections goes alone, so that nothing else is blamed for it.
    fn check_suspect(&self) -> Result<(), Broken> {
        let unanswered = self.wire.as_ref().map(|wire| &wire.unanswered);
        let Some(oldest) = unanswered.and_then(|unanswered| unanswered.front().copied()) else {
            return Ok(());
        };
        let suspected = self.update(oldest).is_some_and(|update| update.breaks > 0);
        let alone = unanswered.is_some_and(|unanswered| unanswered.len() == 1);
        Promise::SuspectAlone.check(!suspected || alone, || {
            format!(
                "{} is a suspect, and other updates were sent beside it",
                self.name(oldest)
            )
        })
    }

    fn told(&mut self, event: &Event, expected: &mut Option<Place>) -> Result<(), Broken> {
        match event {
            Event::JobRequested(request) => {
                let n = self.number(&request.uuid);
                if let Some(account) = n.and_then(|n| self.accounts.get_mut(usize::from(n))) {
                    account.requested += 1;
                    let requested = account.requested;
                    Promise::JobsRunOnce.check(requested == 1, || {
                        format!(
                            "job {} was requested {requested} times",
                            n.unwrap_or_default()
                        )
                    })?;
                }
                self.gave(n.unwrap_or_default(), JobStatus::Received, None);
            }
            Event::JobDeclined { uuid, reason } => {
                if let (DeclineReason::Busy | DeclineReason::Stopping, Some(n)) =
                    (reason, self.number(uuid))
                {
                    self.gave(n, JobStatus::Rejected, None);
                }
            }
            Event::JobOverdue { uuid } => {
                if let Some(n) = self.number(&uuid.to_string()) {
                    self.gave(n, JobStatus::HordeFailed, None);
                }
            }
            Event::Receipt(receipt) => self.receipt(receipt, expected)?,
            Event::Stopped { owed } => {
                self.stopped = true;
                let left = self.owed();
                let handed_back =
                    |(_, update): &(Place, &Update)| update.fate == Some(Fate::HandedBack);
                let back = self.updates().filter(handed_back).count();
                Promise::StopEnds.check(left == 0 && back == owed.len(), || {
                    format!("{left} updates have no receipt, {back} were handed back, {} are said to be", owed.len())
                })?;
            }
            _ => {}
        }
        Ok(())
    }

    fn receipt(&mut self, receipt: &Receipt, expected: &mut Option<Place>) -> Result<(), Broken> {
        let outcome = receipt.outcome.as_str();
        let Subject::JobStatus { uuid, status } = &receipt.subject else {
            return Err(Promise::NothingIsLost.broken("a receipt for specs that nobody sent"));
        };
        let place = self.number(&uuid.to_string()).and_then(|n| {
            let given = &self.accounts.get(usize::from(n))?.given;
            let at = (0u8..)
                .zip(given)
                .find(|(_, update)| update.status == *status);
            at.map(|(at, _)| (n, at))
        });
        let Some(place) = place else {
            let what =
                format!("a receipt ({outcome}) for {status:?} of {uuid}, which nobody has given");
            return Err(Promise::NothingIsLost.broken(what));
        };
        let name = self.name(place);
        let fate = match receipt.outcome {
            Outcome::Acknowledged | Outcome::AlreadyKnown => {
                Promise::AnswersAreMatched.check(expected.take() == Some(place), || {
                    format!("{name} is {outcome} by something else than its answer")
                })?;
                Fate::Delivered
            }
            Outcome::SetAside(_) => {
                let breaks = self.update(place).map_or(0, |update| update.breaks);
                Promise::ThreeBreaks.check(breaks == BREAKS, || {
                    format!("{name} was set aside after {breaks} breaks")
                })?;
                Fate::SetAside
            }
            Outcome::HandedBack(_) => Fate::HandedBack,
            _ => return Err(Promise::Understood.broken(format!("{name} was {outcome}"))),
        };
        let Some(update) = self.update_mut(place) else {
            return Ok(());
        };
        let (id, before) = (
            *update.id.get_or_insert(receipt.id),
            update.fate.replace(fate),
        );
        Promise::NothingIsLost.check(id == receipt.id && before.is_none(), || {
            format!(
                "{name} (update {id}) has a second receipt, as update {}: {outcome}",
                receipt.id
            )
        })
    }

    /// Checks that hold whenever the session is at rest. `owed` is what it says that it owes.
    pub(super) fn check(&self, owed: usize, window: usize, room: usize) -> Result<(), Broken> {
        let given = self.owed();
        Promise::NothingIsLost.check(given == owed, || {
            format!("{given} updates have no receipt, the session owes {owed}")
        })?;
        let unanswered = self.wire.as_ref().map_or(0, |wire| wire.unanswered.len());
        Promise::Window.check(unanswered <= window, || {
            format!("{unanswered} updates are unanswered, the window is {window}")
        })?;
        let (open, taken) = (self.open(), given + self.open());
        Promise::Bounded.check(taken <= room, || {
            format!("{given} updates are owed and {open} jobs open, there is room for {room}")
        })
    }

    /// Checks what the facilitator has stored of a job. `excused` is how many updates may count as delivered without
    /// having been stored then; how many do is returned.
    pub(super) fn check_stored(
        &self,
        job: u8,
        stored: &[JobStatus],
        excused: usize,
    ) -> Result<usize, Broken> {
        let account = self.accounts.get(usize::from(job));
        let given = account.map_or(&[][..], |account| &account.given);
        let words = || {
            let given: Vec<_> = given.iter().map(|update| update.status).collect();
            format!("job {job} has {stored:?}, given was {given:?}")
        };
        let (mut behind, mut late) = (0, 0);
        for status in stored {
            let Some(at) = given.iter().position(|update| update.status == *status) else {
                return Err(Promise::Order.broken(words()));
            };
            if at < behind {
                late += 1;
            }
            let skipped = given.iter().take(at).skip(behind);
            let undecided = |update: &Update| matches!(update.fate, None | Some(Fate::HandedBack));
            Promise::Order.check(!skipped.clone().any(undecided), words)?;
            behind = behind.max(at + 1);
        }
        Promise::Order.check(late <= excused, words)?;
        let ends = stored.iter().filter(|status| status.is_terminal()).count();
        Promise::JobsRunOnce.check(ends <= 1, words)?;
        let delivered = given
            .iter()
            .filter(|update| update.fate == Some(Fate::Delivered));
        let missing = delivered.filter(|update| !stored.contains(&update.status));
        Ok(late + missing.count())
    }

    fn number(&self, uuid: &str) -> Option<u8> {
        (0u8..)
            .take(self.accounts.len())
            .find(|n| job(u128::from(*n)) == uuid)
    }

    fn updates(&self) -> impl Iterator<Item = (Place, &Update)> {
        (0u8..).zip(&self.accounts).flat_map(|(n, account)| {
            (0u8..)
                .zip(&account.given)
                .map(move |(at, update)| ((n, at), update))
        })
    }

    fn update(&self, (job, at): Place) -> Option<&Update> {
        self.accounts
            .get(usize::from(job))?
            .given
            .get(usize::from(at))
    }

    fn update_mut(&mut self, (job, at): Place) -> Option<&mut Update> {
        self.accounts
            .get_mut(usize::from(job))?
            .given
            .get_mut(usize::from(at))
    }

    fn name(&self, place: Place) -> String {
        let status = self
            .update(place)
            .map_or("?", |update| update.status.as_str());
        format!("job {} {status}", place.0)
    }

    /// All that later checks look at, as text; without ids, of which each update has its own.
    pub(super) fn render(&self, now: Timestamp, out: &mut String) {
        for account in &self.accounts {
            let _ = write!(out, "job{}", account.requested);
            for update in &account.given {
                let Update {
                    status,
                    fate,
                    breaks,
                    id: _,
                } = update;
                let _ = write!(out, " {}{fate:?}{breaks}", status.as_str());
            }
        }
        if let Some(Wire {
            conn,
            stage,
            unanswered,
        }) = &self.wire
        {
            let _ = write!(out, "wire{conn}{stage:?}{unanswered:?}");
        }
        let left = self.stop_by.map(|by| by.saturating_duration_since(now));
        let _ = write!(out, "stop{left:?}{}", self.stopped);
    }
}
