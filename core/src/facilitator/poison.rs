//! What the reference's handler crashes on, as far as the message alone tells. What a crash looks like is decided
//! elsewhere.

use super::output::Poison;
use super::record::parse_uuid;
use crate::message::{JobStatus, Json, JsonType, V0JobStatusUpdate, V0MachineSpecsUpdate};

/// How a status update fails after it was accepted by the database.
pub(super) enum Afterwards {
    /// It does not.
    Fine,
    /// The database refuses the job's new values: answered with `job.integrity_error`.
    StreamingDetailsIncomplete,
    /// The handler crashes.
    Crash(Poison),
}

/// What the handler does with an update whose status is stored.
pub(super) fn after_storing(update: &V0JobStatusUpdate) -> Afterwards {
    match (update.status, &update.metadata) {
        (JobStatus::Completed, None) => Afterwards::Crash(Poison::CompletedWithoutMetadata),
        (JobStatus::StreamingReady, None) => {
            Afterwards::Crash(Poison::StreamingReadyWithoutMetadata)
        }
        (JobStatus::StreamingReady, Some(metadata)) => match &metadata.streaming_details {
            Some(details)
                if details.streaming_server_cert.is_none()
                    || details.streaming_server_address.is_none()
                    || details.streaming_server_port.is_none() =>
            {
                Afterwards::StreamingDetailsIncomplete
            }
            _ => Afterwards::Fine,
        },
        _ => Afterwards::Fine,
    }
}

/// Whether, and on what, the handler crashes with machine specs of a known miner. `text` is the frame.
pub(super) fn in_machine_specs(text: &str, update: &V0MachineSpecsUpdate) -> Option<Poison> {
    let is_object = |key: &str| {
        let value = update.specs.get(key);
        value.is_some_and(|value| value.json_type() == JsonType::Object)
    };
    if contains_nul(text) {
        Some(Poison::NulCharacter)
    } else if parse_uuid(&update.batch_id).is_none() {
        Some(Poison::BatchId)
    } else if update.specs.get("cpu").is_some_and(has_count)
        && is_object("ram")
        && is_object("hard_disk")
    {
        None
    } else {
        Some(Poison::Specs)
    }
}

fn has_count(cpu: &Json) -> bool {
    cpu.to_map().is_some_and(|cpu| {
        cpu.get("count")
            .is_some_and(|count| count.json_type() == JsonType::Integer)
    })
}

/// Whether a valid JSON text holds a NUL character. JSON can only spell it `\u0000`.
pub(super) fn contains_nul(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, escape)) = rest.split_once('\\') {
        if escape.starts_with("u0000") {
            return true;
        }
        // Step over the escaped character: it may be a backslash itself.
        let mut chars = escape.chars();
        chars.next();
        rest = chars.as_str();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn nul_is_found_by_its_escape_only() {
        assert!(contains_nul(r#"{"a":"x\u0000y"}"#));
        assert!(contains_nul(r#"{"a\u0000":1}"#));
        assert!(contains_nul(r#""\\\u0000""#));
        assert!(!contains_nul(r#""\\u0000""#));
        assert!(!contains_nul(r#""\u0001 u0000 \"u0000""#));
        assert!(!contains_nul(r#"{"a":0}"#));
        assert!(!contains_nul("\"\\"));
    }

    #[test]
    fn specs_need_a_cpu_with_a_count_and_ram_and_hard_disk() {
        let poison = |specs: &[(&str, &str)], batch: &str| {
            let update = V0MachineSpecsUpdate {
                miner_hotkey: "m".to_string(),
                validator_hotkey: "v".to_string(),
                specs: specs
                    .iter()
                    .map(|(key, value)| (*key, Json::parse(value).unwrap()))
                    .collect(),
                batch_id: batch.to_string(),
            };
            in_machine_specs("{}", &update)
        };
        let batch = "e0ff24b7-edd3-4fbf-9643-b8f4699a48ac";
        let whole = [
            ("cpu", r#"{"count":8}"#),
            ("ram", "{}"),
            ("hard_disk", r#"{"total":1}"#),
        ];
        assert_eq!(poison(&whole, batch), None);
        assert_eq!(poison(&whole, "b"), Some(Poison::BatchId));
        assert_eq!(poison(&whole[..2], batch), Some(Poison::Specs));
        assert_eq!(poison(&[("cpu", "1")], batch), Some(Poison::Specs));
        assert_eq!(
            poison(&[("cpu", r#"{"count":"x"}"#), whole[1], whole[2]], batch),
            Some(Poison::Specs)
        );
        assert_eq!(
            poison(&[whole[0], ("ram", "1"), whole[2]], batch),
            Some(Poison::Specs)
        );
    }
}
