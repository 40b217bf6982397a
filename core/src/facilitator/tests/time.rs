//! What happens by itself: pings, and connections given up.

use super::*;

#[test]
fn pings_go_out_every_20_seconds() {
    let mut bench = Bench::imitating(Server::Uvicorn);
    bench.connect(A);
    let mut seen = bench.sleep(21);
    bench
        .facilitator
        .handle_frame(bench.now, A, Frame::Pong(Arc::from([0_u8; 4].as_slice())));
    seen.extend(bench.sleep(24));
    assert_eq!(seen, ["20.000s #1 ping", "40.000s #1 ping"]);
}

#[test]
fn a_peer_that_is_silent_after_a_ping_is_given_up() {
    for (server, last) in [
        (Server::Uvicorn, "40.000s #1 close 1011"),
        (Server::Daphne, "50.000s #1 drop"),
    ] {
        let mut bench = Bench::imitating(server);
        bench.connect(A);
        assert_eq!(bench.sleep(100).last().unwrap(), last);
    }
}

#[test]
fn a_validator_without_heartbeats_is_closed_with_3001_after_10_minutes() {
    let config = FacilitatorConfig {
        ping_interval: None,
        ..FacilitatorConfig::default()
    };
    let mut bench = Bench::with_alice(config);
    bench.sleep(100);
    bench.send(A, &ValidatorMessage::Heartbeat);
    assert_eq!(bench.sleep(1000), ["700.000s #1 close 3001"]);
    assert_eq!(bench.facilitator.poll_timeout(), None);
}

#[test]
fn while_output_is_queued_the_timeout_is_now() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.wait(7);
    bench
        .facilitator
        .handle_frame(bench.now, A, Frame::text("nonsense"));
    assert_eq!(bench.facilitator.poll_timeout(), Some(bench.now));
    bench.drain();
    assert_eq!(
        bench.facilitator.poll_timeout(),
        Some(Timestamp::ZERO + Duration::from_secs(20))
    );
}

#[test]
fn early_late_and_repeated_ticks_change_nothing() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.facilitator.handle_timeout(Timestamp::ZERO);
    bench
        .facilitator
        .handle_timeout(Timestamp::ZERO + Duration::from_secs(19));
    assert!(bench.drain().is_empty());
    bench
        .facilitator
        .handle_timeout(Timestamp::ZERO + Duration::from_secs(35));
    bench
        .facilitator
        .handle_timeout(Timestamp::ZERO + Duration::from_secs(35));
    bench
        .facilitator
        .handle_timeout(Timestamp::ZERO + Duration::from_secs(1));
    assert_eq!(bench.drain(), ["#1 ping"]);
}
