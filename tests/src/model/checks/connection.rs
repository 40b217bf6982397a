//! The connection: what is heard on it finds its message, and a dead one is replaced.

use std::time::Duration;

use facilitator_core::Timestamp;
use facilitator_core::client::{Event, Outcome, Output, Phase, Receipt};

use super::super::ledger::{Entry, Key, Ledger, Link};
use super::super::peer::{Cause, Verdict};
use super::{Batch, Held, Input, Moment, Rest, Scene, hold};

/// What large messages may add to a deadline: they are given the time that they take on a slow line.
const ON_THE_WAY: Duration = Duration::from_secs(5);

/// 4. A receipt follows from the answer to the very frame that it is about, and says what the answer says. An answer is
///    never passed over: either its message has its receipt, or the connection is given up.
///
/// # Errors
///
/// How it is broken.
pub fn responses_are_matched(scene: &Scene<'_>) -> Held {
    let (ledger, batch) = (scene.ledger, scene.batch);
    match scene.moment {
        Moment::Output(Output::Event(Event::Receipt(receipt))) => {
            let Some((lane, place)) = ledger.find(receipt) else {
                return Ok(());
            };
            let Some(entry) = lane.entries.get(place) else {
                return Ok(());
            };
            let explained = match receipt.outcome {
                Outcome::SetAside(_) | Outcome::HandedBack(_) => true,
                _ => batch.heard().any(|cause| explains(cause, entry, receipt)),
            };
            hold!(
                explained,
                "{receipt:?} does not follow from what was heard: {:?}; {entry:?}",
                batch.inputs
            );
            Ok(())
        }
        Moment::Rest(_) => {
            let Some(Input::Heard(_, Cause::Answer(index, _))) = batch.only() else {
                return Ok(());
            };
            let forgotten = ledger
                .sent_as(*index)
                .filter(|_| batch.ready_before && ledger.is_ready());
            hold!(
                forgotten.is_none(),
                "the answer to {forgotten:?} is passed over"
            );
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether hearing this is a reason for this receipt of this message.
fn explains(cause: Cause, entry: &Entry, receipt: &Receipt) -> bool {
    let Some(sent) = entry.sent else { return false };
    let is_status = matches!(entry.key, Key::Status(..));
    match (cause, &receipt.outcome) {
        (Cause::Answer(index, verdict), Outcome::Acknowledged) if is_status => {
            index == sent && verdict == Verdict::Success
        }
        (Cause::Answer(index, verdict), Outcome::AlreadyKnown) if is_status => {
            index == sent && verdict == Verdict::Known
        }
        (Cause::Answer(index, verdict), Outcome::Refused(_)) => {
            let refused = [Verdict::NotFound, Verdict::Named, Verdict::Nameless];
            index == sent && refused.contains(&verdict)
        }
        // Specs: what was sent after them was read.
        (Cause::Answer(index, _) | Cause::Pong(index), Outcome::Acknowledged) => index > sent,
        _ => false,
    }
}

/// 8. One connection at a time, authenticated before anything else is said; each of its stages has a deadline, silence
///    is noticed, and a refused authentication ends it.
///
/// # Errors
///
/// How it is broken.
pub fn alive_or_replaced(scene: &Scene<'_>) -> Held {
    let ledger = scene.ledger;
    match scene.moment {
        Moment::Output(Output::Connect(conn, _)) => {
            hold!(
                conn.0 > ledger.last_connection,
                "connection {conn} after {}",
                ledger.last_connection
            );
            hold!(
                !matches!(
                    ledger.link,
                    Link::Connecting(..) | Link::Ready(..) | Link::Authenticating(..)
                ),
                "a second connection beside {:?}",
                ledger.link
            );
            Ok(())
        }
        Moment::Output(Output::Transmit(conn, _)) => {
            let current = match ledger.link {
                Link::Connecting(current, _)
                | Link::Authenticating(current, _)
                | Link::Ready(current, _) => Some(current),
                _ => None,
            };
            hold!(
                current == Some(*conn),
                "a frame for {conn}, the link is {:?}",
                ledger.link
            );
            Ok(())
        }
        Moment::Rest(rest) => {
            hold!(
                scene.record.offence.is_none(),
                "the facilitator is offended: {:?}",
                scene.record.offence
            );
            failed_authentication_ends(scene.batch, ledger)?;
            deadlines_are_kept(scene.batch, ledger, rest)
        }
        _ => Ok(()),
    }
}

fn failed_authentication_ends(batch: &Batch, ledger: &Ledger) -> Held {
    let refused = Input::Heard;
    let heard = batch.inputs.iter().any(|input| {
        ledger
            .connection()
            .is_some_and(|conn| *input == refused(conn, Cause::Answer(0, Verdict::Authentication)))
    });
    let ended = matches!(
        ledger.link,
        Link::Closing(..) | Link::Waiting(_) | Link::Down
    );
    hold!(
        !heard || ended,
        "the authentication was refused, and the link is {:?}",
        ledger.link
    );
    Ok(())
}

/// The session asks to be woken in time for every deadline, and a tick that comes after one finds it kept.
fn deadlines_are_kept(batch: &Batch, ledger: &Ledger, rest: &Rest) -> Held {
    let config = &ledger.config;
    let mut deadlines: Vec<(&str, Timestamp)> = Vec::new();
    let phase = match ledger.link {
        Link::Down => Phase::Idle,
        Link::Waiting(until) => {
            deadlines.extend(until.map(|until| ("the next attempt", until)));
            Phase::Waiting
        }
        Link::Connecting(_, since) => {
            deadlines.push(("connecting", since + config.connect_timeout));
            Phase::Connecting
        }
        Link::Authenticating(_, since) => {
            deadlines.push(("authenticating", since + config.authentication_timeout));
            Phase::Authenticating
        }
        Link::Closing(_, since) => {
            deadlines.push(("closing", since + config.close_timeout));
            Phase::Closing
        }
        Link::Ready(..) => {
            deadlines.push(("a heartbeat", ledger.beat + config.heartbeat_interval));
            let silence = config.ping_interval + config.pong_timeout + ON_THE_WAY;
            deadlines.push(("silence", ledger.heard + silence));
            if let Some(since) = ledger.waiting_since {
                let answer = since + config.acknowledgement_timeout + ON_THE_WAY;
                deadlines.push(("an answer", answer));
            }
            Phase::Ready
        }
    };
    if ledger.link != Link::Down {
        deadlines.extend(ledger.next_deadline().map(|at| ("the end of a job", at)));
    }
    deadlines.extend(ledger.draining.map(|drain| ("the end of a stop", drain)));
    let phase = if ledger.draining.is_some() && phase != Phase::Closing {
        Phase::Draining
    } else {
        phase
    };
    hold!(
        rest.phase == phase,
        "the phase is {}, it should be {phase}: {:?}",
        rest.phase,
        ledger.link
    );
    hold!(
        rest.health == ledger.health(),
        "its health is {}, it should be {}",
        rest.health,
        ledger.health()
    );
    let ticked = matches!(batch.inputs.last(), Some(Input::Tick(true)));
    for (what, deadline) in deadlines {
        hold!(
            rest.wake.is_some_and(|(wake, _)| wake <= deadline),
            "{what} is due at {deadline}, the session wants to sleep until {:?}",
            rest.wake
        );
        // Ticks of one moment may be several: what a tick arms may be due at once.
        hold!(
            !ticked
                || deadline > ledger.now
                || rest.wake.is_some_and(|(wake, _)| wake <= ledger.now),
            "{what} was due at {deadline}, and nothing came of the tick"
        );
    }
    Ok(())
}
