//! What models said of a patient.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::Hash;
use crate::redact::redacted;

/// Which model.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct ModelRef {
    /// Its name.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// The SHA-256 of its manifest.
    pub hash: Hash,
}

/// Why there is no score.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ScoreFailure {
    /// Too many inputs were missing, or their number is not the model's.
    MissingInputs,
    /// What the model computed is no number.
    NotFinite,
    /// It took longer than the policy lets it.
    OverBudget,
    /// No version of the model is loaded that may score.
    NoModel,
    /// The model was trained on features that the policy declares otherwise.
    OtherFeatures,
}

impl ScoreFailure {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::MissingInputs,
        Self::NotFinite,
        Self::OverBudget,
        Self::NoModel,
        Self::OtherFeatures,
    ];

    /// Its name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MissingInputs => "missing_inputs",
            Self::NotFinite => "not_finite",
            Self::OverBudget => "over_budget",
            Self::NoModel => "no_model",
            Self::OtherFeatures => "other_features",
        }
    }
}

/// What one feature contributed to a score.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskTerm {
    /// What people call it.
    pub feature: String,
    /// Its value; absent if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What it was compared with: what is usual for the patient, or was in training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<String>,
    /// What it added to the model's margin, in thousandths of it; for a probability the logarithm of odds.
    pub added: String,
}

impl fmt::Display for RiskTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { feature, value, usual, added } = self;
        match value {
            Some(value) => write!(f, "{feature} {value}")?,
            None => write!(f, "{feature} missing")?,
        }
        if let Some(usual) = usual {
            write!(f, " (usual {usual})")?;
        }
        f.write_str(if added.starts_with('-') { " lowers it" } else { " raises it" })
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.version)
    }
}

redacted!(RiskTerm);
