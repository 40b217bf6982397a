//! Messages of every type and variant, written and read again; and readers that are given anything at all.

use facilitator_core::message::{
    DecodeMode, FacilitatorMessage, HordeFailureDetails, HordeFailureReason, Integer,
    JobFailureDetails, JobFailureReason, JobFailureStage, JobParticipant, JobRejectionDetails,
    JobRejectionReason, JobStatus, JobStatusMetadata, Json, JsonMap, MinerResponse, Response,
    ResponseError, ResponseStatus, SignatureInfo, SignatureScope, StreamingServerDetails,
    V0AuthenticationRequest, V0JobCheated, V0JobStatusUpdate, V0MachineSpecsUpdate,
    ValidatorMessage,
};
use facilitator_tests::fuzz;
use proptest::prelude::*;
use proptest::sample::select;

use super::canonical::{json, maps, option_of, requests, texts};

/// Opaque values as a message can hold them after it was sent: without numbers that are not finite.
fn values() -> impl Strategy<Value = Json> {
    json().prop_map(|text| {
        let sent = serde_json::to_string(&Json::parse(&text).unwrap()).unwrap();
        Json::parse(&sent).unwrap()
    })
}

fn value_maps() -> impl Strategy<Value = JsonMap> {
    prop::collection::vec((texts(), values()), 0..4).prop_map(JsonMap::from_iter)
}

/// Keys beside the named ones.
fn extras(named: &'static [&'static str]) -> impl Strategy<Value = JsonMap> {
    value_maps().prop_map(move |mut map| {
        for name in named {
            map.remove(name);
        }
        map
    })
}

fn integers() -> impl Strategy<Value = Integer> {
    prop_oneof![
        any::<i64>().prop_map(Integer::from),
        "-?[1-9][0-9]{0,60}".prop_map(|digits| digits.parse().unwrap()),
    ]
}

fn responses() -> impl Strategy<Value = Response> {
    let error = (texts(), texts(), texts(), extras(&["msg", "type", "help"])).prop_map(
        |(msg, kind, help, extra)| ResponseError {
            msg,
            kind,
            help,
            extra,
        },
    );
    (
        select(ResponseStatus::ALL),
        prop::collection::vec(error, 0..3),
    )
        .prop_map(|(status, errors)| Response { status, errors })
}

fn signatures() -> impl Strategy<Value = SignatureInfo> {
    let bytes = prop::collection::vec(any::<u8>(), 0..70);
    (
        texts(),
        texts(),
        integers(),
        bytes,
        select(SignatureScope::ALL),
    )
        .prop_map(
            |(signature_type, signatory, timestamp_ns, signature, signature_scope)| SignatureInfo {
                signature_type,
                signatory,
                timestamp_ns,
                signature,
                signature_scope,
            },
        )
}

fn reports() -> impl Strategy<Value = V0JobCheated> {
    (option_of(signatures()), texts(), texts(), values()).prop_map(
        |(signature, job_uuid, trusted_job_uuid, details)| V0JobCheated {
            signature,
            job_uuid,
            trusted_job_uuid,
            details,
        },
    )
}

fn facilitator_messages() -> impl Strategy<Value = FacilitatorMessage> {
    let request = (
        requests(),
        option_of(signatures()),
        texts(),
        option_of(texts()),
    )
        .prop_map(|(mut request, signature, uuid, job_namespace)| {
            request.signature = signature;
            request.uuid = uuid;
            request.job_namespace = job_namespace;
            request
        });
    prop_oneof![
        responses().prop_map(FacilitatorMessage::Response),
        request.prop_map(|request| FacilitatorMessage::JobRequest(Box::new(request))),
        reports().prop_map(|report| FacilitatorMessage::JobCheated(Box::new(report))),
    ]
}

fn miner_responses() -> impl Strategy<Value = MinerResponse> {
    const NAMED: &[&str] = &[
        "docker_process_stderr",
        "docker_process_stdout",
        "artifacts",
        "upload_results",
    ];
    (
        texts(),
        texts(),
        option_of(maps()),
        option_of(maps()),
        extras(NAMED),
    )
        .prop_map(
            |(docker_process_stderr, docker_process_stdout, artifacts, upload_results, extra)| {
                MinerResponse {
                    docker_process_stderr,
                    docker_process_stdout,
                    artifacts,
                    upload_results,
                    extra,
                }
            },
        )
}

fn failures() -> impl Strategy<Value = JobFailureDetails> {
    let names = (
        select(JobFailureReason::ALL),
        select(JobFailureStage::ALL),
        texts(),
    );
    let process = (
        option_of(integers()),
        option_of(texts()),
        option_of(texts()),
    );
    (names, option_of(value_maps()), process).prop_map(
        |((reason, stage, message), context, (status, stdout, stderr))| JobFailureDetails {
            context,
            docker_process_exit_status: status,
            docker_process_stdout: stdout,
            docker_process_stderr: stderr,
            ..JobFailureDetails::new(reason, stage, message)
        },
    )
}

fn metadata() -> impl Strategy<Value = JobStatusMetadata> {
    const NAMED: &[&str] = &[
        "miner_response",
        "job_rejection_details",
        "job_failure_details",
        "horde_failure_details",
        "streaming_details",
    ];
    let participant = || select(JobParticipant::ALL);
    let rejection = (
        participant(),
        select(JobRejectionReason::ALL),
        texts(),
        option_of(value_maps()),
    )
        .prop_map(|(by, reason, message, context)| JobRejectionDetails {
            context,
            ..JobRejectionDetails::new(by, reason, message)
        });
    let horde = (
        participant(),
        select(HordeFailureReason::ALL),
        texts(),
        option_of(value_maps()),
    )
        .prop_map(|(by, reason, message, context)| HordeFailureDetails {
            context,
            ..HordeFailureDetails::new(by, reason, message)
        });
    let streaming = (
        option_of(texts()),
        option_of(texts()),
        option_of(integers()),
    )
        .prop_map(|(cert, address, port)| StreamingServerDetails {
            streaming_server_cert: cert,
            streaming_server_address: address,
            streaming_server_port: port,
        });
    let details = (
        option_of(miner_responses().prop_map(Box::new)),
        option_of(rejection.prop_map(Box::new)),
        option_of(failures().prop_map(Box::new)),
        option_of(horde.prop_map(Box::new)),
        option_of(streaming.prop_map(Box::new)),
    );
    (details, extras(NAMED)).prop_map(|(details, extra)| {
        let (miner_response, rejection, failure, horde, streaming_details) = details;
        JobStatusMetadata {
            miner_response,
            job_rejection_details: rejection,
            job_failure_details: failure,
            horde_failure_details: horde,
            streaming_details,
            extra,
        }
    })
}

fn validator_messages() -> impl Strategy<Value = ValidatorMessage> {
    let authentication =
        (texts(), texts()).prop_map(|(public_key, signature)| V0AuthenticationRequest {
            public_key,
            signature,
        });
    let status = (texts(), select(JobStatus::ALL), option_of(metadata())).prop_map(
        |(uuid, status, metadata)| V0JobStatusUpdate {
            uuid,
            status,
            metadata,
        },
    );
    let specs = (texts(), texts(), value_maps(), texts()).prop_map(
        |(miner_hotkey, validator_hotkey, specs, batch_id)| V0MachineSpecsUpdate {
            miner_hotkey,
            validator_hotkey,
            specs,
            batch_id,
        },
    );
    prop_oneof![
        1 => Just(ValidatorMessage::Heartbeat),
        1 => authentication.prop_map(ValidatorMessage::Authentication),
        4 => status.prop_map(ValidatorMessage::JobStatus),
        2 => specs.prop_map(ValidatorMessage::MachineSpecs),
    ]
}

/// Text that is nearly a message: pieces of JSON in any order.
fn rubble() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            "\\u",
            "d800",
            "-",
            "0",
            "1e9",
            "NaN",
            "null",
            "true",
            " ",
            "\"message_type\":",
            "\"V2JobRequest\"",
            "\"V0JobStatusUpdate\"",
            "\"status\":",
            "\"errors\":",
            "\"volume\":",
            "\"volume_type\":\"inline\"",
            "\"metadata\":",
            "\"specs\":",
            "\u{feff}",
        ])
        .prop_map(String::from),
        texts(),
        json(),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_facilitators_message_survives_its_encoding(message in facilitator_messages()) {
        for text in [message.encode(), message.encode_python()] {
            for mode in [DecodeMode::Strict, DecodeMode::Lenient] {
                let again = FacilitatorMessage::decode(&text, mode).unwrap();
                prop_assert_eq!(&again.message, &message, "{}", text);
                prop_assert_eq!(again.unknown_field_count, 0);
            }
        }
        prop_assert!(message.encode_python().is_ascii());
    }

    #[test]
    fn a_validators_message_survives_its_encoding(message in validator_messages()) {
        let text = message.encode();
        for mode in [DecodeMode::Strict, DecodeMode::Lenient] {
            let again = ValidatorMessage::decode(&text, mode).unwrap();
            prop_assert_eq!(&again.message, &message, "{}", text);
            prop_assert_eq!(again.unknown_field_count, 0);
        }
        // It serializes as the same JSON, for whoever prints it.
        prop_assert_eq!(serde_json::to_string(&message).unwrap(), text);
    }

    #[test]
    fn an_opaque_value_is_what_serde_json_reads(text in json()) {
        let ours = Json::parse(&text).unwrap();
        if let Ok(mut theirs) = serde_json::from_str::<serde_json::Value>(&text) {
            let mut ours = serde_json::Value::from(&ours);
            forget_numbers(&mut ours);
            forget_numbers(&mut theirs);
            prop_assert_eq!(ours, theirs);
        }
        prop_assert_eq!(Json::parse(ours.as_str()), Ok(ours));
    }

    #[test]
    fn a_reader_takes_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz::decode(&bytes);
    }

    #[test]
    fn a_reader_takes_any_rubble(text in rubble()) {
        fuzz::decode(text.as_bytes());
        grammars_agree(&text)?;
    }
}

/// Numbers are compared with Python's elsewhere: `serde_json` rounds some of them wrongly in the last bit.
fn forget_numbers(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Number(_) => *value = serde_json::Value::Null,
        serde_json::Value::Array(elements) => elements.iter_mut().for_each(forget_numbers),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(forget_numbers),
        _ => {}
    }
}

/// Our grammar is that of `serde_json` but for the reference's extensions, and for what `serde_json` cannot hold.
fn grammars_agree(text: &str) -> Result<(), TestCaseError> {
    let ours = Json::parse(text);
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_) => prop_assert!(ours.is_ok(), "{:?}", ours),
        Err(error) => {
            let words = error.to_string();
            let cannot_hold =
                words.starts_with("number out of range") || words.starts_with("recursion limit");
            let extended = text.contains("NaN") || text.contains("Infinity");
            prop_assert!(ours.is_err() || cannot_hold || extended, "{}", words);
        }
    }
    Ok(())
}
