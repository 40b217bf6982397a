//! `V0JobCheated`: the facilitator's report that a miner cheated.

use alloc::string::String;

use super::json::{Encode, Sink, Value, Writer};
use super::reader::{Read, Reader};
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

/// The `message_type`.
pub(super) const TAG: &str = "V0JobCheated";

impl V0JobCheated {
    pub(super) fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let (
            [
                signature,
                kind,
                message_type,
                job_uuid,
                trusted_job_uuid,
                details,
            ],
            rest,
        ) = r.model(
            value,
            &[
                "signature",
                "type",
                "message_type",
                "job_uuid",
                "trusted_job_uuid",
                "details",
            ],
        )?;
        let signature = r.optional(signature, SignatureInfo::read);
        let kind = r.constant(kind, "job.cheated", "'job.cheated'");
        let message_type = r.constant(message_type, TAG, "'V0JobCheated'");
        let job_uuid = r.required(job_uuid, Reader::string);
        let trusted_job_uuid = r.required(trusted_job_uuid, Reader::string);
        // A sender that leaves nulls out leaves this one out, too; the reference's own model does not take that.
        let details = if r.is_strict() {
            r.required(details, |_, value| Ok(Reader::json(value)))
        } else {
            r.or(details, Json::null(), |_, value| Ok(Reader::json(value)))
        };
        r.forbid(&rest);
        kind.and(message_type)?;
        Ok(Self {
            signature: signature?,
            job_uuid: job_uuid?,
            trusted_job_uuid: trusted_job_uuid?,
            details: details?,
        })
    }
}

impl Encode for V0JobCheated {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| {
            w.field("signature", &self.signature);
            w.field("type", "job.cheated");
            w.field("message_type", TAG);
            w.field("job_uuid", &self.job_uuid);
            w.field("trusted_job_uuid", &self.trusted_job_uuid);
            w.field("details", &self.details);
        });
    }
}
