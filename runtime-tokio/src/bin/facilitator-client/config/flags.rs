//! The command line: a flag for each key, made from the table of keys.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::given::Given;
use super::key::Key;
use super::keys;
use super::kinds::Shape;
use super::mistake::Mistake;
use super::origin::Origin;
use super::settings::Settings;

const CONFIG: &str = "config";
const PRINT: &str = "print-config";

/// The flags of a command line that set something.
pub(crate) struct Flags {
    /// The configuration file.
    pub(super) config: Option<PathBuf>,
    /// Whether to show the configuration instead of running with it.
    pub(crate) print: bool,
    /// Paths of keys, the flags that set them, and the values.
    given: Vec<(&'static str, &'static str, Vec<OsString>)>,
}

impl Flags {
    /// None, but for the file's.
    pub(crate) fn of_file(config: Option<PathBuf>) -> Self {
        Self {
            config,
            print: false,
            given: Vec::new(),
        }
    }

    /// Takes every flag.
    pub(super) fn apply(
        &self,
        settings: &mut Settings,
        origins: &mut BTreeMap<&'static str, Origin>,
    ) -> Result<(), Mistake> {
        for (path, flag, words) in &self.given {
            let origin = Origin::Flag(flag);
            if let Some(key) = keys::find(path) {
                let result = key.setting.set(settings, &Given::Words(words));
                result.map_err(|wrong| Mistake::value(key, &origin, &wrong))?;
                origins.insert(key.path, origin);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    /// Without the values, which can be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.given.iter().map(|(_, flag, _)| flag);
        f.debug_list().entries(flags).finish()
    }
}

impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        let own = [
            Arg::new(CONFIG)
                .long(CONFIG)
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help("The configuration file")
                .long_help(
                    "The configuration file, in TOML; flags win over the environment, and the environment over the \
                     file. Without one, $XDG_CONFIG_HOME/facilitator-client/config.toml (or the same below \
                     ~/.config), or else /etc/facilitator-client/config.toml is read, if it is there \
                     [env: FACILITATOR_CONFIG]",
                ),
            Arg::new(PRINT)
                .long(PRINT)
                .action(ArgAction::SetTrue)
                .help("Show the configuration, and where each value comes from, instead of running with it"),
        ];
        let sections = keys::SECTIONS.iter().flat_map(|section| {
            let args = section.keys.iter().flat_map(arguments);
            args.map(|arg| arg.help_heading(section.heading))
        });
        command.args(own).args(sections)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The flags of a key.
fn arguments(key: &'static Key) -> Vec<Arg> {
    let arg = Arg::new(key.flag)
        .long(key.flag)
        .value_name(key.setting.placeholder())
        .value_parser(ValueParser::os_string())
        // A negative number is a wrong value, not an unknown flag.
        .allow_hyphen_values(true);
    let arg = match key.setting.shape() {
        Shape::Once => arg.action(ArgAction::Set),
        Shape::Repeated => arg.action(ArgAction::Append),
        Shape::Switch => arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .allow_hyphen_values(false),
    };
    let (first, more) = key.about.split_once('\n').unwrap_or((key.about, ""));
    let default = key.setting.show(&mut Settings::default());
    let default = default
        .map(|value| format!("default: {value}, "))
        .unwrap_or_default();
    let also = key
        .also
        .map(|name| format!(" and {name}"))
        .unwrap_or_default();
    let more = if more.is_empty() {
        String::new()
    } else {
        format!(" {more}")
    };
    let long = format!(
        "{first}.{more}\n[{default}env: {}{also}, file: {}]",
        key.variable(),
        key.path
    );
    let shorthands: Vec<&str> = key.short.iter().map(|short| short.flag).collect();
    let mut all = vec![
        arg.help(first)
            .long_help(long)
            .conflicts_with_all(&shorthands),
    ];
    all.extend(key.short.iter().map(|short| {
        let others = shorthands
            .iter()
            .copied()
            .filter(|other| *other != short.flag);
        Arg::new(short.flag)
            .long(short.flag)
            .action(ArgAction::SetTrue)
            .help(short.about)
            .conflicts_with_all(others)
    }));
    all
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Vec::new();
        for key in keys::all() {
            if let Some(words) = matches.get_many::<OsString>(key.flag) {
                given.push((key.path, key.flag, words.cloned().collect()));
            }
            for short in key
                .short
                .iter()
                .filter(|short| matches.get_flag(short.flag))
            {
                given.push((key.path, short.flag, vec![short.value.into()]));
            }
        }
        Ok(Self {
            config: matches.get_one(CONFIG).cloned(),
            print: matches.get_flag(PRINT),
            given,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
