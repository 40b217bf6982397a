//! What a key is: its names in the file, the environment and on the command line, and the setting behind it. Which keys
//! there are is in `keys`.

use super::given::{Given, Wrong};
use super::kinds::{Kind, Shape};
use super::settings::Settings;

/// Keys that belong together. In the file they stand under `[name]`; those of the first section have no heading.
pub(crate) struct Section {
    pub(crate) name: &'static str,
    /// What `--help` writes above them.
    pub(crate) heading: &'static str,
    pub(crate) keys: &'static [Key],
}

/// One thing that can be set.
pub(crate) struct Key {
    /// In the file, with its section: `timing.drain_timeout`.
    pub(crate) path: &'static str,
    /// On the command line, without the dashes: `drain-timeout`. The environment variable is called after it.
    pub(crate) flag: &'static str,
    /// What it sets, as the help and `--print-config` say it: one line, then more if need be.
    pub(crate) about: &'static str,
    pub(crate) setting: &'static dyn Setting,
    /// An environment variable of the reference that sets it too, before ours.
    pub(crate) also: Option<&'static str>,
    /// Flags without a value that stand for a certain one.
    pub(crate) short: &'static [Shorthand],
}

/// A flag that sets a key to a certain value.
pub(crate) struct Shorthand {
    pub(crate) flag: &'static str,
    pub(crate) value: &'static str,
    pub(crate) about: &'static str,
}

impl Key {
    /// The least that a key has.
    pub(crate) const fn new(
        path: &'static str,
        flag: &'static str,
        setting: &'static dyn Setting,
        about: &'static str,
    ) -> Self {
        Self {
            path,
            flag,
            about,
            setting,
            also: None,
            short: &[],
        }
    }

    /// The name without the section.
    pub(crate) fn name(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// The environment variable.
    pub(crate) fn variable(&self) -> String {
        let name = self.flag.to_uppercase().replace('-', "_");
        format!("{}{name}", super::environment::PREFIX)
    }
}

/// A kind of value and its place in the settings, whatever type they have.
pub(crate) trait Setting: Sync {
    fn set(&self, settings: &mut Settings, given: &Given<'_>) -> Result<(), Wrong>;
    /// The value in TOML; `None` when there is none.
    fn show(&self, settings: &mut Settings) -> Option<String>;
    /// Whether two settings have the same value here, secrets included.
    fn is_same(&self, one: &mut Settings, other: &mut Settings) -> bool;
    fn accepted(&self) -> String;
    fn placeholder(&self) -> &'static str;
    fn shape(&self) -> Shape;
}

/// See [`Setting`].
pub(crate) struct At<K: Kind> {
    pub(crate) kind: K,
    /// One accessor for reading and writing, so that the two cannot differ.
    pub(crate) place: fn(&mut Settings) -> &mut K::Value,
}

impl<K: Kind> Setting for At<K> {
    fn set(&self, settings: &mut Settings, given: &Given<'_>) -> Result<(), Wrong> {
        *(self.place)(settings) = self.kind.read(given)?;
        Ok(())
    }

    fn show(&self, settings: &mut Settings) -> Option<String> {
        self.kind.show((self.place)(settings))
    }

    fn is_same(&self, one: &mut Settings, other: &mut Settings) -> bool {
        (self.place)(one) == (self.place)(other)
    }

    fn accepted(&self) -> String {
        self.kind.accepted()
    }

    fn placeholder(&self) -> &'static str {
        self.kind.placeholder()
    }

    fn shape(&self) -> Shape {
        self.kind.shape()
    }
}
