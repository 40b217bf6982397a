//! Machine specs are never answered: they leave the outbox when something proves that the peer has read past them.

use facilitator_core::Frame;
use facilitator_core::client::{Outcome, SendError, UpdateId};
use facilitator_core::message::{JobStatus, Json, MAX_DEPTH, MAX_VALUES};
use facilitator_tests::solo::{SUCCESS, Solo, config, error_at, job, specs};

fn send(solo: &mut Solo, n: u128) -> UpdateId {
    solo.client
        .send_machine_specs(solo.now, "5Miner", &job(n), specs())
        .unwrap()
}

#[test]
fn the_pong_of_a_later_ping_proves_them() {
    let mut solo = Solo::ready(config());
    let id = send(&mut solo, 1);
    let out = solo.take();
    assert_eq!(out.specs(), 1);
    assert!(
        out.texts()[0].contains(solo.client.hotkey()),
        "with the validator's own hotkey"
    );
    let [ping] = &out.pings()[..] else {
        panic!("no ping after the specs")
    };
    solo.receive_frame(Frame::Pong(ping.clone()));
    assert_eq!(solo.take().outcome(id), &Outcome::Acknowledged);
}

#[test]
fn the_pong_of_an_earlier_ping_proves_nothing() {
    let mut solo = Solo::ready(config());
    solo.pass(config().ping_interval);
    let earlier = solo.take().pings();
    let id = send(&mut solo, 1);
    solo.receive_frame(Frame::Pong(earlier[0].clone()));
    let out = solo.take();
    assert!(out.receipts().is_empty());
    // The pong has freed the way for a ping of their own.
    solo.receive_frame(Frame::Pong(out.pings()[0].clone()));
    assert_eq!(solo.take().outcome(id), &Outcome::Acknowledged);
}

#[test]
fn the_answer_to_a_later_status_proves_them_to_an_earlier_one_does_not() {
    let mut solo = Solo::ready(config());
    solo.send(&job(1), JobStatus::Accepted);
    let id = send(&mut solo, 7);
    solo.send(&job(2), JobStatus::Accepted);
    solo.take();
    solo.receive(SUCCESS);
    assert_eq!(solo.take().receipts().len(), 1);
    solo.receive(SUCCESS);
    assert_eq!(solo.take().outcome(id), &Outcome::Acknowledged);
}

#[test]
fn what_was_read_can_be_refused_yet_and_does_not_fall_on_the_next() {
    const REFUSAL: &str = r#"["V0MachineSpecsUpdate","specs"]"#;
    let mut solo = Solo::ready(config());
    let first = send(&mut solo, 1);
    let ping = solo.take().pings().remove(0);
    solo.receive_frame(Frame::Pong(ping));
    let second = send(&mut solo, 2);
    assert_eq!(solo.take().outcome(first), &Outcome::Acknowledged);
    // The handler is behind what was read: this may be about either.
    solo.receive(&error_at("missing", REFUSAL));
    solo.cut();
    let out = solo.take();
    assert!(out.receipts().is_empty(), "{:?}", out.events);
    solo.reconnect();
    let out = solo.take();
    assert_eq!(out.specs(), 1);
    solo.receive(&error_at("missing", REFUSAL));
    assert!(matches!(solo.take().outcome(second), Outcome::Refused(_)));
    solo.receive_frame(Frame::Pong(out.pings()[0].clone()));

    // Once a status that was sent after them is answered, they were handled.
    let third = send(&mut solo, 3);
    let ping = solo.take().pings().remove(0);
    solo.receive_frame(Frame::Pong(ping));
    solo.send(&job(1), JobStatus::Accepted);
    solo.receive(SUCCESS);
    let fourth = send(&mut solo, 4);
    solo.receive(&error_at("missing", REFUSAL));
    let out = solo.take();
    assert_eq!(out.outcome(third), &Outcome::Acknowledged);
    assert!(matches!(out.outcome(fourth), Outcome::Refused(_)));
}

#[test]
fn after_a_break_they_are_sent_again() {
    let mut solo = Solo::ready(config());
    let ids: Vec<_> = (0..20).map(|n| send(&mut solo, n)).collect();
    solo.cut();
    solo.take();
    solo.reconnect();
    let mut receipts = Vec::new();
    for _ in 0..40 {
        let out = solo.take();
        receipts.extend(out.receipts().into_iter().map(|receipt| receipt.id));
        for ping in out.pings() {
            solo.receive_frame(Frame::Pong(ping));
        }
    }
    assert_eq!(receipts, ids, "all of them, in order");
}

#[test]
fn they_go_in_slices_and_statuses_overtake_them() {
    let mut solo = Solo::ready(config());
    for n in 0..100 {
        send(&mut solo, n);
    }
    assert_eq!(solo.take().specs(), 8);
    solo.send(&job(1), JobStatus::Accepted);
    assert_eq!(solo.take().statuses().len(), 1);
}

#[test]
fn their_number_is_bounded() {
    let mut config = config();
    config.specs_entries = 3;
    let mut solo = Solo::ready(config);
    for n in 0..3 {
        send(&mut solo, n);
    }
    let error = solo
        .client
        .send_machine_specs(solo.now, "5X", &job(9), specs())
        .unwrap_err();
    assert_eq!(
        error,
        SendError::Full {
            owed: 3,
            capacity: 3
        }
    );
}

#[test]
fn what_is_sent_again_is_counted() {
    let mut solo = Solo::ready(config());
    send(&mut solo, 1);
    solo.take();
    solo.cut();
    solo.reconnect();
    let stats = solo.client.stats();
    assert_eq!((stats.specs_sent, stats.specs_resent), (2, 1));
}

#[test]
fn what_could_not_be_read_back_is_refused_at_the_door() {
    let nested = |depth| Json::parse(&("[".repeat(depth) + "1" + &"]".repeat(depth))).unwrap();
    let many = || Json::parse(&format!("[{}1]", "1,".repeat(MAX_VALUES / 2))).unwrap();
    let mut solo = Solo::ready(config());
    let mut send = |more: &[Json]| {
        let mut map = specs();
        for (n, value) in more.iter().enumerate() {
            map.insert(n.to_string(), value.clone());
        }
        let sent = solo
            .client
            .send_machine_specs(solo.now, "5Miner", &job(1), map);
        sent.map(drop)
    };
    // The message and its specs are two levels themselves.
    assert_eq!(send(&[nested(MAX_DEPTH - 2)]), Ok(()));
    assert_eq!(send(&[nested(MAX_DEPTH - 1)]), Err(SendError::TooComplex));
    assert_eq!(send(&[many()]), Ok(()));
    assert_eq!(send(&[many(), many()]), Err(SendError::TooComplex));
    // So whatever is owed can be put into another session.
    solo.client.abort(solo.now).unwrap();
    let mut new = Solo::new(config());
    let snapshot = solo.client.snapshot(solo.now);
    assert_eq!(new.client.restore(new.now, &snapshot).unwrap().len(), 2);
}
