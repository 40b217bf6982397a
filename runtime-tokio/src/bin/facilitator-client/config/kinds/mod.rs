//! What a value can be: a time, a size, a choice of names, .. Each kind reads a value, shows one as TOML, and says in
//! words what it accepts. No key is named here.

mod address;
mod choice;
mod count;
mod filter;
mod headers;
mod path;
mod proxy;
mod shell;
mod signatories;
mod size;
mod switch;
mod text;
mod time;
mod uri;
mod web;

pub(crate) use self::address::Listen;
pub(crate) use self::choice::Choice;
pub(crate) use self::count::Count;
pub(crate) use self::filter::Filter;
pub(crate) use self::headers::Headers;
pub(crate) use self::path::FilePath;
pub(crate) use self::proxy::{Hosts, ProxyUri};
pub(crate) use self::shell::ShellCommand;
pub(crate) use self::signatories::{Trusted, account};
pub(crate) use self::size::Size;
pub(crate) use self::switch::Switch;
pub(crate) use self::text::HeaderText;
pub(crate) use self::time::{Time, TimeOr};
pub(crate) use self::uri::Uri;
pub(crate) use self::web::WebUrl;

use super::given::{Given, Wrong};

/// How values of one kind are read, shown and described.
pub(crate) trait Kind: Sync {
    /// What they are in the program.
    type Value: PartialEq;

    /// Reads a value.
    fn read(&self, given: &Given<'_>) -> Result<Self::Value, Wrong>;

    /// The value in TOML, secrets left out; `None` when there is none.
    fn show(&self, value: &Self::Value) -> Option<String>;

    /// What is accepted, as the rest of a sentence: `accepted is ..`.
    fn accepted(&self) -> String;

    /// What `--help` shows in place of the value.
    fn placeholder(&self) -> &'static str;

    /// How it is given on the command line.
    fn shape(&self) -> Shape {
        Shape::Once
    }
}

/// How often a flag can be given, and whether it has a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Once, with a value.
    Once,
    /// As often as one likes, with a value each time.
    Repeated,
    /// Once, without a value for true.
    Switch,
}

/// A text as a TOML string.
pub(crate) fn toml_string(text: &str) -> String {
    use std::fmt::Write as _;
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if c.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
