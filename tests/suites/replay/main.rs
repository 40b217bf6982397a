//! Repeats the committed fuzz corpora, with the same checks and without a fuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use facilitator_tests::fuzz::{self, Payloads, Stage};
use facilitator_tests::model::coverage::Coverage;
use facilitator_tests::world::Counts;

/// The files of a target's corpus and what is in them, in a fixed order.
fn corpus(target: &str) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut inputs = fs::read_dir(folder.join(target))?
        .map(|entry| {
            let path = entry?.path();
            let data = fs::read(&path)?;
            Ok((path, data))
        })
        .collect::<io::Result<Vec<_>>>()?;
    inputs.sort();
    Ok(inputs)
}

// A check that fails does not know its input: the line that each test prints before, shown on failure, names it.
//
// A corpus that reaches little would prove little: what is asked for below is about half of what was counted when the
// corpora were minimised.

#[test]
fn decode() -> io::Result<()> {
    let (mut accepted, mut refused) = (0, 0);
    for (file, data) in corpus("decode")? {
        println!("{}", file.display());
        match fuzz::decode(&data).accepted {
            0 => refused += 1,
            _ => accepted += 1,
        }
    }
    println!("{accepted} inputs accepted, {refused} refused");
    assert!(accepted >= 20, "only {accepted} inputs are messages");
    assert!(refused >= 5, "only {refused} inputs are none");
    Ok(())
}

#[test]
fn canonical() -> io::Result<()> {
    let mut all = Payloads::default();
    for (file, data) in corpus("canonical")? {
        println!("{}", file.display());
        let payloads = fuzz::canonical(&data);
        all.details += payloads.details;
        all.requests += payloads.requests;
        all.reports += payloads.reports;
    }
    println!("{all:?}");
    assert!(all.details >= 60, "only {} values", all.details);
    assert!(all.requests >= 10, "only {} requests", all.requests);
    assert!(all.reports >= 5, "only {} reports", all.reports);
    Ok(())
}

#[test]
fn session() -> io::Result<()> {
    let (mut stages, mut phases, mut frames) = (BTreeSet::new(), BTreeSet::new(), 0);
    for (file, data) in corpus("session")? {
        println!("{}", file.display());
        if let Some(visit) = fuzz::session(&data) {
            stages.insert(visit.stage);
            phases.extend(visit.phases);
            frames += visit.frames;
        }
    }
    println!("{frames} frames, begun in {stages:?}, heard in {phases:?}");
    assert_eq!(stages.len(), Stage::ALL.len(), "begun in {stages:?}");
    assert_eq!(phases.len(), 7, "heard in {phases:?}");
    assert!(frames >= 1000, "only {frames} frames");
    Ok(())
}

#[test]
fn script() -> io::Result<()> {
    let mut met = Coverage::default();
    for (file, data) in corpus("script")? {
        println!("{}", file.display());
        met.merge(&fuzz::script(&data));
    }
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
    for (file, data) in corpus("world")? {
        println!("{}", file.display());
        all.add(&fuzz::world(&data));
    }
    println!("{all:?}");
    let kinds = all.faults.iter().filter(|times| **times > 0).count();
    assert!(kinds >= 20, "only {kinds} kinds of faults");
    assert!(all.stored >= 5000, "only {} statuses stored", all.stored);
    Ok(())
}
