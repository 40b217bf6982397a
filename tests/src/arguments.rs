//! The words of a command line, one after the other: `--name value`, `--name=value`, flags and plain words. Which options
//! there are, and what they mean together, is the business of the program that has them.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

/// What is wrong with a command line. The program has done nothing yet.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ArgumentError {
    /// The program has no option of this name.
    #[error("{0:?} is no option; --help lists them")]
    Unknown(String),
    /// The option comes last, without the value that it needs.
    #[error("{0} needs a value")]
    NoValue(String),
    /// A flag came with a value.
    #[error("{name} takes no value, {value:?} is one too many")]
    NeedlessValue {
        /// The flag.
        name: String,
        /// What followed its `=`.
        value: String,
    },
    /// A value is none that the option takes.
    #[error("{name}: {why}")]
    Value {
        /// The option.
        name: String,
        /// What is wrong, and what is accepted.
        why: String,
    },
    /// Each word is right, all together are not: what is missing, or excludes what.
    #[error("{0}")]
    Together(String),
}

/// Reads a command line, without the program's own name.
///
/// ```
/// # use facilitator_tests::arguments::{ArgumentError, Words};
/// let line = ["--rounds=7", "--quick", "decode"];
/// let mut words = Words::new(line.into_iter().map(str::to_owned));
/// let (mut rounds, mut quick, mut rows) = (1, false, Vec::new());
/// while let Some(name) = words.next_name()? {
///     match name.as_str() {
///         "--rounds" => rounds = words.number(1..=1000)?,
///         "--quick" => quick = true,
///         _ if name.starts_with('-') => return Err(words.unknown()),
///         _ => rows.push(name),
///     }
/// }
/// assert_eq!((rounds, quick, rows), (7, true, vec!["decode".to_owned()]));
/// # Ok::<(), ArgumentError>(())
/// ```
#[derive(Debug)]
pub struct Words<I> {
    rest: I,
    /// Of the option or the word that was read last.
    name: String,
    /// What followed its `=`, until it is taken.
    given: Option<String>,
}

impl<I: Iterator<Item = String>> Words<I> {
    /// Of these words.
    pub fn new(words: impl IntoIterator<IntoIter = I>) -> Self {
        Self {
            rest: words.into_iter(),
            name: String::new(),
            given: None,
        }
    }

    /// The name of the next option, or the next plain word; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`ArgumentError::NeedlessValue`], when the option before it came with a value that was not asked for.
    pub fn next_name(&mut self) -> Result<Option<String>, ArgumentError> {
        if let Some(value) = self.given.take() {
            let name = self.name.clone();
            return Err(ArgumentError::NeedlessValue { name, value });
        }
        let Some(word) = self.rest.next() else {
            return Ok(None);
        };
        self.name = match word.split_once('=') {
            Some((name, value)) if name.starts_with('-') => {
                self.given = Some(value.to_owned());
                name.to_owned()
            }
            _ => word,
        };
        Ok(Some(self.name.clone()))
    }

    /// The value of the option that was read last: what follows its `=`, or else the next word, whatever it looks like.
    ///
    /// # Errors
    ///
    /// [`ArgumentError::NoValue`], when nothing follows.
    pub fn value(&mut self) -> Result<String, ArgumentError> {
        let value = self.given.take().or_else(|| self.rest.next());
        value.ok_or_else(|| ArgumentError::NoValue(self.name.clone()))
    }

    /// That value, as `read` reads it: `str::parse`, for one.
    ///
    /// # Errors
    ///
    /// [`ArgumentError::NoValue`] without one; [`ArgumentError::Value`] with what `read` says of it.
    pub fn read<T, E: Display>(
        &mut self,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, ArgumentError> {
        read(&self.value()?).map_err(|error| ArgumentError::Value {
            name: self.name.clone(),
            why: error.to_string(),
        })
    }

    /// That value, as a number within bounds.
    ///
    /// # Errors
    ///
    /// As of [`read`](Self::read).
    pub fn number<T: FromStr + PartialOrd + Display>(
        &mut self,
        bounds: RangeInclusive<T>,
    ) -> Result<T, ArgumentError> {
        self.read(|text| {
            let number = text.parse().ok().filter(|number| bounds.contains(number));
            let (least, most) = (bounds.start(), bounds.end());
            number.ok_or_else(|| format!("{text:?} is no number from {least} to {most}"))
        })
    }

    /// That there is no option of the name that was read last.
    pub fn unknown(&self) -> ArgumentError {
        ArgumentError::Unknown(self.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Line = Words<std::vec::IntoIter<String>>;

    fn words(line: &str) -> Line {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Words::new(words)
    }

    /// What is wrong with the option that the line begins with.
    fn wrong<T>(line: &str, read: impl FnOnce(&mut Line) -> Result<T, ArgumentError>) -> String {
        let mut words = words(line);
        words.next_name().unwrap();
        read(&mut words).err().unwrap().to_string()
    }

    #[test]
    fn a_value_follows_its_name_or_its_sign() {
        for line in ["--out a --quick", "--out=a --quick"] {
            let mut words = words(line);
            assert_eq!(words.next_name().unwrap().unwrap(), "--out");
            assert_eq!(words.value().unwrap(), "a");
            assert_eq!(words.next_name().unwrap().unwrap(), "--quick");
            assert_eq!(words.next_name(), Ok(None));
        }
    }

    #[test]
    fn a_value_may_look_like_anything() {
        for (line, value) in [
            ("--out --quick", "--quick"),
            ("--out=--quick", "--quick"),
            ("--out=", ""),
            ("--out=a=b", "a=b"),
            ("--out a=b", "a=b"),
        ] {
            let mut words = words(line);
            words.next_name().unwrap();
            assert_eq!(words.value().unwrap(), value, "{line}");
            assert_eq!(words.next_name(), Ok(None), "{line}");
        }
    }

    #[test]
    fn a_plain_word_is_left_whole() {
        let mut words = words("a=b c");
        assert_eq!(words.next_name().unwrap().unwrap(), "a=b");
        assert_eq!(words.next_name().unwrap().unwrap(), "c");
    }

    #[test]
    fn bounds_are_within() {
        for number in ["2", "3", "4"] {
            let mut words = words(&format!("--jobs {number}"));
            words.next_name().unwrap();
            let read = words.number(2..=4_u8).unwrap();
            assert_eq!(read.to_string(), number);
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_the_name() {
        assert_eq!(wrong("--out", Words::value), "--out needs a value");
        for line in ["--jobs 1", "--jobs=5", "--jobs x", "--jobs -1", "--jobs="] {
            let said = wrong(line, |words| words.number(2..=4_u8));
            let (name, why) = said.split_once(": ").unwrap();
            assert_eq!(name, "--jobs", "{line}");
            assert!(why.ends_with("is no number from 2 to 4"), "{line}: {said}");
        }
        let said = wrong("--hours nan", |words| words.number(0.0..=1.0));
        assert!(said.contains("\"nan\" is no number"), "{said}");
        let said = wrong("--flag maybe", |words| words.read(str::parse::<bool>));
        assert!(said.starts_with("--flag: provided string"), "{said}");
        assert_eq!(
            wrong("--frob=1", |words| Err::<(), _>(words.unknown())),
            "\"--frob\" is no option; --help lists them"
        );
    }

    #[test]
    fn a_flag_with_a_value_is_not_taken_for_one_without() {
        for line in ["--quick=no", "--quick=no --out a"] {
            let said = wrong(line, Words::next_name);
            assert_eq!(said, "--quick takes no value, \"no\" is one too many");
        }
    }
}
