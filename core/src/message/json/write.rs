//! Writing JSON: separators, escapes and numbers, in each of the spellings that cross the wire or are signed.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::tape::{self, Kind};
use super::value::Value;
use super::{Json, float};
use crate::message::{Integer, OrderedMap};

/// Where JSON goes: a string, or a hash that never sees the whole of it.
pub(crate) trait Sink {
    /// Takes the next piece.
    fn push(&mut self, text: &str);
}

impl Sink for String {
    fn push(&mut self, text: &str) {
        self.push_str(text);
    }
}

impl<S: Sink> Sink for &mut S {
    fn push(&mut self, text: &str) {
        (**self).push(text);
    }
}

/// A sink that takes what is formatted.
struct Formatted<'a, S>(&'a mut S);

impl<S: Sink> core::fmt::Write for Formatted<'_, S> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.0.push(text);
        Ok(())
    }
}

/// How JSON is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// The reference's own serializer: no spaces, UTF-8, `1e16`, null for what is no finite number.
    Compact,
    /// What [`Json`] holds: as compact, with the names of what is no finite number.
    Stored,
    /// Python's `json.dumps`: spaces behind separators, ASCII only, `1e+16`, `NaN`.
    Python,
    /// Python's `json.dumps(sort_keys=True)`. Only [`Json`] is sorted: other objects are written as they are told.
    PythonSorted,
    /// Compact JSON inside of a string that Python's `json.dumps` writes: what a job request's signature covers.
    CompactInPython,
}

/// Writes values one after the other and puts the separators between them.
pub(crate) struct Writer<S> {
    sink: S,
    style: Style,
    /// Nothing has been written yet into the innermost list or object.
    first: bool,
}

impl<S: Sink> Writer<S> {
    pub(crate) const fn new(sink: S, style: Style) -> Self {
        Self {
            sink,
            style,
            first: true,
        }
    }

    const fn is_python(&self) -> bool {
        matches!(self.style, Style::Python | Style::PythonSorted)
    }

    /// What was written to.
    pub(crate) fn into_sink(self) -> S {
        self.sink
    }

    /// An object, whose fields `fields` writes.
    pub(crate) fn object(&mut self, fields: impl FnOnce(&mut Self)) {
        self.container("{", "}", fields);
    }

    /// A list, whose elements `elements` writes.
    pub(crate) fn array(&mut self, elements: impl FnOnce(&mut Self)) {
        self.container("[", "]", elements);
    }

    fn container(&mut self, open: &str, close: &str, inside: impl FnOnce(&mut Self)) {
        self.sink.push(open);
        self.first = true;
        inside(self);
        self.sink.push(close);
        self.first = false;
    }

    fn separate(&mut self) {
        if !core::mem::take(&mut self.first) {
            self.sink.push(if self.is_python() { ", " } else { "," });
        }
    }

    /// A field of an object, by a name of the protocol: none of those holds anything to escape.
    pub(crate) fn field<T: Encode + ?Sized>(&mut self, name: &'static str, value: &T) {
        let is_first = core::mem::take(&mut self.first);
        let (before, behind) = match (self.style, is_first) {
            (Style::Compact | Style::Stored, true) => ("\"", "\":"),
            (Style::Compact | Style::Stored, false) => (",\"", "\":"),
            (Style::Python | Style::PythonSorted, true) => ("\"", "\": "),
            (Style::Python | Style::PythonSorted, false) => (", \"", "\": "),
            (Style::CompactInPython, true) => ("\\\"", "\\\":"),
            (Style::CompactInPython, false) => (",\\\"", "\\\":"),
        };
        self.sink.push(before);
        self.sink.push(name);
        self.sink.push(behind);
        value.write(self);
    }

    /// The fields of `map`, in its order.
    pub(crate) fn fields<T: Encode>(&mut self, map: &OrderedMap<T>) {
        for (name, value) in map.iter() {
            self.key(name);
            value.write(self);
        }
    }

    fn key(&mut self, name: &str) {
        self.separate();
        self.string(name);
        self.sink.push(if self.is_python() { ": " } else { ":" });
    }

    /// An element of a list.
    pub(crate) fn element<T: Encode + ?Sized>(&mut self, value: &T) {
        self.separate();
        value.write(self);
    }

    /// A string.
    pub(crate) fn string(&mut self, text: &str) {
        let quote = if self.style == Style::CompactInPython {
            "\\\""
        } else {
            "\""
        };
        self.sink.push(quote);
        match self.style {
            Style::Compact | Style::Stored => escape_compact(text, &mut self.sink),
            Style::Python | Style::PythonSorted => escape_python(text, escape_char, &mut self.sink),
            Style::CompactInPython => escape_python(text, escape_char_twice, &mut self.sink),
        }
        self.sink.push(quote);
    }

    /// A text that is JSON in this style already.
    pub(crate) fn verbatim(&mut self, text: &str) {
        self.sink.push(text);
    }

    /// A value of a tape, respelled.
    pub(super) fn value(&mut self, value: Value<'_>) {
        match value.kind() {
            Kind::Null | Kind::True | Kind::False => self.sink.push(value.raw()),
            // `-0` is the integer zero.
            Kind::Integer => self.sink.push(if value.raw() == "-0" {
                "0"
            } else {
                value.raw()
            }),
            Kind::Float => self.float(value.as_float().unwrap_or(f64::NAN)),
            Kind::Plain | Kind::Escaped => self.string(&value.as_text().unwrap_or_default()),
            Kind::Close => {}
            Kind::Array => self.array(|w| {
                for element in value.elements().into_iter().flatten() {
                    w.separate();
                    w.value(element);
                }
            }),
            Kind::Object => self.object(|w| {
                let mut entries = unique_entries(value);
                if w.style == Style::PythonSorted {
                    // UTF-8 sorts as Python does: by code point.
                    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                }
                for (key, value) in entries {
                    w.key(&key);
                    w.value(value);
                }
            }),
        }
    }

    fn float(&mut self, value: f64) {
        if value.is_finite() {
            self.sink.push(&if self.is_python() {
                float::python(value)
            } else {
                float::compact(value)
            });
        } else if matches!(self.style, Style::Compact | Style::CompactInPython) {
            self.sink.push("null");
        } else if value.is_nan() {
            self.sink.push("NaN");
        } else {
            self.sink
                .push(if value > 0.0 { "Infinity" } else { "-Infinity" });
        }
    }
}

/// The entries of an object as a Python `dict` keeps them.
pub(super) fn unique_entries(object: Value<'_>) -> Vec<(Cow<'_, str>, Value<'_>)> {
    let entries = object.entries().into_iter().flatten();
    crate::message::map::unique(
        entries
            .map(|(key, value)| (key.as_text().unwrap_or_default(), value))
            .collect(),
    )
}

fn escape_compact(text: &str, sink: &mut impl Sink) {
    let mut rest = text;
    loop {
        let (plain, special) = rest
            .split_at_checked(tape::plain_prefix(rest.as_bytes()))
            .unwrap_or((rest, ""));
        sink.push(plain);
        // What is special is ASCII, so one character is one byte.
        let Some((special, behind)) = special.split_at_checked(1) else {
            break;
        };
        escape_char(special.chars().next().unwrap_or_default(), sink);
        rest = behind;
    }
}

/// Both styles escape quotes, backslashes and control characters alike.
fn escape_char(c: char, sink: &mut impl Sink) {
    match c {
        '"' => sink.push("\\\""),
        '\\' => sink.push("\\\\"),
        '\u{8}' => sink.push("\\b"),
        '\u{c}' => sink.push("\\f"),
        '\n' => sink.push("\\n"),
        '\r' => sink.push("\\r"),
        '\t' => sink.push("\\t"),
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(Formatted(sink), "\\u{unit:04x}");
            }
        }
    }
}

/// Escaped as compact JSON does, and the result once more as Python does: quotes and backslashes twice, control
/// characters by the first and everything beyond printable ASCII by the second.
fn escape_char_twice(c: char, sink: &mut impl Sink) {
    match c {
        '"' => sink.push("\\\\\\\""),
        '\\' => sink.push("\\\\\\\\"),
        ..' ' => {
            sink.push("\\");
            escape_char(c, sink);
        }
        _ => escape_char(c, sink),
    }
}

/// The inside of a string of Python's: everything but printable ASCII is escaped, and so are quotes and backslashes.
fn escape_python<S: Sink>(text: &str, escape: fn(char, &mut S), sink: &mut S) {
    // Beyond ASCII every byte is special, so what is plain ends between characters.
    let is_special = |byte| !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\');
    let mut rest = text;
    while let Some((plain, special)) = rest
        .bytes()
        .position(is_special)
        .and_then(|place| rest.split_at_checked(place))
    {
        if !plain.is_empty() {
            sink.push(plain);
        }
        let mut chars = special.chars();
        if let Some(c) = chars.next() {
            escape(c, sink);
        }
        rest = chars.as_str();
    }
    if !rest.is_empty() {
        sink.push(rest);
    }
}

/// What can be written as JSON.
pub(crate) trait Encode {
    /// Writes it, where a value may stand.
    fn write<S: Sink>(&self, w: &mut Writer<S>);

    /// Writes it into a new string.
    fn to_json(&self, style: Style) -> String {
        let mut w = Writer::new(String::with_capacity(256), style);
        self.write(&mut w);
        w.into_sink()
    }
}

impl Encode for str {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.string(self);
    }
}

impl Encode for String {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.string(self);
    }
}

impl Encode for bool {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.verbatim(if *self { "true" } else { "false" });
    }
}

impl Encode for Integer {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        let _ = write!(Formatted(&mut w.sink), "{self}");
    }
}

impl<T: Encode> Encode for Option<T> {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        match self {
            Some(value) => value.write(w),
            None => w.verbatim("null"),
        }
    }
}

impl<T: Encode + ?Sized> Encode for alloc::boxed::Box<T> {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        (**self).write(w);
    }
}

impl<T: Encode> Encode for [T] {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.array(|w| self.iter().for_each(|value| w.element(value)));
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        self.as_slice().write(w);
    }
}

impl<T: Encode> Encode for OrderedMap<T> {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| w.fields(self));
    }
}

impl Encode for Json {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        match w.style {
            Style::Stored => w.verbatim(self.stored()),
            Style::Compact if !self.is_non_finite() => w.verbatim(self.stored()),
            _ => self.with_value(|value| w.value(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn respell(text: &str, style: Style) -> Option<String> {
        Json::parse(text).ok().map(|json| json.to_json(style))
    }

    #[test]
    fn each_style_spells_as_its_model() {
        let text = "{\"b\" : [1, -0, -0.0, 1e16 ,12345678901234567890123, 1.0e0],\
                    \"a\":{\"\\u017c\":\"\\/\\u0007\\u007f\u{1F680}\", \"\":{}, \"B\":[]}}";
        let compact = "{\"b\":[1,0,-0.0,1e16,12345678901234567890123,1.0],\
                       \"a\":{\"ż\":\"/\\u0007\u{7f}\u{1F680}\",\"\":{},\"B\":[]}}";
        let python = "{\"b\": [1, 0, -0.0, 1e+16, 12345678901234567890123, 1.0], \
                      \"a\": {\"\\u017c\": \"/\\u0007\\u007f\\ud83d\\ude80\", \"\": {}, \"B\": []}}";
        let sorted = "{\"a\": {\"\": {}, \"B\": [], \"\\u017c\": \"/\\u0007\\u007f\\ud83d\\ude80\"}, \
                      \"b\": [1, 0, -0.0, 1e+16, 12345678901234567890123, 1.0]}";
        assert_eq!(respell(text, Style::Compact).as_deref(), Some(compact));
        assert_eq!(respell(text, Style::Python).as_deref(), Some(python));
        assert_eq!(respell(text, Style::PythonSorted).as_deref(), Some(sorted));
    }

    #[test]
    fn compact_inside_of_a_python_string_is_escaped_twice() {
        let text = "{\"ż\":[1e16,null,\"\\\"\\\\/\\n\\u0001\u{7f}\u{1F680}\"]}";
        let nested = r#"{\"\u017c\":[1e16,null,\"\\\"\\\\/\\n\\u0001\u007f\ud83d\ude80\"]}"#;
        assert_eq!(
            respell(text, Style::CompactInPython).as_deref(),
            Some(nested)
        );
        // The same in two steps: one string that holds the compact text.
        let compact = respell(text, Style::Compact).unwrap();
        assert_eq!(compact.to_json(Style::Python), format!("\"{nested}\""));
    }

    #[test]
    fn keys_sort_by_code_point() {
        // UTF-16 order, which Java and JavaScript use, would put the rocket before the private-use character.
        let sorted = respell(
            "{\"\u{1F680}\":1,\"\u{E000}\":2,\"z\":3}",
            Style::PythonSorted,
        );
        assert_eq!(
            sorted.as_deref(),
            Some("{\"z\": 3, \"\\ue000\": 2, \"\\ud83d\\ude80\": 1}")
        );
    }

    #[test]
    fn a_repeated_key_keeps_its_place_and_its_last_value() {
        assert_eq!(
            respell(r#"{"a":1,"b":2,"\u0061":3}"#, Style::Compact).as_deref(),
            Some(r#"{"a":3,"b":2}"#)
        );
    }

    #[test]
    fn what_is_no_finite_number() {
        let text = "[NaN,Infinity,-Infinity,1e999]";
        assert_eq!(
            respell(text, Style::Compact).as_deref(),
            Some("[null,null,null,null]")
        );
        assert_eq!(
            respell(text, Style::Python).as_deref(),
            Some("[NaN, Infinity, -Infinity, Infinity]")
        );
    }
}
