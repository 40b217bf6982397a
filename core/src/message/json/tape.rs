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

/// Why a text is no tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not JSON: what, and at which byte.
    Invalid(&'static str, usize),
    /// More of `what` than `limit`.
    TooLarge(&'static str, usize),
}

const EOF_VALUE: &str = "EOF while parsing a value";
const EOF_STRING: &str = "EOF while parsing a string";
const EOF_LIST: &str = "EOF while parsing a list";
const EOF_OBJECT: &str = "EOF while parsing an object";
const KEY_NO_STRING: &str = "key must be a string";
const INVALID_ESCAPE: &str = "invalid escape";
const LONE_SURROGATE: &str = "lone leading surrogate in hex escape";
const INVALID_NUMBER: &str = "invalid number";

impl Refusal {
    /// The reference's wording, with line and column.
    pub(crate) fn describe(what: &str, at: usize, text: &[u8]) -> String {
        let before = text.get(..text.len().min(at + 1)).unwrap_or_default();
        // The line break itself counts to the line that it starts.
        let line = before.split(|&byte| byte == b'\n').count();
        let column = before
            .iter()
            .rev()
            .take_while(|&&byte| byte != b'\n')
            .count();
        format!("{what} at line {line} column {column}")
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
            return Err(Refusal::TooLarge("bytes", MAX_BYTES));
        }
        // Two quotes and two separators make a short string; a guess on the high side wastes a little, once.
        let nodes = Vec::with_capacity(8 + text.len() / 12);
        let mut lexer = Lexer {
            bytes: text.as_bytes(),
            at: 0,
            nodes,
            open: NOWHERE,
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

/// What the lexer expects next.
enum Expect {
    Value,
    /// The first element, or the list's end.
    FirstElement,
    /// The first key, or the object's end.
    FirstKey,
    /// A value has ended: a separator, or the end of what surrounds it.
    After,
}

struct Lexer<'t> {
    bytes: &'t [u8],
    at: usize,
    nodes: Vec<Node>,
    /// The innermost container that is not closed yet, or [`NOWHERE`].
    open: u32,
    /// How many containers that hold something are open.
    depth: usize,
}

/// "No container": what the outermost value has around it.
const NOWHERE: u32 = u32::MAX;

impl Lexer<'_> {
    fn document(&mut self) -> Result<(), Refusal> {
        let mut expect = Expect::Value;
        loop {
            let next = self.skip_whitespace();
            expect = match (expect, next) {
                (Expect::Value, Some(b'{')) => self.open(Kind::Object)?,
                (Expect::Value, Some(b'[')) => self.open(Kind::Array)?,
                (Expect::Value, Some(b'"')) => {
                    self.string()?;
                    Expect::After
                }
                (Expect::Value, Some(first)) => self.scalar(first)?,
                (Expect::Value, None) => return self.refuse(EOF_VALUE),
                (Expect::FirstElement, Some(b']')) | (Expect::FirstKey, Some(b'}')) => self.close(),
                (Expect::FirstElement, Some(_)) => {
                    self.deeper()?;
                    Expect::Value
                }
                (Expect::FirstElement, None) => return self.refuse(EOF_LIST),
                (Expect::FirstKey, Some(b'"')) => {
                    self.deeper()?;
                    self.key()?
                }
                (Expect::FirstKey, Some(_)) => return self.refuse(KEY_NO_STRING),
                (Expect::FirstKey, None) => return self.refuse(EOF_OBJECT),
                (Expect::After, next) => match (
                    self.nodes.get(self.open as usize).map(|node| node.kind),
                    next,
                ) {
                    (None, None) => return Ok(()),
                    (None, Some(_)) => return self.refuse("trailing characters"),
                    (Some(Kind::Object), next) => self.after_member(next)?,
                    (Some(_), next) => self.after_element(next)?,
                },
            };
        }
    }

    fn after_member(&mut self, next: Option<u8>) -> Result<Expect, Refusal> {
        match next {
            Some(b',') => {
                self.at += 1;
                match self.skip_whitespace() {
                    Some(b'"') => self.key(),
                    Some(b'}') => self.refuse("trailing comma"),
                    Some(_) => self.refuse(KEY_NO_STRING),
                    None => self.refuse(EOF_VALUE),
                }
            }
            Some(b'}') => {
                self.depth -= 1;
                Ok(self.close())
            }
            Some(_) => self.refuse("expected `,` or `}`"),
            None => self.refuse(EOF_OBJECT),
        }
    }

    fn after_element(&mut self, next: Option<u8>) -> Result<Expect, Refusal> {
        match next {
            Some(b',') => {
                self.at += 1;
                match self.skip_whitespace() {
                    Some(b']') => self.refuse("trailing comma"),
                    Some(_) => Ok(Expect::Value),
                    None => self.refuse(EOF_VALUE),
                }
            }
            Some(b']') => {
                self.depth -= 1;
                Ok(self.close())
            }
            Some(_) => self.refuse("expected `,` or `]`"),
            None => self.refuse(EOF_LIST),
        }
    }

    fn refuse<T>(&self, what: &'static str) -> Result<T, Refusal> {
        Err(Refusal::Invalid(what, self.at))
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
            return Err(Refusal::TooLarge("values and keys", MAX_VALUES));
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

    fn open(&mut self, kind: Kind) -> Result<Expect, Refusal> {
        let place = narrow(self.nodes.len());
        self.push(kind, self.at, self.at)?;
        if let Some(node) = self.nodes.last_mut() {
            node.next = self.open;
        }
        self.open = place;
        self.at += 1;
        Ok(if kind == Kind::Object {
            Expect::FirstKey
        } else {
            Expect::FirstElement
        })
    }

    /// The open container holds something: only such ones count, as with the reference.
    fn deeper(&mut self) -> Result<(), Refusal> {
        if self.depth >= MAX_DEPTH {
            return self.refuse("recursion limit exceeded");
        }
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self) -> Expect {
        self.at += 1;
        let (end, next) = (narrow(self.at), narrow(self.nodes.len()));
        if let Some(node) = self.nodes.get_mut(self.open as usize) {
            node.end = end;
            self.open = core::mem::replace(&mut node.next, next);
        }
        Expect::After
    }

    fn key(&mut self) -> Result<Expect, Refusal> {
        self.string()?;
        match self.skip_whitespace() {
            Some(b':') => {
                self.at += 1;
                Ok(Expect::Value)
            }
            Some(_) => self.refuse("expected `:`"),
            None => self.refuse(EOF_OBJECT),
        }
    }

    fn scalar(&mut self, first: u8) -> Result<Expect, Refusal> {
        match first {
            b't' => self.name(Kind::True, b"true"),
            b'f' => self.name(Kind::False, b"false"),
            b'n' => self.name(Kind::Null, b"null"),
            b'N' => self.name(Kind::Float, b"NaN"),
            b'I' => self.name(Kind::Float, b"Infinity"),
            b'-' if self.bytes.get(self.at + 1) == Some(&b'I') => {
                self.name(Kind::Float, b"-Infinity")
            }
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.refuse("expected value"),
        }?;
        Ok(Expect::After)
    }

    fn name(&mut self, kind: Kind, name: &[u8]) -> Result<(), Refusal> {
        let start = self.at;
        for expected in name {
            match self.peek() {
                Some(byte) if byte == *expected => self.at += 1,
                Some(_) => return self.refuse("expected ident"),
                None => return self.refuse(EOF_VALUE),
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
                    return self.refuse(INVALID_NUMBER);
                }
            }
            Some(b'1'..=b'9') => self.digits(),
            Some(_) => return self.refuse(INVALID_NUMBER),
            None => return self.refuse(EOF_VALUE),
        }
        if self.at - start > Integer::MAX_DIGITS {
            return Err(Refusal::Invalid(
                "number out of range",
                start + Integer::MAX_DIGITS + 1,
            ));
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
            Some(_) => return self.refuse(INVALID_NUMBER),
            None => return self.refuse(EOF_VALUE),
        }
        Ok(())
    }

    /// A string, from its opening quote to behind its closing one.
    fn string(&mut self) -> Result<(), Refusal> {
        let start = self.at + 1;
        let mut kind = Kind::Plain;
        self.at = start;
        loop {
            self.at += plain_prefix(self.bytes.get(self.at..).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.push(kind, start, self.at)?;
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    kind = Kind::Escaped;
                    self.escape()?;
                }
                Some(_) => {
                    return self.refuse(
                        "control character (\\u0000-\\u001F) found while parsing a string",
                    );
                }
                None => return self.refuse(EOF_STRING),
            }
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
                0xDC00..=0xDFFF => Err(Refusal::Invalid(LONE_SURROGATE, self.at - 1)),
                0xD800..=0xDBFF => self.low_surrogate(),
                _ => Ok(()),
            },
            Some(_) => self.refuse(INVALID_ESCAPE),
            None => self.refuse(EOF_STRING),
        }
    }

    /// The second half of a surrogate pair.
    fn low_surrogate(&mut self) -> Result<(), Refusal> {
        for expected in *b"\\u" {
            match self.peek() {
                Some(byte) if byte == expected => self.at += 1,
                Some(_) => return self.refuse("unexpected end of hex escape"),
                None => return self.refuse(EOF_STRING),
            }
        }
        self.at -= 1;
        match self.hex4()? {
            0xDC00..=0xDFFF => Ok(()),
            _ => Err(Refusal::Invalid(LONE_SURROGATE, self.at - 1)),
        }
    }

    /// Four hexadecimal digits; called on the `u` before them.
    fn hex4(&mut self) -> Result<u32, Refusal> {
        let Some(digits) = self.bytes.get(self.at + 1..self.at + 5) else {
            return Err(Refusal::Invalid(EOF_STRING, self.bytes.len()));
        };
        let mut value = 0;
        for (offset, &digit) in digits.iter().enumerate() {
            match char::from(digit).to_digit(16) {
                Some(digit) => value = value * 16 + digit,
                None => return Err(Refusal::Invalid(INVALID_ESCAPE, self.at + 1 + offset)),
            }
        }
        self.at += 5;
        Ok(value)
    }
}

/// Lossless below [`MAX_BYTES`], which bounds every offset and every count here.
fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Whether a byte inside a string is anything but itself.
pub(super) const fn is_special(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < b' '
}

/// How many bytes of a string are nothing but themselves. Whole blocks first: the compiler turns them into vectors.
pub(super) fn plain_prefix(bytes: &[u8]) -> usize {
    const BLOCK: usize = 32;
    let mut plain = 0;
    for block in bytes.chunks_exact(BLOCK) {
        if block
            .iter()
            .fold(false, |special, &byte| special | is_special(byte))
        {
            break;
        }
        plain += BLOCK;
    }
    let rest = bytes.get(plain..).unwrap_or_default();
    plain
        + rest
            .iter()
            .position(|&byte| is_special(byte))
            .unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        match Tape::parse(text) {
            Err(Refusal::Invalid(what, at)) => Refusal::describe(what, at, text.as_bytes()),
            Err(Refusal::TooLarge(what, limit)) => format!("more than {limit} {what}"),
            Ok(_) => format!("{text} is JSON"),
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
