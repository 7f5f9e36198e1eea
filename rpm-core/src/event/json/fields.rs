//! Objects as lists of fields whose content is still JSON text, so that numbers keep their digits
//! and every error has a place.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::{MAX_ITEMS, MAX_TEXT_LEN};
use crate::error::{Code, Error};

/// The fields of one object, each taken once by who reads it.
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, &'a str)>);

/// Fields that nobody took, kept if the text is of a newer minor version.
pub(super) struct Unknown<'a> {
    /// Whether the text is of a newer minor version than this reader.
    pub newer: bool,
    /// Paths and JSON texts.
    pub kept: Vec<(String, &'a str)>,
}

/// The same error inside a field: the path grows from the inside out.
pub(crate) fn inside(name: &str) -> impl Fn(Error) -> Error {
    move |error| {
        let path = match error.path() {
            None => name.into(),
            Some(inner) if inner.starts_with('[') => format!("{name}{inner}"),
            Some(inner) => format!("{name}.{inner}"),
        };
        error.at(path)
    }
}

pub(super) fn error<T>(code: Code) -> Result<T, Error> {
    Err(Error::new(code))
}

impl<'a> Fields<'a> {
    /// The fields of an object.
    pub fn read(text: &'a str) -> Result<Self, Error> {
        let read: Many<(Cow<'a, str>, &'a str)> = from_json(text, '{')?;
        let names = || read.0.iter().map(|(name, _)| name);
        let repeated = names().enumerate().find(|(at, name)| names().take(*at).any(|n| n == *name));
        match repeated {
            Some((_, name)) => Err(at_name(Error::new(Code::DuplicateField), name)),
            None => Ok(Self(read.0)),
        }
    }

    pub fn empty() -> Self {
        Self(Vec::new())
    }

    pub fn put(&mut self, name: &'static str, text: &'a str) {
        self.0.push((Cow::Borrowed(name), text));
    }

    /// The JSON text of a field, if it is there.
    pub fn take(&mut self, name: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|(n, _)| n == name)?;
        Some(self.0.remove(at).1)
    }

    pub fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a str) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.take(name).map(read).transpose().map_err(inside(name))
    }

    pub fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a str) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let missing = || Error::new(Code::MissingField).at(name);
        self.optional(name, read)?.ok_or_else(missing)
    }

    /// What is left was not known: an error.
    pub fn finish_strict(self) -> Result<(), Error> {
        self.finish("", &mut Unknown { newer: false, kept: Vec::new() })
    }

    /// What is left was not known: an error, or kept under `place`.
    pub(super) fn finish(self, place: &str, unknown: &mut Unknown<'a>) -> Result<(), Error> {
        for (name, text) in self.0 {
            if !unknown.newer {
                return Err(at_name(Error::new(Code::UnknownField), &name));
            }
            unknown.keep(format!("{place}{name}"), text);
        }
        Ok(())
    }
}

impl<'a> Unknown<'a> {
    /// Keeps a field; the first of equal paths stays.
    pub fn keep(&mut self, path: String, text: &'a str) {
        if self.kept.iter().all(|(p, _)| *p != path) {
            self.kept.push((path, text));
        }
    }
}

/// A field's name may itself be a patient's: it is shown only if it looks like a field's.
fn at_name(error: Error, name: &str) -> Error {
    let plain = |b: u8| b.is_ascii_lowercase() || b == b'_';
    if (1..=32).contains(&name.len()) && name.bytes().all(plain) {
        return error.at(name);
    }
    error.hint("its name is not shown: it does not look like a field name")
}

/// A list's items as JSON text, at most so many.
pub(crate) fn items<const MOST: usize>(text: &str) -> Result<Vec<&str>, Error> {
    Ok(from_json::<Many<&str, MOST>>(text, '[')?.0)
}

pub(super) fn list<'a, T>(
    text: &'a str,
    read: impl Fn(&'a str) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let read_at = |(at, item)| read(item).map_err(inside(&format!("[{at}]")));
    items::<MAX_ITEMS>(text)?.into_iter().enumerate().map(read_at).collect()
}

/// Any string.
pub(crate) fn string(text: &str) -> Result<Cow<'_, str>, Error> {
    from_json::<Text<'_>>(text, '"').map(|t| t.0)
}

/// A string of bounded length.
pub(crate) fn short(text: &str) -> Result<String, Error> {
    let read = string(text)?;
    if read.len() > MAX_TEXT_LEN { error(Code::TooLarge) } else { Ok(read.into_owned()) }
}

pub(crate) fn boolean(text: &str) -> Result<bool, Error> {
    text.parse().map_err(|_| Error::new(Code::WrongType))
}

/// A whole number.
pub(crate) fn whole<T: FromStr>(text: &str) -> Result<T, Error> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return error(Code::WrongType);
    }
    text.parse().map_err(|_| Error::new(Code::OutOfRange))
}

/// One of a list of codes.
pub(super) fn code<T>(text: &str, find: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
    find(&string(text)?).ok_or_else(|| Error::new(Code::UnknownCode))
}

/// Reads JSON text whose first character tells its type.
fn from_json<'a, T: Deserialize<'a>>(text: &'a str, first: char) -> Result<T, Error> {
    let text = text.trim_start_matches([' ', '\t', '\r', '\n']);
    let syntax_ok = |e: &serde_json::Error| e.classify() == Category::Data;
    serde_json::from_str(text).map_err(|e| match (text.starts_with(first), syntax_ok(&e)) {
        (_, false) => Error::new(Code::MalformedJson),
        (true, true) if first != '"' => Error::new(Code::TooLarge),
        (_, true) => Error::new(Code::WrongType),
    })
}

struct Text<'a>(Cow<'a, str>);

/// A list or an object with a bounded number of entries.
struct Many<T, const MOST: usize = MAX_ITEMS>(Vec<T>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_string())))
            }
        }
        d.deserialize_str(Borrow)
    }
}

fn too_many<E: serde::de::Error>() -> E {
    E::custom("too many items")
}

impl<'de: 'a, 'a, const MOST: usize> Deserialize<'de> for Many<&'a str, MOST> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Items<const MOST: usize>;
        impl<'de, const MOST: usize> Visitor<'de> for Items<MOST> {
            type Value = Many<&'de str, MOST>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element::<&RawValue>()? {
                    items.push(item.get());
                    if items.len() > MOST {
                        // Read to the end, so that broken JSON is called broken, not long.
                        while seq.next_element::<IgnoredAny>()?.is_some() {}
                        return Err(too_many());
                    }
                }
                Ok(Many(items))
            }
        }
        d.deserialize_seq(Items::<MOST>)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Many<(Cow<'a, str>, &'a str)> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Many<(Cow<'de, str>, &'de str)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((name, value)) = map.next_entry::<Text<'de>, &RawValue>()? {
                    entries.push((name.0, value.get()));
                    if entries.len() > MAX_ITEMS {
                        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                        return Err(too_many());
                    }
                }
                Ok(Many(entries))
            }
        }
        d.deserialize_map(Entries)
    }
}
