//! The JSON form of an [`Event`], its versions and up-casters.
//!
//! # Version 1
//!
//! ```json
//! {"v": "1.0", "tenant": "north", "patient": "p1",
//!  "device": {"id": "d1", "model": "m", "firmware": "1.2", "class": "finger-oximeter"},
//!  "sequence": 17,
//!  "observed_at": "2026-03-01T02:13:05Z", "received_at": "2026-03-01T02:13:06Z",
//!  "reading": {"kind": "spo2", "value": 97.4, "unit": "%"},
//!  "quality": ["motion"],
//!  "lineage": {"adapter": "gatt/1"}}
//! ```
//!
//! - Exactly one body: `reading`, `correction`, `void`, `device_status`, `context`, `enrolment` or
//!   `profile`.
//! - `device` may be the identifier alone; `kind` may be `{"loinc": "2708-6"}`; a time may be whole
//!   milliseconds since 1970; a value may be a decimal in a string, or the code of a coded kind.
//! - A reading without value says why: `"absent": "error"`.
//! - Numbers are read from their decimal text, never through a float.
//! - A value in another unit, or with more digits than the engine keeps, is converted, and what was
//!   delivered goes into the lineage.
//! - A field may occur once; a field without content is left out, never `null`.
//!
//! # Other versions
//!
//! - A newer minor version (`"1.7"`) is read as far as known. Unknown fields go, by path, into
//!   [`Event::unknown`], and an unknown quality flag counts as `questionable`. In the version this
//!   library knows, an unknown field is an error.
//! - Version 0 was flat and had readings only; it is read through an up-caster:
//!   `{"v": 0, "p": "p1", "dev": "d1", "seq": 17, "t": 1772331185000, "kind": "spo2", "value": 97,
//!   "unit": "%"}`, where `dev` and `seq` may be whatever version 1 allows for `device` and
//!   `sequence`.
//! - Any other major version is [`Code::UnknownSchema`].
//!
//! # Speed
//!
//! [`parse_reading`] borrows from the text and allocates nothing. It answers for a plain reading of
//! version 1.0, which nearly all are, and leaves everything else, errors too, to [`parse`].

mod fields;
mod number;
mod plain;
mod read;
#[cfg(test)]
#[cfg(feature = "schema")]
mod schema_tests;
#[cfg(test)]
mod tests;
mod write;

use alloc::string::String;

use super::Event;
use crate::error::{Code, Error};

pub(crate) use fields::{Fields, boolean, inside, items, short, string, whole};
pub use plain::{DeviceWire, KindWire, ReadingWire, parse_reading};
pub(crate) use read::{host_time, time, value};

/// The version that [`write()`] writes.
pub const VERSION: &str = "1.0";

/// The largest event text, in bytes.
pub const MAX_EVENT_LEN: usize = 1 << 20;

/// The longest free text in an event (model, adapter, activity, ...), in bytes.
pub const MAX_TEXT_LEN: usize = 256;

/// The most entries of a list in an event, and the most fields of an object.
pub const MAX_ITEMS: usize = 64;

/// Reads an event.
///
/// The error names the field (`reading.unit`), never what was in it.
///
/// ```
/// use rpm_core::{Code, event::json};
/// let text = br#"{"v":"1.0","patient":"p1","device":"d1","observed_at":"2026-03-01T02:13:05Z",
///                 "reading":{"kind":"body_temperature","value":98.6,"unit":"F"}}"#;
/// let error = json::parse(text).unwrap_err();
/// assert_eq!(error.code(), Code::AmbiguousUnit);
/// assert_eq!(error.path(), Some("reading.unit"));
/// ```
pub fn parse(text: &[u8]) -> Result<Event, Error> {
    if text.len() > MAX_EVENT_LEN {
        return Err(Error::new(Code::TooLarge));
    }
    let text = core::str::from_utf8(text).map_err(|_| Error::new(Code::BadEncoding))?;
    read::event(text)
}

/// Writes an event in version [`VERSION`], on one line. [`parse`] reads the same event back.
pub fn write(event: &Event) -> String {
    write::event(event)
}

/// The names of [`AbsentReason`](super::AbsentReason), as in FHIR.
pub(super) const ABSENT: [(&str, super::AbsentReason); 7] = [
    ("unknown", super::AbsentReason::Unknown),
    ("error", super::AbsentReason::Error),
    ("not-a-number", super::AbsentReason::NotANumber),
    ("positive-infinity", super::AbsentReason::PositiveInfinity),
    ("negative-infinity", super::AbsentReason::NegativeInfinity),
    ("not-performed", super::AbsentReason::NotPerformed),
    ("unsupported", super::AbsentReason::Unsupported),
];

/// The names of [`Signature`](super::Signature).
pub(super) const SIGNATURE: [(&str, super::Signature); 4] = [
    ("none", super::Signature::None),
    ("gateway", super::Signature::Gateway),
    ("device", super::Signature::Device),
    ("invalid", super::Signature::Invalid),
];

fn named<T: Copy>(list: &[(&str, T)], name: &str) -> Option<T> {
    list.iter().find(|(n, _)| *n == name).map(|(_, item)| *item)
}

fn name_of<T: Copy + PartialEq>(list: &[(&'static str, T)], item: T) -> &'static str {
    list.iter().find(|(_, i)| *i == item).map_or("", |(name, _)| *name)
}
