//! Where a value comes from.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where a value comes from, from weak to strong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody has set it.
    Default,
    /// Nobody has set it, and another key bounds it.
    Bounded {
        by: &'static str,
    },
    File(Place),
    /// The environment variable of this name.
    Variable(String),
    /// The flag of this name, without its dashes.
    Flag(&'static str),
}

/// A place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: Arc<Path>,
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
}

impl Place {
    /// The place of a byte of the file's text.
    pub(crate) fn of(path: &Arc<Path>, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or_default();
        Self {
            path: Arc::clone(path),
            line: before.matches('\n').count() + 1,
            column: column.chars().count() + 1,
        }
    }
}

impl Origin {
    /// Whether somebody has set the value.
    pub(crate) const fn is_given(&self) -> bool {
        !matches!(self, Self::Default | Self::Bounded { .. })
    }

    /// How strong it is: the stronger one is to blame when two values do not go together.
    pub(crate) const fn rank(&self) -> u8 {
        match self {
            Self::Default | Self::Bounded { .. } => 0,
            Self::File(_) => 1,
            Self::Variable(_) => 2,
            Self::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Bounded { by } => write!(f, "default, bounded by {by}"),
            Self::File(place) => place.fmt(f),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}
