//! Every outcome of an authentication: what the user is told, what becomes of the connection, and when it is tried again.

use std::ops::RangeInclusive;
use std::time::Duration;

use facilitator_core::client::{
    AuthenticationMethod, Config, ConnectFailureKind, Event, Health, LostReason,
    OnSignatureInvalid, Outcome, Phase, Refusal,
};
use facilitator_core::driver::FacilitatorClient;
use facilitator_core::facilitator::{FacilitatorConfig, Known};
use facilitator_core::message::{FacilitatorMessage, JobStatus};
use facilitator_core::signature::{Keypair, Scheme};
use facilitator_tests::solo::{SUCCESS, error, job};
use facilitator_tokio::server::ServerEvent;

use crate::script::{Heard, Scripted, Step, close, text};
use crate::talk::{next_job, signed_job, waiting};
use crate::{Subject, UnderTest, config, keypair, peers, reach};

/// After a refusal, by default: five minutes, and up to a fifth more.
const MINUTES: RangeInclusive<Duration> = Duration::from_mins(5)..=Duration::from_mins(6);

pub(crate) fn an_unknown_validator_is_told_and_let_in_later<R: UnderTest>(subject: &Subject<R>) {
    let server = peers::facilitator_with(FacilitatorConfig {
        validators: Known::only([]),
        ..FacilitatorConfig::default()
    });
    let refused = LostReason::AuthenticationRefused(Refusal::ValidatorNotFound);
    subject.block_on(async {
        let client = subject.client(server.local_addr(), |config| config);
        client.start().unwrap();
        let (reason, retry_in) = waiting(&client).await;
        assert_eq!(reason, refused);
        assert!(MINUTES.contains(&retry_in), "{retry_in:?}");
        assert_eq!(client.health(), Health::Degraded);
        client.abort().unwrap();

        // The list of validators catches up.
        let client = subject.client(server.local_addr(), |config| Config {
            refused_delay: Duration::from_millis(20),
            ..config
        });
        client.start().unwrap();
        assert_eq!(waiting(&client).await.0, refused);
        server.with(|facilitator, now| facilitator.set_validators(now, Known::Any));
        reach(&client, Phase::Ready).await;
        assert_eq!(client.health(), Health::Connected);
        assert_eq!(client.stop().await.unwrap().owed, []);
    });
}

pub(crate) fn a_refused_signature_is_told_loudly<R: UnderTest>(subject: &Subject<R>) {
    // The facilitator of today verifies sr25519 only.
    let keypair = Keypair::from_seed(Scheme::Ed25519, [7; 32]).unwrap();
    let server = peers::facilitator_that_ends(FacilitatorConfig::default());
    let address = server.local_addr();
    let uri = subject.transport.uri(subject.transport.front(address));
    let refused = LostReason::AuthenticationRefused(Refusal::SignatureInvalid);
    subject.block_on(async {
        let client =
            FacilitatorClient::with_runtime(config(&uri), &keypair, subject.runtime()).unwrap();
        client.start().unwrap();
        let (reason, retry_in) = waiting(&client).await;
        assert_eq!(reason, refused);
        assert!(MINUTES.contains(&retry_in), "{retry_in:?}");
        assert_eq!(client.health(), Health::Refused);
        client.abort().unwrap();

        // For good, when that is wanted: what is owed is handed back. Nobody refuses it before something is.
        let record = server.shutdown().await;
        let config = Config {
            on_signature_invalid: OnSignatureInvalid::Stop,
            ..config(&uri)
        };
        let client = FacilitatorClient::with_runtime(config, &keypair, subject.runtime()).unwrap();
        client.start().unwrap();
        let receipt = client
            .send_status(&job(1), JobStatus::Accepted)
            .await
            .unwrap();
        let _server = peers::restarted(address, record);
        let Outcome::HandedBack(owed) = receipt.await.outcome else {
            panic!("nobody could have taken it");
        };
        let mut last = None;
        while let Ok(event) = client.next_event().await {
            last = Some(event);
        }
        assert_eq!(last, Some(Event::Stopped { owed: vec![owed] }));
        assert!(!client.is_running());
    });
}

/// What the facilitator does once it has heard the authentication, and what the user is told.
fn answers() -> Vec<(&'static str, Vec<Step>, LostReason)> {
    let refused = LostReason::AuthenticationRefused;
    let other = |kind: &str| refused(Refusal::Other(kind.into()));
    let answers = |kind| vec![Step::Say(text(&error(kind)))];
    let stays = |kind| [answers(kind), vec![Step::Listen]].concat();
    let no_reason = r#"{"status":"error","errors":[]}"#;
    let both = [text(&error("auth.validator_not_found")), close(3001, "")].concat();
    vec![
        (
            "already authenticated",
            stays("auth.already_authenticated"),
            other("auth.already_authenticated"),
        ),
        (
            "not authenticated",
            stays("auth.not_authenticated"),
            other("auth.not_authenticated"),
        ),
        (
            "unheard of",
            answers("auth.of_the_future"),
            other("auth.of_the_future"),
        ),
        (
            "no reason",
            vec![Step::Say(text(no_reason)), Step::Listen],
            other("without a reason"),
        ),
        (
            "the error and the close in one segment",
            vec![Step::Say(both)],
            refused(Refusal::ValidatorNotFound),
        ),
        (
            "closed with 3000",
            vec![Step::Say(close(3000, ""))],
            refused(Refusal::SignatureInvalid),
        ),
        (
            "closed with 3001",
            vec![Step::Say(close(3001, ""))],
            refused(Refusal::ValidatorNotFound),
        ),
        ("end of stream", vec![], LostReason::EndOfStream),
        (
            "silence",
            vec![Step::Listen],
            LostReason::AuthenticationTimeout,
        ),
        (
            "garbage",
            vec![Step::Say(text("garbage")), Step::Listen],
            LostReason::AuthenticationTimeout,
        ),
    ]
}

pub(crate) fn each_answer_to_the_authentication_has_its_outcome<R: UnderTest>(
    subject: &Subject<R>,
) {
    subject.block_on(async {
        for (name, answer, told) in answers() {
            let script = [vec![Step::Upgrade(Vec::new()), Step::Hear], answer].concat();
            let mut peer = Scripted::new(script);
            let silence = told == LostReason::AuthenticationTimeout;
            let client = subject.client(peer.address, |config| {
                let config = Config {
                    close_timeout: Duration::from_millis(100),
                    refused_delay: Duration::from_millis(10),
                    ..config
                };
                if !silence {
                    return config;
                }
                Config {
                    authentication_timeout: Duration::from_millis(100),
                    // Nothing but the timeout can end the first connection: the next one does not come.
                    backoff_initial: Duration::from_hours(1),
                    backoff_max: Duration::from_hours(1),
                    ..config
                }
            });
            client.start().unwrap();
            assert_eq!(waiting(&client).await.0, told, "{name}");

            // The first connection has heard nothing else, and was not left open.
            let mut heard = Vec::new();
            loop {
                match peer.heard().await {
                    Heard::Text(0, text) => heard.push(text),
                    Heard::Gone(0) => break,
                    _ => {}
                }
            }
            assert!(
                matches!(&heard[..], [only] if only.contains("V0AuthenticationRequest")),
                "{name}: {heard:?}"
            );
            if !silence {
                reach(&client, Phase::Ready).await;
            }
            client.abort().unwrap();
        }
    });
}

pub(crate) fn authentication_in_headers_works_and_is_refused<R: UnderTest>(subject: &Subject<R>) {
    let facilitator = |validators| {
        peers::facilitator_with(FacilitatorConfig {
            header_authentication: true,
            validators,
            ..FacilitatorConfig::default()
        })
    };
    let in_headers = |config| Config {
        authentication: AuthenticationMethod::Headers,
        ..config
    };
    subject.block_on(async {
        let server = facilitator(Known::only([keypair().account()]));
        let client = subject.client(server.local_addr(), in_headers);
        let mut events = server.events();
        client.start().unwrap();
        server.push_job(signed_job(1)).unwrap();
        assert_eq!(next_job(&client).await, signed_job(1));
        assert_eq!(client.stop().await.unwrap().owed, []);
        let Some(ServerEvent::Connected { handshake, .. }) = events.next().await else {
            panic!("a connection comes first");
        };
        assert!(handshake.header("X-Signature").is_some());

        let server = facilitator(Known::only([]));
        let client = subject.client(server.local_addr(), in_headers);
        client.start().unwrap();
        let (reason, retry_in) = waiting(&client).await;
        let LostReason::ConnectFailed(failure) = reason else {
            panic!("{reason}");
        };
        assert!(
            matches!(failure.kind, ConnectFailureKind::Http { status: 401 | 403 }),
            "{failure}"
        );
        assert!(MINUTES.contains(&retry_in), "{retry_in:?}");
        assert_eq!(client.health(), Health::Refused);
        client.abort().unwrap();
    });
}

/// Where a job request stands among what a facilitator writes: behind the upgrade's answer in the same write, before
/// the authentication's answer, in one write with it, after it.
pub(crate) fn a_job_may_come_at_any_moment<R: UnderTest>(subject: &Subject<R>) {
    let request = signed_job(1);
    let (job, success) = (
        text(&FacilitatorMessage::JobRequest(Box::new(request.clone())).encode_python()),
        text(SUCCESS),
    );
    let both = |first: &Vec<u8>, second: &Vec<u8>| [&first[..], &second[..]].concat();
    let upgrade = || Step::Upgrade(Vec::new());
    let moments = [
        (
            "with the upgrade",
            vec![
                Step::Upgrade(job.clone()),
                Step::Hear,
                Step::Say(success.clone()),
            ],
        ),
        (
            "all with the upgrade",
            vec![Step::Upgrade(both(&job, &success)), Step::Hear],
        ),
        (
            "before the answer",
            vec![
                upgrade(),
                Step::Say(job.clone()),
                Step::Hear,
                Step::Say(success.clone()),
            ],
        ),
        (
            "in one segment before the answer",
            vec![upgrade(), Step::Hear, Step::Say(both(&job, &success))],
        ),
        (
            "in one segment behind the answer",
            vec![upgrade(), Step::Hear, Step::Say(both(&success, &job))],
        ),
        (
            "twice with the answer",
            vec![
                upgrade(),
                Step::Hear,
                Step::Say([&success[..], &job, &job].concat()),
            ],
        ),
        (
            "after it",
            vec![
                upgrade(),
                Step::Hear,
                Step::Say(success.clone()),
                Step::Hear,
                Step::Say(job.clone()),
            ],
        ),
    ];
    subject.block_on(async {
        for (name, script) in moments {
            let mut rest = vec![Step::Hear, Step::Say(success.clone())];
            if name != "after it" {
                // The heartbeat.
                rest.insert(0, Step::Hear);
            }
            rest.extend([Step::Hear, Step::Say(success.clone()), Step::Listen]);
            let mut peer = Scripted::new([script, rest].concat());
            let client = subject.client(peer.address, |config| config);
            client.start().unwrap();
            assert_eq!(next_job(&client).await, request, "{name}");
            let receipt = client
                .send_status(&request.uuid, JobStatus::Accepted)
                .await
                .unwrap();
            assert_eq!(receipt.await.outcome, Outcome::Acknowledged, "{name}");
            for next in ["V0Authentication", "V0Heartbeat", "received", "accepted"] {
                let text = peer.text_on(0).await;
                assert!(text.contains(next), "{name}: {text} instead of {next}");
            }
            let stats = client.stats();
            let expected = (1, 1, u64::from(name.starts_with("twice")));
            let seen = (
                stats.connect_attempts,
                stats.jobs_received,
                stats.jobs_declined,
            );
            assert_eq!(seen, expected, "{name}");
            client.abort().unwrap();
        }
    });
}
