//! What is wrong with a message: kinds, places, words. Never the content itself.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use super::json::Refusal;
use super::redact::scrub;

/// The longest name of a field or a tag that an error repeats, in characters.
pub(crate) const MAX_SHOWN: usize = 64;

/// Cuts a name that came from outside to a length that an error may carry, and shows no signature in it.
pub(crate) fn shorten(text: &str) -> String {
    if text.len() < SHORT {
        return text.into();
    }
    // More than is shown: a signature is to be known for one even where it is cut.
    let ahead = text.char_indices().nth(4 * MAX_SHOWN);
    let text = scrub(
        text.get(..ahead.map_or(text.len(), |(end, _)| end))
            .unwrap_or_default(),
    );
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => [text.get(..end).unwrap_or_default(), ".."].concat(),
        None => text,
    }
}

/// Too short for a signature, and for being cut.
const SHORT: usize = 40;

/// A step on the way to a field: `loc` of the reference's errors.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathSegment {
    /// A key of an object, the name of a union's member, or the type of a message. Cut to a bounded length.
    Key(String),
    /// A place in a list, from 0.
    Index(usize),
}

/// The type of a JSON value: all that an error tells about what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JsonType {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number without fraction and exponent.
    Integer,
    /// Any other number.
    Float,
    /// A string.
    String,
    /// A list.
    Array,
    /// An object.
    Object,
}

/// The type that a field needs, where another one was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExpectedType {
    /// Text: `string_type`.
    String,
    /// Base64 text: `bytes_type`.
    Bytes,
    /// A truth value: `bool_type`.
    Bool,
    /// An integer: `int_type`.
    Integer,
    /// A list: `list_type`.
    List,
    /// An object with any keys, or one whose variant a tag tells: `dict_type`.
    Dict,
    /// An object with named fields: `model_type`.
    Model,
}

/// What is wrong with one place of a message, as the reference's validation library names it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssueKind {
    /// `json_invalid`: the text is no JSON.
    JsonInvalid {
        /// What is wrong with it, in the reference's words, with line and column.
        reason: String,
    },
    /// `missing`: a required field is not there.
    Missing,
    /// `extra_forbidden`: the field is not known here (strict mode only).
    ExtraForbidden,
    /// `string_type` and its like: another JSON type is needed.
    WrongType(ExpectedType),
    /// `int_parsing`: a string that is no integer.
    IntParsing,
    /// `int_parsing_size`: a string or a float that is too big an integer.
    IntParsingSize,
    /// `int_from_float`: a number with a fraction.
    IntFromFloat,
    /// `finite_number`: not a finite number.
    FiniteNumber,
    /// `bool_parsing`: no known spelling of a truth value.
    BoolParsing,
    /// `literal_error`: another constant is needed.
    Literal {
        /// What is accepted, quoted.
        expected: &'static str,
    },
    /// `enum`: no member of a strict enumeration.
    Enum {
        /// What is accepted, quoted.
        expected: &'static str,
    },
    /// `union_tag_not_found`: the field that tells the variant is missing.
    UnionTagNotFound {
        /// That field.
        discriminator: &'static str,
    },
    /// `union_tag_invalid`: no such variant. At the top of a message: its type is not known.
    UnionTagInvalid {
        /// The field that tells the variant.
        discriminator: &'static str,
        /// What it says, cut to a bounded length.
        tag: String,
        /// What is accepted, quoted as the reference quotes it.
        expected: &'static str,
    },
    /// `value_error`: the text cannot be read as what it should be.
    Value {
        /// The reason, in the reference's words.
        reason: String,
    },
    /// `too_large`: longer, or with more values, than this reader allows. The reference has no such limit.
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
    },
}

impl IssueKind {
    /// The reference's name of it: `missing`, `extra_forbidden`, `json_invalid`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::JsonInvalid { .. } => "json_invalid",
            Self::Missing => "missing",
            Self::ExtraForbidden => "extra_forbidden",
            Self::WrongType(ExpectedType::String) => "string_type",
            Self::WrongType(ExpectedType::Bytes) => "bytes_type",
            Self::WrongType(ExpectedType::Bool) => "bool_type",
            Self::WrongType(ExpectedType::Integer) => "int_type",
            Self::WrongType(ExpectedType::List) => "list_type",
            Self::WrongType(ExpectedType::Dict) => "dict_type",
            Self::WrongType(ExpectedType::Model) => "model_type",
            Self::IntParsing => "int_parsing",
            Self::IntParsingSize => "int_parsing_size",
            Self::IntFromFloat => "int_from_float",
            Self::FiniteNumber => "finite_number",
            Self::BoolParsing => "bool_parsing",
            Self::Literal { .. } => "literal_error",
            Self::Enum { .. } => "enum",
            Self::UnionTagNotFound { .. } => "union_tag_not_found",
            Self::UnionTagInvalid { .. } => "union_tag_invalid",
            Self::Value { .. } => "value_error",
            Self::TooLarge { .. } => "too_large",
        }
    }
}

impl fmt::Display for IssueKind {
    /// The reference's message, word for word: what is accepted there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JsonInvalid { reason } => write!(f, "Invalid JSON: {reason}"),
            Self::Missing => f.write_str("Field required"),
            Self::ExtraForbidden => f.write_str("Extra inputs are not permitted"),
            Self::WrongType(expected) => f.write_str(match expected {
                ExpectedType::String => "Input should be a valid string",
                ExpectedType::Bytes => "Input should be a valid bytes",
                ExpectedType::Bool => "Input should be a valid boolean",
                ExpectedType::Integer => "Input should be a valid integer",
                ExpectedType::List => "Input should be a valid array",
                ExpectedType::Dict | ExpectedType::Model => "Input should be an object",
            }),
            Self::IntParsing => {
                f.write_str("Input should be a valid integer, unable to parse string as an integer")
            }
            Self::IntParsingSize => {
                f.write_str("Unable to parse input string as an integer, exceeded maximum size")
            }
            Self::IntFromFloat => {
                f.write_str("Input should be a valid integer, got a number with a fractional part")
            }
            Self::FiniteNumber => f.write_str("Input should be a finite number"),
            Self::BoolParsing => {
                f.write_str("Input should be a valid boolean, unable to interpret input")
            }
            Self::Literal { expected } | Self::Enum { expected } => {
                write!(f, "Input should be {expected}")
            }
            Self::UnionTagNotFound { discriminator } => {
                write!(
                    f,
                    "Unable to extract tag using discriminator '{discriminator}'"
                )
            }
            Self::UnionTagInvalid {
                discriminator,
                tag,
                expected,
            } => write!(
                f,
                "Input tag '{tag}' found using '{discriminator}' does not match any of the expected tags: {expected}"
            ),
            Self::Value { reason } => write!(f, "Value error, {reason}"),
            Self::TooLarge { what, limit } => write!(f, "Input should have at most {limit} {what}"),
        }
    }
}

/// One thing that is wrong with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// What.
    pub kind: IssueKind,
    /// Where: the path to the field, as the reference's `loc`. Empty for the message as a whole.
    pub loc: Vec<PathSegment>,
    /// The type of the value that was found there, if there was one.
    pub found: Option<JsonType>,
    /// Which bytes of the message the reference would echo as `input`: the value, or the object that misses it.
    ///
    /// Only where to look: an error never holds what was found.
    pub span: Range<usize>,
}

impl fmt::Display for PathSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // What a key holds came from outside: nothing in it may break a log line.
            Self::Key(key) => write!(f, "{}", key.escape_debug()),
            Self::Index(index) => write!(f, "{index}"),
        }
    }
}

impl fmt::Display for JsonType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "a truth value",
            Self::Integer => "an integer",
            Self::Float => "a number with a fraction",
            Self::String => "a string",
            Self::Array => "a list",
            Self::Object => "an object",
        })
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for segment in &self.loc {
            write!(f, "{separator}{segment}")?;
            separator = ".";
        }
        f.write_str(if self.loc.is_empty() { "" } else { ": " })?;
        match &self.kind {
            // The tag came from outside.
            IssueKind::UnionTagInvalid {
                discriminator,
                tag,
                expected,
            } => {
                write!(
                    f,
                    "no such {discriminator}: \"{}\"; accepted: {expected}",
                    tag.escape_debug()
                )
            }
            kind => write!(f, "{kind}"),
        }?;
        match (&self.kind, self.found) {
            (
                IssueKind::WrongType(_) | IssueKind::Literal { .. } | IssueKind::Enum { .. },
                Some(found),
            ) => {
                write!(f, ", found {found}")
            }
            _ => Ok(()),
        }
    }
}

/// A message could not be decoded. Holds the first issues; all of them were found in one pass.
///
/// It says where and why, and nothing of what the message contained beyond names of fields and tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Never empty.
    issues: Box<[Issue]>,
    omitted: usize,
}

impl DecodeError {
    /// How many issues are kept; the others are only counted.
    pub const MAX_ISSUES: usize = 32;

    /// `issues` must not be empty.
    pub(super) fn new(issues: Vec<Issue>, omitted: usize) -> Self {
        Self {
            issues: issues.into_boxed_slice(),
            omitted,
        }
    }

    pub(super) fn from_refusal(refusal: Refusal, text: &[u8]) -> Self {
        let kind = match refusal.excess() {
            Some((what, limit)) => IssueKind::TooLarge { what, limit },
            None => IssueKind::JsonInvalid {
                reason: refusal.describe(text),
            },
        };
        let issue = Issue {
            kind,
            loc: Vec::new(),
            found: None,
            span: 0..text.len(),
        };
        Self {
            issues: Box::new([issue]),
            omitted: 0,
        }
    }

    /// The issues in the reference's order: fields as declared, then unknown ones. Never empty.
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// How many more issues there were than are kept.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// Whether the text is no JSON at all.
    pub fn is_json_invalid(&self) -> bool {
        matches!(
            &*self.issues,
            [
                Issue {
                    kind: IssueKind::JsonInvalid { .. },
                    ..
                },
                ..
            ]
        )
    }

    /// The message's type, cut to a bounded length, where what is wrong is that nobody here knows it.
    pub fn unknown_message_type(&self) -> Option<&str> {
        match &*self.issues {
            [
                Issue {
                    kind:
                        IssueKind::UnionTagInvalid {
                            discriminator: "message_type",
                            tag,
                            ..
                        },
                    loc,
                    ..
                },
            ] if loc.is_empty() => Some(tag),
            _ => None,
        }
    }
}

impl core::error::Error for DecodeError {}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for issue in self.issues.iter().take(SHOWN) {
            write!(f, "{separator}{issue}")?;
            separator = "; ";
        }
        match self.issues.len().saturating_sub(SHOWN) + self.omitted {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// How many issues an error puts into words.
const SHOWN: usize = 3;
