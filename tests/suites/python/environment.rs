//! Python with what `tests/python/requirements.txt` asks for: in an environment of its own below the target folder, made
//! once for all test processes. No test is here.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::{env, thread};

/// Whether there is a Python. Where there is none, this says so, and the test has nothing to do; in CI it has failed.
pub(crate) fn is_there() -> bool {
    if PYTHON.is_some() {
        return true;
    }
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    let skipped =
        format!("!!! SKIPPED: {test} needs python3 with its module venv (python3-venv)\n");
    // Past the harness, which keeps for failures what tests print.
    let _ = io::stderr().write_all(skipped.as_bytes());
    false
}

/// A script of `tests/python`.
pub(crate) fn script(name: &str) -> Command {
    let mut command = isolated(PYTHON.as_ref().unwrap());
    command.arg(folder().join(name));
    command
}

/// The environment's interpreter.
static PYTHON: LazyLock<Option<PathBuf>> = LazyLock::new(install);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

/// An interpreter that heeds no environment but its own, and leaves no bytecode beside the scripts.
fn isolated(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-B", "-E", "-s"]);
    command
}

fn install() -> Option<PathBuf> {
    let system = Path::new("python3");
    // `ensurepip` is what Debian leaves out of its python3.
    let probe = "import ensurepip, sys, venv; print(sys.version)";
    let version = match isolated(system).args(["-c", probe]).output() {
        Ok(output) if output.status.success() => output.stdout,
        missing => {
            assert!(
                env::var_os("CI").is_none_or(|ci| ci.is_empty()),
                "in CI there must be a python3 with its module venv: {missing:?}"
            );
            return None;
        }
    };
    let requirements = folder().join("requirements.txt");
    let wanted = [fs::read(&requirements).unwrap(), version].concat();

    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let lock = File::create(environment.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let python = if cfg!(windows) {
        environment.join("Scripts").join("python.exe")
    } else {
        environment.join("bin").join("python")
    };
    // The last thing to be written, so what it stands beside is complete.
    let installed = environment.join("installed");
    if fs::read(&installed).ok() != Some(wanted.clone()) {
        let _ = fs::remove_dir_all(&environment);
        run(isolated(system).args(["-m", "venv"]).arg(&environment));
        // Not isolated: where packages come from is the machine's configuration.
        run(Command::new(&python)
            .args(["-m", "pip", "install", "--no-input", "--require-hashes"])
            .arg("--requirement")
            .arg(&requirements));
        fs::write(&installed, wanted).unwrap();
    }
    Some(python)
}

fn run(command: &mut Command) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    assert!(
        status.success(),
        "{command:?} failed, {status}:\n{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
}
