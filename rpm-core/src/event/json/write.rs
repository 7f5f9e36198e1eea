//! Writes version 1.0 of an event.

use alloc::string::String;
use core::fmt::{Display, Write as _};

use super::{ABSENT, SIGNATURE, VERSION, name_of};
use crate::event::kind::{KindRef, code_name};
use crate::event::{
    AbsentReason, Body, ClockRepair, Context, Device, DeviceStatus, Enrolment, Event, Expected,
    Lineage, Profile, Quality, Signature,
};
use crate::time::Timestamp;
use crate::value::Value;

pub(super) fn event(event: &Event) -> String {
    let mut out = Object { text: String::with_capacity(256), first: true };
    out.object(|o| {
        o.string("v", VERSION);
        o.optional("tenant", event.tenant.as_ref().map(|t| t.as_str()));
        o.string("patient", event.patient.as_str());
        o.field("device", |o| device(o, &event.device));
        o.number("sequence", event.sequence);
        o.field("observed_at", |o| time(o, event.observed_at.as_millis()));
        if let Some(at) = event.received_at {
            o.field("received_at", |o| time(o, at.as_millis()));
        }
        body(o, &event.body, &event.lineage);
        quality(o, event.quality);
        lineage(o, &event.lineage);
        if let Some(kept) = &event.unknown {
            o.field("unknown", |o| o.text.push_str(kept));
        }
    });
    out.text
}

/// Writes JSON text; `first` says whether the next field needs a comma.
struct Object {
    text: String,
    first: bool,
}

impl Object {
    fn object(&mut self, write: impl FnOnce(&mut Self)) {
        self.text.push('{');
        self.first = true;
        write(self);
        self.text.push('}');
        self.first = false;
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, write: impl Fn(&mut Self, T)) {
        self.text.push('[');
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            write(self, item);
        }
        self.text.push(']');
        self.first = false;
    }

    fn field(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        if !self.first {
            self.text.push(',');
        }
        self.first = false;
        quote(&mut self.text, name);
        self.text.push(':');
        write(self);
    }

    fn string(&mut self, name: &str, value: &str) {
        self.field(name, |o| quote(&mut o.text, value));
    }

    fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.string(name, value);
        }
    }

    /// A list of strings; left out if it is empty.
    fn texts(&mut self, name: &str, texts: &[String]) {
        if !texts.is_empty() {
            self.field(name, |o| o.list(texts, |o, text| quote(&mut o.text, text)));
        }
    }

    /// A number or a truth value.
    fn number(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.field(name, |o| o.print(value));
        }
    }

    fn print(&mut self, value: impl Display) {
        // Writing into a `String` cannot fail.
        let _ = write!(self.text, "{value}");
    }
}

/// A JSON string.
pub(super) fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// RFC 3339, or milliseconds for a time that has no such form.
fn time(o: &mut Object, ms: i64) {
    let time = Timestamp::from_millis(ms);
    if time.is_plausible() {
        let _ = write!(o.text, "\"{time}\"");
    } else {
        o.print(ms);
    }
}

fn device(o: &mut Object, device: &Device) {
    if device.model.is_none() && device.firmware.is_none() && device.class.is_none() {
        return quote(&mut o.text, device.id.as_str());
    }
    o.object(|o| {
        o.string("id", device.id.as_str());
        o.optional("model", device.model.as_deref());
        o.optional("firmware", device.firmware.as_deref());
        o.optional("class", device.class.as_deref());
    });
}

fn body(o: &mut Object, body: &Body, lineage: &Lineage) {
    match body {
        Body::Reading { kind, value } => {
            o.field("reading", |o| o.object(|o| measured(o, kind, *value, lineage)));
        }
        Body::Correction { kind, value } => {
            o.field("correction", |o| o.object(|o| measured(o, kind, Ok(*value), lineage)));
        }
        Body::Void { kind } => {
            o.field("void", |o| o.object(|o| o.string("kind", kind_name(kind))));
        }
        Body::DeviceStatus(status) => o.field("device_status", |o| device_status(o, status)),
        Body::Context(c) => o.field("context", |o| context(o, c)),
        Body::Enrolment(e) => o.field("enrolment", |o| enrolment(o, e)),
        Body::Profile(p) => o.field("profile", |o| profile(o, p)),
    }
}

fn kind_name(kind: &KindRef) -> &str {
    match kind {
        KindRef::Known(kind) => kind.info().map_or("", |info| info.name),
        KindRef::Declared(name) => name,
    }
}

fn measured(o: &mut Object, kind: &KindRef, value: Result<Value, AbsentReason>, lineage: &Lineage) {
    o.string("kind", kind_name(kind));
    let value = match value {
        Ok(value) => value,
        Err(reason) => return o.string("absent", name_of(&ABSENT, reason)),
    };
    let known = match kind {
        KindRef::Known(kind) => Some(*kind),
        KindRef::Declared(_) => None,
    };
    if let Some(code) = known.and_then(|kind| code_name(kind, value)) {
        return o.string("value", code);
    }
    o.number("value", Some(value));
    match known.and_then(|kind| kind.info()) {
        Some(info) => o.string("unit", info.unit.code()),
        None => o.optional("unit", lineage.original_unit.as_deref()),
    }
}

fn quality(o: &mut Object, quality: Quality) {
    if !quality.is_good() {
        o.field("quality", |o| o.list(quality.names(), |o, name| quote(&mut o.text, name)));
    }
}

fn lineage(o: &mut Object, lineage: &Lineage) {
    if *lineage == Lineage::default() {
        return;
    }
    o.field("lineage", |o| {
        o.object(|o| {
            o.optional("adapter", lineage.adapter.as_deref());
            o.optional("original_value", lineage.original_value.as_ref().map(|v| &**v.reveal()));
            o.optional("original_unit", lineage.original_unit.as_deref());
            if lineage.signature != Signature::None {
                o.string("signature", name_of(&SIGNATURE, lineage.signature));
            }
            if let Some(repair) = &lineage.clock_repair {
                o.field("clock_repair", |o| clock_repair(o, repair));
            }
        });
    });
}

fn clock_repair(o: &mut Object, repair: &ClockRepair) {
    o.object(|o| {
        o.number("offset_ms", Some(repair.offset_ms));
        o.string("evidence", &repair.evidence);
    });
}

fn device_status(o: &mut Object, status: &DeviceStatus) {
    o.object(|o| {
        o.number("worn", status.worn);
        o.number("battery_percent", status.battery_percent);
        o.number("link_up", status.link_up);
    });
}

fn context(o: &mut Object, context: &Context) {
    o.object(|o| {
        o.optional("activity", context.activity.as_deref());
        o.number("asleep", context.asleep);
        o.number("on_oxygen", context.on_oxygen);
        o.optional("posture", context.posture.as_deref());
        o.optional("care_phase", context.care_phase.as_deref());
    });
}

fn enrolment(o: &mut Object, enrolment: &Enrolment) {
    o.object(|o| o.field("signals", |o| o.list(&enrolment.signals, expected)));
}

fn expected(o: &mut Object, expected: &Expected) {
    o.object(|o| {
        o.string("kind", kind_name(&expected.kind));
        o.field("cadence", |o| {
            let _ = write!(o.text, "\"{}\"", expected.cadence);
        });
        o.field("from", |o| time(o, expected.from.as_millis()));
        if let Some(until) = expected.until {
            o.field("until", |o| time(o, until.as_millis()));
        }
    });
}

fn profile(o: &mut Object, profile: &Profile) {
    o.object(|o| {
        o.optional("age_band", profile.age_band.as_deref());
        o.texts("conditions", &profile.conditions);
        o.optional("cohort", profile.cohort.as_deref());
        o.number("spo2_scale", profile.spo2_scale);
        o.number("utc_offset_min", profile.utc_offset_min);
        o.number("consent", profile.consent);
        o.texts("declined_channels", &profile.declined_channels);
    });
}
