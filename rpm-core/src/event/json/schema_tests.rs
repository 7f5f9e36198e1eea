//! The schema and the reader agree on what is an event.

use alloc::string::{String, ToString};

use proptest::prelude::*;

use super::tests::{FULL, event, nearly, with};
use super::{parse, write};
use crate::event::schema::event_v1;

fn validator() -> jsonschema::Validator {
    let schema = serde_json::from_str(&event_v1()).unwrap();
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap()
}

fn is_valid(validator: &jsonschema::Validator, text: &str) -> bool {
    validator.is_valid(&serde_json::from_str(text).unwrap())
}

#[test]
fn good_examples_pass() {
    let validator = validator();
    for text in [
        FULL.to_string(),
        with(r#""reading":{"kind":{"loinc":"2708-6"},"value":"97","unit":"%"}"#),
        with(r#""reading":{"kind":"lactate","absent":"error"}"#),
        with(r#""reading":{"kind":"consciousness","value":"V"}"#),
        with(r#""void":{"kind":"spo2"}"#),
        with(r#""context":{}"#),
        with(r#""enrolment":{"signals":[{"kind":"spo2","cadence":"60 s","from":0}]}"#),
    ] {
        assert!(parse(text.as_bytes()).is_ok(), "{text}");
        assert!(is_valid(&validator, &text), "{text}");
    }
}

#[test]
fn bad_examples_fail() {
    let validator = validator();
    let swap = |from: &str, to: &str| -> String {
        let text = FULL.replace(from, to);
        assert_ne!(text, FULL);
        text
    };
    for text in [
        "[]".to_string(),
        "{}".to_string(),
        swap("1.0", "2.0"),
        swap("\"p1\"", "1"),
        swap("\"p1\"", "\"\""),
        swap("tenant", "tennant"),
        swap("97.4", "null"),
        swap("\"value\":97.4", "\"value\":97.4,\"absent\":\"error\""),
        swap("\"value\":97.4,", ""),
        swap("\"%\"", "\"F\""),
        swap("spo2", "Sp O2"),
        swap("motion", "mud"),
        swap("17", "-17"),
        swap("2026-03-01T02:13:05Z", "yesterday"),
        swap("\"quality\"", "\"void\":{\"kind\":\"spo2\"},\"quality\""),
        with(r#""profile":{"spo2_scale":3}"#),
    ] {
        assert!(parse(text.as_bytes()).is_err(), "{text}");
        assert!(!is_valid(&validator, &text), "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_valid(event in event()) {
        prop_assert!(is_valid(&validator(), &write(&event)));
    }

    /// A validator at the edge refuses nothing that the reader takes.
    #[test]
    fn what_reads_is_valid(text in nearly()) {
        if parse(text.as_bytes()).is_ok() && !text.contains("\"1.3\"") {
            prop_assert!(is_valid(&validator(), &text), "{}", text);
        }
    }
}
