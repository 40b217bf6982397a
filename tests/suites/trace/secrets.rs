//! What must never be in a trace: canaries in every place where a secret can be.

use facilitator_core::Frame;
use facilitator_core::client::{AuthenticationMethod, Config, Disconnected, Endpoint, Output};
use facilitator_core::message::{
    ExecutorClass, FacilitatorMessage, HordeFailureDetails, HordeFailureReason, InlineVolume,
    JobFailureDetails, JobFailureReason, JobFailureStage, JobParticipant, JobRejectionReason,
    JobStatus, JobStatusMetadata, Json, JsonMap, MinerResponse, OutputUpload, SingleVolume,
    V0JobCheated, V0JobStatusUpdate, V2JobRequest, Volume, ZipAndHttpPutUpload, ZipUpload,
};
use facilitator_core::signature::{authentication_request, sign_job_cheated, sign_job_request};
use facilitator_core::trace::{Player, Recorder};
use facilitator_core::{CloseFrame, ConnectionId, Timestamp};
use facilitator_tests::solo::{self, SUCCESS, config, job, keypair};

use crate::diary::Diary;

/// Stands in texts, in keys, and behind escapes.
const CANARY: &str = "s3cret";
const NOW: Timestamp = Timestamp::ZERO;

fn request(n: u128) -> V2JobRequest {
    let text = || String::from(CANARY);
    let mut request = V2JobRequest::new(job(n), ExecutorClass::AlwaysOnTest, CANARY);
    request.args = [text(), format!("\u{1f680}\"{CANARY}\\")].into();
    request.env.insert(CANARY, text());
    request.job_namespace = Some(text());
    request.artifacts_dir = Some(text());
    request.volume = Some(Volume::Single(SingleVolume::Inline(InlineVolume {
        contents: text(),
        relative_path: Some(text()),
    })));
    let url = format!("https://{CANARY}@host/{CANARY}?{CANARY}");
    request.output_upload = Some(OutputUpload::Zip(ZipUpload::Put(ZipAndHttpPutUpload {
        url,
    })));
    sign_job_request(&mut request, &keypair(), 1_795_432_324_000_000_000);
    request
}

fn json() -> Json {
    Json::parse(r#"{"s3cret":["s3cret",{"a":"s3cret","s3cret":1}]}"#).unwrap()
}

/// A session that is told secrets by everybody.
fn confide(recorder: &mut Recorder) {
    let mut connection = ConnectionId(0);
    let mut drain = |recorder: &mut Recorder| {
        while let Some(output) = recorder.poll_output() {
            if let Output::Connect(number, _) = output {
                connection = number;
            }
        }
        connection
    };
    recorder.start(NOW).unwrap();
    let at = drain(recorder);
    recorder.handle_connected(NOW, at);
    let mut hear = |recorder: &mut Recorder, text: &str| {
        recorder.handle_frame(NOW, at, Frame::text(text));
        drain(recorder);
    };
    hear(recorder, SUCCESS);

    let mut forged = request(2);
    forged.args.push(CANARY.into());
    for request in [request(1), forged] {
        let request = FacilitatorMessage::JobRequest(request.into());
        hear(recorder, &request.encode_python());
        // A field that nobody knows.
        let more = format!(r#"{{"{CANARY}":"{CANARY}","#);
        hear(recorder, &request.encode().replacen('{', &more, 1));
    }
    let mut report = V0JobCheated {
        job_uuid: job(1),
        trusted_job_uuid: job(2),
        details: json(),
        signature: None,
    };
    sign_job_cheated(&mut report, &keypair(), 1_795_432_324_000_000_000);
    hear(recorder, &report.encode());
    for text in [
        format!(
            r#"{{"status":"error","errors":[{{"type":"job.{CANARY}","msg":"{CANARY}","help":"{CANARY}","{CANARY}":1,"input":{{"a":"{CANARY}"}},"loc":["{CANARY}"]}}]}}"#
        ),
        format!(r#"{{"status":"error","errors":[{{"type":"job.not_found","msg":"{CANARY}"}}]}}"#),
        format!(r#"{{"status":"{CANARY}"}}"#),
        format!(r#"{{"message_type":"{CANARY}"}}"#),
        format!(r#"{{"message_type":"V2JobRequest","uuid":["{CANARY}"],"{CANARY}":1}}"#),
        format!(
            r#"{{"message_type":"V2JobRequest","uuid":"{CANARY}","type":"job.new","executor_class":"always_on.test","docker_image":"","args":[],"env":{{}},"download_time_limit":1,"execution_time_limit":1,"upload_time_limit":1,"streaming_start_time_limit":1}}"#
        ),
        CANARY.to_owned(),
        // A peer that says the authentication back.
        authentication_request(&keypair()).encode(),
        format!(
            r#"{{"status":"error","errors":[{{"type":"auth.{0}","msg":"{0}","{0}":"{0}"}}]}}"#,
            authentication_request(&keypair()).signature
        ),
    ] {
        hear(recorder, &text);
    }
    recorder.handle_frame(NOW, at, Frame::Binary(CANARY.as_bytes().into()));
    recorder.handle_frame(NOW, at, Frame::Ping(CANARY.as_bytes().into()));
    recorder.handle_frame(NOW, at, Frame::Pong(b"s3crets3"[..].into()));

    report_everything(recorder);
    let close = CloseFrame {
        code: 3000,
        reason: CANARY.into(),
    };
    recorder.handle_frame(NOW, at, Frame::Close(Some(close.clone())));
    recorder.handle_disconnected(NOW, at, Disconnected::Closed(Some(close)));
    recorder.abort(NOW).unwrap();
    let kept = recorder.snapshot(NOW);
    assert!(kept.owed() > 3);
    recorder.restore(NOW, &kept).unwrap();
    recorder.start(NOW).unwrap();
    recorder.abort(NOW).unwrap();
    while recorder.poll_output().is_some() {}
}

/// The application's own secrets.
fn report_everything(recorder: &mut Recorder) {
    let extra: JsonMap = [(CANARY, json())].into_iter().collect();
    let mut answer = MinerResponse::new(CANARY, CANARY);
    answer.artifacts = Some([(CANARY, CANARY.into())].into_iter().collect());
    answer.extra.clone_from(&extra);
    let metadata = JobStatusMetadata {
        miner_response: Some(Box::new(answer)),
        extra: extra.clone(),
        ..JobStatusMetadata::default()
    };
    let update = V0JobStatusUpdate::new(job(11), JobStatus::Completed).with_metadata(metadata);
    recorder.send_job_status(NOW, update).unwrap();
    let reason = JobRejectionReason::Busy;
    recorder.reject_job(NOW, &job(12), reason, CANARY).unwrap();
    let (reason, stage) = (JobFailureReason::Timeout, JobFailureStage::Execution);
    let mut details = JobFailureDetails::new(reason, stage, CANARY);
    details.docker_process_stdout = Some(CANARY.into());
    details.context = Some(extra.clone());
    recorder.fail_job(NOW, &job(13), details).unwrap();
    let details = HordeFailureDetails::new(
        JobParticipant::Validator,
        HordeFailureReason::GenericError,
        CANARY,
    );
    recorder.fail_horde(NOW, &job(14), details).unwrap();
    let mut specs = solo::specs();
    specs.insert(CANARY, json());
    recorder
        .send_machine_specs(NOW, CANARY, &job(15), specs)
        .unwrap();
    // Not accepted, and so not recorded.
    recorder
        .send_job_status(NOW, V0JobStatusUpdate::new(CANARY, JobStatus::Failed))
        .unwrap_err();
    recorder
        .adopt_job(NOW, CANARY, std::time::Duration::ZERO)
        .unwrap_err();
}

#[test]
fn no_secret_is_in_a_trace_nor_in_what_is_shown_of_it() {
    let endpoint = format!("wss://host/{CANARY}?{CANARY}");
    for authentication in [
        AuthenticationMethod::FirstFrame,
        AuthenticationMethod::Headers,
    ] {
        let config = Config {
            endpoint: Endpoint::parse(&endpoint).unwrap(),
            validator_version: CANARY.into(),
            runner_version: CANARY.into(),
            extra_headers: vec![("X-Name".into(), CANARY.into())],
            authentication,
            trust: facilitator_core::client::TrustPolicy::default(),
            ..config()
        };
        let mut recorder = Recorder::new(config, &keypair(), 1).unwrap();
        let diary = Diary::of(&mut recorder);
        confide(&mut recorder);
        diary.check("confidences");
        let lines = diary.lines();

        let mut said = lines.join("\n");
        let mut player = Player::new();
        for line in &lines {
            said += &player.feed(line).unwrap().unwrap().to_string();
        }
        for sign in [
            "job_requested",
            "job_refused",
            "job_cheated",
            "malformed",
            "restore",
            "handed_back",
            "job.<6>",
            "V0MachineSpecsUpdate",
            "authentication",
        ] {
            assert!(said.contains(sign), "no {sign} in\n{said}");
        }
        let signature = authentication_request(&keypair()).signature;
        let seed = keypair().seed().map(|seed| {
            let hex = seed.iter().map(|byte| format!("{byte:02x}"));
            hex.collect::<String>()
        });
        let said = said.to_lowercase();
        // Half of a secret is one, too.
        let canaries = [CANARY, &signature[2..18], &seed.unwrap()[..16]];
        for canary in canaries {
            assert!(!said.contains(canary), "{canary:?} is in\n{said}");
        }
        // As bytes, too: `s3crets3` as a number, and as a list.
        let number = u64::from_be_bytes(*b"s3crets3").to_string();
        assert!(!said.contains(&number) && !said.contains("115,51,99"));
    }
}
