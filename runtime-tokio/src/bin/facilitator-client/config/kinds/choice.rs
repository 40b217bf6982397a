//! One of a few names.

use super::super::given::{Given, Wrong, quoted};
use super::super::nearest::nearest;
use super::{Kind, toml_string};

/// One of these names, each with what it stands for.
pub(crate) struct Choice<T: 'static> {
    pub(crate) names: &'static [(&'static str, T)],
}

impl<T: Copy + PartialEq + Sync> Kind for Choice<T> {
    type Value = T;

    fn read(&self, given: &Given<'_>) -> Result<T, Wrong> {
        let text = given.text()?;
        let named = self.names.iter().find(|(name, _)| *name == text);
        named.map(|(_, value)| *value).ok_or_else(|| {
            let near = nearest(text, self.names.iter().map(|(name, _)| *name));
            Wrong::found(quoted(text)).meant(near.map(|name| format!("{name:?}")))
        })
    }

    fn show(&self, value: &T) -> Option<String> {
        let named = self.names.iter().find(|(_, known)| known == value)?;
        Some(toml_string(named.0))
    }

    fn accepted(&self) -> String {
        let names: Vec<String> = self
            .names
            .iter()
            .map(|(name, _)| format!("{name:?}"))
            .collect();
        format!("one of {}", names.join(", "))
    }

    fn placeholder(&self) -> &'static str {
        "NAME"
    }
}
