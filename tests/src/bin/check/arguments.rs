//! The arguments of `check`, read and checked.

use std::num::NonZero;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::thread;

use facilitator_tests::arguments::{ArgumentError, Words};
use facilitator_tests::check::{Action, Bounds};

pub(crate) const HELP: &str = "\
Explores every run of a session and a simulated facilitator within bounds, and checks every promise of the session.

USAGE: check [OPTIONS]

  --jobs N         jobs that the facilitator gives [default: 2]
  --statuses N     statuses of each, `received` and `completed` included [default: 3]
  --window N       updates that may be unanswered at once [default: 2]
  --outbox N       updates that may be owed at once, reserved slots included [default: 4]
  --cuts N         times that the connection may be cut, with all that is under way lost
  --halves N       times that it may be cut at the session's end only; what was sent can still arrive
  --refusals N     connection attempts that may be refused
  --delays N       deadlines that may pass although something is under way
  --late N         frames of a lost connection that may arrive all the same
  --twice N        frames that the session may read twice
  --poison KIND    what becomes of the first job's second status: oversized, crash or stored-crash
  --stop           the application may stop, at any moment
  --amnesia N      jobs that the facilitator may forget; nobody can make up for that, so this must be found
  --script A,B,..  run this script only, as a found violation prints it
  --verify         hold the identity of states against what they do; takes some times as long
  --threads N      [default: as many as there are cores]
  --most N         break off at so many states [default: 50000000]

Faults are 0 unless given. The same bounds give the same result. Exit status: 0 when every promise is kept in every
state, 1 when one is broken or the search was broken off, 2 when the arguments are wrong.
";

/// Faults of one kind: more would take for ever.
const FAULTS: RangeInclusive<u8> = 0..=20;

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Wish {
    Help,
    Run(Arguments),
}

/// What to do.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) bounds: Bounds,
    pub(crate) script: Option<Vec<Action>>,
    pub(crate) verify: bool,
    pub(crate) threads: usize,
    pub(crate) most: usize,
}

impl Arguments {
    /// # Errors
    ///
    /// What is wrong, and what is accepted.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Wish, ArgumentError> {
        let mut read = Self {
            bounds: Bounds::default(),
            script: None,
            verify: false,
            threads: thread::available_parallelism().map_or(1, NonZero::get),
            most: 50_000_000,
        };
        let mut words = Words::new(arguments);
        while let Some(name) = words.next_name()? {
            let bounds = &mut read.bounds;
            match name.as_str() {
                "--help" | "-h" => return Ok(Wish::Help),
                "--verify" => read.verify = true,
                "--stop" => bounds.stop = true,
                "--jobs" => bounds.jobs = words.number(1..=Bounds::MOST)?,
                "--statuses" => bounds.statuses = words.number(2..=Bounds::MOST)?,
                "--window" => bounds.window = words.number(1..=1000)?,
                "--outbox" => bounds.outbox = words.number(2..=1000)?,
                "--cuts" => bounds.cuts = words.number(FAULTS)?,
                "--halves" => bounds.halves = words.number(FAULTS)?,
                "--refusals" => bounds.refusals = words.number(FAULTS)?,
                "--delays" => bounds.delays = words.number(FAULTS)?,
                "--late" => bounds.late = words.number(FAULTS)?,
                "--twice" => bounds.twice = words.number(FAULTS)?,
                "--amnesia" => bounds.amnesia = words.number(FAULTS)?,
                "--poison" => bounds.poison = Some(words.read(str::parse)?),
                "--script" => read.script = Some(words.read(script)?),
                "--threads" => read.threads = words.number(1..=1024)?,
                "--most" => read.most = words.number(1..=u32::MAX as usize)?,
                _ => return Err(words.unknown()),
            }
        }
        if read.bounds.poison.is_some() && read.bounds.statuses < 3 {
            return Err(ArgumentError::Together(
                "--poison needs --statuses 3 or more: a last word would be given again for ever"
                    .into(),
            ));
        }
        Ok(Wish::Run(read))
    }
}

fn script(names: &str) -> Result<Vec<Action>, <Action as FromStr>::Err> {
    let names = names.split(',').filter(|name| !name.is_empty());
    names.map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Wish, ArgumentError> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn everything_can_be_said() {
        let line = "--jobs 1 --statuses=3 --window 4 --outbox 5 --cuts 1 --halves 2 --refusals 3 --delays=4 --late 5 \
                    --twice 6 --amnesia 7 --poison crash --stop --verify --threads 8 --most 9";
        let Ok(Wish::Run(read)) = parse(line) else {
            panic!("{:?}", parse(line))
        };
        assert_eq!((read.verify, read.threads, read.most), (true, 8, 9));
        // What is printed for given bounds is read back as the same.
        let command = read.bounds.to_arguments();
        let Ok(Wish::Run(again)) = parse(&command) else {
            panic!("{command}: {:?}", parse(&command))
        };
        assert_eq!(again.bounds.to_arguments(), command);
        assert!(matches!(parse("--jobs 1 --help"), Ok(Wish::Help)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, told) in [
            ("--jobs", "--jobs needs a value"),
            ("--jobs 0", "--jobs: \"0\" is no number from 1 to"),
            ("--cuts 21", "--cuts: \"21\" is no number from 0 to 20"),
            ("--poison arsenic", "--poison: "),
            ("--script jump", "--script: "),
            ("--poison crash --statuses 2", "--statuses 3 or more"),
            ("--stop=no", "--stop takes no value"),
            ("--frobnicate", "\"--frobnicate\" is no option"),
            ("jobs", "\"jobs\" is no option"),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(told), "{line}: {error}");
        }
    }
}
