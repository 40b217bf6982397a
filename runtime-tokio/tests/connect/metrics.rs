//! `--metrics`, over plain HTTP: what can be asked for, by whom, and that no secret is among the answers.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Instant;

use facilitator_tokio::core::signature::authentication_request;
use serde_json::Value;

use crate::http::{Answer, exchange, get, request};
use crate::peers::{BlackHole, Refusing, SUCCESS, scripted};
use crate::program::{Program, SOON, command, keypair, uuid};
use crate::session::{facilitator, push};

/// Asks until the answer is right.
fn get_until(address: &str, path: &str, is_right: impl Fn(&Answer) -> bool) -> Answer {
    let began = Instant::now();
    loop {
        let answer = get(address, path);
        if is_right(&answer) {
            return answer;
        }
        assert!(
            began.elapsed() < SOON,
            "{path}: {}\n{}",
            answer.head,
            answer.body
        );
        std::thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_watched_from_its_start_to_its_end() {
    let server = facilitator().await;
    push(&server, 2);
    let (mut program, address) = Program::start_watched(&server.uri(), &[]);
    program.expect_phase("ready");
    program.expect_event("job_request");
    program.expect_event("job_request");
    for status in ["accepted", "rejected"] {
        program.send_status(&uuid(1), status);
        program.expect_event("receipt");
    }

    assert_eq!(get(&address, "/healthz").body, "alive\n");
    let ready = get(&address, "/readyz");
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready\n"));
    let metrics = get(&address, "/metrics");
    assert_eq!(
        metrics.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    for line in [
        "transport_layer_state 1",
        "transport_layer_events_total{event=\"success\"} 1",
        "open_jobs 1",
        "jobs_received_total 2",
        "messages_acknowledged_total{message_type=\"JobStatusUpdate\"} 4",
        "messages_received_total{message_type=\"V2JobRequest\"} 2",
        "messages_sent_total{message_type=\"JobStatusUpdate\",retries=\"0\"} 4",
        "message_round_trip_seconds_count{message_type=\"JobStatusUpdate\"} 4",
    ] {
        let line = format!("\nvalidator_facilitator_client_{line}\n");
        assert!(metrics.body.contains(&line), "{line}{}", metrics.body);
    }
    promtool(&metrics.body);

    // The page is whole without its script.
    let page = get(&address, "/");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    for part in [
        uuid(2).as_str(),
        "<h2>ready</h2>",
        "rejected, delivered",
        "http-equiv=\"refresh\"",
        " UTC</time>",
    ] {
        assert!(page.body.contains(part), "no {part}: {}", page.body);
    }
    assert!(
        !page.body.contains(&format!("<td class=\"id\">{}", uuid(1))),
        "{}",
        page.body
    );

    server.shutdown().await;
    let ready = get_until(&address, "/readyz", |answer| answer.status == 503);
    assert!(ready.body.starts_with("not ready: "), "{}", ready.body);
    let ready = get_until(&address, "/readyz", |answer| {
        answer.body.contains("next attempt in")
    });
    assert!(ready.body.contains("waiting; "), "{}", ready.body);
    assert_eq!(get(&address, "/healthz").status, 200);
    program.signal("TERM");
    assert_eq!(program.wait().status, 0);
    assert!(
        TcpStream::connect(&address).is_err(),
        "it is served for ever"
    );
}

/// The session goes on while running jobs end; whoever sends new work has to hear of the stop all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_is_seen_while_jobs_run() {
    let server = facilitator().await;
    push(&server, 1);
    let arguments = ["--worker", "exec sleep 1000", "--worker-stop-time", "1h"];
    let (mut program, address) = Program::start_watched(&server.uri(), &arguments);
    program.expect_event("worker_started");
    let ready = get(&address, "/readyz");
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready\n"));
    program.signal("TERM");
    let ready = get_until(&address, "/readyz", |answer| answer.status == 503);
    assert_eq!(ready.body, "not ready: stopping\n");
    let report: Value = serde_json::from_str(&get(&address, "/status.json").body).unwrap();
    assert_eq!(report["phase"], "ready", "{report}");
    assert_eq!(report["is_ready"], false, "{report}");
    assert_eq!(report["is_stopping"], true, "{report}");
    let page = get(&address, "/").body;
    for part in [
        "<h2>stopping</h2>",
        "A stop was asked for",
        "<title>stopping",
    ] {
        assert!(page.contains(part), "no {part}: {page}");
    }
    let metrics = get(&address, "/metrics").body;
    assert!(metrics.contains("transport_layer_state 1\n"), "{metrics}");
    program.signal("INT");
    let ended = program.wait();
    assert!(ended.complaint().contains("aborted"), "{}", ended.stderr);
}

/// Prometheus' own opinion, where it is installed.
fn promtool(text: &str) {
    let child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        let missing = "SKIPPED: promtool is not installed (Debian's package `prometheus`), nobody else has read the metrics";
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        println!("\n!!! {missing}\n");
        return;
    };
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

#[test]
fn only_what_is_there_is_served_and_only_to_read() {
    let peer = BlackHole::new();
    let (program, address) = Program::start_watched(&peer.uri(), &[]);
    let paths = [
        "/",
        "/page.css",
        "/page.js",
        "/metrics",
        "/healthz",
        "/live",
    ];
    for path in paths {
        let head = request(&address, "HEAD", path);
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
            let refused = request(&address, method, path);
            assert_eq!(refused.status, 405, "{method} {path}");
            assert_eq!(
                refused.header("allow"),
                Some("GET, HEAD"),
                "{method} {path}"
            );
        }
        if path != "/live" {
            let found = get(&address, path);
            assert_eq!(found.status, 200, "{path}");
            let length = |answer: &Answer| answer.header("content-length").map(str::len);
            assert_eq!(length(&head), length(&found), "{path}");
            for (name, value) in [
                ("cache-control", "no-store"),
                ("x-content-type-options", "nosniff"),
            ] {
                assert_eq!(found.header(name), Some(value), "{path}");
            }
            let policy = found.header("content-security-policy").unwrap();
            assert!(
                policy.starts_with("default-src 'none'; script-src 'self';"),
                "{policy}"
            );
        }
    }
    assert_eq!(get(&address, "/metrics?name=x").status, 200);
    for path in [
        "/nothing",
        "/metrics/",
        "//",
        "/../etc/passwd",
        "/Metrics",
        "/favicon.ico",
    ] {
        for method in ["GET", "POST"] {
            assert_eq!(
                request(&address, method, path).status,
                404,
                "{method} {path}"
            );
        }
    }
    assert_eq!(exchange(&address, "no HTTP at all", "").status, 400);
    drop(program);
}

/// A page of another origin, whose name was made to point here, sends its own name.
#[test]
fn requests_for_other_hosts_are_refused() {
    let peer = BlackHole::new();
    let (program, address) = Program::start_watched(&peer.uri(), &[]);
    let port = address.rsplit(':').next().unwrap();
    let ask = |host: &str| {
        exchange(
            &address,
            &format!("GET /metrics HTTP/1.1\r\nHost: {host}"),
            "",
        )
        .status
    };
    for host in [
        "localhost",
        "LOCALHOST:1",
        "127.0.0.1",
        "127.1.2.3:80",
        "[::1]:9",
        &format!("localhost:{port}"),
    ] {
        assert_eq!(ask(host), 200, "{host}");
    }
    for host in [
        "rebound.example",
        "localhost.example:80",
        "192.0.2.1",
        "[2001:db8::1]",
        "a b",
        "127.0.0.1.example",
    ] {
        assert_eq!(ask(host), 421, "{host}");
    }
    // Nobody but a browser can be tricked, and browsers name the host.
    assert_eq!(exchange(&address, "GET /healthz HTTP/1.0", "").status, 200);
    drop(program);
}

#[test]
fn an_address_that_is_taken_is_said_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let peer = Refusing::new();
    let mut program = Program::start_unread(command(&peer.uri(), &["--metrics", &address]));
    program.read_stdout();
    let ended = program.wait();
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    let complaint = ended.complaint();
    assert!(
        complaint.starts_with(&format!("metrics cannot be served at {address}: ")),
        "{complaint}"
    );
    assert!(
        ended.events.is_empty(),
        "the session was started: {:?}",
        ended.raw
    );
}

/// What the facilitator says is shown, and is no markup.
#[test]
fn nothing_from_outside_becomes_markup() {
    const MARKUP: &str = "<img src=x onerror=alert(1)>";
    let uri = scripted(|script| {
        script.authenticate();
        script.say(&format!(
            r#"{{"message_type":"V2JobRequest","uuid":"{MARKUP}","executor_class":"always_on.test","docker_image":"a","args":[],"env":{{}},"download_time_limit":1,"execution_time_limit":1,"upload_time_limit":1,"streaming_start_time_limit":1}}"#
        ));
        script.fall_silent();
    });
    let (mut program, address) = Program::start_watched(&uri, &["--unverified"]);
    program.expect_event("job_declined");
    let page = get(&address, "/").body;
    assert!(
        page.contains("&lt;img src=x onerror=alert(1)&gt;"),
        "{page}"
    );
    assert!(!page.contains("<img"), "{page}");
    let live = first_of_live(&address);
    assert!(live.contains("&lt;img") && !live.contains("<img"), "{live}");
}

/// The first event of an open page.
fn first_of_live(address: &str) -> String {
    use std::io::{BufRead, BufReader};
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    write!(stream, "GET /live HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    let mut data = lines.filter_map(|line| line.strip_prefix("data: ").map(str::to_owned));
    let data = data.next().unwrap();
    let update: Value = serde_json::from_str(&data).unwrap();
    assert_eq!(update["sections"].as_array().unwrap().len(), 6, "{data}");
    data
}

/// The key, the authentication and the contents of headers and URIs are on no page.
#[test]
fn no_secret_is_shown() {
    const CANARY: &str = "canary-9c1f";
    let uri = scripted(|script| {
        let frame = script.read().unwrap_or_default();
        script.say(SUCCESS);
        // As nosy as a peer can be.
        script.say(&frame);
        script.say(&format!("{frame} and more"));
        let input = serde_json::to_string(&frame).unwrap();
        script.say(&format!(
            r#"{{"status":"error","errors":[{{"type":"missing","msg":"m","loc":["V0Heartbeat"],"input":{input}}}]}}"#
        ));
        script.fall_silent();
    });
    let uri = format!("{uri}{CANARY}?token={CANARY}");
    let header = format!("X-Token: {CANARY}");
    let (mut program, address) = Program::start_watched(&uri, &["--header", &header]);
    program.expect_phase("ready");
    program.expect_event("malformed");
    let mut said = first_of_live(&address);
    for path in ["/", "/metrics", "/readyz", "/healthz", "/nothing"] {
        let answer = get(&address, path);
        said += &(answer.head + &answer.body);
    }
    assert!(said.contains(&keypair().public().to_ss58()), "{said}");
    let signature = authentication_request(&keypair()).signature;
    let seed = "2a".repeat(32);
    for canary in [
        CANARY,
        signature.get(2..26).unwrap(),
        seed.get(..24).unwrap(),
    ] {
        assert!(!said.contains(canary), "{canary} was shown: {said}");
    }
    drop(program);
}
