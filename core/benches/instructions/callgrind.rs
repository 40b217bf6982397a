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

/// The instructions of each path, once taken.
///
/// # Errors
/// What is missing, and what to do.
pub(crate) fn count(paths: &[Path]) -> Result<Vec<(String, u64)>, String> {
    let folder = FilePath::new(env!("CARGO_TARGET_TMPDIR")).join("instructions");
    let prepare = || -> io::Result<()> {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)
    };
    prepare().map_err(|error| format!("{} cannot be emptied: {error}", folder.display()))?;
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={MEASURED}"))
        .arg(format!("--dump-after={MEASURED}"))
        .arg(format!(
            "--callgrind-out-file={}",
            folder.join("out").display()
        ))
        .arg(program)
        .arg(INSIDE)
        // The C library chooses among variants of `memcpy` by the processor: here it has the one that all have.
        .env(
            "GLIBC_TUNABLES",
            "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-AVX,-AVX_Usable,-ERMS,-FSRM,-RTM",
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
        return Err(format!("valgrind: {}\n{said}", output.status));
    }
    // One dump each time that `measured` came back, numbered from 1.
    let paths = paths.iter().zip(1..);
    paths
        .map(|(path, n)| {
            let name = &path.name;
            let file = folder.join(format!("out.{n}"));
            let text = fs::read_to_string(&file)
                .map_err(|_| format!("callgrind did not see {name}: does MEASURED still match?"))?;
            let total = total(&text).ok_or_else(|| format!("callgrind did not count {name}"))?;
            Ok((name.clone(), total / path.turns))
        })
        .collect()
}

/// Of `totals: 1234`.
fn total(dump: &str) -> Option<u64> {
    let line = dump.lines().find_map(|line| line.strip_prefix("totals:"))?;
    line.split_whitespace()
        .next()?
        .parse()
        .ok()
        .filter(|&n| n > 0)
}
