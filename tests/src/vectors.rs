//! The golden vectors: where they are, how they are read, and counting them by class. No checks.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;

use crate::python::Node;

/// The environment variable that names another folder of vectors of the same kinds.
pub const FOLDER_VARIABLE: &str = "FACILITATOR_VECTORS";

/// Whether the vectors are those of this repository, of which the suites know how many there are.
pub fn are_our_own() -> bool {
    std::env::var_os(FOLDER_VARIABLE).is_none()
}

/// The lines of a file of vectors.
///
/// # Panics
/// When the file cannot be read or is empty: a suite without vectors proves nothing.
pub fn lines(file: &str) -> Vec<String> {
    let folder = std::env::var_os(FOLDER_VARIABLE).map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors"),
        PathBuf::from,
    );
    let path = folder.join(file);
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines: Vec<String> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(String::from)
        .collect();
    assert!(!lines.is_empty(), "{} holds no vectors", path.display());
    lines
}

/// The lines of a file of vectors, parsed.
///
/// # Panics
/// As [`lines`], and when a line is no JSON.
pub fn nodes(file: &str) -> Vec<Node> {
    lines(file).iter().map(|line| Node::parse(line)).collect()
}

/// How many vectors of which class a suite has checked.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<String, usize>);

impl Tally {
    /// Counts one.
    pub fn count(&mut self, class: impl Into<String>) {
        *self.0.entry(class.into()).or_default() += 1;
    }

    /// Whether any of the class was counted.
    pub fn has(&self, class: &str) -> bool {
        self.0.contains_key(class)
    }

    /// All that were counted.
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (class, count) in &self.0 {
            writeln!(f, "{count:>6}  {class}")?;
        }
        write!(f, "{:>6}  in all", self.total())
    }
}
