//! Who may give us work. What is not trusted is answered by the session itself.

use std::time::Duration;

use facilitator_core::client::{
    AuthenticationMethod, Config, ConnectFailure, ConnectFailureKind, DeclineReason, Event, Output,
    Phase, Signatories, TrustError, TrustPolicy,
};
use facilitator_core::message::{DecodeMode, FacilitatorMessage, Json, V0JobCheated, V2JobRequest};
use facilitator_core::signature::{
    BadSignature, Keypair, SignatureError, sign_job_cheated, sign_job_request,
    verify_authentication_headers,
};
use facilitator_core::{CloseFrame, Frame};
use facilitator_tests::pair::key;
use facilitator_tests::solo::{SUCCESS, Solo, config, error, job, job_request, keypair};

const SIGNED: u64 = 1_795_432_324;

fn trusting() -> Config {
    Config {
        trust: TrustPolicy::default(),
        ..config()
    }
}

fn signed(n: u128, signer: &Keypair) -> V2JobRequest {
    let Ok(decoded) = FacilitatorMessage::decode(&job_request(&job(n)), DecodeMode::Lenient) else {
        panic!()
    };
    let FacilitatorMessage::JobRequest(mut request) = decoded.message else {
        panic!()
    };
    sign_job_request(&mut request, signer, SIGNED * 1_000_000_000);
    *request
}

fn text(request: V2JobRequest) -> String {
    FacilitatorMessage::JobRequest(request.into()).encode_python()
}

#[test]
fn a_job_that_the_own_hotkey_signed_is_taken_on() {
    let mut solo = Solo::ready(trusting());
    solo.receive(&text(signed(1, &keypair())));
    let out = solo.take();
    assert!(
        matches!(out.events[..], [Event::JobRequested(_)]),
        "{:?}",
        out.events
    );
    assert_eq!(out.statuses(), [(job(1), "received".into())]);
}

#[test]
fn a_job_that_nobody_trusted_has_signed_is_rejected_by_the_session() {
    let stranger = key(9);
    let mut forged = signed(3, &keypair());
    forged.docker_image = "other".into();
    let mut unsigned = signed(4, &keypair());
    unsigned.signature = None;
    for (n, request, expected) in [
        (
            2,
            signed(2, &stranger),
            TrustError::Signatory {
                signatory: stranger.account(),
            },
        ),
        (
            3,
            forged,
            SignatureError::Bad(BadSignature::Mismatch).into(),
        ),
        (4, unsigned, SignatureError::Missing.into()),
    ] {
        let mut solo = Solo::ready(trusting());
        solo.receive(&text(request));
        let out = solo.take();
        assert_eq!(out.statuses(), [(job(n), "rejected".into())]);
        assert!(
            out.texts()[0].contains(r#""rejected_by":"validator","reason":"invalid_signature""#)
        );
        let [Event::JobRefused { request, reason }] = &out.events[..] else {
            panic!("{:?}", out.events)
        };
        assert_eq!(
            (request.uuid.as_str(), *reason),
            (job(n).as_str(), expected)
        );
        let stats = solo.client.stats();
        assert_eq!(
            (
                stats.jobs_received,
                stats.signatures_refused,
                stats.open_jobs
            ),
            (0, 1, 0)
        );
    }
}

#[test]
fn a_refused_cheat_report_is_only_an_event() {
    let mut report = V0JobCheated {
        signature: None,
        job_uuid: job(1),
        trusted_job_uuid: job(2),
        details: Json::null(),
    };
    let mut solo = Solo::ready(trusting());
    solo.receive(&FacilitatorMessage::JobCheated(report.clone().into()).encode_python());
    let out = solo.take();
    assert!(
        matches!(out.events[..], [Event::CheatReportRefused { .. }]),
        "{:?}",
        out.events
    );
    assert!(out.frames.is_empty());
    sign_job_cheated(&mut report, &keypair(), SIGNED * 1_000_000_000);
    solo.receive(&FacilitatorMessage::JobCheated(report.into()).encode_python());
    assert!(matches!(solo.take().events[..], [Event::JobCheated(_)]));
}

#[test]
fn the_whitelist_can_change_while_the_session_runs() {
    let customer = key(9);
    let mut solo = Solo::ready(trusting());
    solo.receive(&text(signed(1, &customer)));
    assert!(matches!(solo.take().events[..], [Event::JobRefused { .. }]));
    let signatories = Signatories::OwnAnd([customer.account()].into());
    solo.client.set_trust(TrustPolicy {
        signatories,
        ..TrustPolicy::default()
    });
    solo.receive(&text(signed(2, &customer)));
    assert!(matches!(solo.take().events[..], [Event::JobRequested(_)]));
    solo.client.set_trust(TrustPolicy::default());
    solo.receive(&text(signed(3, &customer)));
    assert!(matches!(solo.take().events[..], [Event::JobRefused { .. }]));
}

#[test]
fn age_counts_once_the_wall_clock_is_known_and_goes_on_with_time() {
    let mut config = trusting();
    config.trust.max_age = Some(Duration::from_mins(1));
    config.ping_interval = Duration::from_hours(24);
    let mut solo = Solo::ready(config);
    solo.client
        .set_wall_clock(solo.now, Duration::from_secs(SIGNED + 30));
    solo.receive(&text(signed(1, &keypair())));
    assert!(matches!(solo.take().events[..], [Event::JobRequested(_)]));
    solo.receive(SUCCESS);
    solo.pass(Duration::from_secs(31));
    solo.take();
    solo.receive(&text(signed(2, &keypair())));
    let out = solo.take();
    assert!(
        matches!(
            out.events[..],
            [Event::JobRefused {
                reason: TrustError::TooOld { .. },
                ..
            }]
        ),
        "{:?}",
        out.events
    );
}

#[test]
fn beyond_the_budget_of_verifications_jobs_are_rejected_as_busy() {
    let mut config = trusting();
    config.trust.verifications_per_second = 2;
    let mut solo = Solo::ready(config);
    for n in 1..=3 {
        solo.receive(&text(signed(n, &keypair())));
    }
    let out = solo.take();
    let statuses: Vec<String> = out
        .statuses()
        .into_iter()
        .map(|(_, status)| status)
        .collect();
    assert_eq!(statuses, ["received", "received", "rejected"]);
    assert!(
        matches!(
            out.events[2],
            Event::JobDeclined {
                reason: DeclineReason::Busy,
                ..
            }
        ),
        "{:?}",
        out.events
    );
    solo.pass(Duration::from_secs(1));
    solo.receive(&text(signed(4, &keypair())));
    assert!(
        solo.take()
            .events
            .iter()
            .any(|event| matches!(event, Event::JobRequested(_)))
    );
}

#[test]
fn authentication_in_headers_is_made_anew_for_every_attempt() {
    let config = Config {
        authentication: AuthenticationMethod::Headers,
        ..config()
    };
    let mut client =
        facilitator_core::client::FacilitatorClient::new(config, &keypair(), 1).unwrap();
    let mut now = facilitator_core::Timestamp::ZERO;
    client.set_wall_clock(now, Duration::from_secs(SIGNED));
    client.start(now).unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let (conn, request) = loop {
            match client.poll_output() {
                Some(Output::Connect(conn, request)) => break (conn, request),
                Some(_) => {}
                None => {
                    now = client.poll_timeout().unwrap().0;
                    client.handle_timeout(now);
                }
            }
        };
        let header = |name: &str| {
            request
                .headers
                .iter()
                .find(|(n, _)| n.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_str())
        };
        let unix = SIGNED + now.as_duration().as_secs();
        let key = verify_authentication_headers(header, unix).unwrap();
        assert_eq!(key.account(), keypair().account());
        seen.push(header("X-Timestamp").unwrap().to_owned());
        client.handle_connected(now, conn);
        assert_eq!(
            client.phase(),
            Phase::Ready,
            "the handshake has authenticated already"
        );
        now = now + Duration::from_secs(5);
        client.handle_disconnected(
            now,
            conn,
            facilitator_core::client::Disconnected::EndOfStream,
        );
    }
    seen.dedup();
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn a_handshake_that_is_refused_by_name_waits_minutes() {
    for status in [401, 403] {
        let config = Config {
            authentication: AuthenticationMethod::Headers,
            ..config()
        };
        let mut solo = Solo::new(config);
        solo.start();
        let failure = ConnectFailure::new(ConnectFailureKind::Http { status }, "");
        solo.client
            .handle_connect_failed(solo.now, solo.conn, failure);
        let before = solo.now;
        solo.wait_for_attempt();
        assert!(solo.now.saturating_duration_since(before) >= Duration::from_mins(5));
    }
}

#[test]
fn a_server_that_upgrades_first_and_refuses_then_is_not_asked_again_for_minutes() {
    for code in [3000, 3001] {
        let config = Config {
            authentication: AuthenticationMethod::Headers,
            ..config()
        };
        let mut solo = Solo::new(config);
        solo.start();
        solo.connect();
        let id = solo.send(&job(1), facilitator_core::message::JobStatus::Accepted);
        for attempt in 0..4 {
            // With a word about it, or without.
            if attempt % 2 == 0 {
                solo.receive(&error("auth.signature_invalid"));
            }
            solo.receive_frame(Frame::Close(Some(CloseFrame::new(code))));
            solo.cut();
            let before = solo.now;
            solo.wait_for_attempt();
            assert!(
                solo.now.saturating_duration_since(before) >= Duration::from_mins(5),
                "{code}"
            );
            solo.connect();
        }
        solo.receive(SUCCESS);
        assert!(
            solo.take().outcome(id).is_delivered(),
            "no update is suspected of it"
        );
    }
}

#[test]
fn without_room_for_the_rejection_the_events_alone_tell_of_a_job_that_is_not_trusted() {
    let config = Config {
        outbox_entries: 2,
        ..trusting()
    };
    let mut solo = Solo::ready(config);
    solo.send(&job(1), facilitator_core::message::JobStatus::Accepted);
    solo.take();
    solo.receive(&text(signed(2, &key(9))));
    let out = solo.take();
    assert!(
        matches!(
            out.events[..],
            [
                Event::JobDeclined {
                    reason: DeclineReason::OutboxFull,
                    ..
                },
                Event::JobRefused { .. }
            ]
        ),
        "{:?}",
        out.events
    );
    assert!(out.frames.is_empty());
}

#[test]
fn the_policy_can_be_asked_for() {
    let mut solo = Solo::ready(trusting());
    assert_eq!(solo.client.trust(), &TrustPolicy::default());
    solo.client.set_trust(TrustPolicy::unverified());
    assert_eq!(solo.client.trust(), &TrustPolicy::unverified());
}
