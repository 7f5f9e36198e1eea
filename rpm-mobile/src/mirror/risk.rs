//! What models said of a patient, as `rpm_core::record` has it.

use super::*;

/// Which model.
#[uniffi::remote(Record)]
pub struct ModelRef {
    /// Its name.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// The SHA-256 of its manifest.
    pub hash: Hash,
}

/// Why there is no score.
#[uniffi::remote(Enum)]
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

/// What one feature contributed to a score.
#[uniffi::remote(Record)]
pub struct RiskTerm {
    /// What people call it.
    pub feature: String,
    /// Its value; absent if it is missing.
    pub value: Option<String>,
    /// What it was compared with: what is usual for the patient, or was in training.
    pub usual: Option<String>,
    /// What it added to the model's margin, in thousandths of it; for a probability the logarithm of odds.
    pub added: String,
}

/// What a model said of a signal that an alert is about.
#[uniffi::remote(Record)]
pub struct ModelSaid {
    /// When, by the host's clock.
    pub at: HostTime,
    /// The signal that its score is.
    pub signal: String,
    /// Which version.
    pub model: Option<ModelRef>,
    /// The score.
    pub score: String,
    /// What moved it.
    pub terms: Vec<RiskTerm>,
}
