//! The readers of events agree, what is written reads back, and errors quote no input.

use rpm_core::Error;
use rpm_core::event::json;

/// Arbitrary bytes as one event in JSON.
pub fn event_json(bytes: &[u8]) {
    let parsed = json::parse(bytes);
    if let Some(quick) = json::parse_reading(bytes) {
        assert_eq!(quick.to_event(), parsed, "the quick way and the full way differ");
    }
    match parsed {
        Ok(event) => {
            let text = json::write(&event);
            assert_eq!(json::parse(text.as_bytes()), Ok(event), "{text}");
        }
        Err(error) => quotes_nothing(&error, bytes),
    }
}

/// No error contains a string from the input that is not itself the name of a field.
fn quotes_nothing(error: &Error, bytes: &[u8]) {
    let Ok(document) = serde_json::from_slice(bytes) else {
        return;
    };
    let mut texts = Vec::new();
    strings(&document, &mut texts);
    let said = error.to_string();
    let places = error.path().unwrap_or_default();
    for text in texts {
        assert!(!places.contains(text), "the path quotes a value");
        // Our own words may be in the input; they are at most one hint long.
        let ours = error.advice().is_some_and(|hint| hint.contains(text))
            || error.code().message().contains(text);
        assert!(ours || !said.contains(text), "the error quotes a value");
    }
}

/// Values that could be somebody's: long, and written with more than the letters of a field's name.
fn strings<'a>(document: &'a serde_json::Value, found: &mut Vec<&'a str>) {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.[]".contains(c);
    match document {
        serde_json::Value::String(text) if text.len() >= 8 && !text.chars().all(plain) => {
            found.push(text);
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        serde_json::Value::Object(fields) => fields.values().for_each(|item| strings(item, found)),
        _ => {}
    }
}
