//! The words that a trace may hold: names of the protocol, which everybody knows. What is not here is not written.

/// Keys of the protocol's objects. Sorted.
pub(super) const KEYS: &[&str] = &[
    "allow_patterns",
    "args",
    "artifacts",
    "artifacts_dir",
    "batch_id",
    "contents",
    "context",
    "count",
    "cpu",
    "ctx",
    "details",
    "docker_image",
    "docker_process_exit_status",
    "docker_process_stderr",
    "docker_process_stdout",
    "download_time_limit",
    "env",
    "errors",
    "execution_time_limit",
    "executor_class",
    "executor_ip",
    "form_fields",
    "hard_disk",
    "help",
    "horde_failure_details",
    "input",
    "job_failure_details",
    "job_namespace",
    "job_rejection_details",
    "job_uuid",
    "loc",
    "message",
    "message_type",
    "metadata",
    "miner_hotkey",
    "miner_response",
    "msg",
    "on_trusted_miner",
    "output_upload",
    "output_upload_type",
    "public_key",
    "ram",
    "reason",
    "rejected_by",
    "relative_path",
    "repo_id",
    "repo_type",
    "reported_by",
    "revision",
    "signatory",
    "signature",
    "signature_scope",
    "signature_type",
    "signed_headers",
    "specs",
    "stage",
    "status",
    "streaming_details",
    "streaming_server_address",
    "streaming_server_cert",
    "streaming_server_port",
    "streaming_start_time_limit",
    "system_output",
    "timestamp_ns",
    "token",
    "trusted_job_uuid",
    "type",
    "upload_results",
    "upload_time_limit",
    "uploads",
    "url",
    "use_gpu",
    "uuid",
    "validator_hotkey",
    "volume",
    "volume_type",
    "volumes",
];

/// Texts of the protocol: types of messages and errors, members of its enumerations. Sorted.
pub(super) const VALUES: &[&str] = &[
    "FullRequest",
    "Response",
    "SignedFields",
    "V0AuthenticationRequest",
    "V0Heartbeat",
    "V0JobCheated",
    "V0JobStatusUpdate",
    "V0MachineSpecsUpdate",
    "V2JobRequest",
    "accepted",
    "always_on.cpu.8c.16gb",
    "always_on.gpu-24gb",
    "always_on.llm.a6000",
    "always_on.test",
    "auth.already_authenticated",
    "auth.not_authenticated",
    "auth.signature_invalid",
    "auth.validator_not_found",
    "bittensor",
    "bool_parsing",
    "bool_type",
    "busy",
    "bytes_type",
    "completed",
    "dict_type",
    "download_failed",
    "enum",
    "error",
    "execution",
    "execution_done",
    "execution_timed_out",
    "executor",
    "executor_disconnected",
    "executor_readiness_response_timed_out",
    "executor_ready",
    "executor_spinup_failed",
    "executor_startup",
    "extra_forbidden",
    "facilitator",
    "failed",
    "final_response_timed_out",
    "finite_number",
    "generic_error",
    "horde_failed",
    "huggingface_volume",
    "initial_response_timed_out",
    "inline",
    "int_from_float",
    "int_parsing",
    "int_parsing_size",
    "int_type",
    "invalid_signature",
    "job.cheated",
    "job.integrity_error",
    "job.new",
    "job.not_found",
    "json_invalid",
    "list_type",
    "literal_error",
    "miner",
    "miner_connection_failed",
    "missing",
    "model_type",
    "multi_upload",
    "multi_volume",
    "no_miner_for_job",
    "nonzero_return_code",
    "received",
    "rejected",
    "result_upload",
    "sdk",
    "security_check_failed",
    "sent",
    "single_file",
    "single_file_post",
    "single_file_put",
    "spin_up-4min.gpu-24gb",
    "streaming_failed",
    "streaming_job_ready_timed_out",
    "streaming_ready",
    "streaming_startup",
    "string_type",
    "success",
    "timeout",
    "too_large",
    "unhandled_exception",
    "unhandled_timeout",
    "union_tag_invalid",
    "union_tag_not_found",
    "unknown",
    "upload_failed",
    "validator",
    "validator_blacklisted",
    "value_error",
    "volume_download",
    "volumes_ready",
    "volumes_timed_out",
    "zip_and_http_post",
    "zip_and_http_put",
    "zip_url",
];

/// Beginnings of an error's `type`, which decide whatever follows.
pub(super) const KIND_PREFIXES: [&str; 2] = ["job.", "auth."];

pub(super) fn is_key(text: &str) -> bool {
    KEYS.binary_search(&text).is_ok()
}

pub(super) fn is_value(text: &str) -> bool {
    VALUES.binary_search(&text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{
        ExecutorClass, HordeFailureReason, JobFailureReason, JobFailureStage, JobParticipant,
        JobRejectionReason, JobStatus, ResponseStatus, SignatureScope,
    };

    #[test]
    fn the_lists_can_be_searched() {
        assert!(KEYS.is_sorted() && VALUES.is_sorted());
    }

    /// A member that is not in the list would be another one in a replay.
    #[test]
    fn every_name_of_the_protocol_is_a_word() {
        macro_rules! names {
            ($($names:ty),+) => {
                [$(<$names>::ALL.iter().map(|name| name.as_str()).collect::<alloc::vec::Vec<_>>()),+].concat()
            };
        }
        for name in names![
            ExecutorClass,
            HordeFailureReason,
            JobFailureReason,
            JobFailureStage,
            JobParticipant,
            JobRejectionReason,
            JobStatus,
            ResponseStatus,
            SignatureScope
        ] {
            assert!(is_value(name), "{name}");
        }
    }
}
