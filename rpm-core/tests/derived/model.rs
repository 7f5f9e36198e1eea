//! Derived signals recomputed from all accepted readings, with the four answers written out. Rules
//! here have no holds, so a condition is active when the last definite answer was "met".

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rpm_core::event::{Body, Event, Kind, KindRef, Quality};
use rpm_core::policy::Policy;
use rpm_core::record::{ConditionState, Level};
use serde_json::{Value as Json, json};

use crate::common::{self, Run, T0, With, history, host, patient_id, policy, reading};

pub const KINDS: [Kind; 3] = [Kind::HEART_RATE, Kind::PULSE_RATE, Kind::SPO2];
pub const NAMES: [&str; 3] = ["heart_rate", "pulse_rate", "spo2"];
pub const HORIZON_MS: i64 = 30_000;

/// A comparison that speaks against the sources.
#[derive(Clone, Debug)]
pub struct Against {
    signal: usize,
    statistic: &'static str,
    /// Of the derived signal's panes.
    panes: i64,
    coverage: i64,
    above: i64,
}

/// A policy with a fused signal, a difference, and a rule on each.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Of the three signals that are measured, and of those that are derived.
    widths: [i64; 4],
    /// The sources of the fused signal, the best first.
    of: Vec<usize>,
    agree_within: Option<i64>,
    unless: Vec<Against>,
    /// Panes, coverage and limit of the rule's mean.
    window: (i64, i64, i64),
    max_artifact: Option<i64>,
    /// Limit of the rule on the mean of the difference.
    apart: i64,
}

/// What is measured: the signal, when, the value, whether it is marked as an artifact; then how late
/// it comes, and what becomes of it.
#[derive(Clone, Debug)]
pub struct Step {
    signal: usize,
    ms: i64,
    value: i32,
    artifact: bool,
    late: i64,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Fate {
    Stays,
    Twice,
    Void,
    Corrected(i32),
}

/// Good values of a signal by pane and, in it, by time.
type Panes = BTreeMap<i64, BTreeMap<i64, i64>>;

/// What a pane of a derived signal holds.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Pane {
    Good(i64),
    Artifact,
}

type Derived = BTreeMap<i64, Pane>;

/// Met, not met, or nobody knows.
type Answer = Option<bool>;

impl Plan {
    pub fn policy(&self) -> Arc<Policy> {
        let width = |index: usize| format!("{} ms", self.widths[index]);
        let mut signals = serde_json::Map::new();
        for (index, name) in NAMES.iter().enumerate() {
            signals.insert((*name).into(), json!({ "cadence": width(index) }));
        }
        let of: Vec<&str> = self.of.iter().map(|source| NAMES[*source]).collect();
        let mut fused = json!({ "of": of });
        if let Some(within) = self.agree_within {
            fused["agree_within"] = within.into();
        }
        let against = |against: &Against| {
            json!({
                "signal": NAMES[against.signal], "statistic": against.statistic,
                "over": format!("{} ms", against.panes * self.widths[3]),
                "coverage": format!("{} %", against.coverage), "above": against.above,
            })
        };
        if !self.unless.is_empty() {
            let any: Vec<Json> = self.unless.iter().map(against).collect();
            fused["unless"] = json!({ "any": any });
        }
        signals.insert("beat".into(), json!({ "fused": fused, "cadence": width(3) }));
        let difference = json!({ "difference": [NAMES[0], NAMES[1]], "cadence": width(3) });
        signals.insert("gap".into(), difference);
        let (panes, coverage, limit) = self.window;
        let mut high = json!({
            "id": "high", "title": "High", "signal": "beat", "unverified_after": "300 d",
            "statistic": "mean", "over": format!("{} ms", panes * self.widths[3]),
            "coverage": format!("{coverage} %"),
            "levels": [{ "level": "review", "raise": { "above": limit } }],
        });
        if let Some(most) = self.max_artifact {
            high["max_artifact"] = format!("{most} %").into();
        }
        let apart = json!({
            "id": "apart", "title": "Apart", "signal": "gap", "unverified_after": "300 d",
            "statistic": "mean", "over": format!("{} ms", panes * self.widths[3]),
            "coverage": "0 %",
            "levels": [{ "level": "review", "raise": { "above": self.apart } }],
        });
        policy(&json!({
            "id": "derived", "version": 1, "title": "derived", "lateness_horizon": "30 s",
            "signals": signals, "rules": [high, apart],
        }))
    }

    /// The histories of the two conditions, recomputed from what was accepted in the end.
    pub fn expected(&self, steps: &[Step]) -> [Vec<(i64, ConditionState)>; 2] {
        let measured = self.measured(steps);
        let (panes, coverage, limit) = self.window;
        let high = Judge { panes, coverage, limit, max_artifact: self.max_artifact };
        let apart = Judge { panes, coverage: 0, limit: self.apart, max_artifact: None };
        [
            high.history(&self.fused(&measured), self.widths[3]),
            apart.history(&self.difference(&measured), self.widths[3]),
        ]
    }

    /// What the histories are by the engine's records.
    pub fn found(&self, run: &Run) -> [Vec<(i64, ConditionState)>; 2] {
        ["high", "apart"].map(|rule| history(&run.records, &patient_id(0), rule, self.widths[3]))
    }

    fn measured(&self, steps: &[Step]) -> [Panes; 3] {
        let mut measured = [Panes::new(), Panes::new(), Panes::new()];
        for step in steps.iter().filter(|step| !step.artifact && step.fate != Fate::Void) {
            let value = if let Fate::Corrected(to) = step.fate { to } else { step.value };
            let pane = (T0 + step.ms).div_euclid(self.widths[step.signal]);
            let values = measured[step.signal].entry(pane).or_default();
            values.insert(step.ms, i64::from(value) * 1000);
        }
        measured
    }

    /// The youngest value of a signal in a pane of the derived ones.
    fn youngest(&self, measured: &[Panes; 3], signal: usize, pane: i64) -> Option<i64> {
        let here = self.within(measured, signal, pane, 1);
        here.into_iter().next_back().map(|(_, value)| value)
    }

    /// The good values of a signal, by time, in so many derived panes that end with this one.
    fn within(
        &self,
        measured: &[Panes; 3],
        signal: usize,
        pane: i64,
        panes: i64,
    ) -> BTreeMap<i64, i64> {
        let ratio = self.widths[3] / self.widths[signal];
        let range = (pane - panes + 1) * ratio..(pane + 1) * ratio;
        let found = measured[signal].range(range).flat_map(|(_, values)| values.clone());
        found.collect()
    }

    fn derived_panes(&self, measured: &[Panes; 3], signals: &[usize]) -> Vec<i64> {
        let ratio = |signal: usize| self.widths[3] / self.widths[signal];
        let of = |s: &usize| measured[*s].keys().map(|pane| pane.div_euclid(ratio(*s))).collect();
        let mut panes: Vec<i64> = signals.iter().flat_map(|s| -> Vec<i64> { of(s) }).collect();
        panes.sort_unstable();
        panes.dedup();
        panes
    }

    fn fused(&self, measured: &[Panes; 3]) -> Derived {
        let mut fused = Derived::new();
        for pane in self.derived_panes(measured, &self.of) {
            let values: Vec<i64> =
                self.of.iter().filter_map(|s| self.youngest(measured, *s, pane)).collect();
            let apart = values.iter().max().unwrap() - values.iter().min().unwrap();
            let disagree = self.agree_within.is_some_and(|most| apart > most * 1000);
            let spoilt = self.unless.iter().any(|a| self.speaks(measured, a, pane) == Some(true));
            let held = if disagree || spoilt { Pane::Artifact } else { Pane::Good(values[0]) };
            fused.insert(pane, held);
        }
        fused
    }

    fn difference(&self, measured: &[Panes; 3]) -> Derived {
        let panes = self.derived_panes(measured, &[0, 1]).into_iter();
        let both = panes.filter_map(|pane| {
            let (a, b) = (self.youngest(measured, 0, pane)?, self.youngest(measured, 1, pane)?);
            Some((pane, Pane::Good(a - b)))
        });
        both.collect()
    }

    /// Whether a comparison that speaks against the sources is met at the end of a pane.
    fn speaks(&self, measured: &[Panes; 3], against: &Against, pane: i64) -> Answer {
        let found = self.within(measured, against.signal, pane, against.panes);
        let narrow = self.widths[against.signal];
        let covered: std::collections::BTreeSet<i64> =
            found.keys().map(|ms| (T0 + ms).div_euclid(narrow)).collect();
        let panes = against.panes * self.widths[3] / narrow;
        if covered.len() as i64 * 100 < against.coverage * panes {
            return None;
        }
        let values: Vec<i64> = found.values().copied().collect();
        let (first, last, count) = (values.first()?, values.last()?, values.len() as i64);
        let limit = against.above * 1000;
        match against.statistic {
            "last" => Some(*last > limit),
            "max" => Some(*values.iter().max()? > limit),
            "delta" => Some(last - first > limit),
            "standard_deviation" if count < 2 => None,
            "standard_deviation" => {
                let (sum, squares) = (values.iter().sum::<i64>(), values.iter().map(|v| v * v));
                let top = count * squares.sum::<i64>() - sum * sum;
                Some(top > limit * limit * count * (count - 1))
            }
            other => panic!("{other}"),
        }
    }
}

/// A rule on the mean of a derived signal.
struct Judge {
    panes: i64,
    coverage: i64,
    limit: i64,
    max_artifact: Option<i64>,
}

impl Judge {
    fn answer(&self, derived: &Derived, at: i64) -> Answer {
        let window: Vec<Pane> = derived.range(at - self.panes + 1..=at).map(|(_, p)| *p).collect();
        let good: Vec<i64> = window
            .iter()
            .filter_map(|pane| if let Pane::Good(value) = pane { Some(*value) } else { None })
            .collect();
        let count = good.len() as i64;
        let (spoilt, read) = (window.len() as i64 - count, window.len() as i64);
        if self.max_artifact.is_some_and(|most| spoilt * 100 > most * read) {
            return None;
        }
        if count * 100 < self.coverage * self.panes || count == 0 {
            return None;
        }
        Some(good.iter().sum::<i64>() > self.limit * 1000 * count)
    }

    fn history(&self, derived: &Derived, width: i64) -> Vec<(i64, ConditionState)> {
        let mut found: Vec<(i64, ConditionState)> = Vec::new();
        let evident = derived.iter().filter(|(_, pane)| **pane != Pane::Artifact);
        for (pane, _) in evident {
            let before = found.last().map(|(_, state)| *state);
            let state = match self.answer(derived, *pane) {
                Some(true) => ConditionState::Active(Level::Review),
                Some(false) => ConditionState::Normal,
                None => before.unwrap_or(ConditionState::Normal),
            };
            if before != Some(state) {
                found.push((pane * width, state));
            }
        }
        found
    }
}

pub fn plan() -> impl Strategy<Value = Plan> {
    let statistic = prop::sample::select(vec!["last", "max", "delta", "standard_deviation"]);
    let against = (0..3_usize, statistic, 1..8_i64, 0..=60_i64, 0..10_i64).prop_map(
        |(signal, statistic, panes, coverage, share)| {
            let above = match statistic {
                "delta" | "standard_deviation" => share,
                _ => 60 + 2 * share,
            };
            Against { signal, statistic, panes, coverage, above }
        },
    );
    let widths = prop::sample::select(vec![
        [1000, 1000, 1000, 1000],
        [1000, 500, 2000, 2000],
        [1000, 5000, 1000, 5000],
        [500, 500, 500, 500],
    ]);
    let of = prop::sample::select(vec![vec![0], vec![0, 1], vec![1, 0], vec![1]]);
    let window = (1..8_i64, 0..=100_i64, 62..80_i64);
    let options = (prop::option::of(0..12_i64), prop::option::of(0..=80_i64), -8..8_i64);
    (widths, of, prop::collection::vec(against, 0..3), window, options).prop_map(
        |(widths, of, unless, window, (agree_within, max_artifact, apart))| Plan {
            widths,
            of,
            agree_within,
            unless,
            window,
            max_artifact,
            apart,
        },
    )
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![8 => Just(500_i64), 4 => 0..2000_i64, 1 => 2000..40_000_i64];
    let late = prop_oneof![2 => Just(0), 1 => 0..HORIZON_MS - 16_000];
    let value = || 58..84_i32;
    let fate = prop_oneof![
        12 => Just(Fate::Stays),
        2 => Just(Fate::Twice),
        1 => Just(Fate::Void),
        1 => value().prop_map(Fate::Corrected),
    ];
    let step = (gap, 0..3_usize, value(), prop::bool::weighted(0.1), late, fate);
    prop::collection::vec(step, 1..70).prop_map(|steps| {
        let (mut ms, mut seen) = (0, std::collections::BTreeSet::new());
        let mut found = Vec::new();
        for (gap, signal, value, artifact, late, fate) in steps {
            ms += gap;
            // An artifact has nothing to correct.
            let fate = if artifact { Fate::Stays } else { fate };
            if seen.insert((signal, ms)) {
                found.push(Step { signal, ms, value, artifact, late, fate });
            }
        }
        found
    })
}

/// The events as they arrive: each in time, or as late as it says; what becomes of a reading follows
/// it after a second.
pub fn arrivals(steps: &[Step], in_time: bool) -> Vec<(i64, Event)> {
    let mut found = Vec::new();
    for step in steps {
        let arrives = step.ms + if in_time { 0 } else { step.late };
        let kind = KINDS[step.signal];
        let plain = reading(kind, step.ms, step.value * 1000);
        let event = if step.artifact { plain.quality(Quality::ARTIFACT) } else { plain };
        found.push((arrives, event.clone()));
        let kind = KindRef::Known(kind);
        let body = match step.fate {
            Fate::Stays => continue,
            Fate::Twice => event.body,
            Fate::Void => Body::Void { kind },
            Fate::Corrected(to) => {
                let value = rpm_core::Value::from_units(to).unwrap();
                Body::Correction { kind, value }
            }
        };
        found.push((arrives + 1000, common::event(step.ms, body)));
    }
    // Stable: what arrives at once arrives in the order in which it was measured.
    found.sort_by_key(|(arrives, _)| *arrives);
    found
}

/// When all of it has arrived: nothing depends on host time here.
pub fn late() -> rpm_core::HostTime {
    host(100_000_000)
}
