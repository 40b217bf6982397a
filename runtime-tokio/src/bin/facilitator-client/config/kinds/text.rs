//! Text that is sent as a header.

use super::super::given::{Given, Wrong};
use super::{Kind, toml_string};

/// Text that a request header can carry.
pub(crate) struct HeaderText;

impl Kind for HeaderText {
    type Value = String;

    fn read(&self, given: &Given<'_>) -> Result<String, Wrong> {
        let text = given.text()?;
        if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            Ok(text.to_owned())
        } else {
            Err(Wrong::found("a text that cannot be sent as a header"))
        }
    }

    fn show(&self, value: &String) -> Option<String> {
        Some(toml_string(value))
    }

    fn accepted(&self) -> String {
        "printable ASCII".to_owned()
    }

    fn placeholder(&self) -> &'static str {
        "TEXT"
    }
}
