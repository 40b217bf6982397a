//! What the facilitator says: responses find their message, job requests become jobs, the rest becomes an event.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::time::Duration;

use uuid::Uuid;

use super::backoff::Retry;
use super::event::{
    DeclineReason, Disconnected, Event, LostReason, Outcome, Refusal, Subject, Unexpected,
};
use super::jobs::Fate;
use super::outbox::{Entry, Gone, Specs};
use super::outputs::Delivered;
use super::responses::{self, About};
use super::slab::Slot;
use super::submit::rejection;
use super::trust::TrustError;
use super::{
    Blame, FacilitatorClient, Link, OnSignatureInvalid, Timer, WhenJobsWait, authentication, door,
    watchdog,
};
use crate::message::{
    FacilitatorMessage, JobRejectionReason, JobStatus, Response, V0JobCheated, V0JobStatusUpdate,
    V2JobRequest, parse_uuid, scrub,
};
use crate::{CloseFrame, ConnectionId};

/// Messages of the facilitator.
impl FacilitatorClient {
    pub(super) fn handle_text(&mut self, text: &str) {
        self.stats.frames_received += 1;
        // Nearly all that a facilitator ever says.
        if Response::is_plain_success(text) {
            return self.handle_success();
        }
        match FacilitatorMessage::decode(text, self.config.decode_mode) {
            Err(error) => {
                self.stats.malformed_received += 1;
                self.emit(Event::Malformed(error));
                // An answer that cannot be read was the answer to something: those after it would be matched wrongly.
                if let Link::Ready { connection, .. } = self.link
                    && self.outbox.statuses_in_flight() > 0
                    && responses::is_response_shaped(text)
                {
                    self.resolve_by_reconnect(connection, "an unreadable response".into());
                }
            }
            Ok(decoded) => {
                let unknown = u64::try_from(decoded.unknown_field_count).unwrap_or(u64::MAX);
                self.stats.unknown_fields_received += unknown;
                // An error can be the refusal itself, before its close.
                let is_error = matches!(&decoded.message, FacilitatorMessage::Response(response) if !response.is_success());
                self.confirmed |= matches!(self.link, Link::Ready { .. }) && !is_error;
                match decoded.message {
                    FacilitatorMessage::Response(response) => self.handle_response(response),
                    FacilitatorMessage::JobRequest(request) => self.handle_job_request(request),
                    FacilitatorMessage::JobCheated(report) => self.handle_cheat_report(report),
                }
            }
        }
    }

    fn handle_cheat_report(&mut self, report: Box<V0JobCheated>) {
        self.stats.cheat_reports_received += 1;
        let unix = self.unix_now();
        match self.trust.judge(&*report, self.now, unix) {
            Ok(()) => self.emit(Event::JobCheated(report)),
            Err(reason) => {
                self.stats.signatures_refused += 1;
                self.emit(Event::CheatReportRefused { report, reason });
            }
        }
    }

    /// The plain success. What follows is what [`handle_response`](Self::handle_response) would do, in one step.
    fn handle_success(&mut self) {
        if matches!(self.link, Link::Ready { .. })
            && let Some(update) = self.take_answered()
        {
            self.stats.responses_received += 1;
            self.confirmed = true;
            self.settle_delivered(update, false);
        } else {
            self.confirmed |= matches!(self.link, Link::Ready { .. });
            self.handle_response(Response::success());
        }
    }

    pub(super) fn handle_response(&mut self, response: Response) {
        self.stats.responses_received += 1;
        match self.link {
            Link::Authenticating(connection) => match authentication::judge(&response) {
                Ok(()) => {
                    self.confirmed = true;
                    self.become_ready(connection);
                }
                Err(refusal) => self.refused(connection, refusal),
            },
            Link::Ready { connection, .. } => self.match_response(connection, response),
            // What comes during the closing handshake acknowledges nothing: it will be sent again.
            _ => {}
        }
    }

    pub(super) fn refused(&mut self, connection: ConnectionId, refusal: Refusal) {
        let retry = self.retry_after_refusal(&refusal);
        self.give_up_politely(
            connection,
            LostReason::AuthenticationRefused(refusal),
            retry,
            Blame::Nobody,
        );
    }

    fn retry_after_refusal(&self, refusal: &Refusal) -> Retry {
        match refusal {
            Refusal::SignatureInvalid => match self.config.on_signature_invalid {
                OnSignatureInvalid::Retry => Retry::Refused,
                OnSignatureInvalid::Stop => Retry::Never,
            },
            Refusal::ValidatorNotFound => Retry::Refused,
            Refusal::Other(_) => Retry::Backoff,
        }
    }

    pub(super) fn match_response(&mut self, connection: ConnectionId, response: Response) {
        let about = match responses::about(&response) {
            About::Unclear => self.guess(),
            about => about,
        };
        match about {
            About::StatusStored | About::StatusKnown | About::StatusRefused => {
                self.answer(about, response);
            }
            About::SpecsRefused if self.outbox.specs_in_flight() > 0 => {
                let read = self.specs_read.filter(|read| *read > self.frames_handled);
                if read.is_none()
                    && let Some(entry) = self.outbox.refuse_specs()
                {
                    self.settle_specs(&entry, Outcome::Refused(response.errors));
                } else {
                    // One of several, some of them perhaps acknowledged already, but all specs: no status is under
                    // suspicion.
                    self.outbox.suspect_specs();
                    let reason = LostReason::AmbiguousResponse(first_error(&response));
                    self.give_up_politely(connection, reason, Retry::Backoff, Blame::Nobody);
                }
            }
            About::HeartbeatRefused => {
                self.stats.heartbeats_refused += 1;
                self.emit_unexpected(Unexpected::HeartbeatRefused {
                    errors: response.errors,
                });
            }
            About::NotAuthenticated => {
                let reason = LostReason::NotAuthenticated(first_error(&response));
                self.give_up_politely(connection, reason, Retry::Backoff, Blame::Nobody);
            }
            About::SpecsRefused | About::Nothing => {
                self.emit_unexpected(Unexpected::Response {
                    errors: response.errors,
                });
            }
            About::Unclear => self.resolve_by_reconnect(connection, first_error(&response)),
        }
    }

    /// What a refusal is about that does not say it: the only message that it can be about, if there is only one.
    /// Heartbeats and specs are not answered, so they stay possible until a status that was sent after them is.
    fn guess(&self) -> About {
        let handled = |sent: Option<u64>| sent.is_none_or(|mark| mark < self.frames_handled);
        let (statuses, specs) = (
            self.outbox.statuses_in_flight(),
            self.outbox.specs_in_flight(),
        );
        match (statuses, specs) {
            (0, 0) => About::Nothing,
            (0, 1) if handled(self.heartbeat_sent) => About::SpecsRefused,
            (1.., _) if handled(self.heartbeat_sent) && handled(self.specs_sent) => {
                About::StatusRefused
            }
            _ => About::Unclear,
        }
    }

    /// The oldest unanswered status update has its answer.
    fn answer(&mut self, about: About, response: Response) {
        let Some(update) = self.take_answered() else {
            self.emit_unexpected(Unexpected::Response {
                errors: response.errors,
            });
            return;
        };
        match about {
            About::StatusStored => self.settle_delivered(update, false),
            About::StatusKnown => self.settle_delivered(update, true),
            _ => self.settle_status(update, Outcome::Refused(response.errors)),
        }
    }

    /// Takes the status update that an answer is for.
    #[inline]
    fn take_answered(&mut self) -> Option<Gone> {
        let (update, flight) = self.outbox.answer_status()?;
        self.frames_handled = flight.mark;
        if self.outbox.specs_in_flight() > 0 {
            self.prove_specs(flight.mark);
        }
        let round_trip = self.now.saturating_duration_since(flight.sent_at);
        self.stats.round_trip.observe(round_trip);
        if self.outbox.statuses_in_flight() == 0 {
            self.timers.disarm(Timer::Acknowledgement);
        } else {
            self.timers
                .arm(Timer::Acknowledgement, self.acknowledgement_deadline());
        }
        Some(update)
    }

    /// Everything is sent again on a new connection, the oldest alone, which is always safe. It counts as a break of
    /// the oldest, so that this comes to an end.
    fn resolve_by_reconnect(&mut self, connection: ConnectionId, what: String) {
        let reason = LostReason::AmbiguousResponse(what);
        self.give_up_politely(connection, reason, Retry::Backoff, Blame::Oldest);
    }

    /// The peer has read so many of our frames. Returns whether there were specs among them.
    pub(super) fn prove_specs(&mut self, frames: u64) -> bool {
        let proven = self.outbox.prove(frames);
        let any = !proven.is_empty();
        for entry in proven {
            let took = self.now.saturating_duration_since(entry.accepted_at());
            self.stats.specs_delivery.observe(took);
            self.settle_specs(&entry, Outcome::Acknowledged);
        }
        any
    }

    pub(super) fn handle_close(&mut self, connection: ConnectionId, close: Option<CloseFrame>) {
        if matches!(self.link, Link::Closing { .. }) {
            return;
        }
        let (reason, retry) = self.judge_disconnect(Disconnected::Closed(close));
        let blame = blame_for(&reason);
        self.give_up_politely(connection, reason, retry, blame);
    }

    /// What the end of the current connection means.
    pub(super) fn judge_disconnect(&self, how: Disconnected) -> (LostReason, Retry) {
        match how {
            Disconnected::Closed(close) => {
                // In headers, nothing says that the authentication was accepted but what comes after it.
                let pending = !self.confirmed;
                match authentication::judge_close(close.as_ref()).filter(|_| pending) {
                    Some(refusal) => {
                        let retry = self.retry_after_refusal(&refusal);
                        (LostReason::AuthenticationRefused(refusal), retry)
                    }
                    None => (LostReason::Closed(close.map(scrubbed)), Retry::Backoff),
                }
            }
            Disconnected::EndOfStream => (LostReason::EndOfStream, Retry::Backoff),
            Disconnected::Io(detail) => (LostReason::Io(detail), Retry::Backoff),
            Disconnected::Protocol(detail) => (LostReason::Protocol(detail), Retry::Backoff),
        }
    }

    /// Takes a job on, or says why not. `received` is answered here, so that no application can forget it, and so
    /// is the rejection of a job that nobody trusted has signed.
    pub(super) fn handle_job_request(&mut self, request: Box<V2JobRequest>) {
        self.stats.job_requests_received += 1;
        let uuid = &request.uuid;
        if let Err(reason) = self.check_answerable(uuid) {
            return self.decline(uuid, reason);
        }
        let unix = self.unix_now();
        match self.trust.judge(&*request, self.now, unix) {
            Ok(()) => {}
            Err(TrustError::Busy) => return self.reject_as_busy(uuid, DeclineReason::Busy),
            Err(reason) => return self.refuse(request, reason),
        }
        if self.draining.is_some() {
            return self.reject_as_busy(uuid, DeclineReason::Stopping);
        }
        if self.jobs.open() >= self.config.open_jobs || self.check_room(2).is_err() {
            return self.reject_as_busy(uuid, DeclineReason::Busy);
        }
        let weight = request.weight();
        if !self.backlog.has_room(weight, self.config.waiting_job_bytes) {
            return match self.config.when_jobs_wait {
                WhenJobsWait::Reject => self.reject_as_busy(uuid, DeclineReason::Backlog),
                WhenJobsWait::Ignore => self.decline(uuid, DeclineReason::Ignored),
            };
        }
        let open_for = watchdog::time_limit(&request).saturating_add(self.config.job_margin);
        let received = V0JobStatusUpdate::new(uuid, JobStatus::Received);
        match self.submit_status(&received, true, open_for) {
            Ok(_) => {
                self.stats.jobs_received += 1;
                self.backlog.queue(weight);
                self.emit(Event::JobRequested(request));
            }
            Err(_) => self.decline(uuid, DeclineReason::OutboxFull),
        }
    }

    /// Whether an answer to this job could be sent, and is wanted.
    fn check_answerable(&self, uuid: &str) -> Result<(), DeclineReason> {
        let uuid = parse_uuid(uuid).ok_or(DeclineReason::InvalidUuid)?;
        if self.jobs.find(&uuid).is_some() {
            Err(DeclineReason::Duplicate)
        } else if matches!(self.link, Link::Closing { .. }) {
            Err(DeclineReason::Closing)
        } else {
            Ok(())
        }
    }

    fn reject_as_busy(&mut self, uuid: &str, reason: DeclineReason) {
        let update = rejection(uuid, JobRejectionReason::Busy, &reason.to_string());
        let sent = self.submit_status(&update, true, Duration::ZERO);
        self.decline(uuid, sent.map_or(DeclineReason::OutboxFull, |_| reason));
    }

    /// Rejects what nobody trusted has signed. With no room for the answer, the event alone tells of it.
    fn refuse(&mut self, request: Box<V2JobRequest>, reason: TrustError) {
        self.stats.signatures_refused += 1;
        let message = reason.to_string();
        let update = rejection(
            &request.uuid,
            JobRejectionReason::InvalidSignature,
            &message,
        );
        if self.submit_status(&update, true, Duration::ZERO).is_err() {
            self.decline(&request.uuid, DeclineReason::OutboxFull);
        }
        self.emit(Event::JobRefused { request, reason });
    }

    pub(super) fn decline(&mut self, uuid: &str, reason: DeclineReason) {
        self.stats.jobs_declined += 1;
        self.emit(Event::JobDeclined {
            uuid: door::shorten(uuid),
            reason,
        });
    }

    /// The facilitator has a status, now or `before`.
    fn settle_delivered(&mut self, update: Gone, before: bool) {
        if before {
            self.stats.statuses_already_known += 1;
        } else {
            self.stats.statuses_acknowledged += 1;
        }
        let took = self.now.saturating_duration_since(update.accepted_at);
        self.stats.status_delivery.observe(took);
        let delivered = Delivered {
            id: update.id,
            uuid: self.uuid_of(update.job),
            status: update.status,
            automatic: update.automatic,
            before,
        };
        let settled = self.jobs.settled(
            update.job,
            update.status,
            Fate::Delivered,
            self.config.ended_jobs,
        );
        self.outputs.push_delivered(delivered);
        for id in settled.ids {
            self.outputs.push_delivered(Delivered {
                id,
                automatic: false,
                ..delivered
            });
        }
    }

    /// A status has met another fate than to be delivered.
    pub(super) fn settle_status(&mut self, update: Gone, outcome: Outcome) {
        match &outcome {
            Outcome::Acknowledged | Outcome::AlreadyKnown => {}
            Outcome::Refused(_) => self.stats.statuses_refused += 1,
            Outcome::SetAside(_) => self.stats.statuses_set_aside += 1,
            Outcome::HandedBack(_) => self.stats.handed_back += 1,
        }
        let Gone {
            id,
            job,
            status,
            automatic,
            ..
        } = update;
        let uuid = self.uuid_of(job);
        let subject = Subject::JobStatus { uuid, status };
        let fate = fate(&outcome, automatic);
        let settled = self.jobs.settled(job, status, fate, self.config.ended_jobs);
        if let Some(deadline) = settled.reopened {
            self.watchdog.watch(job, deadline);
        }
        // In the order in which they were given. Most messages have one receipt, which needs no copy.
        let mut ids = settled.ids;
        let Some(last) = ids.pop() else {
            return self.emit_receipt(id, subject, automatic, outcome);
        };
        self.emit_receipt(id, subject.clone(), automatic, outcome.clone());
        for id in ids {
            self.emit_receipt(id, subject.clone(), false, outcome.clone());
        }
        self.emit_receipt(last, subject, false, outcome);
    }

    /// The uuid of a job with something in the outbox: it is known.
    #[inline]
    pub(super) fn uuid_of(&self, job: Slot) -> Uuid {
        self.jobs.uuid(job).unwrap_or_default()
    }

    /// Machine specs have met their fate.
    pub(super) fn settle_specs(&mut self, entry: &Entry<Specs>, outcome: Outcome) {
        match &outcome {
            Outcome::Acknowledged | Outcome::AlreadyKnown => self.stats.specs_acknowledged += 1,
            Outcome::Refused(_) => self.stats.specs_refused += 1,
            Outcome::SetAside(_) => self.stats.specs_set_aside += 1,
            Outcome::HandedBack(_) => self.stats.handed_back += 1,
        }
        self.emit_receipt(entry.id, entry.about.subject(), entry.automatic, outcome);
    }
}

/// What an outcome means for the job.
fn fate(outcome: &Outcome, automatic: bool) -> Fate {
    match outcome {
        // Our own last word would be refused again, for ever.
        Outcome::Refused(_) | Outcome::SetAside(_) if automatic => Fate::Lost,
        Outcome::Acknowledged | Outcome::AlreadyKnown => Fate::Delivered,
        // A job that the facilitator does not know will not be ended by another status either.
        Outcome::Refused(errors)
            if errors
                .first()
                .is_some_and(|error| error.kind == "job.not_found") =>
        {
            Fate::Lost
        }
        Outcome::Refused(_) | Outcome::SetAside(_) | Outcome::HandedBack(_) => Fate::Undone,
    }
}

/// Whom to suspect of the end of a connection. A close that names a reason of the facilitator's own (RFC 6455, 7.4, and
/// its registry: going away, service restart, try again later; the facilitator's 3000 and 3001) has another cause than
/// our messages.
pub(super) fn blame_for(reason: &LostReason) -> Blame {
    match reason {
        LostReason::Closed(Some(close))
            if matches!(close.code, 1001 | 1012 | 1013 | 3000 | 3001) =>
        {
            Blame::Nobody
        }
        LostReason::AuthenticationRefused(_) => Blame::Nobody,
        _ => Blame::Oldest,
    }
}

/// A peer can say the authentication back when it closes.
fn scrubbed(mut close: CloseFrame) -> CloseFrame {
    close.reason = scrub(&close.reason);
    close
}

/// The `type` of the first error, for a log.
fn first_error(response: &Response) -> String {
    response.errors.first().map_or_else(
        || String::from("no error given"),
        |error| door::shorten(&error.kind),
    )
}
