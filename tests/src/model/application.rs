//! The application of a script: what it gives the session, and what the model says of it beforehand.

use std::fmt;
use std::time::Duration;

use facilitator_core::client::{RestoreError, Restored, SendError, UpdateId};
use facilitator_core::message::{
    HordeFailureDetails, HordeFailureReason, JobFailureDetails, JobFailureReason, JobFailureStage,
    JobParticipant, JobRejectionDetails, JobRejectionReason, JobStatus, JobStatusMetadata, Json,
    JsonMap, MinerResponse, StreamingServerDetails, V0JobStatusUpdate, V0MachineSpecsUpdate,
};

use super::checks::{Call, Input, Moment, Violation};
use super::ledger::{Key, Predicted};
use super::meet;
use super::said::name;
use super::script::{Bad, Step};
use super::world::{Went, World, error_name, result_of};
use crate::solo;

use JobStatus::{
    Accepted, Completed, ExecutionDone, ExecutorReady, Failed, HordeFailed, Received, Rejected,
    StreamingReady, VolumesReady,
};

/// The life of a job, as a worker reports it.
const LIFE: [JobStatus; 6] = [
    Received,
    Accepted,
    ExecutorReady,
    VolumesReady,
    ExecutionDone,
    Completed,
];

/// Takes a step of the application. The session's outputs have been taken.
///
/// # Errors
///
/// The first invariant that it breaks.
pub fn act(world: &mut World, step: Step) -> Went {
    match step {
        Step::Give(slot, status) => {
            let job = world.job(slot);
            give(world, job, status, 0)
        }
        Step::GiveLarge(slot, status, bytes) => {
            let job = world.job(slot);
            give(world, job, status, bytes.into())
        }
        Step::Advance(nth) => match nth_open(world, nth) {
            Some(job) => {
                let given = world.ledger.jobs.get(&job).map(|job| &job.given);
                let next = LIFE
                    .into_iter()
                    .find(|status| !given.is_some_and(|given| given.contains(status)));
                give(world, job, next.unwrap_or(Completed), 0)
            }
            None => Ok(()),
        },
        Step::Finish(nth, status) => match nth_open(world, nth) {
            Some(job) => give(world, job, status, 0),
            None => Ok(()),
        },
        Step::Specs(batch) => specs(world, batch.into(), 0),
        Step::LargeSpecs(batch, bytes) => specs(world, batch.into(), bytes.into()),
        Step::GiveBad(bad) => give_bad(world, bad),
        Step::Adopt(slot, seconds) => {
            let job = world.job(slot);
            adopt(world, job, Duration::from_secs(seconds.into()))
        }
        Step::Restart(early) => restart(world, early),
        _ => Ok(()),
    }
}

fn nth_open(world: &World, nth: u8) -> Option<u32> {
    let open: Vec<u32> = world.ledger.open().collect();
    let index = usize::from(nth).checked_rem(open.len())?;
    open.get(index).copied()
}

/// A status that the door lets through, with as many bytes of output.
fn update(job: u32, status: JobStatus, bytes: usize) -> V0JobStatusUpdate {
    let update = V0JobStatusUpdate::new(name(job), status);
    let metadata = match status {
        Rejected if bytes == 0 => JobStatusMetadata {
            job_rejection_details: Some(Box::new(rejection())),
            ..JobStatusMetadata::default()
        },
        Failed if bytes == 0 => JobStatusMetadata {
            job_failure_details: Some(Box::new(failure())),
            ..JobStatusMetadata::default()
        },
        HordeFailed if bytes == 0 => JobStatusMetadata {
            horde_failure_details: Some(Box::new(horde_failure())),
            ..JobStatusMetadata::default()
        },
        StreamingReady => JobStatusMetadata {
            streaming_details: Some(Box::new(streaming(Some("10.0.0.1")))),
            ..JobStatusMetadata::default()
        },
        Completed => output(bytes),
        _ if bytes > 0 => output(bytes),
        _ => return update,
    };
    update.with_metadata(metadata)
}

fn output(bytes: usize) -> JobStatusMetadata {
    JobStatusMetadata {
        miner_response: Some(Box::new(MinerResponse::new("", "x".repeat(bytes)))),
        ..JobStatusMetadata::default()
    }
}

fn streaming(address: Option<&str>) -> StreamingServerDetails {
    StreamingServerDetails {
        streaming_server_cert: Some("cert".into()),
        streaming_server_address: address.map(Into::into),
        streaming_server_port: Some(4433.into()),
    }
}

fn rejection() -> JobRejectionDetails {
    let reason = JobRejectionReason::NoMinerForJob;
    JobRejectionDetails::new(JobParticipant::Validator, reason, "nobody")
}

fn failure() -> JobFailureDetails {
    JobFailureDetails::new(
        JobFailureReason::Timeout,
        JobFailureStage::Execution,
        "slow",
    )
}

fn horde_failure() -> HordeFailureDetails {
    HordeFailureDetails::new(
        JobParticipant::Validator,
        HordeFailureReason::GenericError,
        "broken",
    )
}

/// Gives a status; the endings with their own calls.
fn give(world: &mut World, job: u32, status: JobStatus, bytes: usize) -> Went {
    let update = update(job, status, bytes);
    let text = update.encode();
    let predicted = world.ledger.predict_status(job, status, text.len(), None);
    let (now, uuid) = (world.tell(Duration::ZERO), name(job));
    let result = world.input(Input::Call, |client| match status {
        Rejected if bytes == 0 => {
            client.reject_job(now, &uuid, JobRejectionReason::NoMinerForJob, "nobody")
        }
        Failed if bytes == 0 => client.fail_job(now, &uuid, failure()),
        HordeFailed if bytes == 0 => client.fail_horde(now, &uuid, horde_failure()),
        _ => client.send_job_status(now, update.clone()),
    })?;
    let key = Key::Status(job, status);
    answered(world, &key, predicted, &result, Some((key, text)))
}

fn specs(world: &mut World, batch: u32, bytes: usize) -> Went {
    let mut parts = solo::specs();
    if bytes > 0 {
        parts.insert("more", json(&format!("\"{}\"", "x".repeat(bytes))));
    }
    let update = V0MachineSpecsUpdate {
        miner_hotkey: "5Miner".into(),
        validator_hotkey: world.client.hotkey().into(),
        specs: parts,
        batch_id: name(batch),
    };
    let text = update.encode();
    let predicted = world.ledger.predict_specs(text.len(), None);
    let result = send_specs(world, &update.batch_id, &update.specs)?;
    let key = Key::Specs(batch);
    answered(world, &key, predicted, &result, Some((key, text)))
}

fn send_specs(
    world: &mut World,
    batch_id: &str,
    specs: &JsonMap,
) -> Result<Result<UpdateId, SendError>, Violation> {
    let now = world.tell(Duration::ZERO);
    world.input(Input::Call, |client| {
        client.send_machine_specs(now, "5Miner", batch_id, specs.clone())
    })
}

/// What must be refused at the door, whoever sends it when.
fn give_bad(world: &mut World, bad: Bad) -> Went {
    let job = world.job(0);
    let plain = |status| V0JobStatusUpdate::new(name(job), status);
    let (update, error) = match bad {
        Bad::Uuid => (V0JobStatusUpdate::new("nobody", Accepted), "InvalidUuid"),
        Bad::Sent => (plain(JobStatus::Sent), "ReservedStatus"),
        Bad::Unknown => (plain(JobStatus::Unknown), "ReservedStatus"),
        Bad::BareCompleted => (plain(Completed), "MissingMetadata"),
        Bad::BareStreaming => {
            let metadata = JobStatusMetadata {
                streaming_details: Some(Box::new(streaming(None))),
                ..JobStatusMetadata::default()
            };
            (
                plain(StreamingReady).with_metadata(metadata),
                "IncompleteStreamingDetails",
            )
        }
        Bad::Nul => {
            let metadata = JobStatusMetadata {
                miner_response: Some(Box::new(MinerResponse::new("", "a\0b"))),
                ..JobStatusMetadata::default()
            };
            (plain(Accepted).with_metadata(metadata), "NulCharacter")
        }
        Bad::BatchId => {
            let predicted = world.ledger.predict_specs(0, Some("InvalidBatchId"));
            let result = send_specs(world, "nobody", &solo::specs())?;
            return answered(world, &bad, predicted, &result, None);
        }
        Bad::Specs => {
            let predicted = world.ledger.predict_specs(0, Some("UnreadableSpecs"));
            let result = send_specs(world, &name(1), &JsonMap::new())?;
            return answered(world, &bad, predicted, &result, None);
        }
    };
    let predicted = world
        .ledger
        .predict_status(job, update.status, 0, Some(error));
    let now = world.tell(Duration::ZERO);
    let result = world.input(Input::Call, |client| {
        client.send_job_status(now, update.clone())
    })?;
    answered(world, &bad, predicted, &result, None)
}

/// Takes up a job of another process.
fn adopt(world: &mut World, job: u32, time_left: Duration) -> Went {
    let predicted = world.ledger.predict_adoption(job);
    let (now, uuid) = (world.tell(Duration::ZERO), name(job));
    let result = world.input(Input::Call, |client| {
        client.adopt_job(now, &uuid, time_left)
    })?;
    let call = Call {
        what: format!("adopting job {job}"),
        predicted,
        unsure: false,
        got: result.map(|()| 0).map_err(|error| error_name(&error)),
    };
    world.ask(Moment::Call(&call))?;
    if call.got.is_ok() {
        world.ledger.adopt(job, time_left);
        world.coverage.note("jobs adopted");
    }
    world.flush()
}

/// The process ends, and another one goes on with what it owed.
fn restart(world: &mut World, early: bool) -> Went {
    let broken = |what: String| Violation {
        invariant: "nothing accepted is lost",
        what,
    };
    let running = world.client.is_running();
    let now = world.tell(Duration::ZERO);
    let before = world.client.snapshot(now);
    let lanes = [&world.ledger.statuses, &world.ledger.specs];
    let owed = lanes.iter().flat_map(|lane| &lane.entries);
    let owed: Vec<(Key, Option<String>)> =
        owed.map(|entry| (entry.key, entry.text.clone())).collect();
    if running {
        let refused = world.input(Input::Call, |client| client.restore(now, &before))?;
        if refused != Err(RestoreError::Running) {
            return Err(broken(format!("restoring while running gives {refused:?}")));
        }
        world.take(Step::Abort)?;
    }
    let snapshot = if early {
        before
    } else {
        world.client.snapshot(now)
    };
    // Nothing was handed back to a session that had ended before: it owes what it handed back then.
    let expected = if running { Some(owed) } else { None };
    world.ledger.restart();
    world.renew();
    let kept = serde_json::to_string(&snapshot).map_err(|error| broken(error.to_string()))?;
    let snapshot = serde_json::from_str(&kept).map_err(|error| broken(error.to_string()))?;
    let restored = world
        .input(Input::Call, |client| client.restore(now, &snapshot))?
        .map_err(|error| broken(format!("it cannot be restored: {error}")))?;
    let keys = |restored: &[Restored]| -> Option<Vec<Key>> {
        restored.iter().map(|one| Key::of(&one.subject)).collect()
    };
    let found = keys(&restored);
    if let Some(expected) = &expected {
        let keys: Vec<Key> = expected.iter().map(|(key, _)| *key).collect();
        if found.as_ref() != Some(&keys) {
            return Err(broken(format!(
                "owed were {keys:?}, restored are {found:?}"
            )));
        }
    }
    for (index, key) in found.unwrap_or_default().into_iter().enumerate() {
        let text = expected.as_ref().and_then(|owed| owed.get(index));
        let text = text.and_then(|(_, text)| text.clone());
        let id = restored.get(index).map(|one| one.id.as_u64());
        world.ledger.put_in(id, key, text);
    }
    world.coverage.note("restarts");
    world.coverage.add(
        "messages put into a new session",
        u64::try_from(restored.len()).unwrap_or(0),
    );
    world.flush()?;
    world.take(Step::Start)
}

/// Has the answer checked, and the model take note of it.
fn answered(
    world: &mut World,
    what: &impl fmt::Debug,
    predicted: Predicted,
    result: &Result<UpdateId, SendError>,
    accepted: Option<(Key, String)>,
) -> Went {
    let call = Call {
        what: format!("giving {what:?}"),
        predicted,
        unsure: world.ledger.bytes().1
            && [predicted_name(predicted), result_name(result)].contains(&"FullBytes"),
        got: result_of(result),
    };
    world.ask(Moment::Call(&call))?;
    if let (Ok(id), Some((key, text))) = (&call.got, accepted) {
        let terminal = matches!(key, Key::Status(_, status) if status.is_terminal());
        meet::call(&mut world.coverage, &world.ledger, &call, terminal);
        let how = match predicted {
            // The model was not sure of the bytes.
            Predicted::Refused(_) => Predicted::Queued,
            how => how,
        };
        world.ledger.accept(*id, key, how, text);
    } else {
        meet::call(&mut world.coverage, &world.ledger, &call, false);
    }
    world.flush()
}

fn predicted_name(predicted: Predicted) -> &'static str {
    match predicted {
        Predicted::Refused(error) => error,
        _ => "",
    }
}

fn result_name(result: &Result<UpdateId, SendError>) -> &'static str {
    match result {
        Err(SendError::FullBytes { .. }) => "FullBytes",
        _ => "",
    }
}

fn json(text: &str) -> Json {
    Json::parse(text).unwrap_or_else(|error| panic!("{error}"))
}
