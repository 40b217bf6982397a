//! A peer that is slow is not mistaken for one that is gone; what lets it wait for too long is suspected.

use std::time::Duration;

use facilitator_core::Frame;
use facilitator_core::client::{Config, Outcome, Phase};
use facilitator_core::message::{JobStatus, JobStatusMetadata, MinerResponse, V0JobStatusUpdate};
use facilitator_tests::solo::{Outputs, SUCCESS, Solo, config, job};

#[test]
fn a_peer_that_answers_stays() {
    let mut solo = Solo::ready(config());
    for _ in 0..1000 {
        solo.pass(Duration::from_secs(7));
        for ping in solo.take().pings() {
            solo.receive_frame(Frame::Pong(ping));
        }
    }
    assert_eq!(solo.client.phase(), Phase::Ready);
    assert_eq!(solo.client.stats().sessions, 1);
}

#[test]
fn a_busy_peer_that_answers_its_pings_late_is_alive() {
    let mut solo = Solo::ready(config());
    for _ in 0..7 {
        solo.pass(Duration::from_secs(10));
        solo.receive_frame(Frame::Ping([0][..].into()));
    }
    assert_eq!(solo.client.phase(), Phase::Ready);
    let pings = solo.take().pings();
    assert_eq!(
        pings.len(),
        1,
        "one ping is unanswered, so there is no second"
    );
    solo.receive_frame(Frame::Pong(pings[0].clone()));
    // Now it falls silent for good.
    solo.pass(config().ping_interval + config().pong_timeout);
    assert_ne!(solo.client.phase(), Phase::Ready);
}

#[test]
fn a_peer_that_talks_but_reads_nothing_is_replaced() {
    let mut solo = Solo::ready(config());
    let begin = solo.now;
    while solo.client.phase() == Phase::Ready {
        solo.pass(Duration::from_secs(1));
        solo.receive_frame(Frame::Ping([0][..].into()));
    }
    let bound = config().ping_interval + config().pong_timeout * 3;
    assert_eq!(solo.now.saturating_duration_since(begin), bound);
}

#[test]
fn an_unsolicited_pong_proves_nothing() {
    let mut solo = Solo::ready(config());
    solo.pass(config().ping_interval);
    assert_eq!(solo.take().pings().len(), 1);
    solo.receive_frame(Frame::Pong([9; 8][..].into()));
    solo.pass(config().pong_timeout);
    assert_eq!(solo.client.phase(), Phase::Waiting);
}

#[test]
fn a_facilitator_that_reads_but_never_answers_is_replaced() {
    let mut solo = Solo::ready(config());
    solo.send(&job(1), JobStatus::Accepted);
    let begin = solo.now;
    while solo.client.phase() == Phase::Ready {
        solo.pass(Duration::from_secs(1));
        for ping in solo.take().pings() {
            solo.receive_frame(Frame::Pong(ping));
        }
    }
    // A moment more than the bound: the update's own time on the way.
    let waited = solo.now.saturating_duration_since(begin);
    assert!(waited >= config().acknowledgement_timeout);
    assert!(waited <= config().acknowledgement_timeout + Duration::from_secs(1));
}

#[test]
fn a_large_update_is_given_the_time_that_a_slow_line_takes() {
    let response = MinerResponse {
        docker_process_stdout: "x".repeat(8 << 20),
        ..MinerResponse::default()
    };
    let metadata = JobStatusMetadata {
        miner_response: Some(response.into()),
        ..JobStatusMetadata::default()
    };
    let update = V0JobStatusUpdate::new(job(1), JobStatus::Completed).with_metadata(metadata);
    let mut solo = Solo::ready(config());
    solo.client.send_job_status(solo.now, update).unwrap();
    // Two minutes at half a megabit a second; the ping stands behind it in the same line.
    solo.pass(Duration::from_mins(2));
    assert_eq!(solo.client.phase(), Phase::Ready);
    solo.receive(SUCCESS);
    assert_eq!(solo.client.stats().statuses_acknowledged, 1);
}

/// Lets deadlines break the connection three times while an update is unanswered.
fn broken_by_deadlines(config: Config, peer_answers_pings: bool) {
    let mut solo = Solo::ready(config);
    let id = solo.send(&job(1), JobStatus::Accepted);
    let mut told = Outputs::default();
    for breaks in 1..=3 {
        assert!(told.receipts().is_empty(), "after {breaks} breaks");
        while solo.client.phase() == Phase::Ready {
            solo.pass(Duration::from_secs(1));
            let out = solo.take();
            for ping in out.pings().into_iter().filter(|_| peer_answers_pings) {
                solo.receive_frame(Frame::Pong(ping));
            }
            told.append(out);
        }
        solo.reconnect();
    }
    assert!(matches!(told.outcome(id), Outcome::SetAside(_)));
}

#[test]
fn an_update_that_nobody_ever_answers_is_set_aside() {
    broken_by_deadlines(config(), true);
}

#[test]
fn an_update_that_silences_the_peer_is_set_aside() {
    let config = Config {
        acknowledgement_timeout: Duration::from_hours(1),
        ..config()
    };
    broken_by_deadlines(config, false);
}

#[test]
fn a_peer_may_be_given_all_the_time_there_is() {
    let mut solo = Solo::ready(Config {
        pong_timeout: Duration::MAX,
        ..config()
    });
    solo.pass(Duration::from_hours(1));
    assert_eq!(solo.client.phase(), Phase::Ready);
    assert_eq!(solo.take().pings().len(), 1);
}
