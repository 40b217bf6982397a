//! Sessions against the simulated facilitator: cuts, outages, poison, bad signatures, restarts of both sides.

use std::time::Duration;

use facilitator_core::client::{AuthenticationMethod, Config, Event};
use facilitator_core::facilitator::Memory;
use facilitator_core::message::{JobStatus, V0JobStatusUpdate};
use facilitator_tests::pair::{Pair, key};
use facilitator_tests::solo::{config, job, specs, update};

use crate::diary::{Diary, replayed_state};

const LIFE: [JobStatus; 4] = [
    JobStatus::Accepted,
    JobStatus::ExecutorReady,
    JobStatus::ExecutionDone,
    JobStatus::Completed,
];

/// Everything that a day can bring, in a few minutes.
fn eventful(seed: u64) -> (Pair, Diary) {
    day(seed, true)
}

fn day(seed: u64, recorded: bool) -> (Pair, Diary) {
    let mut random = fastrand::Rng::with_seed(seed);
    let config = Config {
        authentication: if seed % 4 == 3 {
            AuthenticationMethod::Headers
        } else {
            AuthenticationMethod::FirstFrame
        },
        window: random.usize(1..10),
        heartbeat_interval: Duration::from_secs(random.u64(5..60)),
        ..config()
    };
    let mut pair = Pair::new(config, seed);
    let diary = if recorded {
        Diary::of(&mut pair.client)
    } else {
        Diary::default()
    };
    pair.latency = Duration::from_millis(random.u64(1..200));
    let signer = pair.signer.clone();
    pair.start();
    for round in 0..120_u32 {
        match random.u8(0..16) {
            0..=2 => {
                // Some are signed by a stranger.
                pair.signer = if random.bool() {
                    signer.clone()
                } else {
                    key(9)
                };
                pair.push_job(u128::from(random.u32(0..40)) + 40 * u128::from(round));
            }
            3..=7 => {
                let jobs: Vec<String> = pair.events.iter().filter_map(requested).collect();
                if let Some(uuid) = jobs.get(random.usize(0..jobs.len().max(1))) {
                    let status = LIFE[random.usize(0..LIFE.len())];
                    // Whether it is accepted is not the point.
                    let _ = pair.client.send_job_status(pair.now, update(uuid, status));
                }
            }
            8 => {
                let hotkey = pair.signer.public().to_ss58();
                let batch = job(random.u32(..).into());
                let _ = pair
                    .client
                    .send_machine_specs(pair.now, &hotkey, &batch, specs());
            }
            9 => pair.cut(random.usize(0..=pair.under_way())),
            10 => pair.down = random.bool(),
            11 => {
                let memory = if random.bool() {
                    Memory::Kept
                } else {
                    Memory::Lost
                };
                pair.facilitator.restart(pair.now, memory);
            }
            12 => {
                // The facilitator does not know it.
                let update = V0JobStatusUpdate::new(job(round.into()), JobStatus::Failed);
                let _ = pair.client.send_job_status(pair.now, update);
            }
            13 if random.u8(0..4) == 0 => {
                let _ = pair.client.stop(pair.now);
            }
            14 if random.u8(0..4) == 0 => {
                if pair.client.abort(pair.now).is_ok() {
                    let kept = pair.client.snapshot(pair.now);
                    let restored = pair.client.restore(pair.now, &kept);
                    restored.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
                }
            }
            _ => {
                let _ = pair.client.start(pair.now);
            }
        }
        pair.settle();
        for _ in 0..random.usize(0..12) {
            pair.step();
        }
    }
    (pair, diary)
}

fn requested(event: &Event) -> Option<String> {
    match event {
        Event::JobRequested(request) => Some(request.uuid.clone()),
        _ => None,
    }
}

#[test]
fn eventful_days_replay_to_the_same_outputs() {
    let (mut outputs, mut seen) = (0, String::new());
    for seed in 0..100 {
        let (pair, diary) = eventful(seed);
        let replayed = diary.check(&format!("seed {seed}"));
        outputs += replayed.outputs;
        assert_eq!(
            replayed_state(&diary.lines()),
            (pair.client.phase(), pair.client.owed()),
            "seed {seed}"
        );
        if seed < 20 {
            seen.push_str(&diary.lines().join("\n"));
        }
    }
    println!("{outputs} outputs were equal");
    // What the days are meant to hold, they hold.
    for sign in [
        "connect_failed",
        "job_refused",
        r#""verdict":"trusted""#,
        r#""verdict":{"signatory""#,
        "handed_back",
        "restore",
        "V0MachineSpecsUpdate",
        "job.not_found",
        "already_known",
    ] {
        assert!(seen.contains(sign), "no {sign}");
    }
}

#[test]
fn equal_seeds_give_equal_traces() {
    let traces = [(); 2].map(|()| eventful(7).1.lines());
    assert_eq!(traces[0], traces[1]);
    assert_ne!(traces[0], eventful(8).1.lines());
}

#[test]
fn a_recorded_session_does_what_one_that_is_not_recorded_does() {
    for seed in 0..10 {
        let ((recorded, _), (plain, diary)) = (day(seed, true), day(seed, false));
        assert!(recorded.client.is_recording() && diary.lines().is_empty());
        assert_eq!(recorded.events, plain.events, "seed {seed}");
        assert_eq!(recorded.client.stats(), plain.client.stats(), "seed {seed}");
        let (next, plain_next) = (recorded.client.poll_timeout(), plain.client.poll_timeout());
        assert_eq!(next, plain_next, "seed {seed}");
    }
}
