//! A JSON tree into what it means, with the place of what is wrong.
//!
//! Whatever is read as a whole, and not in the path of events, is read from a tree by this one
//! deserializer: policies, manifests, records. Each type is then compiled for one source of fields only,
//! and its fields are handed out in the order in which they are declared: code that takes them in any order
//! is four times as large. That is what keeps the library small; see `rpm-ffi/README.md`.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::{fmt, slice};

use serde::de::value::StrDeserializer;
use serde::de::{
    self, Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, Expected, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value as Json};

/// What is wrong, and where. Without words: what was asked for is not there.
#[derive(Debug)]
pub(crate) struct Mistake(Option<Box<Inner>>);

#[derive(Debug)]
struct Inner {
    path: String,
    message: String,
}

/// Text into a tree. A field that stands twice is an error: one of the two would be lost, and nobody could
/// say which of them was meant.
pub(crate) fn parse(text: &[u8]) -> Result<Json, serde_json::Error> {
    serde_json::from_slice(text).map(|Once(json)| json)
}

/// Reads a tree in which each field has to be known, as people write it.
pub(crate) fn read<T: DeserializeOwned>(json: &Json) -> Result<T, Mistake> {
    T::deserialize(Node { json: Some(json), others: Others::Refused })
}

/// Reads what is known of a tree, as later versions write it.
pub(crate) fn read_known<T: DeserializeOwned>(json: &Json) -> Result<T, Mistake> {
    T::deserialize(Node::known(json))
}

/// The variant that an object's field `tag` names; what it carries is what is known of the object's fields.
pub(crate) fn tagged<'de>(
    json: &'de Json,
    tag: &'static str,
) -> Result<impl Deserializer<'de, Error = Mistake>, Mistake> {
    match json.get(tag) {
        Some(Json::String(name)) => Ok(Variant { name, content: Some(Node::known(json)) }),
        Some(other) => Err(Node::known(other).is_not(&"the name of a variant").inside(tag)),
        None => Err(de::Error::missing_field(tag)),
    }
}

impl Mistake {
    /// Where: `levels[0].raise`; empty if it is the whole.
    pub(crate) fn path(&self) -> &str {
        self.0.as_ref().map_or("", |inner| &inner.path)
    }

    /// What.
    pub(crate) fn message(&self) -> &str {
        self.0.as_ref().map_or("missing", |inner| &inner.message)
    }

    fn is_absence(&self) -> bool {
        self.0.is_none()
    }

    /// The same, seen from one step further out.
    #[cold]
    fn inside(mut self, step: &str) -> Self {
        if let Some(Inner { path, .. }) = self.0.as_deref_mut() {
            let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
            path.insert_str(0, dot);
            path.insert_str(0, step);
        }
        self
    }

    #[cold]
    fn inside_item(self, at: usize) -> Self {
        self.inside(&format!("[{at}]"))
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl de::StdError for Mistake {}

impl de::Error for Mistake {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Some(Box::new(Inner { path: String::new(), message: message.to_string() })))
    }

    #[cold]
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        mismatch("type", found, expected)
    }

    #[cold]
    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        mismatch("value", found, expected)
    }

    #[cold]
    fn missing_field(field: &'static str) -> Self {
        Self::custom(format_args!("missing field `{field}`"))
    }
}

/// A tree in which each field of an object stands once.
struct Once(Json);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(OnceVisitor).map(Self)
    }
}

struct OnceVisitor;

impl<'de> Visitor<'de> for OnceVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut all = Vec::new();
        while let Some(Once(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(all.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Json, A::Error> {
        let mut all = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            if all.contains_key(&name) {
                return Err(de::Error::custom(format_args!("duplicate field `{name}`")));
            }
            let Once(value) = fields.next_value()?;
            all.insert(name, value);
        }
        Ok(all.into())
    }
}

/// In the words of JSON.
fn mismatch(of: &str, found: Unexpected<'_>, expected: &dyn Expected) -> Mistake {
    let found = match found {
        Unexpected::Unit => "null".to_string(),
        Unexpected::Float(x) => format!("floating point `{}`", Json::from(x)),
        // Serde's own words print it for programmers, which the installed C library is built without.
        Unexpected::Str(text) => format!("string {}", Json::from(text)),
        found => found.to_string(),
    };
    de::Error::custom(format!("invalid {of}: {found}, expected {expected}"))
}

/// A value of the tree, or a place where one could be.
#[derive(Clone, Copy)]
struct Node<'a> {
    json: Option<&'a Json>,
    others: Others,
}

/// What becomes of a field that a type does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    Refused,
    Skipped,
}

impl<'a> Node<'a> {
    fn known(json: &'a Json) -> Self {
        Self { json: Some(json), others: Others::Skipped }
    }

    /// Another value of the same tree.
    fn other(self, json: Option<&'a Json>) -> Self {
        Self { json, ..self }
    }

    fn get(self) -> Result<&'a Json, Mistake> {
        self.json.ok_or(Mistake(None))
    }

    fn is_null(self) -> bool {
        self.json.is_none_or(Json::is_null)
    }

    #[cold]
    fn is_not(self, expected: &dyn Expected) -> Mistake {
        let Some(json) = self.json else { return Mistake(None) };
        de::Error::invalid_type(kind(json), expected)
    }

    fn items(self, expected: &dyn Expected) -> Result<&'a [Json], Mistake> {
        match self.json {
            Some(Json::Array(items)) => Ok(items),
            _ => Err(self.is_not(expected)),
        }
    }

    fn object(self, expected: &dyn Expected) -> Result<&'a Map<String, Json>, Mistake> {
        match self.json {
            Some(Json::Object(fields)) => Ok(fields),
            _ => Err(self.is_not(expected)),
        }
    }

    /// An object whose fields have to be among these, if others are refused.
    fn fields(
        self,
        names: &'static [&'static str],
        expected: &dyn Expected,
    ) -> Result<&'a Map<String, Json>, Mistake> {
        let fields = self.object(expected)?;
        let unknown = |name: &&String| !names.contains(&name.as_str());
        match fields.keys().find(unknown) {
            Some(name) if self.others == Others::Refused => {
                Err(<Mistake as de::Error>::unknown_field(name, names).inside(name))
            }
            _ => Ok(fields),
        }
    }

    /// A name alone, or an object of one field.
    fn variant(self) -> Result<Variant<'a>, Mistake> {
        match self.json {
            Some(Json::String(name)) => Ok(Variant { name, content: None }),
            Some(Json::Object(fields)) if fields.len() == 1 => {
                let only = fields.iter().next();
                let (name, content) = only.map_or(("", None), |(name, c)| (name.as_str(), Some(c)));
                Ok(Variant { name, content: Some(self.other(content)) })
            }
            Some(Json::Object(_)) => {
                Err(de::Error::invalid_value(Unexpected::Map, &"map with a single key"))
            }
            _ => Err(self.is_not(&"string or map")),
        }
    }

    fn text(self, expected: &dyn Expected) -> Result<&'a str, Mistake> {
        match self.json {
            Some(Json::String(text)) => Ok(text),
            _ => Err(self.is_not(expected)),
        }
    }

    fn read_fields<V: Visitor<'a>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let fields = self.fields(names, &visitor)?;
        let mut fields = Fields { of: self, fields, names: names.iter(), absent: None };
        let read = visitor.visit_seq(&mut fields);
        read.map_err(|e| fields.absent.map_or(e, de::Error::missing_field))
    }
}

fn kind(json: &Json) -> Unexpected<'_> {
    match json {
        Json::Null => Unexpected::Unit,
        Json::Bool(is) => Unexpected::Bool(*is),
        Json::Number(n) => match (n.as_u64(), n.as_i64(), n.as_f64()) {
            (Some(n), _, _) => Unexpected::Unsigned(n),
            (_, Some(n), _) => Unexpected::Signed(n),
            (.., x) => Unexpected::Float(x.unwrap_or(f64::NAN)),
        },
        Json::String(text) => Unexpected::Str(text),
        Json::Array(_) => Unexpected::Seq,
        Json::Object(_) => Unexpected::Map,
    }
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match kind(self.get()?) {
            Unexpected::Bool(is) => visitor.visit_bool(is),
            Unexpected::Unsigned(n) => visitor.visit_u64(n),
            Unexpected::Signed(n) => visitor.visit_i64(n),
            Unexpected::Float(x) => visitor.visit_f64(x),
            Unexpected::Str(text) => visitor.visit_str(text),
            Unexpected::Seq => self.deserialize_seq(visitor),
            Unexpected::Map => self.deserialize_map(visitor),
            _ => visitor.visit_unit(),
        }
    }

    forward_to_deserialize_any! { bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 unit unit_struct }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let text = self.text(&visitor)?;
        visitor.visit_str(text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    /// JSON has none.
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        Err(self.is_not(&visitor))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        Err(self.is_not(&visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let items = self.items(&visitor)?;
        let mut items = Items { of: self, items, at: 0 };
        let value = visitor.visit_seq(&mut items)?;
        items.end().map(|()| value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let rest = self.object(&visitor)?.iter();
        visitor.visit_map(Entries { of: self, rest, here: None })
    }

    /// By name alone: a list of what the fields hold would change its meaning with every new field.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        self.read_fields(names, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_enum(self.variant()?)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_unit()
    }
}

/// What is left of a list.
struct Items<'a> {
    of: Node<'a>,
    items: &'a [Json],
    at: usize,
}

impl Items<'_> {
    fn end(&self) -> Result<(), Mistake> {
        if self.at >= self.items.len() {
            return Ok(());
        }
        Err(de::Error::invalid_length(self.items.len(), &"fewer elements in array"))
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'de> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistake> {
        let Some(item) = self.items.get(self.at) else { return Ok(None) };
        let at = self.at;
        self.at += 1;
        seed.deserialize(self.of.other(Some(item))).map(Some).map_err(|e| e.inside_item(at))
    }
}

/// What is left of an object whose fields are those of a type.
struct Fields<'a> {
    of: Node<'a>,
    fields: &'a Map<String, Json>,
    names: slice::Iter<'static, &'static str>,
    /// The last one asked for, if it is not there.
    absent: Option<&'static str>,
}

impl<'a> Fields<'a> {
    /// The next one: what it is called, and what it holds.
    fn step(&mut self) -> (&'static str, Node<'a>) {
        let name = self.names.next().copied().unwrap_or_default();
        self.absent = None;
        (name, self.of.other(self.fields.get(name)))
    }

    /// Nothing may be in the place of a field that is not there, and then it is not a mistake.
    #[cold]
    fn end(&mut self, name: &'static str, mistake: Mistake) -> Result<(), Mistake> {
        if mistake.is_absence() {
            self.absent = Some(name);
            return Ok(());
        }
        Err(mistake.inside(name))
    }
}

impl<'de> SeqAccess<'de> for &mut Fields<'de> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistake> {
        let (name, node) = self.step();
        match seed.deserialize(node) {
            Ok(value) => Ok(Some(value)),
            Err(mistake) => self.end(name, mistake).map(|()| None),
        }
    }
}

/// What is left of an object whose fields may have any name.
struct Entries<'a> {
    of: Node<'a>,
    rest: serde_json::map::Iter<'a>,
    here: Option<(&'a str, &'a Json)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistake> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        self.here = Some((name, value));
        let name = name.as_str();
        seed.deserialize(Name::new(name)).map(Some).map_err(|e| e.inside(name))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Mistake> {
        let (name, value) = self.here.take().unwrap_or(("", &Json::Null));
        seed.deserialize(self.of.other(Some(value))).map_err(|e| e.inside(name))
    }
}

/// The name of a field or a variant.
type Name<'a> = StrDeserializer<'a, Mistake>;

/// A variant: its name, and what it carries.
struct Variant<'a> {
    name: &'a str,
    content: Option<Node<'a>>,
}

impl<'a> Variant<'a> {
    fn content(&self, expected: &dyn Expected) -> Result<Node<'a>, Mistake> {
        self.content.ok_or_else(|| de::Error::invalid_type(Unexpected::UnitVariant, expected))
    }
}

impl<'de> Deserializer<'de> for Variant<'de> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> de::EnumAccess<'de> for Variant<'de> {
    type Error = Mistake;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Mistake> {
        seed.deserialize(Name::new(self.name)).map(|variant| (variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        match self.content {
            Some(node) if !node.is_null() => Err(node.is_not(&"unit").inside(self.name)),
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Mistake> {
        let content = self.content(&"newtype variant");
        content.and_then(|node| seed.deserialize(node)).map_err(|e| e.inside(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mistake> {
        let content = self.content(&"tuple variant");
        content.and_then(|node| node.deserialize_seq(visitor)).map_err(|e| e.inside(self.name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let content = self.content(&"struct variant");
        content.and_then(|node| node.read_fields(names, visitor)).map_err(|e| e.inside(self.name))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Whole {
        name: String,
        #[serde(default)]
        pair: Option<[u8; 2]>,
        #[serde(default)]
        parts: Vec<Part>,
    }

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(rename_all = "snake_case", deny_unknown_fields)]
    enum Part {
        Nothing,
        One(f32),
        Two { left: i8, right: bool },
    }

    fn mistake(json: Json) -> (String, String) {
        let mistake = read::<Whole>(&json).unwrap_err();
        (mistake.path().to_string(), mistake.message().to_string())
    }

    #[test]
    fn a_tree_reads_as_its_text_does() {
        let text = r#"{ "name": "a", "pair": [1, 2], "parts":
            ["nothing", { "nothing": null }, { "one": 0.1 }, { "two": { "right": true, "left": -3 } }] }"#;
        let from_tree: Whole = read(&serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(from_tree, serde_json::from_str(text).unwrap());
        assert_eq!(from_tree.parts.len(), 4);
    }

    #[test]
    fn a_mistake_is_told_at_its_place_in_the_words_of_json() {
        for json in [
            json!({}),
            json!({ "name": null }),
            json!({ "name": 2.50 }),
            json!({ "name": "a", "nam": 1 }),
            json!({ "name": "a", "pair": [1] }),
            json!({ "name": "a", "pair": [1, 256] }),
            json!({ "name": "a", "pair": [1, 2, 3] }),
            json!({ "name": "a", "parts": {} }),
            json!({ "name": "a", "parts": ["nothing", "what"] }),
            json!({ "name": "a", "parts": ["one"] }),
            json!({ "name": "a", "parts": [{ "one": "x" }] }),
            json!({ "name": "a", "parts": [{ "nothing": 1 }] }),
            json!({ "name": "a", "parts": [{ "two": { "left": 1, "right": 0 } }] }),
            json!({ "name": "a", "parts": [{ "two": {}, "one": 1 }] }),
        ] {
            let words = serde_json::from_value::<Whole>(json.clone()).unwrap_err().to_string();
            assert_eq!(mistake(json).1, words);
        }
        let path = |json| mistake(json).0;
        assert_eq!(path(json!([])), "");
        assert_eq!(path(json!({ "nam": 1 })), "nam");
        assert_eq!(path(json!({ "name": "a", "pair": [1, 256] })), "pair[1]");
        assert_eq!(path(json!({ "name": "a", "parts": ["what"] })), "parts[0]");
        assert_eq!(
            path(json!({ "name": "a", "parts": ["nothing", { "two": { "left": "x" } }] })),
            "parts[1].two.left"
        );
    }
}
