//! `V0JobCheated`: the facilitator's report that a miner cheated.

use alloc::string::String;

use super::{Json, SignatureInfo};

/// A miner's result differs from a trusted one's: the reference's `V0JobCheated`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V0JobCheated {
    /// Who says so.
    pub signature: Option<SignatureInfo>,
    /// The job that was cheated on.
    pub job_uuid: String,
    /// The job that the trusted miner ran.
    pub trusted_job_uuid: String,
    /// Anything; part of what is signed.
    pub details: Json,
}
