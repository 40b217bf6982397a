//! What the hot paths took when it was last written down, and how that compares.

use std::fmt::{self, Write as _};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What may change unseen.
const TOLERANCE: f64 = 0.03;
/// What may change with the compiler.
const OTHER_COMPILER: f64 = 0.15;

/// Instructions by path, in the order of the paths, and the compiler.
pub(crate) struct Baseline {
    rustc: String,
    counts: Vec<(String, u64)>,
}

impl Baseline {
    /// As this compiler built it.
    pub(crate) fn new(counts: Vec<(String, u64)>) -> Self {
        let output = Command::new("rustc").arg("--version").output();
        let rustc = output.map_or_else(
            |_| "an unknown compiler".to_owned(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        );
        Self { rustc, counts }
    }

    /// What is committed for this family of processors, if anything is.
    pub(crate) fn read() -> Option<Self> {
        let text = fs::read_to_string(file()).ok()?;
        let mut lines = text.lines();
        let rustc = lines.next()?.strip_prefix("# ")?.to_owned();
        let counts = lines.map(|line| {
            let (name, count) = line.rsplit_once(' ').expect("a name and a count");
            let count = count.parse().expect("a count");
            (name.trim_end().to_owned(), count)
        });
        Some(Self {
            rustc,
            counts: counts.collect(),
        })
    }

    pub(crate) fn write(&self) {
        fs::write(file(), self.to_string()).expect("the folder of this file can be written");
    }

    fn of(&self, name: &str) -> Option<u64> {
        let mut counts = self.counts.iter();
        counts.find(|(known, _)| known == name).map(|&(_, n)| n)
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# {}", self.rustc)?;
        for (name, count) in &self.counts {
            writeln!(f, "{name:<44} {count:>10}")?;
        }
        Ok(())
    }
}

fn file() -> PathBuf {
    let name = format!("benches/instructions/{}.txt", std::env::consts::ARCH);
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A table of what moved, and whether nothing became too slow.
pub(crate) fn compare(before: &Baseline, now: &Baseline) -> (String, bool) {
    let is_same = before.rustc == now.rustc;
    let tolerance = if is_same { TOLERANCE } else { OTHER_COMPILER };
    let mut text = format!(
        "{:<44} {:>10} {:>10} {:>8}\n",
        "instructions", "committed", "now", "change"
    );
    let mut is_fine = true;
    for (name, after) in &now.counts {
        let Some(count) = before.of(name) else {
            let _ = writeln!(
                text,
                "{name:<44} {:>10} {after:>10} {:>8}  NEW: bless it",
                "", ""
            );
            is_fine = false;
            continue;
        };
        #[expect(clippy::cast_precision_loss, reason = "counts below a billion")]
        let change = *after as f64 / count as f64 - 1.0;
        let verdict = if change > tolerance {
            is_fine = false;
            "SLOWER"
        } else if change < -tolerance {
            "faster: bless it, so that it stays"
        } else {
            ""
        };
        let change = format!("{:+.1} %", 100.0 * change);
        let line = format!("{name:<44} {count:>10} {after:>10} {change:>8}  {verdict}");
        text = text + line.trim_end() + "\n";
    }
    for (name, count) in &before.counts {
        if now.of(name).is_none() {
            let _ = writeln!(
                text,
                "{name:<44} {count:>10} {:>10} {:>8}  GONE: bless it",
                "", ""
            );
            is_fine = false;
        }
    }
    if !is_same {
        let _ = writeln!(
            text,
            "\nANOTHER COMPILER: committed with {}, now it is {}.\nOnly what moved by more than {:.0} % counts. What to do stands at the top of core/benches/instructions/main.rs.",
            before.rustc,
            now.rustc,
            100.0 * OTHER_COMPILER
        );
    }
    (text, is_fine)
}

/// A guard that cannot fail guards nothing: whatever takes 4 % more is told, whichever it is.
pub(crate) fn prove_that_it_can_fail(now: &Baseline) {
    let before = |slow: usize| Baseline {
        rustc: now.rustc.clone(),
        counts: now
            .counts
            .iter()
            .enumerate()
            .map(|(n, (name, count))| {
                let count = if n == slow { count * 100 / 104 } else { *count };
                (name.clone(), count)
            })
            .collect(),
    };
    assert!(compare(&before(usize::MAX), now).1, "the same is too slow");
    for slow in 0..now.counts.len() {
        assert!(
            !compare(&before(slow), now).1,
            "{:?} may be slow",
            now.counts[slow]
        );
    }
}
