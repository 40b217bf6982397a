//! The configuration file: found, read, and taken apart. What a value means is for its key.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::given::{Given, kind_of, quoted};
use super::key::Key;
use super::keys;
use super::mistake::Mistake;
use super::nearest::nearest;
use super::origin::{Origin, Place};
use super::settings::Settings;

/// A configuration has a few kilobytes; what is longer is something else.
const MOST_BYTES: usize = 1 << 20;

/// The configuration file's text.
pub(crate) struct ConfigFile {
    path: Arc<Path>,
    text: String,
}

/// Where a file is looked for when none is named: the first that exists.
pub(crate) fn usual_places() -> Vec<PathBuf> {
    let user = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        // As the XDG base directory specification has it.
        .filter(|folder| folder.is_absolute())
        .or_else(|| std::env::home_dir().map(|home| home.join(".config")));
    let folders = [user, Some(PathBuf::from("/etc"))];
    let file = |folder: PathBuf| folder.join("facilitator-client/config.toml");
    folders.into_iter().flatten().map(file).collect()
}

impl ConfigFile {
    /// Reads a file that somebody has named with `by`: it has to be there.
    pub(crate) fn named(path: &Path, by: &Origin) -> Result<Self, Mistake> {
        Self::read(path).map_err(|error| {
            let path = path.display();
            Mistake::new(format!(
                "{by}: the file {path} cannot be read: {error}; name one that can"
            ))
        })
    }

    /// Reads the first of the usual files that is there.
    pub(crate) fn usual() -> Result<Option<Self>, Mistake> {
        for path in usual_places() {
            match Self::read(&path) {
                Ok(file) => return Ok(Some(file)),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                    ) => {}
                Err(error) => {
                    let path = path.display();
                    return Err(Mistake::new(format!(
                        "the configuration file {path} cannot be read: {error}; make it readable, or name another one with --config"
                    )));
                }
            }
        }
        Ok(None)
    }

    fn read(path: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
        File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() > MOST_BYTES {
            let text = format!("it is longer than {MOST_BYTES} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let line = error
                .as_bytes()
                .iter()
                .take(valid)
                .filter(|byte| **byte == b'\n')
                .count()
                + 1;
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("line {line} is no UTF-8"),
            )
        })?;
        Ok(Self {
            path: std::path::absolute(path)?.into(),
            text,
        })
    }

    /// Takes every key of the file, in its order. The first mistake ends it.
    pub(crate) fn apply(
        &self,
        settings: &mut Settings,
        origins: &mut BTreeMap<&'static str, Origin>,
    ) -> Result<(), Mistake> {
        let root = DeTable::parse(&self.text).map_err(|error| self.bad_toml(&error))?;
        for (name, value) in in_order(root.get_ref()) {
            let section = keys::SECTIONS
                .iter()
                .find(|section| !section.name.is_empty() && section.name == name.get_ref());
            match (section, value.get_ref()) {
                (Some(section), DeValue::Table(table)) => {
                    for (name, value) in in_order(table) {
                        let path = format!("{}.{}", section.name, name.get_ref());
                        self.set(&path, name, value, settings, origins)?;
                    }
                }
                (Some(section), other) => {
                    let (name, found) = (section.name, kind_of(other));
                    let first = section.keys.first().map_or("", Key::name);
                    let what = format!(
                        "`{name}`: found {found}; accepted is a section, [{name}] with keys below it, as `{first}`"
                    );
                    return Err(self.at(value.span().start, &what));
                }
                (None, _) => self.set(name.get_ref(), name, value, settings, origins)?,
            }
        }
        Ok(())
    }

    fn set(
        &self,
        path: &str,
        name: &Spanned<impl AsRef<str>>,
        value: &Spanned<DeValue<'_>>,
        settings: &mut Settings,
        origins: &mut BTreeMap<&'static str, Origin>,
    ) -> Result<(), Mistake> {
        let Some(key) = keys::find(path) else {
            return Err(self.at(name.span().start, &unknown(path, name.get_ref().as_ref())));
        };
        let folder = self.path.parent().unwrap_or(&self.path);
        let given = Given::Toml {
            value,
            text: &self.text,
            folder,
        };
        key.setting.set(settings, &given).map_err(|wrong| {
            let origin = Origin::File(self.place(wrong.at.unwrap_or(value.span().start)));
            Mistake::value(key, &origin, &wrong)
        })?;
        origins.insert(key.path, Origin::File(self.place(name.span().start)));
        Ok(())
    }

    fn bad_toml(&self, error: &toml::de::Error) -> Mistake {
        let span = error.span().unwrap_or_default();
        let what = if error.message() == "duplicate key" {
            let key = self.text.get(span.clone()).unwrap_or_default();
            format!("{} stands there twice; leave one", quoted(key))
        } else {
            // Without the text around it, which can hold a secret.
            format!("no TOML: {}", error.message())
        };
        self.at(span.start, &what)
    }

    fn at(&self, offset: usize, what: &str) -> Mistake {
        Mistake::new(format!("{}: {what}", self.place(offset)))
    }

    fn place(&self, offset: usize) -> Place {
        Place::of(&self.path, &self.text, offset)
    }
}

/// A table's entries in the order of the file.
fn in_order<'t, 'i>(
    table: &'t DeTable<'i>,
) -> Vec<(
    &'t Spanned<toml::de::DeString<'i>>,
    &'t Spanned<DeValue<'i>>,
)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

/// What to say of a key that is none.
fn unknown(path: &str, name: &str) -> String {
    let meant = meant_by(path, name).map_or_else(
        || "--print-config shows all that there are".to_owned(),
        |meant| format!("did you mean {meant}?"),
    );
    format!("unknown key {}; {meant}", quoted(path))
}

fn meant_by(path: &str, name: &str) -> Option<String> {
    // The right name in the wrong place comes first, then a name of the same section that is near, then any.
    if let Some(key) = keys::all().find(|key| key.name() == name) {
        return Some(with_place(key));
    }
    let section = path.strip_suffix(name).unwrap_or_default();
    let beside = keys::all().filter(|key| key.path.strip_suffix(key.name()) == Some(section));
    if let Some(near) = nearest(name, beside.map(Key::name)) {
        return keys::find(&format!("{section}{near}")).map(with_place);
    }
    let sections = keys::SECTIONS.iter().map(|section| section.name);
    let sections = sections.filter(|name| section.is_empty() && !name.is_empty());
    if let Some(near) = nearest(name, sections) {
        return Some(format!("the section [{near}]"));
    }
    let near = nearest(name, keys::all().map(Key::name))?;
    keys::all().find(|key| key.name() == near).map(with_place)
}

/// A key, and where it has to stand.
fn with_place(key: &Key) -> String {
    match key.path.split_once('.') {
        Some((section, name)) => format!("`{name}` in the section [{section}]"),
        None => format!("`{}`, above the first [section]", key.path),
    }
}
