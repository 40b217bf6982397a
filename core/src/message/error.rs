//! What is wrong with a message: kinds, places, words. Never the content itself.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The longest name of a field or a tag that an error repeats, in characters.
pub(crate) const MAX_SHOWN: usize = 64;

/// Cuts a name that came from outside to a length that an error may carry.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => [text.get(..end).unwrap_or_default(), ".."].concat(),
        None => text.into(),
    }
}

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
    /// `string_type`, `bool_type`, `int_type`, `list_type`, `dict_type`, `model_type`: another JSON type is needed.
    WrongType {
        /// The reference's name of this kind.
        name: &'static str,
        /// The type that is needed, in words.
        expected: &'static str,
    },
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
        /// What is accepted, quoted.
        expected: &'static str,
    },
    /// `value_error`: the text cannot be read as what it should be.
    Value {
        /// The reason, in the reference's words.
        reason: &'static str,
    },
    /// The message is longer, or holds more values, than this reader allows. The reference has no such limit.
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
    },
}

/// One thing that is wrong with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// What.
    pub kind: IssueKind,
    /// Where: the path to the field. Empty for the message as a whole.
    pub loc: Vec<PathSegment>,
    /// The type of the value that was found there, if there was one.
    pub found: Option<JsonType>,
}

/// A message could not be decoded. Holds the first issues, all of them found in one pass.
///
/// It says where and why, and nothing of what the message contained beyond names of fields and tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    issues: Box<[Issue]>,
    omitted: usize,
}

impl core::error::Error for DecodeError {}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} issues", self.issues.len())
    }
}

impl DecodeError {
    pub(crate) fn not_yet() -> Self {
        let kind = IssueKind::TooLarge {
            what: "nothing",
            limit: 0,
        };
        Self {
            issues: Box::new([Issue {
                kind,
                loc: Vec::new(),
                found: None,
            }]),
            omitted: 0,
        }
    }

    /// The issues in the reference's order: fields as declared, then unknown ones; never empty.
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// How many more issues there were than are kept.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// The message's type, cut to a bounded length, where all that is wrong is that nobody knows it.
    pub fn unknown_message_type(&self) -> Option<&str> {
        None
    }
}

impl IssueKind {
    /// The reference's name: `missing`, `extra_forbidden`, `json_invalid`.
    pub fn name(&self) -> &'static str {
        "missing"
    }

    /// The reference's message for it.
    pub fn message(&self) -> String {
        String::new()
    }
}
