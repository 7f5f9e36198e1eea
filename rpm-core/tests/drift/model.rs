//! Sums recomputed from all accepted readings, by hourly means and the median of the hours before.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rpm_core::event::{Body, Event, Kind, KindRef, Quality};
use rpm_core::policy::Policy;
use rpm_core::record::{ConditionState, Level};
use serde_json::json;

use crate::common::{self, T0, With, host, policy, reading};

pub const MINUTE: i64 = 60_000;
pub const PANE: i64 = 60 * MINUTE;
const HORIZON: i64 = 4 * PANE;

/// The pane of each sum, and the sum in thousandths.
type Sums = Vec<(i64, i64)>;
type History = Vec<(i64, ConditionState)>;

/// A policy with a signal, what is usual of it, how far it drifts, and a rule.
#[derive(Clone, Debug)]
pub struct Plan {
    up: bool,
    /// In thousandths.
    allowance: i64,
    least: i64,
    /// Of the median.
    panes: i64,
    limit: i64,
    made: Made,
}

/// What drifts.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Made {
    Measured,
    Fused,
    /// From what another device says, which is always 60.
    Difference,
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

impl Step {
    fn pane(&self) -> i64 {
        (T0 + self.ms).div_euclid(PANE)
    }

    /// Without corrections, voids and repetitions.
    pub fn stays(self) -> Self {
        Self { fate: Fate::Stays, ..self }
    }

    /// Where it was good once.
    pub fn good_pane(&self) -> Option<i64> {
        (!self.artifact).then(|| self.pane())
    }
}

impl Plan {
    pub fn policy(&self) -> Arc<Policy> {
        let decimal =
            |thousandths: i64| format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
        let of = match self.made {
            Made::Measured => "heart_rate",
            Made::Fused => "trusted",
            Made::Difference => "apart",
        };
        policy(&json!({
            "id": "drift", "version": 1, "title": "drift", "lateness_horizon": "4 h",
            "signals": {
                "heart_rate": { "cadence": "1 h" },
                "pulse_rate": { "cadence": "1 h" },
                "trusted": { "fused": { "of": ["heart_rate"] }, "cadence": "1 h" },
                "apart": { "difference": ["heart_rate", "pulse_rate"], "cadence": "1 h" },
                "rise": { "cadence": "1 h", "drift": {
                    "baseline": "usual", "direction": if self.up { "up" } else { "down" },
                    "allowance": decimal(self.allowance),
                } },
            },
            "baselines": { "usual": {
                "of": of, "learn": { "median": { "panes": self.panes } },
                "warm_up": "3 h", "least_deviation": decimal(self.least),
            } },
            "rules": [{
                "id": "drifts", "title": "Drifts", "signal": "rise", "unverified_after": "300 d",
                "levels": [{
                    "level": "review", "raise": { "at_or_above": self.limit },
                    "clear": { "below": 1 },
                }],
            }],
        }))
    }

    pub fn amends(&self, steps: &[Step]) -> bool {
        steps.iter().any(|step| matches!(step.fate, Fate::Void | Fate::Corrected(_)))
    }

    /// The sums by pane, and the history of the rule's condition.
    pub fn expected(&self, steps: &[Step]) -> (Sums, History) {
        let sums = self.sums(steps, i64::MIN, i64::MIN);
        let history = self.history(&sums);
        (sums, history)
    }

    /// The sums from a pane on, from zero, by what is usual of panes from another one on.
    fn sums(&self, steps: &[Step], first: i64, usual_from: i64) -> Sums {
        let mut hours: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        let mut sorted: Vec<&Step> = steps.iter().collect();
        sorted.sort_by_key(|step| step.ms);
        for step in sorted.into_iter().filter(|step| !step.artifact && step.fate != Fate::Void) {
            let value = if let Fate::Corrected(to) = step.fate { to } else { step.value };
            let hour = hours.entry(step.pane()).or_default();
            if self.made != Made::Measured {
                // The last one stands.
                hour.clear();
            }
            let other = if self.made == Made::Difference { 60 } else { 0 };
            hour.push((i64::from(value) - other) * 1000);
        }
        let mean = |values: &Vec<i64>| rounded(values.iter().sum(), values.len() as i64);
        let hours: BTreeMap<i64, i64> = hours.iter().map(|(at, v)| (*at, mean(v))).collect();
        let (mut sum, mut sums) = (0, Sums::new());
        for (pane, value) in hours.range(first..) {
            let before: Vec<i64> =
                hours.range((pane - self.panes).max(usual_from)..*pane).map(|(_, v)| *v).collect();
            if before.len() < 3 {
                continue;
            }
            let middle = median(&before);
            let far: Vec<i64> = before.iter().map(|value| (value - middle).abs()).collect();
            let spread = rounded(median(&far) * 14_826, 10_000).max(self.least);
            let apart = if self.up { value - middle } else { middle - value };
            let deviations = rounded(apart * 1000, spread.max(1)).clamp(-4000, 4000);
            sum = (sum + deviations - self.allowance).clamp(0, 10_000);
            sums.push((*pane, sum));
        }
        sums
    }

    fn history(&self, sums: &Sums) -> History {
        let (mut history, mut active) = (History::new(), false);
        for (pane, sum) in sums.iter().copied() {
            active = if active { sum >= 1000 } else { sum >= self.limit * 1000 };
            let level = ConditionState::Active(Level::Review);
            let state = if active { level } else { ConditionState::Normal };
            if history.last().is_none_or(|(_, last)| *last != state) {
                history.push((pane * PANE, state));
            }
        }
        history
    }

    /// The same if somebody restarted the baseline when the first so many readings had arrived: what was added
    /// up until then stands.
    pub fn restarted(&self, steps: &[Step], known: usize) -> (Sums, History) {
        let mut arrived: Vec<&Step> = steps.iter().collect();
        // Stable, as what arrives is.
        arrived.sort_by_key(|step| step.ms + step.late);
        let known: Vec<Step> = arrived[..known].iter().map(|step| (*step).clone()).collect();
        let mut sums = self.sums(&known, i64::MIN, i64::MIN);
        let newest = known.iter().map(|step| T0 + step.ms).max().unwrap_or(i64::MIN);
        let (first, usual) = (newest.div_euclid(PANE) + 1, (newest + PANE - 1).div_euclid(PANE));
        sums.extend(self.sums(steps, first, usual));
        let history = self.history(&sums);
        (sums, history)
    }
}

/// Half away from zero.
fn rounded(top: i64, bottom: i64) -> i64 {
    let half = (2 * top.abs() + bottom).div_euclid(2 * bottom);
    half * top.signum()
}

fn median(values: &[i64]) -> i64 {
    let mut values = values.to_vec();
    values.sort_unstable();
    let n = values.len();
    rounded(values[(n - 1) / 2] + values[n / 2], 2)
}

pub fn plan() -> impl Strategy<Value = Plan> {
    let least = prop::sample::select(vec![0, 1, 500, 1000, 2500]);
    let made = prop_oneof![
        2 => Just(Made::Measured),
        1 => Just(Made::Fused),
        1 => Just(Made::Difference),
    ];
    let ways = (prop::bool::ANY, made);
    (ways, 0..1500_i64, least, 3..12_i64, 2..6_i64).prop_map(
        |((up, made), allowance, least, panes, limit)| Plan {
            up,
            allowance,
            least,
            panes,
            limit,
            made,
        },
    )
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![
        12 => 40..70_i64,
        4 => 5..40_i64,
        2 => 70..400_i64,
        1 => 400..9000_i64,
    ];
    let late = prop_oneof![2 => Just(0), 1 => 0..HORIZON / MINUTE - 10];
    let value = || prop_oneof![4 => 58..64_i32, 2 => 60..75_i32, 1 => 40..120_i32];
    let fate = prop_oneof![
        20 => Just(Fate::Stays),
        2 => Just(Fate::Twice),
        1 => Just(Fate::Void),
        1 => value().prop_map(Fate::Corrected),
    ];
    let step = (gap, value(), prop::bool::weighted(0.05), late, fate);
    prop::collection::vec(step, 1..160).prop_map(|steps| {
        let mut minute = 0;
        let mut found = Vec::new();
        for (gap, value, artifact, late, fate) in steps {
            minute += gap;
            // A rise now and then, so that there is something to find.
            let value = value + if (minute / 1500) % 2 == 1 { 3 } else { 0 };
            let fate = if artifact { Fate::Stays } else { fate };
            let (ms, late) = (minute * MINUTE, late * MINUTE);
            found.push(Step { ms, value, artifact, late, fate });
        }
        found
    })
}

/// The events as they arrive: each in time, or as late as it says, with one of another device before it; what
/// becomes of a reading follows it after a second.
pub fn arrivals(steps: &[Step], in_time: bool) -> Vec<(i64, Event)> {
    let mut found = Vec::new();
    for step in steps {
        let arrives = step.ms + if in_time { 0 } else { step.late };
        found.push((arrives, reading(Kind::PULSE_RATE, step.ms, 60_000)));
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
    host(400 * 24 * PANE)
}
