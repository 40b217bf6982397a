#![doc = include_str!("../suites/mended/README.md")]
// Here: the table and its check. The tests are in the suites.

use std::process::Command;

const TABLE: &str = include_str!("../suites/mended/README.md");

/// Fails when the table names a test of this suite that is not among the tests of the running program, or has a row
/// without a test.
///
/// # Panics
/// When it fails.
pub fn check(suite: &str) {
    let prefix = format!("{suite}::");
    let program = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let listed = Command::new(program)
        .args(["--list", "--format", "terse"])
        .output()
        .unwrap_or_else(|error| panic!("{error}"));
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let tests: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .collect();
    let mut named = 0;
    for row in rows() {
        assert!(!row.is_empty(), "a row of the table names no test");
        for test in row.iter().filter_map(|test| test.strip_prefix(&prefix)) {
            named += 1;
            let same = |listed: &&str| {
                listed
                    .strip_suffix(test)
                    .is_some_and(|path| path.is_empty() || path.ends_with("::"))
            };
            assert!(
                tests.iter().any(same),
                "the table names {prefix}{test}, which is no test"
            );
        }
    }
    assert!(named > 0, "the table names no test of {suite}");
}

/// The tests that each row names.
fn rows() -> Vec<Vec<&'static str>> {
    let rows: Vec<Vec<&str>> = TABLE
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|row| {
            let tests = row
                .trim_end_matches('|')
                .rsplit('|')
                .next()
                .unwrap_or_default();
            tests.split('`').skip(1).step_by(2).collect()
        })
        .collect();
    assert_eq!(rows.len(), 17, "the table has a row for each failure");
    rows
}
