//! Running this very program under callgrind, and reading what it counted.

use std::env;
use std::fs;
use std::hint::black_box;
use std::io;
use std::path::Path as FilePath;
use std::process::{Command, Stdio};

use super::paths::Path;

/// The argument of the program inside callgrind.
pub(crate) const INSIDE: &str = "--inside-callgrind";

/// The function below, as valgrind names it.
const MEASURED: &str = "instructions::callgrind::measured";

/// What is called here is counted, and nothing else.
#[inline(never)]
pub(crate) fn measured(work: &mut dyn FnMut()) {
    work();
    // A jump instead of a call would never come back here.
    black_box(());
}

/// The instructions of each path, once taken. Each has a process of its own: where one left the heap would move another.
///
/// # Errors
/// What is missing, and what to do.
pub(crate) fn count(paths: &[Path]) -> Result<Vec<(String, u64)>, String> {
    let folder = FilePath::new(env!("CARGO_TARGET_TMPDIR")).join("instructions");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let count = |path: &Path| {
        let file = folder.join("callgrind.out");
        let total = total(&program, &path.name, &file)?;
        Ok((path.name.clone(), total / path.turns))
    };
    paths.iter().map(count).collect()
}

/// The instructions of all turns of a path.
fn total(program: &FilePath, name: &str, file: &FilePath) -> Result<u64, String> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={MEASURED}"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(program)
        .args([INSIDE, name])
        // The C library chooses among variants of `memcpy` by the processor: here it has the one that all have.
        .env(
            "GLIBC_TUNABLES",
            "glibc.cpu.hwcaps=-AVX2,-AVX_Fast_Unaligned_Load,-AVX512F,-AVX512VL,-ERMS,-FSRM,-RTM,-SSSE3",
        )
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                "there is no valgrind; on Debian: apt-get install valgrind".to_owned()
            }
            _ => format!("valgrind does not start: {error}"),
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name}: valgrind: {}\n{said}", output.status));
    }
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("totals:"));
    line.and_then(|count| count.trim().parse().ok())
        .filter(|&count| count > 0)
        .ok_or_else(|| format!("{name}: callgrind counted nothing: is {MEASURED} still its name?"))
}
