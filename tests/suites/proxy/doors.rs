//! Connections that never come about.

use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use facilitator_tests::proxy::{Entry, Plan};

use crate::{Heard, Line, hear_all, hear_nothing};

#[test]
fn a_closed_door_refuses_and_can_be_opened_again() {
    let line = Line::new();
    let mut before = line.ends();
    for _ in 0..3 {
        line.proxy.refuse().unwrap();
        let error = TcpStream::connect(line.proxy.address()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        before.check();
        line.proxy.reopen().unwrap();
        line.ends().check();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_backlog_answers_nobody_and_can_be_emptied() {
    let line = Line::new();
    let mut before = line.ends();
    for _ in 0..3 {
        line.proxy.clog().unwrap();
        for _ in 0..2 {
            let attempt =
                TcpStream::connect_timeout(&line.proxy.address(), Duration::from_millis(50));
            assert_eq!(attempt.unwrap_err().kind(), ErrorKind::TimedOut);
        }
        before.check();
        line.proxy.reopen().unwrap();
        line.ends().check();
    }
    // What filled the backlog was never a connection of the server.
    line.server.set_nonblocking(true).unwrap();
    assert_eq!(
        line.server.accept().unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
}

#[test]
fn one_door_after_the_other() {
    let line = Line::new();
    line.proxy.refuse().unwrap();
    line.proxy.refuse().unwrap();
    #[cfg(target_os = "linux")]
    {
        line.proxy.clog().unwrap();
        line.proxy.clog().unwrap();
        line.proxy.refuse().unwrap();
    }
    line.proxy.reopen().unwrap();
    line.proxy.reopen().unwrap();
    line.ends().check();
}

#[test]
fn who_is_accepted_may_be_sent_away() {
    let line = Line::new();
    for (entry, heard) in [(Entry::HangUp, Heard::Close), (Entry::Reset, Heard::Reset)] {
        line.proxy.plan_next(Plan::entry(entry));
        let mut client = line.client();
        if entry == Entry::HangUp {
            // Who is sent away in order may have said something, and does not hear of it.
            let _ = client.write_all(b"hello?");
        }
        assert_eq!(hear_all(&mut client), (Vec::new(), heard));
    }
    line.ends().check();
    assert_eq!(line.proxy.connections(), 3);
}

#[test]
fn who_is_accepted_may_be_left_alone() {
    let line = Line::new();
    line.proxy.plan_next(Plan::entry(Entry::Mute));
    let mut client = line.client();
    client.write_all(b"hello?").unwrap();
    hear_nothing(&mut client);
    line.ends().check();
}

#[test]
fn a_dead_server_is_a_reset() {
    let Line { server, proxy } = Line::new();
    drop(server);
    let mut client = TcpStream::connect(proxy.address()).unwrap();
    assert_eq!(hear_all(&mut client), (Vec::new(), Heard::Reset));
}
