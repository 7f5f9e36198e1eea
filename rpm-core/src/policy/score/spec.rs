//! What people write of scores: a built-in chart by its name, or a table of their own.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use crate::policy::spec::Number;
use crate::small_map::SmallMap;

/// A score: a built-in `chart`, or a `title` with `parameters` of the site's own.
///
/// The built-in charts are written in this very form; [`ScoreSpec::built_in`] shows them.
///
/// ```
/// # use rpm_core::policy::score::ScoreSpec;
/// let news2: ScoreSpec = serde_json::from_str(r#"{
///   "chart": "news2", "parameters": { "temperature": { "max_age": "24 h" } }
/// }"#).unwrap();
///
/// // Another threshold is another score: a chart's own bands are not changed.
/// let ours: ScoreSpec = serde_json::from_str(r#"{
///   "title": "Shock index",
///   "parameters": [{
///     "name": "shock_index", "signal": "heart_rate", "divided_by": "systolic_bp",
///     "bands": [{ "at_most": 0.999, "points": 0 }, { "points": 1 }]
///   }]
/// }"#).unwrap();
/// # assert!(news2.chart.is_some() && ours.chart.is_none());
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScoreSpec {
    /// A built-in chart: `news2`, `mews`, `qsofa`, `sirs` or `shock_index`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart: Option<String>,
    /// What the clinician reads; of a chart, the chart's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How old a value may be that counts, unless its parameter says otherwise: a duration or
    /// `unlimited`. `12 h` if absent, the longest time that NEWS2 lets pass between observations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<String>,
    /// What becomes of a score with values missing or too old. `partial` (default): it is counted
    /// without them, and says so. `normal`: they count as 0 points, as retrospective studies do it,
    /// and the score says so. `refuse`: no score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_missing: Option<String>,
    /// Without `chart`: the parameters, in the order of the chart. With `chart`: what differs from
    /// it, by the parameter's name.
    #[serde(default, skip_serializing_if = "ParametersSpec::is_empty")]
    pub parameters: ParametersSpec,
    /// What a total means, from mild to severe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risk: Vec<RiskSpec>,
    /// What the published score asks for and this one does not read: it is partial by declaration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declared_missing: Vec<String>,
}

/// A list of parameters, or what differs from a chart's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ParametersSpec {
    /// All of them, in order.
    Own(Vec<ParameterSpec>),
    /// What differs, by name.
    Changed(SmallMap<String, ChangeSpec>),
}

/// What may differ from a chart.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangeSpec {
    /// How old a value may be that counts: a duration or `unlimited`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<String>,
}

/// One parameter: what it reads, and the points.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ParameterSpec {
    /// Its name: letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// What the clinician reads; the name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The signal, by its name or that of its kind. A kind that the policy does not monitor makes
    /// the parameter missing for every patient.
    pub signal: String,
    /// A second signal that says the same: the younger value counts, of equally old ones that of
    /// `signal`. Beside `on_oxygen` it may be `oxygen_flow`, where any flow is oxygen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub or: Option<String>,
    /// The parameter is the ratio of the signal to this one. It is missing unless both are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divided_by: Option<String>,
    /// To what a value is rounded, half away from zero, before it is looked up. The kind's own if
    /// absent; a thousandth for ratios and declared kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Number>,
    /// How old a value may be that counts: a duration or `unlimited`. The score's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<String>,
    /// The points, from low to high values, or by code.
    pub bands: Vec<BandSpec>,
    /// Other points for some patients: the first that applies takes the place of `bands`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<AlternativeSpec>,
}

/// Other points, and for whom.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AlternativeSpec {
    /// For whom; all of it must be so.
    pub when: WhenSpec,
    /// The points.
    pub bands: Vec<BandSpec>,
}

/// What a table of points may depend on.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WhenSpec {
    /// The SpO2 scale of the patient's profile. It is 1 unless somebody prescribed 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spo2_scale: Option<u8>,
    /// Oxygen or air. Where nobody knows, the higher points of the two count, and the score says
    /// so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_oxygen: Option<bool>,
}

/// The points of a range of values, or of codes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BandSpec {
    /// From above the band before up to this value, in the signal's unit. The last band has none
    /// and takes what is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Number>,
    /// Of a coded kind: these codes. The last band may have none and takes what is left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub is: Vec<String>,
    /// The points.
    pub points: u8,
}

/// What a total, or so many points in a single parameter, means. Of the rows that apply, the last in
/// the list is in force.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RiskSpec {
    /// From above the total of the row before up to this one. The last has none, and no `single`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u16>,
    /// Instead: so many points in any one parameter that can give them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub single: Option<u8>,
    /// How it is called.
    pub level: String,
    /// How often to observe at least: a duration, or `continuous`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
}

impl ParametersSpec {
    fn is_empty(&self) -> bool {
        match self {
            Self::Own(list) => list.is_empty(),
            Self::Changed(changes) => changes.is_empty(),
        }
    }
}

impl Default for ParametersSpec {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

/// By hand, so that a mistake inside is told at its place; an untagged enum loses it.
impl<'de> Deserialize<'de> for ParametersSpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(ParametersVisitor)
    }
}

struct ParametersVisitor;

impl<'de> serde::de::Visitor<'de> for ParametersVisitor {
    type Value = ParametersSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of parameters, or beside `chart` a table of changes by name")
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Deserialize::deserialize(SeqAccessDeserializer::new(list)).map(ParametersSpec::Own)
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(map)).map(ParametersSpec::Changed)
    }
}
