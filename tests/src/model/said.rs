//! What the session writes, as a facilitator reads it: by the exact text that the reference writes, and with nothing of
//! the session's own code. Jobs and batches are numbers here; the uuids that they stand for are made in `solo`.

use facilitator_core::message::JobStatus;

use crate::solo;

/// A text frame of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// `V0AuthenticationRequest`.
    Authentication,
    /// `V0Heartbeat`.
    Heartbeat,
    /// `V0JobStatusUpdate`.
    Status(u32, JobStatus),
    /// `V0MachineSpecsUpdate`.
    Specs(u32),
}

impl Said {
    /// The `message_type`.
    pub const fn message_type(self) -> &'static str {
        match self {
            Self::Authentication => "V0AuthenticationRequest",
            Self::Heartbeat => "V0Heartbeat",
            Self::Status(..) => "V0JobStatusUpdate",
            Self::Specs(_) => "V0MachineSpecsUpdate",
        }
    }

    /// Reads a text; nothing when it is not exactly what the protocol has.
    pub fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(r#"{"message_type":""#)?;
        if rest == r#"V0Heartbeat"}"# {
            return Some(Self::Heartbeat);
        }
        if let Some(rest) = rest.strip_prefix(r#"V0JobStatusUpdate","uuid":""#) {
            let (uuid, rest) = rest.split_once(r#"","status":""#)?;
            let (status, rest) = rest.split_once(r#"","metadata":"#)?;
            let status = JobStatus::ALL
                .iter()
                .find(|known| known.as_str() == status)?;
            return rest
                .ends_with('}')
                .then_some(Self::Status(number(uuid)?, *status));
        }
        if rest.starts_with(r#"V0MachineSpecsUpdate","miner_hotkey":""#) {
            let (_, batch) = rest.rsplit_once(r#","batch_id":""#)?;
            return Some(Self::Specs(number(batch.strip_suffix(r#""}"#)?)?));
        }
        rest.starts_with(r#"V0AuthenticationRequest","public_key":""#)
            .then_some(Self::Authentication)
    }
}

/// The uuid of a job or a batch.
pub fn name(number: u32) -> String {
    solo::job(u128::from(number))
}

/// The number of a uuid that [`name`] has made.
pub fn number(uuid: &str) -> Option<u32> {
    let (head, tail) = uuid.split_at_checked(28)?;
    if head != "0a000000-0000-4000-8000-0000" {
        return None;
    }
    u32::from_str_radix(tail, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use facilitator_core::message::{V0JobStatusUpdate, V0MachineSpecsUpdate, ValidatorMessage};

    #[test]
    fn what_the_core_writes_is_read() {
        let status = V0JobStatusUpdate::new(name(70_000), JobStatus::ExecutorReady);
        assert_eq!(
            Said::read(&status.encode()),
            Some(Said::Status(70_000, JobStatus::ExecutorReady))
        );
        let specs = V0MachineSpecsUpdate {
            miner_hotkey: "5X".into(),
            validator_hotkey: "5Y".into(),
            specs: solo::specs(),
            batch_id: name(3),
        };
        assert_eq!(Said::read(&specs.encode()), Some(Said::Specs(3)));
        assert_eq!(
            Said::read(&ValidatorMessage::Heartbeat.encode()),
            Some(Said::Heartbeat)
        );
        assert_eq!(Said::read(r#"{"message_type":"V0JobCheated"}"#), None);
        assert_eq!(Said::read(&status.encode().replace('-', "")), None);
    }
}
