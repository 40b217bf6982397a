//! The conformance suite's results as a table: what the suite's program printed, in one run or in many, becomes a row for
//! each scenario and a column for each runtime. Which scenarios there are is the suite's business.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Scenarios that do not depend on the transport are listed under this one.
const ANY: &str = "any";

/// The results of one run, or of several.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// By scenario, runtime and transport.
    cells: BTreeMap<String, BTreeMap<String, BTreeMap<String, Cell>>>,
    runtimes: BTreeSet<String>,
}

/// How often a test was run, and how often it passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cell {
    passed: u32,
    runs: u32,
}

impl Results {
    /// Reads a line of what a test program prints; lines that are no result of the suite are skipped.
    ///
    /// ```
    /// use facilitator_tests::conformance::Results;
    ///
    /// let mut results = Results::default();
    /// for line in ["test smol::tls::it_works ... ok", "test smol::plain::it_works ... ok", "nothing"] {
    ///     results.read(line);
    /// }
    /// assert!(results.are_good());
    /// assert!(results.to_string().ends_with("| it_works | plain, tls |\n"));
    /// ```
    pub fn read(&mut self, line: &str) {
        let Some((name, outcome)) = line
            .strip_prefix("test ")
            .and_then(|line| line.rsplit_once(" ... "))
        else {
            return;
        };
        let parts: Vec<&str> = name.split("::").collect();
        let &[runtime, transport, scenario] = &parts[..] else {
            return;
        };
        self.runtimes.insert(runtime.into());
        let cell = self
            .cells
            .entry(scenario.into())
            .or_default()
            .entry(runtime.into())
            .or_default()
            .entry(transport.into())
            .or_default();
        cell.runs += 1;
        cell.passed += u32::from(outcome == "ok");
    }

    /// How many runs there were.
    fn runs(&self) -> u32 {
        self.all().map(|cell| cell.runs).max().unwrap_or_default()
    }

    fn all(&self) -> impl Iterator<Item = &Cell> {
        self.cells
            .values()
            .flat_map(BTreeMap::values)
            .flat_map(BTreeMap::values)
    }

    /// Whether there is a result at all, every scenario has been on every runtime in every run, and it has passed.
    pub fn are_good(&self) -> bool {
        let all = self.runs();
        let complete = self
            .cells
            .values()
            .all(|columns| columns.len() == self.runtimes.len());
        complete && all > 0 && self.all().all(|cell| cell.passed == all)
    }
}

impl fmt::Display for Results {
    /// A table in Markdown. A cell names the transports over which the scenario has passed in every run.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, tests) = (self.runs(), self.all().count());
        let passed: u32 = self.all().map(|cell| cell.passed).sum();
        writeln!(f, "{tests} tests, {all} runs, {passed} passed.\n")?;
        write!(f, "| scenario |")?;
        for runtime in &self.runtimes {
            write!(f, " {runtime} |")?;
        }
        writeln!(f, "\n|---|{}", "---|".repeat(self.runtimes.len()))?;
        for (scenario, columns) in &self.cells {
            write!(f, "| {scenario} |")?;
            for runtime in &self.runtimes {
                let Some(cells) = columns.get(runtime) else {
                    write!(f, " MISSING |")?;
                    continue;
                };
                let cells: Vec<String> = cells
                    .iter()
                    .map(|(transport, cell)| {
                        let name = if transport == ANY { "ok" } else { transport };
                        match cell.passed {
                            passed if passed == all => name.into(),
                            passed => format!("{transport} PASSED ONLY {passed} of {all}"),
                        }
                    })
                    .collect();
                write!(f, " {} |", cells.join(", "))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(lines: &[&str]) -> Results {
        let mut results = Results::default();
        for line in lines {
            results.read(line);
        }
        results
    }

    #[test]
    fn a_run_is_a_table() {
        let results = results(&[
            "running 4 tests",
            "test smol::plain::a ... ok",
            "test tokio::plain::a ... ok",
            "test smol::any::b has been running for over 60 seconds",
            "test smol::any::b ... ok",
            "test tokio::any::b ... ok",
            "test the_list_is_complete ... ok",
            "test result: ok. 5 passed; 0 failed",
        ]);
        assert!(results.are_good());
        assert_eq!(
            results.to_string(),
            "4 tests, 1 runs, 4 passed.\n\n| scenario | smol | tokio |\n|---|---|---|\n\
             | a | plain | plain |\n| b | ok | ok |\n"
        );
    }

    #[test]
    fn one_failure_of_many_runs_is_seen() {
        let mut lines = vec!["test smol::tls::a ... ok"; 49];
        lines.push("test smol::tls::a ... FAILED");
        let results = results(&lines);
        assert!(!results.are_good());
        let table = results.to_string();
        assert!(table.contains("tls PASSED ONLY 49 of 50"), "{table}");
    }

    #[test]
    fn what_did_not_run_is_seen() {
        assert!(!Results::default().are_good());
        // On one runtime only.
        let missing = results(&["test smol::any::a ... ok", "test tokio::any::b ... ok"]);
        assert!(!missing.are_good());
        assert!(missing.to_string().contains("MISSING"));
        // In one run of two only.
        let lines = ["test smol::any::a ... ok", "test smol::any::b ... ok"];
        let cut_short = results(&[lines[0], lines[1], lines[0]]);
        assert!(!cut_short.are_good());
        let ignored = results(&["test smol::any::a ... ignored"]);
        assert!(!ignored.are_good());
    }
}
