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
    /// The step by which the version was in force, or in shadow, then: who decided it, and on what
    /// grounds. Nothing if the records hold none.
    pub stage: Option<StageChange>,
}

/// How far a version has come.
#[uniffi::remote(Enum)]
pub enum ModelStage {
    /// Known, and does nothing.
    Candidate,
    /// Scores everybody; rules in shadow may read it, nobody is told.
    Shadow,
    /// Scores a part of the patients.
    Canary(CanaryPart),
    /// Scores everybody else.
    Active,
    /// Scores nobody any more.
    Retired,
}

/// A part of the patients.
#[uniffi::remote(Enum)]
pub enum CanaryPart {
    /// So many of a thousand, by a hash of the patient's identifier: whoever is among the first ten is
    /// also among the first hundred.
    Permille(u16),
    /// Those of these cohorts.
    Cohorts(Vec<String>),
}

/// A step that a version of a model took, as a record says it.
#[uniffi::remote(Record)]
pub struct StageChange {
    /// When.
    pub at: HostTime,
    /// Which version.
    pub model: ModelRef,
    /// Where it was; absent when it was registered.
    pub from: Option<ModelStage>,
    /// Where it is.
    pub to: ModelStage,
    /// Who wanted it.
    pub owner: String,
    /// Who approved it; absent when it was registered.
    pub approver: Option<String>,
    /// Why.
    pub reason: String,
    /// On what grounds.
    pub evidence: String,
    /// Whether it was a way back, and no promotion.
    pub rollback: bool,
}

/// What people decide about a version of a model.
#[uniffi::remote(Enum)]
pub enum RollOut {
    /// A version is taken in as a candidate.
    Register {
        /// Which, by the hash of its manifest.
        model: ModelRef,
        /// Who brings it, as the host names people.
        owner: String,
    },
    /// A version comes to another stage. Where it becomes active, the one before retires.
    Stage {
        /// The model.
        id: String,
        /// Which version.
        version: u32,
        /// Where to.
        to: ModelStage,
        /// Who wants it, and on what grounds.
        why: Why,
        /// Who else approves it.
        approver: String,
    },
    /// Back, at once, to the version that was active before the one that is; to none, and so to rules
    /// alone, if there was none. The one that was active retires.
    Rollback {
        /// The model.
        id: String,
        /// Who wants it, and on what grounds.
        why: Why,
        /// Who else approves it.
        approver: String,
    },
}

/// Who wants a step, and on what grounds.
#[uniffi::remote(Record)]
pub struct Why {
    /// Who proposes it, as the host names people.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Where what was found out can be read: a report, by name or hash.
    pub evidence: String,
}
