//! Early warning scores: points for each vital sign, their sum, and what the sum means.
//!
//! | module | holds |
//! |---|---|
//! | [`spec`] | a score as written: a built-in chart, or a site's own table |
//! | `charts` | the built-in ones, as data in the same form: **add a chart here** |
//! | `compile` | from one to the other, with every mistake at once |
//!
//! A score is counted by [`Score::evaluate`], without an engine if need be. A value is rounded to the
//! chart's resolution, half away from zero, and then looked up: 12.0 kPa are 90.008 mmHg and score
//! as 90, 100.4 degF are exactly 38.0 Cel.
//!
//! | chart | is | total |
//! |---|---|---|
//! | `news2` | National Early Warning Score 2, not for people under 16 or in pregnancy | 0 to 20 |
//! | `mews` | modified Early Warning Score (Subbe 2001) | 0 to 14 |
//! | `qsofa` | quick SOFA (Sepsis-3, 2016) | 0 to 3 |
//! | `sirs` | systemic inflammatory response, without PaCO2 and white cells: always partial | 0 to 3 |
//! | `shock_index` | heart rate / systolic pressure, 1 from 0.9 on | 0 to 1 |
//!
//! NEWS2 is reproduced with acknowledgement: Royal College of Physicians. *National Early Warning Score
//! (NEWS) 2: Standardising the assessment of acute-illness severity in the NHS. Updated report of a
//! working party.* London: RCP, 2017. It is the College's chart only as long as nothing in it is
//! changed; other limits are a score of the site's own, under another title.
//!
//! Traps: a source that cannot deliver a value cannot reach its band. Health Connect stores no systolic
//! pressure above 200 mmHg, so that NEWS2's band from 220 on is out of its reach. A saturation within
//! 3 % of the truth, as good as oximeters are, may be two bands off.

mod charts;
mod compile;
pub mod spec;

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::Error;
use crate::event::Kind;
use crate::policy::PolicyErrors;
use crate::record::Monitoring;
use crate::signal::SignalDef;
use crate::time::Duration;
use crate::value::Value;

pub use spec::ScoreSpec;

/// A checked score, immutable.
///
/// ```
/// use rpm_core::event::Kind;
/// use rpm_core::policy::Policy;
/// use rpm_core::policy::score::{Score, ScoreSpec};
/// use rpm_core::{Duration, ScoreFacts, ScoreInput, Value};
///
/// let policy = Policy::from_json(br#"{
///   "id": "ward", "version": 1, "title": "Ward",
///   "signals": { "respiratory_rate": { "cadence": "1 h" }, "spo2": { "cadence": "1 h" } },
///   "rules": []
/// }"#).unwrap();
/// let chart = ScoreSpec { chart: Some("news2".into()), ..ScoreSpec::default() };
/// let news2 = Score::compile("news2", &chart, policy.signals()).unwrap();
///
/// // One input for each signal that the score reads.
/// let inputs: Vec<_> = news2.signals().iter().map(|signal| {
///     let value = match policy.signals()[usize::from(*signal)].kind() {
///         Kind::RESPIRATORY_RATE => Value::from_units(26)?,
///         _ => Value::from_units(93)?,
///     };
///     Some(ScoreInput { value, age: Duration::ZERO })
/// }).collect();
/// let outcome = news2.evaluate(&inputs, ScoreFacts { on_oxygen: Some(true), spo2_scale: None });
/// assert_eq!(outcome.total, Some(7));
/// assert_eq!(outcome.words(&news2).to_string(), "NEWS2 7 (high): respiration 26 /min 3, \
///     SpO2 93 % 2, air or oxygen: oxygen 2; missing: systolic (not monitored), \
///     pulse (not monitored), consciousness (not monitored), temperature (not monitored)");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Score {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) if_missing: IfMissing,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) signals: Vec<u16>,
    /// In the order of urgency.
    pub(crate) risk: Vec<Risk>,
    pub(crate) declared_missing: Vec<String>,
    pub(crate) warnings: Vec<Error>,
}

/// What becomes of a score with values missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum IfMissing {
    Partial,
    Normal,
    Refuse,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Parameter {
    pub name: String,
    pub title: String,
    pub unit: String,
    pub kind: Kind,
    /// Values are rounded to this.
    pub step: Value,
    /// How old a value may be; anything if absent.
    pub max_age: Option<Duration>,
    /// Empty if the policy monitors none of what it asks for.
    pub reads: Vec<Read>,
    /// Of a ratio: index of the score's inputs.
    pub divisor: Option<u16>,
    /// Tried in order; the last applies to everybody.
    pub tables: Vec<Table>,
}

/// One place to read a parameter from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Read {
    /// Index of the score's inputs.
    pub input: u16,
    /// It is a flow of oxygen, and the parameter whether there is any.
    pub is_flow: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Table {
    pub spo2_scale: Option<u8>,
    pub on_oxygen: Option<bool>,
    /// From low to high; each ends where the next begins, the last at the end of all numbers.
    pub bands: Vec<Band>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Band {
    pub at_most: Value,
    pub points: u8,
}

/// A row of what totals mean.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Risk {
    pub(crate) trigger: Trigger,
    pub(crate) level: String,
    pub(crate) monitoring: Option<Monitoring>,
    pub(crate) response: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trigger {
    /// The total, up to this; the row before ends where it begins.
    Total(u16),
    /// So many points in one parameter.
    Single(u8),
}

impl Score {
    /// Checks and compiles a score for the signals of a policy. Paths of errors start with
    /// `scores.` and the name.
    pub fn compile(
        name: &str,
        spec: &ScoreSpec,
        signals: &[SignalDef],
    ) -> Result<Self, PolicyErrors> {
        compile::alone(name, spec, signals)
    }

    /// Its name in the policy and in records.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the clinician reads.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The signals that it reads, each once, as indices of the policy's signals:
    /// [`evaluate`](Self::evaluate) takes one input for each, in this order.
    pub fn signals(&self) -> &[u16] {
        &self.signals
    }

    /// The names of its parameters, in the order of the chart.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|parameter| parameter.name.as_str())
    }

    /// Whether it makes the same points of the same inputs; words aside.
    pub(crate) fn counts_like(&self, other: &Self) -> bool {
        let same = |(a, b): (&Parameter, &Parameter)| {
            let facts = |p: &Parameter| (p.kind, p.step, p.max_age, p.divisor);
            facts(a) == facts(b) && a.reads == b.reads && a.tables == b.tables
        };
        self.if_missing == other.if_missing
            && self.signals.len() == other.signals.len()
            && self.parameters.len() == other.parameters.len()
            && self.parameters.iter().zip(&other.parameters).all(same)
    }

    /// The highest total there can be.
    pub fn highest_total(&self) -> u16 {
        self.parameters.iter().map(|p| u16::from(p.highest())).sum()
    }

    /// What the published score asks for and this one does not read.
    pub fn declared_missing(&self) -> &[String] {
        &self.declared_missing
    }

    /// Legal, but probably not meant: parameters that will be missing for every patient. What an
    /// event's context says of oxygen is no signal, and may be all it takes.
    pub fn warnings(&self) -> &[Error] {
        &self.warnings
    }
}

impl Parameter {
    /// The most points that it can give.
    pub fn highest(&self) -> u8 {
        self.points().max().unwrap_or(0)
    }

    /// The fewest.
    pub fn lowest(&self) -> u8 {
        self.points().min().unwrap_or(0)
    }

    fn points(&self) -> impl Iterator<Item = u8> {
        self.tables.iter().flat_map(|table| &table.bands).map(|band| band.points)
    }
}

impl Table {
    /// Whether it is for patients on this SpO2 scale.
    pub fn is_of(&self, spo2_scale: u8) -> bool {
        self.spo2_scale.is_none_or(|scale| scale == spo2_scale)
    }

    /// Whether it is for patients of whom this is so.
    pub fn applies(&self, spo2_scale: u8, on_oxygen: bool) -> bool {
        self.is_of(spo2_scale) && self.on_oxygen.is_none_or(|oxygen| oxygen == on_oxygen)
    }
}

impl Risk {
    /// How it is called.
    pub fn level(&self) -> &str {
        &self.level
    }

    /// How often to observe at least.
    pub fn monitoring(&self) -> Option<Monitoring> {
        self.monitoring
    }

    /// What to do.
    pub fn response(&self) -> Option<&str> {
        self.response.as_deref()
    }
}
