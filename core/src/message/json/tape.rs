//! The one pass over a message's text: grammar, limits, and a flat list of what is where. No field names, no types.
//!
//! The dialect is the reference's (the JSON reader inside its validation library): RFC 8259, and besides it `NaN`,
//! `Infinity` and `-Infinity`; nesting up to [`MAX_DEPTH`]; integers up to 4300 digits; no lone surrogates, no
//! byte-order mark. The wording of the errors is that reader's, too, because a facilitator repeats it to its peers.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::value::{self, Value};
use crate::message::Integer;

/// How deep the lists and objects of a message may be nested: the reference's limit.
pub const MAX_DEPTH: usize = 200;
/// The longest message that is read, in bytes. The reference's largest frames are 50 MiB.
pub const MAX_BYTES: usize = 64 << 20;
/// How many values and keys a message may hold. A job request with all its inline volumes has a few hundred.
pub const MAX_VALUES: usize = 1 << 20;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
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
    /// The end of a list or an object, which has no value of its own.
    Close,
}

/// A value, a key, or the end of a list or an object: small, because the tape is most of what reading allocates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// The kind above [`Node::START`], the offset of the first byte below.
    head: u32,
    /// The offset behind the last byte. For a list or an object: the node behind its [`Kind::Close`], and the
    /// container around it as long as it is open.
    pub(super) reach: u32,
}

impl Node {
    /// The bits of an offset: [`MAX_BYTES`] fits in.
    const START: u32 = (1 << 28) - 1;

    const NOTHING: Self = Self::new(Kind::Null, 0, 0);

    const fn new(kind: Kind, start: usize, reach: u32) -> Self {
        Self {
            head: (kind as u32) << 28 | narrow(start) & Self::START,
            reach,
        }
    }

    pub(super) const fn kind(self) -> Kind {
        match self.head >> 28 {
            0 => Kind::Null,
            1 => Kind::True,
            2 => Kind::False,
            3 => Kind::Integer,
            4 => Kind::Float,
            5 => Kind::Plain,
            6 => Kind::Escaped,
            7 => Kind::Array,
            8 => Kind::Object,
            _ => Kind::Close,
        }
    }

    pub(super) const fn start(self) -> usize {
        (self.head & Self::START) as usize
    }

    pub(super) const fn is_container(self) -> bool {
        matches!(self.kind(), Kind::Array | Kind::Object)
    }
}

/// A text and its nodes, in order of their appearance; the first is the root.
pub(crate) struct Tape<'t> {
    pub(super) text: &'t str,
    pub(super) nodes: &'t [Node],
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

impl Tape<'_> {
    /// Reads the whole of `text`, and looks at its outermost value.
    pub(crate) fn read<T>(
        text: &str,
        look: impl for<'t> FnOnce(Value<'t>) -> T,
    ) -> Result<T, Refusal> {
        if text.len() > MAX_BYTES {
            return Err(Refusal {
                fault: Fault::TooManyBytes,
                at: 0,
            });
        }
        let mut lexer = Lexer {
            bytes: text.as_bytes(),
            near: [Node::NOTHING; NEAR],
            far: Vec::new(),
            len: 0,
            open: NOWHERE,
            inside: Inside::Nothing,
            depth: 0,
            room: MAX_VALUES,
        };
        lexer.document()?;
        let tape = Tape {
            text,
            nodes: lexer.nodes(),
        };
        Ok(look(Value::new(&tape, 0)))
    }

    /// Whether a node is the string `text`.
    #[inline]
    pub(super) fn says(&self, node: Node, text: &str) -> bool {
        // Bytes compare without a look at where characters begin, and lengths mostly tell without a look at all.
        let (start, end) = (node.start(), node.reach as usize);
        if node.kind() == Kind::Escaped {
            return self
                .text
                .get(start..end)
                .is_some_and(|raw| value::unescape(raw) == text);
        }
        end.wrapping_sub(start) == text.len()
            && node.kind() == Kind::Plain
            && self.text.as_bytes().get(start..end) == Some(text.as_bytes())
    }

    /// The place of a string among others.
    #[inline(never)]
    pub(super) fn place_among(&self, node: Node, texts: &[&str]) -> Option<usize> {
        texts.iter().position(|text| self.says(node, text))
    }

    /// A node. Every place comes out of the tape itself; a null stands for the impossible rest.
    #[inline]
    pub(super) fn node(&self, at: u32) -> Node {
        self.nodes
            .get(at as usize)
            .copied()
            .unwrap_or(Node::NOTHING)
    }
}

/// How many nodes need no memory of their own: a job request of two kilobytes has 150.
const NEAR: usize = 192;

/// Its methods take the place that they begin at, and return the one that they have come to.
struct Lexer<'t> {
    bytes: &'t [u8],
    /// The nodes as long as there are few, then a copy of the first ones.
    near: [Node; NEAR],
    /// All nodes when there are many.
    far: Vec<Node>,
    len: usize,
    /// The innermost container that is not closed yet, or [`NOWHERE`], and what it is.
    open: u32,
    inside: Inside,
    /// How many containers that hold something are open.
    depth: usize,
    /// How many nodes there may be: as many as values and keys, and the ends so far.
    room: usize,
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

/// What is behind the text's last byte: no JSON has it outside of strings.
const END: u8 = 0;

impl Lexer<'_> {
    fn document(&mut self) -> Result<(), Refusal> {
        let (mut at, mut byte) = self.visible(0);
        let mut is_key = false;
        loop {
            if is_key {
                (at, byte) = self.key(at)?;
            }
            // A value, or the way into it.
            let inside = match byte {
                b'"' => {
                    at = self.string(at)?;
                    false
                }
                b'{' | b'[' => {
                    (at, byte) = self.open(byte, at)?;
                    byte != END
                }
                first => {
                    at = self.scalar(first, at)?;
                    false
                }
            };
            if !inside {
                (at, byte) = self.next(at)?;
                if byte == END {
                    return Ok(());
                }
            }
            is_key = matches!(self.inside, Inside::Object);
        }
    }

    /// Into a list or an object: what it holds first. Where it holds nothing, [`END`] and what is behind it.
    fn open(&mut self, bracket: u8, at: usize) -> Result<(usize, u8), Refusal> {
        let (kind, inside, close) = match bracket {
            b'{' => (Kind::Object, Inside::Object, b'}'),
            _ => (Kind::Array, Inside::Array, b']'),
        };
        let place = narrow(self.len);
        self.add(Node::new(kind, at, self.open), at)?;
        (self.open, self.inside) = (place, inside);
        let (at, byte) = self.visible(at + 1);
        if byte == close {
            return Ok((self.close(at)?, END));
        }
        match inside {
            _ if self.is_end(at) => self.refuse_end(if bracket == b'{' {
                Fault::EofObject
            } else {
                Fault::EofList
            }),
            Inside::Object if byte != b'"' => Err(self.refusal(Fault::NoKey, at)),
            // No value begins so.
            _ if byte == END => Err(self.refusal(Fault::NoValue, at)),
            // Only what holds something counts, as with the reference.
            _ if self.depth >= MAX_DEPTH => Err(self.refusal(Fault::TooDeep, at)),
            _ => {
                self.depth += 1;
                Ok((at, byte))
            }
        }
    }

    /// Out of lists and objects: the next key or value, or [`END`].
    #[inline]
    fn next(&mut self, mut at: usize) -> Result<(usize, u8), Refusal> {
        loop {
            let (here, byte) = self.visible(at);
            match (self.inside, byte) {
                (Inside::Object, b',') => {
                    let (at, byte) = self.visible(here + 1);
                    return match byte {
                        b'"' => Ok((at, byte)),
                        b'}' => Err(self.refusal(Fault::TrailingComma, at)),
                        _ => self.refuse(Fault::NoKey, Fault::EofValue, at),
                    };
                }
                (Inside::Array, b',') => {
                    let (at, byte) = self.visible(here + 1);
                    return match byte {
                        b']' => Err(self.refusal(Fault::TrailingComma, at)),
                        _ if self.is_end(at) => self.refuse_end(Fault::EofValue),
                        // No value begins so.
                        END => Err(self.refusal(Fault::NoValue, at)),
                        _ => Ok((at, byte)),
                    };
                }
                (Inside::Object, b'}') | (Inside::Array, b']') => {
                    self.depth -= 1;
                    at = self.close(here)?;
                }
                (Inside::Object, _) => {
                    return self.refuse(Fault::NoObjectSeparator, Fault::EofObject, here);
                }
                (Inside::Array, _) => {
                    return self.refuse(Fault::NoListSeparator, Fault::EofList, here);
                }
                (Inside::Nothing, _) if self.is_end(here) => return Ok((here, END)),
                (Inside::Nothing, _) => return Err(self.refusal(Fault::TrailingCharacters, here)),
            }
        }
    }

    fn scalar(&mut self, first: u8, at: usize) -> Result<usize, Refusal> {
        match first {
            b'-' | b'0'..=b'9' => self.number(at),
            b't' => self.name(Kind::True, b"true", at),
            b'f' => self.name(Kind::False, b"false", at),
            b'n' => self.name(Kind::Null, b"null", at),
            b'N' => self.name(Kind::Float, b"NaN", at),
            b'I' => self.name(Kind::Float, b"Infinity", at),
            _ => self.refuse(Fault::NoValue, Fault::EofValue, at),
        }
    }

    /// Refuses the byte at a place by one fault, the end of the text by another.
    #[cold]
    fn refuse<T>(&self, byte: Fault, end: Fault, at: usize) -> Result<T, Refusal> {
        Err(self.refusal(if self.is_end(at) { end } else { byte }, at))
    }

    /// Refuses the end of the text.
    #[cold]
    fn refuse_end<T>(&self, fault: Fault) -> Result<T, Refusal> {
        Err(self.refusal(fault, self.bytes.len()))
    }

    fn refusal(&self, fault: Fault, at: usize) -> Refusal {
        Refusal {
            fault,
            at: narrow(at.min(self.bytes.len())),
        }
    }

    const fn is_end(&self, at: usize) -> bool {
        at >= self.bytes.len()
    }

    /// The byte at a place, or [`END`].
    #[inline]
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(END)
    }

    /// The first place from here on that holds no white space, and its byte.
    #[inline]
    fn visible(&self, mut at: usize) -> (usize, u8) {
        loop {
            let byte = self.byte(at);
            if byte > b' ' || !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return (at, byte);
            }
            at += 1;
        }
    }

    /// Adds a value or a key that ends at `end`.
    #[inline]
    fn push(&mut self, kind: Kind, start: usize, end: usize) -> Result<(), Refusal> {
        self.add(Node::new(kind, start, narrow(end)), end)
    }

    #[inline]
    fn add(&mut self, node: Node, at: usize) -> Result<(), Refusal> {
        match self.near.get_mut(self.len) {
            Some(place) => *place = node,
            None => self.add_far(node, at)?,
        }
        self.len += 1;
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn add_far(&mut self, node: Node, at: usize) -> Result<(), Refusal> {
        if self.len >= self.room {
            return Err(self.refusal(Fault::TooManyValues, at));
        }
        if self.far.is_empty() {
            self.far.reserve(self.len * 4);
            self.far.extend_from_slice(&self.near);
        }
        self.far.push(node);
        Ok(())
    }

    fn nodes(&self) -> &[Node] {
        if self.far.is_empty() {
            self.near.get(..self.len).unwrap_or_default()
        } else {
            &self.far
        }
    }

    fn open_node(&mut self) -> Option<&mut Node> {
        if self.far.is_empty() {
            self.near.get_mut(self.open as usize)
        } else {
            self.far.get_mut(self.open as usize)
        }
    }

    fn close(&mut self, at: usize) -> Result<usize, Refusal> {
        self.room += 1;
        self.add(Node::new(Kind::Close, at, 0), at)?;
        let behind = narrow(self.len);
        if let Some(node) = self.open_node() {
            let around = core::mem::replace(&mut node.reach, behind);
            self.open = around;
        }
        self.inside = match self.open_node().map(|node| node.kind()) {
            None => Inside::Nothing,
            Some(Kind::Object) => Inside::Object,
            Some(_) => Inside::Array,
        };
        Ok(at + 1)
    }

    /// A key and its colon, as far as the value.
    #[inline]
    fn key(&mut self, at: usize) -> Result<(usize, u8), Refusal> {
        let behind = self.string(at)?;
        let (at, byte) = self.visible(behind);
        if byte == b':' {
            Ok(self.visible(at + 1))
        } else {
            self.refuse(Fault::NoColon, Fault::EofObject, at)
        }
    }

    fn name<const N: usize>(
        &mut self,
        kind: Kind,
        name: &[u8; N],
        start: usize,
    ) -> Result<usize, Refusal> {
        let rest = self.bytes.get(start..).unwrap_or_default();
        if rest.first_chunk() == Some(name) {
            self.push(kind, start, start + N)?;
            return Ok(start + N);
        }
        let same = rest.iter().zip(name).take_while(|(a, b)| a == b).count();
        self.refuse(Fault::NoName, Fault::EofValue, start + same)
    }

    fn number(&mut self, start: usize) -> Result<usize, Refusal> {
        let mut at = start;
        if self.byte(at) == b'-' {
            at += 1;
        }
        match self.byte(at) {
            b'0' => {
                at += 1;
                if self.byte(at).is_ascii_digit() {
                    return Err(self.refusal(Fault::Number, at));
                }
            }
            b'1'..=b'9' => at = self.digits(at),
            b'I' => return self.name(Kind::Float, b"-Infinity", start),
            _ => return self.refuse(Fault::Number, Fault::EofValue, at),
        }
        if at - start > Integer::MAX_DIGITS {
            return Err(self.refusal(Fault::NumberOutOfRange, start + Integer::MAX_DIGITS + 1));
        }
        let mut kind = Kind::Integer;
        if self.byte(at) == b'.' {
            kind = Kind::Float;
            at = self.some_digits(at + 1)?;
        }
        if matches!(self.byte(at), b'e' | b'E') {
            kind = Kind::Float;
            at += 1;
            if matches!(self.byte(at), b'+' | b'-') {
                at += 1;
            }
            at = self.some_digits(at)?;
        }
        self.push(kind, start, at)?;
        Ok(at)
    }

    fn digits(&self, mut at: usize) -> usize {
        while self.byte(at).is_ascii_digit() {
            at += 1;
        }
        at
    }

    fn some_digits(&self, at: usize) -> Result<usize, Refusal> {
        if self.byte(at).is_ascii_digit() {
            Ok(self.digits(at))
        } else {
            self.refuse(Fault::Number, Fault::EofValue, at)
        }
    }

    /// A string, from its opening quote to behind its closing one.
    #[inline]
    fn string(&mut self, at: usize) -> Result<usize, Refusal> {
        let start = at + 1;
        let end = plain_end(self.bytes, start);
        if self.byte(end) == b'"' {
            self.push(Kind::Plain, start, end)?;
            Ok(end + 1)
        } else {
            self.unusual_string(start, end)
        }
    }

    /// The rest of a string that has an escape here, or no end.
    #[cold]
    #[inline(never)]
    fn unusual_string(&mut self, start: usize, mut at: usize) -> Result<usize, Refusal> {
        loop {
            at = match self.byte(at) {
                b'"' => {
                    self.push(Kind::Escaped, start, at)?;
                    return Ok(at + 1);
                }
                b'\\' => self.escape(at + 1)?,
                _ => return self.refuse(Fault::ControlCharacter, Fault::EofString, at),
            };
            at = plain_end(self.bytes, at);
        }
    }

    /// An escape, from behind its backslash to behind its last character.
    fn escape(&self, at: usize) -> Result<usize, Refusal> {
        match self.byte(at) {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 1),
            b'u' => {
                let behind = at + 5;
                match self.hex4(at + 1)? {
                    0xDC00..=0xDFFF => Err(self.refusal(Fault::LoneSurrogate, behind - 1)),
                    0xD800..=0xDBFF => self.low_surrogate(behind),
                    _ => Ok(behind),
                }
            }
            _ => self.refuse(Fault::Escape, Fault::EofString, at),
        }
    }

    /// The second half of a surrogate pair.
    fn low_surrogate(&self, at: usize) -> Result<usize, Refusal> {
        for (at, expected) in (at..).zip(*b"\\u") {
            if self.byte(at) != expected {
                return self.refuse(Fault::EndOfEscape, Fault::EofString, at);
            }
        }
        let behind = at + 6;
        match self.hex4(at + 2)? {
            0xDC00..=0xDFFF => Ok(behind),
            _ => Err(self.refusal(Fault::LoneSurrogate, behind - 1)),
        }
    }

    /// Four hexadecimal digits.
    fn hex4(&self, at: usize) -> Result<u32, Refusal> {
        let Some(digits) = self.bytes.get(at..at + 4) else {
            return self.refuse_end(Fault::EofString);
        };
        let mut value = 0;
        for (at, &digit) in (at..).zip(digits) {
            match char::from(digit).to_digit(16) {
                Some(digit) => value = value * 16 + digit,
                None => return Err(self.refusal(Fault::Escape, at)),
            }
        }
        Ok(value)
    }
}

/// Offsets and counts as nodes hold them.
#[expect(
    clippy::cast_possible_truncation,
    reason = "both are bounded by MAX_BYTES"
)]
pub(super) const fn narrow(n: usize) -> u32 {
    n as u32
}

/// Whether a byte inside a string is anything but itself.
const fn is_special(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < b' '
}

/// The first place from `at` on whose byte is anything but itself inside of a string, or the end: eight bytes at a
/// time, as numbers.
#[inline(never)]
fn plain_end(bytes: &[u8], at: usize) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (blocks, tail) = bytes.get(at..).unwrap_or_default().as_chunks();
    let mut at = at;
    for block in blocks {
        let block = u64::from_le_bytes(*block);
        // With this bit turned over, a quote is the next number behind the control characters. Subtracting turns the
        // high bit of a byte on when it was too small, and perhaps of some above the first such byte.
        let small = (block ^ (EACH * 0x02)).wrapping_sub(EACH * 0x21);
        let backslash = (block ^ (EACH * u64::from(b'\\'))).wrapping_sub(EACH);
        let special = (small | backslash) & !block & HIGH;
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += size_of::<u64>();
    }
    at + tail
        .iter()
        .position(|&byte| is_special(byte))
        .unwrap_or(tail.len())
}

/// How many bytes of a string are nothing but themselves.
pub(super) fn plain_prefix(bytes: &[u8]) -> usize {
    plain_end(bytes, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        match Tape::read(text, |_| ()) {
            Ok(()) => format!("{text} is JSON"),
            Err(refusal) => match refusal.excess() {
                Some((what, limit)) => format!("more than {limit} {what}"),
                None => refusal.describe(text.as_bytes()),
            },
        }
    }

    fn reads(text: &str) -> bool {
        Tape::read(text, |_| ()).is_ok()
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
            ("\0", "expected value at line 1 column 1"),
            ("[\0]", "expected value at line 1 column 2"),
            ("[1,\0]", "expected value at line 1 column 4"),
            ("{\0}", "key must be a string at line 1 column 2"),
            ("[1]\0", "trailing characters at line 1 column 4"),
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
        assert!(reads(&nested(MAX_DEPTH, "1")));
        assert!(reads(&nested(MAX_DEPTH, "[]")));
        assert!(refusal(&nested(MAX_DEPTH + 1, "1")).starts_with("recursion limit exceeded"));
        // Neighbours do not add up.
        assert!(reads(&format!("[{}1]", "{\"a\":1},[1],".repeat(MAX_DEPTH))));
        // A hostile depth costs neither stack nor much memory.
        assert!(refusal(&"[".repeat(1 << 20)).starts_with("recursion limit exceeded"));
        assert!(refusal(&"{\"\":".repeat(1 << 18)).starts_with("recursion limit exceeded"));
    }

    #[test]
    fn numbers_are_bounded_in_digits() {
        assert!(reads(&"9".repeat(Integer::MAX_DIGITS)));
        assert!(refusal(&"9".repeat(Integer::MAX_DIGITS + 1)).starts_with("number out of range"));
    }

    #[test]
    fn values_are_counted() {
        assert_eq!(
            refusal(&format!("[{}1]", "1,".repeat(MAX_VALUES))),
            "more than 1048576 values and keys"
        );
        // The list itself is one of them; where lists end, nothing is counted.
        assert!(reads(&format!("[{}1]", "1,".repeat(MAX_VALUES - 2))));
        assert!(reads(&format!("[{}1]", "[],".repeat(MAX_VALUES - 2))));
        assert!(!reads(&format!("[{}1]", "[],".repeat(MAX_VALUES - 1))));
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
        let nodes = |root: Value<'_>| {
            let tape = root.tape();
            let all = tape.nodes.iter().map(|node| {
                let end = if node.is_container() {
                    tape.nodes[node.reach as usize - 1].start() + 1
                } else {
                    node.reach as usize
                };
                let text = tape.text.get(node.start()..end).map(String::from);
                (node.kind(), text, node.reach)
            });
            all.collect::<Vec<_>>()
        };
        let tape = Tape::read("{\"a\": [1, {}], \"b\\n\": -2.5e3}", nodes).ok();
        let text = |text: &str| Some(text.into());
        let expected = [
            (Kind::Object, text("{\"a\": [1, {}], \"b\\n\": -2.5e3}"), 10),
            (Kind::Plain, text("a"), 3),
            (Kind::Array, text("[1, {}]"), 7),
            (Kind::Integer, text("1"), 8),
            (Kind::Object, text("{}"), 6),
            (Kind::Close, None, 0),
            (Kind::Close, None, 0),
            (Kind::Escaped, text("b\\n"), 19),
            (Kind::Float, text("-2.5e3"), 28),
            (Kind::Close, None, 0),
        ];
        assert_eq!(tape.as_deref(), Some(expected.as_slice()));
    }
}
