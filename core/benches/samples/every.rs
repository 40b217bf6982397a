//! One message of every kind that is read or written, and what is read as it arrives.

use facilitator_core::message::{
    JobFailureDetails, JobFailureReason, JobFailureStage, JobStatus, MinerResponse, Response,
    V0JobStatusUpdate, V0MachineSpecsUpdate, ValidatorMessage,
};
use facilitator_core::signature::{Keypair, Scheme, authentication_request};

use super::samples;

const UUID: &str = "0d7c1c1e-3a1d-4b8e-9d6a-5f7f3f0a9b11";
const HOTKEY: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

/// What a facilitator sends.
pub(crate) fn inbound() -> Vec<(&'static str, String)> {
    let refused = samples::vector("response/error_help");
    vec![
        ("success", Response::success().encode()),
        ("error", refused),
        ("job request", samples::pushed(&samples::job_request())),
        ("cheat report", samples::vector("cheated/full/pyjson")),
        (
            "unknown message",
            samples::job_request().encode().replace("V2Job", "V9Job"),
        ),
    ]
}

/// What a validator sends.
pub(crate) fn outbound() -> Vec<(&'static str, ValidatorMessage)> {
    let keypair = Keypair::from_seed(Scheme::Ed25519, [7; 32]).expect("a key");
    let status = |status| V0JobStatusUpdate::new(UUID, status);
    let output = MinerResponse::new("", "epoch 1, loss 0.25\nepoch 2, loss 0.125\ndone\n");
    let failure = JobFailureDetails::new(
        JobFailureReason::NonzeroReturnCode,
        JobFailureStage::Execution,
        "the process ended with 137",
    );
    let specs = r#"{"gpu":{"count":2,"details":[{"name":"RTX A6000","memory_total":"49140","cuda":"8.6"},{"name":"RTX A6000","memory_total":"49140","cuda":"8.6"}]},"cpu":{"model":"EPYC 7543","count":32,"frequencies":[2800.0,2799.5]},"ram":{"total":528280572},"hard_disk":{"total":1918000000},"os":"Ubuntu 22.04.4 LTS"}"#;
    let specs = facilitator_core::message::Json::parse(specs).expect("it is JSON");
    let specs = V0MachineSpecsUpdate {
        miner_hotkey: HOTKEY.into(),
        validator_hotkey: HOTKEY.into(),
        specs: specs.to_map().unwrap_or_default(),
        batch_id: UUID.into(),
    };
    vec![
        (
            "authentication",
            ValidatorMessage::Authentication(authentication_request(&keypair)),
        ),
        ("heartbeat", ValidatorMessage::Heartbeat),
        (
            "status",
            ValidatorMessage::JobStatus(status(JobStatus::Accepted)),
        ),
        (
            "status with output",
            ValidatorMessage::JobStatus(status(JobStatus::Completed).with_metadata(output)),
        ),
        (
            "failure",
            ValidatorMessage::JobStatus(status(JobStatus::Failed).with_metadata(failure)),
        ),
        ("specs", ValidatorMessage::MachineSpecs(specs)),
    ]
}
