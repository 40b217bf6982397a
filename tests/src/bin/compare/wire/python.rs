//! The incumbent's client: Python with `websockets` and pydantic, in an environment of its own below the target folder,
//! which is made when it is needed first. What it does is in `tests/python/incumbent.py`.

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Result;
use super::client::authentication;

/// How much of the incumbent's way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Each `send` is wrapped in tenacity's retries, and followed by a turn of the event loop.
    Incumbent,
    /// Without these two.
    Plain,
}

/// An interpreter that has what `tests/python/incumbent.txt` asks for.
#[derive(Debug)]
pub(crate) struct Python {
    interpreter: PathBuf,
}

/// Why there is none.
#[derive(Debug)]
pub(crate) struct Missing(pub(crate) String);

impl Python {
    /// Finds Python, and makes the environment if it is not there.
    ///
    /// # Errors
    ///
    /// [`Missing`], with what there should be.
    pub(crate) fn find() -> core::result::Result<Self, Missing> {
        let system = Path::new("python3");
        let version = run(isolated(system).args([
            "-c",
            "import ensurepip, platform, venv; print(platform.python_version())",
        ]))
        .map_err(|why| Missing(format!("no python3 with its module venv: {why}")))?;
        let version = version.trim().to_owned();
        let interpreter =
            install(system, &version).map_err(|why| Missing(format!("no environment: {why}")))?;
        Ok(Self { interpreter })
    }

    /// The client, to be started.
    pub(crate) fn client(
        &self,
        manner: Manner,
        port: u16,
        window: NonZeroUsize,
        core: usize,
    ) -> Result<Command> {
        let mut command = isolated(&self.interpreter);
        command
            .arg(folder().join("incumbent.py"))
            .args(["--port", &port.to_string()])
            .args(["--window", &window.to_string()])
            .args(["--core", &core.to_string()])
            .args(["--authentication", &authentication()?]);
        if manner == Manner::Plain {
            command.arg("--plain");
        }
        Ok(command)
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

/// An interpreter that heeds no environment but its own.
fn isolated(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-E", "-s"]);
    command
}

fn install(system: &Path, version: &str) -> Result<PathBuf> {
    let requirements = folder().join("incumbent.txt");
    let wanted = [fs::read(&requirements)?, version.into()].concat();

    // Beside this program: below the target folder, wherever that is.
    let program = std::env::current_exe()?;
    let environment = program.with_file_name("compare-python");
    // Not for two at a time.
    let lock = File::create(environment.with_extension("lock"))?;
    lock.lock()?;
    let python = if cfg!(windows) {
        environment.join("Scripts").join("python.exe")
    } else {
        environment.join("bin").join("python")
    };
    // The last thing to be written, so what it stands beside is complete.
    let installed = environment.join("installed");
    if fs::read(&installed).ok().as_ref() != Some(&wanted) {
        let _ = fs::remove_dir_all(&environment);
        run(isolated(system).args(["-m", "venv"]).arg(&environment))?;
        // Not isolated: where packages come from is the machine's configuration.
        run(Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--no-input",
                "--disable-pip-version-check",
            ])
            .args(["--only-binary", ":all:", "--require-hashes"])
            .arg("--requirement")
            .arg(&requirements))?;
        fs::write(&installed, wanted)?;
    }
    Ok(python)
}

/// What it prints, once it has ended well.
fn run(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let program = command.get_program().to_string_lossy().into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.trim().lines().last().unwrap_or_default();
    Err(format!("{program} ended with {}: {last}", output.status).into())
}
