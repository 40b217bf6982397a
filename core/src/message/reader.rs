//! Taking values out of a tape as typed fields, with the reference's rules, collecting all that is wrong on the way.
//! It knows no message: what fields there are is told by the messages themselves.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::error::{ExpectedType, Issue, IssueKind, PathSegment, shorten};
use super::json::{Tape, Value};
use super::{
    DecodeError, DecodeMode, Decoded, Integer, Json, JsonMap, OrderedMap, StringMap, UnknownField,
    map, number,
};

/// Something was wrong, and the reader has noted it: no value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused(());

/// What a typed reader returns.
pub(super) type Read<T> = Result<T, Refused>;

/// A step on the way to where the reader is.
enum Step<'t> {
    Name(&'static str),
    Key(Cow<'t, str>),
    Index(usize),
}

/// Reads one message.
pub(super) struct Reader<'t> {
    mode: DecodeMode,
    path: Vec<Step<'t>>,
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
pub(super) struct Rest<'t, const N: usize> {
    object: Value<'t>,
    names: [&'static str; N],
    count: usize,
}

/// Reads the whole of `text` with `read`.
pub(super) fn decode<T>(
    text: &str,
    mode: DecodeMode,
    read: impl for<'t> FnOnce(&mut Reader<'t>, Value<'t>) -> Read<T>,
) -> Result<Decoded<T>, DecodeError> {
    let tape =
        Tape::parse(text).map_err(|refusal| DecodeError::from_refusal(refusal, text.as_bytes()))?;
    let mut reader = Reader {
        mode,
        // Deeper than most paths of the protocol.
        path: Vec::with_capacity(8),
        issues: Vec::new(),
        omitted: 0,
        unknown: Vec::new(),
        unknown_count: 0,
    };
    match read(&mut reader, tape.root()) {
        Ok(message) if reader.issues.is_empty() => Ok(Decoded {
            message,
            unknown_fields: reader.unknown,
            unknown_field_count: reader.unknown_count,
        }),
        // A refusal exists only where an issue was noted, and the first ones are kept.
        _ => Err(DecodeError::new(reader.issues, reader.omitted)),
    }
}

impl<'t> Reader<'t> {
    /// Whether only what the reference accepts is accepted.
    pub(super) fn is_strict(&self) -> bool {
        self.mode == DecodeMode::Strict
    }

    fn loc(&self) -> Vec<PathSegment> {
        let segment = |step: &Step<'_>| match step {
            Step::Name(name) => PathSegment::Key((*name).into()),
            Step::Key(key) => PathSegment::Key(shorten(key)),
            Step::Index(index) => PathSegment::Index(*index),
        };
        self.path.iter().map(segment).collect()
    }

    /// Notes what is wrong with `value`.
    pub(super) fn refuse(&mut self, kind: IssueKind, value: Value<'_>) -> Refused {
        let found = match kind {
            IssueKind::Missing => None,
            _ => Some(value.json_type()),
        };
        if self.issues.len() < DecodeError::MAX_ISSUES {
            let loc = self.loc();
            self.issues.push(Issue {
                kind,
                loc,
                found,
                span: value.span(),
            });
        } else {
            self.omitted += 1;
        }
        Refused(())
    }

    fn wrong_type(&mut self, expected: ExpectedType, value: Value<'_>) -> Refused {
        self.refuse(IssueKind::WrongType(expected), value)
    }

    fn at<T>(&mut self, step: Step<'t>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let outcome = read(self);
        self.path.pop();
        outcome
    }

    /// Reads as a part of the union or of the message called `name`.
    pub(super) fn within<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.at(Step::Name(name), read)
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
    pub(super) fn model<const N: usize>(
        &mut self,
        object: Value<'t>,
        names: [&'static str; N],
    ) -> Read<([Field<'t>; N], Rest<'t, N>)> {
        self.fields(object, names, ExpectedType::Model)
    }

    /// Some fields of an object that will be read as a model once they have told which.
    pub(super) fn peek<const N: usize>(
        &mut self,
        object: Value<'t>,
        names: [&'static str; N],
    ) -> Read<[Option<Value<'t>>; N]> {
        let (fields, _) = self.fields(object, names, ExpectedType::Dict)?;
        Ok(fields.map(|field| field.value))
    }

    fn fields<const N: usize>(
        &mut self,
        object: Value<'t>,
        names: [&'static str; N],
        expected: ExpectedType,
    ) -> Read<([Field<'t>; N], Rest<'t, N>)> {
        let Some(entries) = object.entries() else {
            return Err(self.wrong_type(expected, object));
        };
        let mut fields = names.map(|name| Field {
            name,
            value: None,
            object,
        });
        let mut count = 0;
        // Peers write the fields in order, so the next one is mostly the one after the last one.
        let mut guess = 0;
        for (key, value) in entries {
            let key = key.as_bytes().unwrap_or_default();
            let is_key = |name: &&str| *name.as_bytes() == *key;
            let place = match names.get(guess).filter(|name| is_key(name)) {
                Some(_) => Some(guess),
                None => names.iter().position(is_key),
            };
            match place.and_then(|place| fields.get_mut(place).map(|field| (place, field))) {
                Some((place, field)) => {
                    field.value = Some(value);
                    guess = place + 1;
                }
                None => count += 1,
            }
        }
        Ok((
            fields,
            Rest {
                object,
                names,
                count,
            },
        ))
    }

    fn each_of<const N: usize>(
        &mut self,
        rest: &Rest<'t, N>,
        mut note: impl FnMut(&mut Self, Cow<'t, str>, Value<'t>),
    ) {
        if rest.count == 0 {
            return;
        }
        for (key, value) in rest.object.entries().into_iter().flatten() {
            if !rest.names.iter().any(|name| key.is(name)) {
                note(self, key.as_text().unwrap_or_default(), value);
            }
        }
    }

    /// The reference refuses other fields here. So does strict mode; else they are kept aside and counted.
    pub(super) fn forbid<const N: usize>(&mut self, rest: &Rest<'t, N>) {
        if self.is_strict() {
            self.each_of(rest, |reader, key, value| {
                reader.at(Step::Key(key), |reader| {
                    reader.refuse(IssueKind::ExtraForbidden, value)
                });
            });
        } else {
            self.ignore(rest);
        }
    }

    /// The reference passes over other fields here: they are kept aside and counted, in strict mode, too.
    pub(super) fn ignore<const N: usize>(&mut self, rest: &Rest<'t, N>) {
        self.each_of(rest, |reader, key, value| {
            reader.unknown_count += 1;
            if reader.unknown.len() < Decoded::<()>::MAX_UNKNOWN_FIELDS {
                let loc = reader.at(Step::Key(key), |reader| reader.loc());
                reader.unknown.push(UnknownField {
                    loc,
                    value: Json::from_value(value),
                });
            }
        });
    }

    /// Other fields belong to the message here.
    pub(super) fn keep<const N: usize>(&mut self, rest: &Rest<'t, N>) -> JsonMap {
        let mut kept = Vec::with_capacity(rest.count);
        self.each_of(rest, |_, key, value| {
            kept.push((key.into_owned(), Json::from_value(value)));
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
        let Some(entries) = object.entries() else {
            return Err(self.wrong_type(ExpectedType::Dict, object));
        };
        match entries.filter(|(key, _)| key.is(discriminator)).last() {
            None => Err(self.refuse(IssueKind::UnionTagNotFound { discriminator }, object)),
            Some((_, tag)) => match tag.as_text() {
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
        self.within(field.name, |reader| match field.value {
            Some(value) => read(reader, value),
            None => Err(reader.refuse(IssueKind::Missing, field.object)),
        })
    }

    /// A field that has a default when it is not there. A null is not the same as its absence.
    pub(super) fn or<T>(
        &mut self,
        field: Field<'t>,
        default: T,
        read: impl FnOnce(&mut Self, Value<'t>) -> Read<T>,
    ) -> Read<T> {
        match field.value {
            Some(value) => self.within(field.name, |reader| read(reader, value)),
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
            Some(value) if !value.is_null() => self
                .within(field.name, |reader| read(reader, value))
                .map(Some),
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
        match value.as_text() {
            Some(text) => Ok(text.into_owned()),
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
        for (index, element) in elements.enumerate() {
            match (
                self.at(Step::Index(index), |reader| read(reader, element)),
                &mut list,
            ) {
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
            let key = key.as_text().unwrap_or_default();
            match (
                self.at(Step::Key(key.clone()), |reader| read(reader, value)),
                &mut map,
            ) {
                (Ok(value), Ok(map)) => map.push((key.into_owned(), value)),
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
