//! What people write: the policy as JSON or TOML.
//!
//! Names, durations, shares and limits are read leniently here and checked by
//! `compile`, so that one pass reports every mistake with its path.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::care::spec::{CareSpec, HoursSpec};
use super::risk::ScoringSpec;
use super::score::ScoreSpec;
use crate::record::{Distance, Level};
use crate::small_map::SmallMap;
use crate::value::Decimal;

/// A policy as written.
///
/// ```
/// # use rpm_core::policy::Policy;
/// let policy = Policy::from_json(br#"{
///   "id": "home", "version": 1, "title": "Oxygen at home",
///   "signals": { "spo2": { "cadence": "1 s" } },
///   "rules": [{
///     "id": "spo2-low", "title": "Low oxygen saturation",
///     "signal": "spo2", "statistic": "mean", "over": "60 s", "coverage": "66 %",
///     "levels": [{ "level": "urgent", "raise": { "below": 90 }, "for": "30 s",
///                  "clear": { "above": 92 }, "clear_for": "60 s" }]
///   }]
/// }"#).unwrap();
/// assert_eq!(policy.id(), "home");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PolicySpec {
    /// Where the JSON Schema lies; for editors, ignored by the engine.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The policy's name: letters, digits, `-`, `_`, `.`.
    pub id: String,
    /// Counts up with every change.
    pub version: u32,
    /// One line for people.
    pub title: String,
    /// How late a reading may arrive and still count as part of what is going on now.
    #[serde(default = "default_horizon")]
    pub lateness_horizon: String,
    /// How far ahead of the host's clock a reading may claim to be.
    #[serde(default = "default_skew")]
    pub max_future_skew: String,
    /// Kinds that the built-in table lacks, by name.
    #[serde(default, skip_serializing_if = "SmallMap::is_empty")]
    pub kinds: SmallMap<String, KindSpec>,
    /// What is monitored, by name. A signal named like a kind is of that kind.
    pub signals: SmallMap<String, SignalSpec>,
    /// Early warning scores, by name. Signals make them readable to rules.
    #[serde(default, skip_serializing_if = "SmallMap::is_empty")]
    pub scores: SmallMap<String, ScoreSpec>,
    /// What is learned of each patient, by name.
    #[serde(default, skip_serializing_if = "SmallMap::is_empty")]
    pub baselines: SmallMap<String, BaselineSpec>,
    /// Circumstances that change what rules ask for; those in force apply in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modifiers: Vec<ModifierSpec>,
    /// Models that score patients, by name.
    #[serde(default, skip_serializing_if = "SmallMap::is_empty")]
    pub risk: SmallMap<String, ScoringSpec>,
    /// What raises alerts.
    pub rules: Vec<RuleSpec>,
    /// Who is told of alerts, and who may do what about them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub care: CareSpec,
}

/// A kind of measurement of the site's own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KindSpec {
    /// For people.
    pub title: String,
    /// The unit in which values arrive and limits are written.
    pub unit: String,
    /// LOINC code, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loinc: Option<String>,
    /// Lowest and highest value that is possible at all.
    pub possible: [Number; 2],
    /// Lowest and highest value that is plausible; the possible ones if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plausible: Option<[Number; 2]>,
}

/// A monitored signal: a kind of measurement, or what is made of others.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SignalSpec {
    /// The kind, if the signal is not named after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Instead: the score that it is, by its name. Its panes are whole multiples of those that the
    /// score reads; each holds the score as of its end, or of now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<String>,
    /// What of the score: its `total` (if absent), the `highest_single` points of a parameter, or the
    /// points of the parameter of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Instead: what redundant sources say together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fused: Option<FusedSpec>,
    /// Instead: the first signal minus the second, where both were measured in a pane. A device that
    /// drifts from its pair shows in the mean of it, and in the `drift` of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<[String; 2]>,
    /// Instead: one value a night of another signal. Its cadence and its pane are `1 d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<SummarySpec>,
    /// Instead: how far a signal has drifted from a baseline, added up from value to value. Its panes are
    /// those of the baseline's signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftSpec>,
    /// How far a value may be from the truth, in the signal's unit: the device's accuracy (A_rms). Where
    /// a value is nearer to a limit than that, the explanation says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Number>,
    /// How often a reading is expected, unless the patient's enrolment says otherwise.
    pub cadence: String,
    /// The width of a pane; windows are whole numbers of panes. The cadence if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pane: Option<String>,
    /// Quality flags that do not keep a reading from feeding rules, such as `implausible`. With `not_worn`
    /// readings also count of a device whose status said that it is not worn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<String>,
}

impl SignalSpec {
    /// Whether it is made of others and not measured.
    pub fn is_derived(&self) -> bool {
        self.score.is_some()
            || self.fused.is_some()
            || self.difference.is_some()
            || self.summary.is_some()
            || self.drift.is_some()
    }
}

/// Redundant sources of one thing, of which the first that was measured counts, unless they disagree.
///
/// ```
/// # use rpm_core::policy::spec::FusedSpec;
/// // The pulse of an oximeter confirms the heart rate of the electrodes; in motion neither counts.
/// let pulse: FusedSpec = serde_json::from_str(r#"{
///   "of": ["heart_rate", "pulse_rate"], "agree_within": 10,
///   "unless": { "signal": "activity", "above": 4 }
/// }"#).unwrap();
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FusedSpec {
    /// The sources, the best one first; all in one unit. One is enough.
    pub of: Vec<String>,
    /// Sources that are further apart than this make the pane an artifact. They need not agree if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agree_within: Option<Number>,
    /// What makes the pane an artifact if it is known to be so: motion, poor perfusion, another signal
    /// that contradicts itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<PredicateSpec>,
}

/// What a signal was in a part of the patient's day: one value each day, dated at the end of that part,
/// made of good readings only. Nothing if too little of it is covered.
///
/// It is there as soon as something newer than its end was observed; what comes late, within the
/// lateness horizon, still counts in it.
///
/// ```
/// # use rpm_core::policy::spec::SummarySpec;
/// let night: SummarySpec = serde_json::from_str(r#"{
///   "of": "heart_rate", "statistic": "mean", "from": "00:00", "until": "07:00", "coverage": "50 %"
/// }"#).unwrap();
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SummarySpec {
    /// The signal: one that is measured, or fused.
    pub of: String,
    /// `mean`, `min`, `max`, `sum`, `median` or `percentile`; `mean` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistic: Option<String>,
    /// Which percentile, more than 0 and at most 100: the lowest of the panes' means that so many per cent of
    /// them do not exceed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentile: Option<Number>,
    /// To what each pane's mean is rounded for a median or a percentile, in the signal's unit; as charts do if
    /// absent. What counts may be 1024 such steps wide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Number>,
    /// When it begins, by the patient's clock: `22:00`.
    pub from: String,
    /// When it ends: `07:00`. A whole day if that is when it begins.
    pub until: String,
    /// How much of it must be covered by good readings; `50 %` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<String>,
}

/// A slow drift away from what is usual, as a cumulative sum (CUSUM): of each value of the baseline's
/// signal it is counted how many deviations it lies above the middle of what is usual, or below, less an
/// allowance, and that is added up; never below 0, and held at 10. A value alone counts for 4 deviations at
/// most. Nothing is counted until enough was learned, and missing values count for nothing.
///
/// A value is what a pane of the signal holds: the mean of what was measured in it, so each pane in which anything
/// was measured is one step, however often that was. Each reading of a round moves a score: its pane counts when it
/// is over, with the score as of its end, in the next pane that has a score and against what is usual by then. A score
/// carries earlier readings on: let its panes be as wide as the time in which all that it counts is measured anew, or
/// one reading counts in several steps.
///
/// Against a baseline by sleep each value is compared with the mean for the state, asleep or awake, in which the
/// patient was known to be when its pane began. What was measured while nobody knew counts for nothing: the sum
/// stays as it is. A state that is learned late counts from when it was so, and the sum is added up again.
///
/// Chance alone takes the sum to 4 once in 335 values on average, and to 5 once in 930, if the allowance is
/// 0.5 and the baseline exact; a lasting shift of one deviation does so after 8.4 and 10.4. While a rule on
/// it is active, the baseline does not learn.
///
/// ```
/// # use rpm_core::policy::spec::DriftSpec;
/// let drift: DriftSpec = serde_json::from_str(r#"{
///   "baseline": "earlier-nights", "direction": "up", "allowance": 0.5
/// }"#).unwrap();
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DriftSpec {
    /// From what; of any signal but a drift.
    pub baseline: String,
    /// Above what is usual, or below it.
    pub direction: Direction,
    /// Deviations that are taken off each time: half of the shift that should be found; 0.5 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowance: Option<Number>,
}

/// Which way something changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It rises.
    Up,
    /// It falls.
    Down,
}

/// What is usual for a patient, learned from what can no longer change.
///
/// Readings that are marked as bad, that are implausible, that came later than the lateness horizon, or
/// that were observed while a rule about the signal was active (in force, not in shadow) are not
/// learned; `median` alone asks whatever its panes hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BaselineSpec {
    /// The signal that is learned.
    pub of: String,
    /// How.
    pub learn: LearnSpec,
    /// How often what was learned comes into force; `1 h` if absent, and never under what it takes for
    /// readings to be certain: the lateness horizon, or the widest pane that a rule about the signal
    /// reads if that is longer, and two such panes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
    /// How much of the signal must have been seen before; for `by_hour` of each hour of the day. A day
    /// if absent, an hour for `by_hour`, half of the panes for `median`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<String>,
    /// What a deviation counts as at least, in the signal's unit: from a signal that stands still anything
    /// would be many deviations away. What charts round it to if absent, such as 1 for a heart rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_deviation: Option<Number>,
    /// What is taken as usual until then: lowest and highest value of a reference range, by age band,
    /// `any` for everybody else. Without it, comparisons with the baseline say "too little data".
    #[serde(default, skip_serializing_if = "SmallMap::is_empty")]
    pub fallback: SmallMap<String, [Number; 2]>,
}

/// How a baseline learns.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LearnSpec {
    /// Mean and standard deviation; what is older counts less.
    Mean {
        /// After this time a reading counts half.
        half_life: String,
    },
    /// The same for each hour of the patient's day.
    ByHour {
        /// After this time a reading counts half.
        half_life: String,
    },
    /// The same for the patient asleep and awake, by context. What is observed while nobody knows is not
    /// learned, and compared with the `fallback`.
    BySleep {
        /// After this time a reading counts half.
        half_life: String,
    },
    /// A range of the patient's own, from one percentile to another; what is older counts less. Exact
    /// for up to 26 distinct values at the resolution of charts.
    Range {
        /// `5 %`.
        from: String,
        /// `95 %`.
        to: String,
        /// After this time a reading counts half.
        half_life: String,
    },
    /// The median of so many panes before the one that is compared, which is of the same signal; for
    /// signals with few readings.
    Median {
        /// How many; at most 400.
        panes: u16,
    },
}

/// Circumstances under which rules ask for something else.
///
/// ```
/// # use rpm_core::policy::spec::ModifierSpec;
/// let walking: ModifierSpec = serde_json::from_str(r#"{
///   "id": "walking", "title": "walking", "when": { "activity": ["walking", "running"] },
///   "rules": ["heart-rate-high"], "levels": ["review"],
///   "limit": { "plus": 20 }, "hold": { "to": "5 min" }
/// }"#).unwrap();
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ModifierSpec {
    /// Its name in records.
    pub id: String,
    /// For people, as a reason: `walking`, `first day after surgery`.
    pub title: String,
    /// All of it must be known to be so. Unknown is not so.
    pub when: WhenSpec,
    /// Which rules it changes.
    pub rules: Vec<String>,
    /// Which of their levels; all if absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<String>,
    /// What becomes of the limits on the rule's signal, raising and clearing alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitChangeSpec>,
    /// What becomes of the time for which a limit must be crossed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldChangeSpec>,
    /// What would raise the levels raises this one of the rule instead, milder or more severe, and keeps it
    /// up. What is active already is not lowered by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// The rule is in this mode as far as it is at one of the levels: `shadow`, `active` or `disabled`. What opens
    /// in shadow is told of as soon as that is over, if the condition is still there; an alert that does not
    /// only record goes on until it is closed. A level that is disabled is not judged, as if it rested. A missing
    /// signal has one level, that of what it blinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The levels are not judged: they are neither raised nor cleared. A missing signal that is open is over when
    /// the signal is back, all the same.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub rests: bool,
    /// What makes an urgent level less sensitive is refused unless this says that it is meant.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub widens_urgent: bool,
}

/// What must be known of the patient.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WhenSpec {
    /// What the patient does: one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub activity: Vec<String>,
    /// How the patient lies or stands: one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub posture: Vec<String>,
    /// The phase of care, such as `recovery`: one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub care_phase: Vec<String>,
    /// For so long at most after that phase began, such as `72 h` after a discharge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase_within: Option<String>,
    /// Asleep or awake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asleep: Option<bool>,
    /// With supplemental oxygen or without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_oxygen: Option<bool>,
    /// The age band of the profile: one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub age_band: Vec<String>,
    /// Any of these conditions, devices or medications stands in the profile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// The cohort of the profile: one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cohort: Vec<String>,
    /// At these hours of the patient's day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<HoursSpec>,
}

/// Another limit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LimitChangeSpec {
    /// The raise limit is this; the clear limit keeps its distance from it.
    To(Number),
    /// Raise and clear limit lie by so much higher, or lower if negative.
    Plus(Number),
}

/// Another hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HoldChangeSpec {
    /// So long.
    To(String),
    /// So much longer.
    Plus(String),
}

/// A rule: one condition of a patient, with one or more levels, or a missing signal.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// The rule's name: letters, digits, `-`, `_`, `.`.
    pub id: String,
    /// What the clinician reads.
    pub title: String,
    /// Why the rule exists, who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rationale: Option<String>,
    /// `active` (default), `shadow` (recorded, annunciates nothing) or `disabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The signal that the levels' comparisons are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// The statistic of it; `last` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistic: Option<String>,
    /// The window of the statistic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
    /// How much of the window must be covered by good readings; less is "stale", not "normal".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<String>,
    /// How much of the window's panes with readings may have only bad ones; more is "invalid", not
    /// "normal".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_artifact: Option<String>,
    /// The longest gap between readings that a hold runs through; 3 cadences if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_gap: Option<String>,
    /// The gap that ends a hold for good; 10 cadences if absent, and never under `max_gap`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abandon_after: Option<String>,
    /// How long after the last good reading an active alert counts as unverified; 10 cadences if
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unverified_after: Option<String>,
    /// The levels, from mild to severe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<LevelSpec>,
    /// Instead of levels: for so long nothing came of the signal that counts, although it is expected. Artifacts,
    /// and readings of a device that is known not to be worn, are as good as nothing; records tell them apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_for: Option<String>,
}

/// One level of a rule.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LevelSpec {
    /// `informational`, `review` or `urgent`; not needed beside `harm` and `onset`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// What happens to the patient if nobody responds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub harm: Option<Harm>,
    /// How soon it happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onset: Option<Onset>,
    /// When the level is raised.
    pub raise: PredicateSpec,
    /// When it is cleared; when `raise` is no longer met if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear: Option<PredicateSpec>,
    /// How long `raise` must hold, over covered time.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// Instead of `for`: so many times within a window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<TimesSpec>,
    /// How long `clear` must hold, over covered time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear_for: Option<String>,
    /// Whether the alert stays open until a person resolves it; `urgent` does if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latch: Option<bool>,
}

/// What happens to the patient if nobody responds (IEC 60601-1-8, table 1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Harm {
    /// Death or an injury that stays.
    DeathOrIrreversible,
    /// An injury that heals.
    Reversible,
    /// Discomfort, or an injury that hardly counts.
    Minor,
}

/// How soon harm happens (IEC 60601-1-8, table 1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Onset {
    /// Too soon to correct it by hand, usually.
    Immediate,
    /// Soon, but usually not too soon to correct it by hand.
    Prompt,
    /// Later.
    Delayed,
}

impl Harm {
    /// The class of table 1: high priority is urgent, medium and low are review, the rest is
    /// informational.
    ///
    /// ```
    /// use rpm_core::policy::{Harm, Onset};
    /// use rpm_core::record::Level;
    /// assert_eq!(Harm::DeathOrIrreversible.with(Onset::Prompt), Level::Urgent);
    /// assert_eq!(Harm::Reversible.with(Onset::Delayed), Level::Review);
    /// assert_eq!(Harm::Minor.with(Onset::Delayed), Level::Informational);
    /// ```
    pub fn with(self, onset: Onset) -> Level {
        match (self, onset) {
            (Self::DeathOrIrreversible, Onset::Immediate | Onset::Prompt)
            | (Self::Reversible, Onset::Immediate) => Level::Urgent,
            (Self::Minor, Onset::Delayed) => Level::Informational,
            _ => Level::Review,
        }
    }
}

/// So many times within a window.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TimesSpec {
    /// How many panes must meet the predicate.
    pub count: u16,
    /// Within how long.
    pub within: String,
}

/// A comparison, a composition of others, or the raise predicate of another rule.
///
/// Signal, statistic, window and coverage default to the rule's.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PredicateSpec {
    /// The signal compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// The statistic of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistic: Option<String>,
    /// The window of the statistic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
    /// For `slope` and `rate_of_change`: per how long; `1 min` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
    /// The baseline from which the limit of `last`, `mean`, `min` or `max` is measured: `above: 20` is
    /// then 20 above what is usual, `below: -20` is 20 below it. A clear predicate names it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// In what: the signal's unit (`absolute`, if absent), `percent` or `deviations`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance: Option<Distance>,
    /// Coverage of this comparison's window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<String>,
    /// Less than.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Number>,
    /// Less than or equal to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_or_below: Option<Number>,
    /// Greater than.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Number>,
    /// Greater than or equal to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_or_above: Option<Number>,
    /// Every part is met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<Vec<PredicateSpec>>,
    /// At least one part is met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub any: Option<Vec<PredicateSpec>>,
    /// At least so many parts are met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<AtLeastSpec>,
    /// The part is not met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<PredicateSpec>>,
    /// The part was met at some time in a window up to now: `SpO2 fell within the last 10 min`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recently: Option<RecentlySpec>,
    /// What the rule of this name raises its mildest level on, without its hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// `of` was met within a time up to now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RecentlySpec {
    /// Within how long.
    pub within: String,
    /// What.
    pub of: Box<PredicateSpec>,
}

/// At least `count` of `of`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AtLeastSpec {
    /// How many must be met.
    pub count: u16,
    /// Of which.
    pub of: Vec<PredicateSpec>,
}

/// An exact decimal in JSON or TOML: written as a number, kept as its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Number(String);

impl Number {
    /// The text as written, or the shortest that reads back the same.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Number {
    fn from(text: &str) -> Self {
        Self(text.to_string())
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        // A number where a float carries it exactly, so that what is written reads like what was.
        let exact = self
            .0
            .parse::<f64>()
            .ok()
            .filter(|x| Decimal::from_f64(*x).ok() == self.0.parse().ok());
        match (self.0.parse::<i64>(), exact) {
            (Ok(n), _) => s.serialize_i64(n),
            (_, Some(x)) => s.serialize_f64(x),
            _ => s.serialize_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl serde::de::Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number")
    }

    fn visit_i64<E>(self, n: i64) -> Result<Number, E> {
        Ok(Number(n.to_string()))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Number, E> {
        Ok(Number(n.to_string()))
    }

    fn visit_f64<E: serde::de::Error>(self, x: f64) -> Result<Number, E> {
        // `{}` of a float is its shortest exact form, without an exponent.
        Ok(Number(x.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Number, E> {
        Ok(Number(text.to_string()))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Number {
    fn schema_name() -> alloc::borrow::Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["number", "string"],
            "pattern": "^[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?$",
            "description": "An exact decimal: a number, or a number in quotes."
        })
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn default_horizon() -> String {
    "10 min".to_string()
}

fn default_skew() -> String {
    "2 min".to_string()
}
