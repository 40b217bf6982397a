//! The program, as its users start it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use facilitator_tests::built;

/// Longer than a quick round of everything takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// How it ended, and its stdout and stderr.
fn compare(name: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = folder(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let output = folder.join("output");
    let file = File::create(&output).unwrap();
    let mut process = Command::new(built::program("compare"))
        .args(arguments)
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = process.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > PATIENCE {
            let _ = process.kill();
            let _ = process.wait();
            let output = fs::read_to_string(&output).unwrap();
            panic!("compare {arguments:?} does not end: {output}");
        }
        thread::sleep(Duration::from_millis(20));
    };
    (status.code(), fs::read_to_string(output).unwrap())
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("compare-{name}"))
}

/// A row that does not run any more would be found out by whoever wants its figure.
#[test]
fn every_row_still_runs() {
    let (code, list) = compare("list", &["--list"]);
    assert_eq!(code, Some(0), "{list}");
    let listed: BTreeSet<&str> = list
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(listed.contains("core-cycle"), "{list}");

    let (code, text) = compare("quick", &["--quick", "--check", "--out", "."]);
    assert_eq!(code, Some(0), "{text}");
    let json = fs::read_to_string(folder("quick").join("compare.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["quick"], true);
    let entries = json["entries"].as_array().unwrap();
    let told: BTreeSet<&str> = entries
        .iter()
        .map(|entry| entry["id"].as_str().unwrap())
        .collect();
    assert_eq!(told, listed);
    for entry in entries {
        if entry["outcome"]["kind"] == "skipped" {
            // Past the capture of the test's output.
            let why = &entry["outcome"]["why"];
            let _ = writeln!(io::stderr(), "!!! SKIPPED: compare {}: {why}", entry["id"]);
        }
    }
    let svg = fs::read_to_string(folder("quick").join("compare.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
}

#[test]
fn what_cannot_be_done_ends_with_2() {
    for (name, arguments, words) in [
        ("option", &["--fast"][..], "\"--fast\" is no option"),
        ("row", &["no-such-row"], "no row is called \"no-such-row\""),
        ("role", &["role", "nobody"], "there is no role nobody"),
        (
            "out",
            &["--quick", "--out", "output", "decode-success"],
            "cannot be written",
        ),
    ] {
        let (code, text) = compare(name, arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
    }
}

#[test]
fn help_says_how() {
    let (code, text) = compare("help", &["--help"]);
    assert_eq!(code, Some(0), "{text}");
    for option in [
        "--quick",
        "--check",
        "--rounds",
        "--out",
        "--write-guide",
        "Exit status",
    ] {
        assert!(text.contains(option), "{option}: {text}");
    }
}
