//! draft
use std::time::{Duration, Instant};
use facilitator_tests::world::{Profile, Promise, Scenario, FAULT_KINDS};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let profile: Profile = a[1].parse().unwrap();
    let (from, to): (u64, u64) = (a[2].parse().unwrap(), a[3].parse().unwrap());
    let hours: f64 = a[4].parse().unwrap();
    let clients: usize = a[5].parse().unwrap();
    let t = Instant::now();
    let mut events = 0; let mut sim = Duration::ZERO; let mut digest = 0u64;
    let mut counts = facilitator_tests::world::Counts::default();
    let mut verdicts = facilitator_tests::world::Verdicts::default();
    let mut failed = 0;
    for seed in from..to {
        let mut s = Scenario::new(seed, profile, clients, 1, Duration::from_secs_f64(hours * 3600.0));
        s.settings.trace = a.get(6).is_some();
        let r = s.run().unwrap();
        if a.get(6).is_some() { std::fs::write(&a[6], r.trace.text()).unwrap(); }
        events += r.trace.events(); sim += r.time; digest ^= r.trace.digest();
        counts.add(&r.counts); verdicts.add(&r.verdicts);
        if !r.is_clean() { failed += 1; if failed < 6 { println!("seed {seed}: {}", r.first().unwrap()); } }
    }
    let e = t.elapsed();
    println!("{events} events in {e:?}: {:.0}/s; {:.0} x real time; digest {digest:x}; failed {failed}", events as f64 / e.as_secs_f64(), sim.as_secs_f64() / e.as_secs_f64());
    for (k, c) in FAULT_KINDS.iter().zip(counts.faults) { print!("{k} {c}, "); } println!();
    for (k, c) in counts.named() { println!("{k:35} {c}"); }
    for p in Promise::ALL { println!("{p:35} {}", verdicts.checked(p)); }
}
