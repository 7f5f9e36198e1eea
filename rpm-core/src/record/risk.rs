//! What models said of a patient.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::{Body, Hash, Record};
use crate::redact::redacted;
use crate::time::HostTime;

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

/// How far a version has come.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Known, and does nothing.
    Candidate,
    /// Scores everybody; rules in shadow may read it, nobody is told.
    Shadow,
    /// Scores a part of the patients.
    Canary(Part),
    /// Scores everybody else.
    Active,
    /// Scores nobody any more.
    Retired,
}

/// A part of the patients.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// So many of a thousand, by a hash of the patient's identifier: whoever is among the first ten is
    /// also among the first hundred.
    Permille(u16),
    /// Those of these cohorts.
    Cohorts(Vec<String>),
}

/// A step that a version of a model took, as a record says it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct StageChange {
    /// When.
    pub at: HostTime,
    /// Which version.
    pub model: ModelRef,
    /// Where it was; absent when it was registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Stage>,
    /// Where it is.
    pub to: Stage,
    /// Who wanted it.
    pub owner: String,
    /// Who approved it; absent when it was registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// On what grounds.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub evidence: String,
    /// Whether it was a way back, and no promotion.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub rollback: bool,
}

impl StageChange {
    /// What a record says of one; none if it is of something else.
    pub fn of(record: &Record) -> Option<Self> {
        let Body::ModelChanged { model, from, to, owner, approver, reason, evidence, rollback } =
            &record.body
        else {
            return None;
        };
        Some(Self {
            at: record.at,
            model: model.clone(),
            from: from.clone(),
            to: to.clone(),
            owner: owner.clone(),
            approver: approver.clone(),
            reason: reason.clone(),
            evidence: evidence.clone(),
            rollback: *rollback,
        })
    }

    /// The record of it.
    pub(crate) fn body(self) -> Body {
        let Self { model, from, to, owner, approver, reason, evidence, rollback, .. } = self;
        Body::ModelChanged { model, from, to, owner, approver, reason, evidence, rollback }
    }
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

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Candidate => f.write_str("candidate"),
            Self::Shadow => f.write_str("shadow"),
            Self::Canary(Part::Permille(n)) => write!(f, "canary of {n} in 1000"),
            Self::Canary(Part::Cohorts(cohorts)) => write!(f, "canary of {}", cohorts.join(", ")),
            Self::Active => f.write_str("active"),
            Self::Retired => f.write_str("retired"),
        }
    }
}

impl fmt::Display for StageChange {
    /// `sepsis@2 active (shadow before) by dr.a, approved by dr.b: better in shadow; on report 7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, from, to, owner, approver, reason, evidence, rollback, .. } = self;
        let back = if *rollback { "rolled back: " } else { "" };
        write!(f, "{back}{model} {to}")?;
        from.iter().try_for_each(|from| write!(f, " ({from} before)"))?;
        write!(f, " by {owner}")?;
        approver.iter().try_for_each(|approver| write!(f, ", approved by {approver}"))?;
        if !reason.is_empty() {
            write!(f, ": {reason}; on {evidence}")?;
        }
        Ok(())
    }
}

redacted!(RiskTerm);
