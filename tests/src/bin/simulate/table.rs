//! The summary, as tables.

use std::io::{self, Write};

use facilitator_tests::world::{Counts, FAULT_KINDS, Promise, Verdicts};

/// Faults by their kind, those that happened.
pub(crate) fn faults(out: &mut impl Write, counts: &Counts) -> io::Result<()> {
    writeln!(out, "FAULTS INJECTED")?;
    for (name, count) in FAULT_KINDS.iter().zip(counts.faults) {
        if count > 0 {
            writeln!(out, "  {name:<36}{:>16}", grouped(count))?;
        }
    }
    let all: u64 = counts.faults.iter().sum();
    writeln!(out, "  {:<36}{:>16}", "all", grouped(all))
}

/// What happened.
pub(crate) fn counts(out: &mut impl Write, counts: &Counts) -> io::Result<()> {
    writeln!(out, "\nWHAT HAPPENED")?;
    for (name, count) in counts.named() {
        writeln!(out, "  {name:<36}{:>16}", grouped(count))?;
    }
    Ok(())
}

/// What was promised, how often that was checked, and what came of it.
pub(crate) fn promises(out: &mut impl Write, verdicts: &Verdicts) -> io::Result<()> {
    writeln!(out, "\nPROMISES{:>46}", "checks")?;
    for promise in Promise::ALL {
        let checked = verdicts.checked(promise);
        let verdict = match (verdicts.breaks(promise), checked) {
            (true, _) => "BROKEN",
            (false, 0) => "not put to the test",
            (false, _) => "kept",
        };
        writeln!(
            out,
            "  {:<36}{:>16}  {verdict}",
            promise.as_str(),
            grouped(checked)
        )?;
    }
    Ok(())
}

/// A number that can be read.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Exact for what can be counted within a run.
#[expect(
    clippy::cast_precision_loss,
    reason = "for a rate that is rounded anyway"
)]
pub(crate) fn as_f64(number: u64) -> f64 {
    number as f64
}

/// A rate, to three digits.
pub(crate) fn rounded(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{:.2} million", rate / 1e6),
        rate if rate >= 1e3 => format!("{:.1} thousand", rate / 1e3),
        rate => format!("{rate:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let numbers = [0, 12, 999, 1000, 1_234_567];
        let texts = numbers.map(grouped);
        assert_eq!(texts, ["0", "12", "999", "1 000", "1 234 567"]);
    }
}
