//! The quick way for what arrives by the million: a plain reading, borrowed from its text.

use alloc::string::String;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::number::{Measured, decimal, instant, measure, plausible};
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
    let mut json = serde_json::Deserializer::from_str(text);
    let mut plain = Plain::default();
    Fill(&mut plain).deserialize(&mut json).ok()?;
    json.end().ok()?;
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

/// The fields of an event as they come; which of them are missing is found out in the end.
#[derive(Default)]
struct Plain<'a> {
    v: Option<&'a str>,
    tenant: Option<Id<'a>>,
    patient: Option<Id<'a>>,
    device: Option<DeviceWire<'a>>,
    sequence: Option<u64>,
    observed_at: Option<Millis>,
    received_at: Option<Millis>,
    reading: Option<PlainReading<'a>>,
    quality: Option<Flags>,
    lineage: Option<PlainLineage<'a>>,
}

#[derive(Default)]
struct PlainReading<'a> {
    kind: Option<&'a str>,
    value: Option<&'a RawValue>,
    unit: Option<Short<'a>>,
}

#[derive(Default)]
struct PlainDevice<'a> {
    id: Option<Id<'a>>,
    model: Option<Short<'a>>,
    firmware: Option<Short<'a>>,
    class: Option<Short<'a>>,
}

#[derive(Default)]
struct PlainLineage<'a> {
    adapter: Option<Short<'a>>,
    signature: Option<&'a str>,
    original_value: Option<Short<'a>>,
    original_unit: Option<Short<'a>>,
}

impl<'a> Object<'a> for Plain<'a> {
    fn field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "v" => once(&mut self.v, map),
            "tenant" => once(&mut self.tenant, map),
            "patient" => once(&mut self.patient, map),
            "device" => once(&mut self.device, map),
            "sequence" => once(&mut self.sequence, map),
            "observed_at" => once(&mut self.observed_at, map),
            "received_at" => once(&mut self.received_at, map),
            "reading" => object(&mut self.reading, map),
            "quality" => once(&mut self.quality, map),
            "lineage" => object(&mut self.lineage, map),
            _ => not_plain(),
        }
    }
}

impl<'a> Object<'a> for PlainReading<'a> {
    fn field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "kind" => once(&mut self.kind, map),
            "value" => once(&mut self.value, map),
            "unit" => once(&mut self.unit, map),
            _ => not_plain(),
        }
    }
}

impl<'a> Object<'a> for PlainDevice<'a> {
    fn field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => once(&mut self.id, map),
            "model" => once(&mut self.model, map),
            "firmware" => once(&mut self.firmware, map),
            "class" => once(&mut self.class, map),
            _ => not_plain(),
        }
    }
}

impl<'a> Object<'a> for PlainLineage<'a> {
    fn field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "adapter" => once(&mut self.adapter, map),
            "signature" => once(&mut self.signature, map),
            "original_value" => once(&mut self.original_value, map),
            "original_unit" => once(&mut self.original_unit, map),
            _ => not_plain(),
        }
    }
}

impl<'a> Plain<'a> {
    fn interpret(&self) -> Option<ReadingWire<'a>> {
        if self.v? != VERSION {
            return None;
        }
        let reading = self.reading.as_ref()?;
        let value_text = number_or_string(reading.value?.get())?;
        let unit = text(reading.unit);
        let (kind, read) = measured(reading.kind?, value_text, unit)?;
        let declared = matches!(kind, KindWire::Declared(_));
        let mut wire = ReadingWire {
            tenant: self.tenant.map(|id| id.0),
            patient: self.patient?.0,
            device: self.device?,
            sequence: self.sequence,
            observed_at: Timestamp::from_millis(self.observed_at?.0),
            received_at: self.received_at.map(|at| HostTime::from_millis(at.0)),
            kind,
            value: read.value,
            quality: self.quality.map_or(Quality::GOOD, |flags| flags.0),
            adapter: None,
            signature: Signature::None,
            original_value: (!read.as_given).then_some(value_text),
            original_unit: if read.as_given && !declared { None } else { unit },
        };
        if let Some(lineage) = &self.lineage {
            lineage.add_to(&mut wire)?;
        }
        Some(wire)
    }
}

impl<'a> PlainLineage<'a> {
    /// What an earlier reader kept comes before what this one would keep.
    fn add_to(&self, wire: &mut ReadingWire<'a>) -> Option<()> {
        wire.adapter = text(self.adapter);
        if let Some(name) = self.signature {
            wire.signature = named(&SIGNATURE, name)?;
        }
        wire.original_value = text(self.original_value).or(wire.original_value);
        wire.original_unit = text(self.original_unit).or(wire.original_unit);
        Some(())
    }
}

fn measured<'a>(
    name: &'a str,
    value: &str,
    unit: Option<&str>,
) -> Option<(KindWire<'a>, Measured)> {
    match Kind::named(name) {
        Some(kind) => Some((KindWire::Known(kind), measure(kind, value, unit).ok()?)),
        None if is_kind_name(name) => {
            Some((KindWire::Declared(name), decimal(value, Ratio::ONE).ok()?))
        }
        None => None,
    }
}

/// The text of a number, or of a string without escapes.
fn number_or_string(json: &str) -> Option<&str> {
    match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => (!inner.contains('\\')).then_some(inner),
        None => json.starts_with(|c: char| c == '-' || c.is_ascii_digit()).then_some(json),
    }
}

/// An object that is read field by field.
trait Object<'de>: Default {
    /// Reads the content of the field called `name`.
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Reads an object into its place, so that nothing is moved.
struct Fill<'o, T>(&'o mut T);

impl<'de, T: Object<'de>> DeserializeSeed<'de> for Fill<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de, T: Object<'de>> Visitor<'de> for Fill<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key()? {
            self.0.field(name, &mut map)?;
        }
        Ok(())
    }
}

/// Reads the content of a field that may be left out but neither repeated nor `null`.
fn once<'de, T, A>(slot: &mut Option<T>, map: &mut A) -> Result<(), A::Error>
where
    T: Deserialize<'de>,
    A: MapAccess<'de>,
{
    if slot.is_some() {
        return not_plain();
    }
    *slot = Some(map.next_value()?);
    Ok(())
}

/// The same for an object.
fn object<'de, T, A>(slot: &mut Option<T>, map: &mut A) -> Result<(), A::Error>
where
    T: Object<'de>,
    A: MapAccess<'de>,
{
    if slot.is_some() {
        return not_plain();
    }
    map.next_value_seed(Fill(slot.insert(T::default())))
}

fn not_plain<T, E: serde::de::Error>() -> Result<T, E> {
    Err(E::custom("not plain"))
}

/// An identifier that is certainly good; the others are looked at by the general reader.
#[derive(Clone, Copy)]
struct Id<'a>(&'a str);

impl<'a> Id<'a> {
    fn new<E: serde::de::Error>(id: &'a str) -> Result<Self, E> {
        let printable = |b: u8| (b' '..=b'~').contains(&b);
        let good = (1..=MAX_ID_LEN).contains(&id.len()) && id.bytes().all(printable);
        if good { Ok(Self(id)) } else { not_plain() }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(Deserialize::deserialize(d)?)
    }
}

/// A text of bounded length.
#[derive(Clone, Copy)]
struct Short<'a>(&'a str);

impl<'de: 'a, 'a> Deserialize<'de> for Short<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(d)?;
        if text.len() > MAX_TEXT_LEN { not_plain() } else { Ok(Self(text)) }
    }
}

fn text(short: Option<Short<'_>>) -> Option<&str> {
    short.map(|text| text.0)
}

/// A visitor of one of the small types below.
struct Read<T>(PhantomData<T>);

const fn read<T>() -> Read<T> {
    Read(PhantomData)
}

#[derive(Clone, Copy)]
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

#[derive(Clone, Copy)]
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
            let flag = Quality::named(name).map_or_else(not_plain, Ok)?;
            all = all.with(flag);
        }
        not_plain()
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

    fn visit_borrowed_str<E: serde::de::Error>(self, id: &'de str) -> Result<Self::Value, E> {
        let Id(id) = Id::new(id)?;
        Ok(DeviceWire { id, model: None, firmware: None, class: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut device = PlainDevice::default();
        Fill(&mut device).visit_map(map)?;
        let PlainDevice { id: Some(Id(id)), model, firmware, class } = device else {
            return not_plain();
        };
        Ok(DeviceWire { id, model: text(model), firmware: text(firmware), class: text(class) })
    }
}
