//! JSON that this crate carries and does not look into, and the tools by which messages are read and written.

mod float;
mod tape;
mod value;
mod write;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

pub use tape::{MAX_BYTES, MAX_DEPTH, MAX_VALUES};
pub(crate) use tape::{Refusal, Tape};
pub(crate) use value::{Step, Value};
pub(crate) use write::{Encode, Sink, Style, Writer};

use super::{DecodeError, Integer, JsonMap, JsonType};

/// An opaque JSON value: what it holds is between the peers.
///
/// It keeps what the reference keeps: the order of keys (of a repeated key the last value, at the first one's
/// place), integers of any size, floats to the last bit. It forgets what no peer sees: spaces, the spelling of
/// escapes and floats. So it needs no tree: the value is its text. It is equal to another one when the reference
/// would write both alike.
///
/// `Debug` shows the size only, because what is opaque may be secret; `Display` and [`as_str`](Self::as_str) show
/// it all. It serializes as the value itself, into `serde_json` only (it is one of its `RawValue`s).
///
/// ```
/// use facilitator_core::message::Json;
///
/// let json = Json::parse(r#"{"z": [1, 2.50], "a": 12345678901234567890123}"#)?;
/// assert_eq!(json.as_str(), r#"{"z":[1,2.5],"a":12345678901234567890123}"#);
/// # Ok::<(), facilitator_core::message::DecodeError>(())
/// ```
#[derive(Clone)]
pub struct Json {
    /// The reference's compact spelling, save that what is no finite number keeps its name: Python signs `NaN`.
    stored: Box<str>,
}

impl Json {
    /// `null`.
    pub fn null() -> Self {
        Self {
            stored: "null".into(),
        }
    }

    /// Reads one JSON value, in the reference's dialect: `NaN`, `Infinity` and `-Infinity` are numbers.
    ///
    /// # Errors
    /// [`DecodeError`]: with `json_invalid` when `text` is no JSON or is nested more than [`MAX_DEPTH`] deep, with
    /// `too_large` when it has more than [`MAX_BYTES`] bytes or [`MAX_VALUES`] values and keys.
    pub fn parse(text: &str) -> Result<Self, DecodeError> {
        Tape::read(text, Self::from_value)
            .map_err(|refusal| DecodeError::from_refusal(refusal, text.as_bytes()))
    }

    /// A list of values.
    ///
    /// # Errors
    /// [`DecodeError`], as [`Json::parse`], when the whole list is beyond one of these limits.
    pub fn array(elements: impl IntoIterator<Item = Self>) -> Result<Self, DecodeError> {
        let elements: Vec<Self> = elements.into_iter().collect();
        Self::parse(&elements.to_json(Style::Stored))
    }

    pub(crate) fn from_value(value: Value<'_>) -> Self {
        let mut w = Writer::new(String::with_capacity(value.span().len()), Style::Stored);
        w.value(value);
        Self {
            stored: w.into_sink().into_boxed_str(),
        }
    }

    fn from_encoded(value: &(impl Encode + ?Sized)) -> Self {
        Self {
            stored: value.to_json(Style::Stored).into_boxed_str(),
        }
    }

    /// The value in the reference's compact spelling.
    ///
    /// One exception: what is no finite number keeps its name (`NaN`), which messages are never sent with.
    pub fn as_str(&self) -> &str {
        &self.stored
    }

    fn stored(&self) -> &str {
        &self.stored
    }

    /// What the reference writes.
    fn compact(&self) -> Cow<'_, str> {
        if self.is_non_finite() {
            Cow::Owned(self.to_json(Style::Compact))
        } else {
            Cow::Borrowed(&self.stored)
        }
    }

    /// The type of the value.
    pub fn json_type(&self) -> JsonType {
        // The text is compact, so its first byte tells, but for the two kinds of numbers.
        match self.stored.as_bytes() {
            [b'n', ..] => JsonType::Null,
            [b't' | b'f', ..] => JsonType::Bool,
            [b'"', ..] => JsonType::String,
            [b'[', ..] => JsonType::Array,
            [b'{', ..] => JsonType::Object,
            number
                if number
                    .iter()
                    .any(|byte| !matches!(byte, b'-' | b'0'..=b'9')) =>
            {
                JsonType::Float
            }
            _ => JsonType::Integer,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        &*self.stored == "null"
    }

    /// What it says, if it is a string.
    pub fn to_text(&self) -> Option<String> {
        self.with_value(|value| value.as_text().map(Cow::into_owned))
    }

    /// Its elements, if it is a list.
    pub fn to_elements(&self) -> Option<Vec<Self>> {
        self.with_value(|value| {
            value
                .elements()
                .map(|elements| elements.map(Self::from_value).collect())
        })
    }

    /// Its entries, if it is an object.
    pub fn to_map(&self) -> Option<JsonMap> {
        self.with_value(|value| {
            let entries = value.entries()?;
            Some(
                entries
                    .map(|(key, value)| {
                        (key.as_text().unwrap_or_default(), Self::from_value(value))
                    })
                    .collect(),
            )
        })
    }

    /// Whether some number in it is not finite: only its name, outside strings, starts in upper case.
    fn is_non_finite(&self) -> bool {
        let (mut in_string, mut escaped) = (false, false);
        self.stored.contains(['N', 'I'])
            && self.stored.bytes().any(|byte| {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'"' => in_string = !in_string,
                    b'N' | b'I' => return !in_string,
                    _ => {}
                }
                false
            })
    }

    /// Looks at the value through a tape, which a text that is stored always has.
    fn with_value<T: Default>(&self, look: impl FnOnce(Value<'_>) -> T) -> T {
        Tape::read(&self.stored, look).unwrap_or_default()
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.stored == other.stored || self.compact() == other.compact()
    }
}

impl Eq for Json {}

impl Hash for Json {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.compact().hash(state);
    }
}

impl Default for Json {
    fn default() -> Self {
        Self::null()
    }
}

impl From<&str> for Json {
    /// A JSON string that says `text`.
    fn from(text: &str) -> Self {
        Self::from_encoded(text)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::from_encoded(&value)
    }
}

impl From<Integer> for Json {
    fn from(value: Integer) -> Self {
        Self::from_encoded(&value)
    }
}

impl TryFrom<&JsonMap> for Json {
    type Error = DecodeError;

    /// An object.
    ///
    /// # Errors
    /// As [`Json::array`].
    fn try_from(map: &JsonMap) -> Result<Self, DecodeError> {
        Self::parse(&map.to_json(Style::Stored))
    }
}

impl TryFrom<&serde_json::Value> for Json {
    type Error = DecodeError;

    /// The same value, with the keys in the order that `serde_json` keeps them in.
    ///
    /// # Errors
    /// As [`Json::parse`]: in practice, only when it is nested too deeply.
    fn try_from(value: &serde_json::Value) -> Result<Self, DecodeError> {
        Self::parse(&alloc::string::ToString::to_string(value))
    }
}

impl From<&Json> for serde_json::Value {
    /// The same value as far as `serde_json` can hold it: integers beyond 64 bits become floats, what is no finite
    /// number becomes null.
    fn from(json: &Json) -> Self {
        json.with_value(tree)
    }
}

/// Recursion is bounded by [`MAX_DEPTH`].
fn tree(value: Value<'_>) -> serde_json::Value {
    if let Some(text) = value.as_text() {
        return text.into_owned().into();
    }
    if let Some(elements) = value.elements() {
        return elements.map(tree).collect();
    }
    if let Some(entries) = value.entries() {
        return entries
            .map(|(key, value)| (key.as_text().unwrap_or_default().into_owned(), tree(value)))
            .collect();
    }
    if let Some(digits) = value.as_integer_text() {
        let small = digits.parse::<i64>().map(serde_json::Value::from);
        let big = || digits.parse::<u64>().map(serde_json::Value::from);
        return small
            .or_else(|_| big())
            .unwrap_or_else(|_| digits.parse::<f64>().unwrap_or(f64::NAN).into());
    }
    match (value.as_bool(), value.as_float()) {
        (Some(value), _) => value.into(),
        (None, Some(value)) => value.into(),
        (None, None) => serde_json::Value::Null,
    }
}

impl core::str::FromStr for Json {
    type Err = DecodeError;

    fn from_str(text: &str) -> Result<Self, DecodeError> {
        Self::parse(text)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json(<{} bytes>)", self.stored.len())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stored)
    }
}

impl serde::Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_raw(self.compact().into_owned(), serializer)
    }
}

/// Serializes a JSON text as the value that it is.
pub(crate) fn serialize_raw<S: serde::Serializer>(
    text: String,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let raw = serde_json::value::RawValue::from_string(text).map_err(serde::ser::Error::custom)?;
    serde::Serialize::serialize(&raw, serializer)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn equal_means_written_alike() {
        let parse = |text| Json::parse(text).ok();
        assert_eq!(parse("{ \"a\" : 1e2 }"), parse("{\"\\u0061\":100.0}"));
        assert_ne!(parse("{\"a\":1,\"b\":2}"), parse("{\"b\":2,\"a\":1}"));
        assert_ne!(parse("1"), parse("1.0"));
        // Both are written as null, though Python would sign them differently.
        assert_eq!(parse("[NaN]"), parse("[null]"));
    }

    #[test]
    fn names_of_numbers_are_told_from_text() {
        let is = |text| Json::parse(text).is_ok_and(|json| json.is_non_finite());
        assert!(is("NaN") && is("[\"\\\\\",-Infinity]"));
        assert!(!is("\"NaN\"") && !is("{\"\\\"I\":\"\\\\N\"}") && !is("null"));
    }

    #[test]
    fn looking_inside() {
        let json = Json::parse(r#"{"a":["x",{"b":null}],"a":[1]}"#).unwrap();
        for (text, expected) in [
            ("null", JsonType::Null),
            (" false", JsonType::Bool),
            ("-1", JsonType::Integer),
            ("1e2", JsonType::Float),
            ("-Infinity", JsonType::Float),
            ("NaN", JsonType::Float),
            ("\"\"", JsonType::String),
            ("[]", JsonType::Array),
            ("{}", JsonType::Object),
        ] {
            assert_eq!(Json::parse(text).unwrap().json_type(), expected, "{text}");
        }
        let elements = json
            .to_map()
            .and_then(|map| map.get("a").and_then(Json::to_elements));
        assert_eq!(elements, Some([Json::from(Integer::from(1))].into()));
        assert_eq!(
            Json::from("\u{17c}\n").to_text().as_deref(),
            Some("\u{17c}\n")
        );
        assert_eq!(json.to_text(), None);
    }

    #[test]
    fn depth_is_bounded_however_a_value_is_built() {
        let mut json = Json::null();
        for _ in 0..MAX_DEPTH {
            json = Json::array([json]).unwrap();
        }
        assert!(Json::array([json.clone()]).is_err());
        assert!(Json::try_from(&JsonMap::from([("a", json)])).is_err());
    }

    #[test]
    fn serde_json_values_and_back() {
        let value = serde_json::json!({"a": [1, -2.5, u64::MAX, "\u{1F680}", null, true], "b": {}});
        let json = Json::try_from(&value).unwrap();
        assert_eq!(serde_json::Value::from(&json), value);
        assert_eq!(serde_json::to_string(&json).unwrap(), json.to_string());
        let odd = Json::parse("[NaN,123456789012345678901234567890]").unwrap();
        assert_eq!(
            serde_json::to_string(&odd).unwrap(),
            "[null,123456789012345678901234567890]"
        );
    }

    #[test]
    fn debug_hides_the_content() {
        let json = Json::from("secret");
        assert_eq!(alloc::format!("{json:?}"), "Json(<8 bytes>)");
    }
}
