//! What shells complete, and the manual: that shells and readers of manuals can do something with them.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_facilitator-client"))
        .args(arguments)
        .output()
        .unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = program(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Gives a tool something on its stdin; `None`, and a word on stderr, where there is no such tool.
fn tool(name: &str, arguments: &[&str], input: &str) -> Option<Output> {
    let child = Command::new(name)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            // Not `eprintln!`, whose output a test that succeeds keeps to itself.
            let _ = writeln!(io::stderr(), "SKIPPED: no {name} to be had here ({error})");
            return None;
        }
    };
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    Some(output)
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let script = printed(&["completions", "bash"]);
    for (words, cursor, completed) in [
        ("facilitator-client conn", "1", "connect"),
        ("facilitator-client connect --drain", "2", "--drain-timeout"),
        ("facilitator-client key s", "2", "sign"),
        ("facilitator-client completions z", "2", "zsh"),
    ] {
        let last = words.rsplit(' ').next().unwrap();
        let before = words.rsplit(' ').nth(1).unwrap();
        let ask = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={cursor}; \
             how=$(complete -p facilitator-client); how=${{how#*-F }}; \
             \"${{how%% *}}\" facilitator-client {last} {before}; printf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
        );
        let Some(output) = tool("bash", &["--norc"], &ask) else {
            return;
        };
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            said.lines().any(|line| line == completed),
            "{words}: {said}"
        );
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(complaint.is_empty(), "{complaint}");
    }
}

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = printed(&["completions", shell]);
        assert!(script.contains("drain-timeout"), "{shell}");
    }
    let output = program(&["completions", "csh"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.lines().count() == 1 && stderr.contains("csh"),
        "{stderr}"
    );
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("manual");
    let _ = fs::remove_dir_all(&folder);
    assert_eq!(printed(&["man", "--to", folder.to_str().unwrap()]), "");
    let pages: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for name in [
        "",
        "-connect",
        "-serve",
        "-replay",
        "-key",
        "-key-sign",
        "-man",
        "-demo",
    ] {
        let page = format!("facilitator-client{name}.1");
        assert!(pages.contains(&page), "no {page} among {pages:?}");
    }
    let first = fs::read_to_string(folder.join("facilitator-client.1")).unwrap();
    assert_eq!(printed(&["man"]), first);
    for page in &pages {
        let text = fs::read_to_string(folder.join(page)).unwrap();
        let Some(output) = tool(
            "groff",
            &["-man", "-ww", "-Tutf8", "-P-c", "-P-b", "-P-u"],
            &text,
        ) else {
            return;
        };
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && complaint.is_empty(),
            "{page}: {complaint}"
        );
        let shown = String::from_utf8(output.stdout).unwrap();
        for part in ["NAME", "SYNOPSIS", "OPTIONS"] {
            assert!(shown.contains(part), "no {part} in {page}: {shown}");
        }
    }
}

#[test]
fn the_manual_says_how_it_ends() {
    let page = printed(&["man"]);
    assert!(page.contains("EXIT STATUS"), "{page}");
    let help = printed(&["--help"]);
    assert!(help.contains("EXIT STATUS: 0 when all went well"), "{help}");
}

#[test]
fn a_folder_that_cannot_be_filled_is_said() {
    let output = program(&["man", "--to", "/dev/null/pages"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("/dev/null/pages cannot be filled"),
        "{stderr}"
    );
}
