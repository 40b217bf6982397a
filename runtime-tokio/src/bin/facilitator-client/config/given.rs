//! A value as somebody gave it, before it has a meaning: words of the command line or of the environment, or a value of
//! the file. What is wrong with one, without the place.

use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

/// What stands in place of a secret where a configuration is shown. It is no value.
pub(crate) const REDACTED: &str = "(redacted)";

/// Values are repeated in errors up to this many characters.
const SHOWN: usize = 48;

/// A value as it was given.
#[derive(Clone, Copy)]
pub(crate) enum Given<'a> {
    /// Of the command line or the environment: text, once or several times.
    Words(&'a [OsString]),
    /// Of the file.
    Toml {
        value: &'a Spanned<DeValue<'a>>,
        /// The whole file's text.
        text: &'a str,
        /// Where the file is: what relative paths in it start from.
        folder: &'a Path,
    },
}

/// What is wrong with a value.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// What was found, as a sentence without its end.
    pub(crate) what: String,
    /// Whether it goes on with what is accepted; otherwise `what` says that itself.
    pub(crate) names_accepted: bool,
    /// What was probably meant.
    pub(crate) meant: Option<String>,
    /// Where in the file, when a part of the value is wrong.
    pub(crate) at: Option<usize>,
}

impl Wrong {
    pub(crate) fn found(what: impl Into<String>) -> Self {
        Self {
            what: format!("found {}", what.into()),
            names_accepted: true,
            meant: None,
            at: None,
        }
    }

    /// A sentence that says what is accepted, too.
    pub(crate) fn said(what: impl Into<String>) -> Self {
        Self {
            names_accepted: false,
            ..Self::found("").with_what(what.into())
        }
    }

    pub(crate) fn meant(self, meant: Option<impl Into<String>>) -> Self {
        Self {
            meant: meant.map(Into::into),
            ..self
        }
    }

    pub(crate) fn at(self, span: &Range<usize>) -> Self {
        Self {
            at: Some(span.start),
            ..self
        }
    }

    fn with_what(self, what: String) -> Self {
        Self { what, ..self }
    }
}

/// A text of a list, and where it stands in the file.
pub(crate) type Item = (String, Option<Range<usize>>);

impl<'a> Given<'a> {
    /// The value as it was written, cut to a readable length. Not for secrets.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Words(words) => {
                let words: Vec<String> =
                    words.iter().map(|w| quoted(&w.to_string_lossy())).collect();
                words.join(", ")
            }
            Self::Toml { value, text, .. } => {
                cut(text.get(value.span()).unwrap_or_default(), SHOWN)
            }
        }
    }

    /// One text.
    pub(crate) fn text(&self) -> Result<&'a str, Wrong> {
        let text = match self {
            Self::Words([word]) => word
                .to_str()
                .ok_or_else(|| Wrong::found(format!("{}, which is no UTF-8", self.shown())))?,
            Self::Words(_) => return Err(Wrong::found("several values where one is needed")),
            Self::Toml { value, .. } => match value.get_ref() {
                DeValue::String(text) => text.as_ref(),
                _ => return Err(self.unexpected()),
            },
        };
        if text.contains(REDACTED) {
            return Err(Wrong::said(format!(
                "found {REDACTED}, which --print-config writes in place of a secret; write the value itself"
            )));
        }
        Ok(text)
    }

    /// One text that can be a secret: what is wrong with it does not repeat it.
    pub(crate) fn secret(&self) -> Result<&'a str, Wrong> {
        self.text().map_err(|wrong| {
            // What says itself what is accepted repeats nothing.
            if wrong.names_accepted {
                Wrong::found(self.kind())
            } else {
                wrong
            }
        })
    }

    /// What it is, where that is no text.
    fn kind(&self) -> &'static str {
        match self {
            Self::Words([_]) => "a value that is no UTF-8",
            Self::Words(_) => "several values where one is needed",
            Self::Toml { value, .. } => kind_of(value.get_ref()),
        }
    }

    /// A whole number's digits, in base 10; `None` for what is no whole number.
    pub(crate) fn digits(&self) -> Option<String> {
        match self {
            Self::Toml { value, .. } => match value.get_ref() {
                DeValue::Integer(number) => decimal(number),
                _ => None,
            },
            Self::Words(_) => {
                let text = self.text().ok()?.trim();
                let digits = text.strip_prefix('-').unwrap_or(text);
                let is_number = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
                is_number.then(|| text.to_owned())
            }
        }
    }

    /// A number's text, with a fraction or without; `None` for what is no number.
    pub(crate) fn number(&self) -> Option<String> {
        self.digits().or_else(|| match self {
            Self::Toml { value, .. } => match value.get_ref() {
                DeValue::Float(number) => Some(number.as_str().to_owned()),
                _ => None,
            },
            Self::Words(_) => None,
        })
    }

    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Self::Words(_) => match self.text().ok()? {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            Self::Toml { value, .. } => value.get_ref().as_bool(),
        }
    }

    /// Several texts; words are taken apart at the separator. An empty word is an empty list.
    pub(crate) fn items(&self, separator: char) -> Result<Vec<Item>, Wrong> {
        self.items_by(separator, Self::text)
    }

    /// Several texts that can be secrets.
    pub(crate) fn secret_items(&self, separator: char) -> Result<Vec<Item>, Wrong> {
        self.items_by(separator, Self::secret)
    }

    fn items_by(
        &self,
        separator: char,
        read: fn(&Self) -> Result<&'a str, Wrong>,
    ) -> Result<Vec<Item>, Wrong> {
        match self {
            Self::Words(words) => {
                let mut items = Vec::new();
                for word in *words {
                    let text = read(&Self::Words(std::slice::from_ref(word)))?;
                    let parts = text.split(separator).map(str::trim);
                    items.extend(
                        parts
                            .filter(|part| !part.is_empty())
                            .map(|part| (part.to_owned(), None)),
                    );
                }
                Ok(items)
            }
            Self::Toml {
                value,
                text,
                folder,
            } => {
                let array = value
                    .get_ref()
                    .as_array()
                    .ok_or_else(|| self.unexpected())?;
                let items = array.iter().map(|value| {
                    let item = Given::Toml {
                        value,
                        text,
                        folder,
                    };
                    let text = read(&item).map_err(|wrong| wrong.at(&value.span()))?;
                    Ok((text.to_owned(), Some(value.span())))
                });
                items.collect()
            }
        }
    }

    /// The table of the file, if it is one.
    pub(crate) fn table(&self) -> Option<&'a DeTable<'a>> {
        match self {
            Self::Words(_) => None,
            Self::Toml { value, .. } => value.get_ref().as_table(),
        }
    }

    /// A path: `~/` is the home folder, and what is relative starts from the file's folder, or from the current one.
    pub(crate) fn path(&self) -> Result<PathBuf, Wrong> {
        let (path, folder) = match self {
            // Not every path is UTF-8.
            Self::Words([word]) => (Path::new(word), None),
            Self::Words(_) => return Err(Wrong::found("several values where one is needed")),
            Self::Toml { folder, .. } => (Path::new(self.text()?), Some(*folder)),
        };
        if path.as_os_str().is_empty() {
            return Err(Wrong::found("an empty path"));
        }
        if path.as_os_str().as_encoded_bytes().contains(&0) {
            return Err(Wrong::found("a path with a NUL character"));
        }
        let path = match path.strip_prefix("~") {
            Ok(rest) => match std::env::home_dir() {
                Some(home) => home.join(rest),
                None => return Err(Wrong::found("`~/`, but there is no home folder (HOME)")),
            },
            Err(_) => folder.map_or_else(|| path.to_owned(), |folder| folder.join(path)),
        };
        std::path::absolute(&path).map_err(|error| {
            Wrong::found(format!(
                "{}, which cannot be made absolute: {error}",
                path.display()
            ))
        })
    }

    /// A value of another type than the one that is needed.
    pub(crate) fn unexpected(&self) -> Wrong {
        match self {
            Self::Words([word]) if word.is_empty() => Wrong::found("nothing"),
            Self::Words(_) => Wrong::found(self.shown()),
            Self::Toml { value, .. } => Wrong::found(match value.get_ref() {
                // They can be long, and can hold anything.
                DeValue::Table(_) => kind_of(value.get_ref()).to_owned(),
                other => format!("{}, {}", self.shown(), kind_of(other)),
            }),
        }
    }
}

/// A value's type, as people call it.
pub(crate) const fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a truth value",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn decimal(number: &DeInteger<'_>) -> Option<String> {
    let number = i128::from_str_radix(number.as_str(), number.radix()).ok()?;
    Some(number.to_string())
}

/// The text in quotes, cut to a readable length, with nothing in it that could break a line.
pub(crate) fn quoted(text: &str) -> String {
    format!("{:?}", cut(text, SHOWN))
}

fn cut(text: &str, most: usize) -> String {
    // The lines of a value that has several are of no use in one.
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(most) {
        Some((end, _)) => text.split_at(end).0.to_owned() + "..",
        None => text,
    }
}
