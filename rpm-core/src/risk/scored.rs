//! What a model said: an input like any other.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::id::PatientKey;
use crate::record::{Body, Hash, ModelRef, RiskTerm, ScoreFailure};
use crate::time::Timestamp;
use crate::value::Value;

/// What a model said of a patient, or why it said nothing.
#[derive(Clone, PartialEq)]
pub struct Scored {
    /// Of whom.
    pub patient: PatientKey,
    /// By which entry of the policy's `risk`.
    pub risk: String,
    /// Which version; none if none may score.
    pub model: Option<ModelRef>,
    /// Whether it is only watched.
    pub shadow: bool,
    /// When the latest evidence in its inputs was observed.
    pub observed_at: Timestamp,
    /// The score, between 0 and 1.
    pub result: Result<Value, ScoreFailure>,
    /// The hash of its inputs: [`FeatureRow::hash`](crate::FeatureRow::hash).
    pub inputs: Hash,
    /// How long it took, in microseconds, if the host looked.
    pub latency_us: Option<u64>,
    /// What moved it, the strongest first.
    pub terms: Vec<RiskTerm>,
}

crate::redact::redacted!(Scored);

impl Scored {
    /// What a record says that a model said of a patient: how a replay takes it in again. None if the
    /// record is of something else.
    pub fn from_record(patient: PatientKey, body: &Body) -> Option<Self> {
        let (risk, model, shadow, observed_at) = match body {
            Body::RiskScored { risk, model, shadow, observed_at, .. }
            | Body::RiskFailed { risk, model, shadow, observed_at, .. } => {
                (risk.clone(), model.clone(), *shadow, *observed_at)
            }
            _ => return None,
        };
        let nothing = Self {
            patient,
            risk,
            model,
            shadow,
            observed_at,
            result: Err(ScoreFailure::NoModel),
            inputs: Hash::default(),
            latency_us: None,
            terms: Vec::new(),
        };
        match body {
            Body::RiskScored { score, inputs_hash, latency_us, terms, .. } => {
                let (inputs, latency_us, terms) = (*inputs_hash, *latency_us, terms.clone());
                let result = Ok(score.parse().ok()?);
                Some(Self { result, inputs, latency_us, terms, ..nothing })
            }
            Body::RiskFailed { reason, .. } => Some(Self { result: Err(*reason), ..nothing }),
            _ => None,
        }
    }

    /// The record of it; the signal that it is a reading of, if it is one.
    pub(crate) fn body(&self, signal: Option<String>) -> Body {
        let risk = self.risk.clone();
        let (model, shadow, observed_at) = (self.model.clone(), self.shadow, self.observed_at);
        match self.result {
            Ok(score) => Body::RiskScored {
                risk,
                signal,
                model,
                shadow,
                observed_at,
                score: format!("{score}"),
                inputs_hash: self.inputs,
                latency_us: self.latency_us,
                terms: self.terms.clone(),
            },
            Err(reason) => Body::RiskFailed { risk, model, shadow, observed_at, reason },
        }
    }

    /// What the checksum of inputs takes of one that is no reading.
    pub(crate) fn fingerprint(&self) -> String {
        let version = self.model.as_ref().map_or(0, |model| model.version);
        match self.result {
            Ok(score) => format!("{}@{version} {score}", self.risk),
            Err(reason) => format!("{}@{version} {}", self.risk, reason.name()),
        }
    }
}
