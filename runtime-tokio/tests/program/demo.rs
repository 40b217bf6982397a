//! `demo`: the verdict for many seeds, and how it is told.

use serde_json::Value;

use crate::child::{Finished, assert_refused, run};

fn demo(arguments: &[&str]) -> Finished {
    run(&[&["demo"], arguments].concat())
}

/// The summary of a run that must succeed.
#[track_caller]
fn summary(arguments: &[&str]) -> Value {
    let finished = demo(&[arguments, &["--json"]].concat());
    assert_eq!(finished.status, Some(0), "{arguments:?}: {finished:?}");
    assert_eq!(finished.stdout.lines().count(), 1, "{}", finished.stdout);
    serde_json::from_str(&finished.stdout).unwrap()
}

#[track_caller]
fn assert_clean(summary: &Value, jobs: usize, cuts: usize) {
    assert_eq!(summary["ok"], true, "{summary}");
    assert_eq!(summary["problems"], serde_json::json!([]));
    for count in [
        "lost",
        "reordered",
        "duplicates_applied",
        "unexpected",
        "disagreements",
    ] {
        assert_eq!(summary["verdict"][count], 0, "{count} in {summary}");
    }
    let (statuses, run) = (&summary["statuses"], &summary["jobs"]);
    assert_eq!(statuses["submitted"], 6 * jobs);
    assert_eq!(statuses["stored"], 6 * jobs);
    let count = |value: &Value| value.as_u64().unwrap();
    assert_eq!(
        count(&statuses["acknowledged"]) + count(&statuses["already_known"]),
        6 * jobs as u64
    );
    assert_eq!(
        count(&run["completed"]) + count(&run["failed"]),
        jobs as u64
    );
    assert_eq!(summary["cuts"]["made"].as_array().unwrap().len(), cuts);
    assert_eq!(summary["session"]["reconnects"], cuts);
}

#[test]
fn the_verdict_holds_for_many_seeds() {
    for seed in 1..=20 {
        let summary = summary(&["--seed", &seed.to_string()]);
        assert_clean(&summary, 25, 5);
        assert_eq!(summary["seed"], seed);
        // Both ends of a job are shown, and what a cut leaves unanswered is sent again.
        assert!(
            summary["jobs"]["completed"].as_u64() > Some(0)
                && summary["jobs"]["failed"].as_u64() > Some(0)
        );
        assert!(
            summary["statuses"]["resent"].as_u64() >= Some(5),
            "{summary}"
        );
        let made = summary["cuts"]["made"].as_array().unwrap();
        assert!(
            made.iter().any(|cut| cut["status"] == "executor_ready"),
            "none inside a burst: {summary}"
        );
    }
}

#[test]
fn the_verdict_holds_for_any_size() {
    for (jobs, cuts) in [(1, 0), (1, 1), (1, 6), (4, 24), (60, 30)] {
        let summary = summary(&["--jobs", &jobs.to_string(), "--cuts", &cuts.to_string()]);
        assert_clean(&summary, jobs, cuts);
    }
}

#[test]
fn more_cuts_than_can_happen_are_reported() {
    let report = summary(&["--jobs", "2", "--cuts", "100"]);
    assert_clean(&report, 2, 12);
    assert_eq!(report["cuts"]["requested"], 100);
    assert_eq!(report["cuts"]["planned"], 12);
    let finished = demo(&["--jobs", "1", "--cuts", "7"]);
    assert_eq!(finished.status, Some(0));
    assert!(
        finished
            .stdout
            .contains("6 cuts, 6 reconnects (7 cuts were asked for, 6 were possible)")
    );
}

#[test]
fn the_table_shows_each_job_and_the_verdict() {
    let finished = demo(&["--jobs", "6", "--cuts", "3", "--seed", "5"]);
    assert_eq!(finished.status, Some(0), "{finished:?}");
    let rows = |word: &str| {
        finished
            .stdout
            .lines()
            .filter(|line| line.contains(word))
            .count()
    };
    // The first five jobs show each kind once: two of them fail, with their own exit status and words.
    assert!(
        rows("  completed  ") >= 3 && rows("  failed  ") >= 2,
        "{}",
        finished.stdout
    );
    assert_eq!(rows("hello from job 1"), 1);
    let failed = finished
        .stdout
        .lines()
        .find(|line| line.contains("job 3 gives up"))
        .unwrap();
    assert!(failed.contains("failed           3"), "{failed}");
    assert_eq!(
        finished.stdout.lines().last(),
        Some("lost 0, reordered 0, duplicates applied 0")
    );
    assert_eq!(
        finished.stderr.matches("cut at").count(),
        3,
        "{}",
        finished.stderr
    );
}

#[test]
fn no_key_and_no_signature_is_ever_shown() {
    let finished = demo(&["--jobs", "3", "--cuts", "6", "-vv"]);
    assert_eq!(finished.status, Some(0));
    assert!(finished.stderr.contains("cut at"));
    for text in [&finished.stdout, &finished.stderr] {
        // Seeds, public keys and signatures have 64 digits or more.
        let longest = text
            .split(|c: char| !c.is_ascii_hexdigit())
            .map(str::len)
            .max();
        assert!(longest < Some(64), "a long hexadecimal text in {text}");
        assert!(!text.contains("V0AuthenticationRequest"));
    }
}

#[test]
fn wrong_arguments_are_one_line() {
    assert_refused(&["demo", "--jobs", "0"], 2, &["--jobs 0", "1 to 10000"]);
    assert_refused(
        &["demo", "--cuts", "10001"],
        2,
        &["--cuts 10001", "0 to 10000"],
    );
    assert_refused(&["demo", "--seed", "x"], 2, &["--seed", "'x'"]);
    assert_refused(&["demo", "--nope"], 2, &["--nope"]);
}
