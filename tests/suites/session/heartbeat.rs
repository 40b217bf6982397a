//! One heartbeat right after authentication, then one every period, and never a queue of them.

use std::time::Duration;

use facilitator_core::Frame;
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{Solo, config, job};

/// Lets time pass with a peer that answers pings.
fn pass(solo: &mut Solo, duration: Duration) -> usize {
    let mut beats = 0;
    let end = solo.now + duration;
    while solo.now < end {
        solo.pass(Duration::from_secs(5).min(end.saturating_duration_since(solo.now)));
        let out = solo.take();
        beats += out.heartbeats();
        for ping in out.pings() {
            solo.receive_frame(Frame::Pong(ping));
        }
    }
    beats
}

#[test]
fn sixty_in_an_hour() {
    let mut solo = Solo::ready(config());
    assert_eq!(pass(&mut solo, Duration::from_hours(1)), 60);
}

#[test]
fn a_suspended_machine_sends_one_not_hundreds() {
    let mut config = config();
    config.ping_interval = Duration::from_hours(24);
    let mut solo = Solo::ready(config);
    solo.suspend(Duration::from_hours(8));
    assert_eq!(solo.take().heartbeats(), 1);
}

#[test]
fn a_full_outbox_does_not_starve_them() {
    let mut solo = Solo::ready(config());
    for n in 0..400 {
        solo.send(&job(n), JobStatus::Accepted);
    }
    solo.take();
    let mut beats = 0;
    for _ in 0..90 {
        solo.pass(Duration::from_secs(1));
        solo.receive(facilitator_tests::solo::SUCCESS);
        let out = solo.take();
        beats += out.heartbeats();
        for ping in out.pings() {
            solo.receive_frame(Frame::Pong(ping));
        }
    }
    assert_eq!(beats, 1);
}
