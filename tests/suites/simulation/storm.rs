//! Ten thousand clients lose their facilitator at the same moment. How hard do they come back?
//!
//! What "the uniform spread over the backoff window" means has to be said. After its n-th loss in a row a client waits a
//! random time within a window of 1, 2, 4, .. 60 s (full jitter). Spread evenly, the n-th attempts of all clients would be
//! `clients / window` in each second. Two claims follow, and both are tested:
//!
//! * wave by wave: in no second are there more than 1.5 times as many n-th attempts;
//! * all together, while the facilitator is away: in no second are there more than 1.5 times as many attempts as the
//!   even spread of what the waves bring at that time. At first that is the window of one second. In a long outage it
//!   is *half* of the longest window: with full jitter a client waits half its window on average, so the even rate is one
//!   attempt in 30 s for each client, not one in 60.

use std::collections::BTreeMap;
use std::time::Duration;

use facilitator_core::Timestamp;
use facilitator_core::client::{
    Config, ConnectFailure, ConnectFailureKind, FacilitatorClient, Output,
};
use facilitator_core::facilitator::Memory;
use facilitator_tests::world::{FacilitatorFault, Fault, Quality, Settings, Workload, World};
use facilitator_tests::{pair, solo};

const CLIENTS: u32 = 10_000;

/// The largest number of attempts in any window of one second, whenever it begins.
fn peak(attempts: &mut [Duration]) -> f64 {
    attempts.sort_unstable();
    let mut first = 0;
    let mut peak = 0;
    for (last, at) in attempts.iter().enumerate() {
        while attempts[first] + Duration::from_secs(1) <= *at {
            first += 1;
        }
        peak = peak.max(last + 1 - first);
    }
    f64::from(u32::try_from(peak).unwrap())
}

#[test]
fn each_wave_of_attempts_is_spread_over_its_window() {
    let config = solo::config();
    let mut waves: BTreeMap<u32, Vec<Duration>> = BTreeMap::new();
    let mut all = Vec::new();
    let end = Duration::from_mins(15);
    let keypair = pair::key(1);
    for seed in 0..CLIENTS {
        let mut client = FacilitatorClient::new(config.clone(), &keypair, u64::from(seed)).unwrap();
        let mut now = Timestamp::ZERO;
        client.start(now).unwrap();
        // Of the first attempt, which all make at once, we see the loss only: the storm begins there.
        let mut wave = 0;
        while now.as_duration() < end {
            while let Some(output) = client.poll_output() {
                if let Output::Connect(conn, _) = output {
                    if wave > 0 {
                        waves.entry(wave).or_default().push(now.as_duration());
                        all.push(now.as_duration());
                    }
                    wave += 1;
                    let failure = ConnectFailure::new(ConnectFailureKind::Refused, "");
                    client.handle_connect_failed(now, conn, failure);
                }
            }
            let (at, _) = client.poll_timeout().unwrap();
            now = at;
            client.handle_timeout(now);
        }
    }
    for (wave, attempts) in waves.iter_mut().take(10) {
        let window = window(&config, *wave);
        let even = f64::from(CLIENTS) / window.as_secs_f64();
        let peak = peak(attempts);
        println!(
            "attempt {wave}: window {window:?}, even {even:.0}/s, peak {peak:.0}/s, {:.2} times",
            peak / even
        );
        assert!(peak <= 1.5 * even, "wave {wave}");
    }
    let from = |seconds| Duration::from_secs(seconds);
    let mut early: Vec<_> = all.iter().copied().filter(|at| *at < from(10)).collect();
    let mut late: Vec<_> = all.iter().copied().filter(|at| *at >= from(300)).collect();
    let (early, late) = (peak(&mut early), peak(&mut late));
    let clients = f64::from(CLIENTS);
    println!(
        "all attempts at first: peak {early:.0}/s, {:.2} times the even spread over 1 s",
        early / clients
    );
    println!(
        "all attempts after 5 minutes: peak {late:.0}/s, {:.2} times the even spread over 30 s, {:.2} times that over 60 s",
        late / (clients / 30.0),
        late / (clients / 60.0)
    );
    assert!(early <= 1.5 * clients);
    assert!(late <= 1.5 * clients / 30.0);
}

/// The window of the n-th attempt after a loss.
fn window(config: &Config, wave: u32) -> Duration {
    let doubled = config.backoff_initial * 2_u32.pow(wave.min(20) - 1);
    doubled.min(config.backoff_max)
}

#[test]
fn ten_thousand_clients_come_back_without_a_stampede() {
    // A hundred processes behind one address, all gone at once: with all connections in one, a test would take minutes.
    let facilitators = 100;
    let settings = Settings {
        clients: usize::try_from(CLIENTS).unwrap(),
        facilitators,
        quality: Quality::PERFECT,
        workload: Workload {
            jobs_every: None,
            specs_every: None,
            ..Workload::default()
        },
        ..Settings::new(5)
    };
    let clients = u64::from(CLIENTS);
    let mut world = World::new(settings).unwrap();
    world.start();
    world.run_for(Duration::from_secs(35));
    assert_eq!(world.counts().connections, clients);
    let fall = |world: &mut World, down| {
        for facilitator in 0..facilitators {
            let memory = Memory::Kept;
            world.inject(Fault::Facilitator(
                facilitator,
                FacilitatorFault::Restart { memory, down },
            ));
        }
    };
    // Tenths of a second, from the moment of the loss.
    let watch = |world: &mut World, tenths: u32| -> Vec<u64> {
        let mut before = world.counts().connections;
        let mut connects = Vec::new();
        for _ in 0..tenths {
            world.run_for(Duration::from_millis(100));
            let after = world.counts().connections;
            connects.push(after - before);
            before = after;
        }
        connects
    };
    // Back at once: everybody's first attempt succeeds, within the first window of one second.
    fall(&mut world, Duration::ZERO);
    let connects = watch(&mut world, 20);
    let peak = connects.iter().max().copied().unwrap_or(0);
    println!("back at once: {connects:?} in each tenth of a second");
    assert_eq!(connects.iter().sum::<u64>(), clients);
    assert!(
        peak <= clients * 15 / 100,
        "{peak} in a tenth of a second, even would be {}",
        clients / 10
    );
    // Back after three minutes: everybody waits for the rest of a window of 60 s.
    world.run_for(Duration::from_secs(35));
    fall(&mut world, Duration::from_mins(3));
    world.run_for(Duration::from_mins(3));
    let connects = watch(&mut world, 600);
    let peak = connects
        .windows(10)
        .map(|second| second.iter().sum::<u64>())
        .max()
        .unwrap_or(0);
    println!("back after three minutes: at most {peak} connects in any second");
    assert_eq!(connects.iter().sum::<u64>(), clients);
    assert!(
        peak <= clients * 3 / 2 / 30,
        "even over half the window would be {}",
        clients / 30
    );
    assert!(
        world.verdicts().violations().is_empty(),
        "{:?}",
        world.verdicts().violations()
    );
}
