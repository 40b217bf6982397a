//! The last word on a job whose process gave none.

use facilitator_tokio::core::message::{
    HordeFailureDetails, HordeFailureReason, JobFailureDetails, JobFailureReason, JobFailureStage,
    JobParticipant, JobStatus, Json, JsonMap, V0JobStatusUpdate,
};

use super::group::Exit;
use super::talk::Talk;

/// Why a process had to end, or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// By itself.
    Exited,
    /// It could not be started.
    NotStarted,
    /// The time of its job was over, in this stage.
    TooLate(JobFailureStage),
    /// The program stops.
    Stopping,
    /// It gave the last word itself, or somebody else did.
    Settled,
}

/// The status that ends the job; `None` when it has one.
pub(super) fn last_word(
    job: &str,
    cause: Cause,
    exit: &Exit,
    talk: &Talk,
) -> Option<V0JobStatusUpdate> {
    let exit_text = exit.as_str();
    let horde = |reason, message: String| {
        let participant = JobParticipant::Validator;
        let mut details = HordeFailureDetails::new(participant, reason, message);
        details.context = Some(context(exit_text, talk));
        V0JobStatusUpdate::new(job, JobStatus::HordeFailed).with_metadata(details)
    };
    let update = match cause {
        Cause::Settled => return None,
        Cause::Exited => {
            let reason = if exit.is_success {
                HordeFailureReason::GenericError
            } else {
                HordeFailureReason::UnhandledException
            };
            let message = format!("the worker ended without a terminal status ({exit_text})");
            horde(reason, message + &in_words(talk))
        }
        Cause::NotStarted => horde(
            HordeFailureReason::ExecutorSpinupFailed,
            format!("the worker could not be started: {exit_text}"),
        ),
        Cause::Stopping => horde(
            HordeFailureReason::GenericError,
            "the validator stopped before the job had ended".to_owned(),
        ),
        Cause::TooLate(JobFailureStage::Unknown) => horde(
            HordeFailureReason::UnhandledTimeout,
            "the worker did not end in the time of the job's limits, and did not say how far it came".to_owned(),
        ),
        Cause::TooLate(stage) => {
            let message = format!("the time for the stage `{stage}` and those before it is over");
            let reason = JobFailureReason::Timeout;
            let mut details = JobFailureDetails::new(reason, stage, message);
            details.context = Some(context(exit_text, talk));
            V0JobStatusUpdate::new(job, JobStatus::Failed).with_metadata(details)
        }
    };
    Some(update)
}

fn in_words(talk: &Talk) -> String {
    match (talk.faults.count, &talk.faults.first) {
        (0, _) | (_, None) => String::new(),
        (count, Some(first)) => {
            // What the process wrote can stand in it, so it can hold anything.
            let first = first.replace('\0', "\u{fffd}");
            format!("; lines of its stdout that are no status: {count}, the first: {first}")
        }
    }
}

fn context(exit: &str, talk: &Talk) -> JsonMap {
    [("exit", exit), ("stderr", talk.stderr.as_str())]
        .into_iter()
        .map(|(key, text)| (key, Json::from(text)))
        .collect()
}
