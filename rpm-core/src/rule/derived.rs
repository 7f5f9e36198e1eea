//! Signals that nobody measures: what each pane of one holds is a function of the panes of others.

use smallvec::SmallVec;

use super::calm::Calm;
use super::predicate::text;
use super::predicate::{Signals, pane_at};
use super::score::{ScoreFacts, ScoreInput};
use crate::policy::score::Score;
use crate::policy::{Derivation, Derived, Expr, Fused, Part};
use crate::record::{CountedScore, Drifted, Summarised, Verdict};
use crate::signal::drift::DriftDef;
use crate::signal::summary::{SummaryDef, Total};
use crate::signal::{HELD_LIMIT, Held};
use crate::time::{Duration, Timestamp};
use crate::value::Value;

/// The youngest value of each input: when it was observed, and what it is.
pub(crate) type Inputs = SmallVec<[Option<(i64, i32)>; 8]>;

/// The same as a score takes them.
type ScoreInputs = SmallVec<[Option<ScoreInput>; 8]>;

impl Signals<'_> {
    /// The last good value of a signal before a time at which one of its panes ends.
    fn as_of(&self, signal: usize, end: i64) -> Option<(i64, i32)> {
        let newest = self.background.calm.get(signal).and_then(Calm::newest);
        if let Some(newest) = newest.filter(|(at, _)| *at < end) {
            return Some(newest);
        }
        let ring = &self.live[signal].ring;
        let pane = ring.good_before(pane_at(end, self.policy.signals()[signal].pane_ms));
        let in_ring = pane.map(|pane| ring.last_of(pane));
        let carried = || *self.background.carried.get(signal)?;
        in_ring.or_else(|| carried().filter(|(at, _)| *at < end))
    }

    /// The inputs of a derived signal as of the end of one of its panes.
    pub fn inputs(&self, derived: &Derived, end: i64) -> Inputs {
        derived.inputs.iter().map(|signal| self.as_of(usize::from(*signal), end)).collect()
    }

    /// What a pane from `start` to `end` holds; nothing if none of what it is made of was measured in
    /// it.
    pub fn derive(&mut self, derived: &Derived, inputs: &Inputs, start: i64, end: i64) -> Held {
        let fresh = |known: &Option<(i64, i32)>| known.filter(|(at, _)| *at >= start);
        match &derived.how {
            Derivation::Score { score, part } => {
                if !inputs.iter().any(|known| fresh(known).is_some()) {
                    return Held::Nothing;
                }
                let score = &self.policy.scores()[usize::from(*score)];
                let (inputs, facts) = self.as_counted(inputs, start, end);
                part.of(score, &inputs, facts).map_or(Held::Nothing, Held::Good)
            }
            Derivation::Difference => match (inputs.first(), inputs.get(1)) {
                (Some(a), Some(b)) => match (fresh(a), fresh(b)) {
                    (Some((_, a)), Some((_, b))) => Held::Good(a.saturating_sub(b)),
                    _ => Held::Nothing,
                },
                _ => Held::Nothing,
            },
            Derivation::Fused(fused) => self.fuse(fused, inputs, start, end),
            Derivation::Summary(def) => self.night(def, end).1,
            Derivation::Drift(def) => self.drift(derived, def, start),
        }
    }

    /// What redundant sources say together: the first that was measured, unless they disagree or
    /// something speaks against all of them. What speaks against them must be known to be so.
    fn fuse(&mut self, fused: &Fused, inputs: &Inputs, start: i64, end: i64) -> Held {
        let sources = inputs.iter().take(usize::from(fused.sources)).flatten();
        let fresh = || sources.clone().filter(|(at, _)| *at >= start).map(|(_, value)| *value);
        let Some(first) = fresh().next() else {
            return Held::Nothing;
        };
        let (low, high) = fresh().fold((first, first), |(low, high), v| (low.min(v), high.max(v)));
        let apart = i64::from(high) - i64::from(low);
        let disagree = fused.agree_within.is_some_and(|most| apart > most);
        let against = |signals: &mut Self, unless: &Expr| {
            signals.verdict(unless, end.saturating_sub(1)) == Verdict::Met
        };
        let spoilt = disagree || fused.unless.as_ref().is_some_and(|unless| against(self, unless));
        if spoilt { Held::Artifact(first) } else { Held::Good(first) }
    }

    /// The terms of a score at a time, for a record.
    pub fn terms(&self, derived: u16, at: i64) -> Option<CountedScore> {
        let derived = &self.policy.derived()[usize::from(derived)];
        let Derivation::Score { score, .. } = derived.how else {
            return None;
        };
        let score = &self.policy.scores()[usize::from(score)];
        let width = self.policy.signals()[usize::from(derived.signal)].pane_ms;
        let start = pane_at(at, width).saturating_mul(width);
        let end = start.saturating_add(width);
        let (inputs, facts) = self.as_counted(&self.inputs(derived, end), start, end);
        Some(score.evaluate(&inputs, facts).words(score))
    }

    /// The last night that is over by a time: what it adds up to, and what a pane holds of it.
    pub fn night(&self, def: &SummaryDef, at: i64) -> (Total, Held) {
        let (index, offset) = (usize::from(def.of), self.background.usual.offset);
        let (ring, cover) = (&self.live[index].ring, self.live[index].cover);
        let number = def.over_by(at, ring.width(), offset);
        let summary = &self.background.summaries[usize::from(def.place)];
        let total = summary.total(def, ring, number, offset);
        let value = def.value(def.night(number, ring.width(), offset), &total, cover);
        let most = i64::from(HELD_LIMIT) - 1;
        let held = value.map(|value| value.clamp(-most, most) as i32);
        (total, held.map_or(Held::Nothing, Held::Good))
    }

    /// What a summary was made of, for a record: of the night that ended in the pane of a time, as long
    /// as that is known.
    pub fn summarised(&self, derived: u16, at: i64) -> Option<Summarised> {
        let derived = &self.policy.derived()[usize::from(derived)];
        let Derivation::Summary(def) = &derived.how else {
            return None;
        };
        let (index, offset) = (usize::from(def.of), self.background.usual.offset);
        let ring = &self.live[index].ring;
        let day = self.defs[usize::from(derived.signal)].pane_ms;
        let end = pane_at(at, day).saturating_add(1).saturating_mul(day);
        let (value_at, value) = self.as_of(usize::from(derived.signal), end)?;
        let number = def.over_by(value_at, ring.width(), offset);
        let night = def.night(number, ring.width(), offset);
        let (total, held) = self.night(def, value_at);
        (held == Held::Good(value)).then(|| Summarised {
            of: self.defs[index].name.clone(),
            statistic: def.what.name(),
            from: Timestamp::from_millis(night.start()),
            until: Timestamp::from_millis(night.over()),
            readings: total.count,
            coverage: night.coverage_percent(&total, self.live[index].cover),
        })
    }

    /// The sum after the pane of a time, if that has a value and it is known what is usual: what is so for
    /// everybody is not a patient's own. What was added up before people set the baseline right stands, since
    /// what was usual then is not known any more, and is not added to.
    fn drift(&self, derived: &Derived, def: &DriftDef, start: i64) -> Held {
        let (sums, restarted) =
            (&self.live[usize::from(derived.signal)].ring, self.background.restarted(def.baseline));
        if start < restarted {
            let pane = pane_at(start, sums.width());
            return if sums.has_good(pane) {
                Held::Good(sums.last_of(pane).1)
            } else {
                Held::Nothing
            };
        }
        let Some((of, value)) =
            self.drifting(derived, def, start).filter(|(of, _)| *of >= restarted)
        else {
            return Held::Nothing;
        };
        let usual = self.usual_for(def.baseline, start, of).filter(|norm| norm.samples > 0);
        let Some(usual) = usual else {
            return Held::Nothing;
        };
        let before = self.as_of(usize::from(derived.signal), start);
        let begins = |at: i64| pane_at(at, sums.width()).saturating_mul(sums.width());
        let before = before.filter(|(at, _)| begins(*at) >= restarted).map_or(0, |(_, sum)| sum);
        Held::Good(def.step(before, value, &usual))
    }

    /// The value that is a step of a drift in the pane of a time, and when its own pane begins. A score is what it
    /// is as of the end of its pane: what is over is the one before.
    fn drifting(&self, derived: &Derived, def: &DriftDef, start: i64) -> Option<(i64, i32)> {
        let input = usize::from(*derived.inputs.first()?);
        let ring = &self.live[input].ring;
        let pane = pane_at(start, ring.width());
        if !def.of_score {
            return Some((start, ring.tally(pane).mean()?));
        }
        let (at, value) = self.as_of(input, start).filter(|_| ring.has_good(pane))?;
        Some((ring.start_of(pane_at(at, ring.width())), value))
    }

    /// What a drift was made of, for a record: as of the pane of a time.
    pub fn drifted(&self, derived: u16, at: i64) -> Option<Drifted> {
        let derived = &self.policy.derived()[usize::from(derived)];
        let Derivation::Drift(def) = &derived.how else {
            return None;
        };
        let ring = &self.live[usize::from(derived.signal)].ring;
        // Back to where the sum was zero, as far as that is kept.
        let (mut values, mut since, mut pane) = (0, None, pane_at(at, ring.width()) + 1);
        let mut began = false;
        let restarted = self.background.restarted(def.baseline);
        let counts = pane_at(at, ring.width()).saturating_mul(ring.width()) >= restarted;
        while let Some(before) = ring.good_before(pane) {
            let anew = counts && ring.start_of(before) < restarted;
            if anew || ring.last_of(before).1 == 0 {
                began = true;
                break;
            }
            (values, since, pane) = (values + 1, Some(ring.time_of(before)), before);
        }
        let of = derived.inputs.first().map(|input| self.defs[usize::from(*input)].name.clone());
        Some(Drifted {
            of: of.unwrap_or_default(),
            baseline: self.policy.baselines()[usize::from(def.baseline)].id.clone(),
            direction: if def.up { "up" } else { "down" }.into(),
            allowance: text(def.allowance.into()),
            values,
            since,
            longer: !began && values > 0,
        })
    }

    /// What the score of a pane is counted of.
    fn as_counted(&self, inputs: &Inputs, start: i64, end: i64) -> (ScoreInputs, ScoreFacts) {
        let input = |known: &Option<(i64, i32)>| {
            let (at, value) = (*known)?;
            let age = Duration::from_millis(start.saturating_sub(at).max(0));
            Some(ScoreInput { value: Value::from_thousandths(value), age })
        };
        let situation = &self.background.situation;
        let facts = ScoreFacts {
            spo2_scale: situation.profile().and_then(|profile| profile.spo2_scale),
            on_oxygen: situation.at(end - 1).on_oxygen,
        };
        (inputs.iter().map(input).collect(), facts)
    }
}

impl Part {
    /// What of a score it is, in thousandths.
    fn of(self, score: &Score, inputs: &ScoreInputs, facts: ScoreFacts) -> Option<i32> {
        let (mut index, mut single) = (0, None);
        let sum = score.count(inputs, facts, |part| {
            if self == Self::Parameter(index) {
                single = part.points;
            }
            index += 1;
        });
        let total = sum.total?;
        let points = match self {
            Self::Total => i32::from(total),
            Self::HighestSingle => i32::from(sum.highest_single),
            Self::Parameter(_) => i32::from(single?),
        };
        Some(points * 1000)
    }
}
