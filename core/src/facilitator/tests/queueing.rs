//! Frames that wait for a handler that takes its time.

use super::*;

fn slow(server: Server) -> Bench {
    let mut bench = Bench::with_alice(FacilitatorConfig::imitating(server));
    bench.push(JOB);
    bench.drain();
    bench.facilitator.config.handling_time = Duration::from_millis(10);
    bench
}

fn pipeline(bench: &mut Bench, count: usize) {
    for n in 0..count {
        let text = format!(
            r#"{{"message_type":"V0JobStatusUpdate","uuid":"{JOB}","status":"received","x":{n}}}"#
        );
        bench
            .facilitator
            .handle_frame(bench.now, A, Frame::text(text));
    }
}

#[test]
fn frames_are_handled_one_after_another() {
    let mut bench = slow(Server::Uvicorn);
    for status in [JobStatus::Received, JobStatus::Accepted] {
        bench.facilitator.handle_frame(
            bench.now,
            A,
            Frame::text(ValidatorMessage::JobStatus(update(JOB, status)).encode()),
        );
    }
    assert!(bench.drain().is_empty());
    let seen = bench.sleep(1);
    assert_eq!(
        seen,
        [
            format!("0.010s #1 {SUCCESS}"),
            format!("0.020s #1 {SUCCESS}")
        ]
    );
    let at: Vec<_> = bench
        .facilitator
        .job(JOB)
        .unwrap()
        .statuses()
        .iter()
        .map(|stored| stored.at)
        .collect();
    assert_eq!(
        at[1..],
        [10, 20].map(|ms| Timestamp::from_duration(Duration::from_millis(ms)))
    );
}

#[test]
fn a_late_driver_sees_the_same_order_and_times() {
    let mut bench = slow(Server::Uvicorn);
    bench.authenticate(B, "alice");
    bench.sleep(1);
    let start = bench.now;
    pipeline(&mut bench, 2);
    bench
        .facilitator
        .handle_frame(start + Duration::from_millis(5), B, Frame::text("nonsense"));
    bench
        .facilitator
        .handle_timeout(start + Duration::from_secs(1));
    let conns: Vec<String> = bench
        .drain()
        .iter()
        .map(|line| line[..2].to_string())
        .collect();
    assert_eq!(conns, ["#1", "#2", "#1"]);
}

/// What was handled of 100 frames when the connection broke after some answers.
fn handled(server: Server, answers: u64, end: impl Fn(&mut Bench)) -> u64 {
    let mut bench = slow(server);
    pipeline(&mut bench, 100);
    bench.now = bench.now + Duration::from_millis(10 * answers + 1);
    bench.facilitator.handle_timeout(bench.now);
    end(&mut bench);
    bench.sleep(60);
    assert_eq!(bench.facilitator.connections().count(), 0);
    bench.facilitator.stats().malformed
}

#[test]
fn uvicorn_forgets_what_a_lost_connection_left_unhandled_and_daphne_does_not() {
    let abort = |bench: &mut Bench| bench.facilitator.handle_disconnected(bench.now, A);
    assert_eq!(handled(Server::Uvicorn, 0, abort), 1);
    assert_eq!(handled(Server::Uvicorn, 50, abort), 51);
    assert_eq!(handled(Server::Daphne, 0, abort), 100);
    assert_eq!(handled(Server::Daphne, 50, abort), 100);
}

#[test]
fn uvicorn_reads_a_close_frame_32_frames_ahead() {
    let close = |bench: &mut Bench| {
        bench
            .facilitator
            .handle_frame(bench.now, A, Frame::Close(Some(CloseFrame::new(1000))));
    };
    assert_eq!(handled(Server::Uvicorn, 0, close), 68);
    assert_eq!(handled(Server::Uvicorn, 90, close), 91);
    assert_eq!(handled(Server::Daphne, 0, close), 100);
}

#[test]
fn what_is_handled_after_the_peer_went_ends_nothing() {
    let poison = ValidatorMessage::JobStatus(update("nope", JobStatus::Received)).encode();
    for server in [Server::Uvicorn, Server::Daphne] {
        for close in [false, true] {
            let mut bench = slow(server);
            bench
                .facilitator
                .handle_frame(bench.now, A, Frame::text(poison.clone()));
            if close {
                bench.facilitator.handle_frame(
                    bench.now,
                    A,
                    Frame::Close(Some(CloseFrame::new(1000))),
                );
                assert_eq!(bench.drain(), ["#1 close 1000"]);
            } else {
                bench.facilitator.handle_disconnected(bench.now, A);
                assert!(bench.drain().is_empty());
            }
            assert_eq!(bench.facilitator.stats().crashes, 1);
            assert_eq!(bench.facilitator.connections().count(), 0);
        }
    }
}

#[test]
fn a_push_comes_between_answers() {
    let mut bench = slow(Server::Daphne);
    pipeline(&mut bench, 100);
    bench.now = bench.now + Duration::from_millis(15);
    bench.facilitator.handle_timeout(bench.now);
    bench.push(OTHER_JOB);
    let seen = bench.sleep(5);
    assert_eq!(seen.len(), 101);
    assert!(seen[1].contains("V2JobRequest"));
}

#[test]
fn a_crash_forgets_what_waits() {
    let mut bench = slow(Server::Daphne);
    bench.facilitator.handle_frame(
        bench.now,
        A,
        Frame::text(ValidatorMessage::JobStatus(update("nope", JobStatus::Received)).encode()),
    );
    pipeline(&mut bench, 5);
    assert_eq!(bench.sleep(10), ["1.010s #1 close 1011"]);
    assert_eq!(bench.facilitator.stats().malformed, 0);
}

#[test]
fn an_inbox_has_an_end() {
    let mut bench = slow(Server::Daphne);
    bench.facilitator.config.limits.inbox_frames = 3;
    pipeline(&mut bench, 3);
    assert!(bench.drain().is_empty());
    pipeline(&mut bench, 1);
    assert_eq!(bench.drain(), ["#1 drop"]);
}
