//! Looking at the values of a tape. No conversions that can fail: those belong to the reader.

use alloc::borrow::Cow;
use alloc::string::String;
use core::ops::Range;

use super::tape::{Kind, Node, Tape, narrow};
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

    #[cfg(test)]
    pub(super) const fn tape(self) -> &'t Tape<'t> {
        self.tape
    }

    fn node(self) -> Node {
        self.tape.node(self.at)
    }

    /// The place behind this value and all that is in it.
    const fn next(self, node: Node) -> u32 {
        if node.is_container() {
            node.reach
        } else {
            self.at + 1
        }
    }

    pub(super) fn kind(self) -> Kind {
        self.node().kind()
    }

    /// The type, in words that an error may use.
    pub(crate) fn json_type(self) -> JsonType {
        match self.kind() {
            Kind::Null | Kind::Close => JsonType::Null,
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
        let (_, range) = self.range();
        self.tape.text.get(range).unwrap_or_default()
    }

    fn range(self) -> (Kind, Range<usize>) {
        let node = self.node();
        let end = if node.is_container() {
            self.tape.node(node.reach.saturating_sub(1)).start() + 1
        } else {
            node.reach as usize
        };
        (node.kind(), node.start()..end)
    }

    /// Where it stands in the text, a string's quotes included.
    pub(crate) fn span(self) -> Range<usize> {
        match self.range() {
            (Kind::Plain | Kind::Escaped, inside) => inside.start.saturating_sub(1)..inside.end + 1,
            (_, span) => span,
        }
    }

    /// Whether it is the string `text`.
    #[inline]
    pub(crate) fn is(self, text: &str) -> bool {
        self.tape.says(self.node(), text)
    }

    /// What a string says.
    pub(crate) fn as_text(self) -> Option<Cow<'t, str>> {
        let node = self.node();
        let raw = self.tape.text.get(node.start()..node.reach as usize);
        match node.kind() {
            Kind::Plain => raw.map(Cow::Borrowed),
            Kind::Escaped => raw.map(|raw| Cow::Owned(unescape(raw))),
            _ => None,
        }
    }

    /// What a string says, to keep.
    pub(crate) fn to_text(self) -> Option<String> {
        let node = self.node();
        let raw = self.tape.text.get(node.start()..node.reach as usize);
        match node.kind() {
            Kind::Plain => raw.map(String::from),
            Kind::Escaped => raw.map(unescape),
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
            Kind::Close => "".into(),
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

    /// Whether it is the same place of the tape.
    pub(crate) const fn is_at(self, other: Self) -> bool {
        self.at == other.at
    }

    /// The step from a list or an object towards a value inside it, and where it leads.
    pub(crate) fn towards(self, inside: Self) -> Option<(Step<'t>, Self)> {
        let holds = |child: Self| (child.at..child.next(child.node())).contains(&inside.at);
        match self.kind() {
            Kind::Array => self
                .children()
                .enumerate()
                .find(|(_, child)| holds(*child))
                .map(|(index, child)| (Step::Index(index), child)),
            Kind::Object => Entries(self.children())
                .find(|(_, value)| holds(*value))
                .map(|(key, value)| (Step::Key(key), value)),
            _ => None,
        }
    }

    /// The values of an object's keys by name, of a repeated one the last, and how many keys have no name among these.
    pub(crate) fn find(self, names: &[&str], values: &mut [Option<Self>]) -> Option<usize> {
        let mut others = 0;
        // Peers write the fields in order, so the next one is mostly the one after the last one.
        let mut guess = 0;
        self.each_key(|key, at| {
            let place = match names.get(guess) {
                Some(name) if self.tape.says(key, name) => Some(guess),
                _ => self.tape.place_among(key, names),
            };
            match place.and_then(|place| values.get_mut(place).map(|slot| (place, slot))) {
                Some((place, slot)) => {
                    *slot = Some(Self::new(self.tape, at));
                    guess = place + 1;
                }
                None => others += 1,
            }
        })?;
        Some(others)
    }

    /// The value of one key of an object, of a repeated one the last.
    pub(crate) fn get(self, name: &str) -> Option<Self> {
        let mut found = None;
        self.each_key(|key, at| {
            if self.tape.says(key, name) {
                found = Some(Self::new(self.tape, at));
            }
        })?;
        found
    }

    /// Walks along an object's keys and the places of their values.
    #[inline]
    fn each_key(self, mut look: impl FnMut(Node, u32)) -> Option<()> {
        let object = self.node();
        if object.kind() != Kind::Object {
            return None;
        }
        let end = object.reach.saturating_sub(1);
        let mut rest = self.tape.nodes.get(self.at as usize + 1..end as usize)?;
        while let [key, value, ..] = rest {
            let at = end - narrow(rest.len()) + 1;
            look(*key, at);
            let behind = if value.is_container() {
                value.reach - at + 1
            } else {
                2
            };
            rest = rest.get(behind as usize..).unwrap_or_default();
        }
        Some(())
    }

    fn children(self) -> Elements<'t> {
        Elements {
            tape: self.tape,
            at: self.at + 1,
            end: self.node().reach.saturating_sub(1),
        }
    }
}

/// A step into a list or an object.
pub(crate) enum Step<'t> {
    /// A key, which is a string.
    Key(Value<'t>),
    /// A place in a list, from 0.
    Index(usize),
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
        self.at = value.next(value.node());
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
#[cold]
pub(super) fn unescape(raw: &str) -> String {
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
    use alloc::vec::Vec;

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
            let ours = Tape::read(text, |value| value.as_text().map(Cow::into_owned));
            let ours = ours.ok().flatten();
            assert_eq!(ours, serde_json::from_str::<String>(text).ok(), "{text}");
        }
    }

    #[test]
    fn a_string_is_borrowed_when_it_can_be() {
        let borrowed = Tape::read(r#"["a","\n"]"#, |value| {
            let elements = value.elements().into_iter().flatten();
            elements
                .map(|value| matches!(value.as_text(), Some(Cow::Borrowed(_))))
                .collect::<Vec<_>>()
        });
        assert_eq!(borrowed, Ok(alloc::vec![true, false]));
    }
}
