//! Early warning scores at work: points for each parameter, their sum, and what it means.
//!
//! A pure function of the youngest values, their ages and two facts. What nobody knows never makes a
//! score lower than it might be:
//!
//! - The SpO2 scale is 1 unless the profile says 2; oxygen alone never selects scale 2.
//! - Unknown is not air. Where the points depend on it, the higher ones count, whatever the policy
//!   says of missing values, and the score is partial. So a prescribed scale 2 with 97 % and no word
//!   of oxygen gives 3, as on oxygen, and 90 % gives 0, as both do.
//! - Whoever says oxygen is believed: context has no age that could be compared with a signal's.
//!
//! Of several sources the youngest value counts, and a value from too long ago for none.

use alloc::string::{String, ToString};

use smallvec::SmallVec;

use crate::event::{Kind, kind};
use crate::policy::score::{IfMissing, Parameter, Read, Risk, Score, Table, Trigger};
use crate::record::{Absence, CountedParameter, CountedScore};
use crate::redact::redacted;
use crate::time::Duration;
use crate::value::{Value, div_round};

const AIR: Value = Value::ZERO;
const OXYGEN: Value = Value::from_thousandths(1000);

/// The youngest value of a signal, in its canonical unit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ScoreInput {
    /// What was measured.
    pub value: Value,
    /// How long ago.
    pub age: Duration,
}

/// What is known of the patient beside measurements.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct ScoreFacts {
    /// The prescribed SpO2 scale of NEWS2; 1 if nobody prescribed one.
    pub spo2_scale: Option<u8>,
    /// Whether context says oxygen.
    pub on_oxygen: Option<bool>,
}

/// A score as counted.
#[derive(Clone, PartialEq, Eq)]
pub struct ScoreOutcome {
    /// Of each parameter, in the order of the chart.
    pub parts: SmallVec<[ScorePart; 8]>,
    /// The sum of the points. None if nothing was measured, or if the policy wants no score with
    /// values missing.
    pub total: Option<u16>,
    /// The highest points of a single parameter.
    pub highest_single: u8,
    /// Whether something is missing that was not counted as normal: then the total can only be too
    /// low.
    pub partial: bool,
    /// Which row of the chart's meanings is in force.
    risk: Option<u16>,
}

/// What a score comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sum {
    pub total: Option<u16>,
    pub highest_single: u8,
    pub partial: bool,
}

/// One parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ScorePart {
    /// The value as it was looked up, or why there is none.
    pub value: Result<Value, Absence>,
    /// How old it was; unknown of what context says.
    pub age: Option<Duration>,
    /// The points; none if they count for nothing.
    pub points: Option<u8>,
    /// Whether the points depend on oxygen or air, which nobody knows: they are the higher ones.
    pub oxygen_unknown: bool,
}

/// What a parameter is read as, before it is looked up.
#[derive(Clone, Copy)]
struct Found {
    value: Value,
    age: Option<Duration>,
}

impl Score {
    /// Counts. One input for each of [`signals`](Score::signals), in that order; one that is not
    /// there is not measured.
    pub fn evaluate(&self, inputs: &[Option<ScoreInput>], facts: ScoreFacts) -> ScoreOutcome {
        let mut parts = SmallVec::new();
        let sum = self.count(inputs, facts, |part| parts.push(part));
        let risk = sum.total.and_then(|total| self.risk_of(total, sum.highest_single));
        let Sum { total, highest_single, partial } = sum;
        ScoreOutcome { parts, total, highest_single, partial, risk }
    }

    /// The same without what it means; `each` gets every parameter, in the order of the chart.
    pub(crate) fn count(
        &self,
        inputs: &[Option<ScoreInput>],
        facts: ScoreFacts,
        mut each: impl FnMut(ScorePart),
    ) -> Sum {
        let oxygen = self.oxygen(inputs, facts);
        let scale = scale_of(facts.spo2_scale);
        let (mut sum, mut measured, mut refused) = (0_u16, false, false);
        let (mut highest_single, mut partial) = (0, !self.declared_missing.is_empty());
        for parameter in &self.parameters {
            let found =
                if parameter.kind == Kind::ON_OXYGEN { oxygen } else { parameter.find(inputs) };
            let part = parameter.part(found, scale, oxygen.ok().map(is_oxygen), self.if_missing);
            let missing = part.value.is_err();
            measured |= !missing;
            refused |= missing || part.oxygen_unknown;
            partial |= part.points.is_none() || part.oxygen_unknown;
            let points = part.points.unwrap_or(0);
            sum = sum.saturating_add(u16::from(points));
            highest_single = highest_single.max(points);
            each(part);
        }
        let counts = measured && !(refused && self.if_missing == IfMissing::Refuse);
        Sum { total: counts.then_some(sum), highest_single, partial }
    }

    /// For how long at least every value counts, in milliseconds.
    pub(crate) fn least_max_age(&self) -> i64 {
        let limits = self.parameters.iter().filter_map(|parameter| parameter.max_age);
        limits.min().map_or(i64::MAX, Duration::as_millis)
    }

    /// Between which values of an input the points are what they are at this one, whatever the rest
    /// says; in thousandths, for a patient on this SpO2 scale. None if that is not to be told from the
    /// bands.
    pub(crate) fn same_points(
        &self,
        input: usize,
        value: i32,
        spo2_scale: Option<u8>,
    ) -> Option<(i32, i32)> {
        let scale = scale_of(spo2_scale);
        let mut same = (i32::MIN, i32::MAX);
        for parameter in &self.parameters {
            let of = |read: &Read| usize::from(read.input) == input;
            let divides = parameter.divisor.map(usize::from) == Some(input);
            if !divides && !parameter.reads.iter().any(of) {
                continue;
            }
            // A ratio has other bands, and oxygen says which tables apply.
            let says_more = parameter.divisor.is_some() || parameter.kind == Kind::ON_OXYGEN;
            if says_more || parameter.reads.iter().any(|read| read.is_flow) {
                return None;
            }
            let step = parameter.step;
            let rounded = Value::from_thousandths(value).round_to(step);
            for table in parameter.tables.iter().filter(|table| table.is_of(scale)) {
                let (low, high) = table.band_of(rounded);
                // What rounds into the band: half a step further, and the edges of the steps left out.
                let half = (step.thousandths() / 2).max(0);
                let low = if low == i32::MIN { low } else { low.saturating_add(half + 1) };
                let high = if high == i32::MAX { high } else { high.saturating_add(half - 1) };
                same = (same.0.max(low), same.1.min(high));
            }
        }
        (same.0 <= value && value <= same.1).then_some(same)
    }

    /// Oxygen or air, from whoever says so.
    fn oxygen(&self, inputs: &[Option<ScoreInput>], facts: ScoreFacts) -> Result<Found, Absence> {
        let parameter = self.parameters.iter().find(|p| p.kind == Kind::ON_OXYGEN);
        let measured = parameter.map_or(Err(Absence::NotMeasured), |p| p.find(inputs));
        let told = |value| Ok(Found { value, age: None });
        match (facts.on_oxygen, measured) {
            (Some(true), Ok(found)) if is_oxygen(found) => Ok(found),
            (Some(true), _) => told(OXYGEN),
            (_, Ok(found)) => Ok(found),
            (Some(false), Err(_)) => told(AIR),
            (None, Err(why)) => Err(why),
        }
    }

    /// Of the rows that apply, the last.
    fn risk_of(&self, total: u16, highest_single: u8) -> Option<u16> {
        let mut in_force = None;
        let mut reached = false;
        for (index, row) in self.risk.iter().enumerate() {
            let applies = match row.trigger {
                Trigger::Single(points) => highest_single >= points,
                Trigger::Total(at_most) => !reached && total <= at_most,
            };
            if applies {
                reached |= matches!(row.trigger, Trigger::Total(_));
                in_force = Some(index as u16);
            }
        }
        in_force
    }
}

impl Parameter {
    /// The youngest value that may count.
    fn find(&self, inputs: &[Option<ScoreInput>]) -> Result<Found, Absence> {
        if self.reads.is_empty() {
            return Err(Absence::NotMonitored);
        }
        let input = |index: u16| inputs.get(usize::from(index)).copied().flatten();
        let candidates = self.reads.iter().filter_map(|read| Some((read, input(read.input)?)));
        // Of equally old ones the first, as `min_by_key` has it.
        let youngest = candidates.min_by_key(|(_, input)| input.age);
        let (read, above) = youngest.ok_or(Absence::NotMeasured)?;
        let (value, age) = match self.divisor {
            None => (read.as_value(above.value), above.age),
            Some(divisor) => {
                let below = input(divisor).ok_or(Absence::NotMeasured)?;
                let value = ratio(above.value, below.value).ok_or(Absence::NotMeasured)?;
                (value, above.age.max(below.age))
            }
        };
        if self.max_age.is_some_and(|oldest| age > oldest) {
            return Err(Absence::TooOld);
        }
        Ok(Found { value, age: Some(age) })
    }

    fn part(
        &self,
        found: Result<Found, Absence>,
        scale: u8,
        oxygen: Option<bool>,
        if_missing: IfMissing,
    ) -> ScorePart {
        let found = match found {
            Ok(found) => found,
            Err(why) => {
                let points = (if_missing == IfMissing::Normal).then_some(0);
                return ScorePart { value: Err(why), age: None, points, oxygen_unknown: false };
            }
        };
        let value = found.value.round_to(self.step);
        let points = |oxygen| self.points_of(value, scale, oxygen);
        let (points, oxygen_unknown) = match oxygen {
            Some(oxygen) => (points(oxygen), false),
            None => {
                let (air, with) = (points(false), points(true));
                (air.max(with), air != with)
            }
        };
        ScorePart { value: Ok(value), age: found.age, points: Some(points), oxygen_unknown }
    }

    fn points_of(&self, value: Value, scale: u8, on_oxygen: bool) -> u8 {
        let table = self.tables.iter().find(|table| table.applies(scale, on_oxygen));
        table.map_or(0, |table| table.points(value))
    }

    fn words(&self, part: &ScorePart) -> CountedParameter {
        let coded = |value| kind::code_name(self.kind, value).filter(|_| self.divisor.is_none());
        let code = part.value.ok().and_then(coded);
        let has_unit = part.value.is_ok() && code.is_none() && self.unit != "1";
        CountedParameter {
            name: self.name.clone(),
            title: self.title.clone(),
            value: part.value.ok().map(|v| code.map_or_else(|| v.to_string(), String::from)),
            unit: has_unit.then(|| self.unit.clone()),
            age: part.age,
            points: part.points,
            missing: part.value.err(),
            oxygen_unknown: part.oxygen_unknown,
        }
    }
}

impl Table {
    /// The end of the band below a value's own, and the end of its own; in thousandths.
    fn band_of(&self, value: Value) -> (i32, i32) {
        let at = self.bands.partition_point(|band| band.at_most < value);
        let end = |at: usize| self.bands.get(at).map(|band| band.at_most.thousandths());
        let low = at.checked_sub(1).and_then(end).unwrap_or(i32::MIN);
        (low, end(at).unwrap_or(i32::MAX))
    }

    /// The last band takes what is left.
    fn points(&self, value: Value) -> u8 {
        let last = self.bands.last();
        let band = self.bands.iter().find(|band| value <= band.at_most).or(last);
        band.map_or(0, |band| band.points)
    }
}

impl Read {
    fn as_value(self, value: Value) -> Value {
        match self.is_flow {
            true if value > Value::ZERO => OXYGEN,
            true => AIR,
            false => value,
        }
    }
}

impl ScoreOutcome {
    /// The row of the chart's meanings that is in force.
    pub fn risk<'a>(&self, score: &'a Score) -> Option<&'a Risk> {
        score.risk.get(usize::from(self.risk?))
    }

    /// What the record says of it; its `Display` is one line for people.
    pub fn words(&self, score: &Score) -> CountedScore {
        let risk = self.risk(score);
        let parameters = score.parameters.iter().zip(&self.parts);
        CountedScore {
            score: score.name.clone(),
            title: score.title.clone(),
            total: self.total,
            partial: self.partial,
            level: risk.map(|risk| risk.level.clone()),
            monitoring: risk.and_then(|risk| risk.monitoring),
            response: risk.and_then(|risk| risk.response.clone()),
            parameters: parameters.map(|(parameter, part)| parameter.words(part)).collect(),
            declared_missing: score.declared_missing.clone(),
        }
    }
}

/// The second SpO2 scale is for those of whom somebody said so.
fn scale_of(said: Option<u8>) -> u8 {
    if said == Some(2) { 2 } else { 1 }
}

fn is_oxygen(found: Found) -> bool {
    found.value > AIR
}

/// In thousandths, rounded half away from zero. A pressure of zero has no ratio.
fn ratio(above: Value, below: Value) -> Option<Value> {
    let (above, below) = (i128::from(above.thousandths()), i128::from(below.thousandths()));
    let ratio = (below > 0).then(|| div_round(above * 1000, below))?;
    let within = ratio.clamp(i128::from(i32::MIN), i128::from(i32::MAX));
    i32::try_from(within).ok().map(Value::from_thousandths)
}

redacted!(ScoreInput, ScoreFacts, ScoreOutcome, ScorePart, Sum);
