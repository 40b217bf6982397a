//! The program as a service: what its manager is told, and what SIGHUP does. The unit file, too.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;

use facilitator_tokio::Keypair;
use facilitator_tokio::core::message::{ExecutorClass, V2JobRequest};
use facilitator_tokio::core::signature::{Scheme, hotkey, sign_job_request};

use crate::peers::Refusing;
use crate::program::{Program, SOON, command, file, hotkey_file, uuid};
use crate::session::{facilitator, job};

/// Who has started the program.
struct Manager {
    socket: UnixDatagram,
    folder: PathBuf,
}

impl Manager {
    fn new(name: &str) -> Self {
        // The names of sockets are short.
        let folder = std::env::temp_dir().join(format!("fc-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let socket = UnixDatagram::bind(folder.join("notify")).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        Self { socket, folder }
    }

    fn start(&self, uri: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Program {
        let mut command = command(uri, arguments);
        command
            .env("NOTIFY_SOCKET", self.folder.join("notify"))
            .envs(variables.iter().copied());
        let mut program = Program::start_unread(command);
        program.read_stdout();
        program
    }

    fn hear(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// Waits until this is said; what was said before.
    fn expect(&self, what: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let said = self.hear();
            if said == what {
                return before;
            }
            assert!(before.len() < 10_000, "no {what} but {before:?}");
            before.push(said);
        }
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The facilitator is away: that is no reason to be started again.
#[test]
fn the_manager_is_told_what_becomes_of_the_service() {
    let manager = Manager::new("told");
    let peer = Refusing::new();
    let watchdog = [("WATCHDOG_USEC", "40000")];
    let program = manager.start(&peer.uri(), &[], &watchdog);
    let before = manager.expect("READY=1");
    assert!(!before.iter().any(|said| said.contains("STOPPING")));
    manager.expect("STATUS=waiting");
    for _ in 0..5 {
        manager.expect("WATCHDOG=1");
    }
    program.signal("HUP");
    manager.expect("RELOADING=1");
    manager.expect("READY=1");
    program.signal("TERM");
    manager.expect("STOPPING=1");
    let ended = program.wait();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("trust and log are as configured now"),
        "{}",
        ended.stderr
    );
}

#[test]
fn signs_of_life_are_for_whoever_is_meant() {
    let manager = Manager::new("meant");
    let peer = Refusing::new();
    let watchdog = [("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")];
    let program = manager.start(&peer.uri(), &[], &watchdog);
    manager.expect("READY=1");
    // With signs of life, there would be many among these.
    let before = manager.expect("STATUS=waiting");
    program.signal("TERM");
    let stopping = manager.expect("STOPPING=1");
    assert_eq!(program.wait().status, 0);
    let all = [before, stopping].concat();
    assert!(!all.iter().any(|said| said == "WATCHDOG=1"), "{all:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_does_not_speak_for_the_service() {
    let manager = Manager::new("worker");
    let server = facilitator().await;
    server.push_job(job(1)).unwrap();
    let seen = manager.folder.join("seen");
    let worker = format!(
        "env > {0}.new && mv {0}.new {0}; echo '{{\"status\":\"rejected\"}}'",
        seen.display()
    );
    let variables = [("WATCHDOG_USEC", "60000000")];
    let mut program = manager.start(&server.uri(), &["--worker", &worker], &variables);
    program.expect_event("worker_ended");
    program.signal("TERM");
    assert_eq!(program.wait().status, 0);
    let seen = fs::read_to_string(seen).unwrap();
    assert!(seen.contains("FACILITATOR_JOB="), "{seen}");
    assert!(
        !seen.contains("NOTIFY_SOCKET") && !seen.contains("WATCHDOG"),
        "{seen}"
    );
}

#[test]
fn a_manager_that_is_gone_is_no_reason_to_fail() {
    let peer = Refusing::new();
    for socket in [
        "/nowhere/notify",
        "@facilitator-client-nobody",
        "relative",
        "",
    ] {
        let mut command = command(&peer.uri(), &[]);
        command.env("NOTIFY_SOCKET", socket);
        let mut program = Program::start_unread(command);
        program.read_stdout();
        program.expect_phase("waiting");
        let ended = program.close();
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        let is_said = ended.stderr.contains("cannot be told");
        assert_eq!(is_said, !socket.is_empty(), "{}", ended.stderr);
    }
}

/// A job that a customer has signed.
fn customers_job(number: usize, customer: &Keypair) -> V2JobRequest {
    let mut request = V2JobRequest::new(uuid(number), ExecutorClass::AlwaysOnTest, "alpine");
    sign_job_request(&mut request, customer, 1_795_432_324_000_000_000);
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_takes_over_whom_to_trust_and_what_the_log_shows() {
    let customer = Keypair::from_seed(Scheme::Sr25519, [7; 32]).unwrap();
    let trusted = file("reload-trusted.txt", "");
    let config = |filter: &str, more: &str| {
        let text = format!("[trust]\nfile = {trusted:?}\n[log]\nfilter = \"{filter}\"\n{more}");
        file("reload.toml", text)
    };
    let path = config("warn", "");
    let server = facilitator().await;
    let mut command = command(&server.uri(), &[]);
    command.arg("--config").arg(path);
    let mut program = Program::start_unread(command);
    program.read_stdout();
    program.expect_phase("ready");
    server.push_job(customers_job(1, &customer)).unwrap();
    program.expect_event("job_refused");

    // A mistake changes nothing, not even what is right beside it.
    fs::write(&trusted, format!("{}\n", customer.public().to_ss58())).unwrap();
    config("debug", "[timing]\ndrain_timeout = 10\n");
    program.signal("HUP");
    program.expect_log("everything stays as it was");
    server.push_job(customers_job(2, &customer)).unwrap();
    program.expect_event("job_refused");

    config("debug", "[timing]\ndrain_timeout = \"11s\"\n");
    program.signal("HUP");
    program.expect_log("and 1 accounts");
    let line = program.expect_log("need a restart");
    assert!(line.contains("timing.drain_timeout"), "{line}");
    assert!(
        !line.contains("log.filter") && !line.contains("trust"),
        "{line}"
    );
    server.push_job(customers_job(3, &customer)).unwrap();
    let request = program.expect_event("job_request");
    assert_eq!(request["uuid"], uuid(3).as_str());
    program.send_status(&uuid(3), "rejected");
    program.expect_event("receipt");
    // What debug shows.
    program.expect_log("DEBUG");

    // And back.
    fs::write(&trusted, "").unwrap();
    program.signal("HUP");
    program.expect_log("and 0 accounts");
    server.push_job(customers_job(4, &customer)).unwrap();
    program.expect_event("job_refused");
    let ended = program.close();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
}

/// What cannot be shown is noticed all the same: a key in its file, a password, the value of a header.
#[test]
fn a_hangup_notices_secrets_that_have_changed_and_shows_none() {
    let key = |seed: u8| {
        let keypair = Keypair::from_seed(Scheme::Sr25519, [seed; 32]).unwrap();
        file("reload-hotkey.json", hotkey::to_json(&keypair).as_bytes())
    };
    let peer = Refusing::new();
    let path = key(1);
    let config = |header: &str, password: &str, hook: &str, query: &str| {
        let text = format!(
            "uri = \"{}?{query}\"\nhotkey = {path:?}\nheaders = {{ X-Token = \"{header}\" }}\n[webhook]\nuri = \"http://h/{hook}\"\n[proxy]\nuri = \"http://user:{password}@h:1\"\n",
            peer.uri()
        );
        file("reload-secrets.toml", text)
    };
    let path = config("hunter2", "hunter2", "hunter2", "hunter2");
    let mut command = crate::program::bare_command(&["connect", "--config"]);
    let mut program = Program::start_unread({
        command.arg(path);
        command
    });
    program.read_stdout();
    program.expect_phase("waiting");
    // Nothing has changed.
    program.signal("HUP");
    program.expect_log("as configured now");
    let needs_restart = |program: &Program| {
        program.signal("HUP");
        let line = program.expect_log("need a restart");
        let (_, keys) = line.split_once("keys=").unwrap();
        let keys = keys.trim().trim_matches('"').split(", ");
        keys.map(str::to_owned).collect::<Vec<_>>()
    };
    key(2);
    assert_eq!(needs_restart(&program), ["hotkey"]);
    config("hunter3", "hunter2", "hunter2", "hunter2");
    assert_eq!(needs_restart(&program), ["hotkey", "headers"]);
    config("hunter2", "hunter3", "hunter3", "hunter3");
    key(1);
    let all = ["uri", "proxy.uri", "webhook.uri"];
    assert_eq!(needs_restart(&program), all);
    // A key that cannot be read is a mistake like any other.
    fs::write(file("reload-hotkey.json", ""), "hunter2").unwrap();
    program.signal("HUP");
    program.expect_log("everything stays as it was");
    let ended = program.close();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("need a restart").count(), 3);
    assert!(!ended.stderr.contains("hunter"), "{}", ended.stderr);
}

/// A key that comes through a pipe comes once.
#[test]
fn a_key_from_a_pipe_is_read_once() {
    let pipe = crate::folder::path("hotkey-pipe");
    let _ = fs::remove_file(&pipe);
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let peer = Refusing::new();
    let mut command = crate::program::bare_command(&["connect", "--uri", &peer.uri(), "--hotkey"]);
    command.arg(&pipe);
    let mut program = Program::start_unread(command);
    program.read_stdout();
    let key = fs::read(hotkey_file()).unwrap();
    fs::write(&pipe, key).unwrap();
    program.expect_phase("waiting");
    program.signal("HUP");
    program.expect_log("as configured now");
    let ended = program.close();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(!ended.stderr.contains("restart"), "{}", ended.stderr);
}

const UNIT: &str = "service/facilitator-client.service";

/// What the unit file starts, a line of its own each.
fn unit() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(UNIT);
    fs::read_to_string(path).unwrap().replace("\\\n", " ")
}

#[test]
fn the_unit_file_starts_the_program_as_it_is() {
    let unit = unit();
    let start = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let words: Vec<String> = start
        .unwrap()
        .split_whitespace()
        .skip(1)
        .map(|word| match word {
            "${CREDENTIALS_DIRECTORY}/hotkey.json" => hotkey_file().display().to_string(),
            word => word
                .replace("${RUNTIME_DIRECTORY}", "/run/x")
                .replace("${STATE_DIRECTORY}", "/var/lib/x"),
        })
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut command = crate::program::bare_command(&words);
    let output = command.arg("--print-config").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("/run/x/workers.sock"), "{shown}");
}

/// `systemd-analyze` knows the keys, and what they may be.
#[test]
fn the_unit_file_is_one() {
    use std::io::Write as _;
    let program = env!("CARGO_BIN_EXE_facilitator-client");
    let unit = unit()
        .replace("/usr/local/bin/facilitator-client", program)
        // The tests' machine has no such user, and need not have the network's target or the manual.
        .replace("User=facilitator\n", "");
    let path = file("facilitator-client.service", unit);
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(path)
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: the unit file needs systemd-analyze, which is not to be had here ({error})"
            );
            return;
        }
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let about_us: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("facilitator-client"))
        .collect();
    assert!(output.status.success() && about_us.is_empty(), "{said}");
}
