//! A session that is recorded, and replayed: what the trace holds, what it never holds, and what happens when the disk
//! is full.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use facilitator_tokio::core::signature::authentication_request;
use serde_json::Value;

use crate::program::{Program, bare_command, command, file, hotkey_file, keypair, uuid};
use crate::session::{facilitator, push};

const CANARY: &str = "s3cret";

/// A path in the tests' own folder where no file is.
fn new_path(name: &str) -> PathBuf {
    let path = crate::folder::path(name);
    let _ = fs::remove_file(&path);
    path
}

/// A job that runs to its end, recorded in a new file of this name.
async fn record(name: &str) -> PathBuf {
    let server = facilitator().await;
    push(&server, 1);
    let (path, job) = (new_path(name), uuid(1));
    let mut program = Program::start_unread(command(
        &server.uri(),
        &["--record", path.to_str().unwrap()],
    ));
    program.read_stdout();
    program.expect_event("job_request");
    program.send_status(&job, "accepted");
    program.send(format!(
        r#"{{"command":"job_status","uuid":"{job}","status":"completed","metadata":{{"miner_response":{{"docker_process_stderr":"","docker_process_stdout":"{CANARY}"}}}}}}"#
    ));
    program.expect_receipts(2);
    let ended = program.close();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    path
}

/// `facilitator-client replay` with these arguments: its exit status, what it shows, and what it complains of.
fn replay(path: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = bare_command(&["replay"]);
    command.arg(path).args(arguments).stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap();
    (status, text(output.stdout), text(output.stderr))
}

/// A copy with other lines.
fn changed(path: &Path, name: &str, change: impl FnOnce(&mut Vec<String>)) -> PathBuf {
    let text = fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    change(&mut lines);
    file(name, lines.join("\n") + "\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_session_replays_on_a_time_line() {
    let path = record("whole.trace").await;
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let trace = fs::read_to_string(&path).unwrap();
    for line in trace.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    let signature = authentication_request(&keypair()).signature;
    for canary in [CANARY, &signature[2..26]] {
        assert!(!trace.contains(canary), "{canary:?} is in\n{trace}");
    }

    let (status, shown, complaint) = replay(&path, &[]);
    assert_eq!((status, complaint.as_str()), (0, ""), "{shown}");
    let mut rest = shown.as_str();
    for step in [
        "=> application start",
        "<= session     #1 connect",
        "=> network     #1 connected",
        "<= session     #1 V0AuthenticationRequest",
        "=> network     #1 Response success",
        "<= session     #1 V0Heartbeat",
        "<= event       phase ready",
        "<= event       job requested: V2JobRequest 00000000-0000-4000-8000-000000000001",
        "=> application send V0JobStatusUpdate 00000000-0000-4000-8000-000000000001 completed",
        "completed acknowledged",
        "=> application stop",
        "<= event       stopped; 0 messages are owed",
        "inputs led to the same",
    ] {
        let at = rest.find(step);
        let at = at.unwrap_or_else(|| panic!("no {step:?} in\n{shown}"));
        rest = &rest[at..];
    }

    let (status, beginning, _) = replay(&path, &["--until", "0"]);
    assert_eq!(status, 0);
    assert!(beginning.lines().count() < 10, "{beginning}");
    let (status, all, _) = replay(&path, &["--until", "3600"]);
    assert_eq!((status, all), (0, shown));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_that_was_changed_is_noticed() {
    let path = record("to-change.trace").await;
    let find = |lines: &[String], text: &str| {
        let index = lines.iter().position(|line| line.contains(text));
        index.unwrap_or_else(|| panic!("no {text}"))
    };

    let mut number = 0;
    let flipped = changed(&path, "flipped.trace", |lines| {
        let index = find(lines, r#""outcome":"acknowledged""#);
        lines[index] = lines[index].replace("acknowledged", "already_known");
        number = index + 1;
    });
    let (status, shown, complaint) = replay(&flipped, &[]);
    assert_eq!(status, 1, "{complaint}");
    let place = format!("line {number}: the replay differs");
    assert!(complaint.contains(&place), "{complaint}");
    assert!(shown.contains("phase ready"), "what came before is shown");

    let damaged = changed(&path, "damaged.trace", |lines| lines[2].truncate(20));
    let (status, _, complaint) = replay(&damaged, &[]);
    assert_eq!(status, 2);
    assert!(complaint.contains("line 3 of the trace is damaged"));

    // Killed while it wrote.
    let text = fs::read_to_string(&path).unwrap();
    let cut = file("cut.trace", &text[..text.len() - 7]);
    let (status, _, complaint) = replay(&cut, &[]);
    assert_eq!(status, 1);
    assert!(complaint.contains("interrupted; all before agrees"));

    let (status, _, complaint) = replay(&hotkey_file(), &[]);
    assert_eq!(status, 2);
    assert!(complaint.contains("this is no trace"), "{complaint}");
    assert_eq!(replay(&file("empty.trace", ""), &[]).0, 2);
    assert_eq!(replay(&new_path("missing.trace"), &[]).0, 2);
    assert_eq!(replay(&path, &["--until", "soon"]).0, 2);

    let other = flipped.to_str().unwrap();
    let (status, shown, complaint) = replay(&path, &["--diff", other]);
    assert_eq!(status, 1);
    assert!(complaint.contains(&format!("the traces part at line {number}")));
    assert!(
        shown.contains("- {\"output\":{\"receipt\"")
            && shown.contains("+ {\"output\":{\"receipt\"")
    );
    let (status, shown, _) = replay(&path, &["--diff", path.to_str().unwrap()]);
    assert_eq!(
        (status, shown.contains("do not part")),
        (0, true),
        "{shown}"
    );
    let (status, shown, _) = replay(&path, &["--diff", other, "--until", "0"]);
    assert_eq!(
        (status, shown.contains("do not part")),
        (0, true),
        "{shown}"
    );
}

#[test]
fn a_file_that_exists_is_not_overwritten() {
    let path = file("precious", "precious");
    let arguments = ["--record", path.to_str().unwrap()];
    let ended = Program::start("ws://127.0.0.1:9/", &arguments).wait();
    assert_eq!(ended.status, 2);
    assert!(ended.complaint().contains("there is such a file already"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

/// The system itself refuses to make the file longer: that is said, and the session goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_ends_the_recording_and_not_the_session() {
    let server = facilitator().await;
    let path = new_path("full.trace");
    let inner = command(&server.uri(), &["--record", path.to_str().unwrap()]);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""])
        .arg(inner.get_program())
        .args(inner.get_args())
        .env_remove("FACILITATOR_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut program = Program::start_unread(limited);
    program.read_stdout();
    program.expect_phase("ready");
    push(&server, 1);
    program.expect_event("job_request");
    program.send_status(&uuid(1), "failed");
    assert_eq!(program.expect_event("receipt")["outcome"], "acknowledged");
    let ended = program.close();
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    assert_eq!(ended.stopped()["owed"], Value::Array(Vec::new()));
    assert!(
        ended
            .complaint()
            .contains("is not complete: it cannot be written"),
        "{}",
        ended.stderr
    );
    let mut log = ended.stderr.lines();
    assert!(
        log.any(|line| line.contains("ERROR") && line.contains("the session goes on without it")),
        "{}",
        ended.stderr
    );
    let mut written = Vec::new();
    fs::File::open(&path)
        .unwrap()
        .read_to_end(&mut written)
        .unwrap();
    assert!(written.len() <= 1024, "{}", written.len());
}
