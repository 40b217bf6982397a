//! What the log shows: a level, and levels of its own for some parts.

use super::super::given::{Given, Wrong, quoted};
use super::super::nearest::nearest;
use super::{Kind, toml_string};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// `info`, or `info,facilitator_core=debug`. The logging library would take a misspelt level for the name of a part,
/// and then show nothing: so this is stricter.
pub(crate) struct Filter;

impl Kind for Filter {
    type Value = String;

    fn read(&self, given: &Given<'_>) -> Result<String, Wrong> {
        let text = given.text()?;
        for part in text.split(',').map(str::trim) {
            let level = match part.split_once('=') {
                Some((target, level)) if is_target(target) => level,
                Some(_) => {
                    return Err(Wrong::found(format!(
                        "{}, where a part has no name",
                        quoted(text)
                    )));
                }
                None => part,
            };
            if !LEVELS.contains(&level) {
                let meant = nearest(level, LEVELS).map(|level| format!("{level:?}"));
                return Err(
                    Wrong::found(format!("{}, which is no level", quoted(level))).meant(meant),
                );
            }
        }
        Ok(text.to_owned())
    }

    fn show(&self, value: &String) -> Option<String> {
        Some(toml_string(value))
    }

    fn accepted(&self) -> String {
        format!(
            "one of {}, also for parts as \"info,facilitator_core=debug\"",
            LEVELS.join(", ")
        )
    }

    fn placeholder(&self) -> &'static str {
        "LEVEL"
    }
}

fn is_target(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"_:-".contains(&c))
}
