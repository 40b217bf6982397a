//! The arguments of `simulate`, read and checked.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use facilitator_tests::arguments::{ArgumentError, Words};
use facilitator_tests::world::{Profile, Scenario};

pub(crate) const HELP: &str = "\
Runs simulated worlds of validators, facilitators and the network between them, and checks every promise of the session.

USAGE: simulate --seeds FROM..TO [OPTIONS]

  --seeds FROM..TO     the seeds to run, TO excluded; one number is that seed alone
  --hours H            how long jobs come and things go wrong in each world, as 0.5 [default: 1]
  --clients N          validators in a world [default: 1]
  --facilitators N     facilitators in a world; they share the validators [default: 1]
  --faults PROFILE     none, drops, gentle, harsh or hell [default: harsh]
  --keep A,B,..        of the faults that are planned, only these, by their places from 0
  --trace FILE         where the trace of a failing seed goes [default: simulate-SEED.trace]; without a failure,
                       that of the last seed goes there
  --keep-going         run the other seeds after a failure, too
  --no-shrink          do not look for the faults that a failure needs

The same arguments give the same results, down to the digest. Exit status: 0 when every promise was kept, 1 when one was
broken, 2 when the arguments are wrong or a file cannot be written.
";

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Wish {
    Help,
    Run(Arguments),
}

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    pub(crate) seeds: Range<u64>,
    pub(crate) hours: f64,
    pub(crate) clients: usize,
    pub(crate) facilitators: usize,
    pub(crate) faults: Profile,
    pub(crate) keep: Option<Vec<usize>>,
    pub(crate) trace: Option<PathBuf>,
    pub(crate) keep_going: bool,
    pub(crate) shrink: bool,
}

/// A simulated century is enough for everybody, and fits every clock.
const MOST_HOURS: f64 = 876_000.0;

/// More validators than this would need more memory than machines have.
const MOST_CLIENTS: usize = 100_000;

impl Arguments {
    /// # Errors
    ///
    /// What is wrong, and what is accepted.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Wish, ArgumentError> {
        let mut seeds = None;
        let mut read = Self {
            seeds: 0..0,
            hours: 1.0,
            clients: 1,
            facilitators: 1,
            faults: Profile::Harsh,
            keep: None,
            trace: None,
            keep_going: false,
            shrink: true,
        };
        let mut words = Words::new(arguments);
        while let Some(name) = words.next_name()? {
            match name.as_str() {
                "--help" | "-h" => return Ok(Wish::Help),
                "--keep-going" => read.keep_going = true,
                "--no-shrink" => read.shrink = false,
                "--seeds" => seeds = Some(words.read(range)?),
                "--hours" => read.hours = words.read(hours)?,
                "--clients" => read.clients = words.number(1..=MOST_CLIENTS)?,
                "--facilitators" => read.facilitators = words.number(1..=MOST_CLIENTS)?,
                "--faults" => read.faults = words.read(str::parse)?,
                "--keep" => read.keep = Some(words.read(places)?),
                "--trace" => read.trace = Some(words.value()?.into()),
                _ => return Err(words.unknown()),
            }
        }
        let missing = || ArgumentError::Together("--seeds is missing, as --seeds 0..1000".into());
        read.seeds = seeds.ok_or_else(missing)?;
        Ok(Wish::Run(read))
    }

    /// The world of a seed.
    pub(crate) fn scenario(&self, seed: u64) -> Scenario {
        let time = Duration::from_secs_f64(self.hours * 3600.0);
        let all = Scenario::new(seed, self.faults, self.clients, self.facilitators, time);
        match &self.keep {
            Some(places) => all.keeping(places),
            None => all,
        }
    }

    /// The command that runs one seed of these again, with these faults only.
    pub(crate) fn command(&self, seed: u64, places: Option<&[usize]>) -> String {
        let keep = places.map(|places| {
            let places: Vec<String> = places.iter().map(ToString::to_string).collect();
            format!(" --keep {}", places.join(","))
        });
        format!(
            "simulate --seeds {seed} --hours {} --clients {} --facilitators {} --faults {}{}",
            self.hours,
            self.clients,
            self.facilitators,
            self.faults,
            keep.unwrap_or_default()
        )
    }
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let complain = || format!("{text:?} is no range of seeds; accepted are 0..1000, or 7");
    let seeds = if let Some((from, to)) = text.split_once("..") {
        let from = from.parse().map_err(|_| complain())?;
        from..to.parse().map_err(|_| complain())?
    } else {
        let seed: u64 = text.parse().map_err(|_| complain())?;
        seed..seed.checked_add(1).ok_or_else(complain)?
    };
    if seeds.is_empty() {
        return Err(complain());
    }
    Ok(seeds)
}

fn hours(text: &str) -> Result<f64, String> {
    let hours = text.parse().ok();
    let hours = hours.filter(|hours| (0.0..=MOST_HOURS).contains(hours));
    hours.ok_or_else(|| format!("{text:?} is no number of hours; accepted are 0 to {MOST_HOURS}"))
}

fn places(text: &str) -> Result<Vec<usize>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(',')
        .map(|place| {
            let place = place.trim().parse();
            place.map_err(|_| format!("{text:?} is no list of places, as 0,17,42"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Wish, ArgumentError> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn everything_can_be_said() {
        let line = "--seeds 3..9 --hours=0.25 --clients 4 --facilitators 2 --faults hell --keep 1,2 --trace t \
                    --keep-going --no-shrink";
        let Ok(Wish::Run(read)) = parse(line) else {
            panic!("{:?}", parse(line))
        };
        assert_eq!(
            (read.seeds.clone(), read.clients, read.facilitators),
            (3..9, 4, 2)
        );
        assert_eq!(read.keep.as_deref(), Some([1, 2].as_slice()));
        assert!(read.keep_going && !read.shrink && read.trace.is_some());
        // What is printed for a failing seed is read back as the same world.
        let command = read.command(5, Some(&[1, 2]));
        let Ok(Wish::Run(again)) = parse(command.strip_prefix("simulate ").unwrap()) else {
            panic!("{command}")
        };
        assert_eq!(again.scenario(5).plan, read.scenario(5).plan);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, word) in [
            ("", "--seeds is missing"),
            ("--seeds", "needs a value"),
            ("--seeds x", "no range"),
            ("--seeds 9..3", "no range"),
            ("--seeds 18446744073709551615", "no range"),
            ("--seeds 1 --hours -1", "no number of hours"),
            ("--seeds 1 --hours nan", "no number of hours"),
            ("--seeds 1 --hours 1e300", "no number of hours"),
            ("--seeds 1 --clients 0", "1 to"),
            ("--seeds 1 --faults heaven", "no fault profile"),
            ("--seeds 1 --keep a", "no list"),
            ("--seeds 1 --no-shrink=no", "takes no value"),
            ("--seeds 1 --frobnicate", "no option"),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(word), "{line}: {error}");
        }
        assert!(matches!(parse("--help"), Ok(Wish::Help)));
    }
}
