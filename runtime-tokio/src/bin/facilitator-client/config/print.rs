//! The configuration as a commented file: every key with what it means, its value, and where that comes from. It can be
//! fed back, once the secrets that are left out are filled in.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::keys;
use super::origin::Origin;
use super::settings::Settings;

const BEGINNING: &str = "\
# The configuration of facilitator-client: flags win over the environment (FACILITATOR_..), the
# environment over the configuration file, the file over the defaults. Behind each value stands
# where it comes from. Secrets are left out, as (redacted): write them again to use this as a file.
# Paths can begin with ~/; relative ones start from the file's folder.
";

/// All keys.
pub(super) fn print(settings: &mut Settings, origins: &BTreeMap<&'static str, Origin>) -> String {
    let mut text = String::from(BEGINNING);
    for section in keys::SECTIONS {
        if !section.name.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n[{}]\n", section.name);
        }
        for key in section.keys {
            text.push('\n');
            for line in key.about.lines() {
                let _ = writeln!(text, "# {line}");
            }
            let name = key.name();
            let _ = match (key.setting.show(settings), origins.get(key.path)) {
                (Some(value), origin) => {
                    writeln!(
                        text,
                        "{name} = {value}  # {}",
                        origin.unwrap_or(&Origin::Default)
                    )
                }
                // Somebody has set it to nothing.
                (None, Some(origin)) => writeln!(text, "# {name}: empty  # {origin}"),
                (None, None) => writeln!(text, "# {name} = {}  # not set", example(key.name())),
            };
        }
    }
    text
}

/// What a key without a value could be.
fn example(name: &str) -> &'static str {
    match name {
        "hotkey" => "\"~/.bittensor/wallets/NAME/hotkeys/HOTKEY\"",
        "headers" => "{ \"X-Name\" = \"value\" }",
        "except" => "[\"10.0.0.0/8\"]",
        "record" => "\"session-{time}.trace\"",
        _ => "\"..\"",
    }
}
