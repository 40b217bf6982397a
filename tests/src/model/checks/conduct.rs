//! Conduct: towards the facilitator, and towards whoever runs the session.

use facilitator_core::client::{Event, Output, Phase, Unexpected};

use super::super::ledger::{Link, Predicted};
use super::super::peer::Cause;
use super::super::said::Said;
use super::{Batch, Held, Input, Moment, Scene, hold};

/// 9. Attempts follow one schedule: exponential with jitter, begun anew only after a session that was good for a while;
///    a time that a server names is honoured; a refused authentication waits for minutes.
///
/// # Errors
///
/// How it is broken.
pub fn polite(scene: &Scene<'_>) -> Held {
    let ledger = scene.ledger;
    match scene.moment {
        Moment::Output(Output::Event(Event::Phase(change))) if change.phase == Phase::Waiting => {
            let (Some(reason), Some(delay)) = (&change.reason, change.retry_in) else {
                return Err(format!("waiting without a reason or an end: {change:?}"));
            };
            hold!(
                change.next_attempt == Some(ledger.now + delay),
                "the next attempt is in {delay:?}, and at {:?}; it is {}",
                change.next_attempt,
                ledger.now
            );
            let (least, greatest) = ledger.allowed_delay(reason);
            hold!(
                (least..=greatest).contains(&delay),
                "the next attempt is in {delay:?}, allowed is {least:?} to {greatest:?} after {} failures: {reason}",
                ledger.failures
            );
            Ok(())
        }
        Moment::Output(Output::Connect(..)) => {
            let due = match ledger.link {
                Link::Waiting(Some(until)) => ledger.now >= until,
                // Stopping tells no time.
                Link::Waiting(None) => ledger.draining.is_some(),
                _ => scene.batch.is_started(),
            };
            hold!(due, "an attempt before its time: {:?}", ledger.link);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// 10. `stop` ends by its deadline, `abort` at once; nothing is left behind; misuse is answered by name.
///
/// # Errors
///
/// How it is broken.
pub fn stops(scene: &Scene<'_>) -> Held {
    let ledger = scene.ledger;
    match scene.moment {
        Moment::Output(output) => {
            let silent = ledger.link == Link::Down && !scene.batch.is_started();
            let receipt = matches!(output, Output::Event(Event::Receipt(_)));
            hold!(
                !silent || receipt || scene.batch.is_aborted(),
                "a session that has ended puts out {output:?}"
            );
            if matches!(output, Output::Event(Event::Stopped { .. })) {
                let asked =
                    ledger.draining.is_some() || scene.batch.is_aborted() || ledger.gives_up;
                hold!(asked, "it has ended, and nobody asked for it");
            }
            Ok(())
        }
        Moment::Call(call) => {
            let about = [
                "NotStarted",
                "Stopped",
                "Stopping",
                "AlreadyStarted",
                "AlreadyStopping",
            ];
            let predicted = match call.predicted {
                Predicted::Refused(error) => error,
                _ => "ok",
            };
            let got = call.got.as_ref().map_or_else(String::as_str, |_| "ok");
            let concerned = about.contains(&predicted) || about.contains(&got);
            hold!(
                !concerned || predicted == got,
                "{} gives {got}, expected is {predicted}",
                call.what
            );
            Ok(())
        }
        Moment::Rest(rest) => {
            let running = ledger.link != Link::Down;
            hold!(
                rest.running == running,
                "the session runs: {}, it should: {running}",
                rest.running
            );
            if !running {
                hold!(
                    rest.wake.is_none(),
                    "it has ended and wants {:?}",
                    rest.wake
                );
                // Before its start it owes what an earlier session has left.
                hold!(
                    rest.owed == 0 || !ledger.started_before,
                    "it has ended and owes {}",
                    rest.owed
                );
            }
            hold!(
                !ledger.gives_up || matches!(ledger.link, Link::Closing(..) | Link::Down),
                "its signature is invalid, it shall not try again, and the link is {:?}",
                ledger.link
            );
            hold!(
                !scene.batch.is_aborted() || !running,
                "it was aborted, and the link is {:?}",
                ledger.link
            );
            Ok(())
        }
    }
}

/// 11. A heartbeat is due, or none: the first right after the authentication, then one after every period.
///
/// # Errors
///
/// How it is broken.
pub fn heartbeats_never_queue(scene: &Scene<'_>) -> Held {
    let ledger = scene.ledger;
    match scene.moment {
        Moment::Output(Output::Transmit(_, facilitator_core::Frame::Text(text))) => {
            let said = Said::read(text);
            let first = ledger.frames == u64::from(!is_headers(scene));
            if said == Some(Said::Heartbeat) {
                let early = ledger.now.saturating_duration_since(ledger.beat)
                    < ledger.config.heartbeat_interval;
                hold!(first || !early, "a heartbeat before its time");
                hold!(
                    scene.batch.heartbeats == 0 || first,
                    "two heartbeats at once"
                );
            } else if !matches!(said, Some(Said::Authentication)) {
                hold!(!first, "{said:?} before the first heartbeat");
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn is_headers(scene: &Scene<'_>) -> bool {
    use facilitator_core::client::AuthenticationMethod::Headers;
    scene.ledger.config.authentication == Headers
}

/// 12. Whatever is said or done: no endless work, no silence about what could not be read, and misuse changes nothing.
///
/// # Errors
///
/// How it is broken.
pub fn total(scene: &Scene<'_>) -> Held {
    let batch = scene.batch;
    match scene.moment {
        Moment::Output(output) => {
            hold!(
                batch.only() != Some(&Input::Stale),
                "an old connection leads to {output:?}"
            );
            Ok(())
        }
        Moment::Call(call) => {
            let door = match call.predicted {
                Predicted::Refused(error) => Some(error),
                _ => None,
            };
            let got = call.got.as_ref().err().map(String::as_str);
            hold!(
                door.is_some() == got.is_some() || call.unsure,
                "{} gives {:?}, expected is {:?}",
                call.what,
                call.got,
                call.predicted
            );
            if let (Some(door), Some(got)) = (door, got) {
                hold!(
                    door == got || call.unsure,
                    "{} gives {got}, expected is {door}",
                    call.what
                );
            }
            Ok(())
        }
        Moment::Rest(rest) => {
            odd_frames_are_told(batch, scene)?;
            let (wake, now) = (rest.wake.map(|(at, _)| at), scene.ledger.now);
            let ticked = matches!(batch.inputs.last(), Some(Input::Tick(true)));
            // Zero is a delay, too, but a session that asks for it again and again does not sleep.
            hold!(
                !(ticked && wake.is_some_and(|at| at <= now) && batch.outputs == 0),
                "a tick does nothing, and another one is due at {wake:?}"
            );
            Ok(())
        }
    }
}

fn odd_frames_are_told(batch: &Batch, scene: &Scene<'_>) -> Held {
    let Some(Input::Heard(conn, Cause::Malformed(_))) = batch.only() else {
        return Ok(());
    };
    if scene.ledger.connection() == Some(*conn) || batch.lost {
        hold!(
            batch.oddities == 1,
            "a frame that cannot be read is told of {} times",
            batch.oddities
        );
    }
    hold!(
        batch.lost
            || batch.owed_before
                == scene.ledger.statuses.entries.len() + scene.ledger.specs.entries.len(),
        "a frame that cannot be read settles something"
    );
    Ok(())
}

/// Whether an event tells of a frame that could not be read, or meant nothing.
pub fn is_oddity(event: &Event) -> bool {
    matches!(
        event,
        Event::Malformed(_) | Event::Unexpected(Unexpected::Binary(_))
    )
}
