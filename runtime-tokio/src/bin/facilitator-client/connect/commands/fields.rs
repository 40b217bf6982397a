//! The keys of a line, and their values as they were written, each to be read as what it should be.

use std::fmt;
use std::time::Duration;

use facilitator_tokio::core::message::{Json, JsonMap};
use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{ACCEPTED, Wrong};

/// A job that may run longer than a year was hardly meant.
const LONGEST: Duration = Duration::from_hours(24 * 366);
/// Names are repeated in errors up to this many characters.
const SHOWN: usize = 64;

/// The keys of all commands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Command,
    Id,
    Uuid,
    Status,
    Metadata,
    Reason,
    Message,
    MinerHotkey,
    BatchId,
    Specs,
    TimeLeft,
    Protocol,
    Worker,
    Jobs,
}

impl Key {
    pub(super) const ALL: [Self; 14] = [
        Self::Command,
        Self::Id,
        Self::Uuid,
        Self::Status,
        Self::Metadata,
        Self::Reason,
        Self::Message,
        Self::MinerHotkey,
        Self::BatchId,
        Self::Specs,
        Self::TimeLeft,
        Self::Protocol,
        Self::Worker,
        Self::Jobs,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Id => "id",
            Self::Uuid => "uuid",
            Self::Status => "status",
            Self::Metadata => "metadata",
            Self::Reason => "reason",
            Self::Message => "message",
            Self::MinerHotkey => "miner_hotkey",
            Self::BatchId => "batch_id",
            Self::Specs => "specs",
            Self::TimeLeft => "time_left_s",
            Self::Protocol => "protocol",
            Self::Worker => "worker",
            Self::Jobs => "jobs",
        }
    }
}

/// The values of a line, as they were written.
#[derive(Default)]
pub(super) struct Fields<'a> {
    values: [Option<&'a RawValue>; Key::ALL.len()],
    /// The first key that no command has.
    pub(super) stranger: Option<String>,
    /// The first key that stood there twice.
    pub(super) repeated: Option<Key>,
    /// The job that is meant where none is named.
    pub(super) job: Option<String>,
}

impl<'a> Fields<'a> {
    /// Those of a line that can leave out which job it speaks of.
    pub(super) fn of_job(job: &str) -> Self {
        Self {
            job: Some(job.to_owned()),
            ..Self::default()
        }
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: Key) -> Option<&'a RawValue> {
        let position = Key::ALL.iter().position(|known| *known == key)?;
        self.values.get(position).copied().flatten()
    }

    /// The id for the answers, each of which has to stay one line that everybody can read.
    pub(super) fn id(&self) -> Result<Option<Box<RawValue>>, String> {
        let is_plain = self.repeated != Some(Key::Id);
        let Some(id) = self.get(Key::Id).filter(|_| is_plain) else {
            return Ok(None);
        };
        if let Err(error) = serde_json::from_str::<serde_json::Value>(id.get()) {
            let what = without_place(&error);
            return Err(format!(
                "`id` could not be read back: {what}; accepted is any other JSON"
            ));
        }
        // Inside of a string a carriage return is escaped: this one is white space.
        let text = id.get().replace('\r', " ");
        RawValue::from_string(text)
            .map(Some)
            .map_err(|error| error.to_string())
    }

    /// Takes the line apart. What was found before a fault stays.
    pub(super) fn read(&mut self, line: &'a str) -> Result<(), Wrong> {
        if !line.trim_ascii_start().starts_with('{') {
            let what = format!("the line is no JSON object; accepted is {ACCEPTED}");
            return Err(what.into());
        }
        let mut deserializer = serde_json::Deserializer::from_str(line);
        self.deserialize(&mut deserializer)
            .and_then(|()| deserializer.end())
            .map_err(|error| {
                let (what, column) = (without_place(&error), error.column());
                format!("the line is no JSON: {what} (column {column}); accepted is {ACCEPTED}")
                    .into()
            })
    }

    /// A string.
    pub(super) fn text(&self, key: Key) -> Result<String, Wrong> {
        let name = key.as_str();
        let wrong = |what| Wrong::in_field(name, what);
        let raw = self
            .get(key)
            .ok_or_else(|| wrong(format!("`{name}` is missing; a string is needed")))?;
        if !raw.get().starts_with('"') {
            let found = kind_of(raw);
            return Err(wrong(format!("`{name}` must be a string, found {found}")));
        }
        serde_json::from_str(raw.get()).map_err(|_| {
            wrong(format!(
                "`{name}` holds half a surrogate pair; accepted is Unicode text"
            ))
        })
    }

    /// A time in seconds, with a fraction or without.
    pub(super) fn seconds(&self, key: Key) -> Result<Duration, Wrong> {
        let name = key.as_str();
        let wrong = |what| Wrong::in_field(name, what);
        let raw = self.get(key).ok_or_else(|| {
            wrong(format!(
                "`{name}` is missing; a number of seconds is needed"
            ))
        })?;
        serde_json::from_str(raw.get())
            .ok()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|time| !time.is_zero() && *time <= LONGEST)
            .ok_or_else(|| {
                let (found, longest) = (shorten(raw.get()), LONGEST.as_secs());
                wrong(format!(
                    "`{name}` must be a number of seconds above 0, up to {longest}, found {found}"
                ))
            })
    }

    /// A whole number from 0.
    pub(super) fn number(&self, key: Key) -> Result<u64, Wrong> {
        let name = key.as_str();
        let wrong = |what| Wrong::in_field(name, what);
        let raw = self
            .get(key)
            .ok_or_else(|| wrong(format!("`{name}` is missing; a whole number is needed")))?;
        serde_json::from_str(raw.get()).map_err(|_| {
            let found = shorten(raw.get());
            wrong(format!(
                "`{name}` must be a whole number from 0, found {found}"
            ))
        })
    }

    /// An object, as it was written.
    pub(super) fn object(&self, key: Key) -> Result<JsonMap, Wrong> {
        let name = key.as_str();
        let wrong = |what| Wrong::in_field(name, what);
        let raw = self
            .get(key)
            .ok_or_else(|| wrong(format!("`{name}` is missing; an object is needed")))?;
        Json::parse(raw.get())
            .map_err(|error| wrong(format!("`{name}`: {error}")))?
            .to_map()
            .ok_or_else(|| {
                let found = kind_of(raw);
                wrong(format!("`{name}` must be an object, found {found}"))
            })
    }
}

impl<'de> DeserializeSeed<'de> for &mut Fields<'de> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Fields<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value::<&RawValue>()?;
            let slot = Key::ALL
                .into_iter()
                .zip(&mut self.values)
                .find(|(key, _)| key.as_str() == name);
            match slot {
                Some((_, slot @ None)) => *slot = Some(value),
                Some((key, Some(_))) => self.repeated = self.repeated.or(Some(key)),
                None => {
                    self.stranger.get_or_insert_with(|| shorten(&name));
                }
            }
        }
        Ok(())
    }
}

/// The type of a JSON value, by how it begins.
fn kind_of(raw: &RawValue) -> &'static str {
    match raw.get().bytes().next() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a truth value",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The error without its line and column: what is read is always one line.
fn without_place(error: &serde_json::Error) -> String {
    let (text, place) = (
        error.to_string(),
        format!(" at line 1 column {}", error.column()),
    );
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => text.split_at(end).0.to_owned() + "..",
        None => text.to_owned(),
    }
}
