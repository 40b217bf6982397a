//! Integers and truth values as the reference takes them: from numbers, from strings, from each other.

use alloc::borrow::Cow;
use alloc::string::String;

use super::Integer;
use super::error::{ExpectedType, IssueKind};
use super::json::Value;

/// An integer: one, a number without fraction, a truth value, or a string that Python would read as an integer.
pub(super) fn integer(value: Value<'_>) -> Result<Integer, IssueKind> {
    if let Some(digits) = value.as_integer_text() {
        return Ok(Integer::from_checked_text(digits));
    }
    if let Some(text) = value.as_text() {
        return from_text(&text);
    }
    if let Some(number) = value.as_float() {
        return from_float(number);
    }
    match value.as_bool() {
        Some(value) => Ok(Integer::from(i64::from(value))),
        None => Err(IssueKind::WrongType(ExpectedType::Integer)),
    }
}

/// A truth value: one, 0 or 1, or one of the words that the reference knows, in any case.
pub(super) fn boolean(value: Value<'_>) -> Result<bool, IssueKind> {
    const TRUE: [&str; 6] = ["1", "t", "y", "on", "yes", "true"];
    const FALSE: [&str; 6] = ["0", "f", "n", "no", "off", "false"];
    const WRONG: IssueKind = IssueKind::WrongType(ExpectedType::Bool);
    if let Some(value) = value.as_bool() {
        return Ok(value);
    }
    if let Some(text) = value.as_text() {
        let is_one_of = |words: [&str; 6]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        return match (is_one_of(TRUE), is_one_of(FALSE)) {
            (true, _) => Ok(true),
            (_, true) => Ok(false),
            _ => Err(IssueKind::BoolParsing),
        };
    }
    let number = match (value.as_integer_text(), value.as_float()) {
        (Some(digits), _) => digits.parse::<i64>().ok(),
        (None, Some(number)) => from_float(number).ok().and_then(|number| number.as_i64()),
        (None, None) => None,
    };
    match number {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        Some(_) => Err(IssueKind::BoolParsing),
        None => Err(WRONG),
    }
}

fn from_float(number: f64) -> Result<Integer, IssueKind> {
    /// 2 to the power of 63: what an `i64` can just not hold.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if !number.is_finite() {
        Err(IssueKind::FiniteNumber)
    } else if number % 1.0 != 0.0 {
        Err(IssueKind::IntFromFloat)
    } else if number.abs() < LIMIT {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it has no fraction and is in range"
        )]
        let whole = number as i64;
        Ok(Integer::from(whole))
    } else {
        Err(IssueKind::IntParsingSize)
    }
}

/// A string as an integer: spaces around it, a sign, zeros in front, single underscores, and a fraction of zeros.
fn from_text(text: &str) -> Result<Integer, IssueKind> {
    if let Some(outcome) = from_digits(text) {
        return outcome;
    }
    clean(text)
        .and_then(|digits| from_digits(&digits)?.ok())
        .ok_or(IssueKind::IntParsing)
}

/// An integer as JSON spells it, if it is one.
fn from_digits(text: &str) -> Option<Result<Integer, IssueKind>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_integer = match digits.as_bytes() {
        [b'0'] => true,
        [b'0', ..] | [] => false,
        digits => digits.iter().all(u8::is_ascii_digit),
    };
    is_integer.then(|| {
        if text.len() > Integer::MAX_DIGITS {
            Err(IssueKind::IntParsingSize)
        } else {
            Ok(Integer::from_checked_text(text))
        }
    })
}

/// What is left of a string when all that the reference forgives is taken away.
fn clean(text: &str) -> Option<Cow<'_, str>> {
    let rest = text.trim();
    let rest = rest
        .strip_prefix('+')
        .map_or(Some(rest), |rest| (!rest.starts_with('-')).then_some(rest))?;
    let (sign, rest) = match rest.strip_prefix('-') {
        Some(rest) => ("-", (!rest.starts_with(['-', '+'])).then_some(rest)?),
        None => ("", rest),
    };
    let rest = without_leading_zeros(rest)?;
    let rest = match rest.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => {
            whole
        }
        _ => rest,
    };
    let grouped = rest.contains('_')
        && !rest.starts_with('_')
        && !rest.ends_with('_')
        && !rest.contains("__");
    let digits = if grouped {
        Cow::Owned(rest.replace('_', ""))
    } else {
        Cow::Borrowed(rest)
    };
    Some(if sign.is_empty() {
        digits
    } else {
        Cow::Owned(String::from(sign) + &digits)
    })
}

/// One zero stays where there is nothing else before the point or the end. Underscores between zeros go with them.
fn without_leading_zeros(text: &str) -> Option<&str> {
    if !text.starts_with('0') {
        return text
            .starts_with(|c: char| c.is_ascii_digit() || c == '-')
            .then_some(text);
    }
    match text.find(|c| c != '0' && c != '_') {
        None => text.get(text.len() - 1..),
        Some(place) => {
            let rest = text.get(place..)?;
            if rest.starts_with('.') {
                text.get(place - 1..)
            } else {
                rest.starts_with(|c: char| c.is_ascii_digit() || c == '-')
                    .then_some(rest)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::super::json::Tape;
    use super::*;

    fn read<T>(
        text: &str,
        read: impl FnOnce(Value<'_>) -> Result<T, IssueKind>,
    ) -> Result<T, &'static str> {
        match Tape::read(text, read) {
            Ok(outcome) => outcome.map_err(|kind| kind.name()),
            Err(refusal) => panic!("{text}: {refusal:?}"),
        }
    }

    #[test]
    fn integers() {
        let huge = "9".repeat(Integer::MAX_DIGITS);
        for (text, expected) in [
            ("5", Ok("5")),
            ("-0", Ok("0")),
            (
                "1000000000000000000000000000000",
                Ok("1000000000000000000000000000000"),
            ),
            ("5.0", Ok("5")),
            ("1e3", Ok("1000")),
            ("true", Ok("1")),
            ("\"5\"", Ok("5")),
            ("\" 5 \"", Ok("5")),
            ("\"+5\"", Ok("5")),
            ("\"-05\"", Ok("-5")),
            ("\"000\"", Ok("0")),
            ("\"0_0\"", Ok("0")),
            ("\"00.0\"", Ok("0")),
            ("\"1_000\"", Ok("1000")),
            ("\"5.0\"", Ok("5")),
            ("\"18446744073709551616\"", Ok("18446744073709551616")),
            (&format!("\"{huge}\""), Ok(&huge)),
            (&format!("\"{huge}9\""), Err("int_parsing_size")),
            ("1e30", Err("int_parsing_size")),
            ("9223372036854775808.0", Err("int_parsing_size")),
            ("5.5", Err("int_from_float")),
            ("NaN", Err("finite_number")),
            ("1e999", Err("finite_number")),
            ("null", Err("int_type")),
            ("[]", Err("int_type")),
            ("\"\"", Err("int_parsing")),
            ("\"5.5\"", Err("int_parsing")),
            ("\"5.\"", Err("int_parsing")),
            ("\"4x\"", Err("int_parsing")),
            ("\"_1\"", Err("int_parsing")),
            ("\"1__0\"", Err("int_parsing")),
            ("\"--1\"", Err("int_parsing")),
            ("\"+-1\"", Err("int_parsing")),
            ("\"1e3\"", Err("int_parsing")),
            ("\"\u{661}\"", Err("int_parsing")),
        ] {
            let found = read(text, integer).map(|integer| integer.to_string());
            assert_eq!(found, expected.map(String::from), "{text}");
        }
    }

    #[test]
    fn truth_values() {
        for (text, expected) in [
            ("true", Ok(true)),
            ("\"Yes\"", Ok(true)),
            ("\"OFF\"", Ok(false)),
            ("1", Ok(true)),
            ("0.0", Ok(false)),
            ("2", Err("bool_parsing")),
            ("\"\"", Err("bool_parsing")),
            ("\" true\"", Err("bool_parsing")),
            ("2.0", Err("bool_parsing")),
            ("0.5", Err("bool_type")),
            ("18446744073709551616", Err("bool_type")),
            ("null", Err("bool_type")),
            ("{}", Err("bool_type")),
        ] {
            assert_eq!(read(text, boolean), expected, "{text}");
        }
    }
}
