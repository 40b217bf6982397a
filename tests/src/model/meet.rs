//! Which situations a run has met, as the outputs and the calls show them. They have names here, for
//! [`Coverage`], and mean nothing to any check.

use facilitator_core::Frame;
use facilitator_core::client::{DeclineReason, Event, LostReason, Outcome, Output, Phase, Subject};

use super::checks::{Batch, Call};
use super::coverage::Coverage;
use super::ledger::{Ledger, Predicted};
use super::peer::Cause;
use super::said::Said;

/// An output, before the model knows of it.
pub(super) fn output(coverage: &mut Coverage, ledger: &Ledger, batch: &Batch, output: &Output) {
    match output {
        Output::Transmit(_, Frame::Text(text))
            if !ledger.is_ready() && Said::read(text) == Some(Said::Heartbeat) =>
        {
            coverage.note("sessions");
        }
        Output::Event(event) => met_event(coverage, ledger, batch, event),
        _ => {}
    }
}

fn met_event(coverage: &mut Coverage, ledger: &Ledger, batch: &Batch, event: &Event) {
    match event {
        Event::ConnectionLost { reason, .. } => met_loss(coverage, ledger, reason),
        Event::Phase(change) if change.phase == Phase::Waiting && ledger.failures >= 3 => {
            coverage.note("waits after three failures in a row");
        }
        Event::JobRequested(_) => coverage.note("jobs requested"),
        Event::JobRefused { .. } => coverage.note("jobs refused for their signature"),
        Event::JobDeclined { reason, .. } => coverage.note(match reason {
            DeclineReason::Duplicate => "jobs declined as known",
            DeclineReason::Busy => "jobs declined as busy",
            DeclineReason::Stopping => "jobs declined while stopping",
            DeclineReason::Closing => "jobs declined while closing",
            DeclineReason::OutboxFull => "jobs declined without an answer",
            _ => "jobs declined for their uuid",
        }),
        Event::JobOverdue { .. } => coverage.note("jobs ended for their time"),
        Event::Malformed(_) => coverage.note(
            if batch
                .heard()
                .any(|cause| matches!(cause, Cause::Answer(..)))
            {
                "answers that could not be read"
            } else {
                "frames that could not be read"
            },
        ),
        Event::JobCheated(_) => coverage.note("jobs that cheated"),
        Event::CheatReportRefused { .. } => coverage.note("cheat reports refused"),
        Event::Receipt(receipt) => {
            let specs = matches!(receipt.subject, Subject::MachineSpecs { .. });
            coverage.note(match (&receipt.outcome, specs) {
                (Outcome::Acknowledged, false) => "statuses acknowledged",
                (Outcome::Acknowledged, true) => {
                    let pong = |cause| matches!(cause, Cause::Pong(_));
                    if batch.heard().any(pong) {
                        "specs proven by a pong"
                    } else {
                        "specs proven by an answer"
                    }
                }
                (Outcome::AlreadyKnown, _) => "statuses known already",
                (Outcome::Refused(_), false) => "statuses refused",
                (Outcome::Refused(_), true) => "specs refused",
                (Outcome::SetAside(_), false) => "statuses set aside",
                (Outcome::SetAside(_), true) => "specs set aside",
                _ => "messages handed back",
            });
        }
        Event::Stopped { owed } => coverage.note(if owed.is_empty() {
            "ended with nothing left"
        } else {
            "ended with something left"
        }),
        _ => {}
    }
}

fn met_loss(coverage: &mut Coverage, ledger: &Ledger, reason: &LostReason) {
    let in_flight = ledger.statuses.in_flight() + ledger.specs.in_flight();
    if in_flight > 0 {
        coverage.note("connections lost with something in flight");
    }
    if ledger.statuses.in_flight() == ledger.config.window {
        coverage.note("connections lost with a full window");
    }
    if ledger.draining.is_some() && in_flight > 0 {
        coverage.note("connections lost while stopping");
    }
    coverage.note(match reason {
        LostReason::ConnectFailed(_) => "lost: connect failed",
        LostReason::AuthenticationTimeout => "lost: authentication timeout",
        LostReason::AuthenticationRefused(_) => "lost: authentication refused",
        LostReason::Closed(_) => "lost: closed",
        LostReason::EndOfStream => "lost: end of stream",
        LostReason::PongTimeout => "lost: pong timeout",
        LostReason::AcknowledgementTimeout => "lost: acknowledgement timeout",
        LostReason::AmbiguousResponse(_) => "lost: ambiguous response",
        LostReason::NotAuthenticated(_) => "lost: not authenticated",
        _ => "lost: otherwise",
    });
}

/// A call of the application, before the model knows of it.
pub(super) fn call(coverage: &mut Coverage, ledger: &Ledger, call: &Call, terminal: bool) {
    match (&call.got, call.predicted) {
        (Err(error), _) => match error.as_str() {
            "Full" => coverage.note("refused: no entry left"),
            "FullBytes" => coverage.note("refused: no bytes left"),
            "TooManyJobs" => coverage.note("refused: too many jobs"),
            "TooLarge" => coverage.note("refused: too large"),
            "JobEnded" => coverage.note("refused: the job has ended"),
            _ => coverage.note("refused: otherwise"),
        },
        (_, Predicted::Queued) => {
            let full = ledger.taken() >= ledger.config.outbox_entries;
            if terminal && full {
                coverage.note("terminal statuses taken by a full outbox");
            }
        }
        (_, Predicted::Shared) => coverage.note("statuses that share one update"),
        _ => coverage.note("statuses given after their delivery"),
    }
}
