//! Taking values out of a tape as typed fields, with the reference's rules, collecting all that is wrong on the way.
//! It knows no message: what fields there are is told by the messages themselves.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::error::{ExpectedType, Issue, IssueKind, PathSegment, shorten};
use super::json::{Step, Tape, Value};
use super::{
    DecodeError, DecodeMode, Decoded, Integer, Json, JsonMap, OrderedMap, StringMap, UnknownField,
    map, number,
};

/// Something was wrong, and the reader has noted it: no value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused(());

/// What a typed reader returns.
pub(super) type Read<T> = Result<T, Refused>;

/// Reads one message.
pub(super) struct Reader<'t> {
    mode: DecodeMode,
    root: Value<'t>,
    /// As what the values around the current one are read, outermost first: names that paths hold beside keys.
    parts: Vec<(Value<'t>, &'static str)>,
    issues: Vec<Issue>,
    omitted: usize,
    unknown: Vec<UnknownField>,
    unknown_count: usize,
}

/// A named field of an object, there or not.
#[derive(Clone, Copy)]
pub(super) struct Field<'t> {
    name: &'static str,
    value: Option<Value<'t>>,
    object: Value<'t>,
}

/// The fields of an object that have no name.
pub(super) struct Rest<'t> {
    object: Value<'t>,
    names: &'static [&'static str],
    count: usize,
}

/// Reads the whole of `text` with `read`.
pub(super) fn decode<T>(
    text: &str,
    mode: DecodeMode,
    read: impl for<'t> FnOnce(&mut Reader<'t>, Value<'t>) -> Read<T>,
) -> Result<Decoded<T>, DecodeError> {
    let outcome = Tape::read(text, |root| {
        let mut reader = Reader {
            mode,
            root,
            parts: Vec::new(),
            issues: Vec::new(),
            omitted: 0,
            unknown: Vec::new(),
            unknown_count: 0,
        };
        match read(&mut reader, root) {
            Ok(message) if reader.issues.is_empty() => Ok(Decoded {
                message,
                unknown_fields: reader.unknown,
                unknown_field_count: reader.unknown_count,
            }),
            // A refusal exists only where an issue was noted, and the first ones are kept.
            _ => Err(DecodeError::new(reader.issues, reader.omitted)),
        }
    });
    outcome
        .map_err(|refusal| DecodeError::from_refusal(refusal, text.as_bytes()))
        .flatten()
}

impl<'t> Reader<'t> {
    /// Whether only what the reference accepts is accepted.
    pub(super) fn is_strict(&self) -> bool {
        self.mode == DecodeMode::Strict
    }

    /// The path to a value. Worked out only where it is asked for: most messages have nothing to tell.
    fn loc(&self, value: Value<'t>) -> Vec<PathSegment> {
        let (mut loc, mut around) = (Vec::new(), self.root);
        let mut parts = self.parts.iter().peekable();
        loop {
            while let Some((_, name)) = parts.next_if(|(part, _)| part.is_at(around)) {
                loc.push(PathSegment::Key((*name).into()));
            }
            let Some((step, inner)) = around.towards(value) else {
                return loc;
            };
            loc.push(match step {
                Step::Key(key) => PathSegment::Key(shorten(&key.as_text().unwrap_or_default())),
                Step::Index(index) => PathSegment::Index(index),
            });
            around = inner;
        }
    }

    /// Notes what is wrong with `value`.
    pub(super) fn refuse(&mut self, kind: IssueKind, value: Value<'t>) -> Refused {
        self.note(kind, value, None)
    }

    /// Notes what is wrong with a value, or with an object that misses the field of a name.
    #[cold]
    fn note(
        &mut self,
        kind: IssueKind,
        value: Value<'t>,
        missing: Option<&'static str>,
    ) -> Refused {
        if self.issues.len() < DecodeError::MAX_ISSUES {
            let mut loc = self.loc(value);
            loc.extend(missing.map(|name| PathSegment::Key(name.into())));
            self.issues.push(Issue {
                kind,
                loc,
                found: missing.is_none().then(|| value.json_type()),
                span: value.span(),
            });
        } else {
            self.omitted += 1;
        }
        Refused(())
    }

    fn wrong_type(&mut self, expected: ExpectedType, value: Value<'t>) -> Refused {
        self.refuse(IssueKind::WrongType(expected), value)
    }

    /// Reads `value` as a part of the union, or as the message, that is called `name`.
    pub(super) fn within<T>(
        &mut self,
        name: &'static str,
        value: Value<'t>,
        read: impl FnOnce(&mut Self, Value<'t>) -> T,
    ) -> T {
        self.parts.push((value, name));
        let outcome = read(self, value);
        self.parts.pop();
        outcome
    }

    /// What `read` reads, or nothing, and then nothing is held against the message either.
    pub(super) fn attempt<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Option<T> {
        let (issues, omitted) = (self.issues.len(), self.omitted);
        let (unknown, unknown_count) = (self.unknown.len(), self.unknown_count);
        let outcome = read(self)
            .ok()
            .filter(|_| (self.issues.len(), self.omitted) == (issues, omitted));
        if outcome.is_none() {
            self.issues.truncate(issues);
            self.unknown.truncate(unknown);
            (self.omitted, self.unknown_count) = (omitted, unknown_count);
        }
        outcome
    }

    // Objects.

    /// The fields of an object by name: of a repeated one the last. And the rest, which must be said what to do with.
    #[inline]
    pub(super) fn model<const N: usize>(
        &mut self,
        object: Value<'t>,
        names: &'static [&'static str; N],
    ) -> Read<([Field<'t>; N], Rest<'t>)> {
        let mut values = [None; N];
        let Some(count) = object.find(names, &mut values) else {
            return Err(self.wrong_type(ExpectedType::Model, object));
        };
        let mut names_left = names.iter();
        let fields = values.map(|value| Field {
            name: names_left.next().copied().unwrap_or_default(),
            value,
            object,
        });
        let rest = Rest {
            object,
            names,
            count,
        };
        Ok((fields, rest))
    }

    fn each_of(&mut self, rest: &Rest<'t>, mut note: impl FnMut(&mut Self, Value<'t>, Value<'t>)) {
        if rest.count == 0 {
            return;
        }
        for (key, value) in rest.object.entries().into_iter().flatten() {
            if !rest.names.iter().any(|name| key.is(name)) {
                note(self, key, value);
            }
        }
    }

    /// The reference refuses other fields here. So does strict mode; else they are kept aside and counted.
    pub(super) fn forbid(&mut self, rest: &Rest<'t>) {
        if self.is_strict() {
            self.each_of(rest, |reader, _, value| {
                reader.refuse(IssueKind::ExtraForbidden, value);
            });
        } else {
            self.ignore(rest);
        }
    }

    /// The reference passes over other fields here: they are kept aside and counted, in strict mode, too.
    pub(super) fn ignore(&mut self, rest: &Rest<'t>) {
        self.each_of(rest, |reader, _, value| {
            reader.unknown_count += 1;
            if reader.unknown.len() < Decoded::<()>::MAX_UNKNOWN_FIELDS {
                reader.unknown.push(UnknownField {
                    loc: reader.loc(value),
                    value: Json::from_value(value),
                });
            }
        });
    }

    /// Other fields belong to the message here.
    pub(super) fn keep(&mut self, rest: &Rest<'t>) -> JsonMap {
        let mut kept = Vec::with_capacity(rest.count);
        self.each_of(rest, |_, key, value| {
            let key = key.to_text().unwrap_or_default();
            kept.push((key, Json::from_value(value)));
        });
        OrderedMap::from_unique(map::unique(kept))
    }

    /// The field that tells an object's variant.
    pub(super) fn tag(
        &mut self,
        object: Value<'t>,
        discriminator: &'static str,
        expected: &'static str,
    ) -> Read<Cow<'t, str>> {
        if object.entries().is_none() {
            return Err(self.wrong_type(ExpectedType::Dict, object));
        }
        match object.get(discriminator) {
            None => Err(self.refuse(IssueKind::UnionTagNotFound { discriminator }, object)),
            Some(tag) => match tag.as_text() {
                Some(tag) => Ok(tag),
                None => Err(self.unknown_tag(object, discriminator, &tag.python_text(), expected)),
            },
        }
    }

    /// No variant is called `tag`.
    pub(super) fn unknown_tag(
        &mut self,
        object: Value<'t>,
        discriminator: &'static str,
        tag: &str,
        expected: &'static str,
    ) -> Refused {
        self.refuse(
            IssueKind::UnionTagInvalid {
                discriminator,
                tag: shorten(tag),
                expected,
            },
            object,
        )
    }

    // Fields.

    /// A field that must be there.
    pub(super) fn required<T>(
        &mut self,
        field: Field<'t>,
        read: impl FnOnce(&mut Self, Value<'t>) -> Read<T>,
    ) -> Read<T> {
        match field.value {
            Some(value) => read(self, value),
            None => Err(self.note(IssueKind::Missing, field.object, Some(field.name))),
        }
    }

    /// A field that has a default when it is not there. A null is not the same as its absence.
    pub(super) fn or<T>(
        &mut self,
        field: Field<'t>,
        default: T,
        read: impl FnOnce(&mut Self, Value<'t>) -> Read<T>,
    ) -> Read<T> {
        match field.value {
            Some(value) => read(self, value),
            None => Ok(default),
        }
    }

    /// A field that can be null and is so by default.
    pub(super) fn optional<T>(
        &mut self,
        field: Field<'t>,
        read: impl FnOnce(&mut Self, Value<'t>) -> Read<T>,
    ) -> Read<Option<T>> {
        match field.value {
            Some(value) if !value.is_null() => read(self, value).map(Some),
            _ => Ok(None),
        }
    }

    /// A field that can only say one thing, and says it by default.
    pub(super) fn constant(
        &mut self,
        field: Field<'t>,
        text: &str,
        quoted: &'static str,
    ) -> Read<()> {
        self.or(field, (), |reader, value| {
            if value.is(text) {
                Ok(())
            } else {
                Err(reader.refuse(IssueKind::Literal { expected: quoted }, value))
            }
        })
    }

    // Values.

    pub(super) fn string(&mut self, value: Value<'t>) -> Read<String> {
        match value.to_text() {
            Some(text) => Ok(text),
            None => Err(self.wrong_type(ExpectedType::String, value)),
        }
    }

    /// Base64.
    pub(super) fn bytes(&mut self, value: Value<'t>) -> Read<Vec<u8>> {
        let Some(text) = value.as_text() else {
            return Err(self.wrong_type(ExpectedType::Bytes, value));
        };
        super::base64::decode(&text)
            .map_err(|reason| self.refuse(IssueKind::Value { reason }, value))
    }

    pub(super) fn boolean(&mut self, value: Value<'t>) -> Read<bool> {
        number::boolean(value).map_err(|kind| self.refuse(kind, value))
    }

    pub(super) fn integer(&mut self, value: Value<'t>) -> Read<Integer> {
        number::integer(value).map_err(|kind| self.refuse(kind, value))
    }

    /// A name that a later version of the protocol may add to: whatever is not known is `unknown`.
    pub(super) fn open_name<T>(
        value: Value<'t>,
        known: impl FnOnce(&str) -> Option<T>,
        unknown: T,
    ) -> T {
        value
            .as_text()
            .and_then(|name| known(&name))
            .unwrap_or(unknown)
    }

    /// A name of a strict enumeration.
    pub(super) fn strict_name<T>(
        &mut self,
        value: Value<'t>,
        known: impl FnOnce(&str) -> Option<T>,
        kind: IssueKind,
    ) -> Read<T> {
        value
            .as_text()
            .and_then(|name| known(&name))
            .ok_or_else(|| self.refuse(kind, value))
    }

    /// Anything.
    pub(super) fn json(value: Value<'t>) -> Json {
        Json::from_value(value)
    }

    pub(super) fn list<T>(
        &mut self,
        value: Value<'t>,
        mut read: impl FnMut(&mut Self, Value<'t>) -> Read<T>,
    ) -> Read<Vec<T>> {
        let Some(elements) = value.elements() else {
            return Err(self.wrong_type(ExpectedType::List, value));
        };
        let mut list = Ok(Vec::with_capacity(elements.clone().count()));
        for element in elements {
            match (read(self, element), &mut list) {
                (Ok(element), Ok(list)) => list.push(element),
                (Ok(_), Err(_)) => {}
                (Err(refused), list) => *list = Err(refused),
            }
        }
        list
    }

    pub(super) fn strings(&mut self, value: Value<'t>) -> Read<Vec<String>> {
        self.list(value, Self::string)
    }

    fn map<T>(
        &mut self,
        value: Value<'t>,
        mut read: impl FnMut(&mut Self, Value<'t>) -> Read<T>,
    ) -> Read<OrderedMap<T>> {
        let Some(entries) = value.entries() else {
            return Err(self.wrong_type(ExpectedType::Dict, value));
        };
        let mut map = Ok(Vec::with_capacity(entries.clone().count()));
        for (key, value) in entries {
            match (read(self, value), &mut map) {
                (Ok(value), Ok(map)) => {
                    map.push((key.to_text().unwrap_or_default(), value));
                }
                (Ok(_), Err(_)) => {}
                (Err(refused), map) => *map = Err(refused),
            }
        }
        map.map(|entries| OrderedMap::from_unique(map::unique(entries)))
    }

    pub(super) fn string_map(&mut self, value: Value<'t>) -> Read<StringMap> {
        self.map(value, Self::string)
    }

    pub(super) fn json_map(&mut self, value: Value<'t>) -> Read<JsonMap> {
        self.map(value, |_, value| Ok(Self::json(value)))
    }
}
