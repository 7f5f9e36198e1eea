//! Models in a policy: what goes into one, how often it is asked, and where its score goes.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::record::Hash;
use crate::signal::Statistic;
use crate::signal::cursor::Window;
use crate::time::Duration;

/// A model that scores every patient.
///
/// The score is a reading of a signal of its own, between 0 and 1: rules read it with holds, limits and
/// hysteresis like any other, and when no scores come it is as stale as any other.
///
/// ```
/// # use rpm_core::policy::risk::ScoringSpec;
/// let sepsis: ScoringSpec = serde_json::from_str(r#"{
///   "title": "Sepsis within 6 h", "model": "sepsis-vitals", "signal": "sepsis_risk", "every": "10 min",
///   "features": [
///     { "signal": "heart_rate", "statistic": "mean", "over": "1 h" },
///     { "signal": "respiratory_rate", "over": "4 h", "minus_usual": "usual-respiration" },
///     { "signal": "temperature", "over": "4 h", "missing": true },
///     { "condition": "copd" }
///   ]
/// }"#).unwrap();
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScoringSpec {
    /// What the score says, for people.
    pub title: String,
    /// The model's name in the registry.
    pub model: String,
    /// The signal that the score is a reading of: of a declared kind in unit `1`, possible from 0 to 1.
    pub signal: String,
    /// The same for the scores of a version in shadow. Rules in shadow that read it tell what it would
    /// have opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<String>,
    /// What goes in, in the model's order.
    pub features: Vec<FeatureSpec>,
    /// Not asked more often than this, and only after new evidence.
    pub every: String,
    /// Asked only while one of these rules is pending or active for the patient; always if absent. A rule
    /// in shadow will do: it has a condition, and tells nobody. One that cannot begin before the model has scored is
    /// refused, with the way on which it waits, unless `at_least_every` has it asked all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_while: Vec<String>,
    /// Whatever those rules say, asked once in so long all the same, after new evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least_every: Option<String>,
    /// Without values for so many of the features there is no score; half of them if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<String>,
    /// What takes longer than this is no score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<String>,
    /// For how long after it was observed a score counts for the priority of alerts; `every`, twice, if
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<String>,
    /// Whether a low score makes alerts less pressing within their class. A high one always makes them
    /// more so.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub lowers: bool,
}

/// One number that goes into a model: of a signal, or of the profile.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FeatureSpec {
    /// What people call it; made of the rest if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of this signal, measured or derived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// Which statistic; `last` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistic: Option<String>,
    /// Of how long a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
    /// The time base of rates; a minute if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
    /// Less what is usual for the patient by this baseline of the signal: the middle of its range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minus_usual: Option<String>,
    /// Instead of a signal: 1 if the patient is of this age band, 0 if of another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_band: Option<String>,
    /// Instead of a signal: 1 if the profile names this condition, 0 if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Instead of the value: 1 if it is missing, 0 if not.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub missing: bool,
}

/// A model as executed.
#[derive(Clone, Debug)]
pub struct Scoring {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) model: String,
    pub(crate) signal: u16,
    pub(crate) shadow: Option<u16>,
    pub(crate) features: Vec<Feature>,
    pub(crate) every: Duration,
    pub(crate) only_while: Vec<String>,
    pub(crate) at_least_every: Option<Duration>,
    pub(crate) least_known: usize,
    pub(crate) budget: Option<Duration>,
    pub(crate) max_age: i64,
    pub(crate) lowers: bool,
    pub(crate) declaration: String,
    pub(crate) hash: Hash,
}

/// One number of a row.
#[derive(Clone, Debug)]
pub(crate) struct Feature {
    pub name: String,
    pub source: Source,
    /// Whether it is 1 for missing and 0 for not.
    pub missing: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Source {
    Signal { signal: u16, statistic: Statistic, window: Window, per: i64, baseline: Option<u16> },
    AgeBand(String),
    Condition(String),
}

impl Scoring {
    /// Its name in the policy.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the score says, for people.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The model's name in the registry.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Not asked more often than this.
    pub fn every(&self) -> Duration {
        self.every
    }

    /// The rules of which one has to be pending or active; none if it is asked whatever they say.
    pub fn only_while(&self) -> &[String] {
        &self.only_while
    }

    /// Once in so long it is asked whatever they say.
    pub fn at_least_every(&self) -> Option<Duration> {
        self.at_least_every
    }

    /// What takes longer is no score.
    pub fn budget(&self) -> Option<Duration> {
        self.budget
    }

    /// Whether a signal goes in, or is what comes out.
    pub(crate) fn reads(&self, index: u16) -> bool {
        let of = |f: &Feature| matches!(f.source, Source::Signal { signal, .. } if signal == index);
        self.signal == index || self.shadow == Some(index) || self.features.iter().any(of)
    }

    /// What people call each feature, in the model's order.
    pub fn features(&self) -> impl ExactSizeIterator<Item = &str> {
        self.features.iter().map(|feature| feature.name.as_str())
    }

    /// The features as canonical JSON: what training declares, and what a manifest hashes.
    pub fn declaration(&self) -> &str {
        &self.declaration
    }

    /// The SHA-256 of the [declaration](Self::declaration): a model whose manifest names another one was
    /// trained on something else.
    pub fn hash(&self) -> Hash {
        self.hash
    }
}
