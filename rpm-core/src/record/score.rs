//! The words of a score: what it was counted from, and what it means.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Error;
use crate::redact::redacted;
use crate::time::Duration;

/// A score with its terms. `Display` is the line that a nurse reads.
///
/// ```
/// use rpm_core::record::CountedScore;
/// let score: CountedScore = serde_json::from_str(r#"{
///   "score": "news2", "title": "NEWS2", "total": 3, "partial": true, "level": "low-medium",
///   "monitoring": "60 min", "parameters": [
///     { "name": "spo2", "title": "SpO2", "value": "91", "unit": "%", "points": 3 },
///     { "name": "temperature", "title": "temperature", "missing": "too_old" }
///   ]
/// }"#).unwrap();
/// assert_eq!(score.to_string(),
///     "NEWS2 3 (low-medium): SpO2 91 % 3; missing: temperature (too old)");
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedScore {
    /// The score's name in the policy.
    pub score: String,
    /// What the clinician reads.
    pub title: String,
    /// The sum of the points; absent if there is no score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u16>,
    /// Whether something is missing that was not counted as normal: then the total can only be too
    /// low.
    #[serde(default)]
    pub partial: bool,
    /// What the total means, as the chart calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// How often to observe at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<Monitoring>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// The parameters in the order of the chart.
    pub parameters: Vec<CountedParameter>,
    /// What the published score asks for and this one does not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declared_missing: Vec<String>,
}

/// One parameter of a score.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedParameter {
    /// Its name in the score.
    pub name: String,
    /// What the clinician reads.
    pub title: String,
    /// The value that was looked up, rounded to the chart's resolution, or its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// UCUM unit of the value; absent for ratios and codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// How old it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<Duration>,
    /// The points; absent if they count for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<u8>,
    /// Why there is no value. With points it was counted as normal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Absence>,
    /// Whether the points depend on oxygen or air, which nobody knows: they are the higher ones.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub oxygen_unknown: bool,
}

/// Why a parameter has no value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absence {
    /// The policy has no signal for it.
    NotMonitored,
    /// There is no value.
    NotMeasured,
    /// The youngest value is older than may count.
    TooOld,
}

/// How often to observe at least.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Monitoring {
    /// Once within this time.
    Every(Duration),
    /// All the time.
    Continuous,
}

impl CountedScore {
    /// The highest points of a single parameter.
    pub fn highest_single(&self) -> u8 {
        self.parameters.iter().filter_map(|p| p.points).max().unwrap_or(0)
    }

    fn list(
        &self,
        f: &mut fmt::Formatter<'_>,
        mut lead: &str,
        wanted: fn(&CountedParameter) -> bool,
    ) -> fmt::Result {
        for parameter in self.parameters.iter().filter(|p| wanted(p)) {
            write!(f, "{lead}{parameter}")?;
            lead = ", ";
        }
        Ok(())
    }
}

impl fmt::Display for CountedScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)?;
        match (self.total, &self.level) {
            (Some(total), Some(level)) => write!(f, " {total} ({level})")?,
            (Some(total), None) => write!(f, " {total}")?,
            (None, _) => f.write_str(": no score")?,
        }
        // Without a total, what was measured adds up to nothing.
        if self.total.is_some() {
            self.list(f, ": ", |p| p.missing.is_none())?;
        }
        self.list(f, "; missing: ", |p| p.missing.is_some() && p.points.is_none())?;
        self.list(f, "; counted as normal: ", |p| p.missing.is_some() && p.points.is_some())?;
        if !self.declared_missing.is_empty() {
            write!(f, "; not read: {}", self.declared_missing.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for CountedParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)?;
        match self.missing {
            Some(Absence::TooOld) => return f.write_str(" (too old)"),
            Some(Absence::NotMonitored) => return f.write_str(" (not monitored)"),
            Some(Absence::NotMeasured) => return Ok(()),
            None => {}
        }
        match (&self.value, &self.unit) {
            (Some(value), Some(unit)) => write!(f, " {value} {unit}")?,
            (Some(value), None) => write!(f, ": {value}")?,
            (None, _) => {}
        }
        if let Some(points) = self.points {
            write!(f, " {points}")?;
        }
        f.write_str(if self.oxygen_unknown { " (air or oxygen unknown)" } else { "" })
    }
}

impl Monitoring {
    /// The word for all the time.
    pub const CONTINUOUS: &'static str = "continuous";
}

impl fmt::Display for Monitoring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(time) => fmt::Display::fmt(time, f),
            Self::Continuous => f.write_str(Self::CONTINUOUS),
        }
    }
}

impl FromStr for Monitoring {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == Self::CONTINUOUS { Ok(Self::Continuous) } else { text.parse().map(Self::Every) }
    }
}

impl Serialize for Monitoring {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Monitoring {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <alloc::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

redacted!(CountedScore, CountedParameter);
