//! Slow lines, and segments that fit no message. What has to be exact is tested in virtual time, beside the code; here is
//! what real sockets see of it.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use facilitator_tests::pair::Side;
use facilitator_tests::proxy::{Course, Merge, Plan, Profile, Split};

use crate::{Heard, Line, hear, hear_all};

fn course(side: Side, course: Course) -> Plan {
    let mut plan = Plan::default();
    *plan.course_mut(side) = course;
    plan
}

#[test]
fn a_delay_is_one_for_all_that_is_under_way() {
    let line = Line::new();
    let delay = Duration::from_millis(60);
    let slow = || Course {
        delay,
        ..Course::default()
    };
    for side in Side::BOTH {
        // Before the connection: the proxy may read the first word in a turn that began before that word was written.
        let begin = Instant::now();
        let mut ends = line.planned(course(side, slow()));
        let (from, to) = ends.of(side);
        for word in [b"one", b"two", b"six"] {
            from.write_all(word).unwrap();
        }
        assert_eq!(hear(to, 9), b"onetwosix");
        assert!(begin.elapsed() >= delay);
        // The way back is as short as ever.
        to.write_all(b"x").unwrap();
        assert_eq!(hear(from, 1), b"x");
    }
}

#[test]
fn a_narrow_line_takes_its_time() {
    let line = Line::new();
    let narrow = Course {
        bytes_per_second: Some(100_000),
        ..Course::default()
    };
    let said = vec![7; 10_000];
    let begin = Instant::now();
    let mut ends = line.planned(course(Side::Client, narrow));
    ends.client.write_all(&said).unwrap();
    assert_eq!(hear(&mut ends.server, said.len()), said);
    assert!(
        begin.elapsed() >= Duration::from_millis(85),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn segments_are_split() {
    let line = Line::new();
    let threes = |gap| Course {
        split: Some(Split {
            min: 3,
            max: 3,
            gap,
        }),
        ..Course::default()
    };
    // However late it is read, the first lies alone: the second does not come.
    let mut ends = line.planned(course(Side::Client, threes(Duration::from_hours(1))));
    ends.client.write_all(b"0123456789").unwrap();
    let mut first = [0; 16];
    assert_eq!(ends.server.read(&mut first).unwrap(), 3);
    crate::hear_nothing(&mut ends.server);
    // After its time, it does.
    let gap = Duration::from_millis(10);
    let begin = Instant::now();
    let mut ends = line.planned(course(Side::Client, threes(gap)));
    ends.client.write_all(b"0123456789").unwrap();
    assert_eq!(hear(&mut ends.server, 10), b"0123456789");
    assert!(begin.elapsed() >= 3 * gap, "{:?}", begin.elapsed());
}

#[test]
fn segments_are_merged() {
    let line = Line::new();
    let merge = Course {
        merge: Some(Merge {
            bytes: 5,
            wait: Duration::from_hours(1),
        }),
        ..Course::default()
    };
    let mut ends = line.planned(course(Side::Client, merge));
    for byte in b"0123456" {
        ends.client.write_all(&[*byte]).unwrap();
        let sent = u64::from(byte - b'0') + 1;
        while line.proxy.bytes_sent(Side::Client) < sent {
            std::thread::yield_now();
        }
    }
    let mut first = [0; 16];
    assert_eq!(ends.server.read(&mut first).unwrap(), 5);
    crate::hear_nothing(&mut ends.server);
    // The end waits for nobody.
    ends.client.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(hear_all(&mut ends.server), (b"56".into(), Heard::Close));
}

#[test]
fn a_gentle_line_delivers_everything_in_order_whatever_the_seed() {
    let line = Line::new();
    let profile = Profile::gentle(20_000, Duration::from_millis(5));
    let said: Vec<u8> = (0..20_000_u32)
        .map(|n| n.to_le_bytes()[n as usize % 2])
        .collect();
    for seed in 0..24 {
        let plan = Plan::random(seed, &profile);
        let mut ends = line.planned(plan.clone());
        let mut client = ends.client.try_clone().unwrap();
        let mut server = ends.server.try_clone().unwrap();
        std::thread::scope(|scope| {
            for from in [&mut ends.client, &mut ends.server] {
                scope.spawn(|| {
                    for chunk in said.chunks(777) {
                        from.write_all(chunk).unwrap();
                    }
                    from.shutdown(std::net::Shutdown::Write).unwrap();
                });
            }
            for to in [&mut client, &mut server] {
                let (heard, end) = hear_all(to);
                assert_eq!(end, Heard::Close, "seed {seed}: {plan:?}");
                assert!(heard == said, "seed {seed}: {plan:?}");
            }
        });
    }
}
