//! The quick way for what arrives by the million: a plain reading, borrowed from its text.

use alloc::string::String;
use core::fmt;
use core::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::number::{decimal, instant, measure, plausible};
use super::{MAX_EVENT_LEN, MAX_ITEMS, MAX_TEXT_LEN, SIGNATURE, VERSION, named};
use crate::error::Error;
use crate::event::kind::{Kind, KindRef, is_kind_name};
use crate::event::{Body, Device, Event, Lineage, Quality, Signature};
use crate::id::{DeviceId, MAX_ID_LEN, PatientId, TenantId};
use crate::redact::Phi;
use crate::time::{HostTime, Timestamp};
use crate::value::{Ratio, Value};

/// A plain reading whose texts are borrowed from the JSON. `Debug` shows no patient data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReadingWire<'a> {
    /// The organisation that owns the data.
    pub tenant: Option<&'a str>,
    /// Whose body it was.
    pub patient: &'a str,
    /// What measured it.
    pub device: DeviceWire<'a>,
    /// The device's own counter.
    pub sequence: Option<u64>,
    /// When the body was measured.
    pub observed_at: Timestamp,
    /// When the first trusted host got it.
    pub received_at: Option<HostTime>,
    /// What was measured.
    pub kind: KindWire<'a>,
    /// The value in the kind's canonical unit; as delivered if only a policy knows the kind.
    pub value: Value,
    /// The quality flags.
    pub quality: Quality,
    /// The adapter that decoded it.
    pub adapter: Option<&'a str>,
    /// What is known of the signature.
    pub signature: Signature,
    /// The value as delivered, where it was converted or rounded.
    pub original_value: Option<&'a str>,
    /// The unit as delivered, where it is not the canonical one.
    pub original_unit: Option<&'a str>,
}

/// What measured a [`ReadingWire`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DeviceWire<'a> {
    /// The device's identifier.
    pub id: &'a str,
    /// Maker's model name.
    pub model: Option<&'a str>,
    /// Firmware version.
    pub firmware: Option<&'a str>,
    /// Class, such as `finger-oximeter`.
    pub class: Option<&'a str>,
}

/// The kind of a [`ReadingWire`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KindWire<'a> {
    /// One of the table.
    Known(Kind),
    /// A name that only a policy can resolve.
    Declared(&'a str),
}

/// Reads a plain reading without allocating: one of the version this library writes, with a value,
/// without escapes in its strings.
///
/// `None` means "not that": pass the text to [`parse`](super::parse), which reads the event or says
/// what is wrong with it. What this function returns is what `parse` would.
///
/// ```
/// use rpm_core::event::json;
/// let text = br#"{"v":"1.0","patient":"p1","device":"d1","observed_at":"2026-03-01T02:13:05Z",
///                 "reading":{"kind":"spo2","value":97.4,"unit":"%"}}"#;
/// let reading = json::parse_reading(text).unwrap();
/// assert_eq!(reading.value.to_string(), "97.4");
/// assert_eq!(reading.to_event(), json::parse(text));
/// ```
pub fn parse_reading(text: &[u8]) -> Option<ReadingWire<'_>> {
    if text.len() > MAX_EVENT_LEN {
        return None;
    }
    // One pass over the text is quicker than a check of every string in it.
    let text = core::str::from_utf8(text).ok()?;
    let Braced(plain) = serde_json::from_str::<Braced<Plain<'_>>>(text).ok()?;
    plain.interpret()
}

impl ReadingWire<'_> {
    /// The event, with texts of its own.
    pub fn to_event(&self) -> Result<Event, Error> {
        let own = |text: Option<&str>| text.map(String::from);
        let kind = match self.kind {
            KindWire::Known(kind) => KindRef::Known(kind),
            KindWire::Declared(name) => KindRef::Declared(name.into()),
        };
        Ok(Event {
            tenant: self.tenant.map(TenantId::new).transpose()?,
            patient: PatientId::new(self.patient)?,
            device: Device {
                id: DeviceId::new(self.device.id)?,
                model: own(self.device.model),
                firmware: own(self.device.firmware),
                class: own(self.device.class),
            },
            sequence: self.sequence,
            observed_at: self.observed_at,
            received_at: self.received_at,
            body: Body::Reading { kind, value: Ok(self.value) },
            quality: self.quality,
            lineage: Lineage {
                adapter: own(self.adapter),
                original_value: own(self.original_value).map(Phi::new),
                original_unit: own(self.original_unit),
                signature: self.signature,
                clock_repair: None,
            },
            unknown: None,
        })
    }
}

impl fmt::Debug for ReadingWire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadingWire").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl fmt::Debug for DeviceWire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceWire").finish_non_exhaustive()
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain<'a> {
    v: &'a str,
    #[serde(borrow, default)]
    tenant: Maybe<&'a str>,
    patient: &'a str,
    #[serde(borrow)]
    device: DeviceWire<'a>,
    #[serde(default)]
    sequence: Maybe<u64>,
    observed_at: Millis,
    #[serde(default)]
    received_at: Maybe<Millis>,
    #[serde(borrow)]
    reading: Braced<PlainReading<'a>>,
    #[serde(default)]
    quality: Flags,
    #[serde(borrow, default)]
    lineage: Braced<PlainLineage<'a>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainReading<'a> {
    kind: &'a str,
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(borrow, default)]
    unit: Maybe<&'a str>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainDevice<'a> {
    id: &'a str,
    #[serde(borrow, default)]
    model: Maybe<&'a str>,
    #[serde(borrow, default)]
    firmware: Maybe<&'a str>,
    #[serde(borrow, default)]
    class: Maybe<&'a str>,
}

#[derive(serde::Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct PlainLineage<'a> {
    #[serde(borrow, default)]
    adapter: Maybe<&'a str>,
    #[serde(borrow, default)]
    signature: Maybe<&'a str>,
    #[serde(borrow, default)]
    original_value: Maybe<&'a str>,
    #[serde(borrow, default)]
    original_unit: Maybe<&'a str>,
}

impl<'a> Plain<'a> {
    fn interpret(self) -> Option<ReadingWire<'a>> {
        let Self { device, reading: Braced(reading), lineage: Braced(lineage), .. } = self;
        let texts = [device.model, device.firmware, device.class, lineage.adapter.0];
        let originals = [lineage.original_value.0, lineage.original_unit.0, reading.unit.0];
        let long = |t: &Option<&str>| t.is_some_and(|t| t.len() > MAX_TEXT_LEN);
        let ids_ok = is_id(self.patient) && is_id(device.id) && self.tenant.0.is_none_or(is_id);
        if self.v != VERSION || !ids_ok || texts.iter().chain(&originals).any(long) {
            return None;
        }
        let (kind, value, as_given) = reading.measured()?;
        let declared = matches!(kind, KindWire::Declared(_));
        let value_text = number_or_string(reading.value.get())?;
        Some(ReadingWire {
            tenant: self.tenant.0,
            patient: self.patient,
            device,
            sequence: self.sequence.0,
            observed_at: Timestamp::from_millis(self.observed_at.0),
            received_at: self.received_at.0.map(|at| HostTime::from_millis(at.0)),
            kind,
            value,
            quality: self.quality.0,
            adapter: lineage.adapter.0,
            signature: lineage
                .signature
                .0
                .map_or(Some(Signature::None), |s| named(&SIGNATURE, s))?,
            original_value: lineage.original_value.0.or((!as_given).then_some(value_text)),
            original_unit: match lineage.original_unit.0 {
                None if !as_given || declared => reading.unit.0,
                given => given,
            },
        })
    }
}

impl<'a> PlainReading<'a> {
    fn measured(&self) -> Option<(KindWire<'a>, Value, bool)> {
        let text = number_or_string(self.value.get())?;
        let (kind, read) = match Kind::named(self.kind) {
            Some(kind) => (KindWire::Known(kind), measure(kind, text, self.unit.0).ok()?),
            None if is_kind_name(self.kind) => {
                (KindWire::Declared(self.kind), decimal(text, Ratio::ONE).ok()?)
            }
            None => return None,
        };
        Some((kind, read.value, read.as_given))
    }
}

/// The text of a number, or of a string without escapes.
fn number_or_string(json: &str) -> Option<&str> {
    match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => (!inner.contains('\\')).then_some(inner),
        None => json.starts_with(|c: char| c == '-' || c.is_ascii_digit()).then_some(json),
    }
}

/// Whether an identifier is certainly good; the others are looked at by the general reader.
fn is_id(text: &str) -> bool {
    (1..=MAX_ID_LEN).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b))
}

/// A field that may be left out but is not `null`.
#[derive(Clone, Copy)]
struct Maybe<T>(Option<T>);

impl<T> Default for Maybe<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        T::deserialize(d).map(|t| Self(Some(t)))
    }
}

/// An object in braces: a derived reader would take `["spo2", 97, "%"]` too.
#[derive(Default)]
struct Braced<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Braced<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_map(read::<Self>())
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Read<Braced<T>> {
    type Value = Braced<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Braced<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Braced)
    }
}

/// A visitor of one of the small types below.
struct Read<T>(PhantomData<T>);

const fn read<T>() -> Read<T> {
    Read(PhantomData)
}

struct Millis(i64);

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(read::<Self>())
    }
}

impl Visitor<'_> for Read<Millis> {
    type Value = Millis;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Millis, E> {
        instant(text).map(Millis).map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, ms: u64) -> Result<Millis, E> {
        let ms = i64::try_from(ms).map_err(E::custom)?;
        plausible(ms).map(Millis).map_err(E::custom)
    }
}

#[derive(Default)]
struct Flags(Quality);

impl<'de> Deserialize<'de> for Flags {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_seq(read::<Self>())
    }
}

impl<'de> Visitor<'de> for Read<Flags> {
    type Value = Flags;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("quality flags")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Flags, A::Error> {
        let mut all = Quality::GOOD;
        for _ in 0..=MAX_ITEMS {
            let Some(name) = seq.next_element::<&str>()? else {
                return Ok(Flags(all));
            };
            let flag = Quality::named(name).ok_or_else(|| A::Error::custom("unknown flag"))?;
            all = all.with(flag);
        }
        Err(A::Error::custom("too many flags"))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for DeviceWire<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(read::<DeviceWire<'de>>())
    }
}

impl<'de> Visitor<'de> for Read<DeviceWire<'de>> {
    type Value = DeviceWire<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a device")
    }

    fn visit_borrowed_str<E>(self, id: &'de str) -> Result<DeviceWire<'de>, E> {
        Ok(DeviceWire { id, model: None, firmware: None, class: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DeviceWire<'de>, A::Error> {
        let PlainDevice { id, model, firmware, class } =
            Deserialize::deserialize(MapAccessDeserializer::new(map))?;
        Ok(DeviceWire { id, model: model.0, firmware: firmware.0, class: class.0 })
    }
}
