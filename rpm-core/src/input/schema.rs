//! The JSON Schema of an input, for editors and for validators at the edge.
//!
//! It refers to the schemas of the [event](crate::event::schema) and of the policy by their names. What is
//! wrong with an event is for the engine to say, which quarantines it; the schema says it earlier.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::MAX_SHIFTS;
use super::read::{BODIES, MAX_TERMS};
use crate::event::schema::{EVENT_V1_ID, Properties, boolean, object, reference, time};
use crate::id::MAX_ID_LEN;
use crate::policy::POLICY_V1_ID;
use crate::record::{DeliveryState, Resolution, ScoreFailure};

/// Where the schema says it lives.
pub const INPUT_V1_ID: &str = "urn:rpm:input:1";

/// The JSON Schema (2020-12) of one line of an input log, as JSON text.
///
/// ```
/// assert!(rpm_core::input::schema::input_v1().contains("seen_revision"));
/// ```
pub fn input_v1() -> String {
    let mut properties = vec![("at", reference("time"))];
    properties.extend(BODIES.iter().map(|name| (*name, body(name))));
    let mut input = object(properties, &["at"]);
    // Nothing beside `at` lets time pass.
    input["maxProperties"] = json!(2);
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": INPUT_V1_ID,
        "title": "Input",
        "description": "Whatever enters, and when; or an event alone.",
        "if": { "type": "object", "required": ["v"] },
        "then": { "$ref": EVENT_V1_ID },
        "else": input,
        "$defs": definitions(),
    });
    format!("{schema:#}")
}

fn body(name: &str) -> Value {
    match name {
        "event" => json!({ "$ref": EVENT_V1_ID }),
        "command" => command(),
        "report" => report(),
        "baseline" => baseline(),
        "score" => score(),
        "roll_out" => roll_out(),
        "roster" => {
            json!({ "type": "array", "maxItems": MAX_SHIFTS, "items": reference("shift") })
        }
        _ => change(),
    }
}

/// What is about a patient begins with whose.
fn about(properties: Properties, required: &[&str]) -> Value {
    let mut all = vec![("tenant", reference("identifier")), ("patient", reference("identifier"))];
    all.extend(properties);
    let mut needed = vec!["patient"];
    needed.extend(required);
    object(all, &needed)
}

fn by() -> Properties {
    vec![("by", reference("text")), ("role", reference("text"))]
}

/// Each action with its own fields.
fn command() -> Value {
    let words = || json!({ "type": "string" });
    let resolutions: Vec<_> = Resolution::ALL.iter().map(|r| r.name()).collect();
    let actions: [(&str, Properties, &[&str]); 11] = [
        ("acknowledge", vec![], &[]),
        ("unacknowledge", vec![], &[]),
        (
            "start_remediation",
            vec![
                ("owner", reference("text")),
                ("due", reference("time")),
                ("intervention", reference("text")),
            ],
            &[],
        ),
        ("finish_remediation", vec![], &[]),
        (
            "resolve",
            vec![("reason", json!({ "enum": resolutions })), ("note", words())],
            &["reason"],
        ),
        ("shelve", vec![("until", reference("time")), ("reason", words())], &["until", "reason"]),
        ("unshelve", vec![], &[]),
        ("take_out_of_service", vec![("reference", reference("text"))], &["reference"]),
        ("return_to_service", vec![], &[]),
        ("assign", vec![("to", reference("text"))], &["to"]),
        ("note", vec![("text", words())], &["text"]),
    ];
    let command = |(name, own, needed): (&str, Properties, &[&str])| {
        let mut properties = by();
        properties.extend([
            ("alert", whole(u32::MAX)),
            ("seen_revision", whole(u32::MAX)),
            ("action", json!({ "const": name })),
        ]);
        properties.extend(own);
        about(properties, &[&["alert", "seen_revision", "by", "action"], needed].concat())
    };
    json!({ "oneOf": actions.into_iter().map(command).collect::<Vec<_>>() })
}

fn report() -> Value {
    use DeliveryState::{Delivered, Failed, Handed, Seen};
    let properties = vec![
        ("key", json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })),
        ("state", json!({ "enum": [Handed, Delivered, Seen, Failed] })),
    ];
    about(properties, &["key", "state"])
}

fn baseline() -> Value {
    let action = |name: &str, own: Properties, needed: &[&str]| {
        let mut properties = by();
        properties.extend([
            ("baseline", reference("text")),
            ("reason", json!({ "type": "string" })),
            ("action", json!({ "const": name })),
        ]);
        properties.extend(own);
        about(properties, &[&["baseline", "by", "action"], needed].concat())
    };
    let restart = action("restart", vec![("from", reference("time"))], &[]);
    let shift = action("shift", vec![("by_value", reference("decimal"))], &["by_value"]);
    json!({ "oneOf": [restart, shift] })
}

fn score() -> Value {
    let failures: Vec<_> = ScoreFailure::ALL.iter().map(|failure| failure.name()).collect();
    let term = vec![
        ("feature", reference("text")),
        ("value", reference("text")),
        ("usual", reference("text")),
        ("added", reference("text")),
    ];
    let terms = object(term, &["feature", "added"]);
    let properties = vec![
        ("risk", reference("text")),
        ("model", reference("version")),
        ("shadow", boolean()),
        ("observed_at", reference("time")),
        ("score", reference("decimal")),
        ("reason", json!({ "enum": failures })),
        ("inputs_hash", reference("hash")),
        ("latency_us", json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX })),
        ("terms", json!({ "type": "array", "maxItems": MAX_TERMS, "items": terms })),
    ];
    let mut schema = about(properties, &["risk", "observed_at"]);
    schema["oneOf"] = json!([{ "required": ["score"] }, { "required": ["reason"] }]);
    schema
}

/// Each step with its own fields.
fn roll_out() -> Value {
    let cohorts = json!({ "type": "array", "items": reference("text") });
    let parts = [("permille", whole(1000)), ("cohorts", cohorts)];
    let part = parts.map(|(name, part)| object(vec![(name, part)], &[name]));
    let canary = object(vec![("canary", json!({ "oneOf": part }))], &["canary"]);
    let stages = json!({ "enum": ["candidate", "shadow", "active", "retired"] });
    let step = |name: &str, own: Properties, needed: &[&str]| {
        let mut properties =
            vec![("action", json!({ "const": name })), ("owner", reference("text"))];
        properties.extend(own);
        object(properties, &[&["action", "owner"], needed].concat())
    };
    let decided = || {
        vec![
            ("id", reference("text")),
            ("reason", json!({ "type": "string" })),
            ("evidence", json!({ "type": "string" })),
            ("approver", reference("text")),
        ]
    };
    let mut staged = decided();
    staged.push(("version", whole(u32::MAX)));
    staged.push(("to", json!({ "anyOf": [stages, canary] })));
    json!({
        "oneOf": [
            step("register", vec![("model", reference("version"))], &["model"]),
            step("stage", staged, &["id", "reason", "evidence", "approver", "version", "to"]),
            step("rollback", decided(), &["id", "reason", "evidence", "approver"]),
        ],
    })
}

fn change() -> Value {
    let properties = vec![
        ("from", reference("version")),
        ("to", json!({ "$ref": POLICY_V1_ID })),
        ("owner", reference("text")),
        ("reason", json!({ "type": "string" })),
        ("approver", reference("text")),
        ("effective_at", reference("time")),
    ];
    object(properties, &["to", "owner", "reason", "approver"])
}

fn whole(most: u32) -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": most })
}

fn definitions() -> Value {
    let shift = vec![
        ("function", reference("text")),
        ("person", reference("text")),
        ("from", reference("time")),
        ("until", reference("time")),
        ("tenant", reference("identifier")),
        ("patient", reference("identifier")),
    ];
    let version =
        vec![("id", reference("text")), ("version", whole(u32::MAX)), ("hash", reference("hash"))];
    json!({
        "version": object(version, &["id", "version", "hash"]),
        "identifier": { "type": "string", "minLength": 1, "maxLength": MAX_ID_LEN },
        "text": { "type": "string", "maxLength": crate::event::json::MAX_TEXT_LEN },
        "time": time(),
        "decimal": { "description": "A number, or the same as text.", "type": ["number", "string"] },
        "hash": { "type": "string", "pattern": "^[0-9a-f]{64}$" },
        "shift": object(shift, &["function", "person", "from", "until"]),
    })
}
