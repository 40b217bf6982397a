//! What goes along with a status, read more strictly than the facilitator reads it.

use std::str::FromStr;

use facilitator_tokio::core::message::{
    DecodeError, DecodeMode, HordeFailureReason, JobFailureReason, JobFailureStage, JobParticipant,
    JobRejectionReason, JobStatusMetadata, Json, UnknownName,
};

use super::Wrong;

/// Reads metadata as strictly as the facilitator does, and more: a name that it would take for `unknown` is a mistake
/// when it was written here.
pub(super) fn metadata_of(text: &str) -> Result<JobStatusMetadata, Wrong> {
    let metadata = JobStatusMetadata::decode(text, DecodeMode::Strict)
        .map_err(|error| Wrong::in_field(place_of(&error), format!("`metadata`: {error}")))?
        .message;
    let has_names = metadata.job_rejection_details.is_some()
        || metadata.job_failure_details.is_some()
        || metadata.horde_failure_details.is_some();
    if has_names {
        check_names(text)?;
    }
    Ok(metadata)
}

/// The first wrong place in the metadata.
fn place_of(error: &DecodeError) -> String {
    let mut place = String::from("metadata");
    for segment in error.issues().iter().take(1).flat_map(|issue| &issue.loc) {
        place.push('.');
        place.push_str(&segment.to_string());
    }
    place
}

/// That every name in the details is one.
fn check_names(metadata: &str) -> Result<(), Wrong> {
    let found = Json::parse(metadata).ok().and_then(|json| json.to_map());
    let name_in = |details: &str, field: &str| {
        let details = found.as_ref()?.get(details)?.to_map()?;
        details.get(field)?.to_text()
    };
    let check = |details: &str, field: &str, verdict: fn(&str) -> Result<(), String>| {
        let name = name_in(details, field);
        name.map_or(Ok(()), |name| verdict(&name)).map_err(|error| {
            Wrong::in_field(
                format!("metadata.{details}.{field}"),
                format!("`metadata`: {details}.{field}: {error}"),
            )
        })
    };
    check(
        "job_rejection_details",
        "rejected_by",
        is_name::<JobParticipant>,
    )?;
    check(
        "job_rejection_details",
        "reason",
        is_name::<JobRejectionReason>,
    )?;
    check("job_failure_details", "reason", is_name::<JobFailureReason>)?;
    check("job_failure_details", "stage", is_name::<JobFailureStage>)?;
    check(
        "horde_failure_details",
        "reported_by",
        is_name::<JobParticipant>,
    )?;
    check(
        "horde_failure_details",
        "reason",
        is_name::<HordeFailureReason>,
    )?;
    Ok(())
}

fn is_name<T: FromStr<Err = UnknownName>>(name: &str) -> Result<(), String> {
    name_of::<T>(name).map(drop)
}

pub(super) fn name_of<T: FromStr<Err = UnknownName>>(name: &str) -> Result<T, String> {
    name.parse()
        .map_err(|error: UnknownName| error.to_string().trim_end().to_owned())
}
