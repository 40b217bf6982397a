//! The commands `status` and `watch`, against an instance that runs; `watch` in a terminal, as a person would.

use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::get;
use crate::peers::{Refusing, scripted};
use crate::program::{Program, SOON, bare_command, file, keypair, status_line, uuid};

fn status(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = bare_command(&["status"]);
    let Output {
        status,
        stdout,
        stderr,
    } = command.args(arguments).output().unwrap();
    (
        status.code(),
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    )
}

/// A facilitator that takes everything and answers nothing but the authentication.
fn quiet() -> String {
    scripted(|script| {
        script.authenticate();
        script.fall_silent();
    })
}

#[test]
fn a_ready_instance_tells_its_state() {
    let uri = quiet();
    let (mut program, address) = Program::start_watched(&uri, &[]);
    program.expect_phase("ready");
    program.send(format!(
        r#"{{"command":"adopt_job","uuid":"{}","time_left_s":3600}}"#,
        uuid(1)
    ));
    program.expect_event("job_adopted");
    program.send(status_line(&uuid(1), "accepted"));
    let deadline = Instant::now() + SOON;
    let report = loop {
        let (code, stdout, _) = status(&["--at", &address, "--json"]);
        let report: Value = serde_json::from_str(&stdout).unwrap();
        if report["jobs"][0]["underway"] == json!(["accepted"]) {
            assert_eq!(code, Some(0));
            break report;
        }
        assert!(Instant::now() < deadline, "{report:#}");
    };
    assert_eq!(
        (&report["phase"], &report["health"], &report["is_ready"]),
        (&json!("ready"), &json!("connected"), &json!(true))
    );
    assert_eq!(report["hotkey"], keypair().account().to_string());
    assert_eq!(report["jobs"][0]["uuid"], uuid(1));
    assert_eq!(report["queues"][0]["length"], 1);
    assert_eq!(report["connections"][0]["is_open"], true);

    // The address is in the configuration, too.
    let config = file(
        "status.toml",
        format!("[metrics]\nlisten = \"{address}\"\n"),
    );
    let (code, text, _) = status(&["--config", config.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{text}");
    for told in [
        "ready (connected)",
        &uuid(1),
        "(accepted)",
        "1 of 1000",
        "#1",
    ] {
        assert!(text.contains(told), "no {told:?} in {text}");
    }
    assert_eq!(
        get(&address, "/status.json").header("content-type"),
        Some("application/json")
    );
    program.signal("TERM");
    program.signal("TERM");
    program.wait();
}

#[test]
fn an_instance_that_is_not_ready_says_why_and_moves_no_cursor() {
    let uri = scripted(|script| {
        script.read();
        script
            .say("{\"status\":\"error\",\"errors\":[{\"msg\":\"x\",\"type\":\"\\u001b[31mred\"}]}");
    });
    let (mut program, address) = Program::start_watched(&uri, &["--backoff-max", "5m"]);
    program.expect_phase("waiting");
    // The next attempt can come in between.
    let deadline = Instant::now() + SOON;
    let text = loop {
        let (code, text, stderr) = status(&["--at", &address]);
        assert_eq!(code, Some(1), "{text}");
        assert!(stderr.contains("the instance is not ready"), "{stderr}");
        if text.contains("next attempt in") {
            break text;
        }
        assert!(Instant::now() < deadline, "{text}");
    };
    assert!(text.contains("Reason"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
    program.close();
}

#[test]
fn who_does_not_answer_is_told_from_who_is_not_named() {
    let nobody = Refusing::new();
    let at = nobody.uri().replace("ws://", "").replace('/', "");
    let (code, stdout, stderr) = status(&["--at", &at]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
    assert!(stderr.contains("does it run"), "{stderr}");
    for (arguments, told) in [
        (vec![], "--at"),
        (vec!["--at", "0"], "port 0 is any"),
        (vec!["--at", "host:1"], "accepted is an IP address"),
    ] {
        let (code, _, stderr) = status(&arguments);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains(told), "{stderr}");
    }
    let output = bare_command(&["watch", "--at", "1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty(), "it draws on no file");
}

/// A tmux server of the test's own, which ends with it.
struct Terminal(String);

impl Terminal {
    fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-L", &self.0])
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn expect(&self, what: &str) -> String {
        let deadline = Instant::now() + SOON;
        loop {
            let screen = self.run(&["capture-pane", "-p"]);
            if screen.contains(what) {
                return screen;
            }
            assert!(Instant::now() < deadline, "no {what:?} on {screen}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

#[test]
fn a_terminal_shows_the_instance_as_it_changes_and_is_left_as_it_was() {
    if Command::new("tmux").arg("-V").output().is_err() {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no tmux here");
        return;
    }
    let uri = quiet();
    let (mut program, address) = Program::start_watched(&uri, &[]);
    program.expect_phase("ready");
    let terminal = Terminal(format!("facilitator-{}", std::process::id()));
    terminal.run(&[
        "-f",
        "/dev/null",
        "new-session",
        "-d",
        "-x",
        "100",
        "-y",
        "30",
        "sh",
    ]);
    let binary = env!("CARGO_BIN_EXE_facilitator-client");
    let line = format!("echo before; {binary} watch --at {address}; echo ended $?");
    terminal.run(&["send-keys", &line, "Enter"]);
    let screen = terminal.expect("ready (connected)");
    assert!(!screen.contains("before"), "a screen of its own: {screen}");
    program.send(status_line(&uuid(7), "accepted"));
    terminal.expect(&uuid(7));
    program.signal("TERM");
    program.signal("TERM");
    program.wait();
    terminal.expect("does it run");
    terminal.run(&["send-keys", "C-c"]);
    let screen = terminal.expect("ended 0");
    assert!(
        screen.contains("before"),
        "the old screen is back: {screen}"
    );
}
