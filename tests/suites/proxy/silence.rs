//! Half-open connections, and those of which one side does not read.

use std::io::{ErrorKind, Write as _};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use facilitator_tests::pair::Side;
use facilitator_tests::proxy::{Action, Cut, Plan, Step};

use crate::{Heard, Line, hear, hear_all, hear_nothing, other};

#[test]
fn after_its_byte_a_connection_is_silent_both_ways_for_ever() {
    let line = Line::new();
    for side in Side::BOTH {
        let mut ends = line.planned(Plan::silent_after(side, 3));
        let (from, to) = ends.of(side);
        from.write_all(b"abcdef").unwrap();
        assert_eq!(hear(to, 3), b"abc");
        to.write_all(b"answer").unwrap();
        hear_nothing(from);
        hear_nothing(to);
        // Not even an end passes.
        from.shutdown(Shutdown::Write).unwrap();
        hear_nothing(to);
        line.proxy.cut_all(Cut::Reset);
        assert_eq!(hear_all(to).1, Heard::Reset);
    }
}

#[test]
fn one_direction_alone_can_be_lost() {
    let line = Line::new();
    for side in Side::BOTH {
        let mut plan = Plan::default();
        plan.course_mut(side).steps.push(Step {
            after: 2,
            action: Action::Swallow,
        });
        let mut ends = line.planned(plan);
        let (from, to) = ends.of(side);
        from.write_all(b"abcd").unwrap();
        assert_eq!(hear(to, 2), b"ab");
        hear_nothing(to);
        to.write_all(b"still here").unwrap();
        assert_eq!(hear(from, 10), b"still here");
        // Its end is lost too: the other side thinks that it is there.
        from.shutdown(Shutdown::Write).unwrap();
        hear_nothing(to);
    }
}

#[test]
fn swallowed_connections_stay_silent_and_others_come_to_life_again() {
    let line = Line::new();
    let (mut loses, mut rests) = (line.ends(), line.ends());
    loses.check();
    rests.check();
    line.proxy.swallow(true);
    let mut comes = line.ends();
    loses.client.write_all(b"lost").unwrap();
    comes.client.write_all(b"lost too").unwrap();
    // What was not read by now would pass later. The newest is read last.
    while line.proxy.bytes_sent(Side::Client) < 8 {
        std::thread::yield_now();
    }
    hear_nothing(&mut loses.server);
    hear_nothing(&mut comes.server);
    line.proxy.swallow(false);
    loses.client.write_all(b"in vain").unwrap();
    hear_nothing(&mut loses.server);
    rests.check();
    line.ends().check();
}

#[test]
fn a_stall_holds_the_sender_up_and_loses_nothing() {
    let line = Line::new();
    for side in Side::BOTH {
        let mut ends = line.ends();
        ends.check();
        line.proxy.stall(side);
        let (from, to) = ends.of(side);
        from.set_write_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        // The buffers of both sockets, and then no more.
        let mut sent = 0;
        let chunk = vec![b'x'; 64 * 1024];
        let error = loop {
            match from.write(&chunk) {
                Ok(bytes) => sent += bytes,
                Err(error) => break error,
            }
            assert!(sent < 256 << 20, "nobody holds the sender up");
        };
        assert!(matches!(
            error.kind(),
            ErrorKind::WouldBlock | ErrorKind::TimedOut
        ));
        hear_nothing(to);
        // The other direction knows nothing of it.
        to.write_all(b"word").unwrap();
        assert_eq!(hear(from, 4), b"word");
        line.proxy.resume(side);
        assert_eq!(hear(to, sent), vec![b'x'; sent]);
    }
}

#[test]
fn a_stall_can_begin_at_a_byte_and_end_by_itself() {
    let line = Line::new();
    let pause = Duration::from_millis(80);
    for side in Side::BOTH {
        for time in [Some(pause), None] {
            let mut plan = Plan::default();
            plan.course_mut(side).steps.push(Step {
                after: 2,
                action: Action::Stall(time),
            });
            let begin = Instant::now();
            let mut ends = line.planned(plan);
            let (from, to) = ends.of(side);
            from.write_all(b"abcd").unwrap();
            assert_eq!(hear(to, 2), b"ab");
            if time.is_none() {
                hear_nothing(to);
                line.proxy.resume(side);
            }
            assert_eq!(hear(to, 2), b"cd");
            assert!(begin.elapsed() >= pause);
            assert_eq!(line.proxy.bytes_sent(side), 4);
            assert_eq!(line.proxy.bytes_sent(other(side)), 0);
        }
    }
}

#[test]
fn what_was_written_before_a_silence_and_not_read_is_lost() {
    let line = Line::new();
    let mut plan = Plan::silent_after(Side::Facilitator, 0);
    plan.client.delay = Duration::from_hours(1);
    let mut ends = line.planned(plan);
    ends.client.write_all(b"under way").unwrap();
    hear_nothing(&mut ends.server);
}
