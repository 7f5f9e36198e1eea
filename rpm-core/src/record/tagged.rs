//! Records in JSON: an object whose `type` names the variant.
//!
//! Serde can derive this form too, but what it derives reads every type through a buffer of its own,
//! beside the form in which policies read it. Here the derived code knows names of variants alone,
//! [`Tagged`] writes them as `type`, and [`document`](crate::document) reads them.

use serde::de::Error as _;
use serde::ser::{Error as _, Impossible, SerializeStruct, SerializeStructVariant};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

use super::chain::{Checksum, Hash};
use super::{Body, Record};
use crate::document;
use crate::id::{PatientId, TenantId};
use crate::time::HostTime;

const TAG: &str = "type";

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, Tagged(s))
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        body(&Json::deserialize(d)?).map_err(D::Error::custom)
    }
}

/// A record without its body.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    tenant: Option<TenantId>,
    #[serde(default)]
    patient: Option<PatientId>,
    seq: u64,
    at: HostTime,
    inputs: u64,
    checksum: Checksum,
    prev: Hash,
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(d)?;
        let Head { tenant, patient, seq, at, inputs, checksum, prev } =
            document::read_known(&json).map_err(D::Error::custom)?;
        let body = body(&json).map_err(D::Error::custom)?;
        Ok(Self { tenant, patient, seq, at, inputs, checksum, body, prev })
    }
}

fn body(json: &Json) -> Result<Body, document::Mistake> {
    Body::deserialize(document::tagged(json, TAG)?)
}

/// Writes a variant with fields as an object of them that begins with its `type`.
struct Tagged<S>(S);

/// The fields of a variant.
struct Fields<S>(S);

impl<S: SerializeStruct> SerializeStructVariant for Fields<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), S::Error> {
        self.0.serialize_field(name, value)
    }

    fn skip_field(&mut self, name: &'static str) -> Result<(), S::Error> {
        self.0.skip_field(name)
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

/// Methods for what is no variant with fields.
macro_rules! no_variants {
    ($($method:ident($($argument:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $(_: $argument),*) -> Result<$ok, S::Error> {
            Err(S::Error::custom("not a variant with fields"))
        }
    )*};
}

impl<S: Serializer> Serializer for Tagged<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Impossible<S::Ok, S::Error>;
    type SerializeTuple = Impossible<S::Ok, S::Error>;
    type SerializeTupleStruct = Impossible<S::Ok, S::Error>;
    type SerializeTupleVariant = Impossible<S::Ok, S::Error>;
    type SerializeMap = Impossible<S::Ok, S::Error>;
    type SerializeStruct = Impossible<S::Ok, S::Error>;
    type SerializeStructVariant = Fields<S::SerializeStruct>;

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let mut fields = self.0.serialize_struct(name, len + 1)?;
        fields.serialize_field(TAG, variant)?;
        Ok(Fields(fields))
    }

    no_variants! {
        serialize_bool(bool) -> S::Ok;
        serialize_i8(i8) -> S::Ok;
        serialize_i16(i16) -> S::Ok;
        serialize_i32(i32) -> S::Ok;
        serialize_i64(i64) -> S::Ok;
        serialize_u8(u8) -> S::Ok;
        serialize_u16(u16) -> S::Ok;
        serialize_u32(u32) -> S::Ok;
        serialize_u64(u64) -> S::Ok;
        serialize_f32(f32) -> S::Ok;
        serialize_f64(f64) -> S::Ok;
        serialize_char(char) -> S::Ok;
        serialize_str(&str) -> S::Ok;
        serialize_bytes(&[u8]) -> S::Ok;
        serialize_none() -> S::Ok;
        serialize_unit() -> S::Ok;
        serialize_unit_struct(&'static str) -> S::Ok;
        serialize_unit_variant(&'static str, u32, &'static str) -> S::Ok;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<S::Ok, S::Error> {
        self.serialize_none()
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: &T,
    ) -> Result<S::Ok, S::Error> {
        self.serialize_unit_struct(name)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        _: &T,
    ) -> Result<S::Ok, S::Error> {
        self.serialize_unit_variant(name, index, variant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = concat!(
        r#"{"patient":"P1","seq":7,"at":"2026-03-01T08:00:00Z","inputs":9,"checksum":"00000000000000ff","#,
        r#""type":"condition_changed","rule":"spo2-low","observed_at":"2026-03-01T07:59:59.5Z","#,
        r#""state":{"active":"urgent"},"#,
        r#""prev":"0000000000000000000000000000000000000000000000000000000000000000"}"#
    );

    #[test]
    fn a_record_reads_and_writes_the_same_bytes() {
        let record: Record = serde_json::from_str(RECORD).unwrap();
        assert_eq!(record.body.name(), "condition_changed");
        assert_eq!(serde_json::to_string(&record).unwrap(), RECORD);
        // By itself too, with `type` anywhere and fields that a later version has.
        let body: Body = serde_json::from_str(
            r#"{"said":"2026-03-01T08:00:00Z","later":[1],"type":"clock_went_back"}"#,
        )
        .unwrap();
        let text = r#"{"type":"clock_went_back","said":"2026-03-01T08:00:00Z"}"#;
        assert_eq!(serde_json::to_string(&body).unwrap(), text);
    }

    #[test]
    fn a_body_without_a_known_type_is_none() {
        for text in
            ["[]", "{}", r#"{"type":1}"#, r#"{"type":"what"}"#, r#"{"type":"clock_went_back"}"#]
        {
            assert!(serde_json::from_str::<Body>(text).is_err(), "{text}");
        }
    }
}
