//! Commands that the shell runs.

use super::super::given::{Given, Wrong};
use super::{Kind, toml_string};

/// A command, or none.
pub(crate) struct ShellCommand;

impl Kind for ShellCommand {
    type Value = Option<String>;

    fn read(&self, given: &Given<'_>) -> Result<Self::Value, Wrong> {
        let text = given.text()?;
        if text.trim().is_empty() {
            return Err(Wrong::found("an empty command"));
        }
        if text.contains('\0') {
            return Err(Wrong::found("a command with a NUL character"));
        }
        Ok(Some(text.to_owned()))
    }

    fn show(&self, value: &Self::Value) -> Option<String> {
        value.as_deref().map(toml_string)
    }

    fn accepted(&self) -> String {
        "a command for /bin/sh".to_owned()
    }

    fn placeholder(&self) -> &'static str {
        "COMMAND"
    }
}
