//! The system waits for a name server that never answers: in a thread that nobody can cancel, and that must not hold up
//! the end. A test here runs itself once more, where the network is its own.

use std::io::{self, Write as _};
use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use serde_json::json;

use crate::program::{Program, SOON};

/// What tells the test that it runs where no name server answers.
const CHILD: &str = "TESTS_WITHOUT_DNS";
/// The system gives up later than any test does.
const RESOLV_CONF: &str = "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n";
const NSSWITCH_CONF: &str = "hosts: files dns\n";
const SCRIPT: &str = r#"
    ip link set lo up && mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/nsswitch.conf &&
    shift 2 && exec "$@""#;

#[test]
fn a_signal_ends_it_while_the_system_waits_for_dns() {
    if env::var_os(CHILD).is_some() {
        return end_without_dns();
    }
    if let Err(why) = isolated(&["true"]) {
        let what = "SKIPPED: a silent name server needs a network namespace";
        // Not `eprintln!`, whose output a test that succeeds keeps to itself.
        let _ = writeln!(io::stderr(), "{what}, which is not to be had here ({why})");
        return;
    }
    let program = env::current_exe().unwrap();
    let name = "names::a_signal_ends_it_while_the_system_waits_for_dns";
    isolated(&[program.to_str().unwrap(), "--exact", name]).unwrap();
}

fn end_without_dns() {
    // It hears the questions, and answers none.
    let name_server = UdpSocket::bind("127.0.0.1:53").unwrap();
    name_server.set_read_timeout(Some(SOON)).unwrap();
    for signal in ["INT", "TERM"] {
        let uri = "wss://facilitator.example.org/ws/v0/";
        let mut program = Program::start(uri, &["--drain-timeout", "1s"]);
        program.expect_phase("connecting");
        name_server.recv(&mut [0; 512]).unwrap();
        let begin = Instant::now();
        program.signal(signal);
        let ended = program.wait();
        assert_eq!(
            (ended.status, &ended.stopped()["owed"]),
            (0, &json!([])),
            "{}",
            ended.stderr
        );
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(6), "SIG{signal}: {took:?}");
    }
}

/// Runs a command where there is no network, as root of nothing else.
fn isolated(command: &[&str]) -> io::Result<()> {
    let file = |name: &str, content| {
        let path = crate::folder::path(name);
        fs::write(&path, content)?;
        io::Result::Ok(path)
    };
    let output = Command::new("unshare")
        .args(["-rmn", "sh", "-c", SCRIPT, "sh"])
        .arg(file("silent-resolv.conf", RESOLV_CONF)?)
        .arg(file("silent-nsswitch.conf", NSSWITCH_CONF)?)
        .args(command)
        .env(CHILD, "1")
        .env("NO_PROXY", "*")
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!(
        "{}: {said}{complaint}",
        output.status
    )))
}
