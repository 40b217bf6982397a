//! What an event is to an operator: a short text, and how bad it is. Contents of messages are not told; what comes from
//! outside is cut, and escaped where it is shown.

use facilitator_tokio::core::client::{
    DeclineReason, Event, Health, LostReason, Outcome, Receipt, Subject, Unexpected,
};
use facilitator_tokio::core::message::JobStatus;

/// The longest text, in characters.
const LONGEST: usize = 240;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Good,
    Plain,
    Odd,
    Bad,
}

/// The text of an event; `None` for what goes without saying: phases have a time line of their own, and of the receipts
/// only the last of each job is told.
pub(super) fn tell(event: &Event) -> Option<(Weight, String)> {
    let (weight, text) = match event {
        Event::Health(Health::Connected) => (Weight::Good, "connected".to_owned()),
        Event::Health(Health::Refused) => (
            Weight::Bad,
            "the facilitator does not accept who we are: look at the key and the endpoint"
                .to_owned(),
        ),
        Event::ConnectionLost { reason, owed, .. } => lost(reason, *owed),
        Event::JobRequested(request) => (Weight::Plain, format!("job {} requested", request.uuid)),
        Event::JobRefused { request, reason } => (
            Weight::Odd,
            format!("job {} rejected: {reason}", request.uuid),
        ),
        Event::CheatReportRefused { report, reason } => (
            Weight::Odd,
            format!("cheat report on job {} refused: {reason}", report.job_uuid),
        ),
        Event::JobDeclined { uuid, reason } => {
            // Facilitators repeat themselves after a break.
            let weight = match reason {
                DeclineReason::Duplicate => Weight::Plain,
                _ => Weight::Odd,
            };
            (weight, format!("job {uuid} not handed on: {reason}"))
        }
        Event::JobOverdue { uuid } => (
            Weight::Bad,
            format!("job {uuid} is overdue, ended as horde_failed"),
        ),
        Event::JobCheated(report) => (Weight::Bad, format!("job {} was a fraud", report.job_uuid)),
        Event::Receipt(receipt) => receipt_of(receipt)?,
        Event::Malformed(_) => (Weight::Odd, "a message could not be read".to_owned()),
        Event::Unexpected(unexpected) => (Weight::Odd, unexpected_text(unexpected).to_owned()),
        Event::Missed { events } => (
            Weight::Odd,
            format!("{events} events were missed: stdout is read too slowly"),
        ),
        Event::Stopped { owed } if owed.is_empty() => (Weight::Plain, "stopped".to_owned()),
        Event::Stopped { owed } => (
            Weight::Bad,
            format!("stopped; messages not delivered: {}", owed.len()),
        ),
        _ => return None,
    };
    Some((weight, text.chars().take(LONGEST).collect()))
}

fn lost(reason: &LostReason, owed: usize) -> (Weight, String) {
    let weight = match reason {
        LostReason::AuthenticationRefused(_) => Weight::Bad,
        _ => Weight::Odd,
    };
    (
        weight,
        format!("connection lost: {reason}; messages owed: {owed}"),
    )
}

fn receipt_of(receipt: &Receipt) -> Option<(Weight, String)> {
    let subject = match &receipt.subject {
        Subject::JobStatus { uuid, status } => format!("job {uuid}: {status}"),
        Subject::MachineSpecs { batch_id } => format!("machine specs of batch {batch_id}"),
    };
    let outcome = match (&receipt.outcome, &receipt.subject) {
        (outcome, Subject::JobStatus { status, .. })
            if outcome.is_delivered() && status.is_terminal() =>
        {
            return Some((weight_of_end(*status), format!("{subject}, delivered")));
        }
        (Outcome::Refused(_), _) => "the facilitator refused it",
        (Outcome::SetAside(_), _) => "set aside, because it broke the connection again and again",
        (Outcome::HandedBack(_), _) => "not delivered before the end",
        _ => return None,
    };
    Some((Weight::Bad, format!("{subject}: {outcome}")))
}

/// How a job has ended: well, as its customer or our capacity had it, or by a fault of ours.
const fn weight_of_end(status: JobStatus) -> Weight {
    match status {
        JobStatus::Completed => Weight::Good,
        JobStatus::HordeFailed => Weight::Bad,
        _ => Weight::Odd,
    }
}

fn unexpected_text(unexpected: &Unexpected) -> &'static str {
    match unexpected {
        Unexpected::Response { .. } => "a response came that belongs to no message",
        Unexpected::HeartbeatRefused { .. } => "the facilitator refused a heartbeat",
        Unexpected::Binary(_) => "a binary frame came; the protocol has none",
        _ => "a message came that means nothing at this moment",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_job_that_is_completed_has_ended_well() {
        for status in JobStatus::ALL {
            let weight = match status {
                JobStatus::Completed => Weight::Good,
                JobStatus::HordeFailed => Weight::Bad,
                JobStatus::Failed | JobStatus::Rejected => Weight::Odd,
                _ => continue,
            };
            assert_eq!(weight_of_end(*status), weight, "{status}");
        }
    }
}
