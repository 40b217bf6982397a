//! The command `doctor`: each fault is made for real, and the step that fails and the advice are the right ones.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rcgen::{CertificateParams, date_time_ymd};
use serde_json::Value;

use crate::network::{authority, certificate_pem, server_of};
use crate::peers::{BlackHole, Refusing, SUCCESS, scripted};
use crate::program::{SOON, bare_command, file, hotkey_file};

/// What it said, and its exit status. Every line is an object, and stderr has one line for a failure.
fn doctor(uri: &str, arguments: &[&str]) -> (i32, Vec<Value>) {
    let mut command = bare_command(&["doctor", "--json", "--uri", uri, "--hotkey"]);
    command.arg(hotkey_file()).args(arguments);
    if !arguments.contains(&"--proxy") {
        command.args(["--proxy", "none"]);
    }
    let output = command.output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let status = output.status.code().unwrap();
    assert_eq!(stderr.lines().count(), usize::from(status != 0), "{stderr}");
    assert!(!(stdout.clone() + &stderr).contains("canary"), "{stdout}");
    let lines = stdout.lines();
    (
        status,
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

/// The step that fails is this one, what it says and advises has these words, and the steps behind it are named.
fn assert_fails(uri: &str, arguments: &[&str], step: &str, words: &str) {
    let (status, lines) = doctor(uri, arguments);
    let failed: Vec<_> = lines
        .iter()
        .filter(|it| it["result"] == "failed" && it["step"].is_string())
        .collect();
    assert_eq!((status, failed.len()), (1, 1), "{uri}: {lines:#?}");
    assert_eq!(failed[0]["step"], step, "{lines:#?}");
    assert!(failed[0]["elapsed_ms"].is_f64(), "{lines:#?}");
    let said = format!("{} -> {}", failed[0]["detail"], failed[0]["advice"]);
    assert!(said.contains(words), "no {words:?} in {said}");
    assert_eq!(lines.last().unwrap()["failed"], step);
    if step != "heartbeat" {
        let skipped = &lines[lines.len() - 2];
        assert_eq!(skipped["step"], "heartbeat", "{lines:#?}");
        assert_eq!(skipped["result"], "skipped", "{lines:#?}");
    }
}

fn steps(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|it| it["step"].as_str()).collect()
}

/// A server of bytes: this is its answer to whatever comes.
fn answers(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let _ = reader.fill_buf();
            let _ = stream.write_all(answer.as_bytes());
            // Until the other side has read that, and left.
            let _ = std::io::copy(&mut reader, &mut std::io::sink());
        }
    });
    address
}

const JOB: &str = r#"{"message_type":"V2JobRequest","type":"job.new","uuid":"00000000-0000-4000-8000-000000000001",
    "executor_class":"always_on.test","docker_image":"x","args":[],"env":{},"use_gpu":false,"download_time_limit":1,
    "execution_time_limit":1,"upload_time_limit":1,"streaming_start_time_limit":1}"#;

#[test]
fn what_works_is_told_step_by_step_and_jobs_are_left_alone() {
    let (tell, heard) = channel();
    let uri = scripted(move |script| {
        script.authenticate();
        // The session would answer this: nobody has signed it.
        script.say(JOB);
        while let Some(frame) = script.read() {
            tell.send(frame).unwrap();
        }
        tell.send("gone".to_owned()).unwrap();
    });
    let (status, lines) = doctor(&uri, &[]);
    assert_eq!(status, 0, "{lines:#?}");
    let expected = ["hotkey", "tcp", "upgrade", "authentication", "heartbeat"];
    assert_eq!(steps(&lines), expected);
    let heartbeat = &lines[4];
    assert_eq!(heartbeat["result"], "warning", "{heartbeat}");
    let advice = heartbeat["advice"].as_str().unwrap();
    assert!(advice.contains("meanwhile: 1;"), "{advice}");
    let detail = heartbeat["detail"].as_str().unwrap();
    assert!(detail.contains("a ping behind it"), "{detail}");
    assert_eq!(lines.last().unwrap()["result"], "ok");
    let frame = heard.recv_timeout(SOON).unwrap();
    assert!(frame.contains("V0Heartbeat"), "{frame}");
    assert_eq!(heard.recv_timeout(SOON).unwrap(), "gone");
}

#[test]
fn people_get_a_line_for_each_step() {
    let uri = scripted(|script| {
        script.say(SUCCESS);
        script.fall_silent();
    });
    let mut command = bare_command(&["doctor", "--uri", &uri, "--proxy", "none", "--hotkey"]);
    let output = command.arg(hotkey_file()).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}");
    assert_eq!(stdout.lines().count(), 6, "{stdout}");
    assert!(stdout.contains("ok     authentication"), "{stdout}");
    assert!(stdout.contains("All is well"), "{stdout}");
}

#[test]
fn faults_of_the_network_are_found() {
    let refusing = Refusing::new();
    let uri = refusing.uri() + "?token=canary";
    assert_fails(&uri, &[], "tcp", "nobody listens at 127.0.0.1:");
    let silent = BlackHole::new();
    let hurry = ["--connect-timeout", "1s"];
    assert_fails(&silent.uri(), &hurry, "upgrade", "does not answer");
    let uri = silent.uri().replace("ws:", "wss:");
    assert_fails(&uri, &hurry, "tls", "says nothing");
    let uri = "wss://facilitator.invalid/";
    assert_fails(uri, &["--connect-timeout", "5s"], "dns", "getent hosts");
}

#[test]
fn faults_of_tls_are_found() {
    let own = authority();
    let trusted = file("doctor-authority.pem", certificate_pem(own.der()));
    let trust = ["--tls-ca-file", trusted.to_str().unwrap()];
    let params = |name: &str| CertificateParams::new([name.to_owned()]).unwrap();

    let uri = server_of(&own, false, &params("127.0.0.1"));
    assert_fails(&uri, &[], "tls", "--tls-ca-file");
    let (status, lines) = doctor(&uri, &trust);
    assert_eq!(status, 0, "{lines:#?}");
    let tls = lines.iter().find(|it| it["step"] == "tls").unwrap();
    let detail = tls["detail"].as_str().unwrap();
    assert!(detail.contains("TLSv1_3, TLS13_"), "{detail}");
    assert!(detail.contains("more days"), "{detail}");

    let other = server_of(&own, false, &params("example.org"));
    assert_fails(&other, &trust, "tls", "for another host");
    let mut old = params("127.0.0.1");
    old.not_after = date_time_ymd(2020, 1, 1);
    let old = server_of(&own, false, &old);
    assert_fails(&old, &trust, "tls", "`date -u`");
    let mut young = params("127.0.0.1");
    young.not_before = date_time_ymd(2200, 1, 1);
    young.not_after = date_time_ymd(2201, 1, 1);
    let young = server_of(&own, false, &young);
    assert_fails(&young, &trust, "tls", "clock is behind");
    let plain = answers("HTTP/1.1 400 Bad Request\r\n\r\n".to_owned());
    let uri = format!("wss://{plain}/");
    assert_fails(&uri, &[], "tls", "does not speak TLS");
    let asking = server_of(&own, true, &params("127.0.0.1"));
    assert_fails(&asking, &trust, "upgrade", "--tls-client-certificate");
}

#[test]
fn a_certificate_that_ends_soon_is_a_warning() {
    let own = authority();
    let trusted = file("doctor-soon.pem", certificate_pem(own.der()));
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.not_after = (std::time::SystemTime::now() + Duration::from_hours(72)).into();
    let uri = server_of(&own, false, &params);
    let (status, lines) = doctor(&uri, &["--tls-ca-file", trusted.to_str().unwrap()]);
    let tls = lines.iter().find(|it| it["step"] == "tls").unwrap();
    assert_eq!((status, &tls["result"]), (0, &"warning".into()), "{tls}");
}

#[test]
fn answers_to_the_upgrade_are_explained() {
    for (status, words) in [
        ("302 Found", "redirects are not followed"),
        ("403 Forbidden", "does not let us in"),
        ("404 Not Found", "/ws/v0/"),
        ("429 Too Many Requests", "Wait a while"),
        ("502 Bad Gateway", "out of order"),
        ("200 OK", "no facilitator"),
    ] {
        let address = answers(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        assert_fails(&format!("ws://{address}/"), &[], "upgrade", words);
    }
    let address = answers("SSH-2.0-OpenSSH_9.2\r\n".to_owned() + &"x\r\n".repeat(9000));
    let uri = format!("ws://{address}/");
    assert_fails(&uri, &[], "upgrade", "does not speak WebSocket");
}

#[test]
fn a_proxy_that_refuses_is_told_from_the_facilitator() {
    for (status, words) in [
        ("407 Authentication Required", "user name and password"),
        ("403 Forbidden", "allow CONNECT"),
        ("503 Unavailable", "does not reach"),
    ] {
        let address = answers(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        let proxy = format!("http://user:canary@{address}");
        let uri = "wss://facilitator.invalid/";
        assert_fails(uri, &["--proxy", &proxy], "tunnel", words);
    }
}

#[test]
fn refused_authentications_are_explained() {
    let refusing = |kind: &'static str| {
        scripted(move |script| {
            script.read();
            script.say(&format!(
                r#"{{"status":"error","errors":[{{"msg":"no","type":"{kind}"}}]}}"#
            ));
            script.fall_silent();
        })
    };
    let step = "authentication";
    let uri = refusing("auth.validator_not_found");
    assert_fails(&uri, &[], step, "registered as a validator");
    let uri = refusing("auth.signature_invalid");
    assert_fails(&uri, &[], step, "sr25519");
    let silent = scripted(crate::peers::Script::fall_silent);
    let hurry = ["--authentication-timeout", "1s"];
    assert_fails(&silent, &hurry, step, "nobody answers");
    let rude = scripted(|script| drop(script.read()));
    assert_fails(&rude, &[], step, "hangs up");
}

#[test]
fn a_facilitator_that_dies_of_the_heartbeat_is_found() {
    let uri = scripted(|script| {
        script.authenticate();
        let heartbeat = script.read().unwrap();
        assert!(heartbeat.contains("V0Heartbeat"), "{heartbeat}");
    });
    assert_fails(&uri, &[], "heartbeat", "ends working connections");
    let uri = scripted(|script| {
        script.authenticate();
        script.read();
        script
            .say(r#"{"status":"error","errors":[{"msg":"no","type":"x","loc":["V0Heartbeat"]}]}"#);
        script.fall_silent();
    });
    assert_fails(&uri, &[], "heartbeat", "newer than this program");
    let uri = scripted(|script| {
        script.authenticate();
        script.read();
        script.say(r#"{"status":"error","errors":[{"msg":"no","type":"x"}]}"#);
        script.fall_silent();
    });
    assert_fails(&uri, &[], "heartbeat", "names no message");
}

/// Pongs come from below the facilitator's own code: one that was sent before the heartbeat says nothing of it.
#[test]
fn a_facilitator_that_reads_nothing_after_the_authentication_is_found() {
    let uri = scripted(|script| {
        script.authenticate();
        // It is read by nobody: neither the heartbeat, nor what follows.
        thread::park();
    });
    let hurry = ["--pong-timeout", "1s", "--ping-interval", "1s"];
    assert_fails(&uri, &hurry, "heartbeat", "open and then silent");
}

#[test]
fn a_wrong_configuration_is_no_fault_of_the_network() {
    for (arguments, told) in [
        (vec!["doctor"], "no hotkey file is named"),
        (vec!["doctor", "--hotkey", "/nowhere"], "cannot be read"),
        (vec!["doctor", "--uri", "http://x/"], "wss://"),
        (vec!["doctor", "--print-config"], "`connect`"),
    ] {
        let output = bare_command(&arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(told), "{stderr}");
        assert!(output.stdout.is_empty());
    }
}
