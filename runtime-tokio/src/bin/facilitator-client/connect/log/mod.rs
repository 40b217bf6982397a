//! What the log tells of a session: one line for each thing that an operator acts on, and no line again and again. Texts
//! from outside are written escaped, and contents of messages not at all.

#[cfg(unix)]
mod limit;
mod outage;
mod repeats;

use facilitator_tokio::core::client::{
    Event, Health, LostReason, Outcome, Phase, Receipt, Unexpected,
};
use facilitator_tokio::core::message::{ResponseError, scrub};
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

#[cfg(unix)]
pub(super) use self::limit::Limit;
use self::outage::{Lost, Outage};
use self::repeats::{BURST, Repeats, some};
use super::events::{lost_cause, seconds};

/// Failures of one kind, likewise: they show how the pauses grow.
const FAILURES: u32 = 3;
/// How the failures of connections are called among all that repeats.
const FAILURE: &str = "connection: ";

/// The log of one session.
#[derive(Default)]
pub(super) struct EventLog {
    outage: Outage,
    repeats: Repeats,
}

impl EventLog {
    /// Writes what there is to say of an event that has come now.
    pub(super) fn tell(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Phase(change) => {
                let lost = self.outage.phase(change, now);
                self.tell_lost(lost, now);
                self.tell_phase(change.phase, now);
            }
            Event::ConnectionLost { reason, owed, .. } => {
                let lost = self.outage.lost(reason, *owed, now);
                self.tell_lost(lost, now);
            }
            Event::Stopped { owed } => {
                let lost = self.outage.end();
                self.tell_lost(lost, now);
                self.repeats.tell_left_out();
                info!(owed = owed.len(), "stopped");
            }
            Event::Health(Health::Refused) => {
                error!(
                    "the facilitator does not accept who we are: look at the key and the endpoint"
                );
            }
            Event::JobOverdue { uuid } => warn!(%uuid, "job overdue, ended as horde_failed"),
            Event::JobRequested(request) => info!(uuid = ?request.uuid, "job requested"),
            Event::JobCheated(report) => warn!(uuid = ?report.job_uuid, "job cheated"),
            Event::Receipt(receipt) => self.tell_receipt(receipt, now),
            event => self.tell_odd(event, now),
        }
    }

    fn tell_phase(&mut self, phase: Phase, now: Instant) {
        match phase {
            // Its line says when the next attempt comes.
            Phase::Waiting | Phase::Connecting | Phase::Authenticating | Phase::Closing => {
                debug!("{phase}");
            }
            Phase::Ready => match self.outage.over(now) {
                Some(outage) if outage.is_told => info!(
                    after_s = seconds(outage.lasted),
                    failures = outage.failures,
                    "{phase}"
                ),
                // It comes and goes, and the log has said so.
                Some(_) => debug!("{phase}"),
                None => info!("{phase}"),
            },
            _ => info!("{phase}"),
        }
    }

    fn tell_lost(&mut self, lost: Option<Lost>, now: Instant) {
        let Some(lost) = lost else { return };
        if lost.is_news() {
            self.repeats.forget(|what| what.starts_with(FAILURE));
        }
        let reason = lost.reason.to_string();
        let left_out = self
            .repeats
            .say(&format!("{FAILURE}{reason}"), FAILURES, now);
        self.outage.note(left_out.is_some());
        let cause = lost_cause(&lost.reason);
        let Some(left_out) = left_out else {
            return debug!(cause, "connection lost, as before");
        };
        let lasted_s = lost.lasted.map(seconds);
        let retry_in_s = lost.retry_in.map(seconds);
        let repeated = some(left_out);
        let owed = lost.owed;
        // A level is no value there.
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    cause,
                    lasted_s,
                    owed,
                    retry_in_s,
                    repeated,
                    ?reason,
                    "connection lost"
                )
            };
        }
        if matches!(lost.reason, LostReason::AuthenticationRefused(_)) {
            line!(error);
        } else {
            line!(warn);
        }
    }

    fn tell_receipt(&mut self, receipt: &Receipt, now: Instant) {
        let (subject, outcome) = (&receipt.subject, receipt.outcome.as_str());
        match &receipt.outcome {
            Outcome::Refused(errors) => {
                if let Some(left_out) = self.repeats.say("refused messages", BURST, now) {
                    let repeated = some(left_out);
                    warn!(?subject, outcome, repeated, errors = ?kinds(errors), "receipt");
                }
            }
            Outcome::SetAside(_) => warn!(?subject, outcome, "receipt"),
            _ => debug!(?subject, outcome, "receipt"),
        }
    }

    /// What whoever is at the other end can make happen as often as they like.
    fn tell_odd(&mut self, event: &Event, now: Instant) {
        let Some(what) = odd(event) else { return };
        let Some(left_out) = self.repeats.say(what, BURST, now) else {
            return;
        };
        let repeated = some(left_out);
        match event {
            Event::JobRefused { request, reason } => {
                warn!(uuid = ?request.uuid, %reason, repeated, "job refused");
            }
            Event::CheatReportRefused { report, reason } => {
                warn!(uuid = ?report.job_uuid, %reason, repeated, "cheat report refused");
            }
            Event::JobDeclined { uuid, reason } => {
                warn!(?uuid, %reason, repeated, "job declined");
            }
            Event::Malformed(error) => {
                warn!(error = ?error.to_string(), repeated, "malformed message");
            }
            Event::Missed { events } => {
                warn!(
                    events,
                    repeated, "stdout is read too slowly, events were missed"
                );
            }
            Event::Unexpected(Unexpected::Response { errors }) => {
                warn!(errors = ?kinds(errors), repeated, "unexpected response");
            }
            Event::Unexpected(Unexpected::HeartbeatRefused { errors }) => {
                warn!(errors = ?kinds(errors), repeated, "heartbeat refused");
            }
            Event::Unexpected(Unexpected::Binary(bytes)) => {
                warn!(bytes, repeated, "unexpected binary frame");
            }
            _ => warn!(repeated, "{what}"),
        }
    }
}

/// What an event is called among all that repeats.
const fn odd(event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::JobRefused { .. } => "refused jobs",
        Event::CheatReportRefused { .. } => "refused cheat reports",
        Event::JobDeclined { .. } => "declined jobs",
        Event::Malformed(_) => "malformed messages",
        Event::Missed { .. } => "missed events",
        Event::Unexpected(Unexpected::Response { .. }) => "unexpected responses",
        Event::Unexpected(Unexpected::HeartbeatRefused { .. }) => "refused heartbeats",
        Event::Unexpected(Unexpected::Binary(_)) => "unexpected binary frames",
        Event::Unexpected(_) => "unexpected messages",
        _ => return None,
    })
}

/// The names of errors, cut to what a log can bear.
fn kinds(errors: &[ResponseError]) -> Vec<String> {
    let cut = |error: &ResponseError| scrub(&error.kind).chars().take(64).collect();
    errors.iter().take(4).map(cut).collect()
}
