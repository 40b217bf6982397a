//! Everything that a line can do, by seed: cut, silent, slow, in pieces. What comes of it is for the facilitator's record
//! to say.
//!
//! Each test has seeds of its own. `FAULT_SEED` gives it others, `FAULT_SEEDS` more of them; a test that fails prints its
//! seed, and what happened to each connection.
#![expect(
    clippy::print_stdout,
    reason = "what a failing test prints is what it can be repeated with"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use facilitator_core::client::{Config, Event};
use facilitator_tests::proxy::{Plan, Profile};
use facilitator_tests::solo::update;

use crate::session::REPORTED;
use crate::wire::{Wire, env_number, quick, seed_of};
use crate::{Subject, UnderTest};

/// Jobs of one storm: each side has some kilobytes to say.
const JOBS: usize = 6;
/// Storms of one test.
const SEEDS: u64 = 2;
/// An update that breaks three connections in a row is set aside, by design. So one connection of three is sound.
const SOUND: u64 = 3;
/// Until a silence is noticed, whatever waits for an answer.
const SILENCE: Duration = Duration::from_millis(800);

pub(crate) fn a_storm_loses_and_reorders_nothing<R: UnderTest>(subject: &Subject<R>) {
    let first = seed_of(subject.test);
    for nth in 0..env_number("FAULT_SEEDS").unwrap_or(SEEDS) {
        subject.block_on(storm(subject, first.wrapping_add(nth)));
    }
}

async fn storm<R: UnderTest>(subject: &Subject<R>, seed: u64) {
    println!("seed {seed}");
    let wire = Wire::new(subject, |config| Config {
        connect_timeout: SILENCE,
        authentication_timeout: SILENCE,
        acknowledgement_timeout: SILENCE,
        ping_interval: SILENCE / 8,
        pong_timeout: SILENCE,
        ..quick(config)
    });
    let longest = Duration::from_millis(10);
    let (storm, lull) = (Profile::all(2500, longest), Profile::gentle(2500, longest));
    wire.proxy.plan_by(move |connection| {
        let profile = if connection % SOUND == 0 { lull } else { storm };
        let plan = Plan::random(seed.wrapping_add(connection << 32), &profile);
        println!("connection {connection}: {plan:?}");
        plan
    });

    let mut waiting: BTreeSet<String> = (0..JOBS).map(|_| wire.push()).collect();
    wire.client.start().unwrap();
    let mut receipts = Vec::new();
    while !waiting.is_empty() {
        if let Event::JobRequested(request) = wire.client.next_event().await.unwrap() {
            assert!(waiting.remove(&request.uuid), "{} runs twice", request.uuid);
            for status in REPORTED {
                let sent = wire.client.send_job_status(update(&request.uuid, status));
                receipts.push(sent.await.unwrap());
            }
        }
    }
    for receipt in receipts {
        let receipt = receipt.await;
        assert!(receipt.outcome.is_delivered(), "{receipt:?}");
    }
    wire.conclude().await;
}
