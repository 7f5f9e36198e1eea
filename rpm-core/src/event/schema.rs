//! The JSON Schema of the event, for editors and for validators at the edge.
//!
//! The schema says what a text's shape is; it does not know which unit fits which kind, nor what a
//! body can be. What [`json::parse`] accepts of version 1.0 the schema accepts.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::json::{ABSENT, MAX_ITEMS, MAX_TEXT_LEN, SIGNATURE};
use super::kind::{MAX_KIND_NAME, TABLE};
use super::unit::Unit;
use super::{Quality, json};
use crate::id::MAX_ID_LEN;

/// Where the schema says it lives.
pub const EVENT_V1_ID: &str = "urn:rpm:event:1";

/// The JSON Schema (2020-12) of an event of version 1.0, as JSON text.
///
/// ```
/// assert!(rpm_core::event::schema::event_v1().contains("device_status"));
/// ```
pub fn event_v1() -> String {
    let mut bodies = bodies();
    let alternatives: Vec<Value> =
        bodies.iter().map(|(name, _)| json!({ "required": [name] })).collect();
    bodies.extend(head());
    let mut schema = object(bodies, &["v", "patient", "device", "observed_at"]);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["$id"] = json!(EVENT_V1_ID);
    schema["title"] = json!("Event");
    schema["description"] = json!("One fact from outside: exactly one body.");
    schema["oneOf"] = json!(alternatives);
    schema["$defs"] = definitions();
    format!("{schema:#}")
}

/// Fields of an object, by name.
pub(crate) type Properties = Vec<(&'static str, Value)>;

/// An object with these fields, of which some are required, and no others.
pub(crate) fn object(properties: Properties, required: &[&str]) -> Value {
    let properties: serde_json::Map<_, _> =
        properties.into_iter().map(|(name, schema)| (name.into(), schema)).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn head() -> Properties {
    alloc::vec![
        ("v", json!({ "enum": [json::VERSION, "1", 1] })),
        ("tenant", reference("identifier")),
        ("patient", reference("identifier")),
        ("device", device()),
        ("sequence", json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX })),
        ("observed_at", reference("time")),
        ("received_at", reference("time")),
        ("quality", quality()),
        ("lineage", lineage()),
        (
            "unknown",
            json!({ "type": "object", "description": "Kept fields of a newer version, by path." }),
        ),
    ]
}

fn bodies() -> Properties {
    alloc::vec![
        ("reading", reading()),
        ("correction", object(value(), &["kind", "value"])),
        ("void", object(alloc::vec![("kind", reference("kind"))], &["kind"])),
        ("device_status", device_status()),
        ("context", context()),
        ("enrolment", enrolment()),
        ("profile", profile()),
    ]
}

/// What is defined under a name.
pub(crate) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn names<T>(list: &[(&'static str, T)]) -> Value {
    let names: Vec<_> = list.iter().map(|(name, _)| *name).collect();
    json!({ "enum": names })
}

pub(crate) fn boolean() -> Value {
    json!({ "type": "boolean" })
}

pub(crate) fn time() -> Value {
    json!({
        "description": "RFC 3339, or whole milliseconds since 1970.",
        "anyOf": [
            { "type": "string", "format": "date-time" },
            { "type": "integer", "minimum": 0, "maximum": 253_402_300_799_999_i64 },
        ],
    })
}

fn definitions() -> Value {
    let kinds: Vec<_> = TABLE.iter().map(|info| info.name).collect();
    let loinc: Vec<_> = TABLE.iter().flat_map(|info| info.loinc).collect();
    let units: Vec<_> = Unit::ALL.iter().map(|unit| unit.code()).collect();
    json!({
        "identifier": { "type": "string", "minLength": 1, "maxLength": MAX_ID_LEN },
        "text": { "type": "string", "maxLength": MAX_TEXT_LEN },
        "time": time(),
        "kind": {
            "anyOf": [
                { "enum": kinds },
                {
                    "description": "A kind that the policy declares.",
                    "type": "string",
                    "pattern": format!("^[a-z0-9_]{{1,{MAX_KIND_NAME}}}$"),
                },
                object(alloc::vec![("loinc", json!({ "enum": loinc }))], &["loinc"]),
            ],
        },
        "value": {
            "description": "A number, the same as text, or the code of a coded kind.",
            "type": ["number", "string"],
        },
        "unit": {
            "description": "A UCUM code; listed everyday spellings are read too.",
            "type": "string",
            "maxLength": MAX_TEXT_LEN,
            "not": { "enum": ["F", "C"] },
            "examples": units,
        },
    })
}

fn value() -> Properties {
    alloc::vec![
        ("kind", reference("kind")),
        ("value", reference("value")),
        ("unit", reference("unit")),
    ]
}

fn reading() -> Value {
    let mut properties = value();
    properties.push(("absent", names(&ABSENT)));
    let mut schema = object(properties, &["kind"]);
    schema["oneOf"] = json!([{ "required": ["value"] }, { "required": ["absent"] }]);
    schema
}

fn device() -> Value {
    let properties = alloc::vec![
        ("id", reference("identifier")),
        ("model", reference("text")),
        ("firmware", reference("text")),
        ("class", reference("text")),
    ];
    json!({ "anyOf": [reference("identifier"), object(properties, &["id"])] })
}

fn quality() -> Value {
    json!({ "type": "array", "maxItems": MAX_ITEMS, "items": names(&Quality::NAMES) })
}

fn lineage() -> Value {
    let repair = alloc::vec![
        ("offset_ms", json!({ "type": "integer", "minimum": i64::MIN, "maximum": i64::MAX })),
        ("evidence", reference("text")),
    ];
    let properties = alloc::vec![
        ("adapter", reference("text")),
        ("original_value", reference("text")),
        ("original_unit", reference("text")),
        ("signature", names(&SIGNATURE)),
        ("clock_repair", object(repair, &["offset_ms", "evidence"])),
    ];
    object(properties, &[])
}

fn device_status() -> Value {
    let properties = alloc::vec![
        ("worn", boolean()),
        ("battery_percent", json!({ "type": "integer", "minimum": 0, "maximum": 100 })),
        ("link_up", boolean()),
    ];
    object(properties, &[])
}

fn context() -> Value {
    let properties = alloc::vec![
        ("activity", reference("text")),
        ("asleep", boolean()),
        ("on_oxygen", boolean()),
        ("posture", reference("text")),
        ("care_phase", reference("text")),
    ];
    object(properties, &[])
}

fn enrolment() -> Value {
    let duration = json!({ "type": "string", "pattern": "^ *[0-9]+ *(d|h|min|s|ms) *$" });
    let expected = alloc::vec![
        ("kind", reference("kind")),
        ("cadence", duration),
        ("from", reference("time")),
        ("until", reference("time")),
    ];
    let signals = json!({
        "type": "array",
        "maxItems": MAX_ITEMS,
        "items": object(expected, &["kind", "cadence", "from"]),
    });
    object(alloc::vec![("signals", signals)], &["signals"])
}

fn profile() -> Value {
    let texts = json!({ "type": "array", "maxItems": MAX_ITEMS, "items": reference("text") });
    let properties = alloc::vec![
        ("age_band", reference("text")),
        ("conditions", texts.clone()),
        ("cohort", reference("text")),
        ("spo2_scale", json!({ "enum": [1, 2] })),
        ("utc_offset_min", json!({ "type": "integer", "minimum": -840, "maximum": 840 })),
        ("consent", boolean()),
        ("declined_channels", texts),
    ];
    object(properties, &[])
}
