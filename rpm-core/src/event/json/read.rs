//! Reads events of every version: old ones are cast up to the wire form of version 1 first.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use super::fields::{
    Fields, Unknown, boolean, code, error, inside, items, list, short, string, whole,
};
use super::number::{decimal, instant, measure, plausible};
use super::{ABSENT, MAX_ITEMS, SIGNATURE, named};
use crate::error::{Code, Error};
use crate::event::kind::{Kind, KindRef};
use crate::event::{
    AbsentReason, Body, ClockRepair, Context, Device, DeviceStatus, Enrolment, Event, Expected,
    Lineage, Profile, Quality,
};
use crate::id::{DeviceId, PatientId, TenantId};
use crate::redact::Phi;
use crate::time::{Duration, HostTime, Timestamp};
use crate::value::{Ratio, Value};

const BODIES: [&str; 7] =
    ["reading", "correction", "void", "device_status", "context", "enrolment", "profile"];

/// An event of version 1 whose fields are not interpreted yet: what every up-caster makes.
struct Wire<'a> {
    head: Fields<'a>,
    body: (&'static str, Fields<'a>),
}

pub(super) fn event(text: &str) -> Result<Event, Error> {
    let mut fields = Fields::read(text)?;
    match fields.required("v", version)? {
        (1, minor) => {
            let unknown = Unknown { newer: minor > 0, kept: Default::default() };
            from_v1(split_body(fields)?, unknown, text_of_version(minor))
        }
        (0, 0) => {
            let unknown = Unknown { newer: false, kept: Default::default() };
            from_v1(upcast_v0(fields)?, unknown, None).map_err(as_in_v0)
        }
        _ => Err(Error::new(Code::UnknownSchema).at("v")),
    }
}

fn text_of_version(minor: u32) -> Option<String> {
    (minor > 0).then(|| format!("\"1.{minor}\""))
}

/// `"1.0"`, `"1"` or `1`; as a number a version has no minor part, because 1.1 and 1.10 are equal.
fn version(text: &str) -> Result<(u32, u32), Error> {
    if !text.starts_with('"') {
        return whole(text).map(|major| (major, 0));
    }
    let text = string(text)?;
    let (major, minor) = text.split_once('.').unwrap_or((&text, "0"));
    match (whole(major), whole(minor)) {
        (Ok(major), Ok(minor)) => Ok((major, minor)),
        _ => error(Code::UnknownSchema),
    }
}

fn split_body<'a>(mut fields: Fields<'a>) -> Result<Wire<'a>, Error> {
    let mut body = None;
    for name in BODIES {
        let Some(inner) = fields.optional(name, Fields::read)? else {
            continue;
        };
        if body.replace((name, inner)).is_some() {
            return Err(Error::new(Code::ExclusiveFields).at(name));
        }
    }
    let missing = || {
        Error::new(Code::MissingField)
            .at("reading")
            .hint("or one of correction, void, device_status, context, enrolment, profile")
    };
    Ok(Wire { head: fields, body: body.ok_or_else(missing)? })
}

/// Version 0's names and today's, where the event has them.
const V0_HEAD: [(&str, &str); 4] =
    [("p", "patient"), ("dev", "device"), ("seq", "sequence"), ("t", "observed_at")];
/// The same for the fields that are now in `reading`.
const V0_READING: [&str; 3] = ["kind", "value", "unit"];

/// Casts version 0, which was flat and had readings only, up to version 1.
fn upcast_v0<'a>(mut old: Fields<'a>) -> Result<Wire<'a>, Error> {
    let mut head = Fields::empty();
    for (short, today) in V0_HEAD {
        if let Some(text) = old.take(short) {
            head.put(today, text);
        }
    }
    let mut reading = Fields::empty();
    for name in V0_READING {
        if let Some(text) = old.take(name) {
            reading.put(name, text);
        }
    }
    old.finish_strict()?;
    Ok(Wire { head, body: ("reading", reading) })
}

/// The error's path as version 0 called the field.
fn as_in_v0(error: Error) -> Error {
    let Some(path) = error.path() else {
        return error;
    };
    let first = path.split('.').next().unwrap_or(path);
    let old = V0_HEAD.iter().find(|(_, today)| *today == first);
    let path = match (old, path.strip_prefix("reading.")) {
        (Some((short, today)), _) => format!("{short}{}", &path[today.len()..]),
        (None, Some(flat)) => flat.to_string(),
        (None, None) => return error,
    };
    error.at(path)
}

fn from_v1<'a>(
    wire: Wire<'a>,
    mut unknown: Unknown<'a>,
    version: Option<String>,
) -> Result<Event, Error> {
    let Wire { mut head, body: (name, fields) } = wire;
    let keep = &mut unknown;
    let earlier = head.optional("unknown", kept_before)?;
    let mut lineage = head.optional("lineage", |t| lineage(t, keep))?.unwrap_or_default();
    let body = body(name, fields, &mut lineage, keep).map_err(inside(name))?;
    let mut event = Event {
        tenant: head.optional("tenant", |t| TenantId::new(&string(t)?))?,
        patient: head.required("patient", |t| PatientId::new(&string(t)?))?,
        device: head.required("device", |t| device(t, keep))?,
        sequence: head.optional("sequence", whole)?,
        observed_at: head.required("observed_at", time)?,
        received_at: head.optional("received_at", host_time)?,
        body,
        quality: head.optional("quality", |t| quality(t, keep))?.unwrap_or_default(),
        lineage,
        unknown: None,
    };
    head.finish("", keep)?;
    event.unknown = unknown_text(version, &unknown, earlier)?;
    Ok(event)
}

/// The content of `unknown`, where [`super::write`] puts what an earlier reader did not know.
fn kept_before(text: &str) -> Result<&str, Error> {
    Fields::read(text).map(|_| text)
}

/// One object: the version, then path and content of each field that is not known here.
fn unknown_text(
    version: Option<String>,
    unknown: &Unknown<'_>,
    earlier: Option<&str>,
) -> Result<Option<Box<str>>, Error> {
    if unknown.kept.is_empty() {
        return Ok(earlier.map(Into::into));
    }
    let mut text = format!("{{\"v\":{}", version.as_deref().unwrap_or("\"1.0\""));
    for (path, content) in &unknown.kept {
        text.push(',');
        super::write::quote(&mut text, path);
        text.push(':');
        text.push_str(content);
    }
    if let Some(earlier) = earlier {
        text.push_str(",\"unknown\":");
        text.push_str(earlier);
    }
    text.push('}');
    Ok(Some(text.into()))
}

fn body<'a>(
    name: &str,
    mut fields: Fields<'a>,
    lineage: &mut Lineage,
    keep: &mut Unknown<'a>,
) -> Result<Body, Error> {
    let body = match name {
        "reading" => reading(&mut fields, lineage, keep)?,
        "correction" => correction(&mut fields, lineage, keep)?,
        "void" => Body::Void { kind: fields.required("kind", |t| kind(t, keep))? },
        "device_status" => device_status(&mut fields)?,
        "context" => context(&mut fields)?,
        "enrolment" => enrolment(&mut fields, keep)?,
        _ => profile(&mut fields)?,
    };
    fields.finish(&format!("{name}."), keep)?;
    Ok(body)
}

fn reading<'a>(
    fields: &mut Fields<'a>,
    lineage: &mut Lineage,
    keep: &mut Unknown<'a>,
) -> Result<Body, Error> {
    let kind = fields.required("kind", |t| kind(t, keep))?;
    let unit = fields.optional("unit", short)?;
    let reason = absent(fields, keep)?;
    let value = match (fields.take("value"), reason) {
        (Some(_), Some(_)) => return Err(Error::new(Code::ExclusiveFields).at("absent")),
        (Some(text), None) => Ok(measured(&kind, text, unit, lineage)?),
        (None, Some(reason)) => Err(reason),
        (None, None) => return Err(Error::new(Code::MissingField).at("value")),
    };
    Ok(Body::Reading { kind, value })
}

fn absent<'a>(fields: &mut Fields<'a>, keep: &Unknown<'a>) -> Result<Option<AbsentReason>, Error> {
    match fields.optional("absent", |t| code(t, |name| named(&ABSENT, name))) {
        // A newer version may know more reasons: none of them makes a value.
        Err(e) if keep.newer && e.code() == Code::UnknownCode => Ok(Some(AbsentReason::Unknown)),
        other => other,
    }
}

fn correction<'a>(
    fields: &mut Fields<'a>,
    lineage: &mut Lineage,
    keep: &mut Unknown<'a>,
) -> Result<Body, Error> {
    let kind = fields.required("kind", |t| kind(t, keep))?;
    let unit = fields.optional("unit", short)?;
    let missing = || Error::new(Code::MissingField).at("value");
    let value = measured(&kind, fields.take("value").ok_or_else(missing)?, unit, lineage)?;
    Ok(Body::Correction { kind, value })
}

/// A name, or a LOINC code.
fn kind<'a>(text: &'a str, keep: &mut Unknown<'a>) -> Result<KindRef, Error> {
    if !text.starts_with('{') {
        return KindRef::named(&string(text)?);
    }
    let mut fields = Fields::read(text)?;
    let unknown = || Error::new(Code::UnknownKind);
    let by_loinc = |t| Kind::by_loinc(&string(t)?).ok_or_else(unknown);
    let kind = fields.required("loinc", by_loinc)?;
    fields.finish("kind.", keep)?;
    Ok(KindRef::Known(kind))
}

/// A value with its unit; what was delivered goes into the lineage if it is not kept as it is.
fn measured(
    kind: &KindRef,
    text: &str,
    unit: Option<String>,
    lineage: &mut Lineage,
) -> Result<Value, Error> {
    let text = number_or_string(text).map_err(inside("value"))?;
    let read = match kind {
        KindRef::Known(kind) => measure(*kind, &text, unit.as_deref())?,
        KindRef::Declared(_) => decimal(&text, Ratio::ONE).map_err(inside("value"))?,
    };
    if !read.as_given {
        lineage.original_value.get_or_insert_with(|| Phi::new(text.into_owned()));
    }
    // The unit of a declared kind is the policy's business: it stays as delivered.
    if !read.as_given || matches!(kind, KindRef::Declared(_)) {
        lineage.original_unit = lineage.original_unit.take().or(unit);
    }
    Ok(read.value)
}

/// A value without a unit: a number, or a string that is one.
pub(crate) fn value(text: &str) -> Result<Value, Error> {
    Ok(decimal(&number_or_string(text)?, Ratio::ONE)?.value)
}

/// The text of a number, or of a string that may be one.
fn number_or_string(text: &str) -> Result<Cow<'_, str>, Error> {
    match text.as_bytes().first() {
        Some(b'"') => string(text),
        Some(b'-' | b'0'..=b'9') => Ok(text.into()),
        _ => error(Code::WrongType),
    }
}

pub(crate) fn time(text: &str) -> Result<Timestamp, Error> {
    millis(text).map(Timestamp::from_millis)
}

pub(crate) fn host_time(text: &str) -> Result<HostTime, Error> {
    millis(text).map(HostTime::from_millis)
}

/// RFC 3339, or whole milliseconds.
fn millis(text: &str) -> Result<i64, Error> {
    match text.as_bytes().first() {
        Some(b'"') => instant(&string(text)?),
        Some(b'-' | b'0'..=b'9') => {
            let ms = whole(text).map_err(|_| Error::new(Code::BadTimestamp))?;
            plausible(ms)
        }
        _ => error(Code::WrongType),
    }
}

/// The identifier alone, or an object.
fn device<'a>(text: &'a str, keep: &mut Unknown<'a>) -> Result<Device, Error> {
    let id = |t| DeviceId::new(&string(t)?);
    if !text.starts_with('{') {
        return Ok(Device { id: id(text)?, model: None, firmware: None, class: None });
    }
    let mut fields = Fields::read(text)?;
    let device = Device {
        id: fields.required("id", id)?,
        model: fields.optional("model", short)?,
        firmware: fields.optional("firmware", short)?,
        class: fields.optional("class", short)?,
    };
    fields.finish("device.", keep)?;
    Ok(device)
}

fn quality<'a>(text: &'a str, keep: &mut Unknown<'a>) -> Result<Quality, Error> {
    let flag = |t| code(t, Quality::named);
    let flags = list(text, |t| match flag(t) {
        // What a newer version warns of is at least doubt.
        Err(e) if keep.newer && e.code() == Code::UnknownCode => Ok((Quality::QUESTIONABLE, true)),
        flag => flag.map(|f| (f, false)),
    })?;
    if flags.iter().any(|(_, unknown)| *unknown) {
        keep.keep("quality".into(), text);
    }
    Ok(flags.into_iter().fold(Quality::GOOD, |all, (flag, _)| all.with(flag)))
}

fn lineage<'a>(text: &'a str, keep: &mut Unknown<'a>) -> Result<Lineage, Error> {
    let mut fields = Fields::read(text)?;
    let signature = |t| code(t, |name| named(&SIGNATURE, name));
    let lineage = Lineage {
        adapter: fields.optional("adapter", short)?,
        original_value: fields.optional("original_value", short)?.map(Phi::new),
        original_unit: fields.optional("original_unit", short)?,
        signature: fields.optional("signature", signature)?.unwrap_or_default(),
        clock_repair: fields.optional("clock_repair", |t| clock_repair(t, keep))?,
    };
    fields.finish("lineage.", keep)?;
    Ok(lineage)
}

fn clock_repair<'a>(text: &'a str, keep: &mut Unknown<'a>) -> Result<ClockRepair, Error> {
    let mut fields = Fields::read(text)?;
    let repair = ClockRepair {
        offset_ms: fields.required("offset_ms", whole)?,
        evidence: fields.required("evidence", short)?,
    };
    fields.finish("lineage.clock_repair.", keep)?;
    Ok(repair)
}

fn device_status(fields: &mut Fields<'_>) -> Result<Body, Error> {
    let percent = |t| whole(t).and_then(|n| within(n, 0..=100));
    Ok(Body::DeviceStatus(DeviceStatus {
        worn: fields.optional("worn", boolean)?,
        battery_percent: fields.optional("battery_percent", percent)?,
        link_up: fields.optional("link_up", boolean)?,
    }))
}

fn within<T: PartialOrd>(n: T, range: RangeInclusive<T>) -> Result<T, Error> {
    if range.contains(&n) { Ok(n) } else { error(Code::OutOfRange) }
}

fn context(fields: &mut Fields<'_>) -> Result<Body, Error> {
    Ok(Body::Context(Context {
        activity: fields.optional("activity", short)?,
        asleep: fields.optional("asleep", boolean)?,
        on_oxygen: fields.optional("on_oxygen", boolean)?,
        posture: fields.optional("posture", short)?,
        care_phase: fields.optional("care_phase", short)?,
    }))
}

fn enrolment<'a>(fields: &mut Fields<'a>, keep: &mut Unknown<'a>) -> Result<Body, Error> {
    let texts = fields.required("signals", items::<MAX_ITEMS>)?;
    let mut signals = Vec::with_capacity(texts.len());
    for (at, text) in texts.into_iter().enumerate() {
        let place = format!("signals[{at}]");
        signals.push(expected(text, &place, keep).map_err(inside(&place))?);
    }
    Ok(Body::Enrolment(Enrolment { signals }))
}

fn expected<'a>(text: &'a str, place: &str, keep: &mut Unknown<'a>) -> Result<Expected, Error> {
    let mut fields = Fields::read(text)?;
    let cadence = |t| string(t)?.parse::<Duration>();
    let expected = Expected {
        kind: fields.required("kind", |t| kind(t, keep))?,
        cadence: fields.required("cadence", cadence)?,
        from: fields.required("from", time)?,
        until: fields.optional("until", time)?,
    };
    fields.finish(&format!("enrolment.{place}."), keep)?;
    Ok(expected)
}

fn profile(fields: &mut Fields<'_>) -> Result<Body, Error> {
    let scale = |t| whole(t).and_then(|n| within(n, 1..=2));
    let offset = |t| whole(t).and_then(|n| within(n, -MAX_UTC_OFFSET_MIN..=MAX_UTC_OFFSET_MIN));
    Ok(Body::Profile(Box::new(Profile {
        age_band: fields.optional("age_band", short)?,
        conditions: fields.optional("conditions", |t| list(t, short))?.unwrap_or_default(),
        cohort: fields.optional("cohort", short)?,
        spo2_scale: fields.optional("spo2_scale", scale)?,
        utc_offset_min: fields.optional("utc_offset_min", offset)?,
        consent: fields.optional("consent", boolean)?,
        declined_channels: fields
            .optional("declined_channels", |t| list(t, short))?
            .unwrap_or_default(),
    })))
}

/// Local times run from UTC-12 to UTC+14.
const MAX_UTC_OFFSET_MIN: i16 = 14 * 60;
