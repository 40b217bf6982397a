//! The one pass over a message's text: grammar, limits, and a flat list of what is where. No field names, no types.
//!
//! The dialect is the reference's (the JSON reader inside its validation library): RFC 8259, and besides it `NaN`,
//! `Infinity` and `-Infinity`; nesting up to [`MAX_DEPTH`]; integers up to 4300 digits; no lone surrogates, no
//! byte-order mark. The wording of the errors is that reader's, too, because a facilitator repeats it to its peers.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::value::Value;
use crate::message::Integer;

/// How deep the lists and objects of a message may be nested: the reference's limit.
pub const MAX_DEPTH: usize = 200;
/// The longest message that is read, in bytes. The reference's largest frames are 50 MiB.
pub const MAX_BYTES: usize = 64 << 20;
/// How many values and keys a message may hold. A job request with all its inline volumes has a few hundred.
pub const MAX_VALUES: usize = 1 << 20;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    True,
    False,
    /// A number without fraction and exponent.
    Integer,
    /// Any other number, and the non-finite names.
    Float,
    /// A string that is its own text; the span leaves the quotes out.
    Plain,
    /// A string with escapes; the span leaves the quotes out.
    Escaped,
    Array,
    /// Its children alternate between keys and values.
    Object,
}

/// A value or a key. `u32` is enough for [`MAX_BYTES`] and keeps it at 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) start: u32,
    pub(super) end: u32,
    /// The node after this one's last descendant. While a container is open: the container around it.
    pub(super) next: u32,
}

/// A text and its nodes, in order of their appearance; the first is the root.
pub(crate) struct Tape<'t> {
    pub(super) text: &'t str,
    pub(super) nodes: Vec<Node>,
}

/// Why a text is no tape, and at which byte. Small, because every step of the lexer may return one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    fault: Fault,
    at: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    TooManyBytes,
    TooManyValues,
    EofValue,
    EofString,
    EofList,
    EofObject,
    NoValue,
    NoName,
    NoKey,
    NoColon,
    NoListSeparator,
    NoObjectSeparator,
    TrailingComma,
    TrailingCharacters,
    ControlCharacter,
    Escape,
    LoneSurrogate,
    EndOfEscape,
    Number,
    NumberOutOfRange,
    TooDeep,
}

impl Refusal {
    /// What there is too much of and how much is allowed, where that is the fault.
    pub(crate) const fn excess(self) -> Option<(&'static str, usize)> {
        match self.fault {
            Fault::TooManyBytes => Some(("bytes", MAX_BYTES)),
            Fault::TooManyValues => Some(("values and keys", MAX_VALUES)),
            _ => None,
        }
    }

    /// The reference's wording, with line and column.
    pub(crate) fn describe(self, text: &[u8]) -> String {
        let before = text
            .get(..text.len().min(self.at as usize + 1))
            .unwrap_or_default();
        // The line break itself counts to the line that it starts.
        let line = before.split(|&byte| byte == b'\n').count();
        let column = before
            .iter()
            .rev()
            .take_while(|&&byte| byte != b'\n')
            .count();
        format!("{} at line {line} column {column}", self.fault.as_str())
    }
}

impl Fault {
    const fn as_str(self) -> &'static str {
        match self {
            Self::TooManyBytes | Self::TooManyValues => "too large",
            Self::EofValue => "EOF while parsing a value",
            Self::EofString => "EOF while parsing a string",
            Self::EofList => "EOF while parsing a list",
            Self::EofObject => "EOF while parsing an object",
            Self::NoValue => "expected value",
            Self::NoName => "expected ident",
            Self::NoKey => "key must be a string",
            Self::NoColon => "expected `:`",
            Self::NoListSeparator => "expected `,` or `]`",
            Self::NoObjectSeparator => "expected `,` or `}`",
            Self::TrailingComma => "trailing comma",
            Self::TrailingCharacters => "trailing characters",
            Self::ControlCharacter => {
                "control character (\\u0000-\\u001F) found while parsing a string"
            }
            Self::Escape => "invalid escape",
            Self::LoneSurrogate => "lone leading surrogate in hex escape",
            Self::EndOfEscape => "unexpected end of hex escape",
            Self::Number => "invalid number",
            Self::NumberOutOfRange => "number out of range",
            Self::TooDeep => "recursion limit exceeded",
        }
    }
}

impl<'t> Tape<'t> {
    /// A tape without nodes, on which everything is null.
    pub(super) const NULL: Self = Self {
        text: "",
        nodes: Vec::new(),
    };

    /// Reads the whole of `text`.
    pub(crate) fn parse(text: &'t str) -> Result<Self, Refusal> {
        if text.len() > MAX_BYTES {
            return Err(Refusal {
                fault: Fault::TooManyBytes,
                at: 0,
            });
        }
        // Two quotes and two separators make a short string; a guess on the high side wastes a little, once.
        let nodes = Vec::with_capacity(8 + text.len() / 12);
        let mut lexer = Lexer {
            bytes: text.as_bytes(),
            at: 0,
            nodes,
            open: NOWHERE,
            inside: Inside::Nothing,
            depth: 0,
        };
        lexer.document()?;
        Ok(Self {
            text,
            nodes: lexer.nodes,
        })
    }

    /// The outermost value.
    pub(crate) fn root(&self) -> Value<'_> {
        Value::new(self, 0)
    }
}

struct Lexer<'t> {
    bytes: &'t [u8],
    at: usize,
    nodes: Vec<Node>,
    /// The innermost container that is not closed yet, or [`NOWHERE`], and what it is.
    open: u32,
    inside: Inside,
    /// How many containers that hold something are open.
    depth: usize,
}

/// "No container": what the outermost value has around it.
const NOWHERE: u32 = u32::MAX;

/// What the lexer is in.
#[derive(Clone, Copy)]
enum Inside {
    Nothing,
    Array,
    Object,
}

/// Where the lexer has come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before a value.
    Before,
    /// Behind a value.
    Behind,
    /// Behind the last one.
    End,
}

impl Lexer<'_> {
    fn document(&mut self) -> Result<(), Refusal> {
        let mut place = Place::Before;
        while place != Place::End {
            place = match place {
                Place::Before => self.value()?,
                _ => match self.inside {
                    Inside::Object => self.behind_member()?,
                    Inside::Array => self.behind_element()?,
                    Inside::Nothing => self.behind_all()?,
                },
            };
        }
        Ok(())
    }

    /// A value, or the way into it as far as the first value that it holds.
    fn value(&mut self) -> Result<Place, Refusal> {
        match self.skip_whitespace() {
            Some(b'"') => self.string()?,
            Some(b'{') => return self.object(),
            Some(b'[') => return self.array(),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.name(Kind::True, b"true")?,
            Some(b'f') => self.name(Kind::False, b"false")?,
            Some(b'n') => self.name(Kind::Null, b"null")?,
            Some(b'N') => self.name(Kind::Float, b"NaN")?,
            Some(b'I') => self.name(Kind::Float, b"Infinity")?,
            Some(_) => return self.refuse(Fault::NoValue),
            None => return self.refuse(Fault::EofValue),
        }
        Ok(Place::Behind)
    }

    fn object(&mut self) -> Result<Place, Refusal> {
        self.open(Kind::Object, Inside::Object)?;
        match self.skip_whitespace() {
            Some(b'"') => {
                self.deeper()?;
                self.key()
            }
            Some(b'}') => Ok(self.close()),
            Some(_) => self.refuse(Fault::NoKey),
            None => self.refuse(Fault::EofObject),
        }
    }

    fn array(&mut self) -> Result<Place, Refusal> {
        self.open(Kind::Array, Inside::Array)?;
        match self.skip_whitespace() {
            Some(b']') => Ok(self.close()),
            Some(_) => {
                self.deeper()?;
                Ok(Place::Before)
            }
            None => self.refuse(Fault::EofList),
        }
    }

    fn behind_member(&mut self) -> Result<Place, Refusal> {
        match self.skip_whitespace() {
            Some(b',') => {
                self.at += 1;
                match self.skip_whitespace() {
                    Some(b'"') => self.key(),
                    Some(b'}') => self.refuse(Fault::TrailingComma),
                    Some(_) => self.refuse(Fault::NoKey),
                    None => self.refuse(Fault::EofValue),
                }
            }
            Some(b'}') => {
                self.depth -= 1;
                Ok(self.close())
            }
            Some(_) => self.refuse(Fault::NoObjectSeparator),
            None => self.refuse(Fault::EofObject),
        }
    }

    fn behind_element(&mut self) -> Result<Place, Refusal> {
        match self.skip_whitespace() {
            Some(b',') => {
                self.at += 1;
                match self.skip_whitespace() {
                    Some(b']') => self.refuse(Fault::TrailingComma),
                    Some(_) => Ok(Place::Before),
                    None => self.refuse(Fault::EofValue),
                }
            }
            Some(b']') => {
                self.depth -= 1;
                Ok(self.close())
            }
            Some(_) => self.refuse(Fault::NoListSeparator),
            None => self.refuse(Fault::EofList),
        }
    }

    fn behind_all(&mut self) -> Result<Place, Refusal> {
        match self.skip_whitespace() {
            Some(_) => self.refuse(Fault::TrailingCharacters),
            None => Ok(Place::End),
        }
    }

    #[cold]
    fn refuse<T>(&self, fault: Fault) -> Result<T, Refusal> {
        Err(self.refusal(fault, self.at))
    }

    fn refusal(&self, fault: Fault, at: usize) -> Refusal {
        Refusal {
            fault,
            at: narrow(at.min(self.bytes.len())),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_whitespace(&mut self) -> Option<u8> {
        while let Some(byte) = self.peek() {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Adds a node that ends here. Its `next` is right for everything but an open container.
    fn push(&mut self, kind: Kind, start: usize, end: usize) -> Result<(), Refusal> {
        if self.nodes.len() >= MAX_VALUES {
            return self.refuse(Fault::TooManyValues);
        }
        let next = narrow(self.nodes.len() + 1);
        self.nodes.push(Node {
            kind,
            start: narrow(start),
            end: narrow(end),
            next,
        });
        Ok(())
    }

    fn open(&mut self, kind: Kind, inside: Inside) -> Result<(), Refusal> {
        let place = narrow(self.nodes.len());
        self.push(kind, self.at, self.at)?;
        if let Some(node) = self.nodes.last_mut() {
            node.next = self.open;
        }
        (self.open, self.inside) = (place, inside);
        self.at += 1;
        Ok(())
    }

    /// The open container holds something: only such ones count, as with the reference.
    fn deeper(&mut self) -> Result<(), Refusal> {
        if self.depth >= MAX_DEPTH {
            return self.refuse(Fault::TooDeep);
        }
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self) -> Place {
        self.at += 1;
        let (end, next) = (narrow(self.at), narrow(self.nodes.len()));
        if let Some(node) = self.nodes.get_mut(self.open as usize) {
            node.end = end;
            self.open = core::mem::replace(&mut node.next, next);
        }
        self.inside = match self.nodes.get(self.open as usize).map(|node| node.kind) {
            None => Inside::Nothing,
            Some(Kind::Object) => Inside::Object,
            Some(_) => Inside::Array,
        };
        Place::Behind
    }

    fn key(&mut self) -> Result<Place, Refusal> {
        self.string()?;
        match self.skip_whitespace() {
            Some(b':') => {
                self.at += 1;
                Ok(Place::Before)
            }
            Some(_) => self.refuse(Fault::NoColon),
            None => self.refuse(Fault::EofObject),
        }
    }

    fn name(&mut self, kind: Kind, name: &[u8]) -> Result<(), Refusal> {
        let start = self.at;
        for expected in name {
            match self.peek() {
                Some(byte) if byte == *expected => self.at += 1,
                Some(_) => return self.refuse(Fault::NoName),
                None => return self.refuse(Fault::EofValue),
            }
        }
        self.push(kind, start, self.at)
    }

    fn number(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => {
                self.at += 1;
                if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                    return self.refuse(Fault::Number);
                }
            }
            Some(b'1'..=b'9') => self.digits(),
            Some(b'I') => {
                self.at = start;
                return self.name(Kind::Float, b"-Infinity");
            }
            Some(_) => return self.refuse(Fault::Number),
            None => return self.refuse(Fault::EofValue),
        }
        if self.at - start > Integer::MAX_DIGITS {
            return Err(self.refusal(Fault::NumberOutOfRange, start + Integer::MAX_DIGITS + 1));
        }
        let mut kind = Kind::Integer;
        if self.peek() == Some(b'.') {
            kind = Kind::Float;
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            kind = Kind::Float;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        self.push(kind, start, self.at)
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), Refusal> {
        match self.peek() {
            Some(b'0'..=b'9') => self.digits(),
            Some(_) => return self.refuse(Fault::Number),
            None => return self.refuse(Fault::EofValue),
        }
        Ok(())
    }

    /// A string, from its opening quote to behind its closing one.
    fn string(&mut self) -> Result<(), Refusal> {
        let start = self.at + 1;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let plain = plain_prefix(rest);
        if rest.get(plain) == Some(&b'"') {
            self.at = start + plain + 1;
            return self.push(Kind::Plain, start, start + plain);
        }
        self.at = start + plain;
        self.unusual_string(start)
    }

    /// The rest of a string that has an escape here, or no end.
    fn unusual_string(&mut self, start: usize) -> Result<(), Refusal> {
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return self.push(Kind::Escaped, start, self.at - 1);
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return self.refuse(Fault::ControlCharacter),
                None => return self.refuse(Fault::EofString),
            }
            self.at += plain_prefix(self.bytes.get(self.at..).unwrap_or_default());
        }
    }

    /// An escape, from its backslash to behind its last character.
    fn escape(&mut self) -> Result<(), Refusal> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => match self.hex4()? {
                0xDC00..=0xDFFF => Err(self.refusal(Fault::LoneSurrogate, self.at - 1)),
                0xD800..=0xDBFF => self.low_surrogate(),
                _ => Ok(()),
            },
            Some(_) => self.refuse(Fault::Escape),
            None => self.refuse(Fault::EofString),
        }
    }

    /// The second half of a surrogate pair.
    fn low_surrogate(&mut self) -> Result<(), Refusal> {
        for expected in *b"\\u" {
            match self.peek() {
                Some(byte) if byte == expected => self.at += 1,
                Some(_) => return self.refuse(Fault::EndOfEscape),
                None => return self.refuse(Fault::EofString),
            }
        }
        self.at -= 1;
        match self.hex4()? {
            0xDC00..=0xDFFF => Ok(()),
            _ => Err(self.refusal(Fault::LoneSurrogate, self.at - 1)),
        }
    }

    /// Four hexadecimal digits; called on the `u` before them.
    fn hex4(&mut self) -> Result<u32, Refusal> {
        let Some(digits) = self.bytes.get(self.at + 1..self.at + 5) else {
            return Err(self.refusal(Fault::EofString, self.bytes.len()));
        };
        let mut value = 0;
        for (offset, &digit) in digits.iter().enumerate() {
            match char::from(digit).to_digit(16) {
                Some(digit) => value = value * 16 + digit,
                None => return Err(self.refusal(Fault::Escape, self.at + 1 + offset)),
            }
        }
        self.at += 5;
        Ok(value)
    }
}

/// Offsets and counts as nodes hold them.
#[expect(
    clippy::cast_possible_truncation,
    reason = "both are bounded by MAX_BYTES"
)]
const fn narrow(n: usize) -> u32 {
    n as u32
}

/// Whether a byte inside a string is anything but itself.
const fn is_special(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < b' '
}

/// How many bytes of a string are nothing but themselves: eight at a time, as numbers.
pub(super) fn plain_prefix(bytes: &[u8]) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    /// The high bit of each byte below `limit`, which is at most 128; above the first such byte, of some others, too.
    const fn below(block: u64, limit: u8) -> u64 {
        block.wrapping_sub(EACH * limit as u64) & !block & HIGH
    }
    let (blocks, tail) = bytes.as_chunks();
    let mut plain = 0;
    for block in blocks {
        let block = u64::from_le_bytes(*block);
        let quote = below(block ^ (EACH * u64::from(b'"')), 1);
        let backslash = below(block ^ (EACH * u64::from(b'\\')), 1);
        let special = quote | backslash | below(block, b' ');
        if special != 0 {
            return plain + special.trailing_zeros() as usize / 8;
        }
        plain += size_of::<u64>();
    }
    plain
        + tail
            .iter()
            .position(|&byte| is_special(byte))
            .unwrap_or(tail.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        match Tape::parse(text) {
            Ok(_) => format!("{text} is JSON"),
            Err(refusal) => match refusal.excess() {
                Some((what, limit)) => format!("more than {limit} {what}"),
                None => refusal.describe(text.as_bytes()),
            },
        }
    }

    #[test]
    fn words_of_the_reference() {
        for (text, expected) in [
            ("", "EOF while parsing a value at line 1 column 0"),
            ("{", "EOF while parsing an object at line 1 column 1"),
            ("hello", "expected value at line 1 column 1"),
            ("\u{feff}{}", "expected value at line 1 column 1"),
            ("{'a':1}", "key must be a string at line 1 column 2"),
            (
                "{\"status\":\"success\",}",
                "trailing comma at line 1 column 21",
            ),
            ("[1,]", "trailing comma at line 1 column 4"),
            ("[1 2]", "expected `,` or `]` at line 1 column 4"),
            ("{\"a\" 1}", "expected `:` at line 1 column 6"),
            (
                "{\"a\":1\n \"b\"}",
                "expected `,` or `}` at line 2 column 2",
            ),
            ("[01]", "invalid number at line 1 column 3"),
            ("[-]", "invalid number at line 1 column 3"),
            ("1.", "EOF while parsing a value at line 1 column 2"),
            ("nul", "EOF while parsing a value at line 1 column 3"),
            ("nulL", "expected ident at line 1 column 4"),
            (
                "\"a\nb\"",
                "control character (\\u0000-\\u001F) found while parsing a string at line 2 column 0",
            ),
            (
                "[\"\\ud800\"]",
                "unexpected end of hex escape at line 1 column 9",
            ),
            (
                "[\"\\udc00\"]",
                "lone leading surrogate in hex escape at line 1 column 8",
            ),
            ("\"\\x\"", "invalid escape at line 1 column 3"),
            ("1 1", "trailing characters at line 1 column 3"),
        ] {
            assert_eq!(refusal(text), expected, "{text:?}");
        }
    }

    #[test]
    fn depth_counts_what_holds_something() {
        let nested = |depth: usize, inner: &str| "[".repeat(depth) + inner + &"]".repeat(depth);
        assert!(Tape::parse(&nested(MAX_DEPTH, "1")).is_ok());
        assert!(Tape::parse(&nested(MAX_DEPTH, "[]")).is_ok());
        assert!(refusal(&nested(MAX_DEPTH + 1, "1")).starts_with("recursion limit exceeded"));
        // Neighbours do not add up.
        assert!(Tape::parse(&format!("[{}1]", "{\"a\":1},[1],".repeat(MAX_DEPTH))).is_ok());
        // A hostile depth costs neither stack nor much memory.
        assert!(refusal(&"[".repeat(1 << 20)).starts_with("recursion limit exceeded"));
        assert!(refusal(&"{\"\":".repeat(1 << 18)).starts_with("recursion limit exceeded"));
    }

    #[test]
    fn numbers_are_bounded_in_digits() {
        assert!(Tape::parse(&"9".repeat(Integer::MAX_DIGITS)).is_ok());
        assert!(refusal(&"9".repeat(Integer::MAX_DIGITS + 1)).starts_with("number out of range"));
    }

    #[test]
    fn values_are_counted() {
        assert_eq!(
            refusal(&format!("[{}1]", "1,".repeat(MAX_VALUES))),
            "more than 1048576 values and keys"
        );
    }

    #[test]
    fn eight_bytes_at_a_time_find_what_one_at_a_time_does() {
        // Each byte at each place among bytes that are nearly special, and behind a special one.
        for around in [b'a', b' ', b'!', b'#', b'[', b']', 0x80, 0xFF] {
            for place in 0..24 {
                for byte in 0..=u8::MAX {
                    let mut bytes = [around; 24];
                    bytes[place] = byte;
                    let expected = bytes
                        .iter()
                        .position(|&byte| is_special(byte))
                        .unwrap_or(24);
                    assert_eq!(
                        plain_prefix(&bytes),
                        expected,
                        "{byte} at {place} in {around}"
                    );
                    bytes[23] = b'"';
                    assert_eq!(
                        plain_prefix(&bytes),
                        expected.min(23),
                        "{byte} at {place} in {around}"
                    );
                }
            }
        }
    }

    #[test]
    fn spans_and_successors() {
        let tape = Tape::parse("{\"a\": [1, {}], \"b\\n\": -2.5e3}")
            .ok()
            .map(|tape| {
                let all = tape
                    .nodes
                    .iter()
                    .map(|n| (&tape.text[n.start as usize..n.end as usize], n.next));
                all.collect::<Vec<_>>()
            });
        let expected = [
            ("{\"a\": [1, {}], \"b\\n\": -2.5e3}", 7),
            ("a", 2),
            ("[1, {}]", 5),
            ("1", 4),
            ("{}", 5),
            ("b\\n", 6),
            ("-2.5e3", 7),
        ];
        assert_eq!(tape.as_deref(), Some(expected.as_slice()));
    }
}
