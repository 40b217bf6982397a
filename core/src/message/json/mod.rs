//! JSON that this crate carries and does not look into.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use super::{DecodeError, not_yet};

/// An opaque JSON value: what it holds is between the peers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(Box<str>);

impl Json {
    /// `null`.
    pub fn null() -> Self {
        Self("null".into())
    }

    /// Reads one JSON value.
    ///
    /// # Errors
    /// When `text` is no JSON, or is nested too deeply.
    pub fn parse(text: &str) -> Result<Self, DecodeError> {
        let _ = text;
        Err(not_yet())
    }

    /// The value in the reference's compact spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        &*self.0 == "null"
    }
}

impl From<&str> for Json {
    /// A JSON string that holds `text`.
    fn from(_text: &str) -> Self {
        Self::null()
    }
}

impl From<serde_json::Value> for Json {
    fn from(_value: serde_json::Value) -> Self {
        Self::null()
    }
}

impl TryFrom<&Json> for serde_json::Value {
    type Error = DecodeError;

    fn try_from(_json: &Json) -> Result<Self, Self::Error> {
        Err(not_yet())
    }
}

impl Default for Json {
    fn default() -> Self {
        Self::null()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json(<{} bytes>)", self.0.len())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::str::FromStr for Json {
    type Err = DecodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl serde::Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: Box<serde_json::value::RawValue> =
            serde_json::value::RawValue::from_string(String::from(&*self.0))
                .map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}
