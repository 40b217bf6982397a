//! Where and on what something was measured: what anybody may know. No names of hosts, users or folders.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use serde::Serialize;

/// Where and on what something was measured. What cannot be found out is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// The processor's model.
    pub cpu: Option<String>,
    /// How many threads can run at once.
    pub cores: Option<usize>,
    /// In MiB.
    pub memory: Option<u64>,
    /// The operating system, the processor's kind, and the kernel's version.
    pub system: String,
    /// The compiler that is in the path: with cargo, the one that built this.
    pub rustc: Option<String>,
    /// The commit of the working copy, with `+` when it has been changed since.
    pub commit: Option<String>,
    /// When, in UTC.
    pub date: Option<String>,
    /// How many were waiting for a core, on average over the last minute, as it began.
    pub load: Option<String>,
}

impl Machine {
    /// This machine, now. `folder` is the working copy.
    pub fn here(folder: &Path) -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        // Without what a distribution or an owner has added to it.
        let kernel = kernel.trim().split('-').next().unwrap_or_default();
        let system = [std::env::consts::OS, std::env::consts::ARCH, kernel];
        let commit = said(folder, "git", &["rev-parse", "--short=12", "HEAD"]).map(|commit| {
            let changes = ["status", "--porcelain", "--untracked-files=no"];
            let is_changed = said(folder, "git", &changes).is_some();
            commit + if is_changed { "+" } else { "" }
        });
        Self {
            cpu: value(&cpuinfo, "model name").map(str::to_owned),
            cores: thread::available_parallelism().ok().map(Into::into),
            memory: value(&meminfo, "MemTotal")
                .and_then(|text| text.split(' ').next()?.parse::<u64>().ok())
                .map(|kib| kib / 1024),
            system: system.join(" ").trim_end().to_owned(),
            rustc: said(folder, "rustc", &["--version"]),
            commit,
            date: said(folder, "date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
            load: fs::read_to_string("/proc/loadavg")
                .ok()
                .and_then(|text| text.split(' ').next().map(str::to_owned)),
        }
    }

    /// In one line.
    pub fn summary(&self) -> String {
        let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".into());
        let number = |number: Option<u64>| number.map_or("unknown".into(), |n| n.to_string());
        let cores = self.cores.and_then(|cores| u64::try_from(cores).ok());
        format!(
            "{}, {} cores, {} MiB, {}; {}; commit {}; {}; load {}",
            known(&self.cpu),
            number(cores),
            number(self.memory),
            self.system,
            known(&self.rustc),
            known(&self.commit),
            known(&self.date),
            known(&self.load),
        )
    }
}

/// Of `name : value`, in a file of `/proc`.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

/// What a program prints, where it is there and says something.
fn said(folder: &Path, program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
