//! The arguments of `check`, read and checked.

use std::num::NonZero;
use std::thread;

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
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Wish, String> {
        let mut read = Self {
            bounds: Bounds::default(),
            script: None,
            verify: false,
            threads: thread::available_parallelism().map_or(1, NonZero::get),
            most: 50_000_000,
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            // Both `--name value` and `--name=value`.
            let (name, given) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            let mut value = || {
                let given = given.clone().or_else(|| arguments.next());
                given.ok_or_else(|| format!("{name} needs a value"))
            };
            let bounds = &mut read.bounds;
            match name.as_str() {
                "--help" | "-h" => return Ok(Wish::Help),
                "--verify" => read.verify = true,
                "--stop" => bounds.stop = true,
                "--jobs" => bounds.jobs = number(&name, &value()?, 1, Bounds::MOST)?,
                "--statuses" => bounds.statuses = number(&name, &value()?, 2, Bounds::MOST)?,
                "--window" => bounds.window = number(&name, &value()?, 1, 1000)?,
                "--outbox" => bounds.outbox = number(&name, &value()?, 2, 1000)?,
                "--cuts" => bounds.cuts = fault(&name, &value()?)?,
                "--halves" => bounds.halves = fault(&name, &value()?)?,
                "--refusals" => bounds.refusals = fault(&name, &value()?)?,
                "--delays" => bounds.delays = fault(&name, &value()?)?,
                "--late" => bounds.late = fault(&name, &value()?)?,
                "--twice" => bounds.twice = fault(&name, &value()?)?,
                "--amnesia" => bounds.amnesia = fault(&name, &value()?)?,
                "--poison" => bounds.poison = Some(value()?.parse().map_err(text)?),
                "--script" => read.script = Some(script(&value()?)?),
                "--threads" => read.threads = number(&name, &value()?, 1, 1024)?,
                "--most" => read.most = number(&name, &value()?, 1, u32::MAX as usize)?,
                _ => return Err(format!("{name:?} is no option; --help lists them")),
            }
        }
        Ok(Wish::Run(read))
    }
}

fn number(name: &str, text: &str, least: usize, most: usize) -> Result<usize, String> {
    let read = text.parse().ok().filter(|n| (least..=most).contains(n));
    read.ok_or_else(|| format!("{name} takes a number from {least} to {most}, not {text:?}"))
}

fn fault(name: &str, text: &str) -> Result<u8, String> {
    let most = 20;
    let count = number(name, text, 0, most)?;
    u8::try_from(count).map_err(self::text)
}

fn script(names: &str) -> Result<Vec<Action>, String> {
    let names = names.split(',').filter(|name| !name.is_empty());
    names.map(|name| name.parse().map_err(text)).collect()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` asks for"
)]
fn text(error: impl ToString) -> String {
    error.to_string()
}
