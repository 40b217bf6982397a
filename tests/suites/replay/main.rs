//! Repeats the committed fuzz corpora, with the same checks and without a fuzzer.
#![allow(
    clippy::print_stdout,
    reason = "a suite says what it has counted, and which input it was at"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use facilitator_tests::fuzz::{self, Payloads, Stage};
use facilitator_tests::model::coverage::Coverage;
use facilitator_tests::world::Counts;

/// Gives every file of a target's corpus to it, in a fixed order.
fn replay(target: &str, mut run: impl FnMut(&[u8])) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut files = fs::read_dir(folder.join(target))?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.sort();
    for file in &files {
        // A check that fails does not know its input: this line, shown on failure, names it.
        println!("{}", file.display());
        run(&fs::read(file)?);
    }
    println!("{target}: {} inputs", files.len());
    Ok(())
}

// A corpus that reaches little would prove little: what is asked for below is about half of what was counted when the
// corpora were minimised.

#[test]
fn decode() -> io::Result<()> {
    let (mut accepted, mut refused) = (0, 0);
    replay("decode", |data| match fuzz::decode(data).accepted {
        0 => refused += 1,
        _ => accepted += 1,
    })?;
    println!("{accepted} inputs accepted, {refused} refused");
    assert!(accepted >= 20, "only {accepted} inputs are messages");
    assert!(refused >= 5, "only {refused} inputs are none");
    Ok(())
}

#[test]
fn canonical() -> io::Result<()> {
    let mut all = Payloads::default();
    replay("canonical", |data| {
        let payloads = fuzz::canonical(data);
        all.details += payloads.details;
        all.requests += payloads.requests;
        all.reports += payloads.reports;
    })?;
    println!("{all:?}");
    assert!(all.details >= 60, "only {} values", all.details);
    assert!(all.requests >= 10, "only {} requests", all.requests);
    assert!(all.reports >= 5, "only {} reports", all.reports);
    Ok(())
}

#[test]
fn session() -> io::Result<()> {
    let (mut stages, mut phases, mut frames) = (BTreeSet::new(), BTreeSet::new(), 0);
    replay("session", |data| {
        if let Some(visit) = fuzz::session(data) {
            stages.insert(visit.stage);
            phases.extend(visit.phases);
            frames += visit.frames;
        }
    })?;
    println!("{frames} frames, begun in {stages:?}, heard in {phases:?}");
    assert_eq!(stages.len(), Stage::ALL.len(), "begun in {stages:?}");
    assert_eq!(phases.len(), 7, "heard in {phases:?}");
    assert!(frames >= 1000, "only {frames} frames");
    Ok(())
}

#[test]
fn script() -> io::Result<()> {
    let mut met = Coverage::default();
    replay("script", |data| met.merge(&fuzz::script(data)))?;
    println!("{met}");
    assert!(met.of("steps") >= 5000, "only {} steps", met.of("steps"));
    for what in [
        "statuses acknowledged",
        "statuses known already",
        "restarts",
    ] {
        assert!(met.of(what) > 0, "{what}: never");
    }
    Ok(())
}

#[test]
fn world() -> io::Result<()> {
    let mut all = Counts::default();
    replay("world", |data| all.add(&fuzz::world(data)))?;
    println!("{all:?}");
    let kinds = all.faults.iter().filter(|times| **times > 0).count();
    assert!(kinds >= 20, "only {kinds} kinds of faults");
    assert!(all.stored >= 5000, "only {} statuses stored", all.stored);
    Ok(())
}
