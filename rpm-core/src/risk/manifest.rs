//! What is said of a model, in JSON beside its bytes.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::document;
use crate::error::{Code, Error};
use crate::record::Hash;
use crate::small_map::SmallMap;

/// Longer ones are no manifests.
const MAX_TEXT: usize = 4 << 20;
/// Identifiers are short enough to be read in a record.
const MAX_NAME: usize = 64;

/// A manifest as written.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The model's name: letters, digits, `-`, `_`, `.`.
    pub id: String,
    /// Counts up with every training.
    pub version: u32,
    /// One line for people.
    pub title: String,
    /// SHA-256 of the ONNX bytes.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub sha256: Hash,
    /// Hash of the feature declaration with which the training rows were made; absent if the model is
    /// fed by the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub features: Option<Hash>,
    /// What goes in.
    pub input: PortSpec,
    /// What comes out.
    pub output: PortSpec,
    /// From the output to a probability.
    #[serde(default)]
    pub calibration: CalibrationSpec,
    /// Scores that mean something, by name, between 0 and 1: what the author chose, for the policy's
    /// author to read.
    #[serde(default, skip_serializing_if = "SmallMap::is_empty")]
    pub thresholds: SmallMap<String, f64>,
    /// On what it was trained: source, people, times, how outcomes were found.
    pub training_data: String,
    /// Who answers for it.
    pub author: String,
    /// For whom and what it is meant, and for whom not.
    pub intended_use: String,
    /// Of each input what was usual in training, in their order; none if nobody looked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference: Vec<ReferenceSpec>,
    /// Rows with the outputs that training saw: at least one.
    pub self_test: Vec<SelfTest>,
}

/// An input or output of the graph.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PortSpec {
    /// Its name in the graph.
    pub name: String,
    /// Its shape for one row: `[1, 16]`, `[1, 60, 4]`.
    pub shape: Vec<u32>,
}

/// How an output becomes a probability.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CalibrationSpec {
    /// It is one.
    #[default]
    None,
    /// The logistic function of `slope x log-odds of the output + intercept` (Platt).
    Platt {
        /// Positive.
        slope: f64,
        /// Added.
        intercept: f64,
    },
    /// Straight lines between points of output and probability, none of which lies lower than the one
    /// before.
    Isotonic {
        /// Output, probability.
        points: Vec<[f64; 2]>,
    },
}

/// What was usual of one input.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReferenceSpec {
    /// What people call it.
    pub name: String,
    /// The median: what contributions are counted from where nothing is known of the patient.
    pub usual: f32,
    /// The share of rows in which it was missing, between 0 and 1.
    pub missing: f64,
    /// Limits between the bins of its distribution, rising.
    pub edges: Vec<f32>,
    /// The share of each bin among the rows that had a value: one more than there are limits.
    pub shares: Vec<f64>,
}

/// A row and its output.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SelfTest {
    /// The inputs; `null` is missing.
    pub inputs: Vec<Option<f32>>,
    /// The output before calibration, to 1e-5 of itself or of one.
    pub output: f32,
}

impl Manifest {
    /// Reads and checks what can be checked without the model.
    ///
    /// # Errors
    ///
    /// [`Code::ManifestSyntax`], [`Code::EmptyName`], [`Code::BadShare`] or [`Code::TooLarge`], at the field.
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        if text.len() > MAX_TEXT {
            return Err(Error::new(Code::TooLarge));
        }
        let syntax = |hint: &str| Error::new(Code::ManifestSyntax).hint(hint.to_string());
        let json = document::parse(text).map_err(|e| syntax(&e.to_string()))?;
        let manifest: Self = document::read(&json).map_err(|mistake| {
            let error = syntax(mistake.message());
            if mistake.path().is_empty() { error } else { error.at(mistake.path()) }
        })?;
        manifest.check().map(|()| manifest)
    }

    /// As canonical JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    fn check(&self) -> Result<(), Error> {
        let is_letter = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_id = (1..=MAX_NAME).contains(&self.id.len()) && self.id.chars().all(is_letter);
        if !is_id {
            return Err(Error::new(Code::EmptyName).at("id"));
        }
        for (name, text) in [
            ("title", &self.title),
            ("training_data", &self.training_data),
            ("author", &self.author),
            ("intended_use", &self.intended_use),
        ] {
            if text.trim().is_empty() {
                return Err(Error::new(Code::EmptyName).at(name));
            }
        }
        let is_share = |share: &f64| (0.0..=1.0).contains(share);
        if !self.thresholds.values().all(is_share) {
            return Err(Error::new(Code::BadShare).at("thresholds"));
        }
        if self.self_test.is_empty() {
            return Err(Error::new(Code::SelfTestFailed).at("self_test"));
        }
        self.reference.iter().try_for_each(ReferenceSpec::check)
    }
}

impl ReferenceSpec {
    fn check(&self) -> Result<(), Error> {
        let is_share = |share: &f64| (0.0..=1.0).contains(share);
        let rises = self.edges.windows(2).all(|w| w[0] < w[1]);
        let is_finite = self.usual.is_finite() && self.edges.iter().all(|edge| edge.is_finite());
        let fits = self.shares.is_empty() && self.edges.is_empty()
            || self.shares.len() == self.edges.len() + 1;
        let is_whole =
            self.shares.is_empty() || (self.shares.iter().sum::<f64>() - 1.0).abs() < 1e-3;
        let shares = is_share(&self.missing) && self.shares.iter().all(is_share) && is_whole;
        if rises && is_finite && fits && shares {
            Ok(())
        } else {
            Err(Error::new(Code::BadShare).at("reference"))
        }
    }
}
