//! How a script ends: the faults stop, time goes on, and what was promised for that has to come true.

use std::time::Duration;

use facilitator_core::client::{
    Config, Disconnected, Event, FacilitatorClient, Output, Owed, TrustPolicy,
};
use facilitator_core::message::{JobStatus, ValidatorMessage};
use facilitator_core::{Frame, Timestamp};

use super::checks::Violation;
use super::ledger::Link;
use super::peer::{Manners, Verdict};
use super::said::Said;
use super::script::Step;
use super::world::{Went, World};
use crate::solo;

/// Everything that has to come true at a script's end.
///
/// # Errors
///
/// The first promise that does not.
pub fn end(mut world: World) -> Result<World, Violation> {
    world.flush()?;
    reconnected_equals_fresh(&world)?;
    stops_by_its_deadline(world.clone())?;
    aborts_at_once(world.clone())?;
    delivers_all(&mut world)?;
    Ok(world)
}

fn broken(invariant: &'static str, what: String) -> Violation {
    Violation { invariant, what }
}

/// From any state, with a network that is dead from now on.
fn stops_by_its_deadline(mut world: World) -> Went {
    if world.ledger.link == Link::Down {
        return Ok(());
    }
    if world.ledger.draining.is_none() {
        world.take(Step::Stop)?;
    }
    world.pass(world.ledger.config.drain_timeout, false)?;
    if world.client.is_running() {
        let what = format!(
            "stopped, and still {} after its deadline",
            world.client.phase()
        );
        return Err(broken("stops", what));
    }
    // And it can start again.
    world.take(Step::Start)?;
    world.take(Step::Abort)
}

fn aborts_at_once(mut world: World) -> Went {
    if world.ledger.link == Link::Down {
        return Ok(());
    }
    world.take(Step::Abort)?;
    if world.client.is_running() {
        return Err(broken("stops", "aborted, and still running".into()));
    }
    Ok(())
}

/// The longest that anything may take once the faults have stopped: one connection that is lost all the same, by what
/// is on its way already, and one that is good.
fn bound(config: &Config) -> Duration {
    let wait = config
        .retry_after_max
        .max(config.refused_delay + config.refused_delay / 5)
        + config.backoff_max;
    let connection = config.connect_timeout
        + config.authentication_timeout
        + config.acknowledgement_timeout
        + config.ping_interval
        + config.pong_timeout
        + config.close_timeout;
    (wait + connection) * 2
}

/// The faults stop: what is owed is delivered, every job comes to its end, and a stop leaves nothing behind.
fn delivers_all(world: &mut World) -> Went {
    // What is owed and was not understood once is still not understood.
    world.manners = Manners {
        refused: std::mem::take(&mut world.manners.refused),
        ..Manners::default()
    };
    world.resume();
    world.take(Step::Trust(true))?;
    if world.ledger.link == Link::Down {
        return Ok(());
    }
    let end = world.now + bound(&world.ledger.config);
    while world.client.owed() > 0 && world.client.is_running() {
        if world.now >= end {
            let what = format!(
                "the faults have stopped, and {} messages are still owed: {:?}",
                world.client.owed(),
                world.ledger.statuses.entries.first()
            );
            return Err(broken("liveness", what));
        }
        live_until_the_next_wake(world)?;
    }
    if !world.client.is_running() || world.ledger.draining.is_some() {
        return live_to_the_end_of_the_stop(world);
    }
    world.manners.refused.clear();
    finish_open_jobs(world, end)?;
    world.take(Step::Stop)?;
    live_to_the_end_of_the_stop(world)
}

fn live_until_the_next_wake(world: &mut World) -> Went {
    world.take(Step::Flow)?;
    if world.client.owed() > 0
        && let Some((wake, _)) = world.client.poll_timeout()
    {
        world.pass(wake.saturating_duration_since(world.now), true)?;
    }
    Ok(())
}

fn live_to_the_end_of_the_stop(world: &mut World) -> Went {
    world.pass(world.ledger.config.drain_timeout, true)?;
    if world.client.is_running() {
        let what = format!("stopped, and still {}", world.client.phase());
        return Err(broken("stops", what));
    }
    Ok(())
}

/// There is a slot for the end of every job, whatever else is owed.
fn finish_open_jobs(world: &mut World, end: Timestamp) -> Went {
    let jobs: Vec<u32> = world.ledger.open().collect();
    for job in &jobs {
        world.take(Step::Finish(0, JobStatus::HordeFailed))?;
        let ended = world.ledger.jobs.get(job).and_then(|job| job.terminal);
        if ended.is_none() {
            let what = format!("job {job} cannot be ended");
            return Err(broken("every job ends once", what));
        }
    }
    while world.client.owed() > 0 && world.now < end {
        live_until_the_next_wake(world)?;
    }
    for (number, job) in &world.ledger.jobs {
        let stored = world.record.stored.get(number);
        let has_end = stored.is_some_and(|stored| stored.iter().any(|status| status.is_terminal()));
        // A job that the facilitator does not know is not ended by anything.
        if !job.lost && job.terminal.is_some() && !has_end {
            let what = format!(
                "job {number} has ended as {:?}, and nobody heard of it",
                job.terminal
            );
            return Err(broken("every job ends once", what));
        }
    }
    let whole = world.record.stored.values().filter(|stored| {
        stored.first() == Some(&JobStatus::Received) && stored.last() == Some(&JobStatus::Completed)
    });
    world.coverage.add(
        "jobs with a whole life",
        u64::try_from(whole.count()).unwrap_or_default(),
    );
    Ok(())
}

/// A session that has reconnected says what a fresh one says that is given the same messages.
fn reconnected_equals_fresh(world: &World) -> Went {
    // One that is about to end, or has given up on its key, makes no attempt any more.
    let ledger = &world.ledger;
    if ledger.link == Link::Down || ledger.draining.is_some() || ledger.gives_up {
        return Ok(());
    }
    let mut old = world.client.clone();
    let mut now = world.now;
    if let Some(wire) = &world.network.wire {
        // A close whose code blames nobody: it makes no suspect, and sets nothing aside.
        let close = facilitator_core::CloseFrame::new(1012);
        old.handle_disconnected(now, wire.conn, Disconnected::Closed(Some(close)));
    }
    let mut attempt = world.network.attempt;
    for _ in 0..100 {
        while let Some(output) = old.poll_output() {
            if let Output::Connect(conn, _) = output {
                attempt = Some(conn);
            }
        }
        match (attempt, old.poll_timeout()) {
            (None, Some((wake, _))) => {
                now = now.max(wake);
                old.handle_timeout(now);
            }
            _ => break,
        }
    }
    let Some(attempt) = attempt else {
        return Err(broken(
            "liveness",
            "no attempt is made after a break".into(),
        ));
    };
    // Not before: time has passed, and with it may have come the end of a job.
    let owed = owed_by(&old, now);
    let again = converse(&mut old, now, attempt)?;
    let mut fresh = fresh_with(world, &owed)?;
    let first = converse(
        &mut fresh,
        Timestamp::ZERO,
        facilitator_core::ConnectionId(1),
    )?;
    let lanes = [&world.ledger.statuses, &world.ledger.specs];
    let suspects = lanes
        .iter()
        .any(|lane| lane.entries.iter().any(|entry| entry.doubts > 0));
    let same = if suspects {
        // They travel alone, so only the order within each lane is the same.
        let lane = |texts: &[String], kind: &str| -> Vec<String> {
            let of =
                |text: &&String| Said::read(text).is_some_and(|said| said.message_type() == kind);
            texts.iter().filter(of).cloned().collect()
        };
        ["V0JobStatusUpdate", "V0MachineSpecsUpdate"]
            .iter()
            .all(|kind| lane(&again, kind) == lane(&first, kind))
    } else {
        again == first
    };
    if same {
        Ok(())
    } else {
        let what = format!("reconnected it says {again:#?}, a fresh one says {first:#?}");
        Err(broken("a reconnected session equals a fresh one", what))
    }
}

/// What a session owes, as its end would hand it back.
fn owed_by(client: &FacilitatorClient, now: Timestamp) -> Vec<Owed> {
    let mut client = client.clone();
    if client.abort(now).is_err() {
        return Vec::new();
    }
    let mut left = Vec::new();
    while let Some(output) = client.poll_output() {
        if let Output::Event(Event::Stopped { owed }) = output {
            left = owed;
        }
    }
    left
}

/// A session of the same configuration, without bounds in the way, that owes the same.
fn fresh_with(world: &World, owed: &[Owed]) -> Result<FacilitatorClient, Violation> {
    let config = Config {
        outbox_entries: 10_000,
        specs_entries: 10_000,
        outbox_bytes: 1 << 30,
        open_jobs: 10_000,
        trust: TrustPolicy::unverified(),
        ..world.ledger.config.clone()
    };
    let refused = |error: &dyn std::fmt::Display| {
        let what = format!("what is owed is not taken by a fresh session: {error}");
        broken("a reconnected session equals a fresh one", what)
    };
    let mut fresh =
        FacilitatorClient::new(config, &solo::keypair(), 1).map_err(|error| refused(&error))?;
    let now = Timestamp::ZERO;
    fresh.start(now).map_err(|error| refused(&error))?;
    for owed in owed {
        let sent = match owed.decode().map_err(|error| refused(&error))? {
            ValidatorMessage::JobStatus(update) => fresh.send_job_status(now, update),
            ValidatorMessage::MachineSpecs(specs) => {
                fresh.send_machine_specs(now, &specs.miner_hotkey, &specs.batch_id, specs.specs)
            }
            _ => continue,
        };
        sent.map_err(|error| refused(&error))?;
    }
    Ok(fresh)
}

/// All texts that a session writes on a connection where everything goes well.
fn converse(
    client: &mut FacilitatorClient,
    now: Timestamp,
    conn: facilitator_core::ConnectionId,
) -> Result<Vec<String>, Violation> {
    let mut texts = Vec::new();
    let mut answers = std::collections::VecDeque::new();
    client.handle_connected(now, conn);
    for _ in 0..20_000 {
        while let Some(output) = client.poll_output() {
            match output {
                Output::Transmit(_, Frame::Ping(payload)) => {
                    answers.push_back(Frame::Pong(payload));
                }
                Output::Transmit(_, Frame::Text(text)) => {
                    let answered = matches!(
                        Said::read(&text),
                        Some(Said::Authentication | Said::Status(..))
                    );
                    if answered {
                        answers.push_back(Frame::text(solo::SUCCESS));
                    }
                    texts.push(text.to_string());
                }
                _ => {}
            }
        }
        let Some(answer) = answers.pop_front() else {
            return Ok(texts);
        };
        client.handle_frame(now, conn, answer);
    }
    let what = format!("a conversation without an end: {:?}", Verdict::Success);
    Err(broken("total", what))
}
