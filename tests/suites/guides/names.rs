//! What the guides name is there: flags, variables, metrics, causes.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use facilitator_core::client::{Config, Endpoint, FacilitatorClient};
use facilitator_core::signature::{Keypair, Scheme};
use facilitator_core::{Timestamp, metrics};
use facilitator_tests::built;

use super::{GUIDES, read};

fn help(program: &str, command: &str) -> String {
    let output = Command::new(built::program(program))
        .args(command.split_whitespace())
        .arg("--help")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}");
    String::from_utf8(output.stdout).unwrap()
}

/// Words of the text that begin so.
fn words<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let words = text.split(move |c| !is_part(c));
    words.filter(move |word| {
        let rest = word.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    })
}

#[test]
fn flags_and_variables_exist() {
    let commands = [
        "connect",
        "serve",
        "demo",
        "replay",
        "key new",
        "key show",
        "key sign",
        "key verify",
        "man",
        "completions",
        "status",
        "doctor",
    ];
    let help = commands
        .map(|command| help("facilitator-client", command))
        .concat()
        + &help("compare", "");
    let known: BTreeSet<&str> = words(&help, "--")
        .chain(words(&help, "FACILITATOR_"))
        .collect();
    // Of other programs: curl, cargo, the worker, our simulation and a benchmark.
    let others = [
        "--silent",
        "--fail",
        "--path",
        "--name",
        "--release",
        "--bin",
        "--bench",
        "--bless",
        "--seeds",
        "--hours",
        "--faults",
        "--cuts",
        "--jobs",
    ];
    let mut named = 0;
    for (guide, _) in GUIDES {
        let text = read(guide);
        for word in words(&text, "--").chain(words(&text, "FACILITATOR_")) {
            assert!(
                known.contains(word) || others.contains(&word),
                "{guide}: {word}"
            );
            named += 1;
        }
    }
    assert!(named > 40, "{named}");
}

#[test]
fn metrics_exist() {
    let keypair = Keypair::from_seed(Scheme::Ed25519, [7; 32]).unwrap();
    let client = FacilitatorClient::new(Config::new(Endpoint::public()), &keypair, 42).unwrap();
    let page = metrics::render(&client.overview(Timestamp::ZERO));
    let text = read("runtime-tokio/guide/operators.md");
    let named = text.split('`').skip(1).step_by(2);
    let named: Vec<&str> = named
        .filter(|code| code.ends_with("_total") || code.ends_with("_length"))
        .collect();
    assert!(named.len() > 3, "{named:?}");
    for name in named {
        let line = format!("\n# TYPE validator_facilitator_client_{name} ");
        assert!(page.contains(&line), "{name}");
    }
}

/// Whatever the program calls a cause, the table for the night has a row for it, and no others.
#[test]
fn every_cause_has_a_row() {
    let source = read("runtime-tokio/src/bin/facilitator-client/connect/events.rs");
    let function = source.split_once("fn lost_cause(").unwrap().1;
    let function = function.split_once("\n}\n").unwrap().0;
    // What is named by a wildcard arm only is for what does not exist yet.
    let future = ["connect_failed", "other"];
    let mut causes: BTreeSet<&str> = function.split('"').skip(1).step_by(2).collect();
    causes.retain(|cause| !future.contains(cause));
    assert!(causes.len() > 15, "{causes:?}");

    let text = read("runtime-tokio/guide/operators.md");
    let table = text.split_once("| cause |").unwrap().1;
    let table = table.split_once("\n\n").unwrap().0;
    let rows = table
        .lines()
        .skip(2)
        .filter_map(|row| row.split('|').nth(1));
    let told: BTreeSet<&str> = rows
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert_eq!(told, causes);
}
