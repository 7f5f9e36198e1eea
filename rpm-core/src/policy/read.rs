//! Text to [`PolicySpec`]: one mistake of shape a section, all sections at once.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::PolicyErrors;
use super::spec::PolicySpec;
use crate::error::{Code, Error};

/// Larger texts are not policies.
const MAX_TEXT: usize = 16 << 20;

/// The sections, each read on its own.
#[derive(Deserialize)]
struct Sections {
    #[serde(default)]
    kinds: BTreeMap<String, Json>,
    #[serde(default)]
    signals: BTreeMap<String, Json>,
    #[serde(default)]
    scores: BTreeMap<String, Json>,
    #[serde(default)]
    baselines: BTreeMap<String, Json>,
    #[serde(default)]
    modifiers: Vec<Json>,
    #[serde(default)]
    rules: Vec<Json>,
    #[serde(flatten)]
    rest: BTreeMap<String, Json>,
}

pub(super) fn json(text: &[u8]) -> Result<PolicySpec, PolicyErrors> {
    check_size(text.len())?;
    let document = serde_json::from_slice(text).map_err(|e| syntax(&e.to_string()))?;
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
    PolicyErrors(Vec::from([Error::new(Code::PolicySyntax).hint(message.to_string())]))
}

fn document_to_spec(document: Json) -> Result<PolicySpec, PolicyErrors> {
    let sections = Sections::deserialize(document).map_err(|e| syntax(&e.to_string()))?;
    let mut errors = Vec::new();
    let kinds = read_map("kinds", sections.kinds, &mut errors);
    let signals = read_map("signals", sections.signals, &mut errors);
    let scores = read_map("scores", sections.scores, &mut errors);
    let baselines = read_map("baselines", sections.baselines, &mut errors);
    let modifiers = read_list("modifiers", sections.modifiers, &mut errors);
    let rules = read_list("rules", sections.rules, &mut errors);
    // The head is read as a policy without sections, so that its unknown fields are refused too.
    let mut head = sections.rest;
    head.insert("signals".to_string(), Json::Object(serde_json::Map::new()));
    head.insert("rules".to_string(), Json::Array(Vec::new()));
    let head: Option<PolicySpec> = read("", Json::Object(head.into_iter().collect()), &mut errors);
    match head {
        Some(head) if errors.is_empty() => {
            Ok(PolicySpec { kinds, signals, scores, baselines, modifiers, rules, ..head })
        }
        _ => Err(PolicyErrors(errors)),
    }
}

fn read_list<T: DeserializeOwned>(
    section: &str,
    entries: Vec<Json>,
    errors: &mut Vec<Error>,
) -> Vec<T> {
    let mut read_one = |(i, json)| read(&format!("{section}[{i}]"), json, errors);
    entries.into_iter().enumerate().filter_map(&mut read_one).collect()
}

fn read_map<T: DeserializeOwned>(
    section: &str,
    entries: BTreeMap<String, Json>,
    errors: &mut Vec<Error>,
) -> BTreeMap<String, T> {
    let mut read_one = |(name, json): (String, Json)| {
        let path = format!("{section}.{name}");
        read(&path, json, errors).map(|value| (name, value))
    };
    entries.into_iter().filter_map(&mut read_one).collect()
}

fn read<T: DeserializeOwned>(path: &str, json: Json, errors: &mut Vec<Error>) -> Option<T> {
    match serde_path_to_error::deserialize(json) {
        Ok(value) => Some(value),
        Err(e) => {
            let inner = e.path().to_string();
            let path = match (path, inner.as_str()) {
                (_, ".") => path.to_string(),
                ("", _) => inner,
                _ => format!("{path}.{inner}"),
            };
            let error = Error::new(Code::PolicySyntax).hint(e.into_inner().to_string());
            // What is wrong with the whole has no place in it.
            errors.push(if path.is_empty() { error } else { error.at(path) });
            None
        }
    }
}
