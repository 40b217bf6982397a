//! Connections end at their byte, in their way, and only they.

use std::io::Write as _;
use std::net::Shutdown;

use facilitator_tests::pair::Side;
use facilitator_tests::proxy::{Cut, Plan};

use crate::{Ends, Heard, Line, hear, hear_all};

const KINDS: [(Cut, Heard); 2] = [(Cut::Close, Heard::Close), (Cut::Reset, Heard::Reset)];

#[test]
fn without_a_plan_everything_passes() {
    let line = Line::new();
    let mut ends = line.ends();
    ends.check();
    let large: Vec<u8> = (0..3 << 20).map(|n: u32| n.to_le_bytes()[0]).collect();
    for side in Side::BOTH {
        let (from, to) = ends.of(side);
        std::thread::scope(|scope| {
            scope.spawn(|| from.write_all(&large).unwrap());
            assert_eq!(hear(to, large.len()), large);
        });
        assert_eq!(line.proxy.bytes_sent(side), 4 + large.len() as u64);
    }
}

#[test]
fn the_end_of_one_direction_is_none_of_the_other() {
    let line = Line::new();
    for side in Side::BOTH {
        let mut ends = line.ends();
        let (from, to) = ends.of(side);
        from.write_all(b"last words").unwrap();
        from.shutdown(Shutdown::Write).unwrap();
        assert_eq!(hear_all(to), (b"last words".into(), Heard::Close));
        to.write_all(b"answer").unwrap();
        assert_eq!(hear(from, 6), b"answer");
    }
}

#[test]
fn a_cut_comes_after_its_byte_in_its_way() {
    let line = Line::new();
    for side in Side::BOTH {
        for (cut, heard) in KINDS {
            for bytes in 0..=5 {
                let mut ends = line.planned(Plan::cut_after(side, bytes, cut));
                let (from, to) = ends.of(side);
                let said = from.write_all(b"abcde");
                let (words, end) = hear_all(to);
                assert_eq!(words, b"abcde"[..usize::try_from(bytes).unwrap()]);
                assert_eq!(end, heard, "{side:?} after {bytes}");
                // Who writes to a connection that is reset already learns it then, and only then.
                if said.is_ok() {
                    assert_eq!(hear_all(from), (Vec::new(), heard));
                }
            }
        }
    }
}

#[test]
fn a_cut_at_a_byte_waits_for_it_and_takes_it_away() {
    let line = Line::new();
    for side in Side::BOTH {
        for (cut, heard) in KINDS {
            let mut ends = line.planned(Plan::cut_at(side, 3, cut));
            let (from, to) = ends.of(side);
            from.write_all(b"abc").unwrap();
            assert_eq!(hear(to, 3), b"abc");
            crate::hear_nothing(to);
            from.write_all(b"d").unwrap();
            assert_eq!(hear_all(to), (Vec::new(), heard));
        }
    }
}

#[test]
fn a_reset_by_one_end_reaches_the_other() {
    let line = Line::new();
    for side in Side::BOTH {
        let Ends { client, server } = line.ends();
        let (mut gone, mut left) = match side {
            Side::Client => (client, server),
            Side::Facilitator => (server, client),
        };
        left.write_all(b"unread").unwrap();
        assert_eq!(hear(&mut gone, 1), b"u");
        // A socket that is closed with something unread is reset.
        drop(gone);
        assert_eq!(hear_all(&mut left), (Vec::new(), Heard::Reset), "{side:?}");
    }
}

#[test]
fn a_cut_of_all_cuts_all_that_are_there() {
    let line = Line::new();
    for (cut, heard) in KINDS {
        let mut old = [line.ends(), line.ends()];
        for ends in &mut old {
            ends.check();
        }
        line.proxy.cut_all(cut);
        for ends in &mut old {
            assert_eq!(hear_all(&mut ends.client), (Vec::new(), heard));
            assert_eq!(hear_all(&mut ends.server), (Vec::new(), heard));
        }
        line.ends().check();
    }
}

#[test]
fn what_was_sent_is_heard_before_a_close() {
    let line = Line::new();
    let mut ends = line.ends();
    let said = vec![b'x'; 40_000];
    ends.client.write_all(&said).unwrap();
    assert_eq!(hear(&mut ends.server, 1), b"x");
    while line.proxy.bytes_sent(Side::Client) < 40_000 {
        std::thread::yield_now();
    }
    assert_eq!(hear(&mut ends.server, 39_999).len(), 39_999);
    // The client goes on talking into a connection that has ended: it is no error, and changes nothing.
    line.proxy.cut_all(Cut::Close);
    let _ = ends.client.write_all(&said);
    assert_eq!(hear_all(&mut ends.server), (Vec::new(), Heard::Close));
    assert_eq!(hear_all(&mut ends.client), (Vec::new(), Heard::Close));
}

#[test]
fn the_end_of_the_proxy_is_the_end_of_all() {
    let line = Line::new();
    let mut ends = line.ends();
    ends.check();
    let address = line.proxy.address();
    drop(line.proxy);
    assert_eq!(hear_all(&mut ends.client).0, b"");
    assert_eq!(hear_all(&mut ends.server).0, b"");
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn one_connection_too_many_ends_the_oldest() {
    let line = Line::new();
    let mut oldest = line.ends();
    let mut others: Vec<_> = (0..63).map(|_| line.ends()).collect();
    assert_eq!(line.proxy.open_connections(), 64);
    oldest.check();
    let mut newest = line.ends();
    newest.check();
    assert_eq!(hear_all(&mut oldest.client).1, Heard::Reset);
    for ends in &mut others {
        ends.check();
    }
    assert_eq!(line.proxy.open_connections(), 64);
    assert_eq!(line.proxy.connections(), 65);
}
