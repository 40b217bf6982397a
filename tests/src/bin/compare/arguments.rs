//! The arguments of `compare`, read and checked.

use std::path::PathBuf;

use facilitator_tests::arguments::{ArgumentError, Words};
use facilitator_tests::compare::{Plan, Row};

use super::output::{self, Failure};

pub(crate) const HELP: &str = "\
Measures this project side by side with others, and prints a table of ratios, each with its bar and its aim.

USAGE: compare [OPTIONS] [ROW ..]

  ROW             only rows whose name contains one of these words [default: all]
  --list          name the rows
  --rounds N      rounds of each row [default: as many as the row needs]
  --quick         one tiny round of each row: shows that all of it runs, and judges nothing
  --check         exit with 1 when a bar is missed
  --out FOLDER    where the figures (compare.json) and the plot (compare.svg) go [default: compare/ below target/]
  --write-guide   put the table and the plot into tests/guide/ as well; asks for all rows and whole rounds

Exit status: 0 when all rows were measured or skipped, 1 with --check when a bar was missed, 2 when a row failed, the
arguments are wrong or a file cannot be written.
";

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Wish {
    Help,
    List,
    Run(Arguments),
}

/// What to measure, and where to put it.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    pub(crate) words: Vec<String>,
    pub(crate) rounds: Option<usize>,
    pub(crate) quick: bool,
    pub(crate) check: bool,
    pub(crate) out: Option<PathBuf>,
    pub(crate) write_guide: bool,
}

impl Arguments {
    /// # Errors
    ///
    /// [`Failure::Arguments`], with what is wrong and what is accepted.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Wish, Failure> {
        let mut read = Self::default();
        let mut words = Words::new(words);
        while let Some(name) = words.next_name()? {
            match name.as_str() {
                "--help" | "-h" => return Ok(Wish::Help),
                "--list" => return Ok(Wish::List),
                "--quick" => read.quick = true,
                "--check" => read.check = true,
                "--write-guide" => read.write_guide = true,
                "--rounds" => read.rounds = Some(words.number(1..=1_000_000)?),
                "--out" => read.out = Some(words.value()?.into()),
                _ if name.starts_with('-') => return Err(words.unknown().into()),
                _ => read.words.push(name),
            }
        }
        if read.write_guide && (read.quick || !read.words.is_empty()) {
            return Err(wrong(
                "--write-guide asks for all rows and whole rounds: no ROW, and not --quick".into(),
            ));
        }
        Ok(Wish::Run(read))
    }

    /// The rows that are asked for.
    ///
    /// # Errors
    ///
    /// [`Failure::Arguments`], for a word that is in no row's name.
    pub(crate) fn choose(&self, rows: &[Row]) -> Result<Vec<Row>, Failure> {
        for word in &self.words {
            if !rows.iter().any(|row| row.id.contains(word.as_str())) {
                return Err(wrong(format!(
                    "no row is called {word:?}; --list names them"
                )));
            }
        }
        let is_chosen = |row: &&Row| {
            self.words.is_empty() || self.words.iter().any(|word| row.id.contains(word.as_str()))
        };
        Ok(rows.iter().filter(is_chosen).copied().collect())
    }

    /// How much is measured.
    pub(crate) fn plan(&self) -> Plan {
        let plan = if self.quick {
            Plan::quick()
        } else {
            Plan::full()
        };
        let plan = match self.rounds {
            Some(rounds) => plan.with_rounds(rounds),
            None => plan,
        };
        plan.with_progress(output::show)
    }
}

fn wrong(what: String) -> Failure {
    ArgumentError::Together(what).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Wish, Failure> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn everything_can_be_said() {
        let Ok(Wish::Run(read)) = parse("cycle --rounds=7 --quick --check decode --out x") else {
            panic!("it is refused")
        };
        assert_eq!(read.words, ["cycle", "decode"]);
        assert_eq!((read.rounds, read.out), (Some(7), Some("x".into())));
        assert!(read.quick && read.check && !read.write_guide);
        assert!(matches!(parse("--help"), Ok(Wish::Help)));
        assert!(matches!(parse("x --list"), Ok(Wish::List)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, word) in [
            ("--rounds", "needs a value"),
            ("--rounds 0", "1 to"),
            ("--rounds many", "1 to"),
            ("--quick=no", "takes no value"),
            ("--frobnicate", "no option"),
            ("--write-guide --quick", "all rows"),
            ("--write-guide cycle", "all rows"),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(word), "{line}: {error}");
        }
    }

    #[test]
    fn rows_are_chosen_by_part_of_their_name() {
        let rows = super::super::rows();
        let chosen = |line: &str| {
            let Ok(Wish::Run(read)) = parse(line) else {
                panic!("{line} is refused")
            };
            read.choose(&rows)
                .map(|rows| rows.iter().map(|row| row.id).collect::<Vec<_>>())
        };
        assert_eq!(chosen("").unwrap().len(), rows.len());
        assert_eq!(chosen("deep").unwrap(), ["deep-queue"]);
        let error = chosen("deep nonsense").unwrap_err().to_string();
        assert!(error.contains("\"nonsense\""), "{error}");
    }

    #[test]
    fn names_of_rows_are_unique_and_typed_easily() {
        let mut ids: Vec<_> = super::super::rows().iter().map(|row| row.id).collect();
        for id in &ids {
            let is_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(id.chars().all(is_fine), "{id}");
        }
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }
}
