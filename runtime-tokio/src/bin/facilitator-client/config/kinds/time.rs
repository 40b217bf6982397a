//! Times with their units, as `10s`, `1m30s` or `0.5s`. A number without a unit is refused: it has been taken for
//! seconds, milliseconds and minutes before.

use std::fmt::Write as _;
use std::time::Duration;

use super::super::given::{Given, Wrong, quoted};
use super::{Kind, toml_string};

/// Beyond a year, "never" was meant, or a unit was mixed up.
const LONGEST: Duration = Duration::from_hours(24 * 366);

/// The units, long to short, and what people write for them.
const UNITS: [(&str, u128, &[&str]); 5] = [
    ("d", 86_400_000_000_000, &["day", "days"]),
    ("h", 3_600_000_000_000, &["hr", "hour", "hours"]),
    ("m", 60_000_000_000, &["min", "mins", "minute", "minutes"]),
    ("s", 1_000_000_000, &["sec", "secs", "second", "seconds"]),
    (
        "ms",
        1_000_000,
        &["msec", "millis", "millisecond", "milliseconds"],
    ),
];

/// A time.
pub(crate) struct Time {
    /// Whether none at all makes sense, too.
    pub(crate) zero: bool,
}

impl Kind for Time {
    type Value = Duration;

    fn read(&self, given: &Given<'_>) -> Result<Duration, Wrong> {
        if let Some(number) = given.number() {
            let what = format!("{number}, a number without its unit");
            return Err(Wrong::found(what).meant(Some(format!("\"{number}s\""))));
        }
        let text = given.text()?;
        let time = parse(text).map_err(|(what, meant)| {
            Wrong::found(format!("{}, {what}", quoted(text)))
                .meant(meant.map(|meant| format!("{meant:?}")))
        })?;
        if time.is_zero() && !self.zero {
            return Err(Wrong::found(format!("{}, no time at all", quoted(text))));
        }
        if time > LONGEST {
            return Err(Wrong::found(format!("{}, which is too long", quoted(text))));
        }
        Ok(time)
    }

    fn show(&self, value: &Duration) -> Option<String> {
        Some(toml_string(&show(*value)))
    }

    fn accepted(&self) -> String {
        let least = if self.zero { "0s" } else { "more than 0s" };
        format!(
            "a time with its unit (ms, s, m, h, d), as 10s or 1m30s, from {least} to {}",
            show(LONGEST)
        )
    }

    fn placeholder(&self) -> &'static str {
        "TIME"
    }
}

/// A time, or a word for none.
pub(crate) struct TimeOr {
    pub(crate) none: &'static str,
}

impl Kind for TimeOr {
    type Value = Option<Duration>;

    fn read(&self, given: &Given<'_>) -> Result<Self::Value, Wrong> {
        if given.text().is_ok_and(|text| text == self.none) {
            return Ok(None);
        }
        Time { zero: false }.read(given).map(Some)
    }

    fn show(&self, value: &Self::Value) -> Option<String> {
        Some(toml_string(
            &value.map_or_else(|| self.none.to_owned(), show),
        ))
    }

    fn accepted(&self) -> String {
        format!("{:?}, or {}", self.none, Time { zero: false }.accepted())
    }

    fn placeholder(&self) -> &'static str {
        "TIME"
    }
}

/// What is wrong, and what was meant.
type Fault = (&'static str, Option<String>);

/// Reads a time: numbers with units, the longer ones first.
pub(crate) fn parse(text: &str) -> Result<Duration, Fault> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(("which is empty", None));
    }
    let mut nanos = 0_u128;
    // Later units must be shorter: what is in another order was hardly meant.
    let mut units = UNITS.as_slice();
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, behind) = rest.split_at(digits);
        let behind = behind.trim_start();
        let letters = behind
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        rest = behind.trim_start();
        if number.is_empty() {
            return Err(("which is no time", None));
        }
        if unit.is_empty() {
            return Err((
                "a number without its unit",
                (number == text).then(|| format!("{text}s")),
            ));
        }
        let Some(index) = units.iter().position(|(name, ..)| *name == unit) else {
            let is_unit = UNITS.iter().any(|(name, ..)| *name == unit);
            let what = if is_unit {
                "with its units out of order"
            } else {
                "with a unit that is none"
            };
            let meant = respelled(unit)
                .filter(|_| !is_unit)
                .map(|name| text.replacen(unit, name, 1).replace(' ', ""));
            return Err((what, meant.filter(|meant| parse(meant).is_ok())));
        };
        let (one, later) = units
            .get(index..)
            .and_then(<[_]>::split_first)
            .ok_or(("which is no time", None))?;
        units = later;
        let part = scaled(number, one.1).ok_or(("which is no time", None))?;
        nanos = nanos.checked_add(part).ok_or(("which is too long", None))?;
    }
    let nanos = u64::try_from(nanos).map_err(|_| ("which is too long", None))?;
    Ok(Duration::from_nanos(nanos))
}

/// The unit that is meant by another word.
fn respelled(unit: &str) -> Option<&'static str> {
    let lower = unit.to_lowercase();
    UNITS
        .iter()
        .find(|(name, _, words)| *name == lower || words.contains(&lower.as_str()))
        .map(|(name, ..)| *name)
}

/// A decimal number of units; `None` when it is none, or no whole number of the smallest.
pub(crate) fn scaled(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 18 {
        return None;
    }
    let base = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = fraction.parse::<u128>().ok()?.checked_mul(unit)?;
    if part.checked_rem(base)? != 0 {
        return None;
    }
    let whole = whole.parse::<u128>().ok()?.checked_mul(unit)?;
    whole.checked_add(part.checked_div(base)?)
}

/// The shortest way to write it.
pub(crate) fn show(time: Duration) -> String {
    let mut nanos = time.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    if !nanos.is_multiple_of(1_000_000) {
        let text = format!("{}.{:09}", time.as_secs(), time.subsec_nanos());
        return text.trim_end_matches('0').to_owned() + "s";
    }
    let mut shown = String::new();
    for (name, unit, _) in UNITS {
        if nanos >= unit {
            // Writing to a String cannot fail.
            let _ = write!(shown, "{}{name}", nanos / unit);
            nanos %= unit;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_shown() {
        for (text, millis, shown) in [
            ("10s", 10_000, "10s"),
            ("1m30s", 90_000, "1m30s"),
            (" 1m 30s ", 90_000, "1m30s"),
            ("90s", 90_000, "1m30s"),
            ("0.5s", 500, "500ms"),
            ("1.5h", 5_400_000, "1h30m"),
            ("250ms", 250, "250ms"),
            ("24h", 86_400_000, "1d"),
            ("1d 2h 3m 4s 5ms", 93_784_005, "1d2h3m4s5ms"),
            ("0s", 0, "0s"),
        ] {
            let time = parse(text).unwrap();
            assert_eq!(time.as_millis(), millis, "{text}");
            assert_eq!(show(time), shown, "{text}");
            assert_eq!(parse(shown), Ok(time), "{shown}");
        }
        let odd = Duration::from_nanos(1_000_000_001);
        assert_eq!(parse(&show(odd)), Ok(odd));
    }

    #[test]
    fn what_is_no_time_says_what_was_meant() {
        for (text, what, meant) in [
            ("10", "without its unit", Some("10s")),
            ("1.5", "without its unit", Some("1.5s")),
            ("10sec", "unit that is none", Some("10s")),
            ("10 Minutes", "unit that is none", Some("10m")),
            ("10S", "unit that is none", Some("10s")),
            ("10x", "unit that is none", None),
            ("30s1m", "out of order", None),
            ("1s1s", "out of order", None),
            ("1m30", "without its unit", None),
            ("", "empty", None),
            ("-1s", "no time", None),
            ("s", "no time", None),
            ("1..5s", "no time", None),
            ("0.0000000001s", "no time", None),
            (
                "99999999999999999999999999999999999999999d",
                "no time",
                None,
            ),
            ("999999999999999999d", "too long", None),
        ] {
            let (found, hint) = parse(text).unwrap_err();
            assert!(found.contains(what), "{text}: {found}");
            assert_eq!(hint.as_deref(), meant, "{text}");
        }
    }
}
