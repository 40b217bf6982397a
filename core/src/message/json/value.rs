//! Looking at the values of a tape. No conversions that can fail: those belong to the reader.

use alloc::borrow::Cow;
use alloc::string::String;

use super::tape::{Kind, Node, Tape};
use crate::message::JsonType;

/// A value (or a key) of a tape.
#[derive(Clone, Copy)]
pub(crate) struct Value<'t> {
    tape: &'t Tape<'t>,
    at: u32,
}

impl<'t> Value<'t> {
    pub(super) const fn new(tape: &'t Tape<'t>, at: u32) -> Self {
        Self { tape, at }
    }

    fn node(self) -> Node {
        // Every place comes out of the tape itself; a null stands for the impossible rest.
        const NOTHING: Node = Node {
            kind: Kind::Null,
            start: 0,
            end: 0,
            next: u32::MAX,
        };
        self.tape
            .nodes
            .get(self.at as usize)
            .copied()
            .unwrap_or(NOTHING)
    }

    pub(super) fn kind(self) -> Kind {
        self.node().kind
    }

    /// The type, in words that an error may use.
    pub(crate) fn json_type(self) -> JsonType {
        match self.kind() {
            Kind::Null => JsonType::Null,
            Kind::True | Kind::False => JsonType::Bool,
            Kind::Integer => JsonType::Integer,
            Kind::Float => JsonType::Float,
            Kind::Plain | Kind::Escaped => JsonType::String,
            Kind::Array => JsonType::Array,
            Kind::Object => JsonType::Object,
        }
    }

    pub(crate) fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The text between its first and its last byte; a string's quotes and escapes are left as they are.
    pub(super) fn raw(self) -> &'t str {
        let node = self.node();
        self.tape
            .text
            .get(node.start as usize..node.end as usize)
            .unwrap_or_default()
    }

    /// Where it stands in the text, a string's quotes included.
    pub(crate) fn span(self) -> core::ops::Range<usize> {
        let node = self.node();
        match node.kind {
            Kind::Plain | Kind::Escaped => {
                (node.start as usize).saturating_sub(1)..node.end as usize + 1
            }
            _ => node.start as usize..node.end as usize,
        }
    }

    /// Whether it is the string `text`.
    pub(crate) fn is(self, text: &str) -> bool {
        self.as_bytes()
            .is_some_and(|bytes| *bytes == *text.as_bytes())
    }

    /// What a string says, in UTF-8: for comparisons, which need no look at where characters begin.
    pub(crate) fn as_bytes(self) -> Option<Cow<'t, [u8]>> {
        let node = self.node();
        match node.kind {
            Kind::Plain => {
                let bytes = self.tape.text.as_bytes();
                Some(Cow::Borrowed(
                    bytes
                        .get(node.start as usize..node.end as usize)
                        .unwrap_or_default(),
                ))
            }
            Kind::Escaped => Some(Cow::Owned(unescape(self.raw()).into_bytes())),
            _ => None,
        }
    }

    /// What a string says.
    pub(crate) fn as_text(self) -> Option<Cow<'t, str>> {
        match self.kind() {
            Kind::Plain => Some(Cow::Borrowed(self.raw())),
            Kind::Escaped => Some(Cow::Owned(unescape(self.raw()))),
            _ => None,
        }
    }

    pub(crate) fn as_bool(self) -> Option<bool> {
        match self.kind() {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        }
    }

    /// The digits of a number without fraction and exponent.
    pub(crate) fn as_integer_text(self) -> Option<&'t str> {
        (self.kind() == Kind::Integer).then(|| self.raw())
    }

    /// Any other number; the nearest one that an `f64` can hold, infinity when there is none.
    pub(crate) fn as_float(self) -> Option<f64> {
        if self.kind() != Kind::Float {
            return None;
        }
        Some(match self.raw() {
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            number => number.parse().unwrap_or(f64::NAN),
        })
    }

    /// How Python would put a value that is no string into words, without the content of lists and objects.
    pub(crate) fn python_text(self) -> Cow<'t, str> {
        match self.kind() {
            Kind::Null => "None".into(),
            Kind::True => "True".into(),
            Kind::False => "False".into(),
            Kind::Integer => self.raw().into(),
            Kind::Float => super::float::python(self.as_float().unwrap_or(f64::NAN)).into(),
            Kind::Plain | Kind::Escaped => self.as_text().unwrap_or_default(),
            Kind::Array => "[..]".into(),
            Kind::Object => "{..}".into(),
        }
    }

    /// The elements of a list.
    pub(crate) fn elements(self) -> Option<Elements<'t>> {
        (self.kind() == Kind::Array).then(|| self.children())
    }

    /// The keys of an object and their values, as they stand: repeated keys are repeated.
    pub(crate) fn entries(self) -> Option<Entries<'t>> {
        (self.kind() == Kind::Object).then(|| Entries(self.children()))
    }

    fn children(self) -> Elements<'t> {
        Elements {
            tape: self.tape,
            at: self.at + 1,
            end: self.node().next,
        }
    }
}

/// The elements of a list.
#[derive(Clone)]
pub(crate) struct Elements<'t> {
    tape: &'t Tape<'t>,
    at: u32,
    end: u32,
}

impl<'t> Iterator for Elements<'t> {
    type Item = Value<'t>;

    fn next(&mut self) -> Option<Value<'t>> {
        if self.at >= self.end {
            return None;
        }
        let value = Value::new(self.tape, self.at);
        self.at = value.node().next;
        Some(value)
    }
}

/// The entries of an object.
#[derive(Clone)]
pub(crate) struct Entries<'t>(Elements<'t>);

impl<'t> Iterator for Entries<'t> {
    /// A key, which is always a string, and its value.
    type Item = (Value<'t>, Value<'t>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &mut self.0;
        if rest.at >= rest.end {
            return None;
        }
        // A key has no descendants: the next node is its value.
        let key = Value::new(rest.tape, rest.at);
        rest.at += 1;
        Some((key, rest.next()?))
    }
}

/// What a string with escapes says. The tape has checked every one of them.
fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut chars = escape.chars();
        let c = match chars.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let (c, behind) = unicode_escape(chars.as_str());
                chars = behind.chars();
                c
            }
            Some(itself) => itself,
            None => break,
        };
        text.push(c);
        rest = chars.as_str();
    }
    text.push_str(rest);
    text
}

/// The character of a `\u` escape, or of a pair of them, and what follows it.
fn unicode_escape(text: &str) -> (char, &str) {
    let unit = |text: &str| {
        text.get(..4)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .unwrap_or_default()
    };
    let first = unit(text);
    let rest = text.get(4..).unwrap_or_default();
    match (char::from_u32(first), rest.strip_prefix("\\u")) {
        (Some(c), _) => (c, rest),
        (None, Some(second)) => {
            let code = 0x1_0000 + ((first & 0x3FF) << 10) + (unit(second) & 0x3FF);
            (
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
                second.get(4..).unwrap_or_default(),
            )
        }
        (None, None) => (char::REPLACEMENT_CHARACTER, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_mean_what_serde_json_says() {
        for text in [
            r#""plain""#,
            r#""\"\\\/\b\f\n\r\t""#,
            r#""a\u0000\u001f\u007fz""#,
            r#""\u017c\u00f3\u0142\u0107 \uD83D\uDE80\ud83d\ude80x""#,
            r#""ż\u0041ż\\u0041""#,
            r#""\ud800\udc00\udbff\udfff""#,
            r#""\\\\""#,
        ] {
            let tape = Tape::parse(text).ok();
            let ours = tape
                .as_ref()
                .and_then(|tape| tape.root().as_text())
                .map(Cow::into_owned);
            assert_eq!(ours, serde_json::from_str::<String>(text).ok(), "{text}");
        }
    }

    #[test]
    fn a_string_is_borrowed_when_it_can_be() {
        let tape = Tape::parse(r#"["a","\n"]"#).ok();
        let borrowed = tape
            .iter()
            .flat_map(|tape| tape.root().elements().into_iter().flatten());
        let borrowed = borrowed.map(|value| matches!(value.as_text(), Some(Cow::Borrowed(_))));
        assert!(borrowed.eq([true, false]));
    }
}
