//! What can be wrong with the arguments, the environment and the hotkey file; and a port where nobody listens, which
//! is none of it.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::process::Command;

use crate::peers::Refusing;
use crate::program::{self, Program, bare_command, hotkey_file};

/// It ends with status 2 and one line that says all of `told`.
fn assert_usage_error(mut command: Command, told: &[&str]) {
    let mut child = command.spawn().unwrap();
    let (mut stdout, mut stderr) = (String::new(), String::new());
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut stdout)
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    let status = child.wait().unwrap().code();
    assert_eq!(
        (status, stdout.as_str()),
        (Some(2), ""),
        "{command:?}: {stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{command:?}: {stderr}");
    for told in told {
        assert!(
            stderr.contains(told),
            "{command:?} does not say {told:?}: {stderr}"
        );
    }
}

const GOOD_URI: &str = "ws://127.0.0.1:9/";

#[test]
fn bad_uris() {
    for (uri, told) in [
        ("", &["--uri", "wss://"][..]),
        ("facilitator.computehorde.io", &["--uri", "wss://"]),
        ("https://facilitator.computehorde.io/", &["--uri", "wss://"]),
        ("wss://", &["--uri", "host", "accepted"]),
        ("wss://h:0/", &["--uri", "port", "1 to 65535"]),
        ("wss://h:65536/", &["--uri", "port", "1 to 65535"]),
        ("wss://user:hunter2@h/", &["--uri", "user name"]),
        ("wss://h/#x", &["--uri", "fragment"]),
        ("wss://h/a b", &["--uri", "accepted are printable"]),
        (
            "wss://h/\r\nX-Injected: 1",
            &["--uri", "accepted are printable"],
        ),
        ("ws://example.org/", &["--uri", "example.org", "wss://"]),
        ("ws://10.0.0.1/", &["--uri", "10.0.0.1", "wss://"]),
    ] {
        assert_usage_error(program::command(uri, &[]), told);
    }
    let error = program::command("wss://user:hunter2@h/", &[])
        .output()
        .unwrap()
        .stderr;
    assert!(!String::from_utf8_lossy(&error).contains("hunter2"));
}

#[test]
fn plain_text_is_allowed_by_name() {
    // The address is one that documentation may use, and nobody else: RFC 5737.
    let mut program = Program::start("ws://192.0.2.1:9/", &["--allow-plaintext"]);
    program.expect_phase("connecting");
    program.signal("INT");
    assert_eq!(program.wait().status, 0);
}

#[test]
fn missing_unknown_and_malformed_arguments() {
    let hotkey = hotkey_file();
    let hotkey = hotkey.to_str().unwrap();
    for (arguments, told) in [
        (&["connect"][..], &["--hotkey"][..]),
        (&["connect", "--uri", GOOD_URI], &["--hotkey"]),
        (
            &["connect", "--hotkey", hotkey, "--hotkey", hotkey],
            &["--hotkey"],
        ),
        (&["connect", "--uri"], &["--uri"]),
        (&["conect"], &["conect", "'connect'"]),
        (&["connect", "--urii", GOOD_URI], &["--urii", "--uri"]),
    ] {
        assert_usage_error(bare_command(arguments), told);
    }
    for (flag, value, told) in [
        ("--drain-timeout", "-1s", "no time"),
        ("--drain-timeout", "0s", "more than 0s"),
        ("--drain-timeout", "10", "\"10s\"?"),
        ("--drain-timeout", "ten", "10s or 1m30s"),
        ("--drain-timeout", "NaN", "10s or 1m30s"),
        ("--heartbeat-interval", "1e300s", "10s or 1m30s"),
        ("--ping-interval", "", "which is empty"),
        ("--window", "0", "from 1 to"),
        ("--window", "-1", "from 1 to"),
        ("--outbox-entries", "2", "from 3 to"),
        ("--line-bytes", "1", "\"1B\"?"),
        ("--line-bytes", "1B", "from 1KiB"),
        ("--backoff-initial", "1h", "backoff_max"),
        ("--trust", "5Grwva", "SS58 address"),
        ("--authentication", "cookie", "\"frame\", \"headers\""),
    ] {
        let name = flag.trim_start_matches("--");
        let field = name.replace('-', "_");
        let command = program::command(GOOD_URI, &["--backoff-max", "1s", flag, value]);
        let error = command_error(command);
        assert!(
            error.contains(name) || error.contains(&field),
            "{flag} {value}: {error}"
        );
        assert!(error.contains(told), "{flag} {value}: {error}");
    }
}

fn command_error(mut command: Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), error.lines().count()),
        (Some(2), 1),
        "{command:?}: {error}"
    );
    error
}

#[test]
fn bad_hotkey_files() {
    let connect = |path: &std::path::Path| {
        let mut command = bare_command(&["connect", "--uri", GOOD_URI, "--hotkey"]);
        command.arg(path);
        command
    };
    let folder = crate::folder::path("");
    assert_usage_error(
        connect(&folder.join("none.json")),
        &["none.json", "cannot be read", "accepted"],
    );
    assert_usage_error(connect(&folder), &["cannot be read", "accepted"]);
    assert_usage_error(
        connect("/dev/zero".as_ref()),
        &["/dev/zero", "longer than 65536 bytes", "accepted"],
    );
    let secret = "5d".repeat(32);
    let short = format!(r#"{{"secretSeed":"0x{}"}}"#, "5d".repeat(31));
    let odd = format!(r#"{{"secretSeed":"0x{secret}","cryptoType":"ecdsa"}}"#);
    let other = format!(
        r#"{{"secretSeed":"0x{secret}","ss58Address":"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"}}"#
    );
    for (name, content, told) in [
        ("empty", "", "JSON object"),
        ("text", "5d5d5d5d5d5d", "JSON object"),
        ("list", "[]", "JSON object"),
        (
            "public",
            r#"{"ss58Address":"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"}"#,
            "secretSeed",
        ),
        ("short", &short, "31 bytes where 32"),
        (
            "no-hex",
            r#"{"secretSeed":"5d5d5d5dhunter2"}"#,
            "hexadecimal",
        ),
        (
            "phrase",
            r#"{"secretPhrase":"5d5d5d5d hunter2"}"#,
            "secretPhrase",
        ),
        ("scheme", &odd, "sr25519"),
        ("other", &other, "ss58Address"),
        ("encrypted", "$NACL5d5d5d5d", "encrypted"),
    ] {
        let path = program::file(&format!("bad-{name}.json"), content);
        assert_usage_error(
            connect(&path),
            &["hotkey file", &format!("bad-{name}.json"), told],
        );
        let error = command_error(connect(&path));
        assert!(
            !error.contains("5d5d5d5d") && !error.contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn versions_that_no_header_can_carry() {
    for name in ["VALIDATOR_VERSION", "VALIDATOR_RUNNER_VERSION"] {
        for value in [
            &b"\xff\xfe"[..],
            b"1\r\nX-Injected: 1",
            b"1.0 \xc5\xbc",
            b"\x7f",
        ] {
            let mut command = program::command(GOOD_URI, &[]);
            command.env(name, OsString::from_vec(value.to_vec()));
            assert_usage_error(command, &[name, "accepted is printable ASCII"]);
        }
    }
}

#[test]
fn a_port_where_nobody_listens_is_retried_and_said() {
    let peer = Refusing::new();
    let mut program = Program::start(&peer.uri(), &[]);
    for _ in 0..3 {
        program.expect_phase("connecting");
        let waiting = program.expect_phase("waiting");
        assert_eq!(waiting["cause"], "refused");
        assert!(
            waiting["reason"].as_str().unwrap().contains("refused"),
            "{waiting}"
        );
        let retry = waiting["retry_in_s"].as_f64().unwrap();
        assert!((0.0..=0.2).contains(&retry), "{waiting}");
    }
    let ended = program.close();
    assert_eq!(
        (ended.status, ended.stopped()["owed"].clone()),
        (0, serde_json::json!([]))
    );
    // The log says the same, a line for each loss.
    let losses = ended
        .stderr
        .lines()
        .filter(|line| line.contains("connection lost"))
        .count();
    assert!(
        losses >= 3 && ended.stderr.contains("retry_in_s="),
        "{}",
        ended.stderr
    );
}
