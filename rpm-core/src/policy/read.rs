//! Text to [`PolicySpec`]: one mistake of shape a section, all sections at once.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::PolicyErrors;
use super::spec::PolicySpec;
use crate::document::{self, Mistake};
use crate::error::{Code, Error};
use crate::small_map::SmallMap;

/// Larger texts are not policies.
const MAX_TEXT: usize = 16 << 20;

pub(super) fn json(text: &[u8]) -> Result<PolicySpec, PolicyErrors> {
    check_size(text.len())?;
    let document = document::parse(text).map_err(|e| syntax(&e.to_string()))?;
    document_to_spec(document)
}

#[cfg(feature = "toml")]
pub(super) fn toml(text: &str) -> Result<PolicySpec, PolicyErrors> {
    check_size(text.len())?;
    let document = toml::from_str(text).map_err(|e| syntax(e.message()))?;
    document_to_spec(document)
}

fn check_size(length: usize) -> Result<(), PolicyErrors> {
    let error = || PolicyErrors(Vec::from([Error::new(Code::TooLarge)]));
    if length > MAX_TEXT { Err(error()) } else { Ok(()) }
}

fn syntax(message: &str) -> PolicyErrors {
    PolicyErrors(Vec::from([shape(message)]))
}

fn shape(message: &str) -> Error {
    Error::new(Code::PolicySyntax).hint(message.to_string())
}

fn document_to_spec(document: Json) -> Result<PolicySpec, PolicyErrors> {
    let Json::Object(mut head) = document else { return Err(syntax("expected an object")) };
    let mut errors = Vec::new();
    let kinds = read_map("kinds", &mut head, &mut errors);
    let signals = read_map("signals", &mut head, &mut errors);
    let scores = read_map("scores", &mut head, &mut errors);
    let baselines = read_map("baselines", &mut head, &mut errors);
    let modifiers = read_list("modifiers", &mut head, &mut errors);
    let rules = read_list("rules", &mut head, &mut errors);
    // The head is read as a policy without sections, so that its unknown fields are refused too.
    head.insert("signals".to_string(), Json::Object(Map::new()));
    head.insert("rules".to_string(), Json::Array(Vec::new()));
    let head: Option<PolicySpec> = read("", &Json::Object(head), &mut errors);
    match head {
        Some(head) if errors.is_empty() => {
            Ok(PolicySpec { kinds, signals, scores, baselines, modifiers, rules, ..head })
        }
        _ => Err(PolicyErrors(errors)),
    }
}

fn read_list<T: DeserializeOwned>(
    section: &str,
    head: &mut Map<String, Json>,
    errors: &mut Vec<Error>,
) -> Vec<T> {
    let entries = match head.remove(section) {
        None => Vec::new(),
        Some(Json::Array(entries)) => entries,
        Some(_) => {
            errors.push(shape("expected a list").at(section));
            Vec::new()
        }
    };
    let mut read_one = |(i, json)| read(&format!("{section}[{i}]"), json, errors);
    entries.iter().enumerate().filter_map(&mut read_one).collect()
}

fn read_map<T: DeserializeOwned>(
    section: &str,
    head: &mut Map<String, Json>,
    errors: &mut Vec<Error>,
) -> SmallMap<String, T> {
    let entries = match head.remove(section) {
        None => Map::new(),
        Some(Json::Object(entries)) => entries,
        Some(_) => {
            errors.push(shape("expected a table by name").at(section));
            Map::new()
        }
    };
    let mut read_one = |(name, json): (&String, &Json)| {
        read(&format!("{section}.{name}"), json, errors).map(|value| (name.clone(), value))
    };
    entries.iter().filter_map(&mut read_one).collect()
}

fn read<T: DeserializeOwned>(path: &str, json: &Json, errors: &mut Vec<Error>) -> Option<T> {
    document::read(json).map_err(|mistake| errors.push(located(path, &mistake))).ok()
}

/// What is wrong with the whole has no place in it.
fn located(section: &str, mistake: &Mistake) -> Error {
    let error = shape(mistake.message());
    match (section, mistake.path()) {
        ("", "") => error,
        ("", inner) => error.at(inner),
        (_, "") => error.at(section),
        (_, inner) => error.at(format!("{section}.{inner}")),
    }
}
