//! Nights recomputed from all accepted readings, and the rule on them written out: a night so much
//! above the median of the nights before it, twice within two days.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use rpm_core::event::{Body, Event, Kind, KindRef, Quality};
use rpm_core::policy::Policy;
use rpm_core::record::{ConditionState, Level};
use serde_json::json;

use crate::common::{self, Run, T0, With, history, host, patient_id, policy, reading};

pub const MINUTE: i64 = 60_000;
pub const DAY: i64 = 1440 * MINUTE;
pub const HORIZON: i64 = 150 * MINUTE;

type History = Vec<(i64, ConditionState)>;

/// A policy with one value a night, what is usual of it, and a rule.
#[derive(Clone, Debug)]
pub struct Plan {
    pane: i64,
    /// Panes that one reading covers.
    cover: i64,
    statistic: &'static str,
    /// Which percentile, in per cent.
    percentile: i64,
    /// Of medians and percentiles, in thousandths; as charts have it if none.
    resolution: Option<i64>,
    /// By the patient's clock, in minutes.
    from: i64,
    until: i64,
    coverage: i64,
    /// How much later it is where the patient is, in minutes.
    offset: i64,
    /// Whether it is a fused signal that is summarised.
    fused: bool,
    nights: i64,
    above: i64,
}

/// When it is measured, the value, whether it is an artifact; how late it comes, what becomes of it.
#[derive(Clone, Debug)]
pub struct Step {
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

impl Plan {
    pub fn policy(&self) -> Arc<Policy> {
        let clock = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
        let span = |ms: i64| format!("{ms} ms");
        let sign = if self.offset < 0 { '-' } else { '+' };
        let offset = format!("{sign}{}", clock(self.offset.abs()));
        let cadence = span(self.pane * self.cover);
        let of = if self.fused { "trusted" } else { "heart_rate" };
        let mut night = json!({
            "of": of, "statistic": self.statistic, "from": clock(self.from),
            "until": clock(self.until), "coverage": format!("{} %", self.coverage),
        });
        if self.statistic == "percentile" {
            night["percentile"] = self.percentile.into();
        }
        if let Some(step) = self.resolution.filter(|_| self.is_ranked()) {
            night["resolution"] = json!(step as f64 / 1000.0);
        }
        policy(&json!({
            "id": "nights", "version": 1, "title": "nights", "lateness_horizon": span(HORIZON),
            "signals": {
                "heart_rate": { "cadence": cadence, "pane": span(self.pane) },
                "trusted": {
                    "fused": { "of": ["heart_rate"] }, "cadence": cadence, "pane": span(self.pane),
                },
                "night": { "cadence": "1 d", "summary": night },
            },
            "baselines": { "usual": {
                "of": "night", "learn": { "median": { "panes": self.nights } }, "warm_up": "2 d",
            } },
            "rules": [{
                "id": "high", "title": "High", "signal": "night", "unverified_after": "300 d",
                "abandon_after": "300 d",
                "levels": [{
                    "level": "review", "times": { "count": 2, "within": "2 d" },
                    "raise": { "baseline": "usual", "at_or_above": self.above },
                }],
            }],
            "care": { "utc_offset": offset },
        }))
    }

    /// The nights by the times at which they end, and the history of the rule's condition.
    pub fn expected(&self, steps: &[Step]) -> (Vec<(i64, i64)>, History) {
        let nights = self.nights(steps);
        let by_day: BTreeMap<i64, i64> =
            nights.iter().map(|(at, value)| (at.div_euclid(DAY), *value)).collect();
        (nights, self.history(&by_day))
    }

    pub fn found(&self, run: &Run) -> History {
        history(&run.records, &patient_id(0), "high", DAY)
    }

    /// Whether anything was taken back or changed after it had been told.
    pub fn voids(&self, steps: &[Step]) -> bool {
        steps.iter().any(|step| matches!(step.fate, Fate::Void | Fate::Corrected(_)))
    }

    fn is_ranked(&self) -> bool {
        matches!(self.statistic, "median" | "percentile")
    }

    /// Of panes' means, sorted: each rounded to a step, and the middle, or the nearest rank.
    fn ranked(&self, means: impl Iterator<Item = i64>) -> i64 {
        let step = self.resolution.unwrap_or(1000);
        let mut sorted: Vec<i64> =
            means.map(|mean| (2 * mean + step).div_euclid(2 * step) * step).collect();
        sorted.sort_unstable();
        let n = sorted.len();
        if self.statistic == "median" {
            return (sorted[(n - 1) / 2] + sorted[n / 2] + 1).div_euclid(2);
        }
        let share = |below: usize| (below as i64 + 1) * 100 >= self.percentile * n as i64;
        sorted[(0..n).find(|below| share(*below)).unwrap()]
    }

    /// The start of the pane of a time.
    fn pane_of(&self, at: i64) -> i64 {
        at.div_euclid(self.pane) * self.pane
    }

    fn nights(&self, steps: &[Step]) -> Vec<(i64, i64)> {
        let newest = steps.iter().map(|step| T0 + step.ms).max().unwrap_or(0);
        let mut good: BTreeMap<i64, i64> = BTreeMap::new();
        for step in steps.iter().filter(|step| !step.artifact && step.fate != Fate::Void) {
            let value = if let Fate::Corrected(to) = step.fate { to } else { step.value };
            good.insert(T0 + step.ms, i64::from(value) * 1000);
        }
        if self.fused {
            // One value a pane: the last one.
            let last: BTreeMap<i64, i64> =
                good.iter().map(|(at, value)| (self.pane_of(*at), *value)).collect();
            good = last;
        }
        let length = (self.until - self.from + 1440 - 1) % 1440 + 1;
        let first_day = T0.div_euclid(DAY) - 2;
        let mut found = Vec::new();
        for day in first_day..newest.div_euclid(DAY) + 3 {
            let end = day * DAY + (self.until - self.offset) * MINUTE;
            let start = end - length * MINUTE;
            let starts: Vec<i64> = (start - self.pane..end)
                .step_by(MINUTE as usize)
                .filter(|at| at.rem_euclid(self.pane) == 0 && *at >= start)
                .collect();
            let over = starts.last().unwrap() + self.pane;
            if over > newest {
                continue;
            }
            let inside = |at: &i64| (start..end).contains(&self.pane_of(*at));
            let values: Vec<i64> =
                good.iter().filter(|(at, _)| inside(at)).map(|(_, value)| *value).collect();
            let panes: BTreeSet<i64> =
                good.keys().filter(|at| inside(at)).map(|at| self.pane_of(*at)).collect();
            let panes_of_night = starts.len() as i64;
            let covered = (panes.len() as i64 * self.cover).min(panes_of_night);
            if values.is_empty() || covered * 100 < self.coverage * panes_of_night {
                continue;
            }
            let (sum, count) = (values.iter().sum::<i64>(), values.len() as i64);
            let mut by_pane: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
            for (at, value) in good.iter().filter(|(at, _)| inside(at)) {
                by_pane.entry(self.pane_of(*at)).or_default().push(*value);
            }
            let means = by_pane.values().map(|values| {
                let (sum, count) = (values.iter().sum::<i64>(), values.len() as i64);
                (2 * sum + count).div_euclid(2 * count)
            });
            found.push((
                over,
                match self.statistic {
                    "mean" => (2 * sum + count).div_euclid(2 * count),
                    "min" => *values.iter().min().unwrap(),
                    "max" => *values.iter().max().unwrap(),
                    _ if self.is_ranked() => self.ranked(means),
                    _ => sum,
                },
            ));
        }
        found
    }

    fn history(&self, nights: &BTreeMap<i64, i64>) -> History {
        let mut found = History::new();
        let (mut active, mut begun, mut hits) = (false, false, Vec::new());
        for (day, value) in nights {
            let mut before: Vec<i64> =
                nights.range(day - self.nights..*day).map(|(_, value)| *value).collect();
            before.sort_unstable();
            let n = before.len();
            let verdict = (n >= 2).then(|| {
                let middle = (before[(n - 1) / 2] + before[n / 2] + 1).div_euclid(2);
                *value >= middle + self.above * 1000
            });
            if verdict == Some(true) {
                hits.push(*day);
            }
            let twice = hits.iter().filter(|hit| **hit > day - 2).count() >= 2;
            (active, begun) = match verdict {
                Some(true) => (active || twice, true),
                Some(false) => (false, false),
                None => (active, begun),
            };
            let state = match (active, begun) {
                (true, _) => ConditionState::Active(Level::Review),
                (false, true) => ConditionState::Pending,
                (false, false) => ConditionState::Normal,
            };
            if found.last().is_none_or(|(_, last)| *last != state) {
                found.push((day * DAY, state));
            }
        }
        found
    }
}

pub fn plan() -> impl Strategy<Value = Plan> {
    let pane = prop::sample::select(vec![10 * MINUTE, 15 * MINUTE, 20 * MINUTE, 60 * MINUTE]);
    let statistics = ["mean", "mean", "min", "max", "sum", "median", "median", "percentile"];
    let statistic = prop::sample::select(statistics.to_vec());
    let ranks = (1..=100_i64, prop::sample::select(vec![None, Some(500), Some(2500), Some(700)]));
    let hours = prop::sample::select(vec![
        (0, 7 * 60),
        (22 * 60, 7 * 60),
        (23 * 60 + 10, 6 * 60 + 50),
        (0, 0),
        (12 * 60, 12 * 60),
        (13 * 60, 15 * 60),
    ]);
    let offset = prop::sample::select(vec![0, 60, 120, 330, 840, -60, -480, -570, -720]);
    (
        (pane, 1..3_i64, statistic, hours, 0..=60_i64),
        (offset, prop::bool::weighted(0.25), 2..6_i64, 0..6_i64),
        ranks,
    )
        .prop_map(
            |((pane, cover, statistic, hours, coverage), more, (percentile, resolution))| {
                let ((from, until), (offset, fused, nights, above)) = (hours, more);
                Plan {
                    pane,
                    cover,
                    statistic,
                    percentile,
                    resolution,
                    from,
                    until,
                    coverage,
                    offset,
                    fused,
                    nights,
                    above,
                }
            },
        )
}

/// Some days of readings every few minutes, with hours and whole nights in which there are none.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![
        20 => 5..25_i64,
        4 => 25..80_i64,
        1 => 80..900_i64,
        1 => 900..3000_i64,
    ];
    let late = prop_oneof![2 => Just(0), 1 => 0..HORIZON / MINUTE - 10];
    let value = || prop_oneof![3 => 58..64_i32, 1 => 64..75_i32];
    let fate = prop_oneof![
        30 => Just(Fate::Stays),
        2 => Just(Fate::Twice),
        1 => Just(Fate::Void),
        1 => value().prop_map(Fate::Corrected),
    ];
    let mood = 0..8_i32;
    let step = (gap, value(), prop::bool::weighted(0.05), late, fate);
    (mood, prop::collection::vec(step, 1..700), 0..DAY / MINUTE).prop_map(|(mood, steps, begin)| {
        let mut minute = begin;
        let mut found = Vec::new();
        for (gap, value, artifact, late, fate) in steps {
            minute += gap;
            // Some days are worse than others, so that there is something to find.
            let worse = if (minute / 2880) % 3 == 1 { mood } else { 0 };
            let fate = if artifact { Fate::Stays } else { fate };
            let (ms, late) = (minute * MINUTE, late * MINUTE);
            found.push(Step { ms, value: value + worse, artifact, late, fate });
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
        let plain = reading(Kind::HEART_RATE, step.ms, step.value * 1000);
        let event = if step.artifact { plain.quality(Quality::ARTIFACT) } else { plain };
        found.push((arrives, event.clone()));
        let kind = KindRef::Known(Kind::HEART_RATE);
        let body = match step.fate {
            Fate::Stays => continue,
            Fate::Twice => event.body,
            Fate::Void => Body::Void { kind },
            Fate::Corrected(to) => {
                Body::Correction { kind, value: rpm_core::Value::from_units(to).unwrap() }
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
    host(400 * DAY)
}
