//! Connections, restarts, bounds, determinism.

use super::*;

#[test]
fn nothing_is_answered_on_connections_that_are_not_there() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.facilitator.handle_disconnected(bench.now, A);
    assert!(bench.drain().is_empty());
    assert!(bench.status(A, JOB, JobStatus::Received).is_empty());
    assert!(bench.text(B, "nonsense").is_empty());
    bench.facilitator.handle_disconnected(bench.now, B);
    assert!(bench.drain().is_empty());
    assert_eq!(bench.facilitator.stats().stray_inputs, 3);
    assert_eq!(bench.facilitator.poll_timeout(), None);
}

#[test]
fn a_number_in_use_is_not_taken_twice() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.connect(A);
    assert!(bench.send(A, &ValidatorMessage::Heartbeat).is_empty());
}

#[test]
fn a_close_frame_is_answered_with_its_own_code() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench
        .facilitator
        .handle_frame(bench.now, A, Frame::Close(Some(CloseFrame::new(1000))));
    assert_eq!(bench.drain(), ["#1 close 1000"]);
}

#[test]
fn a_message_above_the_limit_is_closed_with_1009() {
    let mut config = FacilitatorConfig::default();
    config.limits.message_size = 100;
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.facilitator.config = config;
    assert_eq!(kinds(&bench.text(A, &" ".repeat(100))), ["json_invalid"]);
    assert_eq!(bench.text(A, &" ".repeat(101)), ["#1 close 1009"]);
}

#[test]
fn a_message_that_the_websocket_layer_refused_is_closed_with_1009() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.facilitator.handle_message_too_big(bench.now, B);
    assert!(bench.drain().is_empty());
    bench.facilitator.handle_message_too_big(bench.now, A);
    assert_eq!(bench.drain(), ["#1 close 1009"]);
}

#[test]
fn connections_and_validators_have_a_bound() {
    let mut config = FacilitatorConfig::default();
    config.limits.connections = 2;
    config.limits.validators = 1;
    let mut bench = Bench::with_alice(config);
    assert_eq!(
        kinds(&bench.authenticate(B, "bob")),
        ["auth.validator_not_found", "close 3001"]
    );
    bench.connect(B);
    bench.connect(ConnectionId(3));
    assert_eq!(bench.drain(), ["#3 close 1013"]);
}

#[test]
fn a_restart_drops_all_and_forgets_as_told() {
    for (memory, kind) in [(Memory::Kept, "success"), (Memory::Lost, "job.not_found")] {
        let mut bench = Bench::with_alice(FacilitatorConfig::default());
        bench.push(JOB);
        bench.connect(B);
        bench.drain();
        bench.facilitator.restart(bench.now, memory);
        assert_eq!(bench.drain(), ["#1 drop", "#2 drop"]);
        bench.authenticate(ConnectionId(3), "alice");
        assert_eq!(
            kinds(&bench.status(ConnectionId(3), JOB, JobStatus::Received)),
            [kind]
        );
    }
}

#[test]
fn a_mute_connection_is_heard_and_hears_nothing() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.push(JOB);
    bench.drain();
    bench.facilitator.set_mute(A, true);
    assert!(bench.status(A, JOB, JobStatus::Received).is_empty());
    assert!(bench.sleep(20).is_empty());
    bench.facilitator.set_mute(A, false);
    assert_eq!(
        kinds(&bench.status(A, JOB, JobStatus::Accepted)),
        ["success"]
    );
    assert_eq!(
        bench.stored(JOB),
        [JobStatus::Sent, JobStatus::Received, JobStatus::Accepted]
    );
}

#[test]
fn a_binary_frame_is_no_message() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench
        .facilitator
        .handle_frame(bench.now, A, Frame::Binary(Arc::from(b"{}".as_slice())));
    assert_eq!(kinds(&bench.drain()), ["json_type"]);
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let run = || {
        let mut bench = Bench::with_alice(FacilitatorConfig::imitating(Server::Daphne));
        bench.authenticate(B, "bob");
        bench.push(JOB);
        let mut seen = bench.drain();
        seen.extend(bench.status(B, JOB, JobStatus::Received));
        seen.extend(bench.text(A, "nonsense"));
        seen.extend(bench.status(B, "nope", JobStatus::Received));
        seen.extend(bench.sleep(120));
        (seen, bench.events, bench.facilitator)
    };
    assert!(run() == run());
}
