//! Whole numbers.

use std::fmt::Display;
use std::marker::PhantomData;

use super::super::given::{Given, Wrong};
use super::Kind;

/// A whole number between these.
pub(crate) struct Count<T> {
    least: u32,
    most: u32,
    number: PhantomData<fn() -> T>,
}

impl<T> Count<T> {
    pub(crate) const fn between(least: u32, most: u32) -> Self {
        Self {
            least,
            most,
            number: PhantomData,
        }
    }
}

impl<T: TryFrom<u32> + Display + PartialEq> Kind for Count<T> {
    type Value = T;

    fn read(&self, given: &Given<'_>) -> Result<T, Wrong> {
        let Some(digits) = given.digits() else {
            // A number in quotes.
            let meant = given.text().ok().filter(|text| text.parse::<u32>().is_ok());
            return Err(given.unexpected().meant(meant));
        };
        digits
            .parse()
            .ok()
            .filter(|number| (self.least..=self.most).contains(number))
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| Wrong::found(given.shown()))
    }

    fn show(&self, value: &T) -> Option<String> {
        Some(value.to_string())
    }

    fn accepted(&self) -> String {
        format!("a whole number from {} to {}", self.least, self.most)
    }

    fn placeholder(&self) -> &'static str {
        "COUNT"
    }
}
