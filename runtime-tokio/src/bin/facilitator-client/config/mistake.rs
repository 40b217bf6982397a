//! One line for what is wrong with the configuration: where, which key, what was found, what is accepted.

use super::given::Wrong;
use super::key::Key;
use super::origin::Origin;
use crate::failure::Failure;

/// A mistake in the configuration, in one line.
#[derive(Debug)]
pub(crate) struct Mistake(String);

impl Mistake {
    /// A sentence that says where, too.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A mistake in the value of a key.
    pub(crate) fn of(key: &Key, origin: &Origin, what: &str) -> Self {
        let path = key.path;
        Self(match origin {
            // Their names say which key it is.
            Origin::Variable(_) | Origin::Flag(_) => format!("{origin}: {what}"),
            Origin::File(_) => format!("{origin}: `{path}`: {what}"),
            Origin::Default | Origin::Bounded { .. } => format!("`{path}` ({origin}): {what}"),
        })
    }

    /// A value that was refused.
    pub(crate) fn value(key: &Key, origin: &Origin, wrong: &Wrong) -> Self {
        let accepted = if wrong.names_accepted {
            format!("; accepted is {}", key.setting.accepted())
        } else {
            String::new()
        };
        let meant = match &wrong.meant {
            Some(meant) => format!("; did you mean {meant}?"),
            None => String::new(),
        };
        Self::of(key, origin, &format!("{}{accepted}{meant}", wrong.what))
    }
}

impl From<Mistake> for Failure {
    fn from(mistake: Mistake) -> Self {
        Self::usage(mistake.0)
    }
}
