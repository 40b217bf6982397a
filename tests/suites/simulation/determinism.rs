//! Equal seeds are equal worlds, to the byte; a clone goes on as its original; other seeds are other worlds.

use std::thread;
use std::time::Duration;

use facilitator_tests::world::{Profile, Scenario, Settings, World};

fn scenario(seed: u64) -> Scenario {
    let mut scenario = Scenario::new(seed, Profile::Hell, 3, 2, Duration::from_mins(10));
    scenario.settings.trace = true;
    scenario
}

#[test]
fn the_same_seed_gives_the_same_trace_to_the_byte() {
    for seed in 0..5 {
        let first = scenario(seed).run().unwrap().trace;
        assert!(first.text().len() > 10_000);
        let again = scenario(seed).run().unwrap().trace;
        assert_eq!(first.digest(), again.digest(), "seed {seed}");
        assert!(first.text() == again.text(), "seed {seed}");
    }
}

#[test]
fn load_changes_nothing() {
    let alone = scenario(7).run().unwrap().trace;
    let crowd: Vec<_> = (0..4)
        .map(|_| thread::spawn(|| scenario(7).run().unwrap().trace))
        .collect();
    for other in crowd {
        let other = other.join().unwrap();
        assert!(alone.digest() == other.digest() && alone.text() == other.text());
    }
}

#[test]
fn whether_somebody_reads_the_trace_changes_nothing() {
    let read = scenario(3).run().unwrap();
    let mut unread = scenario(3);
    unread.settings.trace = false;
    let unread = unread.run().unwrap();
    assert_eq!(read.trace.digest(), unread.trace.digest());
    assert_eq!(read.counts, unread.counts);
    assert!(unread.trace.text().is_empty());
}

#[test]
fn other_seeds_are_other_worlds() {
    assert_ne!(
        scenario(1).run().unwrap().trace.digest(),
        scenario(2).run().unwrap().trace.digest()
    );
}

#[test]
fn a_clone_goes_on_as_its_original() {
    let mut world = World::new(Settings::new(11)).unwrap();
    world.start();
    world.run_for(Duration::from_mins(7));
    let mut clone = world.clone();
    for world in [&mut world, &mut clone] {
        world.run_for(Duration::from_mins(7));
        world.calm();
        world.settle(Duration::from_mins(10));
    }
    assert_eq!(world.trace().digest(), clone.trace().digest());
    assert_eq!(world.counts(), clone.counts());
    assert!(world.verdicts().violations().is_empty());
}
