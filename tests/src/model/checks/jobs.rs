//! Jobs, which end once, and messages that end connections.

use facilitator_core::client::{DeclineReason, Event, Outcome, Output};

use super::super::ledger::{Blame, Key, Lane, Ledger, Predicted};
use super::super::said::{Said, number};
use super::{Held, Moment, Scene, hold};

/// 5. The oldest unanswered message is the suspect of every break, and travels alone; after three breaks it leaves,
///    whole; an outage never counts.
///
/// # Errors
///
/// How it is broken.
pub fn poison_is_set_aside(scene: &Scene<'_>) -> Held {
    let ledger = scene.ledger;
    match scene.moment {
        Moment::Output(Output::Transmit(_, facilitator_core::Frame::Text(text))) => {
            if matches!(Said::read(text), Some(Said::Status(..) | Said::Specs(_))) {
                suspects_travel_alone(ledger)?;
            }
            Ok(())
        }
        Moment::Output(Output::Event(Event::Receipt(receipt))) => {
            let Outcome::SetAside(owed) = &receipt.outcome else {
                return Ok(());
            };
            let Some((lane, place)) = ledger.find(receipt) else {
                // It shares the fate of one that was judged before.
                return Ok(());
            };
            hold!(place == 0, "set aside, and not the oldest: {receipt:?}");
            let entry = lane.entries.first();
            hold!(
                entry.is_some_and(|entry| entry.sent.is_some() && entry.doubts >= 2),
                "set aside before its third break: {entry:?}"
            );
            let whole = entry.and_then(|entry| entry.text.as_deref());
            hold!(
                whole == Some(owed.as_json()),
                "set aside with another text: {receipt:?}"
            );
            Ok(())
        }
        Moment::Output(Output::Event(Event::ConnectionLost { reason, .. })) => {
            let blamed = ledger.statuses.set_aside || ledger.specs.set_aside;
            hold!(
                !blamed || Blame::of(reason) != Blame::Nobody,
                "set aside for a break that is nobody's fault: {reason}"
            );
            Ok(())
        }
        Moment::Rest(_) => {
            for lane in [&ledger.statuses, &ledger.specs] {
                let over = lane.entries.iter().find(|entry| entry.breaks >= 3);
                hold!(over.is_none(), "three breaks, and still owed: {over:?}");
                hold!(!lane.set_aside, "set aside without a break");
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn suspects_travel_alone(ledger: &Ledger) -> Held {
    let in_flight = ledger.statuses.in_flight() + ledger.specs.in_flight();
    let is_suspect_sent = |lane: &Lane| {
        let oldest = lane.entries.first();
        oldest.is_some_and(|entry| entry.breaks > 0 && entry.sent.is_some())
    };
    for lane in [&ledger.statuses, &ledger.specs] {
        hold!(
            !is_suspect_sent(lane),
            "a suspect is on its way, and something is sent beside it: {:?}",
            lane.entries.first()
        );
    }
    let waits = ledger.statuses.entries.first();
    let next_is_suspect = waits.is_some_and(|entry| entry.breaks > 0 && entry.sent.is_none());
    hold!(
        !next_is_suspect || in_flight == 0,
        "a suspect waits while {in_flight} others are on their way"
    );
    Ok(())
}

/// 7. A job that was received gets exactly one terminal status, and is never run twice.
///
/// # Errors
///
/// How it is broken.
pub fn every_job_ends_once(scene: &Scene<'_>) -> Held {
    let ledger = scene.ledger;
    match scene.moment {
        Moment::Output(Output::Event(event)) => told_of_a_job(ledger, event),
        Moment::Call(call) => {
            let ended = "JobEnded";
            let got = call.got.as_ref().err().map(String::as_str);
            hold!(
                (call.predicted == Predicted::Refused(ended)) == (got == Some(ended)),
                "{} gives {:?}, expected is {:?}",
                call.what,
                call.got,
                call.predicted
            );
            Ok(())
        }
        Moment::Rest(_) => {
            if let Some(should_tell) = scene.batch.should_tell {
                hold!(
                    scene.batch.told == should_tell,
                    "a job request led to {:?}, it should lead to {should_tell:?}",
                    scene.batch.told
                );
            }
            for (number, stored) in &scene.record.stored {
                let terminal = stored.iter().filter(|status| status.is_terminal()).count();
                let undone = ledger.jobs.get(number).map_or(0, |job| job.undone);
                hold!(
                    terminal <= 1 + usize::try_from(undone).unwrap_or(usize::MAX),
                    "job {number} has ended {terminal} times, {undone} of them taken back: {stored:?}"
                );
            }
            Ok(())
        }
        Moment::Output(_) => Ok(()),
    }
}

fn told_of_a_job(ledger: &Ledger, event: &Event) -> Held {
    match event {
        Event::JobRequested(request) => {
            let job = number(&request.uuid);
            let unknown = job
                .is_some_and(|job| !ledger.jobs.contains_key(&job) || ledger.is_forgettable(job));
            hold!(unknown, "the job {} is run a second time", request.uuid);
            hold!(
                ledger.draining.is_none(),
                "a job is taken on while stopping: {}",
                request.uuid
            );
            Ok(())
        }
        Event::JobDeclined {
            uuid,
            reason: DeclineReason::Duplicate,
        } => {
            let known = number(uuid).is_some_and(|job| ledger.jobs.contains_key(&job));
            hold!(known, "{uuid} is declined as known, and is not");
            Ok(())
        }
        Event::JobOverdue { uuid } => {
            let job = number(&uuid.to_string()).and_then(|job| ledger.jobs.get(&job));
            let overdue =
                job.is_some_and(|job| job.terminal.is_none() && job.deadline <= ledger.now);
            hold!(
                overdue,
                "{uuid} is ended for its time, and is not overdue: {job:?}"
            );
            Ok(())
        }
        // Whoever was told of the end has nothing more to end.
        Event::Receipt(receipt) => {
            let known = match Key::of(&receipt.subject) {
                Some(Key::Status(job, _)) => ledger.jobs.contains_key(&job),
                _ => true,
            };
            hold!(known, "a receipt for a job that nobody knows: {receipt:?}");
            Ok(())
        }
        _ => Ok(()),
    }
}
