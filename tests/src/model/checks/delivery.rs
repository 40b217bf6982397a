//! What is owed: kept, in order, sent again, and within its bounds.

use facilitator_core::client::{Event, Outcome, Output, Receipt};
use facilitator_core::message::JobStatus;

use super::super::ledger::{Key, Ledger, Predicted};
use super::super::said::Said;
use super::{Call, Held, Moment, Rest, Scene, hold};

/// 1. A message that was accepted is acknowledged, refused by name, set aside by name, handed back, or still owed; it
///    has one receipt; and nobody says *delivered* of what the facilitator does not have.
///
/// # Errors
///
/// How it is broken.
pub fn nothing_accepted_is_lost(scene: &Scene<'_>) -> Held {
    let ledger = scene.ledger;
    match scene.moment {
        Moment::Output(Output::Event(Event::Receipt(receipt))) => {
            let due = |(id, key): &(u64, Key)| {
                (*id, Some(*key)) == (receipt.id.as_u64(), Key::of(&receipt.subject))
            };
            let known = ledger.find(receipt).is_some() || ledger.due.iter().any(due);
            hold!(known, "a receipt that nobody waits for: {receipt:?}");
            delivered_means_stored(scene, receipt)?;
            if let Outcome::HandedBack(_) = receipt.outcome {
                let ending =
                    scene.batch.is_aborted() || ledger.draining.is_some() || ledger.gives_up;
                hold!(
                    ending,
                    "handed back in the middle of a session: {receipt:?}"
                );
            }
            Ok(())
        }
        Moment::Output(Output::Event(Event::Stopped { owed })) => {
            let told: Vec<u64> = owed.iter().map(|owed| owed.id.as_u64()).collect();
            hold!(
                told == ledger.handed_back,
                "the end names {told:?} as left, the receipts {:?}",
                ledger.handed_back
            );
            Ok(())
        }
        Moment::Rest(rest) => {
            let owed = ledger.statuses.entries.len() + ledger.specs.entries.len();
            hold!(
                rest.owed == owed,
                "{} messages are owed, the session knows of {}",
                owed,
                rest.owed
            );
            hold!(ledger.due.is_empty(), "no receipt for {:?}", ledger.due);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn delivered_means_stored(scene: &Scene<'_>, receipt: &Receipt) -> Held {
    if !receipt.outcome.is_delivered() {
        return Ok(());
    }
    let has = match Key::of(&receipt.subject) {
        Some(Key::Status(job, status)) => scene.record.has(job, status),
        Some(Key::Specs(batch)) => scene.record.batches.contains(&batch),
        None => false,
    };
    hold!(
        has,
        "delivered, and the facilitator does not have it: {receipt:?}"
    );
    Ok(())
}

/// 2. The facilitator sees the statuses of a job in the order in which they were given, and nothing is accepted after a
///    terminal one.
///
/// # Errors
///
/// How it is broken.
pub fn order(scene: &Scene<'_>) -> Held {
    let ledger = scene.ledger;
    match scene.moment {
        Moment::Output(Output::Transmit(_, facilitator_core::Frame::Text(text))) => {
            let Some(Said::Status(job, status)) = Said::read(text) else {
                return Ok(());
            };
            for earlier in &ledger.statuses.entries {
                let Key::Status(of, earlier_status) = earlier.key else {
                    continue;
                };
                if (of, earlier_status) == (job, status) && earlier.sent.is_none() {
                    return Ok(());
                }
                hold!(
                    of != job || earlier.sent.is_some(),
                    "job {job}: `{status}` is sent before `{earlier_status}`"
                );
            }
            Ok(())
        }
        Moment::Rest(_) => {
            for (job, stored) in &scene.record.stored {
                let given = ledger.jobs.get(job).map_or(&[][..], |job| &job.given);
                hold!(
                    is_subsequence(stored, given),
                    "job {job} was given {given:?}, the facilitator has {stored:?}"
                );
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn is_subsequence(part: &[JobStatus], whole: &[JobStatus]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|status| whole.any(|given| given == status))
}

/// 3. After a reconnect all that is unanswered is sent again, oldest first; on one connection nothing is sent twice;
///    and while messages flow, something is always on its way.
///
/// # Errors
///
/// How it is broken.
pub fn at_least_once_applied_once(scene: &Scene<'_>) -> Held {
    let ledger = scene.ledger;
    match scene.moment {
        Moment::Output(Output::Transmit(_, facilitator_core::Frame::Text(text))) => {
            let (lane, key) = match Said::read(text) {
                Some(Said::Status(job, status)) => (&ledger.statuses, Key::Status(job, status)),
                Some(Said::Specs(batch)) => (&ledger.specs, Key::Specs(batch)),
                _ => return Ok(()),
            };
            let oldest = lane.entries.iter().find(|entry| entry.sent.is_none());
            let Some(oldest) = oldest else {
                return Err(format!(
                    "{key:?} is sent, which is not owed, or a second time"
                ));
            };
            hold!(
                oldest.key == key,
                "{key:?} is sent, the oldest unsent one is {:?}",
                oldest.key
            );
            let same = oldest.text.as_ref().is_none_or(|known| **known == **text);
            hold!(same, "{key:?} is sent with another text than it was given");
            Ok(())
        }
        Moment::Rest(_) if ledger.is_ready() => something_is_on_its_way(ledger),
        _ => Ok(()),
    }
}

fn something_is_on_its_way(ledger: &Ledger) -> Held {
    let (statuses, specs) = (&ledger.statuses, &ledger.specs);
    let suspicion = [statuses, specs]
        .iter()
        .any(|lane| lane.entries.iter().any(|entry| entry.doubts > 0));
    if suspicion {
        let stalled = statuses.in_flight() + specs.in_flight() == 0;
        let owed = statuses.entries.len() + specs.entries.len();
        hold!(!stalled || owed == 0, "{owed} messages wait for nothing");
        return Ok(());
    }
    let window = ledger.config.window.min(statuses.entries.len());
    hold!(
        statuses.in_flight() == window,
        "{} statuses are on their way, the window has room for {window}",
        statuses.in_flight()
    );
    hold!(
        specs.entries.is_empty() || specs.in_flight() > 0,
        "{} specs wait for nothing",
        specs.entries.len()
    );
    Ok(())
}

/// 6. Every queue has a bound, in entries and in bytes. A full outbox refuses the newest, and never the terminal status
///    of an open job; nobody is refused while there is room.
///
/// # Errors
///
/// How it is broken.
pub fn bounded(scene: &Scene<'_>) -> Held {
    match scene.moment {
        Moment::Call(call) => room_is_told_truly(call),
        Moment::Rest(rest) => within_bounds(scene.ledger, rest, scene.batch.outputs),
        Moment::Output(_) => Ok(()),
    }
}

const ABOUT_ROOM: [&str; 4] = ["Full", "FullBytes", "TooManyJobs", "TooLarge"];

fn room_is_told_truly(call: &Call) -> Held {
    let predicted = match call.predicted {
        Predicted::Refused(error) => error,
        _ => "ok",
    };
    let got = call.got.as_ref().map_or_else(String::as_str, |_| "ok");
    let about_room = ABOUT_ROOM.contains(&predicted) || ABOUT_ROOM.contains(&got);
    hold!(
        !about_room || predicted == got || call.unsure,
        "{} gives {got}, expected is {predicted}",
        call.what
    );
    Ok(())
}

fn within_bounds(ledger: &Ledger, rest: &Rest, outputs: usize) -> Held {
    let (config, stats) = (&ledger.config, &rest.stats);
    let figures = [
        (
            "outbox_length",
            stats.outbox_length,
            ledger.statuses.entries.len(),
        ),
        ("in_flight", stats.in_flight, ledger.statuses.in_flight()),
        (
            "specs_length",
            stats.specs_length,
            ledger.specs.entries.len(),
        ),
        ("open_jobs", stats.open_jobs, ledger.open_jobs()),
    ];
    for (name, found, expected) in figures {
        hold!(
            found == expected,
            "`{name}` is {found}, it should be {expected}"
        );
    }
    let (bytes, unsure) = ledger.bytes();
    hold!(
        unsure || stats.outbox_bytes == bytes,
        "`outbox_bytes` is {}, it should be {bytes}",
        stats.outbox_bytes
    );
    let bounds = [
        ("outbox_entries", ledger.taken(), config.outbox_entries),
        ("window", stats.in_flight, config.window),
        ("specs_entries", stats.specs_length, config.specs_entries),
        (
            "outputs",
            outputs,
            64 + 8 * (config.outbox_entries.min(1000) + 256),
        ),
    ];
    for (name, found, bound) in bounds {
        hold!(found <= bound, "`{name}` is {bound}, there are {found}");
    }
    Ok(())
}
