//! Integers of any size. Arithmetic is nobody's job here: they are read, compared and written.

use alloc::boxed::Box;
use alloc::string::ToString;
use core::fmt;

/// An integer as the reference reads it: of any size, up to [`Integer::MAX_DIGITS`] digits.
///
/// Time limits and `timestamp_ns` are such integers on the wire; a value that no clock can mean is still a value
/// that a signature covers, so it is kept and not refused.
///
/// ```
/// use facilitator_core::message::Integer;
///
/// let limit = Integer::from(300_u32);
/// assert_eq!(limit.as_u64(), Some(300));
/// let huge: Integer = "1000000000000000000000000000000".parse()?;
/// assert_eq!(huge.as_u64(), None);
/// assert_eq!(huge.to_string(), "1000000000000000000000000000000");
/// # Ok::<(), facilitator_core::message::ParseIntegerError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Integer(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Small(i64),
    /// Canonical decimal text (no `+`, no leading zero) of a number that is no `i64`, so that equality is derived.
    Big(Box<str>),
}

impl Integer {
    /// The longest integer that is read, in digits, a sign being one: the reference's bound, which is Python's.
    pub const MAX_DIGITS: usize = 4300;

    /// Zero.
    pub const ZERO: Self = Self(Repr::Small(0));

    /// The value, where an `i64` can hold it.
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Small(value) => Some(*value),
            Repr::Big(_) => None,
        }
    }

    /// The value, where a `u64` can hold it.
    pub fn as_u64(&self) -> Option<u64> {
        match &self.0 {
            Repr::Small(value) => u64::try_from(*value).ok(),
            Repr::Big(text) => text.parse().ok(),
        }
    }

    /// The value, where an `i128` can hold it.
    pub fn as_i128(&self) -> Option<i128> {
        match &self.0 {
            Repr::Small(value) => Some(i128::from(*value)),
            Repr::Big(text) => text.parse().ok(),
        }
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Repr::Small(value) => *value < 0,
            Repr::Big(text) => text.starts_with('-'),
        }
    }

    /// Decimal digits with an optional `-`, as the JSON grammar (or the caller) has checked.
    pub(super) fn from_checked_text(text: &str) -> Self {
        if let Ok(value) = text.parse() {
            return Self(Repr::Small(value));
        }
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text),
        };
        let digits = digits.trim_start_matches('0');
        // Zeros in front can have hidden a small number behind a long text.
        match [sign, digits].concat() {
            text if digits.is_empty() || text.parse::<i64>().is_ok() => {
                Self(Repr::Small(text.parse().unwrap_or(0)))
            }
            text => Self(Repr::Big(text.into_boxed_str())),
        }
    }
}

/// The text was no integer that the protocol can carry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an integer of at most 4300 digits: write decimal digits with an optional leading minus"
)]
pub struct ParseIntegerError(());

impl core::str::FromStr for Integer {
    type Err = ParseIntegerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let sound = !digits.is_empty()
            && text.len() <= Self::MAX_DIGITS
            && digits.bytes().all(|b| b.is_ascii_digit());
        if sound {
            Ok(Self::from_checked_text(text))
        } else {
            Err(ParseIntegerError(()))
        }
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Small(value) => value.fmt(f),
            Repr::Big(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Default for Integer {
    fn default() -> Self {
        Self::ZERO
    }
}

macro_rules! from_small {
    ($($int:ty),*) => {$(
        impl From<$int> for Integer {
            fn from(value: $int) -> Self {
                Self(Repr::Small(i64::from(value)))
            }
        }
    )*};
}
from_small!(i8, i16, i32, i64, u8, u16, u32);

macro_rules! from_big {
    ($($int:ty),*) => {$(
        impl From<$int> for Integer {
            fn from(value: $int) -> Self {
                match i64::try_from(value) {
                    Ok(small) => Self(Repr::Small(small)),
                    Err(_) => Self(Repr::Big(value.to_string().into_boxed_str())),
                }
            }
        }
    )*};
}
from_big!(u64, i128, u128, usize);

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    #[test]
    fn one_value_has_one_form() {
        for (text, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("007", "7"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("-9223372036854775809", "-9223372036854775809"),
            ("00000000000000000000000000000012", "12"),
            ("-00000000000000000000000000000012", "-12"),
            ("00000000000000000000000000000000", "0"),
        ] {
            let integer: Integer = text.parse().unwrap();
            assert_eq!(integer.to_string(), expected, "{text}");
            assert_eq!(Ok(integer), expected.parse(), "{text}");
        }
        assert_eq!("18446744073709551615".parse(), Ok(Integer::from(u64::MAX)));
    }

    #[test]
    fn what_it_fits() {
        let wide = Integer::from(u64::MAX);
        assert_eq!((wide.as_i64(), wide.as_u64()), (None, Some(u64::MAX)));
        let below = Integer::from(-1);
        assert_eq!(
            (below.as_u64(), below.as_i128(), below.is_negative()),
            (None, Some(-1), true)
        );
    }

    #[test]
    fn what_is_none() {
        let long = "1".repeat(Integer::MAX_DIGITS + 1);
        for text in [
            "",
            "-",
            "+1",
            " 1",
            "1.0",
            "\u{661}",
            &long,
            &(String::from("-") + &long[1..]),
        ] {
            assert!(text.parse::<Integer>().is_err(), "{text}");
        }
    }
}
