//! Where two traces part. Lines are compared as JSON; what they mean plays no role, times aside.

use std::collections::VecDeque;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::lines::{Lines, ReadError};
use super::{open, unreadable, unwritable};
use crate::failure::Failure;

/// Lines that are shown before the first difference.
const CONTEXT: usize = 4;
/// Characters that are shown of a line.
const SHOWN: usize = 300;

/// How two lines compare.
#[derive(Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    /// Only their times differ.
    Times,
    Different,
}

pub(super) fn run(
    left: &Path,
    right: &Path,
    until: Option<Duration>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let (mut lefts, mut rights) = (open(left)?, open(right)?);
    let (mut times, mut equal) = (0_u64, 0_u64);
    let mut before: VecDeque<String> = VecDeque::new();
    loop {
        let (a, b) = (next(left, &mut lefts)?, next(right, &mut rights)?);
        let (Some(a), Some(b)) = (&a, &b) else {
            if a.is_none() && b.is_none() {
                break;
            }
            return part(out, &before, lefts.number().max(rights.number()), a, b);
        };
        if let Some(until) = until
            && [a, b]
                .into_iter()
                .any(|line| time(line).is_some_and(|at| at > until))
        {
            break;
        }
        match compare(a, b) {
            Comparison::Equal => equal += 1,
            Comparison::Times => times += 1,
            // Two sessions are two sessions: that alone does not set their traces apart.
            Comparison::Different if equal + times == 0 && is_session(a) && is_session(b) => {
                say(out, "the sessions differ: hotkey, seed or configuration")?;
                times += 1;
            }
            Comparison::Different => {
                let (a, b) = (Some(a.clone()), Some(b.clone()));
                return part(out, &before, lefts.number(), a, b);
            }
        }
        before.push_back(shorten(a));
        if before.len() > CONTEXT {
            before.pop_front();
        }
    }
    let lines = equal + times;
    say(
        out,
        &format!(
            "the traces do not part: {lines} lines, {times} of them differ in their times only"
        ),
    )
}

fn part(
    out: &mut impl Write,
    before: &VecDeque<String>,
    number: u64,
    left: Option<String>,
    right: Option<String>,
) -> Result<(), Failure> {
    for line in before {
        say(out, &format!("  {line}"))?;
    }
    for (sign, line) in [('-', left), ('+', right)] {
        let line = line.map_or_else(|| "the trace ends here".to_owned(), |line| shorten(&line));
        say(out, &format!("{sign} {line}"))?;
    }
    Err(Failure::failed(format!("the traces part at line {number}")))
}

fn say(out: &mut impl Write, text: &str) -> Result<(), Failure> {
    writeln!(out, "{text}").map_err(|error| unwritable(&error))
}

/// The next line; a line that was cut off is none.
fn next<R: BufRead>(path: &Path, lines: &mut Lines<R>) -> Result<Option<String>, Failure> {
    match lines.next() {
        Ok(line) => Ok(line.map(str::to_owned)),
        Err(ReadError::Cut) => Ok(None),
        Err(error) => Err(unreadable(path, lines, &error)),
    }
}

fn compare(left: &str, right: &str) -> Comparison {
    if left == right {
        return Comparison::Equal;
    }
    match (timeless(left), timeless(right)) {
        (Some(left), Some(right)) if left == right => Comparison::Times,
        _ => Comparison::Different,
    }
}

/// A line without its times.
fn timeless(line: &str) -> Option<Value> {
    let mut value: Value = serde_json::from_str(line).ok()?;
    for place in ["/input", "/output/phase", "/input/what/wall_clock"] {
        if let Some(Value::Object(object)) = value.pointer_mut(place) {
            for time in ["at", "next_attempt", "unix"] {
                object.remove(time);
            }
        }
    }
    Some(value)
}

fn is_session(line: &str) -> bool {
    line.starts_with(r#"{"session":"#)
}

/// The time of an input.
fn time(line: &str) -> Option<Duration> {
    if !line.starts_with(r#"{"input":"#) {
        return None;
    }
    let value: Value = serde_json::from_str(line).ok()?;
    let part = |index: &str| value.pointer(index)?.as_u64();
    let nanos = u32::try_from(part("/input/at/1")?).ok()?;
    (nanos < 1_000_000_000).then_some(())?;
    Some(Duration::new(part("/input/at/0")?, nanos))
}

/// What is shown of a line; whatever is in it stays on one line.
fn shorten(line: &str) -> String {
    line.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SHOWN)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_from_contents() {
        let tick = |at: &str| format!(r#"{{"input":{{"at":{at},"outputs":0,"what":"tick"}}}}"#);
        let (early, late) = (tick("[1,500000000]"), tick("[2,0]"));
        assert_eq!(compare(&early, &early), Comparison::Equal);
        assert_eq!(compare(&early, &late), Comparison::Times);
        assert_eq!(
            compare(&early, &late.replace("tick", "stop")),
            Comparison::Different
        );
        assert_eq!(time(&early), Some(Duration::from_millis(1500)));
        assert_eq!(time(&tick("[1,9999999999]")), None);
        let phase = |at: &str| {
            format!(r#"{{"output":{{"phase":{{"phase":"waiting","next_attempt":{at}}}}}}}"#)
        };
        assert_eq!(compare(&phase("[1,0]"), &phase("[2,0]")), Comparison::Times);
    }
}
