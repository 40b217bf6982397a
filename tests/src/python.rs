//! Python's `json`, imitated slowly and plainly: the yardstick for the core's canonical payloads, with which it
//! shares no code. Only for JSON that a test vouches for.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "whatever a test vouches for and is not so ends the test"
)]

use std::fmt::Write as _;

/// A JSON value as Python's `json.loads` sees it; a number is still its text.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `None`.
    Null,
    /// `True` or `False`.
    Bool(bool),
    /// An `int` or a `float`.
    Number(String),
    /// A `str`.
    Text(String),
    /// A `list`.
    List(Vec<Self>),
    /// A `dict`: unique keys in order of first insertion.
    Object(Vec<(String, Self)>),
}

impl Node {
    /// Reads JSON.
    ///
    /// # Panics
    /// When `text` is no JSON: tests bring good JSON.
    pub fn parse(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut place = 0;
        let node = parse_value(&chars, &mut place);
        skip_space(&chars, &mut place);
        assert_eq!(place, chars.len(), "something follows the JSON");
        node
    }

    /// The value of a key, null where there is none.
    ///
    /// # Panics
    /// When this is no object.
    pub fn get(&self, key: &str) -> &Self {
        let Self::Object(entries) = self else {
            panic!("no object")
        };
        entries
            .iter()
            .find(|(name, _)| name == key)
            .map_or(&Self::Null, |(_, value)| value)
    }

    /// The text, where this is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// `json.dumps(self, sort_keys=True)`.
    pub fn dumps_sorted(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Bool(value) => value.to_string(),
            Self::Number(text) => number(text),
            Self::Text(text) => quote(text),
            Self::List(nodes) => {
                let parts: Vec<String> = nodes.iter().map(Self::dumps_sorted).collect();
                format!("[{}]", parts.join(", "))
            }
            Self::Object(entries) => {
                let mut entries: Vec<_> = entries.iter().collect();
                // Python compares strings by code point.
                entries.sort_by(|(a, _), (b, _)| a.chars().cmp(b.chars()));
                let parts: Vec<String> = entries
                    .iter()
                    .map(|(key, node)| format!("{}: {}", quote(key), node.dumps_sorted()))
                    .collect();
                format!("{{{}}}", parts.join(", "))
            }
        }
    }

    /// The model library's compact spelling, in the order of the entries. For integers and texts.
    pub fn dumps_compact(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Bool(value) => value.to_string(),
            Self::Number(text) => text.clone(),
            Self::Text(text) => quote_compact(text),
            Self::List(nodes) => {
                let parts: Vec<String> = nodes.iter().map(Self::dumps_compact).collect();
                format!("[{}]", parts.join(","))
            }
            Self::Object(entries) => {
                let parts: Vec<String> = entries
                    .iter()
                    .map(|(key, node)| format!("{}:{}", quote_compact(key), node.dumps_compact()))
                    .collect();
                format!("{{{}}}", parts.join(","))
            }
        }
    }
}

/// A string as `json.dumps` writes it: ASCII, UTF-16 escapes.
pub fn quote(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match short_escape(c) {
            Some(escape) => out.push_str(escape),
            None if (' '..='~').contains(&c) => out.push(c),
            None => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").expect("a string takes everything");
                }
            }
        }
    }
    out + "\""
}

fn quote_compact(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match short_escape(c) {
            Some(escape) => out.push_str(escape),
            None if c < ' ' => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("a string takes everything");
            }
            None => out.push(c),
        }
    }
    out + "\""
}

fn short_escape(c: char) -> Option<&'static str> {
    match c {
        '"' => Some("\\\""),
        '\\' => Some("\\\\"),
        '\n' => Some("\\n"),
        '\r' => Some("\\r"),
        '\t' => Some("\\t"),
        '\u{8}' => Some("\\b"),
        '\u{c}' => Some("\\f"),
        _ => None,
    }
}

/// A number as `json.dumps(json.loads(text))` writes it.
fn number(text: &str) -> String {
    if text.contains(['.', 'e', 'E']) {
        float(text.parse().expect("a JSON number is a float"))
    } else if text == "-0" {
        "0".into()
    } else {
        text.into()
    }
}

/// `repr(float)`: the fewest digits that read back as the same number, found by trying.
pub fn float(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 {
            "Infinity".into()
        } else {
            "-Infinity".into()
        };
    }
    let shortest = (0..17)
        .flat_map(|digits| neighbours(&format!("{value:.digits$e}")))
        .find(|text| text.parse() == Ok(value))
        .expect("17 digits tell all floats apart");
    let (digits, exponent) = shortest.split_once('e').expect("written with an exponent");
    let exponent: i32 = exponent.parse().expect("a number");
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", digits), |digits| ("-", digits));
    let digits: String = digits.chars().filter(|c| *c != '.').collect();
    let digits = digits.trim_end_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    let count = i32::try_from(digits.len()).expect("at most 17");
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let body = match exponent {
        16.. | ..=-5 => {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{first}{point}{rest}e{sign}{:02}", exponent.abs())
        }
        ..0 => format!("0.{}{digits}", zeros(-exponent - 1)),
        _ if count <= exponent + 1 => format!("{digits}{}.0", zeros(exponent + 1 - count)),
        _ => {
            let (whole, fraction) = digits.split_at(usize::try_from(exponent + 1).unwrap_or(0));
            format!("{whole}.{fraction}")
        }
    };
    format!("{sign}{body}")
}

/// A number of so many digits, and the next ones above and below. At a power of two, where the floats below are
/// closer than those above, a neighbour may read back where the nearest number of that length does not.
fn neighbours(text: &str) -> [String; 3] {
    let (digits, exponent) = text.split_once('e').expect("written with an exponent");
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let point = if fraction.is_empty() { "" } else { "." };
    let number: i64 = format!("{whole}{fraction}")
        .parse()
        .expect("at most 17 digits");
    let beside = |number: i64| {
        let digits = number.to_string();
        let (whole, fraction) = digits.split_at(digits.len() - fraction.len());
        format!("{whole}{point}{fraction}e{exponent}")
    };
    // A negative zero keeps its sign only as it is.
    [text.to_owned(), beside(number + 1), beside(number - 1)]
}

fn skip_space(chars: &[char], place: &mut usize) {
    while chars.get(*place).is_some_and(|c| " \t\r\n".contains(*c)) {
        *place += 1;
    }
}

fn expect(chars: &[char], place: &mut usize, text: &str) {
    for c in text.chars() {
        assert_eq!(chars.get(*place), Some(&c), "at {place}");
        *place += 1;
    }
}

/// The character after white space.
fn peek(chars: &[char], place: &mut usize) -> char {
    skip_space(chars, place);
    *chars.get(*place).expect("the JSON ends too early")
}

fn parse_value(chars: &[char], place: &mut usize) -> Node {
    let literal = |place: &mut usize, text, node| {
        expect(chars, place, text);
        node
    };
    match peek(chars, place) {
        'n' => literal(place, "null", Node::Null),
        't' => literal(place, "true", Node::Bool(true)),
        'f' => literal(place, "false", Node::Bool(false)),
        '"' => Node::Text(parse_text(chars, place)),
        '[' => {
            let mut nodes = Vec::new();
            parse_items(chars, place, ']', |place| {
                nodes.push(parse_value(chars, place));
            });
            Node::List(nodes)
        }
        '{' => {
            let mut entries: Vec<(String, Node)> = Vec::new();
            parse_items(chars, place, '}', |place| {
                let key = parse_text(chars, place);
                assert_eq!(peek(chars, place), ':');
                *place += 1;
                let value = parse_value(chars, place);
                match entries.iter_mut().find(|(name, _)| *name == key) {
                    Some((_, old)) => *old = value,
                    None => entries.push((key, value)),
                }
            });
            Node::Object(entries)
        }
        'N' => literal(place, "NaN", Node::Number("NaN".into())),
        'I' => literal(place, "Infinity", Node::Number("Infinity".into())),
        '-' if chars.get(*place + 1) == Some(&'I') => {
            literal(place, "-Infinity", Node::Number("-Infinity".into()))
        }
        _ => {
            let text: String = chars[*place..]
                .iter()
                .take_while(|c| "+-.eE0123456789".contains(**c))
                .collect();
            assert!(!text.is_empty(), "no value at {place}");
            *place += text.len();
            Node::Number(text)
        }
    }
}

fn parse_items(chars: &[char], place: &mut usize, close: char, mut item: impl FnMut(&mut usize)) {
    *place += 1;
    if peek(chars, place) == close {
        *place += 1;
        return;
    }
    loop {
        peek(chars, place);
        item(place);
        let c = peek(chars, place);
        *place += 1;
        if c == close {
            return;
        }
        assert_eq!(c, ',', "at {place}");
    }
}

fn parse_text(chars: &[char], place: &mut usize) -> String {
    expect(chars, place, "\"");
    let mut units = Vec::new();
    loop {
        let c = *chars.get(*place).expect("the text ends");
        *place += 1;
        let c = match c {
            '"' => return String::from_utf16(&units).expect("no lone surrogates"),
            '\\' => {
                let escape = *chars.get(*place).expect("the escape ends");
                *place += 1;
                match escape {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'u' => {
                        let digits: String = chars[*place..*place + 4].iter().collect();
                        *place += 4;
                        units.push(u16::from_str_radix(&digits, 16).expect("four digits"));
                        continue;
                    }
                    other => other,
                }
            }
            other => other,
        };
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }
}
