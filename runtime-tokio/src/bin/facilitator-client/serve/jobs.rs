//! A file of job requests, onto the facilitator's record.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use facilitator_tokio::Keypair;
use facilitator_tokio::core::Timestamp;
use facilitator_tokio::core::facilitator::Facilitator;
use facilitator_tokio::core::message::{DecodeMode, V2JobRequest};
use facilitator_tokio::core::signature::sign_job_request;
use tracing::warn;
use uuid::Uuid;

use crate::failure::Failure;

/// Pushes every request of the file; those without a signature are signed if there is a key to do it with.
pub(super) fn push_all(
    path: &Path,
    signer: Option<&Keypair>,
    facilitator: &mut Facilitator,
) -> Result<(), Failure> {
    let file = fs::read(path).map_err(|error| {
        Failure::usage(format!(
            "the jobs file {} cannot be read: {error}; accepted is a file with a job request as JSON on each line",
            path.display()
        ))
    })?;
    let mut uuids = Uuids::default();
    let mut unsigned = 0_usize;
    for (line, bytes) in (1_usize..).zip(file.split(|byte| *byte == b'\n')) {
        let wrong = |error: &dyn std::fmt::Display| {
            Failure::usage(format!(
                "the jobs file {}, line {line}: {error}",
                path.display()
            ))
        };
        let text = str::from_utf8(bytes).map_err(|error| wrong(&error))?.trim();
        if text.is_empty() {
            continue;
        }
        let decoded =
            V2JobRequest::decode(text, DecodeMode::Strict).map_err(|error| wrong(&error))?;
        let mut request = decoded.message;
        match signer {
            Some(signer) if request.signature.is_none() => sign(&mut request, signer),
            _ => unsigned += usize::from(request.signature.is_none()),
        }
        if let Some(uuid) = uuids.replacement(&request.uuid, facilitator) {
            warn!(line, from = ?request.uuid, to = %uuid, "the uuid occurs again, the job gets another one");
            request.uuid = uuid.to_string();
        }
        facilitator
            .push_job(Timestamp::ZERO, request)
            .map_err(|error| wrong(&error))?;
    }
    if unsigned > 0 {
        warn!(
            unsigned,
            "jobs are pushed without a signature; --sign-with signs them"
        );
    }
    Ok(())
}

fn sign(request: &mut V2JobRequest, signer: &Keypair) {
    let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let timestamp_ns = u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX);
    sign_job_request(request, signer, timestamp_ns);
}

/// Uuids for those that occur more than once. The same file gives the same ones, so that a validator that was here
/// before a restart finds its jobs again.
#[derive(Default)]
struct Uuids {
    /// How many were given away behind each.
    given: BTreeMap<Uuid, u128>,
}

impl Uuids {
    /// The uuid to use instead; `None` when this one is free, or is none at all.
    fn replacement(&mut self, uuid: &str, facilitator: &Facilitator) -> Option<Uuid> {
        facilitator.job(uuid)?;
        let uuid = Uuid::parse_str(uuid).ok()?;
        let given = self.given.entry(uuid).or_default();
        loop {
            *given += 1;
            let next = Uuid::from_u128(uuid.as_u128().wrapping_add(*given));
            if facilitator.job(&next.to_string()).is_none() {
                return Some(next);
            }
        }
    }
}
