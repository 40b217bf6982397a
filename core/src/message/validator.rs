//! What a validator says, and how it is told apart.

use super::json::{Encode, Sink, Value, Writer};
use super::reader::{Read, Reader};
use super::{
    V0AuthenticationRequest, V0Heartbeat, V0JobStatusUpdate, V0MachineSpecsUpdate, authentication,
    specs, status,
};

/// What a validator sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValidatorMessage {
    /// The first frame of a connection.
    Authentication(V0AuthenticationRequest),
    /// The sign of life.
    Heartbeat,
    /// A job's new status.
    JobStatus(V0JobStatusUpdate),
    /// A machine's specification.
    MachineSpecs(V0MachineSpecsUpdate),
}

impl ValidatorMessage {
    const TYPES: &str =
        "'V0AuthenticationRequest', 'V0JobStatusUpdate', 'V0MachineSpecsUpdate', 'V0Heartbeat'";

    pub(super) fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let tag = r.tag(value, "message_type", Self::TYPES)?;
        match &*tag {
            authentication::TAG => r
                .within(authentication::TAG, value, V0AuthenticationRequest::read)
                .map(Self::Authentication),
            authentication::HEARTBEAT_TAG => r
                .within(authentication::HEARTBEAT_TAG, value, V0Heartbeat::read)
                .map(|_| Self::Heartbeat),
            status::TAG => r
                .within(status::TAG, value, V0JobStatusUpdate::read)
                .map(Self::JobStatus),
            specs::TAG => r
                .within(specs::TAG, value, V0MachineSpecsUpdate::read)
                .map(Self::MachineSpecs),
            _ => Err(r.unknown_tag(value, "message_type", &tag, Self::TYPES)),
        }
    }

    /// The `message_type`.
    pub const fn message_type(&self) -> &'static str {
        match self {
            Self::Authentication(_) => authentication::TAG,
            Self::Heartbeat => authentication::HEARTBEAT_TAG,
            Self::JobStatus(_) => status::TAG,
            Self::MachineSpecs(_) => specs::TAG,
        }
    }
}

impl Encode for ValidatorMessage {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        match self {
            Self::Authentication(request) => request.write(w),
            Self::Heartbeat => V0Heartbeat.write(w),
            Self::JobStatus(update) => update.write(w),
            Self::MachineSpecs(update) => update.write(w),
        }
    }
}
