//! A reader's shell: a folder of its own, with the workspace's programs in its path. What is different from a reader's
//! machine, and nothing else is:
//!
//! - the ports 8080 and 9469 are ports that are free here;
//! - where a command names no facilitator, a simulated one stands in for the public one;
//! - `cargo run .. --bin NAME -- ..` runs the program that cargo has built for the tests;
//! - the home folder holds a wallet, and the working folder a copy of `worker.py`, as the guides ask of the reader.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, io, thread};

use facilitator_tests::built;

use super::block::{Block, How};
use super::root;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often it is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(20);
/// SIGTERM.
const TERM: i32 = 15;

/// A shell in a folder.
pub(crate) struct Shell {
    folder: PathBuf,
    ports: [(&'static str, String); 2],
    path: String,
    public: String,
    /// The stand-in for the public facilitator.
    facilitator: Option<Running>,
    background: Vec<Running>,
    count: usize,
}

/// A process in the background; it is killed when a test fails half-way.
struct Running {
    what: String,
    process: Child,
    output: PathBuf,
    then: Option<String>,
    killed: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Shell {
    /// `None` where the tools that the guides ask for are missing, which is said loudly; under `CI` they must be there.
    pub(crate) fn new(guide: &str) -> Option<Self> {
        for tool in ["python3", "curl"] {
            let found = Command::new(tool)
                .arg("--version")
                .stdout(Stdio::null())
                .status();
            if !found.is_ok_and(|status| status.success()) {
                assert!(env::var_os("CI").is_none(), "CI needs {tool}");
                // Past the capture of the test's output.
                let _ = writeln!(
                    io::stderr(),
                    "!!! SKIPPED: there is no {tool}, so {guide} was not run"
                );
                return None;
            }
        }
        let name = guide.replace('/', "-");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("guide-{name}"));
        let _ = fs::remove_dir_all(&folder);
        let wallet = folder.join(".bittensor/wallets/validator/hotkeys");
        let programs = folder.join("programs");
        fs::create_dir_all(&wallet).unwrap();
        fs::create_dir_all(&programs).unwrap();
        let client = built::program("facilitator-client");
        symlink(client, programs.join("facilitator-client")).unwrap();
        cargo(&programs);
        let worker = root().join("runtime-tokio/examples/worker.py");
        fs::copy(worker, folder.join("worker.py")).unwrap();
        let path = format!("{}:{}", programs.display(), env::var("PATH").unwrap());
        let [http, metrics, public] = free_ports();
        let mut shell = Self {
            folder,
            ports: [
                ("127.0.0.1:8080", format!("127.0.0.1:{http}")),
                ("127.0.0.1:9469", format!("127.0.0.1:{metrics}")),
            ],
            path,
            public: format!("ws://127.0.0.1:{public}/ws/v0/"),
            facilitator: None,
            background: Vec::new(),
            count: 0,
        };
        let listen = format!("facilitator-client serve --listen 127.0.0.1:{public}");
        let facilitator = shell.start(&listen, "the stand-in", None, false);
        Self::wait_for(&facilitator, r#""event":"listening""#);
        shell.facilitator = Some(facilitator);
        let wallet = wallet.join("default");
        let key = format!("facilitator-client key new --out {}", wallet.display());
        let (status, text) = shell.run_through(&key, "the wallet");
        assert!(status.success(), "{text}");
        Some(shell)
    }

    /// Saves a file, as the reader would.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), self.substitute(text)).unwrap();
    }

    /// Types a block, and waits for what is to come of it.
    pub(crate) fn run(&mut self, block: &Block<'_>, how: &How<'_>) {
        let what = format!("line {}: {}", block.line, block.text);
        let text = self.substitute(block.text);
        if how.background {
            let then = how.then.map(str::to_owned);
            let running = self.start(&text, &what, then, how.killed);
            if let Some(until) = how.until {
                Self::wait_for(&running, until);
            }
            self.background.push(running);
            return;
        }
        let (status, output) = self.run_through(&text, &what);
        assert_eq!(status.code(), Some(how.fails), "{what}\n{output}");
        if let Some(says) = how.says {
            assert!(
                output.contains(says),
                "{what}\ndoes not say {says}: {output}"
            );
        }
    }

    /// Ends what runs in the background, the newest first.
    pub(crate) fn end_section(&mut self) {
        while let Some(mut running) = self.background.pop() {
            if let Some(then) = running.then.take() {
                Self::wait_for(&running, &then);
            }
            let kill = format!("kill -TERM {}", running.process.id());
            let (sent, text) = self.run_through(&kill, "kill");
            assert!(sent.success(), "{}\nhas ended: {text}", running.what);
            let status = wait(&mut running.process, &running.what);
            let is_well = if running.killed {
                status.signal() == Some(TERM)
            } else {
                status.success()
            };
            let output = fs::read_to_string(&running.output).unwrap();
            assert!(is_well, "{}\n{status}: {output}", running.what);
        }
    }

    fn substitute(&self, text: &str) -> String {
        self.ports
            .iter()
            .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    /// One simple command; it takes the shell's place, so that signals reach it.
    fn start(&mut self, text: &str, what: &str, then: Option<String>, killed: bool) -> Running {
        self.count += 1;
        let output = self.folder.join(format!("output-{}", self.count));
        let process = self.bash(&format!("exec {text}"), &output);
        Running {
            what: what.to_owned(),
            process,
            output,
            then,
            killed,
        }
    }

    fn run_through(&mut self, text: &str, what: &str) -> (ExitStatus, String) {
        self.count += 1;
        let output = self.folder.join(format!("output-{}", self.count));
        let mut process = self.bash(text, &output);
        let status = wait(&mut process, what);
        (status, fs::read_to_string(output).unwrap())
    }

    fn bash(&self, text: &str, output: &Path) -> Child {
        let file = File::create(output).unwrap();
        let stderr = file.try_clone().unwrap();
        let mut command = Command::new("bash");
        for (name, _) in env::vars_os() {
            let is_ours = name.to_string_lossy().starts_with("FACILITATOR_");
            if is_ours || name.to_string_lossy().to_lowercase().ends_with("_proxy") {
                command.env_remove(name);
            }
        }
        command
            .args(["-euo", "pipefail", "-c", text])
            .current_dir(&self.folder)
            .env("PATH", &self.path)
            .env("HOME", &self.folder)
            .env_remove("XDG_CONFIG_HOME")
            .env("FACILITATOR_URI", &self.public)
            // A terminal's input has no end.
            .stdin(Stdio::piped())
            .stdout(file)
            .stderr(stderr);
        command.spawn().unwrap()
    }

    fn wait_for(running: &Running, text: &str) {
        let begun = Instant::now();
        loop {
            let output = fs::read_to_string(&running.output).unwrap();
            if output.contains(text) {
                return;
            }
            let waited = begun.elapsed();
            assert!(
                waited < PATIENCE,
                "{}\nnever says {text}: {output}",
                running.what
            );
            thread::sleep(LOOK);
        }
    }
}

fn wait(process: &mut Child, what: &str) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return status;
        }
        if begun.elapsed() > PATIENCE {
            let _ = process.kill();
            panic!("it does not end: {what}");
        }
        thread::sleep(LOOK);
    }
}

/// A `cargo` that knows `run --bin NAME -- ..`, and builds nothing.
fn cargo(programs: &Path) {
    let mut script = String::from(
        "#!/bin/bash\nall=\"$*\"\nwhile [[ $1 != -- ]]; do shift; done\nshift\ncase $all in\n",
    );
    for name in ["simulate", "check", "compare"] {
        let path = built::program(name).display();
        let line = format!(
            "'run --release -p facilitator-tests --bin {name} -- '*) exec '{path}' \"$@\";;\n"
        );
        script.push_str(&line);
    }
    script += "*) echo \"not known here: $all\" >&2; exit 99;;\nesac\n";
    let path = programs.join("cargo");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// All at once, so that they are different ones.
fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
