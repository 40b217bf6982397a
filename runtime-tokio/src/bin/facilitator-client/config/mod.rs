//! The operator's configuration: defaults, one TOML file, environment, flags, each stronger than the one before. This
//! file puts the layers on each other; what can be set is in `keys`, what a value can be in `kinds`.

mod check;
mod environment;
mod file;
mod flags;
mod given;
mod key;
mod keys;
mod kinds;
mod marks;
mod mistake;
mod nearest;
mod network;
mod origin;
mod print;
mod settings;
#[cfg(test)]
mod tests;
mod trust_file;
mod workers;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use facilitator_tokio::core::client::Signatories;
use facilitator_tokio::core::driver::Network;

use self::check::Origins;
#[cfg(unix)]
pub(crate) use self::environment::JOB;
use self::file::ConfigFile;
pub(crate) use self::flags::Flags;
pub(crate) use self::marks::Marks;
use self::mistake::Mistake;
use self::origin::Origin;
pub(crate) use self::settings::{Log, LogFormat, Settings};
pub(crate) use self::workers::Workers;
use crate::monitor::Address;

/// A configuration, and where each value comes from.
pub(crate) struct Loaded {
    settings: Settings,
    origins: Origins,
}

impl Loaded {
    /// Reads all layers. Every value is fine by itself then. `verbose` is how often `-v` was given.
    pub(crate) fn new(flags: &Flags, verbose: u8) -> Result<Self, Mistake> {
        Self::layered(flags, verbose, &std::env::vars_os().collect())
    }

    fn layered(
        flags: &Flags,
        verbose: u8,
        variables: &BTreeMap<OsString, OsString>,
    ) -> Result<Self, Mistake> {
        let mut settings = Settings::default();
        let mut origins = Origins::new();
        if let Some(file) = find_file(flags, variables)? {
            file.apply(&mut settings, &mut origins)?;
        }
        environment::apply(variables, &mut settings, &mut origins)?;
        flags.apply(&mut settings, &mut origins)?;
        if let Some(filter) = filter_of(verbose) {
            filter.clone_into(&mut settings.log.filter);
            origins.insert("log.filter", Origin::Flag("verbose"));
        }
        check::bound(&mut settings, &mut origins);
        Ok(Self { settings, origins })
    }

    /// The configuration as a commented file, without secrets.
    pub(crate) fn print(&self) -> String {
        print::print(&mut self.settings.clone(), &self.origins)
    }

    /// The settings and the network that they ask for, if they make sense together; the files of both are read.
    pub(crate) fn check(&self) -> Result<(Settings, Network), Mistake> {
        check::check(&self.settings, &self.origins)?;
        let mut settings = self.settings.clone();
        if let (Some(path), Signatories::OwnAnd(accounts)) =
            (&settings.trust_file, &mut settings.config.trust.signatories)
        {
            let cannot = |what: &str| self.blame("trust.file", what);
            accounts.extend(trust_file::read(path, cannot)?);
        }
        let network = network::network(&settings.network, &self.origins)?;
        Ok((settings, network))
    }

    /// Where a running instance with this configuration serves its metrics.
    pub(crate) fn metrics(&self) -> Option<Address> {
        self.settings.metrics.listen
    }

    /// What the files hold now that are read at the start and not again.
    pub(crate) fn marks(&self) -> Marks {
        Marks::of(&self.settings)
    }

    /// The keys with other values in a newer configuration, secrets included; and those whose files hold something else.
    pub(crate) fn changes(&self, marks: &Marks, newer: &Self) -> Vec<&'static str> {
        let (mut old, mut new) = (self.settings.clone(), newer.settings.clone());
        let newer = newer.marks();
        let differs = |key: &&key::Key| {
            !key.setting.is_same(&mut old, &mut new) || marks.differ(&newer, key.path)
        };
        keys::all().filter(differs).map(|key| key.path).collect()
    }

    /// What is wrong with a key's value, that only its use has shown.
    pub(crate) fn blame(&self, path: &'static str, what: &str) -> Mistake {
        let origin = self.origins.get(path).unwrap_or(&Origin::Default);
        keys::find(path).map_or_else(|| Mistake::new(what), |key| Mistake::of(key, origin, what))
    }
}

/// The environment variables that configure this program, secrets among them: they are not for what it starts.
pub(crate) fn variables() -> impl Iterator<Item = String> {
    let keys = keys::all().map(key::Key::variable);
    keys.chain([environment::CONFIG.to_owned()])
}

/// What the environment says of the log, for commands that have no other configuration.
pub(crate) fn log_of_environment(verbose: u8) -> Result<Log, Mistake> {
    let mut settings = Settings::default();
    let variables = std::env::vars_os().collect();
    environment::apply_section("log", &variables, &mut settings, &mut Origins::new())?;
    if let Some(filter) = filter_of(verbose) {
        filter.clone_into(&mut settings.log.filter);
    }
    Ok(settings.log)
}

/// What `-v` stands for.
const fn filter_of(verbose: u8) -> Option<&'static str> {
    match verbose {
        0 => None,
        1 => Some("debug"),
        _ => Some("trace"),
    }
}

/// The file that was named, or a usual one.
fn find_file(
    flags: &Flags,
    variables: &BTreeMap<OsString, OsString>,
) -> Result<Option<ConfigFile>, Mistake> {
    if let Some(path) = &flags.config {
        return ConfigFile::named(path, &Origin::Flag("config")).map(Some);
    }
    let Some(path) = variables.get(OsStr::new(environment::CONFIG)) else {
        return ConfigFile::usual();
    };
    let origin = Origin::Variable(environment::CONFIG.to_owned());
    if path.is_empty() {
        return Err(Mistake::new(format!(
            "{origin}: the variable is empty; give it a value, or unset it"
        )));
    }
    ConfigFile::named(&PathBuf::from(path), &origin).map(Some)
}
