//! Nothing passes any more, and nobody says so: a black hole is noticed within its bound, whatever the session was doing,
//! and when it is gone all goes on. So does what is heard, where only what is said gets stuck.

use std::time::{Duration, Instant};

use facilitator_core::client::{Config, ConnectFailureKind, LostReason, Phase};
use facilitator_core::driver::FacilitatorClient;
use facilitator_core::message::{JobStatus, JobStatusMetadata, MinerResponse, V0JobStatusUpdate};
use facilitator_tests::pair::Side;
use facilitator_tests::proxy::{Action, Entry, Plan, Step};
use facilitator_tests::solo::update;
use facilitator_tokio::server::ServerEvent;
use futures_util::future::join;

use crate::session::REPORTED;
use crate::wire::{Wire, quick};
use crate::{Subject, UnderTest, lost, reach};

/// What a busy machine may add. The other deadlines are longer, so that none is taken for another.
pub(crate) const SLACK: Duration = Duration::from_secs(5);
/// A deadline that is not the one to be seen.
const LONG: Duration = Duration::from_mins(1);

pub(crate) const CONNECT: Duration = Duration::from_millis(150);
const AUTHENTICATION: Duration = Duration::from_millis(100);
const PING: Duration = Duration::from_millis(50);
const PONG: Duration = Duration::from_millis(200);

/// Every deadline is far away, for a scenario to bring one near.
fn patient(config: Config) -> Config {
    Config {
        connect_timeout: LONG,
        authentication_timeout: LONG,
        acknowledgement_timeout: LONG,
        heartbeat_interval: LONG,
        ping_interval: LONG,
        pong_timeout: LONG,
        ..quick(config)
    }
}

/// With a near bound on connecting.
pub(crate) fn connecting(config: Config) -> Config {
    Config {
        connect_timeout: CONNECT,
        ..patient(config)
    }
}

/// It took no less, and hardly more.
pub(crate) fn in_time(begin: Instant, least: Duration, most: Duration) {
    let took = begin.elapsed();
    assert!(took >= least && took <= most + SLACK, "{took:?}");
}

fn step(side: Side, after: u64, action: Action) -> Plan {
    let mut plan = Plan::default();
    plan.course_mut(side).steps.push(Step { after, action });
    plan
}

/// Starts the session. So many attempts, one after the other, are each given up in time.
pub(crate) async fn noticed<R: UnderTest>(client: &FacilitatorClient<R>, attempts: u32) {
    let begin = Instant::now();
    client.start().unwrap();
    for nth in 1..=attempts {
        match lost(client).await {
            LostReason::ConnectFailed(failure) => {
                assert_eq!(failure.kind, ConnectFailureKind::Timeout, "{failure}");
            }
            other => panic!("{other}"),
        }
        in_time(begin, nth * CONNECT, nth * CONNECT);
    }
}

/// After the hole: a job that waits, and a new one.
pub(crate) async fn goes_on<R: UnderTest>(wire: Wire<R>, waiting: &str) {
    wire.take(waiting).await;
    wire.report(waiting).await;
    wire.live().await;
    wire.conclude().await;
}

/// SYNs without an answer.
pub(crate) fn a_black_hole_is_noticed_while_connecting<R: UnderTest>(subject: &Subject<R>) {
    let wire = Wire::new(subject, connecting);
    wire.proxy.clog().unwrap();
    subject.block_on(async move {
        let job = wire.push();
        noticed(&wire.client, 1).await;
        wire.proxy.reopen().unwrap();
        goes_on(wire, &job).await;
    });
}

/// Accepted, and never a word: where TLS begins with the first byte, it is TLS that hangs. The handshake hangs half-way
/// too, after the server's first bytes.
pub(crate) fn a_black_hole_is_noticed_in_the_first_handshake<R: UnderTest>(subject: &Subject<R>) {
    let wire = Wire::new(subject, connecting);
    let half_way = Plan::silent_after(Side::Facilitator, 100);
    wire.proxy.plan_next(Plan::entry(Entry::Mute));
    wire.proxy.plan_next(half_way);
    subject.block_on(async move {
        let job = wire.push();
        noticed(&wire.client, 2).await;
        goes_on(wire, &job).await;
    });
}

/// Half of the request arrives, or half of its answer. Over TLS the proxy stands behind it: that handshake is done.
pub(crate) fn a_black_hole_is_noticed_during_the_upgrade<R: UnderTest>(subject: &Subject<R>) {
    let wire = Wire::within(subject, connecting);
    for side in Side::BOTH {
        wire.proxy.plan_next(Plan::silent_after(side, 100));
    }
    subject.block_on(async move {
        let job = wire.push();
        noticed(&wire.client, 2).await;
        goes_on(wire, &job).await;
    });
}

/// The authentication is lost, or some of it arrives.
pub(crate) fn a_black_hole_is_noticed_during_the_authentication<R: UnderTest>(
    subject: &Subject<R>,
) {
    let wire = Wire::within(subject, |config| Config {
        authentication_timeout: AUTHENTICATION,
        ..patient(config)
    });
    let some = [0, 20];
    for _ in some {
        // The answer to the upgrade waits, until the hole is where it belongs.
        let plan = step(Side::Facilitator, 0, Action::Stall(None));
        wire.proxy.plan_next(plan);
    }
    subject.block_on(async move {
        let job = wire.push();
        let mut events = wire.server.events();
        wire.client.start().unwrap();
        for bytes in some {
            while !matches!(events.next().await, Some(ServerEvent::Connected { .. })) {}
            // The server has nothing to say before it has heard it all.
            wire.proxy
                .plan_on(&step(Side::Client, bytes, Action::Swallow));
            let begin = Instant::now();
            wire.proxy.resume(Side::Facilitator);
            reach(&wire.client, Phase::Authenticating).await;
            let reason = lost(&wire.client).await;
            assert_eq!(reason, LostReason::AuthenticationTimeout);
            in_time(begin, AUTHENTICATION, AUTHENTICATION);
        }
        goes_on(wire, &job).await;
    });
}

/// A session that says nothing but its pings, and one that writes all that it has into the hole.
pub(crate) fn a_black_hole_is_noticed_when_ready<R: UnderTest>(subject: &Subject<R>) {
    for talks in [false, true] {
        let wire = Wire::new(subject, |config| Config {
            ping_interval: PING,
            pong_timeout: PONG,
            connect_timeout: SLACK,
            ..patient(config)
        });
        subject.block_on(async move {
            wire.client.start().unwrap();
            wire.live().await;
            let job = wire.push();
            wire.take(&job).await;
            wire.proxy.swallow(true);
            let begin = Instant::now();
            let noticed = async {
                let reason = lost(&wire.client).await;
                assert_eq!(reason, LostReason::PongTimeout);
                // No less can be said: a ping may have been under way for a while.
                in_time(begin, Duration::ZERO, PING + PONG);
                wire.proxy.swallow(false);
            };
            if talks {
                join(noticed, wire.report(&job)).await;
            } else {
                noticed.await;
                wire.report(&job).await;
            }
            wire.live().await;
            wire.conclude().await;
        });
    }
}

/// Half a hole: what the client says gets stuck, and it still takes what the facilitator says. Two peers that each waited
/// for the other to read would wait for ever.
pub(crate) fn a_peer_that_does_not_read_is_heard<R: UnderTest>(subject: &Subject<R>) {
    let wire = Wire::new(subject, patient);
    subject.block_on(async move {
        wire.client.start().unwrap();
        let mut jobs = Vec::new();
        for _ in 0..JOBS {
            let job = wire.push();
            wire.take(&job).await;
            jobs.push(job);
        }
        wire.proxy.stall(Side::Client);
        let mut receipts = Vec::new();
        for job in &jobs {
            for status in REPORTED {
                let update = match status {
                    JobStatus::Accepted => large(job),
                    _ => update(job, status),
                };
                receipts.push(wire.client.send_job_status(update).await.unwrap());
            }
        }
        let late = wire.push();
        wire.take(&late).await;
        // Besides `received`, nothing has got through.
        assert!(wire.client.stats().statuses_acknowledged <= JOBS);
        wire.proxy.resume(Side::Client);
        for receipt in receipts {
            assert!(receipt.await.outcome.is_delivered());
        }
        wire.report(&late).await;
        wire.conclude().await;
    });
}

/// Together more than all buffers on the way hold.
const JOBS: u64 = 10;
/// In bytes.
const LARGE: usize = 3 << 20;

fn large(job: &str) -> V0JobStatusUpdate {
    let response = MinerResponse {
        docker_process_stdout: "x".repeat(LARGE),
        ..MinerResponse::default()
    };
    let metadata = JobStatusMetadata {
        miner_response: Some(response.into()),
        ..JobStatusMetadata::default()
    };
    V0JobStatusUpdate::new(job, JobStatus::Accepted).with_metadata(metadata)
}
