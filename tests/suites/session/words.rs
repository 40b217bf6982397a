//! What people read: errors say what happened and what to do, reasons and fates have names of their own.

use std::collections::BTreeSet;

use facilitator_core::CloseFrame;
use facilitator_core::client::{
    Config, ConnectFailure, ConnectFailureKind, FacilitatorClient, Health, LostReason, Outcome,
    Phase, SendError, Timer,
};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{Solo, config, job, keypair};

#[test]
fn a_lost_connection_says_how_it_was_lost() {
    let close = |code, reason: &str| {
        let reason = reason.into();
        LostReason::Closed(Some(CloseFrame { code, reason }))
    };
    let failed = |kind, detail: &str| LostReason::ConnectFailed(ConnectFailure::new(kind, detail));
    let busy = ConnectFailureKind::Http { status: 503 };
    for (reason, text) in [
        (
            LostReason::Closed(None),
            "the facilitator closed the connection (no code)",
        ),
        (
            close(1011, ""),
            "the facilitator closed the connection (code 1011)",
        ),
        (
            close(1012, "restart"),
            "the facilitator closed the connection (code 1012, restart)",
        ),
        (
            failed(ConnectFailureKind::Refused, ""),
            "the connection was refused",
        ),
        (
            failed(busy, "try later"),
            "the server answered the upgrade with HTTP 503: try later",
        ),
    ] {
        assert_eq!(reason.to_string(), text);
    }
}

#[test]
fn missing_metadata_says_which_is_wanted() {
    for (status, wanted) in [
        (JobStatus::StreamingReady, "`streaming_details`"),
        (JobStatus::Completed, "`miner_response`"),
    ] {
        let error = SendError::MissingMetadata { status }.to_string();
        assert!(error.contains(wanted), "{error}");
        assert!(error.contains(&status.to_string()), "{error}");
    }
}

#[test]
fn names_are_words_and_no_two_are_alike() {
    let timers = [
        Timer::Output,
        Timer::Close,
        Timer::Drain,
        Timer::Connect,
        Timer::Authentication,
        Timer::Acknowledgement,
        Timer::Pong,
        Timer::Reconnect,
        Timer::Heartbeat,
        Timer::Ping,
        Timer::Watchdog,
    ];
    let mut solo = Solo::ready(config());
    solo.send(&job(1), JobStatus::Accepted);
    solo.client.abort(solo.now).unwrap();
    let [owed] = &solo.take().stopped().to_vec()[..] else {
        panic!("one is owed")
    };
    let outcomes = [
        Outcome::Acknowledged,
        Outcome::AlreadyKnown,
        Outcome::Refused(Vec::new()),
        Outcome::SetAside(owed.clone()),
        Outcome::HandedBack(owed.clone()),
    ];
    let names: [Vec<String>; 4] = [
        timers.iter().map(Timer::to_string).collect(),
        Health::ALL.iter().map(Health::to_string).collect(),
        Phase::ALL.iter().map(Phase::to_string).collect(),
        outcomes.iter().map(|o| o.as_str().to_owned()).collect(),
    ];
    for names in names {
        let distinct: BTreeSet<&String> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "{names:?}");
        let word = |name: &String| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(names.iter().all(word), "{names:?}");
    }
    assert_eq!(owed.id.to_string(), owed.id.as_u64().to_string());
}

#[test]
fn what_a_job_has_printed_is_not_shown() {
    let mut solo = Solo::ready(config());
    solo.send(&job(1), JobStatus::Completed);
    solo.client.abort(solo.now).unwrap();
    let out = solo.take();
    let [owed] = out.stopped() else {
        panic!("one is owed")
    };
    assert!(owed.as_json().contains("docker_process_stdout"));
    let shown = format!("{owed:?} {:?}", out.events);
    assert!(shown.contains("Completed"), "{shown}");
    assert!(!shown.contains("docker_process_stdout"), "{shown}");
}

#[test]
fn an_endpoint_is_shown_as_it_is() {
    let endpoint = config().endpoint;
    assert_eq!(endpoint.to_string(), endpoint.as_str());
}

#[test]
fn a_budget_of_no_verification_is_refused_by_name() {
    let mut config: Config = config();
    config.trust.verifications_per_second = 0;
    let error = FacilitatorClient::new(config, &keypair(), 1).unwrap_err();
    assert!(
        error.to_string().contains("verifications_per_second"),
        "{error}"
    );
}
