//! A file of cases, as written: see the README beside this crate for the notation.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rpm_core::policy::Policy;
use serde::Deserialize;

use super::case::Case;
use crate::failure::Failure;

/// A file of cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// The policy, relative to this file.
    pub policy: PathBuf,
    /// The interval of every series that names none.
    pub interval: Option<String>,
    /// When every case starts that does not say so.
    pub start: Option<String>,
    /// The cases.
    #[serde(default, rename = "case")]
    pub written: Vec<WrittenCase>,
}

/// A case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenCase {
    /// What it shows, in words.
    pub name: String,
    /// When the first reading is taken.
    pub start: Option<String>,
    /// The time between readings.
    pub interval: Option<String>,
    /// Readings by kind.
    #[serde(default)]
    pub series: BTreeMap<String, WrittenSeries>,
    /// What people do.
    #[serde(default, rename = "command")]
    pub commands: Vec<WrittenCommand>,
    /// What must be so.
    #[serde(default, rename = "expect")]
    pub expectations: Vec<WrittenExpectation>,
}

/// Readings of a kind: only the values, or with an interval or a unit of their own.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum WrittenSeries {
    /// `spo2 = "97x60"`
    Values(String),
    /// `spo2 = { values = "97x60", interval = "5 s" }`
    Full(FullSeries),
}

/// Readings with more than values.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullSeries {
    /// The values.
    pub values: String,
    /// The time between them.
    pub interval: Option<String>,
    /// Their unit; the kind's own if absent.
    pub unit: Option<String>,
    /// How much later than its observation each arrives.
    pub delay: Option<String>,
}

/// What a person does.
#[derive(Deserialize)]
pub struct WrittenCommand {
    /// How long after the start.
    pub at: String,
    /// To which alert.
    pub alert: u32,
    /// The revision that was seen; the current one if absent.
    pub seen_revision: Option<u32>,
    /// Who.
    #[serde(default = "somebody")]
    pub by: String,
    /// In which role.
    #[serde(default)]
    pub role: String,
    /// The name of the code with which it must be refused; if absent it must be obeyed.
    pub refused: Option<String>,
    /// What: `action` and what belongs to it. Times in it count from the start.
    #[serde(flatten)]
    pub action: toml::Table,
}

/// What must be so at a time.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenExpectation {
    /// How long after the start.
    pub at: String,
    /// States by rule.
    #[serde(default)]
    pub state: BTreeMap<String, String>,
    /// All open alerts, as `RULE` or `RULE LEVEL`.
    pub alerts: Option<Vec<String>>,
    /// Who was to be told since the expectation before, as `CHANNEL to FUNCTION`.
    pub messages: Option<Vec<String>>,
    /// Texts that the explanation of the rule's latest alert contains.
    #[serde(default)]
    pub explains: BTreeMap<String, Texts>,
}

/// One text or several.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Texts {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

fn somebody() -> String {
    "somebody".into()
}

/// Reads a file. A test file is no patient's: the message may quote it.
pub fn read(path: &Path) -> Result<Suite, Failure> {
    let text = fs::read_to_string(path).map_err(|e| Failure::at(path, &e))?;
    toml::from_str(&text).map_err(|e| Failure::new(format!("{}: {e}", path.display())))
}

impl Suite {
    /// The cases, checked against the policy. The message names the case.
    pub fn cases(&self, policy: &std::sync::Arc<Policy>) -> Result<Vec<Case>, String> {
        let check = |case: &WrittenCase| {
            Case::new(self, case, policy).map_err(|e| format!("case \"{}\": {e}", case.name))
        };
        self.written.iter().map(check).collect()
    }
}

impl Texts {
    /// All of them.
    pub fn all(&self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text.clone()],
            Self::Several(texts) => texts.clone(),
        }
    }
}
